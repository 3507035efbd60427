"""The word index on disk: several tantivy indexes, each of a range of documents.

Tantivy keeps deleted records until it merges segments, and merges when it chooses. To erase a
document for good, its part of the index is rebuilt, which is faster than rebuilding all of it. Each
part holds the documents after those of the part before it; new ones go to the end of the last.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import math
import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import tantivy

from ragkit.errors import StoreError
from ragkit.index import tantivy_parts
from ragkit.index.base import Query, Ranking
from ragkit.index.bm25_search import BM25Search
from ragkit.index.checksums import file_stamp
from ragkit.index.tantivy_files import describe_files, find_unlisted_files
from ragkit.index.tantivy_parts import (
    LIST,
    OpenIndex,
    Part,
    State,
    error_number,
    find_part,
    index_folder,
    open_index,
    open_part,
    read_list,
)
from ragkit.index.tantivy_schema import (
    SCHEMA,
    add_records,
    count_chunks,
    match_any,
    register_analyzers,
)
from ragkit.store.database import is_disk_full, translate_errors
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

PART_CHUNKS = 12_288  # in a part ...
MAX_PARTS = 32  # ... unless there would be more parts than this
_TWO_THREADS_CHUNKS = 1000  # more of them are written by two threads, which make two segments
_HEAP = 60_000_000  # bytes that the writer may hold before it writes a segment


class TantivyIndex:
    """The words of a knowledge base in tantivy; a search ranks chunks by BM25."""

    name = "word"
    sync_every = 1000

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def search(self, snapshot: Snapshot, query: Query, k: int) -> Ranking:
        """Return the k chunks with the highest BM25 score; see Index.search and BM25Search."""
        return self.words.search(snapshot, query.text, k)

    @cached_property
    def words(self) -> BM25Search:
        """The search, which also matches exact terms; a writer never needs it."""
        return BM25Search(self._layout)

    def sync(self, writer: Writer) -> None:
        """Add, replace and delete the records of all documents that changed since the last sync."""
        self._write(Snapshot(writer.connection))

    def rebuild(self, writer: Writer) -> None:
        """Write all parts again; the old ones serve readers until the list names the new ones."""
        self._write(Snapshot(writer.connection), from_scratch=True)

    def drop(self, writer: Writer, documents: Collection[int]) -> None:
        """Sync, and rebuild each part that may hold records of these documents, deleted or not."""
        self._write(Snapshot(writer.connection), frozenset(documents))

    def verify(self, snapshot: Snapshot) -> str:
        """Compare all files with their checksums, and the records with the chunks' ids and labels.

        Documents that changed after the last sync are not compared.
        """
        folder = index_folder(self._layout)
        try:
            state = read_list(folder)
            if state is None:
                return "its folder is missing" if snapshot.vectors.index_version() else ""
            parts = [open_part(folder, part, trust_stamps=False) for part in state.parts]
            if not state.belongs_to(snapshot):
                return "it belongs to another knowledge base, or to another time"
            return _compare_records(OpenIndex(state, tuple(parts)), snapshot)
        except (ValueError, OSError) as error:
            return f"it cannot be read ({error})"

    def version(self, snapshot: Snapshot) -> str:
        """Return the stamp of the list of parts, which each change replaces."""
        try:
            return file_stamp(index_folder(self._layout) / LIST)
        except FileNotFoundError:
            return ""

    def count(self, snapshot: Snapshot) -> int:
        """Return how many chunks the files hold, 0 if they cannot be used."""
        index = open_index(self._layout)
        if index is None or not index.state.belongs_to(snapshot):
            return 0
        return sum(part.searcher.num_docs for part in index.parts)

    def path(self, snapshot: Snapshot) -> Path:
        """Return the folder of the word index, which may not exist yet."""
        return self._layout.lexical

    def leftovers(self, snapshot: Snapshot) -> list[Path]:
        """Return the files of killed writers and of other formats; see Index.leftovers."""
        return _find_leftovers(self._layout)

    def _write(
        self,
        snapshot: Snapshot,
        dropped: frozenset[int] = frozenset(),
        *,
        from_scratch: bool = False,
    ) -> None:
        layout, folder = self._layout, index_folder(self._layout)
        with translate_errors(layout.root):
            try:
                for place in (layout.lexical, folder):
                    place.mkdir(mode=0o700, exist_ok=True)
                _delete(_find_leftovers(layout))
                old = _usable_state(snapshot, layout)
                new = old
                if new is None or new.seq != snapshot.seq or dropped or from_scratch:
                    new = _Update(snapshot, folder).apply(None if from_scratch else old, dropped)
                    _return_memory()
                parts = [
                    replace(part, notes=describe_files(folder / part.name, part.notes))
                    for part in new.parts
                ]
                new = replace(new, parts=tuple(parts))
                if new != old:
                    tantivy_parts.write_list(folder, new, layout.tmp)
                    _delete(_find_leftovers(layout))
            except ValueError as error:
                raise _translate(error, layout) from error


def _translate(error: ValueError, layout: Layout) -> Exception:
    """Return what tantivy's error means: it reports the system's errors as text, or not at all."""
    if number := error_number(error):
        return OSError(number, str(error))
    if is_disk_full(layout.root, _HEAP):
        return OSError(errno.ENOSPC, str(error))
    return StoreError(
        f"the word index in {index_folder(layout)} cannot be written ({error}); "
        "run the ingest again"
    )


def _return_memory() -> None:
    """Return freed memory to the system: glibc keeps some 10 MB per write for its threads."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _usable_state(snapshot: Snapshot, layout: Layout) -> State | None:
    """Return the state on disk if the files are intact and belong to this knowledge base."""
    index = open_index(layout)
    return index.state if index and index.state.belongs_to(snapshot) else None


