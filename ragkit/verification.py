"""Checks an answer against the passages it cites, sentence by sentence and without a model.

A number, date, name or quotation of a sentence must stand in what the sentence cites, in whatever
spelling; most of its other words must, too; and what it denies must be denied there. That finds
wrong facts and wrong citations. It does not prove that a sentence follows from its passage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from ragkit.figures import NOTED_SCALE, Day, Figure, confirms, days, figures, says, scales_noted
from ragkit.opposites import turned
from ragkit.retrieval import Hit
from ragkit.sentences import Unit, units
from ragkit.words import content_words

Verdict = Literal["supported", "unsupported", "uncited"]

_CITATION = re.compile(r"\[(\d{1,3})\]")
_CITED_LATE = re.compile(r"([.!?])(\s*)((?:\[\d{1,3}\])+)")
_MARKS = re.compile(r"\*\*|__|`|^\s*(?:[-*•>#]+|\d{1,3}[.)])\s+", re.MULTILINE)
_QUOTATION = re.compile(r"“([^“”]{8,})”|\"([^\"]{8,})\"|„([^„“]{8,})“|«([^«»]{8,})»")
# A code has letters and digits, or digits with several marks: VX-4420, 10-K, 11:30, 192.168.0.1
_CODE = re.compile(
    r"(?<![\w/.-])(?=[\w./:-]*\d)(?:[^\W\d_]+[\w./:-]*\d[\w./:-]*|\d+[./:-][\w./:-]*[^\W\d_:.][\w./:-]*"
    r"|\d+(?::\d+)+|\d+(?:\.\d+){2,})(?<![.:/-])"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’&.-][^\W\d_]+)*\.?")
_REPLY = re.compile(r"^\s*(?:yes|no|ja|nein|correct|true|false)\b", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^\s*(?:according to|based on|as|per|in)\s[^,.]*\b(?:document|passage|source|text|context)s?\b"
    r"[^,.]*,\s*|^\s*the (?:document|passage|source|text)s? (?:says?|states?|mentions?) (?:that )?",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"['’]s?$")
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|nicht|nie|niemals|kein\w*|ohne)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:.!?()–—]|\b(?:but|and|or|because|although|while|unless|if|when|aber|und|oder)\b"
)
_GERMAN = re.compile(r"\b(?:der|die|das|und|ist|nicht|ein|eine|mit|für|von|werden|wird|den|dem)\b")
_COVERED = 0.5  # of a sentence's words, found in what it cites
_OTHERS = 0.2  # of the words of a sentence that restates one of the passage


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer, characters [start, end) of its text, and whether it holds.

    `citations` are the numbers it cites. It is "supported" if all that can be checked stands in
    these passages, else "unsupported", and `reasons` say what does not; "uncited" sentences cite
    nothing, and their reasons say what stands in none of the passages.
    """

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    verdict: Verdict
    reasons: tuple[str, ...] = ()


def evidence_of(hit: Hit, page: str = "") -> str:
    """All that a citation of a passage stands for.

    A table may say only at the head of its `page` that its numbers are in millions.
    """
    notes = [note.group() for note in NOTED_SCALE.finditer(page)]
    about = [hit.title, hit.source, hit.place, *hit.headings]
    return "\n".join([*about, *dict.fromkeys(notes), "", hit.text])


def check(text: str, evidence: Sequence[str]) -> tuple[Statement, ...]:
    """Check the sentences of an answer whose citations are written [1][2].

    `evidence[n - 1]` is all that [n] stands for: the passage, its headings, title and source. A
    sentence without a word of its own (such as "Yes.") is checked together with the next one.
    """
    sources = [_Evidence(passage) for passage in evidence]
    return tuple(_checked(text, start, end, sources) for start, end in _statements(text))


def _statements(text: str) -> list[tuple[int, int]]:
    """Where the sentences are; a citation behind the full stop belongs to the sentence before it.

    Headings and lines that announce what follows state nothing.
    """
    early = _CITED_LATE.sub(r"\2\3\1", text)  # as long as before
    spans: list[tuple[int, int]] = []
    held: int | None = None
    for unit in units(early):
        said = _plain(unit.text)
        if _CITATION.fullmatch(unit.text.strip()) and spans:
            spans[-1] = (spans[-1][0], unit.end)
        elif not content_words(_REPLY.sub("", said)):
            held = unit.start if held is None else held
        elif not (said.rstrip().endswith(":") or unit.text.startswith("#")):
            spans.append((unit.start if held is None else held, unit.end))
            held = None
    if held is not None:
        spans.append((held, len(text.rstrip())))
    return spans


def _checked(text: str, start: int, end: int, sources: Sequence[_Evidence]) -> Statement:
    raw = text[start:end]
    numbers = dict.fromkeys(int(number) for number in _CITATION.findall(raw))
    cited = tuple(number for number in numbers if 1 <= number <= len(sources))
    said = _LEAD_IN.sub("", _plain(raw))
    against = _Evidence("\n\n".join(sources[number - 1].text for number in cited))
    if not cited:
        against = _Evidence("\n\n".join(source.text for source in sources))
    where = "".join(f"[{number}]" for number in cited) or "any passage"
    others = dict(enumerate(sources, 1)) if cited else {}
    reasons = dict.fromkeys(
        reason
        for clause in re.split(r";\s", said)
        for reason in _reasons(clause, against, where, others)
    )
    verdict: Verdict = "unsupported" if reasons else "supported"
    return Statement(raw, start, end, cited, verdict if cited else "uncited", tuple(reasons))


