"""Claims of a sentence, and the facts that a claim states.

A claim is a clause of a sentence, without citations and introductions such as "Yes,". Its facts
are its quotations, dates, codes, numbers and names: the parts that a text has or does not have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ragkit.text.dates import Date, find_dates
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.numbers import MAX_DIGITS, Number, find_numbers
from ragkit.text.scripts import UNSPACED

_LEXICON = load_lexicon()
CITATION = re.compile(r"\[(\d{1,3})\]")
_NOTE_MARK = re.compile(r"(?<=\d)[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_MARKDOWN = re.compile(r"\*\*|__|`|^[ \t]*+(?:[-*•>#]+|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_REPLY = re.compile(
    rf"^\s*(?:{any_of(_LEXICON.replies)})(?:\s*[.,:!]|\s+[–—-]\s|\s*$)\s*", re.IGNORECASE
)
_LEAD_IN = re.compile(rf"^\s*(?:{'|'.join(_LEXICON.lead_in_patterns)})", re.IGNORECASE)

Kind = Literal["quotation", "date", "code", "year", "number", "frequency", "name"]

WORD = re.compile(r"[^\W\d_]+(?:['’&.-][^\W\d_]+)*\.?")
_QUOTATION = re.compile(
    r"“([^“”]*)”|\"(?!\s)([^\"]*)(?<!\s)\"|„([^„“”]*)[“”]|«([^«»]*)»|»([^«»]*)«|「([^「」]*)」"
)
_MIN_QUOTATION_LENGTH = 8  # characters; less is a word in quotes
_OMISSION = re.compile(r"\.\.\.|…|\[\.\.\.\]")
_TOKEN = re.compile(
    rf"(?<![^\W{UNSPACED}])(?<![/.@-])[^\W_{UNSPACED}](?:[^\W{UNSPACED}]|[./:@+-])*+"
)
_DIGITS_AND_MARK = re.compile(r"\d+[./:+-]")
_NUMBER_AND_WORD = re.compile(r"\d+(?:[.,]\d+)?-[^\W\d_]{3}[^\W\d_-]*(?:-[^\W\d_]+)*")
_MARKED_DIGITS = re.compile(r"\d+(?::\d+)+|\d+(?:\.\d+){2,}")
_NOUN_CAPITALS = re.compile(rf"\b(?:{any_of(_LEXICON.noun_capital_markers)})\b", re.IGNORECASE)
_LIST_SEPARATOR = re.compile(rf",? (?:{any_of(_LEXICON.addition_joins)}) |, ", re.IGNORECASE)
_NON_NAMES = frozenset(_LEXICON.non_names)
_FREQUENCY = re.compile(
    rf"\b(?:(?P<word>{any_of(_LEXICON.frequencies)})"
    rf"|(?P<link>{any_of(_LEXICON.rate_links)})\s+(?P<period>{any_of(_LEXICON.periods)}))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a claim that can be looked up.

    `content` is what is compared. A bare number from 1000 to 2099 has the kind "year".
    """

    text: str
    content: Number | Date | str
    kind: Kind


def split_claims(sentence: str) -> list[str]:
    """Return the clauses of a sentence without citations, "Yes," and "According to the text,"."""
    return re.split(r";\s", _LEAD_IN.sub("", strip_reply(strip_citations(sentence))))


def strip_reply(sentence: str) -> str:
    """Remove a "Yes," or "No." at the start of a sentence."""
    return _REPLY.sub("", sentence)


def strip_citations(sentence: str) -> str:
    """Remove the citations and the Markdown of a sentence."""
    return strip_markdown(CITATION.sub("", sentence))


def strip_markdown(text: str) -> str:
    """Remove Markdown from a text and normalize its characters (NFKC).

    The mark of a note behind a number goes, too: 30² is 30, not 302.
    """
    return unicodedata.normalize("NFKC", _NOTE_MARK.sub("", _MARKDOWN.sub("", text)))


def keywords_without_numbers(text: str) -> frozenset[str]:
    """Return the keywords of a text that do not begin with a digit."""
    return frozenset(word for word in keywords(text) if not word[:1].isdigit())


def find_facts(claim: str) -> list[Fact]:
    """Return the facts of a claim; no two of them overlap."""
    found: list[Fact] = []
    rest = claim
    finders = (
        _find_quotations, _find_dates, _find_codes, _find_numbers, _find_frequencies, _find_names,
    )  # fmt: skip
    for find in finders:
        spans = []
        for fact, start, end in find(rest):
            found.append(fact)
            spans.append((start, end))
        rest = _blank(rest, spans)
    return found


_Found = Iterator[tuple[Fact, int, int]]
"""Facts, each at characters [start, end)."""


def _find_quotations(text: str) -> _Found:
    """Yield the parts of quotations between omissions; a quoted question states nothing."""
    for match in _QUOTATION.finditer(text):
        inside = next(filter(None, match.groups()), "").strip()
        if len(inside) < _MIN_QUOTATION_LENGTH or inside.endswith("?"):
            continue
        for part in map(str.strip, _OMISSION.split(inside)):
            if part:
                yield Fact(part, part.strip(" .,;"), "quotation"), *match.span()


