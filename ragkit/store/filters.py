"""Filters: which documents a search, a question or a list is restricted to."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import product

import apsw

Values = str | Collection[str] | None
"""One value or several, of which one must fit. None stands for any, an empty list for none."""

_MAX_VALUES = 1000  # of one field
_MAX_LENGTH = 4096  # characters of a value, as of a path
_MAX_OPTIONAL_FOLDERS = 6  # times "**/" in one pattern
_KIND_ALIASES = {"md": "markdown", "txt": "text", "htm": "html"}
_SOURCE = "d.source"
_FULL_PATH = (
    "(SELECT iif(substr(d.source, 1, 1) = '/', d.source, rtrim(s.path, '/') || '/' || d.source) "
    "FROM source_folder s WHERE s.id = d.source_folder)"
)
_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Filter:
    """Restricts a call to some documents: those that match every field that is set.

    | field | matches documents |
    |---|---|
    | `folder` | in this folder, at any depth: "finance/", or an absolute path |
    | `kind` | of this kind, as `StoredDocument.kind` has it: "pdf", "docx", "markdown" |
    | `label` | with this access label |
    | `path` | with this source path, or one that the pattern matches: "finance/*.pdf" |
    | `modified_after` | whose file was modified then or later |

    Each field but `modified_after` takes one value or several, of which one must match. An empty
    list matches nothing. Relative folders and paths are those below a source folder. In a pattern,
    "*" stands for any characters, "/" included, "?" for one, "[ab]" for one of these, and "**/" for
    any folders or none. Unicode forms do not matter, upper and lower case do.

    `modified_after` is a datetime, a date (its beginning), or either as ISO 8601 text, to the
    second. Without a time zone it is UTC.

    A filter is no access control: it narrows what the caller can access. Raises ValueError for an
    empty text or another type.
    """

    folder: Values = None
    kind: Values = None
    label: Values = None
    modified_after: datetime | date | str | None = None
    path: Values = None

    def __post_init__(self) -> None:
        for name in ("folder", "kind", "label", "path"):
            object.__setattr__(self, name, _read_values(name, getattr(self, name)))
        object.__setattr__(self, "modified_after", _read_time(self.modified_after))

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the labels, None for all."""
        return _tuple(self.label)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """The kinds, None for all."""
        return _tuple(self.kind)

    @property
    def folders(self) -> tuple[str, ...] | None:
        """The folders, None for all."""
        return _tuple(self.folder)

    @property
    def paths(self) -> tuple[str, ...] | None:
        """The paths and patterns, None for all."""
        return _tuple(self.path)

    @property
    def modified_since(self) -> str | None:
        """The value of `modified_after` in UTC, as ISO 8601 text, None for any time."""
        time = self.modified_after
        return time.isoformat(timespec="seconds") if isinstance(time, datetime) else None

    @property
    def no_match(self) -> str:
        """What to tell users when no document that they can access matches the filter."""
        return (
            f"no document matches the filter ({self}); list the documents with: "
            "ragkit status --documents"
        )

    def __str__(self) -> str:
        """Return the filter in words: "folder finance/, kind pdf or docx"."""
        fields = (
            ("folder", self.folders),
            ("kind", self.kinds),
            ("label", self.labels),
            ("path", self.paths),
            ("modified after", None if self.modified_since is None else (self.modified_since,)),
        )
        parts = [
            f"{name} {' or '.join(values)}" if values else f"no {name}"
            for name, values in fields
            if values is not None
        ]
        return ", ".join(parts) or "all documents"


def _tuple(values: Values) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _read_values(name: str, given: object) -> tuple[str, ...] | None:
    """Return the distinct values of a field, sorted. Raises ValueError."""
    if given is None:
        return None
    values = [given] if isinstance(given, str) or not isinstance(given, Iterable) else [*given]
    if len(values) > _MAX_VALUES:
        raise ValueError(
            f"the filter has {len(values)} values for {name}: expected at most {_MAX_VALUES}; "
            "name their folder or a pattern"
        )
    return tuple(sorted({_read_value(name, value) for value in values}))


