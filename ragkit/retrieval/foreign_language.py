"""Tells whether a knowledge base's passages are in a language that its embedder does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ragkit.embedders.pieces import PieceCounter, measure_pieces
from ragkit.store.snapshot import Snapshot
from ragkit.text.languages import DEFAULT, detect_language, name_language

_SAMPLE = 48  # passages, evenly spaced
_MIN_SHARE = 0.25  # of them in a foreign language
_MIN_PIECES = 1.45  # per word, in a language that is known; the middle of weights.PASSAGE_PIECES
_MIN_UNKNOWN_PIECES = 1.8  # in another: lists of codes and rare names have more than prose


class ForeignLanguage(NamedTuple):
    """The language that most foreign passages have, "" if unknown, and the share of all of these.

    The share is of the passages with letters, in (0, 1].
    """

    name: str
    share: float

    def describe(self, embedder: str) -> str:
        """Return what it means and what to do, in one line."""
        language = self.name or "a language other than English"
        fix = "ragkit reembed --embedder ollama:bge-m3"
        return (
            f"{self.share:.0%} of the passages are in {language}, which the embedder {embedder} "
            f"does not know; they are found by their words, not by their meaning. "
            f"A multilingual embedder finds both: {fix}"
        )


def find_foreign_language(snapshot: Snapshot, counter: PieceCounter) -> ForeignLanguage | None:
    """Return the language foreign to an embedder that many of the readable passages have.

    Returns None if fewer than a quarter of a sample of passages are foreign. What the snapshot may
    not read has no part in it.
    """
    texts = snapshot.chunks.texts(_spread_chunks(snapshot.documents.chunk_runs())).values()
    measured = [(text, pieces) for text in texts if (pieces := measure_pieces(counter, text))]
    foreign = [text for text, pieces in measured if _is_foreign(text, pieces)]
    if not foreign or len(foreign) < _MIN_SHARE * len(measured):
        return None
    ((name, _),) = Counter(map(name_language, foreign)).most_common(1)
    return ForeignLanguage(name, len(foreign) / len(measured))


def _spread_chunks(runs: Sequence[tuple[int, int]]) -> list[int]:
    """Return chunks evenly spaced over runs of them, each given as its first and last id."""
    total = sum(last - first + 1 for first, last in runs)
    wanted = [at * total // _SAMPLE for at in range(_SAMPLE)] if total > _SAMPLE else range(total)
    found, before, at = [], 0, 0
    for first, last in runs:
        length = last - first + 1
        while at < len(wanted) and wanted[at] < before + length:
            found.append(first + wanted[at] - before)
            at += 1
        before += length
    return found


def _is_foreign(text: str, pieces: float) -> bool:
    language = detect_language(text)
    if language == DEFAULT:
        return False
    return pieces > (_MIN_PIECES if name_language(text) else _MIN_UNKNOWN_PIECES)
