"""The word index on disk: tantivy indexes of so many documents each, and a list of them.

Tantivy keeps what was removed until it merges, and merges when it likes: to erase a document for
good, its part of the index is made anew, which is done before the whole of it would be. Each part
holds the documents after those of the part before; new ones go to the end of the last part.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import json
import logging
import math
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import tantivy

from ragkit.errors import StoreError
from ragkit.index.tantivy_files import (
    Notes,
    file_stamp,
    first_damaged,
    leftovers_of,
    notes_of,
    records_in,
)
from ragkit.store.atomic import sync_directory, write_atomic
from ragkit.store.database import is_disk_full, translate_errors
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot

logger = logging.getLogger(__name__)

_VERSION = 5  # of the schema, the analysers and the list; another one on disk is made anew
_PART = 12_288  # chunks in a part ...
_PARTS = 32  # ... unless there would be more parts than that
_MANY = 1000  # chunks, which two threads make two segments of
_HEAP = 60_000_000  # bytes the writer may hold before it writes a segment
_HEAP_IN_MEMORY = 1_000_000_000  # enough for one segment of what is searched exactly
_LIST = "parts.json"
_OS_ERROR = re.compile(r"os error (\d+)|\bcode: (\d+), kind:")  # Rust's two ways to show one


def index_folder(layout: Layout) -> Path:
    """Where the index is that this ragkit reads."""
    return layout.lexical / f"v{_VERSION}"


# -- what is indexed -------------------------------------------------------------------------------


def _analyzer(pattern: str, stem: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    builder = builder.filter(tantivy.Filter.remove_long(80)).filter(tantivy.Filter.lowercase())
    builder = builder.filter(tantivy.Filter.ascii_fold())
    return (builder.filter(tantivy.Filter.stemmer("english")) if stem else builder).build()


ANALYZERS = {
    "stemmed": _analyzer(r"\w+", stem=True),
    "whole": _analyzer(r"\w+(?:[-./:_'’&@#+]\w+)+", stem=False),
}
"""The fields of text, one of stems and one of codes, part numbers and names."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_unsigned_field("label", indexed=True)
    for name in ANALYZERS:
        builder.add_text_field(name, tokenizer_name=name, index_option="freq")
    return builder.build()


SCHEMA = _schema()


def _registered(index: tantivy.Index) -> tantivy.Index:
    for name, analyzer in ANALYZERS.items():
        index.register_tokenizer(name, analyzer)
    return index


def _add_rows(writer: Any, document: int, rows: Iterable[tuple[int, int, str, str]]) -> None:
    for chunk, label, header, text in rows:
        record = tantivy.Document()
        record.add_unsigned("chunk", chunk)
        record.add_unsigned("document", document)
        record.add_unsigned("label", label)
        for name in ANALYZERS:
            record.add_text(name, f"{header}\n{text}")
        writer.add_document(record)


def any_of(name: str, values: Sequence[int]) -> tantivy.Query:
    return tantivy.Query.term_set_query(SCHEMA, name, list(values))


def in_memory(snapshot: Snapshot, documents: Iterable[int]) -> Opened:
    """An index of these documents alone, of which nothing is written."""
    index = _registered(tantivy.Index(SCHEMA))
    writer = index.writer(_HEAP_IN_MEMORY, 1)
    for document in documents:
        _add_rows(writer, document, snapshot.lexical_rows(document))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    return Opened(searcher, searcher.num_docs)


# -- the list of parts -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """An index of the documents up to the id `last`; `notes` are of its files."""

    name: str
    last: int = 0
    chunks: int = 0
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _State:
    """What the index has seen: the sequence, and a line of the audit log with its digest.

    A part may be ahead of it, where a writer was killed before it could write the list.
    """

    seq: int
    line: int
    digest: int
    parts: tuple[_Part, ...]

    def is_of(self, snapshot: Snapshot) -> bool:
        """Whether the snapshot has that history.

        Else the index is of another base, of one whose database is older now, or of a commit that
        came after the snapshot.
        """
        return snapshot.history(self.line) == (self.line, self.digest)