def _find_leftovers(layout: Layout) -> list[Path]:
    """Return what killed writers and other formats left, as far as a damaged list tells.

    They must be deleted before writing: tantivy fails where a file that it creates exists.
    """
    folder = index_folder(layout)
    found = [path for path in sorted(layout.lexical.glob("*")) if path != folder]
    try:
        state = read_list(folder)
    except ValueError:
        return found
    parts = {part.name for part in state.parts} if state else set()
    for path in sorted(folder.glob("*")):
        if path.name in parts and path.is_dir():
            found += find_unlisted_files(path)
        elif path.name != LIST:
            found.append(path)
    return found


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _compare_records(index: OpenIndex, snapshot: Snapshot) -> str:
    """Return how the records differ from the chunks of unchanged documents, "" if they do not."""
    state, searchers = index.state, [part.searcher for part in index.parts]
    changed = {change.document for change in snapshot.changes_since(state.seq)}
    expected = sum(count_chunks(searcher, sorted(changed)) for searcher in searchers)
    for document, label, first, last in snapshot.documents.indexed_ranges():
        if document in changed:
            continue
        at = find_part(state.parts, document)
        if at == len(searchers):
            return "it lacks documents of the knowledge base"
        if not _holds_exactly(searchers[at], document, label, range(first, last + 1)):
            return "its records differ from those of the knowledge base"
        expected += last - first + 1
    total = sum(searcher.num_docs for searcher in searchers)
    return "" if total == expected else "it holds records that are not in the knowledge base"


def _holds_exactly(searcher: tantivy.Searcher, document: int, label: int, chunks: range) -> bool:
    """Return True if the records of a document with this label are exactly these chunks."""
    clauses = [
        (tantivy.Occur.Must, tantivy.Query.term_query(SCHEMA, name, value))
        for name, value in (("document", document), ("label", label))
    ]
    query = tantivy.Query.boolean_query(clauses)
    limit = min(len(chunks) + 1, searcher.num_docs + 1)
    hits = searcher.search(query, limit=limit, count=False).hits
    found = searcher.fast_field_values("chunk", [address for _, address in hits])
    return len(found) == len(chunks) and {*found} == {*chunks}