def _plain(text: str) -> str:
    """A sentence without its citations and the marks of Markdown."""
    return unicodedata.normalize("NFKC", _MARKS.sub("", _CITATION.sub("", text)))


class _Evidence:
    """What passages hold, taken apart when it is needed."""

    def __init__(self, text: str, scales: frozenset[float] = frozenset()) -> None:
        self.text = text
        self._scales = scales
        self.plain = unicodedata.normalize("NFKC", _MARKS.sub("", text))

    @cached_property
    def figures(self) -> list[Figure]:
        return figures(self.plain)

    @cached_property
    def scales(self) -> frozenset[float]:
        return self._scales or scales_noted(self.plain)

    @cached_property
    def days(self) -> list[Day]:
        return days(self.plain)

    @cached_property
    def years(self) -> frozenset[int]:
        return frozenset(int(year) for year in re.findall(r"(?<!\d)[12]\d{3}(?!\d)", self.plain))

    @cached_property
    def months(self) -> frozenset[int | None]:
        return frozenset(month for day in self.days for _, month, _ in day.readings)

    @cached_property
    def words(self) -> frozenset[str]:
        found = [_folded(match.group()) for match in _WORD.finditer(self.plain)]
        parts = (part for word in found for part in re.split(r"[-&./]", word))
        return frozenset([*found, *parts, *(word.replace(".", "") for word in found)])

    @cached_property
    def acronyms(self) -> str:
        """The first letters of the words that begin with a capital, in their order."""
        return "".join(
            match.group()[0] for match in _WORD.finditer(self.plain) if match.group()[0].isupper()
        ).casefold()

    @cached_property
    def content(self) -> frozenset[str]:
        return content_words(self.plain)

    @cached_property
    def units(self) -> list[tuple[Unit, frozenset[str]]]:
        return [(unit, _words_only(unit.in_context)) for unit in units(self.plain)]

    @cached_property
    def squeezed(self) -> str:
        return _squeezed(self.plain)

    def restating(self, said: str) -> list[Unit]:
        """The sentences that say nearly the same as a sentence: those that share most of its words.

        A fifth of its words, or one of them, may be others.
        """
        words = _words_only(said)
        shared = [len(words & own) for _, own in self.units]
        most = max(shared, default=0)
        if most < 2 or len(words) - most > max(1, _OTHERS * len(words)):
            return []
        return [unit for (unit, _), count in zip(self.units, shared, strict=True) if count == most]


def _reasons(
    said: str, against: _Evidence, where: str, others: dict[int, _Evidence]
) -> Iterator[str]:
    """What does not stand in the evidence; `others` are looked at for where it stands instead."""
    facts = list(_facts(said))
    for fact in facts:
        if not fact.stands_in(against):
            elsewhere = [f"[{number}]" for number, other in others.items() if fact.stands_in(other)]
            hint = f", but in {elsewhere[0]}" if elsewhere else ""
            yield f"“{fact.text}” is not in {where}{hint}"
        elif _is_of_another(fact, said, against):
            yield f"“{fact.text}” is not in the sentence of {where} that says this"
    told = said
    for fact in facts:
        told = told if fact.kind in ("name", "quotation") else _blanked(told, *fact.span)
    words = _words_only(told)
    if len(words & against.content) < _COVERED * len(words):
        yield f"{where} holds few of its words"
        return
    same = against.restating(told)
    if same and not any(_agrees(unit, said) for unit in same):
        yield f"{where} {'does not deny' if _NEGATION.search(said) else 'denies'} this"
    turns = [turned(said, unit.in_context) for unit in same]
    if turns and all(turns) and turns[0]:
        yield f"{where} says “{turns[0][1]}” and not “{turns[0][0]}”"
    first = _WORD.search(said)
    if same and first and content_words(first.group()) and not _named(first.group(), against):
        yield f"“{first.group()}” is not in the sentence of {where} that says this"


def _is_of_another(fact: _Fact, said: str, evidence: _Evidence) -> bool:
    """Whether the passage says the same sentence with another number, date or name in its place."""
    if fact.kind == "quotation":
        return False
    same = evidence.restating(_blanked(said, *fact.span))
    kinds = [[own for own in _facts(unit.in_context) if own.kind == fact.kind] for unit in same]
    return (
        bool(same)
        and all(kinds)
        and not any(
            fact.stands_in(_Evidence(unit.in_context, evidence.scales), partly=True)
            for unit in same
        )
    )


