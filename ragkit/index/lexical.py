"""Word search: BM25 over a stemmed field and one that keeps codes, part numbers and names whole."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from ragkit.store.database import translated
from ragkit.store.layout import Layout
from ragkit.store.reader import Snapshot

logger = logging.getLogger(__name__)

_VERSION = 1  # of the schema and the analysers; another one on disk is rebuilt
_WHOLE_WEIGHT = 0.5  # of the unstemmed field against the stemmed one
_HEAP = 60_000_000  # bytes the writer may hold before it writes a segment
_MAX_TERMS = 64  # of a query; later ones are dropped
_MARK = 1  # kind of the one record that carries the sequence


def _analyzer(pattern: str, stem: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    builder = builder.filter(tantivy.Filter.remove_long(80)).filter(tantivy.Filter.lowercase())
    builder = builder.filter(tantivy.Filter.ascii_fold())
    return (builder.filter(tantivy.Filter.stemmer("english")) if stem else builder).build()


_ANALYZERS = {
    "stemmed": _analyzer(r"\w+", stem=True),
    "whole": _analyzer(r"\w+(?:[-./:_'’&@#+]\w+)*", stem=False),
}


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_unsigned_field("label", indexed=True)
    builder.add_unsigned_field("kind", indexed=True)
    builder.add_unsigned_field("seq", fast=True)
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


def synchronise(snapshot: Snapshot, layout: Layout) -> None:
    """Bring the index on disk to the snapshot's sequence; the writer lock must be held."""
    with translated(layout.root):
        folder = layout.lexical / f"v{_VERSION}"
        index, seen = _open_or_make(folder, snapshot.seq)
        if seen == snapshot.seq:
            return
        writer = index.writer(_HEAP, 1)
        if seen is None:
            documents = snapshot.all_document_ids()
        else:
            documents = sorted({change.document for change in snapshot.changes_since(seen)})
            for document in documents:
                writer.delete_documents_by_term("document", document)
        for document in documents:
            _add_rows(writer, document, snapshot.lexical_rows(document))
        writer.delete_documents_by_term("kind", _MARK)
        mark = tantivy.Document()
        mark.add_unsigned("kind", _MARK)
        mark.add_unsigned("seq", snapshot.seq)
        writer.add_document(mark)
        writer.commit()
        writer.wait_merging_threads()


def _open_or_make(folder: Path, seq: int) -> tuple[tantivy.Index, int | None]:
    """The index in a folder and the sequence it has seen; an empty one where it is unusable."""
    index = _open(folder)
    seen = _seen(index) if index else None
    if index is not None and seen is not None and seen <= seq:
        return index, seen
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return _registered(tantivy.Index(_schema(), str(folder))), None


def _open(folder: Path) -> tantivy.Index | None:
    """The index in a folder, or None if there is none or it cannot be read."""
    if not folder.is_dir():
        return None
    try:
        return _registered(tantivy.Index.open(str(folder)))
    except (ValueError, OSError) as error:
        logger.warning("the word index in %s cannot be read (%s); it is rebuilt", folder, error)
        return None


def _seen(index: tantivy.Index) -> int | None:
    searcher = index.searcher()
    query = tantivy.Query.term_query(_schema(), "kind", _MARK)
    hits = searcher.search(query, limit=1, count=False).hits
    if not hits:
        return None
    (seq,) = searcher.fast_field_values("seq", [hits[0][1]])
    return int(seq or 0)


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


