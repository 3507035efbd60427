"""What the word index stores of a chunk, and how text becomes terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tantivy

from ragkit.index.tantivy_terms import LANGUAGES, MAX_TERM_BYTES, analyze_chunks
from ragkit.store.snapshot import Snapshot

_HEAP_IN_MEMORY = 1_000_000_000  # bytes; enough for a single segment


def _make_code_analyzer() -> tantivy.TextAnalyzer:
    pattern = r"\w+(?:[-./:_'’&@#+]\w+)+"
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    builder = builder.filter(tantivy.Filter.remove_long(MAX_TERM_BYTES))
    builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
    return builder.build()


def _make_separator() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


CODE_ANALYZER = _make_code_analyzer()
"""Finds whole codes, part numbers and names in a text."""
_ANALYZERS = {"stemmed": _make_separator(), "whole": CODE_ANALYZER}
"""The text fields: stems of all words, made by `tantivy_terms`, and whole codes."""


def _make_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_unsigned_field("label", indexed=True)
    builder.add_text_field("language", tokenizer_name="raw", index_option="basic")
    for name in _ANALYZERS:
        builder.add_text_field(name, tokenizer_name=name, index_option="freq")
    return builder.build()


SCHEMA = _make_schema()


def register_analyzers(index: tantivy.Index) -> tantivy.Index:
    """Give an index the analyzers of its text fields; returns the index."""
    for name, analyzer in _ANALYZERS.items():
        index.register_tokenizer(name, analyzer)
    return index


def add_records(writer: Any, document: int, rows: Iterable[tuple[int, int, str, str]]) -> None:
    """Add the chunks of a document; each row is (chunk id, label id, header, text)."""
    rows = list(rows)
    chunks = analyze_chunks([f"{header}\n{text}" for _, _, header, text in rows])
    for (chunk, label, *_), analyzed in zip(rows, chunks, strict=True):
        record = tantivy.Document()
        record.add_unsigned("chunk", chunk)
        record.add_unsigned("document", document)
        record.add_unsigned("label", label)
        record.add_text("language", analyzed.language)
        record.add_text("stemmed", analyzed.terms)
        record.add_text("whole", analyzed.text)
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


def find_languages(part: OpenPart) -> frozenset[str]:
    """Return the languages of the chunks in a part."""
    freq = part.searcher.doc_freq
    return frozenset(each for each in LANGUAGES if freq("language", each))
