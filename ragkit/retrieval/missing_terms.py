"""Finds the verbatim terms of a question that occur in no document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragkit.index.bm25_search import BM25Search
from ragkit.retrieval.verbatim import max_matches
from ragkit.store.snapshot import Snapshot
from ragkit.text.notations import Notation
from ragkit.text.occurrences import FoldedText
from ragkit.text.verbatim import VerbatimTerm, parse_question

_MAX_PLACES = 1000  # chunks around which a term is looked for
_MIN_LENGTH = 3  # letters and digits of a term of which anything is said
_PART = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class MissingTerms:
    """The verbatim terms of a question that occur in no document that the reader may read.

    `ask_for_code` and `ask_for_term` are True if the question has no verbatim term that occurs, and
    one that is missing and without which there is nothing to answer: a code or e-mail address; or
    one of these, quoted text, a section or a day. `has_other` is True if such a term does occur.
    `is_filtered` is True if only the documents that match a filter were searched.
    """

    terms: tuple[str, ...] = ()
    ask_for_code: bool = False
    ask_for_term: bool = False
    has_other: bool = False
    is_filtered: bool = False

    @property
    def notice(self) -> str:
        """A line for each term, for users: “0-20355” occurs in no document."""
        filtered = " that matches the filter" if self.is_filtered else ""
        return "\n".join(f"“{term}” occurs in no document{filtered}." for term in self.terms)


NOTHING_MISSING = MissingTerms()


def find_missing_terms(snapshot: Snapshot, words: BM25Search, query: str) -> MissingTerms:
    """Find the verbatim terms of a query that occur in no document of a snapshot.

    A term is missing only if that is certain. Nothing is said of a term that more than 1,000 chunks
    may hold. A term also occurs if it is broken over two chunks, or in the name of a document.
    """
    if snapshot.readable_labels == frozenset():
        return NOTHING_MISSING
    terms = parse_question(query).terms
    occurring = [term for term in terms if _occurs(snapshot, words, term)]
    missing = [
        term
        for term in terms
        if term not in occurring
        and sum(map(str.isalnum, term.text)) >= _MIN_LENGTH
        and not _may_occur(snapshot, words, term)
    ]
    return MissingTerms(
        tuple(term.text for term in missing),
        ask_for_code=not occurring and any(term.is_identifier for term in missing),
        ask_for_term=not occurring and any(term.is_essential for term in missing),
        has_other=any(term.is_essential for term in occurring),
        is_filtered=snapshot.is_filtered,
    )


def _occurs(snapshot: Snapshot, words: BM25Search, term: VerbatimTerm) -> bool:
    matches = words.match(snapshot, term.notations, max_matches(term))
    return bool(term.select_holders(snapshot.chunks.texts(matches.ids.tolist())))


def _may_occur(snapshot: Snapshot, words: BM25Search, term: VerbatimTerm) -> bool:
    """Return True unless it is certain that a term occurs nowhere."""
    names = (f"{each.source}\n{each.title}" for each in snapshot.documents.names())
    if term.may_occur_in(FoldedText("\n".join(names))):
        return True
    return any(
        _notation_may_occur(snapshot, words, term, _split_words(notation))
        for notation in (*term.notations, *term.loose_notations)
    )


def _split_words(notation: Notation) -> list[Notation]:
    """Return a notation of each word that a text with the term holds, wherever it is broken."""
    found = []
    for group in notation.groups:
        is_string = len(group) == 1 and not notation.is_whole
        words = _PART.findall(group[0]) if is_string else []
        found += [Notation(((word,),)) for word in words] or [notation._replace(groups=(group,))]
    return found


def _notation_may_occur(
    snapshot: Snapshot, words: BM25Search, term: VerbatimTerm, parts: list[Notation]
) -> bool:
    """Look for a term around the chunks that hold the rarest of its parts."""
    matches = [words.match(snapshot, [part], _MAX_PLACES) for part in parts]
    known = [each for each in matches if each.is_known]
    if not known:
        return True
    rarest = min(known, key=lambda each: each.total)
    if rarest.total > _MAX_PLACES:
        return True
    texts = _read_surroundings(snapshot, rarest.ids.tolist())
    return any(term.may_occur_in(FoldedText(text)) for text in texts)


def _read_surroundings(snapshot: Snapshot, chunks: list[int]) -> Iterator[str]:
    """Yield the text of each chunk with the chunks before and after it.

    Both with and without a space between them: a long word may be broken, too.
    """
    for chunk in snapshot.chunks.get(chunks).values():
        around = snapshot.chunks.neighbours(chunk.document, chunk.ordinal - 1, chunk.ordinal + 1)
        texts = [each.text for each in around]
        yield f"{chunk.header}\n{' '.join(texts)}"
        yield "".join(texts)