class LexicalIndex:
    """Searches the words of a base; safe from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.lexical / f"v{_VERSION}"
        self._schema = _schema()
        self._guard = threading.Lock()
        self._view: _View | None = None

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[tuple[int, float]]:
        """The best `k` (chunk id, BM25 score) of what the snapshot may read, best first."""
        clauses = self._clauses(query)
        if not clauses or snapshot.labels == frozenset():
            return []
        return self._run(snapshot, tantivy.Query.boolean_query(clauses), k)

    def scores(self, snapshot: Snapshot, query: str, chunks: Sequence[int]) -> dict[int, float]:
        """BM25 scores of given chunks; those that share no word with the query are left out."""
        clauses = self._clauses(query)
        if not clauses or not chunks or snapshot.labels == frozenset():
            return {}
        wanted = tantivy.Query.term_set_query(self._schema, "chunk", list(chunks))
        must = tantivy.Query.const_score_query(wanted, 0.0)
        words = tantivy.Query.boolean_query(clauses)
        both = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, must), (tantivy.Occur.Must, words)]
        )
        return dict(self._run(snapshot, both, len(chunks)))

    def _clauses(self, query: str) -> list[tuple[Any, Any]]:
        """One clause for each distinct term: user text never reaches a query parser."""
        clauses = []
        for field, analyzer in _ANALYZERS.items():
            for term in list(dict.fromkeys(analyzer.analyze(query)))[:_MAX_TERMS]:
                clause = tantivy.Query.term_query(self._schema, field, term, "freq")
                if field == "whole":
                    clause = tantivy.Query.boost_query(clause, _WHOLE_WEIGHT)
                clauses.append((tantivy.Occur.Should, clause))
        return clauses

    def _run(self, snapshot: Snapshot, query: Any, k: int) -> list[tuple[int, float]]:
        view = self._view_of(snapshot)
        found: list[tuple[int, float]] = []
        if view.disk is not None:
            found += _hits(view.disk, self._filtered(query, snapshot, view.changed), k)
        if view.delta is not None:
            found += _hits(view.delta, self._filtered(query, snapshot, frozenset()), k)
        found.sort(key=lambda hit: (-hit[1], hit[0]))
        return found[:k]

    def _filtered(self, query: Any, snapshot: Snapshot, changed: frozenset[int]) -> Any:
        """Leave out what may not be read, or is out of date, before anything is ranked."""
        clauses = [(tantivy.Occur.Must, query)]
        if snapshot.labels is not None:
            labels = tantivy.Query.term_set_query(self._schema, "label", sorted(snapshot.labels))
            clauses.append((tantivy.Occur.Must, tantivy.Query.const_score_query(labels, 0.0)))
        if changed:
            stale = tantivy.Query.term_set_query(self._schema, "document", sorted(changed))
            clauses.append((tantivy.Occur.MustNot, stale))
        return tantivy.Query.boolean_query(clauses) if len(clauses) > 1 else query

    def _view_of(self, snapshot: Snapshot) -> _View:
        view = self._view
        if view is not None and view.seq == snapshot.seq:
            return view
        with self._guard:
            if self._view is None or self._view.seq != snapshot.seq:
                self._view = self._make_view(snapshot)
            return self._view

    def _make_view(self, snapshot: Snapshot) -> _View:
        index = _open(self._folder)
        seen = _seen(index) if index else None
        if index is None or seen is None:
            documents, disk = snapshot.all_document_ids(), None
        else:
            disk = index.searcher()
            documents = sorted({change.document for change in snapshot.changes_since(seen)})
        delta = self._in_memory(snapshot, documents) if documents else None
        return _View(snapshot.seq, disk, delta, frozenset(documents))

    def _in_memory(self, snapshot: Snapshot, documents: list[int]) -> tantivy.Searcher:
        index = _registered(tantivy.Index(self._schema))
        writer = index.writer(_HEAP, 1)
        for document in documents:
            _add_rows(writer, document, snapshot.lexical_rows(document))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index.searcher()


def _hits(searcher: tantivy.Searcher, query: Any, k: int) -> list[tuple[int, float]]:
    hits = searcher.search(query, limit=k, count=False).hits
    ids = searcher.fast_field_values("chunk", [address for _, address in hits])
    return [(int(chunk or 0), float(hit[0])) for chunk, hit in zip(ids, hits, strict=True)]
