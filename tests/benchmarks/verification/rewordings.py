"""Other ways to say a true sentence, all of them still true."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random

from tests.benchmarks.verification.numbers import (
    MONTHS,
    find_dates,
    find_numbers,
    grouped,
    rescaled,
    spelled,
    spelled_numbers,
    written_like,
    years,
)

LEADS = (
    "According to the document, ",
    "The document says that ",
    "As the passage states, ",
    "Based on the passages provided, ",
)
SYNONYMS = {
    "approximately": "about",
    "began": "started",
    "located in": "situated in",
    "in order to": "to",
    "purchased": "bought",
    "obtained": "got",
    "largest": "biggest",
    "prior to": "before",
    "annual": "yearly",
    "per year": "a year",
    "often": "frequently",
    "usually": "typically",
    "although": "though",
    "became known as": "came to be called",
    "was founded": "was established",
    "took place": "happened",
    "primarily": "mainly",
    "teammates": "colleagues",
    "employees": "staff",
    "assist": "help",
    "such as": "like",
    "compared to": "compared with",
    "as well as": "along with",
    "several": "a number of",
    "entire": "whole",
    "ensure": "make sure",
    "currently": "at present",
    "however, ": "",
    "additionally, ": "",
}
_FIRST_WORDS = (
    "The In On At By For From During A An This These Those It He She They There We Our If When "
    "While After Before As All Each Some Many Most Its His Their Both Although Because Since Under "
    "To With You Your Employees Teammates Approximately Nearly About Over Up Around Between"
)
OPENERS = frozenset(_FIRST_WORDS.split())
_HEDGED = re.compile(
    r"\b(?:about|approximately|roughly|almost|nearly|over|than|least|most|around|by|to)\s*$|[~<>]$",
    re.IGNORECASE,
)
_BEFORE_IDS = ("page", "section", "version", "chapter", "article", "note", "item", "step", "level")


def rewordings(sentence: str, rng: Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, sentence) for each kind of rewording that the sentence allows."""
    for kind, reword in KINDS.items():
        text = reword(sentence, rng)
        if text is not None and text != sentence:
            yield kind, text


def number_in_words(sentence: str, rng: Random) -> str | None:
    """Write 28 days as twenty-eight days, or two days as 2 days."""
    for figure in find_numbers(sentence):
        before = sentence[: figure.start].split()[-1:]
        plain = figure.text.isdigit() and 2 <= figure.number <= 99
        id_like = before and (before[0].lower().strip("(") in _BEFORE_IDS or before[0] in MONTHS)
        id_like = id_like or sentence[: figure.start].endswith("~")
        if plain and not id_like and re.match(r" [a-z]", sentence[figure.end :]):
            word = spelled(int(figure.number))
            word = word.capitalize() if figure.start == 0 else word
            return sentence[: figure.start] + word + sentence[figure.end :]
    for number, word in spelled_numbers():
        match = re.search(
            rf"(?<![-\w]){word}(?= [a-z])(?! hundred| thousand| [mb]illion)", sentence
        )
        if match:
            return sentence[: match.start()] + str(number) + sentence[match.end() :]
    return None


def percent_in_words(sentence: str, rng: Random) -> str | None:
    changed = re.sub(r"(?<=\d)\s?%", " percent", sentence)
    return changed if changed != sentence else re.sub(r"(?<=\d) per ?cent\b", "%", sentence)


def other_grouping(sentence: str, rng: Random) -> str | None:
    """Write 1,000 as 1000, or 25000 as 25,000."""
    for figure in find_numbers(sentence):
        digits = re.search(r"\d[\d,]*", figure.text)
        if digits and "," in digits[0]:
            new = figure.text.replace(",", "")
        elif digits and len(digits[0]) >= 5 and figure.sort != (False, False):
            new = figure.text.replace(digits[0], f"{int(digits[0]):,}")
        else:
            continue
        return sentence[: figure.start] + new + sentence[figure.end :]
    return None


def other_scale(sentence: str, rng: Random) -> str | None:
    """Write $1,577 million as $1.577 billion, or 1.5 million as 1,500,000."""
    for figure in find_numbers(sentence):
        if figure.percent or (not figure.scale and figure.number < 1_000_000):
            continue
        new = rescaled(figure)
        if new and len(new) < len(figure.text) + 12:
            return sentence[: figure.start] + new + sentence[figure.end :]
    return None


