"""The verbatim terms of a question: strings that a passage holds exactly, or does not.

They are quoted text, e-mail addresses, sections, dates, codes, amounts and names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from ragkit.text.dates import Date, find_dates
from ragkit.text.folding import fold_text, replace_dashes
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.notations import (
    SECTION_WORDS,
    Notation,
    write_date,
    write_date_without_year,
    write_number,
    write_section,
)
from ragkit.text.numbers import MAX_DIGITS, Number, find_numbers, lowercase
from ragkit.text.occurrences import SECTION_MARKS, FoldedText, compile_section, compile_string
from ragkit.text.scripts import UNSPACED

Kind = Literal["quotation", "email", "section", "date", "code", "amount", "name"]

MAX_TERMS = 16  # of one question
MAX_QUESTION_LENGTH = 20_000  # characters that are read; no person writes a longer question
_MAX_QUOTATION_LENGTH = 300  # characters
_SENTENCE_ENDS = ':.!?“"„«(|\n•'
_MAX_NAME_QUERY = 4  # words of a query that is nothing but a name

_LEXICON = load_lexicon()
_CURRENCIES = frozenset({"$", "€", "£", "¥", "franc"})
_UNIT_WORDS = any_of(
    word for word, unit in _LEXICON.units.items() if unit == "%" or unit in _CURRENCIES
)
_CHARACTER = rf"[^\W{UNSPACED}\uac00-\ud7af]"  # of a code; not of a script that glues words to it
_QUOTATIONS = re.compile(
    rf"“([^“”]{{1,{_MAX_QUOTATION_LENGTH}}})”"
    rf"|(?<!\w)\"([^\"]{{1,{_MAX_QUOTATION_LENGTH}}})\"(?!\w)"
    rf"|„([^„“”\"]{{1,{_MAX_QUOTATION_LENGTH}}})[“”\"]"
    rf"|«([^«»]{{1,{_MAX_QUOTATION_LENGTH}}})»|»([^«»]{{1,{_MAX_QUOTATION_LENGTH}}})«"
    rf"|「([^「」]{{1,{_MAX_QUOTATION_LENGTH}}})」"
    rf"|(?<!\w)‘([^‘’]{{2,{_MAX_QUOTATION_LENGTH}}})’(?!\w)"
    rf"|(?<!\w)'([^'\n]{{2,{_MAX_QUOTATION_LENGTH}}})'(?!\w)"
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+)+")
_SECTION_NUMBER = r"(?:\d{1,4}(?:[.-]\d{1,4})*[a-z]?|[IVXLC]{1,7}|[A-Z])(?:\s?\(\w{1,5}\))*"
_SECTION = re.compile(
    rf"(?<!\w)(?P<label>(?i:{any_of(_LEXICON.sections)}))\.?\s*(?P<number>{_SECTION_NUMBER})"
    r"(?!\w|[.-]\w|\()"
)
_BARE_SECTION = re.compile(r"(?<![\w.$€£-])(?P<number>\d{1,4}(?:\.\d{1,4})*[a-z]?(?:\(\w{1,5}\))+)")
_TOKEN = re.compile(rf"(?<!{_CHARACTER}){_CHARACTER}++(?:[-./:+@&#]{_CHARACTER}++)*+")
_PERIOD_LABEL = rf"(?:[1-4]?(?:{any_of(_LEXICON.period_labels)})[1-4]?[-'’]?)"
_YEAR = r"(?:1\d|20)\d\d"
_PERIOD = re.compile(
    rf"{_PERIOD_LABEL}+(?:{_YEAR}|\d\d)?(?:[-/](?:{_YEAR}|\d\d))?s?"
    rf"|{_YEAR}(?:[-/](?:{_YEAR}|\d\d))?s?|{_YEAR}-?{_PERIOD_LABEL}",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\d{1,3}(?:[.,-]\d{1,3})*-?[^\W\d_]{2,}(?:-[^\W\d_]+)*")
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?:[ap]m)?", re.IGNORECASE)
_SHORT_PAIR = re.compile(r"\d{1,3}[-/:.,+&]\d{1,3}")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+|\d+\.\d+")
_SIGN = r"(?:US\$|[$€£¥]|(?:USD|EUR|GBP|JPY|CHF)\b)"
_AMOUNT = re.compile(
    rf"(?P<sign>{_SIGN}\s?)?(?<![\w.,-])"
    r"(?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,'’]*(?<![.,'’]))"
    rf"(?!-?\w)(?:\s?(?:{any_of(_LEXICON.scales)})\b)?(?:\s?(?:%|(?:{_UNIT_WORDS})(?!\w)))?",
    re.IGNORECASE,
)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:[-'’&.][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_COMMON = frozenset(_LEXICON.stop_words)
_NO_NAMES = _COMMON | frozenset(_LEXICON.non_names)
_MARKS: dict[Kind, str] = {"code": "-", "email": "-.@+", "amount": ""}


@dataclass(frozen=True, slots=True)
class VerbatimTerm:
    """A verbatim term of a question, in Unicode's form NFC.

    `text` is the term without its quotation marks. `content` is its date or number, if it is one.
    `label` and `number` are those of a section: "section" and "4.2(b)" for "§ 4.2(b)".
    """

    text: str
    kind: Kind
    content: Date | Number | None = None
    label: str = ""
    number: str = ""

    @property
    def is_identifier(self) -> bool:
        """Whether the term is a code or e-mail address; a number such as 2500 may be a count."""
        is_count = self.content is not None and (len(self.text) < 5 or self.text.endswith("00"))
        return self.kind == "email" or (self.kind == "code" and not is_count)

    @property
    def is_essential(self) -> bool:
        """Whether a question with the term has no answer in texts without it.

        That holds for codes, e-mail addresses, quoted text, sections and days, and not for names
        and amounts, which have other spellings.
        """
        if isinstance(self.content, Date):
            return all(all(reading) for reading in self.content.readings)
        return self.is_identifier or self.kind in ("quotation", "section")

    def occurs_in(self, text: FoldedText) -> bool:
        """Return True if a text holds the term: its string, its date, or its number.

        Case, white space, mark-up and kinds of dashes do not count, nor does the notation of dates
        and numbers. Part of a longer word, number or code is no occurrence.
        """
        if self._pattern.search(text.plain):
            return True
        if isinstance(self.content, Date):
            return text.dates.supports(self.content)
        return self.content is not None and text.has_number(self.content)

    def select_holders(self, texts: Mapping[int, str]) -> list[int]:
        """Return the keys of the texts in which the term occurs.

        Most texts hold it as it is, and need not be folded, which takes longest.
        """
        pattern = self._pattern
        return [
            key
            for key, text in texts.items()
            if pattern.search(text.casefold()) or self.occurs_in(FoldedText(text))
        ]

    def may_occur_in(self, text: FoldedText) -> bool:
        """Return True if a text holds the term, or what a person could take for it.

        That is the number of a section without its word, a date without its year, or an amount in
        any currency.
        """
        if self.occurs_in(text):
            return True
        if self.kind == "section":
            number = self.number.partition("(")[0]
            return compile_string(number, SECTION_MARKS).search(text.plain) is not None
        if isinstance(self.content, Date):
            return text.dates.supports_without_year(self.content)
        return self.content is not None and text.has_number(replace(self.content, unit=""))

    @property
    def notations(self) -> tuple[Notation, ...]:
        """The ways to write the term; every text that holds it matches one of them."""
        written = Notation(((self.text,),))
        if isinstance(self.content, Date):
            return (written, *write_date(self.content))
        if isinstance(self.content, Number):
            return (written, *write_number(self.content))
        if self.kind == "section":
            return tuple(write_section(self.label, self.number))
        return (written,)

    @property
    def loose_notations(self) -> tuple[Notation, ...]:
        """The notations of everything that the term may be taken for; see `may_occur_in`."""
        if isinstance(self.content, Date):
            return tuple(write_date_without_year(self.content))
        if self.kind == "section":
            return (Notation(((self.number.partition("(")[0],),)),)
        return self.notations

    @property
    def _pattern(self) -> re.Pattern[str]:
        if self.kind == "section":
            return compile_section(SECTION_WORDS.get(self.label, ()), self.number)
        marks = _MARKS.get(self.kind, "")
        return compile_string(self.text, f"{marks}_" if "_" in self.text else marks)


@dataclass(frozen=True, slots=True)
class VerbatimQuestion:
    """The verbatim terms of a question, at most 16, and its other words without stop words."""

    terms: tuple[VerbatimTerm, ...]
    rest: str


def parse_question(question: str) -> VerbatimQuestion:
    """Find the verbatim terms of a question; each part of it belongs to one term at most."""
    rest = unicodedata.normalize("NFC", replace_dashes(question[:MAX_QUESTION_LENGTH]))
    found: dict[str, VerbatimTerm] = {}
    for find in _FINDERS:
        spans = []
        for term, start, end in islice(find(rest), MAX_TERMS):
            if folded := fold_text(term.text).strip():
                found.setdefault(folded, term)
            spans.append((start, end))
        rest = _blank(rest, spans)
    others = " ".join(word for word in re.findall(r"\w+", rest) if word.casefold() not in _COMMON)
    return VerbatimQuestion(tuple(found.values())[:MAX_TERMS], others)


_Found = Iterator[tuple[VerbatimTerm, int, int]]
"""Terms, each at characters [start, end) of the question."""


def _find_quotations(text: str) -> _Found:
    """Yield what stands in quotation marks; a mark without a second one is like any character."""
    for match in _QUOTATIONS.finditer(text):
        inside = next(filter(None, match.groups())).strip().strip(".,;:!?").strip()
        if any(map(str.isalnum, inside)):
            kind: Kind = "code" if is_code(inside) else "quotation"
            kind = "email" if _EMAIL.fullmatch(inside) else kind
            yield VerbatimTerm(inside, kind), *match.span()


def _find_emails(text: str) -> _Found:
    for match in _EMAIL.finditer(text):
        yield VerbatimTerm(match.group(), "email"), *match.span()


def _find_sections(text: str) -> _Found:
    for match in _SECTION.finditer(text):
        label, number = match["label"], match["number"]
        if number[0].isdecimal() or not label[0].islower():
            meaning = _LEXICON.sections[lowercase(label)]
            yield VerbatimTerm(match.group(), "section", None, meaning, number), *match.span()


def _find_bare_sections(text: str) -> _Found:
    for match in _BARE_SECTION.finditer(text):
        yield VerbatimTerm(match.group(), "section", None, "", match.group()), *match.span()


def _find_dates(text: str) -> _Found:
    for date in find_dates(text):
        yield VerbatimTerm(date.text.strip(), "date", date), date.start, date.end


def _find_codes(text: str) -> _Found:
    for token in _TOKEN.finditer(text):
        if is_code(token.group()):
            yield VerbatimTerm(token.group(), "code", _read_digits(token.group())), *token.span()


def _read_digits(code: str) -> Number | None:
    """Return the number that a code of digits alone may also be."""
    if not code.isdecimal() or code[0] == "0" or len(code) > MAX_DIGITS:
        return None
    return next(iter(find_numbers(code)), None)


def is_code(token: str) -> bool:
    """Return True for a part number, an identifier or a number of four digits or more.

    A code has at least four characters with a digit and a letter or inner sign. Years and periods
    (FY2018, Q2-19), counted things (30-day, 15th, 100km), times, ranges such as 10-15 and numbers
    with a point or comma are not codes.
    """
    if len(token) < 4 or not any(map(str.isdecimal, token)) or not _TOKEN.fullmatch(token):
        return False
    if token.isdecimal():
        return len(token) > 4 or not 1000 <= int(token) < 2100
    if any(each.fullmatch(token) for each in (_PERIOD, _CLOCK, _SHORT_PAIR, _GROUPED)):
        return False
    if _COUNTED.fullmatch(token) and token.islower():
        return False
    return not any((each.start, each.end) == (0, len(token)) for each in find_numbers(token))


def _find_amounts(text: str) -> _Found:
    """Yield the numbers with a currency, and others with a point or comma that few texts hold.

    Those have four digits or more, or are percentages.
    """
    for match in _AMOUNT.finditer(text):
        joined = re.sub(r"(?<=\d)\s(?=\d{3})", "", match.group())
        number = next(iter(find_numbers(joined)), None)
        digits = sum(map(str.isdecimal, match["digits"]))
        is_rare = digits >= 4 or (number is not None and number.unit == "%")
        is_marked = is_rare and not match["digits"].isdecimal()
        if number and digits <= MAX_DIGITS and (number.unit in _CURRENCIES or is_marked):
            yield VerbatimTerm(match.group().strip(), "amount", number), *match.span()


def _find_names(text: str) -> _Found:
    """Yield runs of two or more words with a capital that do not open a sentence.

    A whole query of up to four such words is a name, too. In a text that writes every word with a
    capital, no run is a name.
    """
    words = [word for word in _NAME_WORD.finditer(text) if len(word.group()) > 1]
    capitals = sum(word.group()[0].isupper() for word in words)
    if capitals == len(words) > _MAX_NAME_QUERY:
        return
    for run in _find_capitalized(text):
        opens = len(run) < len(words) and _opens_sentence(text, run[0])
        name_words = [] if opens and not _is_common(run[0]) else _strip_common(run)
        if len(name_words) > 1:
            start, end = name_words[0].start(), name_words[-1].end()
            name = _POSSESSIVE.sub("", text[start:end])
            yield VerbatimTerm(name, "name"), start, end


def _find_capitalized(text: str) -> Iterator[list[re.Match[str]]]:
    """Yield runs of words with a capital, with one space between two of them."""
    run: list[re.Match[str]] = []
    for word in _NAME_WORD.finditer(text):
        is_next = run and text[run[-1].end() : word.start()] in (" ", ". ")
        if run and (not is_next or _POSSESSIVE.search(run[-1].group())):
            yield run
            run = []
        if word.group()[0].isupper():
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _strip_common(run: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return a run without the common words at its start and end."""
    while run and _is_common(run[0]):
        run = run[1:]
    while run and _is_common(run[-1]):
        run = run[:-1]
    return run


def _is_common(word: re.Match[str]) -> bool:
    return word.group().casefold().rstrip(".") in _NO_NAMES


def _opens_sentence(text: str, word: re.Match[str]) -> bool:
    before = text[max(0, word.start() - 8) : word.start()].rstrip(" ")
    return not before or before[-1] in _SENTENCE_ENDS


def _blank(text: str, spans: Iterable[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\n" * (end - start)
    return "".join(letters)


_FINDERS: tuple[Callable[[str], _Found], ...] = (
    _find_quotations,
    _find_emails,
    _find_sections,
    _find_bare_sections,
    _find_dates,
    _find_codes,
    _find_amounts,
    _find_names,
)
