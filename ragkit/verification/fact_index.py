"""The facts of a text, found whatever their spelling."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from itertools import pairwise

from ragkit.text.dates import Date, DateIndex
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.numbers import Number, NumberIndex, find_numbers, find_scales
from ragkit.text.scripts import UNSPACED
from ragkit.verification.claims import (
    WORD,
    Fact,
    find_rates,
    is_acronym,
    is_code,
    strip_markdown,
)

_UMLAUT = re.compile(r"([aou])e")
_POSSESSIVE = re.compile(r"['’]s?$")
_TOKEN = re.compile(r"\w(?:[\w./:@+-]*\w)?")
_ROMAN = re.compile(r"[IVXLC]+")
_VERSION = re.compile(r"^v(?=\d)")
_CODE_PART = re.compile(r"[-/]")
_NAME_PART = re.compile(r"[-&./]")
_NO_NUMBERS = re.compile(
    r"(?:https?://|www\.)\S+"
    rf"|(?<![\w/.@-])[^\W\d_{UNSPACED}]+[-_/]?\d{{1,2}}(?![\w-]*\d)[\w-]*"
    r"|(?<![^\n|])[ \t]*\d{1,3}[.)](?=[ \t])"
)
"""Addresses, short numbers in codes such as VX-30, and the numbers of list items."""
_PERIOD = re.compile(rf"(?:{any_of(load_lexicon().period_labels)})[-_/]?\d", re.IGNORECASE)
_NOUN = re.compile(r"[ -][^\W\d_]+")
_COUNTED = re.compile(r"(?:[ -][^\W\d_]+){0,3}")
_MAX_ENDING = 3  # letters that one form of a word may have more than another
_MIN_STEM = 4  # letters of a word that are compared at least
_ACRONYM_LENGTHS = range(2, 7)  # letters


class FactIndex:
    """The facts of a text, ready to be looked up; each kind is indexed on first use.

    `scales` are those of the whole text that this one is a part of.
    """

    def __init__(self, text: str, scales: frozenset[float] = frozenset()) -> None:
        self.text = strip_markdown(text)
        self._scales = scales or find_scales(self.text)

    def supports(self, fact: Fact, *, partly: bool = False) -> bool:
        """Return True if the text has a fact; with `partly`, one word of a name is enough."""
        content = fact.content
        if isinstance(content, Number):
            return self._numbers.supports(content)
        if isinstance(content, Date):
            return self._dates.supports(content)
        if fact.kind == "name":
            words = map(self.has_word, WORD.findall(content))
            return any(words) if partly else all(words)
        if fact.kind == "frequency":
            return content in self._rates
        if fact.kind == "code":
            return _normalize_code(content) in self._codes
        return _squeeze(content) in self._squeezed_text

    def find_counted(self, stated: Number) -> list[frozenset[str]]:
        """Return what each number that equals a stated one counts: the keywords close behind it."""
        return [
            keywords(_COUNTED.match(self.text, number.end)[0])  # type: ignore[index]
            for number in self._written_numbers
            if NumberIndex([number], frozenset()).supports(stated)
        ]

    @cached_property
    def nouns(self) -> list[frozenset[str]]:
        """What each number counts: the keyword behind it."""
        behind = (_NOUN.match(self.text, number.end) for number in self._written_numbers)
        return [keywords(match[0]) for match in behind if match]

    def has_word(self, word: str) -> bool:
        """Return True if the word, an inflected form, or the phrase it abbreviates occurs."""
        folded = _fold(word)
        parts = _NAME_PART.split(folded)
        if folded in self._words or (len(parts) > 1 and all(p in self._words for p in parts)):
            return True
        if not keywords(word):
            return True
        abbreviates = is_acronym(word) and not _ROMAN.fullmatch(word)
        if abbreviates and folded.replace(".", "") in self._acronyms:
            return True
        return folded in self._stems or any(stem in self._words for stem in _cut_stems(folded))

    @cached_property
    def _numbers(self) -> NumberIndex:
        return NumberIndex(self._written_numbers, self._scales)

    @cached_property
    def _written_numbers(self) -> list[Number]:
        """The numbers, without digits that count nothing: in addresses, codes and list markers."""
        return find_numbers(_NO_NUMBERS.sub(_blank_digits, self.text))

    @cached_property
    def _rates(self) -> dict[str, bool]:
        return find_rates(self.text)

    @cached_property
    def _dates(self) -> DateIndex:
        return DateIndex(self.text)

    @cached_property
    def _words(self) -> frozenset[str]:
        found = [_fold(match.group()) for match in WORD.finditer(self.text)]
        parts = (part for word in found for part in _NAME_PART.split(word))
        return frozenset([*found, *parts, *(word.replace(".", "") for word in found)])

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(stem for word in self._words for stem in _cut_stems(word))

    @cached_property
    def _acronyms(self) -> frozenset[str]:
        """What the first letters of two to six neighbouring capitalized words spell."""
        words = (match.group() for match in WORD.finditer(self.text))
        letters = "".join(word[0] for word in words if word[0].isupper()).casefold()
        return frozenset(
            letters[at : at + size] for size in _ACRONYM_LENGTHS for at in range(len(letters))
        )

    @cached_property
    def _codes(self) -> frozenset[str]:
        """What may be a code: tokens, their parts, and two or three of them joined."""
        tokens = _TOKEN.findall(self.text)
        parts = [part for token in tokens for part in _CODE_PART.split(token)]
        pairs = pairwise(tokens)
        triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
        joined = map("".join, [*pairs, *triples])
        return frozenset(map(_normalize_code, [*tokens, *parts, *joined]))

    @cached_property
    def _squeezed_text(self) -> str:
        return _squeeze(self.text)


def _blank_digits(match: re.Match[str]) -> str:
    """Return a match without its digits; an amount (EUR250) or a period (FY2018) keeps them."""
    own = match.group()
    is_letters_first = own[0].isalpha() and not own.startswith(("http", "www"))
    if is_letters_first and (_PERIOD.match(own) or not is_code(own)):
        return own
    return re.sub(r"\d", "#", own)


def _cut_stems(word: str) -> list[str]:
    """Return a word without its last one to three letters, as far as four letters are left."""
    return [word[:end] for end in range(max(_MIN_STEM, len(word) - _MAX_ENDING), len(word))]


def _fold(word: str) -> str:
    """Return a word without case, accents and a possessive s; Mueller becomes Müller."""
    letters = (c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = _POSSESSIVE.sub("", "".join(letters).casefold().rstrip("."))
    return _UMLAUT.sub(r"\1", plain)


def _normalize_code(text: str) -> str:
    """Return a code as it is compared: v2.1 becomes 2.1, and VX-4420 becomes vx4420."""
    return _VERSION.sub("", _squeeze(text))


def _squeeze(text: str) -> str:
    """Return a text without case, quotes, dashes, Markdown and white space."""
    return re.sub(r"[\s*_`'’\"“”„‘-]|[‐-―]", "", text.casefold())