def rounded(sentence: str, rng: Random) -> str | None:
    """Write $1,577 million as about $1.6 billion."""
    for figure in find_numbers(sentence):
        hedged = _HEDGED.search(sentence[: figure.start])
        if figure.percent or hedged or len(str(figure.number).strip("0.").replace(".", "")) < 4:
            continue
        if figure.start == 0 or "[" in sentence:
            continue
        short = figure.value.scaleb(-figure.value.adjusted()).quantize(Decimal("0.01"))
        short = short.scaleb(figure.value.adjusted())
        for scale, power in (("billion", 9), ("million", 6)):
            if short >= Decimal(10) ** power:
                new = f"{figure.money}{grouped(short.scaleb(-power))} {scale}"
                break
        else:
            new = figure.money + grouped(short)
        if short != figure.value:
            return f"{sentence[: figure.start]}about {new}{sentence[figure.end :]}"
    return None


def money_in_words(sentence: str, rng: Random) -> str | None:
    for figure in find_numbers(sentence):
        if figure.money in ("$", "US$"):
            bare = figure.text.removeprefix(figure.money)
            new = f"{bare} dollars" if rng.random() < 0.5 else f"USD {bare}"
            return sentence[: figure.start] + new + sentence[figure.end :]
    return None


def other_date(sentence: str, rng: Random) -> str | None:
    """Write March 5, 2024 as 5 March 2024 or as 2024-03-05."""
    for date in find_dates(sentence):
        if date.day:
            forms = ["1 January 2000", "January 1, 2000", "2000-01-01"]
            new = [written_like(form, date.year, date.month, date.day) for form in forms]
            chosen = rng.choice([form for form in new if form != date.text])
            tail = sentence[date.end :]
            tail = tail.removeprefix(",") if re.match(r", [a-z]", tail) else tail
            return sentence[: date.start] + chosen + tail
    return None


def without_parenthesis(sentence: str, rng: Random) -> str | None:
    return re.sub(r"\s?\([^()]{3,}\)", "", sentence, count=1)


def without_clause(sentence: str, rng: Random) -> str | None:
    """Leave out a clause with which, who or where between commas."""
    match = re.search(r", (?:which|who|whose|where|whom) [^,;:()“”\"]+(?=,|\.$)", sentence)
    if match is None or match.start() < 25:
        return None
    tail = sentence[match.end() :]
    # a list going on behind the comma is no end of the clause
    if tail.startswith(",") and not re.match(r", [a-z]+(?:s|ed|d)? ", tail):
        return None
    if re.match(r", (?:and|or|but|as|with|[a-z]+ing) ", tail):
        return None
    return sentence[: match.start()] + re.sub(r"^,", "", tail)


def with_lead(sentence: str, rng: Random) -> str | None:
    first = sentence.split(maxsplit=1)[0]
    lowered = sentence[0].lower() + sentence[1:] if first in OPENERS else sentence
    return rng.choice(LEADS) + lowered


def with_synonyms(sentence: str, rng: Random) -> str | None:
    """Replace all words of the list by synonyms, outside quotation marks and names."""
    if re.search(r"[“”\"]", sentence):
        return None
    changed = sentence
    for word, other in SYNONYMS.items():
        changed = re.sub(rf"\b{word}(?!\w)", other, changed)
        changed = re.sub(rf"\b{word.capitalize()}(?!\w)", other.capitalize(), changed)
    return changed[:1].upper() + changed[1:]


def moved_time(sentence: str, rng: Random) -> str | None:
    """Write “In 1908, he came back.” as “He came back in 1908.”"""
    match = re.match(r"(In|On|By|Since|During) ([^,;()]{3,30}), ([^,;:()“”\"]+)\.$", sentence)
    if match is None or not years(match[2]) or re.search(r"\b(?:but|that|which|while)\b", match[3]):
        return None
    return f"{match[3][:1].upper()}{match[3][1:]} {match[1].lower()} {match[2]}."


def with_quotation(sentence: str, rng: Random) -> str | None:
    """Write “The document says: ...” with an exact run of words."""
    words = sentence.rstrip(".!?").split()
    if len(words) < 8 or re.search(r"[“”\"\[\]]", sentence):
        return None
    length = rng.randint(6, min(14, len(words)))
    start = rng.randint(0, len(words) - length)
    if start and words[start - 1].lower() in ("not", "no", "never", "without", "nor"):
        start -= 1
    run = " ".join(words[start : start + length]).rstrip(",;:")
    marks = rng.choice(("“”", '""'))
    lead = rng.choice(("The document says: ", "The passage states: ", "It says there: "))
    return f"{lead}{marks[0]}{run}{marks[1]}."


KINDS: dict[str, Callable[[str, Random], str | None]] = {
    "number in words": number_in_words,
    "percent in words": percent_in_words,
    "digit grouping": other_grouping,
    "other scale": other_scale,
    "rounded": rounded,
    "money in words": money_in_words,
    "date form": other_date,
    "no parenthesis": without_parenthesis,
    "no clause": without_clause,
    "lead-in": with_lead,
    "synonyms": with_synonyms,
    "time moved": moved_time,
    "quotation": with_quotation,
}
