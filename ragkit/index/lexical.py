"""Word search: BM25 over a stemmed field and one that keeps codes, part numbers and names whole."""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from ragkit.errors import StoreError
from ragkit.index.ranking import Ids, Scores, best_of
from ragkit.index.segments import delete_leftovers, first_damaged, note_files
from ragkit.store.database import is_full, open_reader, translated
from ragkit.store.layout import Layout
from ragkit.store.reader import Snapshot

logger = logging.getLogger(__name__)

_VERSION = 4  # of the schema and the analysers; another one on disk is rebuilt
_WEIGHTS = {"stemmed": 1.0, "whole": 0.5}  # of a field's scores
_COMMON = 0.25  # of all chunks; a term in more of them is left out of a query ...
_FEW = 500  # ... unless these are still few
_K1 = 1.2  # tantivy's, which is fixed
_HEAP = 60_000_000  # bytes the writer may hold before it writes a segment
_HEAP_IN_MEMORY = 1_000_000_000  # enough for one segment of what is searched exactly
_OWN_VIEWS_KEPT = 8  # of a strict base: one for each set of labels that somebody may read
_FEW_LABELS = 8
_MAX_TERMS = 64  # of a query; later ones are dropped
_MARK = 1  # kind of the one record that carries the sequence
_OS_ERROR = re.compile(r"os error (\d+)|\bcode: (\d+), kind:")  # Rust's two ways to show one


def index_folder(layout: Layout) -> Path:
    """Where the index is that this ragkit reads."""
    return layout.lexical / f"v{_VERSION}"