def _read_list(folder: Path) -> _State | None:
    """The list as it was written; None if there is none. Raises ValueError if it is damaged."""
    try:
        found = json.loads((folder / _LIST).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or found.get("crc") != _checksum(found.get("state")):
        raise ValueError(f"{_LIST} is not what was written")
    state = found["state"]
    return _State(**{**state, "parts": tuple(_Part(**part) for part in state["parts"])})


def _write_list(folder: Path, state: _State, tmp: Path) -> None:
    """Put a new list in place of the old one; it is on disk when this returns."""
    state_json = asdict(state)
    content = json.dumps({"state": state_json, "crc": _checksum(state_json)}).encode()
    sync_directory(folder)  # the names of new parts
    write_atomic(folder / _LIST, content, scratch=tmp / _LIST)


def _checksum(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


# -- reading ---------------------------------------------------------------------------------------


class Opened(NamedTuple):
    """An index that can be searched, and how many `records` it has, with those deleted in it."""

    searcher: tantivy.Searcher
    records: int


class Postings(NamedTuple):
    """The index on disk as it was opened, part by part."""

    state: _State
    parts: tuple[Opened, ...]


def open_postings(layout: Layout) -> Postings | None:
    """The index on disk, or None if there is none or it is damaged."""
    folder = index_folder(layout)
    error: Exception | None = None
    for _ in range(3):  # a writer may replace files while they are being opened
        try:
            state = _read_list(folder)
            if state is None:
                return None
            return Postings(state, tuple(_opened(folder, part) for part in state.parts))
        except (ValueError, OSError) as found:
            error = found
    logger.warning("the word index in %s cannot be read (%s); it is rebuilt", folder, error)
    return None


def _opened(folder: Path, part: _Part, *, trusting: bool = True) -> Opened:
    """A part as it is on disk. Raises ValueError or OSError where it is damaged."""
    place = folder / part.name
    if damaged := first_damaged(place, part.notes, trusting=trusting):
        raise ValueError(f"{part.name}/{damaged} is damaged")
    return Opened(_registered(_linked(place)).searcher(), records_in(part.notes))


def _linked(folder: Path) -> tantivy.Index:
    """Tantivy locks a file where it reads; where nothing can be written it gets links.

    They can go at once: its files are mapped then.
    """
    if os.access(folder, os.W_OK):
        try:
            return tantivy.Index.open(str(folder))
        except ValueError as error:
            if _number_of(error) != errno.ENOSPC:
                raise
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.suffix != ".lock":
                Path(links, path.name).symlink_to(path.absolute())
        return tantivy.Index.open(links)


def count(snapshot: Snapshot, layout: Layout) -> int:
    """How many chunks the index on disk holds; 0 if it cannot be used."""
    postings = open_postings(layout)
    if postings is None or not postings.state.is_of(snapshot):
        return 0
    return sum(part.searcher.num_docs for part in postings.parts)


def stamp(layout: Layout) -> str:
    """Changes whenever the index on disk does."""
    try:
        return file_stamp(index_folder(layout) / _LIST)
    except FileNotFoundError:
        return ""


def flaw(snapshot: Snapshot, layout: Layout) -> str:
    """What is wrong with the index on disk, read in full; "" if nothing is.

    That it has not seen the last commits is not. Neither is that there is none yet.
    """
    folder = index_folder(layout)
    try:
        state = _read_list(folder)
        if state is None:
            return "it is not there" if snapshot.index_version() else ""
        parts = [_opened(folder, part, trusting=False) for part in state.parts]
        if not state.is_of(snapshot):
            return "it is of another base, or of another time"
        return _records_flaw(Postings(state, tuple(parts)), snapshot)
    except (ValueError, OSError) as error:
        return f"it cannot be read ({error})"


def _records_flaw(postings: Postings, snapshot: Snapshot) -> str:
    """How the records differ from the chunks of all documents that have not changed since."""
    state, searchers = postings.state, [part.searcher for part in postings.parts]
    changed = {change.document for change in snapshot.changes_since(state.seq)}
    expected = sum(_count_of(searcher, sorted(changed)) for searcher in searchers)
    for document, label, first, last in snapshot.connection.execute(
        "SELECT id, label, first_chunk, last_chunk FROM document WHERE first_chunk IS NOT NULL"
    ):
        if document in changed:
            continue
        place = _place(state.parts, document)
        if place == len(searchers):
            return "documents of the base are not in it"
        clauses = [
            (tantivy.Occur.Must, tantivy.Query.term_query(SCHEMA, name, value))
            for name, value in (("document", document), ("label", label))
        ]
        query, size = tantivy.Query.boolean_query(clauses), last - first + 1
        limit = searchers[place].num_docs + 1
        hits = searchers[place].search(query, limit=min(size + 1, limit), count=False).hits
        found = searchers[place].fast_field_values("chunk", [address for _, address in hits])
        same = len(found) == size and {*found} == {*range(first, last + 1)}
        if not same:
            return "its records are not those of the base"
        expected += size
    total = sum(searcher.num_docs for searcher in searchers)
    return "" if total == expected else "it holds records that are not in the base"


def _place(parts: Sequence[_Part], document: int) -> int:
    """The part that a document belongs to; their number, if it comes after all of them."""
    return next((at for at, part in enumerate(parts) if document <= part.last), len(parts))


def _count_of(searcher: tantivy.Searcher, documents: Sequence[int]) -> int:
    """How many chunks of these documents there are."""
    return int(searcher.search(any_of("document", documents), limit=1).count)  # type: ignore[attr-defined]


# -- writing ---------------------------------------------------------------------------------------


def synchronise(snapshot: Snapshot, layout: Layout, *, erased: Collection[int] = ()) -> None:
    """Bring the index on disk to the snapshot's sequence; the writer lock must be held.

    Nothing is left in it of documents that were `erased`: what held any of them is made anew.
    """
    _write(snapshot, layout, frozenset(erased), anew=False)


def rebuild(snapshot: Snapshot, layout: Layout) -> None:
    """Make the index on disk anew; the writer lock must be held. The old one serves until then."""
    _write(snapshot, layout, frozenset(), anew=True)


def _write(snapshot: Snapshot, layout: Layout, erased: frozenset[int], *, anew: bool) -> None:
    folder = index_folder(layout)
    with translate_errors(layout.root):
        try:
            for made in (layout.lexical, folder):
                made.mkdir(mode=0o700, exist_ok=True)
            _delete(leftovers(layout))
            old = _usable(snapshot, layout)
            new = old
            if new is None or new.seq != snapshot.seq or erased or anew:
                new = _Update(snapshot, folder).of(None if anew else old, erased)
                _return_memory()
            noted = [
                replace(part, notes=notes_of(folder / part.name, part.notes)) for part in new.parts
            ]
            new = replace(new, parts=tuple(noted))
            if new != old:
                _write_list(folder, new, layout.tmp)
                _delete(leftovers(layout))
        except ValueError as error:  # tantivy gives the system's errors as text, or not at all
            if number := _number_of(error):
                raise OSError(number, str(error)) from error
            if is_disk_full(layout.root, _HEAP):
                raise OSError(errno.ENOSPC, str(error)) from error
            raise StoreError(
                f"the word index in {folder} cannot be written ({error}); run the ingest again"
            ) from error


def _return_memory() -> None:
    """Give the system what glibc keeps of the writer's threads, which is some 10 MB each time."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _number_of(error: ValueError) -> int:
    """The number of the system's error that it tells of; 0 if there is none."""
    found = _OS_ERROR.search(str(error))
    return int(found[1] or found[2]) if found else 0


def _usable(snapshot: Snapshot, layout: Layout) -> _State | None:
    """What is on disk, if it is whole and of this base."""
    postings = open_postings(layout)
    return postings.state if postings and postings.state.is_of(snapshot) else None


def leftovers(layout: Layout) -> list[Path]:
    """What killed writers and older versions left; nothing is known where the list is damaged.

    Tantivy fails where a file that it wants to write exists. The writer lock must be held.
    """
    folder = index_folder(layout)
    found = [path for path in sorted(layout.lexical.glob("*")) if path != folder]
    try:
        state = _read_list(folder)
    except ValueError:
        return found
    parts = {part.name for part in state.parts} if state else set()
    for path in sorted(folder.glob("*")):
        if path.name in parts and path.is_dir():
            found += leftovers_of(path)
        elif path.name != _LIST:
            found.append(path)
    return found


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


class _Update:
    """Makes of one state of the index the next."""

    def __init__(self, snapshot: Snapshot, folder: Path) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._history = snapshot.history()
        self._chunks = snapshot.chunk_counts()
        self._size = max(_PART, sum(self._chunks.values()) // _PARTS)

    def of(self, old: _State | None, erased: Collection[int]) -> _State:
        """All that changed since the old state is put where it belongs."""
        if old is None:
            parts = self._filled(None, list(self._chunks))
        else:
            changes = self._snapshot.changes_since(old.seq)
            changed = sorted({change.document for change in changes})
            parts = self._updated(old.parts, changed, erased)
        parts = self._joined([part for part in parts if part.chunks])
        return _State(self._snapshot.seq, *self._history, tuple(parts))

    def _updated(
        self, parts: Sequence[_Part], changed: Sequence[int], erased: Collection[int]
    ) -> list[_Part]:
        if not parts:
            return self._filled(None, changed)
        updated: list[_Part] = []
        after = 0
        for at, part in enumerate(parts):
            is_last = at == len(parts) - 1
            until = math.inf if is_last else part.last
            if any(after < document <= until for document in erased):
                own = [document for document in self._chunks if after < document <= until]
                updated += self._filled(None, own)
            else:
                own = [document for document in changed if after < document <= until]
                updated += self._filled(part, own)
            after = part.last
        return updated

    def _joined(self, parts: list[_Part]) -> list[_Part]:
        """Make one of two neighbours that have become small; of one pair at a time."""
        after = 0
        for at, (one, two) in enumerate(itertools.pairwise(parts)):
            if one.chunks + two.chunks <= self._size:
                own = [document for document in self._chunks if after < document <= two.last]
                return [*parts[:at], *self._filled(None, own), *parts[at + 2 :]]
            after = one.last
        return parts

    def _filled(self, part: _Part | None, documents: Sequence[int]) -> list[_Part]:
        """Put documents into a part, as they are now, and into new ones when it is full."""
        filled = []
        while part or documents:
            part = part or self._new_part()
            if documents:
                part, documents = self._put(part, documents)
            filled.append(part)
            part = None
        return filled

    def _new_part(self) -> _Part:
        numbers = [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]
        part = _Part(str(max(numbers, default=0) + 1))
        place = self._folder / part.name
        place.mkdir(mode=0o700)
        tantivy.Index(SCHEMA, str(place))
        return part

    def _put(self, part: _Part, documents: Sequence[int]) -> tuple[_Part, Sequence[int]]:
        """Those after the last one of the part only as long as it has room; returns the rest."""
        place = self._folder / part.name
        index = _registered(tantivy.Index.open(str(place)))
        searcher = index.searcher()
        chunks, taken = searcher.num_docs - _count_of(searcher, documents), 0
        many = sum(self._chunks.get(document, 0) for document in documents) > _MANY
        writer = index.writer(_HEAP, 2 if many else 1)
        try:
            # By query: delete_documents_by_term finds nothing in a number field (tantivy-py 0.27).
            writer.delete_documents_by_query(any_of("document", documents))
            for document in documents:
                if document > part.last and chunks >= self._size:
                    break
                rows = self._snapshot.lexical_rows(document)
                _add_rows(writer, document, rows)
                chunks += len(rows)
                taken += 1
            writer.commit()
        except BaseException:
            with suppress(ValueError):
                writer.wait_merging_threads()  # lets go of its lock, which would outlive the error
            raise
        writer.wait_merging_threads()
        last = max([part.last, *documents[:taken]])
        return replace(part, last=last, chunks=chunks), documents[taken:]
