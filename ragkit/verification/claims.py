"""The facts that a sentence states: quotations, dates, codes, numbers and names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ragkit.text.dates import Date, find_dates
from ragkit.text.keywords import UNSPACED, keywords
from ragkit.text.numbers import MOST_DIGITS, Number, find_numbers

Kind = Literal["quotation", "date", "code", "year", "number", "name"]

WORD = re.compile(r"[^\W\d_]+(?:['’&.-][^\W\d_]+)*\.?")
_QUOTATION = re.compile(
    r"“([^“”]*)”|\"(?!\s)([^\"]*)(?<!\s)\"|„([^„“”]*)[“”]|«([^«»]*)»|»([^«»]*)«|「([^「」]*)」"
)
_SHORTEST = 8  # characters of a quotation; less is a word in quotes
_LEFT_OUT = re.compile(r"\.\.\.|…|\[\.\.\.\]")
_TOKEN = re.compile(
    rf"(?<![^\W{UNSPACED}])(?<![/.@-])[^\W_{UNSPACED}](?:[^\W{UNSPACED}]|[./:@+-])*+"
)
_DIGITS_AND_MARK = re.compile(r"\d+[./:+-]")
_NUMBER_AND_WORD = re.compile(r"\d+(?:[.,]\d+)?-[^\W\d_]{3}[^\W\d_-]*(?:-[^\W\d_]+)*")
_MARKED_DIGITS = re.compile(r"\d+(?::\d+)+|\d+(?:\.\d+){2,}")
_GERMAN = re.compile(
    r"\b(?:der|die|das|und|ist|nicht|ein|eine|mit|für|von|werden|wird|den|dem"
    r"|im|am|um|zum|zur|auf|bei|nach|aus|bis|sich|sind|hat|muss|beträgt)\b",
    re.IGNORECASE,
)
# Words that get a capital where they are no name
_NO_NAMES = frozenset(
    re.findall(
        r"\S+",
        """
        see contact visit call ask use send refer note please step only also both each every all
        according additionally however therefore furthermore overall thus hence moreover answer
        section chapter article table figure page appendix am pm a.m p.m
        die siehe laut gemäß abschnitt kapitel artikel tabelle seite
        """,
    )
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a sentence that can be looked up; a number from 1000 to 2099 may be a year."""

    text: str
    content: Number | Date | str
    kind: Kind


def find_facts(said: str) -> list[Fact]:
    """The facts of a sentence; what one of them covers is in no other."""
    found: list[Fact] = []
    rest = said
    for read in (_quotations, _dates, _codes, _numbers, _names):
        spans = []
        for fact, start, end in read(rest):
            found.append(fact)
            spans.append((start, end))
        rest = _blanked(rest, spans)
    return found


_Found = Iterator[tuple[Fact, int, int]]


def _quotations(text: str) -> _Found:
    """What stands in quotes, in parts where something is left out; a question states nothing."""
    for match in _QUOTATION.finditer(text):
        inside = next(filter(None, match.groups()), "").strip()
        if len(inside) < _SHORTEST or inside.endswith("?"):
            continue
        for part in map(str.strip, _LEFT_OUT.split(inside)):
            if part:
                yield Fact(part, part.strip(" .,;"), "quotation"), *match.span()


def _dates(text: str) -> _Found:
    for day in find_dates(text):
        yield Fact(day.text, day, "date"), day.start, day.end


def _codes(text: str) -> _Found:
    for token in _TOKEN.finditer(text):
        code = token.group().rstrip("./:@+-")
        if is_code(code):
            yield Fact(code, code, "code"), token.start(), token.start() + len(code)


def is_code(token: str) -> bool:
    """Whether it has letters and digits, or digits with several marks, or is an e-mail address.

    So VX-4420, 10-K, 11:30 and 192.168.0.1, but not a number with its unit: 5km, 15th, 10-year-old.
    """
    if "@" in token:
        return True
    counted = _NUMBER_AND_WORD.fullmatch(token) and token.islower()
    if counted or not any(sign.isdecimal() for sign in token):
        return False
    marked = _DIGITS_AND_MARK.match(token) and any(map(str.isalpha, token))
    if token[0].isdecimal() and not marked:
        long = sum(sign.isdecimal() for sign in token) > MOST_DIGITS and token.isdecimal()
        return long or _MARKED_DIGITS.fullmatch(token) is not None
    return not any((f.start, f.end) == (0, len(token)) for f in find_numbers(token))


def _numbers(text: str) -> _Found:
    for figure in find_numbers(text):
        kind: Kind = "year" if figure.is_year else "number"
        yield Fact(figure.text.strip(), figure, kind), figure.start, figure.end


def _names(text: str) -> _Found:
    """Runs of words with capitals, but for the first word of a sentence, which always has one."""
    german = is_german(text)
    for words in _capitalised(text):
        first = words[0].group()
        lone = len(words) == 1 or not keywords(first)
        opens = _begins_sentence(text, words[0]) and not is_acronym(first)
        named = words[1:] if opens and lone else words
        if named and (not german or len(named) > 1 or is_acronym(named[0].group())):
            start, end = named[0].start(), named[-1].end()
            name = text[start:end].rstrip(".")
            yield Fact(name, name, "name"), start, end


def _capitalised(text: str) -> Iterator[list[re.Match[str]]]:
    """Words of more than a letter that begin with a capital, those with a space between as one."""
    run: list[re.Match[str]] = []
    for word in WORD.finditer(text):
        if word.group()[0].isupper() and len(word.group()) > 1 and not is_no_name(word.group()):
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
    """Whether a word begins a sentence, or what stands behind a colon or an opening quote."""
    before = text[max(0, word.start() - 8) : word.start()].rstrip(" ")
    return not before or before[-1] in ':.!?“"„«(|\n•'


def is_no_name(word: str) -> bool:
    """Whether a word gets a capital though it names nothing, as a label or at the start."""
    return word.casefold().rstrip(".") in _NO_NAMES


def is_german(text: str) -> bool:
    """Whether a sentence is German, where every noun has a capital."""
    return len(_GERMAN.findall(text)) >= 2


def is_acronym(word: str) -> bool:
    return sum(letter.isupper() for letter in word) > 1


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\n" * (end - start)
    return "".join(letters)
