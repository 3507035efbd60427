"""What a passage holds: its facts, words and sentences, each ready to be looked up."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise

from ragkit.text.dates import Date, DateIndex
from ragkit.text.keywords import keywords
from ragkit.text.numbers import Number, NumberIndex, find_numbers, find_scales
from ragkit.text.sentences import Sentence, row_label, split_sentences
from ragkit.verification.claims import WORD, Fact, Kind, find_facts, is_acronym
from ragkit.verification.table_years import read_year_columns

_MARKS = re.compile(r"\*\*|__|`|^[ \t]*+(?:[-*•>#]+|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_UMLAUT = re.compile(r"([aou])e")
_POSSESSIVE = re.compile(r"['’]s?$")
_TOKEN = re.compile(r"\w(?:[\w./:@+-]*\w)?")
_ROMAN = re.compile(r"[IVXLC]+")
_VERSION = re.compile(r"^v(?=\d)")
_PART = re.compile(r"[-/]")
_ENDING = 3  # letters at most that one form of a word has more than another
_OTHERS = 0.2  # of the words of a sentence that restates one of the passage
LONGEST = 200  # words of a sentence that may restate another
_COMPARED = 32  # sentences that share rare words with it, to be compared


def plain(text: str) -> str:
    """A text without the marks of Markdown, in the usual form of its letters."""
    return unicodedata.normalize("NFKC", _MARKS.sub("", text))


def stated_words(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning, without its numbers."""
    return frozenset(word for word in keywords(text) if not word[:1].isdigit())


