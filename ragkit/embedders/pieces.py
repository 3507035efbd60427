"""How many pieces of an embedder's vocabulary a word has: more in a language foreign to it.

A vocabulary is made from the texts that a model is trained on. So a model knows most words of its
languages whole, and those of others in fragments, down to single letters. Vectors of such fragments
say little. all-MiniLM-L6-v2, an English model, takes 1.05 pieces for a word of English (median of
passages), 1.76 of Spanish, 1.85 of German, 1.67 of Chinese and 4.8 of Russian. For
multilingual-e5-small it is 1.2 to 1.3 in each of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ragkit.embedders.base import Embedder, EmbedderFacts
from ragkit.embedders.discovery import compiled_folder

UNKNOWN_PIECES = 5.0
"""What a word counts for whose letters are not in the vocabulary at all."""

_LETTERS_PER_WORD = 5  # a longer word counts as several: other languages join more into one
# The marks of vowels and tones, which Python does not count as letters of a word
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff"
    "\u0e31-\u0e4e\u0eb1-\u0ecd\u0f18-\u0f84\u102b-\u109d\u17b4-\u17d3"
)
_NOT_LETTERS = re.compile(rf"(?:[\d_]|[^\w{_MARKS}])+")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
# How many letters of Latin script say as much as one of these. Chinese and Arabic are measured on
# translations of the same text (XQuAD); Japanese and Korean are the letters of their romanization.
_DENSE_LETTERS = (
    (re.compile("[\u3400-\u9fff\uf900-\ufaff]"), 3.0),
    (re.compile("[\u3040-\u30ff]"), 2.0),
    (re.compile("[\uac00-\ud7a3]"), 2.5),
    (re.compile("[\u0590-\u06ff]"), 1.3),
)
_GLUED_LETTERS = 40  # fewer than the 100 from which BERT's tokenizers give up on a word
_MIN_GLUED_PIECES = 0.3  # for a word, where spaces are left out


def can_measure_pieces(embedder: Embedder) -> bool:
    """Return True if an embedder counts tokens by its own vocabulary, without a server.

    One that estimates them, or asks a server, says so: its attribute `estimates_tokens` is True.
    """
    return not getattr(embedder, "estimates_tokens", False)


def open_piece_counter(facts: EmbedderFacts) -> PieceCounter | None:
    """Open the vocabulary of an embedder compiled on this machine, without its weights.

    Returns None if there is none.
    """
    file = compiled_folder(facts.weights_sha256) / "tokenizer.json"
    return _Vocabulary(file) if facts.weights_sha256 and file.is_file() else None


class _Vocabulary:
    """Counts tokens by a tokenizer.json."""

    def __init__(self, file: Path) -> None:
        from ragkit_ingest.tokens import Tokenizer

        self._tokenizer = Tokenizer(file)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        return self._tokenizer.counts(texts)


class PieceCounter(Protocol):
    """Counts the tokens of texts by an embedder's vocabulary."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""


def measure_pieces(counter: PieceCounter, text: str) -> float:
    """Return how many pieces of its vocabulary an embedder takes for a word of a text.

    Numbers and marks do not count. Scripts without spaces have no words to count; there, as in long
    compounds, the letters of five Latin ones are a word. Returns 0 for a text without letters, and
    UNKNOWN_PIECES for one in letters that the vocabulary lacks.
    """
    if not _LETTER.search(text):
        return 0.0
    words = _NOT_LETTERS.sub(" ", text).split()
    cleaned = " ".join(words)
    letters = float(sum(map(len, words)))
    if not cleaned.isascii():
        letters += sum((much - 1) * len(dense.findall(cleaned)) for dense, much in _DENSE_LETTERS)
        if _lacks_letters(counter, "".join(words), letters):
            return UNKNOWN_PIECES
    return counter.count_tokens([cleaned])[0] / max(len(words), letters / _LETTERS_PER_WORD)


def _lacks_letters(counter: PieceCounter, glued: str, letters: float) -> bool:
    """Return True if the vocabulary lacks the letters of a text, given without spaces.

    A word with an unknown letter is one token, however long it is. Without spaces, known words are
    at least as many tokens as before, and unknown ones only as many as there are parts.
    """
    if 2 * len(_LATIN.findall(glued)) > len(glued):
        return False
    parts = range(0, len(glued), _GLUED_LETTERS)
    text = " ".join(glued[at : at + _GLUED_LETTERS] for at in parts)
    pieces = counter.count_tokens([text])[0]
    return pieces < _MIN_GLUED_PIECES * letters / _LETTERS_PER_WORD
