"""Document names: which documents a question names, by the words of their paths and titles."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit.index.base import Ids, Scores
from ragkit.store.recent_cache import RecentCache
from ragkit.store.records import DocumentName
from ragkit.store.snapshot import Snapshot
from ragkit.text.lexicon import load_lexicon
from ragkit.text.scripts import UNSPACED

_LEXICON = load_lexicon()
_STOP_WORDS = frozenset(_LEXICON.stop_words)
_YEAR_MARKS = frozenset(label for label in _LEXICON.period_labels if len(label) == 2)  # FY18
_QUARTERS = frozenset(_LEXICON.quarter_names)
_MARKS = "\u0300-\u036f"  # accents that are characters of their own
_RUN = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")
# Korean has spaces, but its particles follow a name without one
_BIGRAMS = re.compile(rf"[{UNSPACED}\uac00-\ud7a3]+")
_SPACED = re.compile(rf"[^{UNSPACED}\uac00-\ud7a3]+")
_ASCII_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_POSSESSIVE = re.compile(r"['’]s\b", re.IGNORECASE)
_MAX_JOINED_PIECES = 4  # of a question, that are compared with one word of a name
_MAX_PIECES = 400  # of a question
_MAX_CACHED_SETS = 8  # of readable documents
_LARGE_SET = 20_000  # documents; fewer names are read again after each commit ...
_MAX_AGE = 10.0  # ... and more of them after so many seconds
_MAX_WORD_SHARE = 0.25  # of all names; a word in more of them weighs nothing ...
_MIN_WORD_NAMES = 500  # ... unless it is in at most this many names
MIN_SHARE = 0.25  # of a name; a document of which a question names less is not named

Weights = npt.NDArray[np.float64]
_NO_SHARES = np.zeros(0, dtype=np.float32)


class Mention(NamedTuple):
    """Characters [start, end) of a question that are a word of documents' names.

    `weight` is its idf over documents. `DocumentNames.find_documents` returns those with the word.
    """

    start: int
    end: int
    word: str
    weight: float


class NameMatch(NamedTuple):
    """The documents that a question names, best first, and the words that name them, in order.

    `documents` are their ids, and `shares` (float32, shape (n,), in [MIN_SHARE, 1]) the shares of
    their names, weighted by idf, that the question holds. `mentions` are all words of names that
    tell documents apart.
    """

    documents: Ids
    shares: Scores
    mentions: tuple[Mention, ...]


class _Piece(NamedTuple):
    """A part of a word that case and digits set apart, with its place; `spellings` are folded."""

    start: int
    end: int
    spellings: tuple[str, ...]


class NameWords(NamedTuple):
    """The distinct words of a document's path, and those of its title."""

    path: tuple[str, ...]
    title: tuple[str, ...]


def name_words(source: str, title: str) -> NameWords:
    """Return the words of a document's path and title, folded, without stop words.

    "fin/BestBuy_FY2018_10-K.pdf" gives fin, best, buy, 2018 and 10k.
    """
    return NameWords(_find_words(_SUFFIX.sub("", source)), _find_words(title))


class DocumentNames:
    """The words of the names of some documents, weighted by idf over these documents.

    A word in n of N names weighs ln(N / n), and nothing if it is in a quarter of many names.
    `known` are words that were found before, by (source, title).
    """

    def __init__(
        self,
        names: Sequence[DocumentName],
        known: Mapping[tuple[str, str], NameWords] | None = None,
    ) -> None:
        known = known or {}
        keys = [(name.source, name.title) for name in names]
        self.words = {key: known.get(key) or name_words(*key) for key in keys}
        self._ids = np.array([name.document for name in names], dtype=np.int64)
        self._numbers: dict[str, int] = {}
        paths = [self._number_words(self.words[key].path) for key in keys]
        titles = [self._number_words(self.words[key].title) for key in keys]
        both = [list({*pair[0], *pair[1]}) for pair in zip(paths, titles, strict=True)]
        counts = np.bincount(_flatten(both)[0], minlength=len(self._numbers))
        self._weights = np.log(len(names) / np.maximum(counts, 1))
        self._weights[counts > max(_MAX_WORD_SHARE * len(names), _MIN_WORD_NAMES)] = 0
        self._longest = max(map(len, self._numbers), default=0)
        self._last: tuple[str, NameMatch] = "", NameMatch(self._ids[:0], _NO_SHARES, ())
        self._paths = _Postings(paths, self._weights)
        self._titles = _Postings(titles, self._weights)
        np.maximum(self._titles.totals, self._paths.totals, out=self._titles.totals)

    @property
    def count(self) -> int:
        """How many documents there are."""
        return len(self._ids)

    def _number_words(self, words: Sequence[str]) -> list[int]:
        numbers = self._numbers
        return [numbers.setdefault(word, len(numbers)) for word in words]

    def match(self, question: str) -> NameMatch:
        """Return the documents whose names hold words of a question.

        Words count whatever their case, accents and spelling: "Best Buy's" names BESTBUY and
        BestBuy, FY18 names 2018, "second quarter" names Q2, and "10-K" names 10K. The share is
        that of the path or of the title, whichever is higher. A title that weighs less than the
        path counts as if it weighed as much: "Annual report" alone names no document.
        """
        known, match = self._last
        if known != question:  # a search asks twice
            match = self._match(question)
            self._last = question, match
        return match

    def _match(self, question: str) -> NameMatch:
        found: dict[int, tuple[int, int, str]] = {}
        for start, end, word in _find_spellings(question, self._longest):
            number = self._numbers.get(word)
            if number is not None and self._weights[number] > 0:
                found.setdefault(number, (start, end, word))
        fields = (self._paths, self._titles)
        shares = np.maximum(*(field.find_shares(list(found), self._weights) for field in fields))
        named = np.flatnonzero(shares >= MIN_SHARE)
        order = named[np.lexsort((self._ids[named], -shares[named]))]
        mentions = [
            Mention(*place, float(self._weights[number])) for number, place in found.items()
        ]
        mentions.sort()
        return NameMatch(self._ids[order], shares[order].astype(np.float32), tuple(mentions))

    def find_documents(self, word: str) -> Ids:
        """Return the ids of the documents whose names hold the word of a mention."""
        number = self._numbers.get(word)
        if number is None:
            return self._ids[:0]
        owners = [field.owners_of(number) for field in (self._paths, self._titles)]
        return np.unique(self._ids[np.concatenate(owners)])


