"""What the word index stores of a chunk, and how text becomes terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tantivy

from ragkit.store.snapshot import Snapshot

_MAX_TERM_BYTES = 80  # longer terms are left out
_HEAP_IN_MEMORY = 1_000_000_000  # bytes; enough for a single segment


def _make_analyzer(pattern: str, stem: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    builder = builder.filter(tantivy.Filter.remove_long(_MAX_TERM_BYTES))
    builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
    return (builder.filter(tantivy.Filter.stemmer("english")) if stem else builder).build()


ANALYZERS = {
    "stemmed": _make_analyzer(r"\w+", stem=True),
    "whole": _make_analyzer(r"\w+(?:[-./:_'’&@#+]\w+)+", stem=False),
}
"""The text fields: stems of all words, and whole codes, part numbers and names."""


def _make_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_unsigned_field("label", indexed=True)
    for name in ANALYZERS:
        builder.add_text_field(name, tokenizer_name=name, index_option="freq")
    return builder.build()


SCHEMA = _make_schema()


def register_analyzers(index: tantivy.Index) -> tantivy.Index:
    """Give an index the analyzers of its text fields; returns the index."""
    for name, analyzer in ANALYZERS.items():
        index.register_tokenizer(name, analyzer)
    return index


def add_records(writer: Any, document: int, rows: Iterable[tuple[int, int, str, str]]) -> None:
    """Add the chunks of a document; each row is (chunk id, label id, header, text)."""
    for chunk, label, header, text in rows:
        record = tantivy.Document()
        record.add_unsigned("chunk", chunk)
        record.add_unsigned("document", document)
        record.add_unsigned("label", label)
        for name in ANALYZERS:
            record.add_text(name, f"{header}\n{text}")
        writer.add_document(record)


def match_any(name: str, values: Sequence[int]) -> tantivy.Query:
    """Return a query for the records whose number field has one of the values."""
    return tantivy.Query.term_set_query(SCHEMA, name, list(values))


def count_chunks(searcher: tantivy.Searcher, documents: Sequence[int]) -> int:
    """Return how many chunks of these documents an index holds."""
    found = searcher.search(match_any("document", documents), limit=1)
    return int(found.count)  # type: ignore[attr-defined]


class OpenPart(NamedTuple):
    """An index that can be searched; `records` counts its records, deleted ones included."""

    searcher: tantivy.Searcher
    records: int


def index_in_memory(snapshot: Snapshot, documents: Iterable[int]) -> OpenPart:
    """Build an index of these documents in memory; nothing is written to disk."""
    index = register_analyzers(tantivy.Index(SCHEMA))
    writer = index.writer(_HEAP_IN_MEMORY, 1)
    for document in documents:
        add_records(writer, document, snapshot.chunks.lexical_rows(document))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    return OpenPart(searcher, searcher.num_docs)