def _read_value(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_LENGTH:
        raise ValueError(
            f"invalid {name} {_shorten(value)} in a filter: expected a text of 1 to {_MAX_LENGTH} "
            f"characters, or a list of such texts; leave out {name} to search all documents"
        )
    value = compose(value.encode("utf-8", "replace").decode())
    if name == "kind":
        value = value.strip().lower().removeprefix(".")
        return _KIND_ALIASES.get(value, value)
    return value


def _read_time(given: object) -> datetime | None:
    """Return a time in UTC. Raises ValueError for what is none."""
    time = given
    try:
        if isinstance(given, str):
            time = datetime.fromisoformat(given.strip())
        elif isinstance(given, date) and not isinstance(given, datetime):
            time = datetime(given.year, given.month, given.day)
        if isinstance(time, datetime):
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        time = ""
    if time is None:
        return None
    raise ValueError(
        f"invalid modified_after {_shorten(given)} in a filter: expected a date or time in ISO "
        "8601 form; write it like 2024-05-01 or 2024-05-01T12:00+02:00"
    )


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def compose(path: str) -> str:
    """Return a path as people type it (Unicode NFC): some systems store "ü" as "u" and a mark."""
    return unicodedata.normalize("NFC", path)


def build_condition(where: Filter) -> str:
    """Return the SQL condition for all fields of a filter but its label; "" if none is set.

    It is for a table `document` with the alias `d`. All values are quoted.
    """
    conditions = []
    if where.kinds is not None:
        conditions.append(f"d.kind IN ({', '.join(map(_quote, where.kinds))})")
    if where.modified_since is not None:
        conditions.append(f"d.modified_at >= {_quote(where.modified_since)}")
    if where.folders is not None:
        conditions.append(_match_any(_match_folder, where.folders))
    if where.paths is not None:
        conditions.append(_match_any(_match_path, where.paths))
    return " AND ".join(conditions)


def _quote(text: str) -> str:
    return apsw.format_sql_value(text)


def _match_any(match: Callable[[str], str], values: Sequence[str]) -> str:
    """Return the condition that one of the values matches.

    Windows separates folders with backslashes, but elsewhere a name may have one: both are tried.
    """
    both = [form for value in values for form in {value, value.replace("\\", "/")}]
    return _join_any([match(value) for value in sorted(both)])


def _join_any(conditions: Sequence[str]) -> str:
    """Join conditions by OR, as a balanced tree: SQLite limits the depth of an expression."""
    if len(conditions) < 2:
        return conditions[0] if conditions else "0"
    middle = len(conditions) // 2
    return f"({_join_any(conditions[:middle])} OR {_join_any(conditions[middle:])})"


def _match_folder(folder: str) -> str:
    """Return the condition for documents below a folder."""
    # of a URL as a source, the two slashes stay
    place = folder.rstrip("/") if "://" in folder else posixpath.normpath(folder)
    if place == ".":
        return "1"
    column = _column(place)
    prefix = place.rstrip("/")
    after = chr(ord("/") + 1)
    return f"({column} >= {_quote(f'{prefix}/')} AND {column} < {_quote(prefix + after)})"


def _match_path(path: str) -> str:
    """Return the condition for documents with this path, or one that the pattern matches."""
    path = path.removeprefix("./")
    column = _column(path)
    conditions = [f"{column} = {_quote(path)}"]
    if not _WILDCARDS.isdisjoint(path):
        conditions += [f"{column} GLOB {_quote(pattern)}" for pattern in _expand_pattern(path)]
    return _join_any(conditions)


def _expand_pattern(pattern: str) -> list[str]:
    """Return patterns for SQLite's GLOB, one of which matches if this one does.

    There "*" also matches "/". So "**/" becomes "*/", and once nothing, for no folder.
    """
    first, *others = pattern.replace("[!", "[^").split("**/")
    optional = others[:_MAX_OPTIONAL_FOLDERS]
    rest = "".join(f"*/{part}" for part in others[_MAX_OPTIONAL_FOLDERS:])
    choices = product(*([part, f"*/{part}"] for part in optional))
    return [first + "".join(choice) + rest for choice in choices]


def _column(value: str) -> str:
    """Return the SQL expression that is compared with a path or pattern.

    SQLite does not compose characters, and calling back costs time. It is not needed where all
    characters that are compared are ASCII.
    """
    column = _FULL_PATH if value.startswith("/") else _SOURCE
    compares_ascii = value.isascii() and not {"?", "["} & {*value}
    return column if compares_ascii else f"nfc({column})"