class _Postings:
    """Which names hold a word, for the words of one field; `totals` are the names' weights."""

    def __init__(self, rows: Sequence[Sequence[int]], weights: Weights) -> None:
        flat, owners = _flatten(rows)
        self.totals = np.bincount(owners, weights[flat], len(rows)).astype(np.float64)
        self._owners = owners[np.argsort(flat, kind="stable")]
        self._ends = np.cumsum(np.bincount(flat, minlength=len(weights)))

    def owners_of(self, number: int) -> Ids:
        """Return the positions of the names that hold a word, ascending."""
        first = self._ends[number - 1] if number else 0
        return self._owners[first : self._ends[number]]

    def find_shares(self, numbers: Sequence[int], weights: Weights) -> Weights:
        """Return the share of each name's weight that some words have."""
        found = np.zeros(len(self.totals))
        for number in numbers:
            found[self.owners_of(number)] += weights[number]
        return found / np.maximum(self.totals, 1e-9)


def _flatten(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Return all numbers of all rows, and the row of each."""
    flat = np.array([number for row in rows for number in row], dtype=np.int64)
    return flat, np.repeat(np.arange(len(rows)), [len(row) for row in rows])


class _Known(NamedTuple):
    seq: int
    built: float  # by time.monotonic
    names: DocumentNames

    def holds_for(self, snapshot: Snapshot) -> bool:
        """Return True if the names are those of a snapshot, or recent ones of many documents.

        Reading 100,000 names takes a third of a second: too long for each search while an ingest
        commits one document after another. Readers with limited access always get their own.
        """
        if self.seq == snapshot.seq:
            return True
        age = time.monotonic() - self.built
        is_large = self.names.count >= _LARGE_SET and age < _MAX_AGE
        return is_large and snapshot.readable_labels is None and self.seq < snapshot.seq


class NameCache:
    """Keeps the names that snapshots may read; safe from several threads.

    Names are read again after a commit, and for each set of readable documents. Nothing of a
    document that a snapshot may not read changes what a question matches. In a large knowledge
    base names may be _MAX_AGE seconds old, so a document may be gone.
    """

    def __init__(self) -> None:
        self._known = RecentCache[frozenset[int] | None, _Known](_MAX_CACHED_SETS)

    def names_of(self, snapshot: Snapshot) -> DocumentNames:
        """Return the names of all documents that may be read, whatever the snapshot's filter."""
        with self._known.entry(snapshot.readable_labels) as entry:
            if entry.value is None or not entry.value.holds_for(snapshot):
                words = entry.value.names.words if entry.value else None
                names = DocumentNames(snapshot.without_filter().documents.names(), words)
                entry.value = _Known(snapshot.seq, time.monotonic(), names)
            return entry.value.names


def _fold(text: str) -> str:
    """Return a text in one case and without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", bare)


def _find_words(text: str) -> tuple[str, ...]:
    """Return the distinct words of a path or title, folded, without stop words."""
    text = _POSSESSIVE.sub("", text)
    if text.isascii():  # the usual case, made fast: there may be many names
        words = _merge_pieces(_ASCII_PIECE.findall(text))
    else:
        runs = list(_RUN.finditer(text))
        words = _merge_pieces([piece for run in runs for _, piece in _split_run(run.group())])
        words += [word for run in runs for _, _, word in _find_bigrams(run)]
    return tuple(word for word in dict.fromkeys(words) if word not in _STOP_WORDS)


def _merge_pieces(pieces: Sequence[str]) -> list[str]:
    """Return folded words: a single letter belongs to the number beside it (Q2, 10K, 3M)."""
    pieces = [_fold(piece) for piece in pieces]
    if all(len(piece) > 2 for piece in pieces):
        return pieces
    words = []
    at = 0
    while at < len(pieces):
        piece, *others = pieces[at : at + 3]
        size = 1
        if others and _is_year_mark(piece, others[0]):
            piece, size = _full_year(others[0]), 2
        elif others and _is_letter(piece) and _is_short_number(others[0]):
            piece, size = piece + others[0], 2
        elif others and _is_short_number(piece) and _is_letter(others[0]):
            owns_next = len(others) > 1 and _is_short_number(others[1])
            piece, size = (piece, 1) if owns_next else (piece + others[0], 2)
        elif _is_letter(piece):  # initials: J. C. Penney
            initials = list(takewhile(_is_letter, pieces[at:]))
            piece, size = "".join(initials), len(initials)
        words.append(piece)
        at += size
    return words


def _is_letter(piece: str) -> bool:
    return len(piece) == 1 and piece.isalpha()


def _is_short_number(piece: str) -> bool:
    return len(piece) <= 2 and piece.isdecimal()


def _is_year_mark(piece: str, number: str) -> bool:
    return piece in _YEAR_MARKS and number.isdecimal() and len(number) in (2, 4)


def _full_year(number: str) -> str:
    return number if len(number) == 4 else f"20{number}"


def _split_run(run: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of a word that case and digits set apart: BestBuy2018, XMLParser.

    Scripts without spaces are left out.
    """
    if run.isascii():
        yield from ((part.start(), part.group()) for part in _ASCII_PIECE.finditer(run))
        return
    for part in _SPACED.finditer(run):
        start, text = 0, part.group()
        for at in range(1, len(text) + 1):
            if at == len(text) or _is_boundary(text, at):
                yield part.start() + start, text[start:at]
                start = at


def _is_boundary(text: str, at: int) -> bool:
    before, here = text[at - 1], text[at]
    if before.isdecimal() or here.isdecimal():
        return before.isdecimal() != here.isdecimal()
    if not here.isupper():
        return False
    return before.islower() or (before.isupper() and text[at + 1 : at + 2].islower())


def _find_bigrams(run: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the pairs of letters of scripts without spaces, and their places in the text."""
    for part in _BIGRAMS.finditer(run.group()):
        text, start = part.group(), run.start() + part.start()
        for at in range(max(1, len(text) - 1)):
            yield start + at, start + min(at + 2, len(text)), _fold(text[at : at + 2])


def _find_spellings(question: str, longest: int) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, word) for all words of a name that a place in a question can be.

    Words are joined up to the length of the longest word of all names.
    """
    pieces: list[_Piece] = []
    for run in _RUN.finditer(question):
        yield from _find_bigrams(run)
        parts = [(run.start() + at, part) for at, part in _split_run(run.group())]
        if pieces and pieces[-1].end == run.start() - 1 and _is_possessive(question, run):
            last = pieces[-1]
            pieces[-1] = _Piece(last.start, run.end(), (*last.spellings, f"{last.spellings[0]}s"))
            continue
        pieces += [_Piece(at, at + len(part), (_fold(part),)) for at, part in parts]
        if len(pieces) > _MAX_PIECES:
            break
    for at, piece in enumerate(pieces):
        yield from _join_pieces(pieces[at : at + _MAX_JOINED_PIECES], longest)
        if at:
            yield from _read_period(pieces[at - 1], piece)


def _is_possessive(question: str, run: re.Match[str]) -> bool:
    return run[0] in ("s", "S") and question[run.start() - 1] in "'’"


def _read_period(first: _Piece, second: _Piece) -> Iterator[tuple[int, int, str]]:
    """Yield the year of FY18, and the q2 of "second quarter"."""
    before, after = first.spellings[0], second.spellings[0]
    if _is_year_mark(before, after):
        yield second.start, second.end, _full_year(after)
    elif after in _QUARTERS or before in _QUARTERS:
        number = before if after in _QUARTERS else after
        number = _LEXICON.number_words.get(number, number)
        if number in ("1", "2", "3", "4"):
            yield first.start, second.end, f"q{number}"


def _join_pieces(pieces: Sequence[_Piece], longest: int) -> Iterator[tuple[int, int, str]]:
    """Yield the first piece alone, and joined with those after it."""
    joined = [""]
    for piece in pieces:
        joined = [start + spelling for start in joined for spelling in piece.spellings]
        joined = [word for word in joined if len(word) <= longest]
        for word in joined:
            yield pieces[0].start, piece.end, word
        if not joined:
            return