@dataclass(frozen=True, slots=True)
class _Fact:
    """A part of a sentence that can be looked up."""

    text: str
    content: Figure | Day | str
    kind: str
    span: tuple[int, int]

    def stands_in(self, evidence: _Evidence, *, partly: bool = False) -> bool:
        """Whether the evidence holds it; `partly` one word of a name is enough."""
        content = self.content
        if isinstance(content, Figure):
            return any(says(found, content, evidence.scales) for found in evidence.figures)
        if isinstance(content, Day):
            return any(confirms(found, content, evidence.years) for found in evidence.days)
        if self.kind == "name":
            named = (_named(word, evidence) for word in _WORD.findall(content))
            return any(named) if partly else all(named)
        return _squeezed(content) in evidence.squeezed


def _facts(said: str) -> Iterator[_Fact]:
    """Quotations, dates, codes, numbers and names; what one of them covers is in no other."""
    rest = said
    for quotation in _QUOTATION.finditer(said):
        inside = next(filter(None, quotation.groups()))
        if inside.rstrip().endswith("?"):  # the question, repeated
            continue
        for part in re.split(r"\s*(?:\.\.\.|…|\[\.\.\.\])\s*", inside):
            if part.strip():
                yield _Fact(part, part.strip(" .,;"), "quotation", quotation.span())
        rest = _blanked(rest, *quotation.span())
    for day in days(rest):
        yield _Fact(day.text, day, "date", (day.start, day.end))
        rest = _blanked(rest, day.start, day.end)
    for code in _CODE.finditer(rest):
        if not figures(code.group()) or not _is_figure(code.group()):
            yield _Fact(code.group(), code.group(), "code", code.span())
            rest = _blanked(rest, *code.span())
    for figure in figures(rest):
        kind = "year" if figure.is_year else "number"
        yield _Fact(figure.text.strip(), figure, kind, (figure.start, figure.end))
        rest = _blanked(rest, figure.start, figure.end)
    for start, end in _names(rest):
        yield _Fact(rest[start:end], rest[start:end], "name", (start, end))


def _is_figure(code: str) -> bool:
    """Whether what looks like a code is a number with its unit or scale: 5km, 15th, 3bn."""
    return any(figure.start == 0 and figure.end == len(code) for figure in figures(code))


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + "\n" * (end - start) + text[end:]


def _names(text: str) -> Iterator[tuple[int, int]]:
    """Runs of words with capitals, but for the first word of a sentence, which always has one."""
    run: list[re.Match[str]] = []
    german = len(_GERMAN.findall(text)) >= 2  # where every noun has a capital
    for word in [*_WORD.finditer(text), None]:
        capital = word is not None and word.group()[0].isupper() and len(word.group()) > 1
        joined = bool(run) and word is not None and text[run[-1].end() : word.start()] == " "
        if run and not (capital and joined):
            if begins(text, run[0]) and not _is_short(run[0].group()):
                run = run[1:] if len(run) == 1 or not content_words(run[0].group()) else run
            if run and (not german or len(run) > 1 or _is_short(run[0].group())):
                yield run[0].start(), run[-1].end()
            run = []
        if word is not None and capital:
            run.append(word)


def begins(text: str, word: re.Match[str]) -> bool:
    """Whether a word begins a sentence, or what stands behind a colon or an opening quote."""
    before = text[: word.start()].rstrip(" ")
    return not before or before[-1] in ':.!?“"„(|\n•'


def _is_short(word: str) -> bool:
    return sum(letter.isupper() for letter in word) > 1


def _named(word: str, evidence: _Evidence) -> bool:
    folded = _folded(word)
    parts = [folded, *re.split(r"[-&./]", folded)]
    if folded in evidence.words or all(part in evidence.words for part in parts[1:]):
        return True
    if not content_words(word):
        return True
    if _is_short(word) and folded.replace(".", "") in evidence.acronyms:
        return True
    return any(
        abs(len(other) - len(folded)) <= 3
        and (other.startswith(folded) or folded.startswith(other))
        for other in evidence.words
        if len(other) > 3 and len(folded) > 3
    )


def _agrees(unit: Unit, said: str) -> bool:
    """Whether a sentence of the evidence and what is said both deny something, or neither does."""
    negated = _NEGATION.search(said) is not None
    return negated == _negates(unit.text, said, whole=negated)


def _negates(text: str, said: str, *, whole: bool) -> bool:
    """Whether a sentence denies something: the `whole`, or those of its clauses that are said."""
    if whole:
        return _NEGATION.search(text) is not None
    words = content_words(said)
    clauses = [
        text[a:b] for a, b in pairwise([0, *(m.start() for m in _CLAUSE.finditer(text)), len(text)])
    ]
    return any(
        _NEGATION.search(clause) and len(own & words) >= 0.5 * len(own)
        for clause in clauses
        if (own := content_words(clause))
    )


def _words_only(text: str) -> frozenset[str]:
    return frozenset(word for word in content_words(text) if not word[:1].isdigit())


def _folded(word: str) -> str:
    """A word without case, accents and a possessive s."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return _POSSESSIVE.sub("", plain.casefold().rstrip("."))


def _squeezed(text: str) -> str:
    """A text for comparing letter by letter: no case, quotes, dashes, marks and white space."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s*_`'’\"“”„‘-]|[‐-―]", "", text)
