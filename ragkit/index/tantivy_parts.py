"""The parts of the word index on disk: the list that names them, and how they are opened."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import tantivy

from ragkit.index.tantivy_files import Notes, count_records, find_damage
from ragkit.index.tantivy_schema import OpenPart, register_analyzers
from ragkit.store.atomic import sync_directory, write_atomic
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot

logger = logging.getLogger(__name__)

LIST = "parts.json"
_VERSION = 6  # of the schema, the analyzers and the list; an index of another one is rebuilt
_OPEN_ATTEMPTS = 3  # a writer may replace files while they are being opened
_OS_ERROR = re.compile(r"os error (\d+)|\bcode: (\d+), kind:")  # the two ways Rust prints one


def index_folder(layout: Layout) -> Path:
    """Return the folder of the index in the format that this version of ragkit reads."""
    return layout.lexical / f"v{_VERSION}"


@dataclass(frozen=True, slots=True)
class Part:
    """A tantivy index of the documents after those of the part before, up to the id `last`.

    `chunks` counts its live records and `notes` describes its files.
    """

    name: str
    last: int = 0
    chunks: int = 0
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What the index contains: the parts, as of the commit `seq`.

    `record` and `digest` identify an audit record of that time. They tell whether the index
    belongs to this database and its history. The files of a part may contain more than the list
    says, if a writer was killed before it could write the list.
    """

    seq: int
    record: int
    digest: int
    parts: tuple[Part, ...]

    def belongs_to(self, snapshot: Snapshot) -> bool:
        """Return True if the snapshot's history contains the commit that the index is of.

        Otherwise the index is of another knowledge base, of a database that was since replaced by
        an older one, or of a commit after the snapshot.
        """
        return snapshot.audit.history(self.record) == (self.record, self.digest)


def find_part(parts: Sequence[Part], document: int) -> int:
    """Return the position of the part that a document belongs to, len(parts) if it is newer."""
    return next((at for at, part in enumerate(parts) if document <= part.last), len(parts))


def read_list(folder: Path) -> State | None:
    """Read the list of parts; returns None if there is none.

    Raises ValueError if it is damaged, and OSError if it cannot be read.
    """
    try:
        found = json.loads((folder / LIST).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or found.get("crc") != _checksum(found.get("state")):
        raise ValueError(f"{LIST} is not what was written")
    state = found["state"]
    return State(**{**state, "parts": tuple(Part(**part) for part in state["parts"])})


def write_list(folder: Path, state: State, tmp: Path) -> None:
    """Replace the list of parts; the new one is on disk when this returns."""
    content = asdict(state)
    text = json.dumps({"state": content, "crc": _checksum(content)})
    sync_directory(folder)  # the names of new parts
    write_atomic(folder / LIST, text.encode(), scratch=tmp / LIST)


def _checksum(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


class OpenIndex(NamedTuple):
    """The index on disk, opened part by part."""

    state: State
    parts: tuple[OpenPart, ...]


def open_index(layout: Layout) -> OpenIndex | None:
    """Open the index on disk; returns None if there is none or it is damaged."""
    folder = index_folder(layout)
    error: Exception | None = None
    for _ in range(_OPEN_ATTEMPTS):
        try:
            state = read_list(folder)
            if state is None:
                return None
            return OpenIndex(state, tuple(open_part(folder, part) for part in state.parts))
        except (ValueError, OSError) as found:
            error = found
    logger.warning(
        "the word index in %s cannot be read (%s); the next ingest rebuilds it", folder, error
    )
    return None


def open_part(folder: Path, part: Part, *, trust_stamps: bool = True) -> OpenPart:
    """Open a part after a check of its files; see `find_damage` for `trust_stamps`.

    Raises ValueError or OSError if it is damaged.
    """
    place = folder / part.name
    if damaged := find_damage(place, part.notes, trust_stamps=trust_stamps):
        raise ValueError(f"{part.name}/{damaged} is damaged")
    index = register_analyzers(_open_read_only(place))
    return OpenPart(index.searcher(), count_records(part.notes))


def _open_read_only(folder: Path) -> tantivy.Index:
    """Open an index, through links where the folder cannot be written to.

    Tantivy creates a lock file even to read. A temporary folder of links has room for it, and can
    be deleted at once, because tantivy maps the files when it opens them.
    """
    if os.access(folder, os.W_OK):
        try:
            return tantivy.Index.open(str(folder))
        except ValueError as error:
            if error_number(error) != errno.ENOSPC:
                raise
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.suffix != ".lock":
                Path(links, path.name).symlink_to(path.absolute())
        return tantivy.Index.open(links)


def error_number(error: ValueError) -> int:
    """Return the errno in the text of tantivy's error, 0 if there is none."""
    found = _OS_ERROR.search(str(error))
    return int(found[1] or found[2]) if found else 0