def _find_dates(text: str) -> _Found:
    for date in find_dates(text):
        yield Fact(date.text, date, "date"), date.start, date.end


def _find_codes(text: str) -> _Found:
    for token in _TOKEN.finditer(text):
        code = token.group().rstrip("./:@+-")
        if is_code(code):
            yield Fact(code, code, "code"), token.start(), token.start() + len(code)


def is_code(token: str) -> bool:
    """Return True for letters with digits, digits with several marks, and e-mail addresses.

    VX-4420, 10-K, 11:30 and 192.168.0.1 are codes. A number with its unit is not: 5km, 15th,
    10-year-old.
    """
    if "@" in token:
        return True
    counted = _NUMBER_AND_WORD.fullmatch(token) and token.islower()
    if counted or not any(character.isdecimal() for character in token):
        return False
    marked = _DIGITS_AND_MARK.match(token) and any(map(str.isalpha, token))
    if token[0].isdecimal() and not marked:
        digits = sum(character.isdecimal() for character in token)
        is_long = digits > MAX_DIGITS and token.isdecimal()
        return is_long or _MARKED_DIGITS.fullmatch(token) is not None
    return not any((each.start, each.end) == (0, len(token)) for each in find_numbers(token))


def _find_numbers(text: str) -> _Found:
    for number in find_numbers(text):
        kind: Kind = "year" if number.is_year else "number"
        yield Fact(number.text.strip(), number, kind), number.start, number.end


def find_rates(text: str) -> dict[str, bool]:
    """Return how often things happen in a text: "daily", "each day" and "a day" are "day".

    The value is True if the text says it as a frequency, and False for a mere rate: "a day".
    """
    found: dict[str, bool] = {}
    for match in _FREQUENCY.finditer(text):
        meaning, is_frequency = _read_frequency(match)
        found[meaning] = found.get(meaning, False) or is_frequency
    return found


def _read_frequency(match: re.Match[str]) -> tuple[str, bool]:
    if match["word"]:
        return _LEXICON.frequencies[match["word"].casefold()], True
    is_frequency = match["link"].casefold() in _LEXICON.repetition_links
    return _LEXICON.periods[match["period"].casefold()], is_frequency


def counts_list(claim: str, fact: Fact) -> bool:
    """Return True for a small number that counts the names after it: "Two of them are A and B"."""
    number = fact.content
    if not isinstance(number, Number) or number.unit or number.scale > 1:
        return False
    following = claim[claim.find(fact.text) + len(fact.text) :]
    separators = len(_LIST_SEPARATOR.findall(following))
    return separators > 0 and number.readings[0][0] == separators + 1


def _find_frequencies(text: str) -> _Found:
    for match in _FREQUENCY.finditer(text):
        meaning, is_frequency = _read_frequency(match)
        if is_frequency:
            yield Fact(match.group(), meaning, "frequency"), match.start(), match.end()


def _find_names(text: str) -> _Found:
    """Yield runs of capitalized words, without the first word of a sentence if it stands alone.

    Where every noun has a capital, one such word is a name only if it is an acronym.
    """
    noun_capitals = capitalizes_nouns(text)
    for words in _find_capitalized(text):
        first = words[0].group()
        lone = len(words) == 1 or not keywords(first)
        opens = _begins_sentence(text, words[0]) and not is_acronym(first)
        named = words[1:] if opens and lone else words
        if named and (not noun_capitals or len(named) > 1 or is_acronym(named[0].group())):
            start, end = named[0].start(), named[-1].end()
            name = text[start:end].rstrip(".")
            yield Fact(name, name, "name"), start, end


def _find_capitalized(text: str) -> Iterator[list[re.Match[str]]]:
    """Yield runs of capitalized words of two letters or more, with single spaces between them."""
    run: list[re.Match[str]] = []
    for word in WORD.finditer(text):
        if word.group()[0].isupper() and len(word.group()) > 1 and not is_non_name(word.group()):
            if run and text[run[-1].end() : word.start()] != " ":
                yield run
                run = []
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _begins_sentence(text: str, word: re.Match[str]) -> bool:
    """Return True if a word begins a sentence, a quotation, or the text after a colon."""
    before = text[max(0, word.start() - 8) : word.start()].rstrip(" ")
    return not before or before[-1] in ':.!?“"„«(|\n•'


def is_non_name(word: str) -> bool:
    """Return True for a word that often has a capital although it is not a name: "Section"."""
    return word.casefold().rstrip(".") in _NON_NAMES


def capitalizes_nouns(text: str) -> bool:
    """Return True if a text is of a language that writes every noun with a capital: German."""
    return len(_NOUN_CAPITALS.findall(text)) >= 2


def is_acronym(word: str) -> bool:
    """Return True if a word has two capitals or more."""
    return sum(letter.isupper() for letter in word) > 1


def _blank(text: str, spans: Iterable[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\n" * (end - start)
    return "".join(letters)