class _Update:
    """Turns one state of the index into the next."""

    def __init__(self, snapshot: Snapshot, folder: Path) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._history = snapshot.audit.history()
        self._chunks = snapshot.documents.chunk_counts()
        self._size = max(PART_CHUNKS, sum(self._chunks.values()) // MAX_PARTS)

    def apply(self, old: State | None, dropped: Collection[int]) -> State:
        """Write all that changed since the old state, or everything if it is None."""
        if old is None:
            parts = self._fill(None, list(self._chunks))
        else:
            changes = self._snapshot.changes_since(old.seq)
            changed = sorted({change.document for change in changes})
            parts = self._update(old.parts, changed, dropped)
        parts = self._merge_small([part for part in parts if part.chunks])
        return State(self._snapshot.seq, *self._history, tuple(parts))

    def _update(
        self, parts: Sequence[Part], changed: Sequence[int], dropped: Collection[int]
    ) -> list[Part]:
        """Write the changed documents into their parts; rebuild the parts of dropped ones."""
        if not parts:
            return self._fill(None, changed)
        updated: list[Part] = []
        after = 0
        for at, part in enumerate(parts):
            is_last = at == len(parts) - 1
            until = math.inf if is_last else part.last
            if any(after < document <= until for document in dropped):
                own = [document for document in self._chunks if after < document <= until]
                updated += self._fill(None, own)
            else:
                own = [document for document in changed if after < document <= until]
                updated += self._fill(part, own)
            after = part.last
        return updated

    def _merge_small(self, parts: list[Part]) -> list[Part]:
        """Merge the first two neighbours that fit into one part; one pair per update."""
        after = 0
        for at, (one, two) in enumerate(itertools.pairwise(parts)):
            if one.chunks + two.chunks <= self._size:
                own = [document for document in self._chunks if after < document <= two.last]
                return [*parts[:at], *self._fill(None, own), *parts[at + 2 :]]
            after = one.last
        return parts

    def _fill(self, part: Part | None, documents: Sequence[int]) -> list[Part]:
        """Write documents into a part, and into new ones once it is full; returns all of them."""
        filled = []
        while part or documents:
            part = part or self._create_part()
            if documents:
                part, documents = self._write_part(part, documents)
            filled.append(part)
            part = None
        return filled

    def _create_part(self) -> Part:
        numbers = [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]
        part = Part(str(max(numbers, default=0) + 1))
        place = self._folder / part.name
        place.mkdir(mode=0o700)
        tantivy.Index(SCHEMA, str(place))
        return part

    def _write_part(self, part: Part, documents: Sequence[int]) -> tuple[Part, Sequence[int]]:
        """Write documents into a part; returns the part, and the documents that did not fit.

        Documents that belong to its range always go in, newer ones only while it has room.
        """
        place = self._folder / part.name
        index = register_analyzers(tantivy.Index.open(str(place)))
        searcher = index.searcher()
        chunks, written = searcher.num_docs - count_chunks(searcher, documents), 0
        total = sum(self._chunks.get(document, 0) for document in documents)
        writer = index.writer(_HEAP, 2 if total > _TWO_THREADS_CHUNKS else 1)
        try:
            # By query: delete_documents_by_term finds nothing in a number field (tantivy-py 0.27).
            writer.delete_documents_by_query(match_any("document", documents))
            for document in documents:
                if document > part.last and chunks >= self._size:
                    break
                rows = self._snapshot.chunks.lexical_rows(document)
                add_records(writer, document, rows)
                chunks += len(rows)
                written += 1
            writer.commit()
        except BaseException:
            with suppress(ValueError):
                writer.wait_merging_threads()  # releases its lock, which would outlive the error
            raise
        writer.wait_merging_threads()
        last = max([part.last, *documents[:written]])
        return replace(part, last=last, chunks=chunks), documents[written:]