def _analyzer(pattern: str, stem: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    builder = builder.filter(tantivy.Filter.remove_long(80)).filter(tantivy.Filter.lowercase())
    builder = builder.filter(tantivy.Filter.ascii_fold())
    return (builder.filter(tantivy.Filter.stemmer("english")) if stem else builder).build()


_ANALYZERS = {
    "stemmed": _analyzer(r"\w+", stem=True),
    "whole": _analyzer(r"\w+(?:[-./:_'’&@#+]\w+)+", stem=False),
}


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_unsigned_field("label", indexed=True)
    builder.add_unsigned_field("kind", indexed=True)
    for mark in ("seq", "line", "digest"):
        builder.add_unsigned_field(mark, fast=True)
    for field in _ANALYZERS:
        builder.add_text_field(field, tokenizer_name=field, index_option="freq")
    return builder.build()


def _registered(index: tantivy.Index) -> tantivy.Index:
    for name, analyzer in _ANALYZERS.items():
        index.register_tokenizer(name, analyzer)
    return index


def _add_rows(writer: Any, document: int, rows: Iterable[tuple[int, int, str, str]]) -> None:
    for chunk, label, header, text in rows:
        record = tantivy.Document()
        record.add_unsigned("chunk", chunk)
        record.add_unsigned("document", document)
        record.add_unsigned("label", label)
        for field in _ANALYZERS:
            record.add_text(field, f"{header}\n{text}")
        writer.add_document(record)


# -- writing ---------------------------------------------------------------------------------


def synchronise(snapshot: Snapshot, layout: Layout, *, anew: bool = False) -> None:
    """Bring the index on disk to the snapshot's sequence; the writer lock must be held.

    Made `anew` it holds nothing of what was ever removed: tantivy keeps that until it merges.
    """
    with translated(layout.root):
        folder = index_folder(layout)
        try:
            delete_leftovers(folder)
            _synchronise(snapshot, folder, anew)
        except ValueError as error:  # tantivy gives the system's errors as text, or not at all
            if number := _OS_ERROR.search(str(error)):
                raise OSError(int(number[1] or number[2]), str(error)) from error
            if is_full(layout.root, _HEAP):
                raise OSError(errno.ENOSPC, str(error)) from error
            raise StoreError(
                f"the word index in {folder} cannot be written ({error}); run the ingest again"
            ) from error
        note_files(folder, layout.tmp)


def _synchronise(snapshot: Snapshot, folder: Path, anew: bool) -> None:
    index, seen = _new(folder) if anew else _open_or_make(folder, snapshot)
    if seen == snapshot.seq:
        return
    if seen is None:
        documents = snapshot.document_ids()
    else:
        documents = sorted({change.document for change in snapshot.changes_since(seen)})
    writer = index.writer(_HEAP, 1)
    try:
        # By query: delete_documents_by_term finds nothing in a number field (tantivy-py 0.27).
        writer.delete_documents_by_query(_any_of("document", documents))
        writer.delete_documents_by_query(_any_of("kind", [_MARK]))
        for document in documents:
            _add_rows(writer, document, snapshot.lexical_rows(document))
        writer.add_document(_mark(snapshot))
        writer.commit()
    except BaseException:
        with suppress(ValueError):
            writer.wait_merging_threads()  # lets go of its lock, which would outlive the error
        raise
    writer.wait_merging_threads()


def count(snapshot: Snapshot, layout: Layout) -> int:
    """How many chunks the index on disk holds; 0 if it cannot be used."""
    index = _open(layout.lexical / f"v{_VERSION}")
    if index is None or _seen(index, snapshot) is None:
        return 0
    return int(index.searcher().num_docs) - 1  # the mark


def _any_of(field: str, values: list[int]) -> tantivy.Query:
    return tantivy.Query.term_set_query(_schema(), field, values)


def _mark(snapshot: Snapshot) -> tantivy.Document:
    """The record that says what the index has seen, of which history."""
    line, digest = snapshot.history()
    mark = tantivy.Document()
    mark.add_unsigned("kind", _MARK)
    mark.add_unsigned("seq", snapshot.seq)
    mark.add_unsigned("line", line)
    mark.add_unsigned("digest", digest)
    return mark


def _open_or_make(folder: Path, snapshot: Snapshot) -> tuple[tantivy.Index, int | None]:
    """The index in a folder and the sequence it has seen; an empty one where it is unusable."""
    index = _open(folder)
    seen = _seen(index, snapshot) if index else None
    if index is not None and seen is not None and seen <= snapshot.seq:
        return index, seen
    return _new(folder)


def _new(folder: Path) -> tuple[tantivy.Index, None]:
    """An empty index in a folder, which has seen nothing."""
    _make_anew(folder)
    return _registered(tantivy.Index(_schema(), str(folder))), None


def _make_anew(folder: Path) -> None:
    """Empty a folder; a writer's last thread may put a file into it while it is being deleted."""
    for _ in range(20):
        shutil.rmtree(folder.parent, ignore_errors=True)
        with suppress(FileExistsError):
            for made in (folder.parent, folder):
                made.mkdir(mode=0o700)
            return
        time.sleep(0.05)
    raise StoreError(f"{folder} cannot be emptied; delete it and run the ingest again")


def _open(folder: Path) -> tantivy.Index | None:
    """The index in a folder, or None if there is none or it is damaged."""
    error: Exception | None = None
    for _ in range(3):  # a writer may replace files while they are being opened
        if not folder.is_dir():
            return None
        try:
            damaged = first_damaged(folder)
            if damaged is None:
                return _registered(_opened(folder))
            error = ValueError(f"{damaged} is damaged")
        except (ValueError, OSError) as found:
            error = found
    logger.warning("the word index in %s cannot be read (%s); it is rebuilt", folder, error)
    return None


def _opened(folder: Path) -> tantivy.Index:
    """Tantivy locks a file where it reads; in a folder that is not ours to write to it gets links.

    They can go at once: its files are mapped then.
    """
    if os.access(folder, os.W_OK):
        return tantivy.Index.open(str(folder))
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.suffix != ".lock":
                Path(links, path.name).symlink_to(path.absolute())
        return tantivy.Index.open(links)


def _seen(index: tantivy.Index, snapshot: Snapshot) -> int | None:
    """The sequence that the index has seen; None if the snapshot does not have that history.

    It is then of another base, of one whose database is older now, or of a commit that came after
    the snapshot.
    """
    searcher = index.searcher()
    query = tantivy.Query.term_query(_schema(), "kind", _MARK)
    hits = searcher.search(query, limit=1, count=False).hits
    if not hits:
        return None
    address = [hits[0][1]]
    (seq,), (line,), (digest,) = (
        searcher.fast_field_values(field, address) for field in ("seq", "line", "digest")
    )
    if seq is None or line is None or snapshot.history(int(line)) != (line, digest):
        return None
    return int(seq)


def rebuild(snapshot: Snapshot, layout: Layout) -> None:
    """Make the index on disk anew; the writer lock must be held."""
    with translated(layout.root):
        _make_anew(index_folder(layout))
    synchronise(snapshot, layout)


def flaw(snapshot: Snapshot, layout: Layout) -> str:
    """What is wrong with the index on disk, read in full; "" if nothing is.

    That it has not seen the last commits is not. Neither is that there is none yet.
    """
    folder = index_folder(layout)
    if not folder.exists():
        return "it is not there" if snapshot.generation() else ""
    try:
        if damaged := first_damaged(folder, trusting=False):
            return f"{damaged} is not what was written"
        index = _registered(_opened(folder))
        seen = _seen(index, snapshot)
        if seen is None:
            return "it is of another base, or of another time"
        return _records_flaw(index.searcher(), snapshot, seen)
    except (ValueError, OSError) as error:
        return f"it cannot be read ({error})"


def _records_flaw(searcher: tantivy.Searcher, snapshot: Snapshot, seen: int) -> str:
    """How the records differ from the chunks of all documents that have not changed since."""
    changed = {change.document for change in snapshot.changes_since(seen)}
    stale = searcher.search(_any_of("document", sorted(changed)), limit=1)
    expected = 1 + stale.count  # type: ignore[attr-defined]  # and the mark
    for document, label, first, last in snapshot.connection.execute(
        "SELECT id, label, first_chunk, last_chunk FROM document WHERE first_chunk IS NOT NULL"
    ):
        if document in changed:
            continue
        count = last - first + 1
        clauses = [
            (tantivy.Occur.Must, tantivy.Query.term_query(_schema(), field, value))
            for field, value in (("document", document), ("label", label))
        ]
        found, _ = _search(searcher, tantivy.Query.boolean_query(clauses), count + 1)
        if sorted(found.tolist()) != list(range(first, last + 1)):
            return "its records are not those of the base"
        expected += count
    return "" if searcher.num_docs == expected else "it holds records that are not in the base"


# -- searching -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """What one sequence number sees: the index on disk, and what came after it in memory.

    `changed` are documents whose records on disk are out of date.
    """

    seq: int
    disk: tantivy.Searcher | None
    delta: tantivy.Searcher | None
    changed: frozenset[int]


@dataclass(frozen=True, slots=True)
class _OwnView:
    """An index of the documents that somebody may read, and of no others.

    `last_change` and `documents` tell whether these are still the same.
    """

    view: _View
    last_change: int
    documents: list[int]


def _terms(query: str) -> Iterator[tuple[str, str]]:
    """The distinct (field, term) pairs of a query."""
    query = query.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
    for field, analyzer in _ANALYZERS.items():
        for term in list(dict.fromkeys(analyzer.analyze(query)))[:_MAX_TERMS]:
            yield field, term


@dataclass(frozen=True, slots=True)
class Words:
    """A query made ready; `best` is the BM25 score that no chunk can exceed."""

    query: Any
    best: float


class LexicalIndex:
    """Searches the words of a base; safe from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folder = index_folder(layout)
        self._schema = _schema()
        self._guard = threading.Lock()
        self._view: _View | None = None
        self._own_views: dict[frozenset[int], _OwnView] = {}

    def words(self, snapshot: Snapshot, query: str) -> Words | None:
        """What a query asks for, weighed by this snapshot; None if no chunk holds any of it.

        In a large base terms that many chunks hold are left out: they tell nothing apart, and
        their lists are the longest to go through. User text never reaches a query parser.
        """
        view = self._view_of(snapshot)
        searchers = [searcher for searcher in (view.disk, view.delta) if searcher is not None]
        total = sum(searcher.num_docs for searcher in searchers)
        terms = []
        for field, term in _terms(query):
            count = sum([searcher.doc_freq(field, term) for searcher in searchers])
            if count:
                terms.append((field, term, count))
        telling = [entry for entry in terms if entry[2] <= max(_COMMON * total, _FEW)] or terms
        best, clauses = 0.0, []
        for field, term, count in telling:
            idf = math.log(1 + (total - count + 0.5) / (count + 0.5))
            best += _WEIGHTS[field] * idf * (_K1 + 1)
            clause = tantivy.Query.term_query(self._schema, field, term, "freq")
            boosted = tantivy.Query.boost_query(clause, _WEIGHTS[field])
            clauses.append((tantivy.Occur.Should, boosted))
        return Words(tantivy.Query.boolean_query(clauses), best) if clauses else None

    def search(self, snapshot: Snapshot, words: Words, k: int) -> tuple[Ids, Scores]:
        """The best `k` chunks of what the snapshot may read and their BM25 scores, best first."""
        if snapshot.labels == frozenset():
            return best_of([])
        view = self._view_of(snapshot)
        found = []
        if view.disk is not None:
            query = self._filtered(words.query, snapshot, view.changed)
            found.append(_search(view.disk, query, k))
        if view.delta is not None:
            query = self._filtered(words.query, snapshot, frozenset())
            found.append(_search(view.delta, query, k))
        return best_of(found, k)

    def _filtered(self, query: Any, snapshot: Snapshot, changed: frozenset[int]) -> Any:
        """Leave out what may not be read, or is out of date, before anything is ranked."""
        clauses = [(tantivy.Occur.Must, query)]
        if snapshot.labels is not None and not snapshot.has_every_label:
            allowed = _labelled(sorted(snapshot.labels))
            clauses.append((tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0)))
        if changed:
            stale = tantivy.Query.term_set_query(self._schema, "document", sorted(changed))
            clauses.append((tantivy.Occur.MustNot, stale))
        return tantivy.Query.boolean_query(clauses) if len(clauses) > 1 else query

    def _view_of(self, snapshot: Snapshot) -> _View:
        if snapshot.is_strict:
            return self._own_view_of(snapshot)
        view = self._view
        if view is not None and view.seq == snapshot.seq:
            return view
        with self._guard:
            if self._view is None or self._view.seq != snapshot.seq:
                self._view = self._make_view(snapshot)
            return self._view

    def _own_view_of(self, snapshot: Snapshot) -> _View:
        """An index made of what the reader may read alone, as if there were nothing else.

        How rare a word is, and how long chunks are on the average, then tell of no other document.
        """
        labels = snapshot.labels or frozenset()
        with self._guard:
            known = self._own_views.pop(labels, None)
            if known is None or known.view.seq != snapshot.seq:
                last_change, documents = snapshot.last_change(), snapshot.document_ids()
                if known and (known.last_change, known.documents) == (last_change, documents):
                    view = replace(known.view, seq=snapshot.seq)
                else:
                    delta = self._in_memory(snapshot, documents)
                    view = _View(snapshot.seq, None, delta, frozenset())
                known = _OwnView(view, last_change, documents)
            self._own_views[labels] = known  # now the one that was used last
            if len(self._own_views) > _OWN_VIEWS_KEPT:
                del self._own_views[next(iter(self._own_views))]
            return known.view

    def _make_view(self, snapshot: Snapshot) -> _View:
        index = _open(self._folder)
        seen = (_seen(index, snapshot) or self._seen_later(index)) if index else None
        if index is None or seen is None:
            documents, disk = snapshot.restricted(None).document_ids(), None
        else:
            disk = index.searcher()
            documents = sorted({change.document for change in snapshot.changes_since(seen)})
        delta = self._in_memory(snapshot, documents) if documents else None
        return _View(snapshot.seq, disk, delta, frozenset(documents))

    def _seen_later(self, index: tantivy.Index) -> int | None:
        """The same by the base as it is now: somebody may have committed after the snapshot."""
        with closing(open_reader(self._layout)) as database:
            return _seen(index, Snapshot(database))

    def _in_memory(self, snapshot: Snapshot, documents: list[int]) -> tantivy.Searcher:
        index = _registered(tantivy.Index(self._schema))
        writer = index.writer(_HEAP_IN_MEMORY, 1)
        for document in documents:
            _add_rows(writer, document, snapshot.lexical_rows(document))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index.searcher()


def _labelled(labels: list[int]) -> tantivy.Query:
    """Chunks with one of these labels; looked up as the search goes on, where they are few."""
    if len(labels) > _FEW_LABELS:
        return _any_of("label", labels)
    terms = [tantivy.Query.term_query(_schema(), "label", label) for label in labels]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def _search(searcher: tantivy.Searcher, query: Any, k: int) -> tuple[Ids, Scores]:
    hits = searcher.search(query, limit=k, count=False).hits
    ids = searcher.fast_field_values("chunk", [address for _, address in hits])
    scores = np.array([score for score, _ in hits], dtype=np.float32)
    return np.array(ids, dtype=np.int64), scores
