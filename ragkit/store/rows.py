"""Maps the rows of a query to records, by the names of their fields."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ragkit.errors import StoreDamaged
from ragkit_ingest.places import Section, TableRow, unpack_rows, unpack_sections

Record = TypeVar("Record")

_BATCH_SIZE = 500  # values bound to one statement


class RowMapper(Generic[Record]):
    """Build records of one type from rows.

    Each column is given by the name of the field that it fills: an SQL expression, and in `convert`
    a function for values that SQLite stores in another form. `columns` lists the expressions in the
    order of the fields, so a row costs no lookup of names.
    """

    def __init__(
        self,
        record: Callable[..., Record],
        /,
        convert: Mapping[str, Callable[[Any], object]] | None = None,
        **columns: str,
    ) -> None:
        fields = [*inspect.signature(record).parameters]
        if set(fields) != columns.keys() or not columns.keys() >= (convert or {}).keys():
            raise TypeError(f"{record} has the fields {fields}, not {[*columns]}")
        self.columns = ", ".join(columns[field] for field in fields)
        self._record = record
        self._convert = [(fields.index(name), each) for name, each in (convert or {}).items()]

    def __call__(self, row: Sequence[Any]) -> Record:
        if not self._convert:
            return self._record(*row)
        values = list(row)
        for at, convert in self._convert:
            values[at] = convert(values[at])
        return self._record(*values)


def batches(ids: Sequence[int] | Sequence[bytes]) -> Iterator[list[int | bytes]]:
    """Split values into lists that one statement can bind."""
    for at in range(0, len(ids), _BATCH_SIZE):
        yield list(ids[at : at + _BATCH_SIZE])


def placeholders(values: Sequence[object]) -> str:
    """Return one "?" for each value, joined by commas."""
    return ",".join("?" * len(values))


def check_text(text: str) -> str:
    r"""Return the text. Raises StoreDamaged if its end is lost.

    Where a disk returns zeros for a page, its checksum is right, too. No stored text ends with
    "\0".
    """
    if text.endswith("\0"):
        raise StoreDamaged(
            "the database is damaged: the end of a stored text is missing; check the whole "
            "knowledge base with: ragkit verify"
        )
    return text


def decode_list(stored: str) -> tuple[Any, ...]:
    """Return a list that is stored as JSON; most are empty, and a listing may have thousands."""
    return () if stored == "[]" else tuple(json.loads(stored))


def decode_sections(stored: str) -> tuple[Section, ...]:
    """Return the sections of a chunk, which are stored as JSON."""
    return () if stored == "[]" else unpack_sections(json.loads(stored))


def decode_rows(stored: str) -> tuple[TableRow, ...]:
    """Return the table rows of a chunk, which are stored as JSON; most chunks have none."""
    return () if stored == "[]" else unpack_rows(json.loads(stored))


def decode_object(stored: str) -> dict[str, Any]:
    """Return an object that is stored as JSON; most are empty."""
    return {} if stored == "{}" else dict(json.loads(stored))


def decode_flag(stored: int | None) -> bool | None:
    """Return a flag that may be missing."""
    return None if stored is None else bool(stored)