class Evidence:
    """A passage or one sentence of it, taken apart when something is looked up.

    `scales` are those of the passage that the sentence stands in, and `by_year` the figures of a
    table's row whose columns are years.
    """

    def __init__(
        self,
        text: str,
        scales: frozenset[float] = frozenset(),
        by_year: Mapping[int, Number] | None = None,
    ) -> None:
        self.text = plain(text)
        self._by_year = by_year or {}
        self._scales = scales or find_scales(self.text)
        self._restated: dict[frozenset[str], list[Evidence]] = {}

    def holds(self, fact: Fact, *, partly: bool = False) -> bool:
        """Whether a fact stands here, in whatever spelling; `partly` one word of a name does."""
        content = fact.content
        if isinstance(content, Number):
            return self._figures.supports(content)
        if isinstance(content, Date):
            return self._days.supports(content)
        if fact.kind == "name":
            named = map(self.names, WORD.findall(content))
            return any(named) if partly else all(named)
        if fact.kind == "code":
            return _code(content) in self._codes
        return _squeezed(content) in self._squeezed

    def is_under_another_year(self, fact: Fact, year: int) -> bool:
        """Whether a row has another number than this one in the column of a year."""
        stated, found = fact.content, self._by_year.get(year)
        if not isinstance(stated, Number) or found is None:
            return False
        return not NumberIndex([found], self._scales).supports(stated)

    def rows_named(self, words: frozenset[str]) -> list[Evidence]:
        """The rows of tables whose label, the words before their figures, is among these words."""
        rows = (row for word in words for row in self._rows.get(word, ())[:_COMPARED])
        return [row for label, row in rows if label <= words]

    def has_in_prose(self, fact: Fact) -> bool:
        """Whether a fact stands outside the rows of tables."""
        return self._prose.holds(fact)

    @cached_property
    def _rows(self) -> dict[str, list[tuple[frozenset[str], Evidence]]]:
        """The rows of tables, each with the words of its label, by one of these."""
        found = defaultdict(list)
        for unit, sentence in zip(self._units, self.sentences, strict=True):
            if label := keywords(row_label(unit)):
                found[min(label)].append((label, sentence))
        return dict(found)

    @cached_property
    def _prose(self) -> Evidence:
        texts = (unit.in_context for unit in self._units if not row_label(unit))
        return Evidence("\n".join(texts), self._scales)

    def names(self, word: str) -> bool:
        """Whether a word stands here, in another form maybe, or one for whose letters it stands."""
        folded = _folded(word)
        parts = re.split(r"[-&./]", folded)
        if folded in self._words or (len(parts) > 1 and all(p in self._words for p in parts)):
            return True
        if not keywords(word):
            return True
        short = is_acronym(word) and not _ROMAN.fullmatch(word)
        if short and folded.replace(".", "") in self._initials:
            return True
        return folded in self._stems or any(stem in self._words for stem in _cut(folded))

    def restating(self, words: frozenset[str]) -> list[Evidence]:
        """The sentences that share most of these words, where a fifth of them, or one, may lack."""
        if not 2 <= len(words) <= LONGEST:
            return []
        if words not in self._restated:
            self._restated[words] = self._nearest(words)
        return self._restated[words]

    def _nearest(self, words: frozenset[str]) -> list[Evidence]:
        lacking = int(max(1, _OTHERS * len(words)))
        rare = sorted(words, key=lambda word: (len(self._places.get(word, ())), word))
        numbers = {n for word in rare[: lacking + 1] for n in self._places.get(word, ())}
        near = [self.sentences[n] for n in sorted(numbers)[:_COMPARED]]
        shared = [len(words & sentence.stated) for sentence in near]
        most = max(shared, default=0)
        if most < max(2, len(words) - lacking):
            return []
        return [one for one, count in zip(near, shared, strict=True) if count == most]

    @cached_property
    def sentences(self) -> list[Evidence]:
        rows = read_year_columns(self.text)
        return [
            Evidence(unit.in_context, self._scales, rows.get(unit.text)) for unit in self._units
        ]

    @cached_property
    def _units(self) -> list[Sentence]:
        return list({unit.in_context: unit for unit in split_sentences(self.text)}.values())

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(fact.kind for fact in find_facts(self.text))

    @cached_property
    def content(self) -> frozenset[str]:
        return keywords(self.text)

    @cached_property
    def stated(self) -> frozenset[str]:
        return stated_words(self.text)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """The sentences that each word stands in, by their numbers."""
        places = defaultdict(list)
        for number, sentence in enumerate(self.sentences):
            for word in sentence.stated:
                places[word].append(number)
        return dict(places)

    @cached_property
    def _figures(self) -> NumberIndex:
        return NumberIndex(find_numbers(self.text), self._scales)

    @cached_property
    def _days(self) -> DateIndex:
        return DateIndex(self.text)

    @cached_property
    def _words(self) -> frozenset[str]:
        found = [_folded(match.group()) for match in WORD.finditer(self.text)]
        parts = (part for word in found for part in re.split(r"[-&./]", word))
        return frozenset([*found, *parts, *(word.replace(".", "") for word in found)])

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(stem for word in self._words for stem in _cut(word))

    @cached_property
    def _initials(self) -> frozenset[str]:
        """What the first letters of neighbouring words with capitals spell, two to six of them."""
        words = (match.group() for match in WORD.finditer(self.text))
        letters = "".join(word[0] for word in words if word[0].isupper()).casefold()
        return frozenset(
            letters[at : at + size] for size in range(2, 7) for at in range(len(letters))
        )

    @cached_property
    def _codes(self) -> frozenset[str]:
        """What may be a code, whole, in parts, or written as two or three words."""
        tokens = _TOKEN.findall(self.text)
        parts = [part for token in tokens for part in _PART.split(token)]
        pairs = pairwise(tokens)
        triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
        return frozenset(map(_code, [*tokens, *parts, *map("".join, [*pairs, *triples])]))

    @cached_property
    def _squeezed(self) -> str:
        return _squeezed(self.text)


def _cut(word: str) -> list[str]:
    """A word without what may be its ending; four letters are left at least."""
    return [word[:end] for end in range(max(4, len(word) - _ENDING), len(word))]


def _folded(word: str) -> str:
    """A word without case, accents and a possessive s; Mueller is Müller."""
    letters = (c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = _POSSESSIVE.sub("", "".join(letters).casefold().rstrip("."))
    return _UMLAUT.sub(r"\1", plain)


def _code(text: str) -> str:
    """A code for comparing: v2.1 is 2.1, and VX-4420 is VX4420."""
    return _VERSION.sub("", _squeezed(text))


def _squeezed(text: str) -> str:
    """A text for comparing letter by letter: no case, quotes, dashes, marks and white space."""
    return re.sub(r"[\s*_`'’\"“”„‘-]|[‐-―]", "", text.casefold())
