"""Checks an answer against the passages it cites, sentence by sentence and without a model.

A number, date, name or quotation of a sentence must stand in what the sentence cites, in whatever
spelling; most of its other words must, too; and what it denies must be denied there. That finds
wrong facts and wrong citations. It does not prove that a sentence follows from its passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ragkit.answers import Statement, Verdict
from ragkit.retrieval.retriever import Hit
from ragkit.text.keywords import keywords
from ragkit.text.numbers import NOTED_SCALE
from ragkit.text.sentences import split_sentences
from ragkit.verification.antonyms import agrees, denies, turned
from ragkit.verification.claims import WORD, Fact, find_facts, is_german, is_no_name
from ragkit.verification.evidence import LONGEST, Evidence, plain, stated_words

_CITATION = re.compile(r"\[(\d{1,3})\]")
_CITED_ONLY = re.compile(r"(?:\[\d{1,3}\]\s*)+")
_CITED_LATE = re.compile(r"([.!?。！？][\"'”’)»]*)([ \t]*)((?:\[\d{1,3}\])+)")
_CLOSERS = re.compile(r"[\"'”’)»]*")
_REPLY = re.compile(
    r"^\s*(?:yes|no|ja|nein|correct|true|false)(?:\s*[.,:!]|\s+[–—-]\s|\s*$)\s*", re.IGNORECASE
)
_LEAD_IN = re.compile(
    r"^\s*(?:(?:according to|based on|as|per|in|laut|gemäß)\s[^,.]{0,80}"
    r"\b(?:document|passage|source|text|context)s?\b[^,.]{0,80},\s*"
    r"|(?:according to|based on|as per|per|in)\s*,\s*"
    r"|the (?:document|passage|source|text)s? (?:says?|states?|mentions?) (?:that )?"
    r"|(?:step|schritt) \d+[:.]\s*)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^\s*(?:(?:please )?(?:let me know|feel free)|i hope (?:this|that) helps"
    r"|if you (?:have|need) (?:any|more|further)"
    r"|bei (?:weiteren )?fragen|ich hoffe|lassen sie (?:es )?mich wissen)\b",
    re.IGNORECASE,
)
_LOOKED_AT = 200  # sentences of a passage, one by one
_COVERED = 0.5  # of a sentence's words, found in what it cites
_SHARED = 3  # words of a sentence that says the same of another number, date or name
_OF_ONE_ROW = 4  # numbers at most in a sentence about a row; with more it repeats several
_LABEL = 2  # words at most beside a fact: "Weight: 12.5 kg"


def build_evidence(hit: Hit, page: str = "") -> str:
    """All that a citation of a passage stands for.

    A table may say only at the head of its `page` that its numbers are in millions.
    """
    notes = [note.group() for note in NOTED_SCALE.finditer(page)]
    about = [hit.title, hit.source, hit.place, *hit.headings]
    return "\n".join([*about, *dict.fromkeys(notes), "", hit.text])


def check_answer(text: str, evidence: Sequence[str | Evidence]) -> tuple[Statement, ...]:
    """Check the sentences of an answer whose citations are written [1][2].

    `evidence[n - 1]` is all that [n] stands for: the passage, its headings, title and source. A
    sentence without a word of its own (such as "Yes.") is checked together with the next one.
    Where several texts are checked against the same passages, an Evidence of each is made once.
    """
    sources = [Evidence(each) if isinstance(each, str) else each for each in evidence]
    return tuple(_checked(text, start, end, sources) for start, end in _statements(text))


def _statements(text: str) -> list[tuple[int, int]]:
    """Where the sentences are; a citation behind the full stop belongs to the sentence before it.

    Headings, lines that announce what follows and offers of more help state nothing.
    """
    early = _CITED_LATE.sub(r"\2\3\1", text)  # as long as before
    spans: list[tuple[int, int]] = []
    held: int | None = None
    for unit in split_sentences(early):
        said = _said(unit.text)
        if _CITED_ONLY.fullmatch(unit.text) and spans:
            spans[-1] = (spans[-1][0], unit.end)
        elif not re.search(r"\w", said):
            continue
        elif not keywords(_REPLY.sub("", said)):
            held = unit.start if held is None else held
        elif not (said.rstrip().endswith(":") or unit.text.startswith("#") or _CLOSING.match(said)):
            closed = _CLOSERS.match(early, unit.end)
            end = closed.end() if closed else unit.end
            spans.append((unit.start if held is None else held, end))
            held = None
    if held is not None:
        spans.append((held, len(text.rstrip())))
    return spans


def _checked(text: str, start: int, end: int, sources: Sequence[Evidence]) -> Statement:
    raw = text[start:end]
    numbers = dict.fromkeys(int(number) for number in _CITATION.findall(raw))
    cited = tuple(number for number in numbers if 1 <= number <= len(sources))
    against = _Against(sources, cited)
    reasons = tuple(
        dict.fromkeys(r for clause in split_clauses(raw) for r in against.reasons(clause))
    )
    verdict: Verdict = "unsupported" if reasons else "supported"
    return Statement(raw, start, end, cited, verdict if cited else "uncited", reasons)


def split_clauses(sentence: str) -> list[str]:
    """What a sentence claims, without its citations, a "Yes," and "According to the document,"."""
    return re.split(r";\s", _LEAD_IN.sub("", _REPLY.sub("", _said(sentence))))


def _said(text: str) -> str:
    """A sentence without its citations and the marks of Markdown."""
    return plain(_CITATION.sub("", text))


class _Against:
    """What a sentence is checked against: the passages that it cites, or all if it cites none."""

    def __init__(self, sources: Sequence[Evidence], cited: Sequence[int]) -> None:
        self._all = sources
        self._cited = [sources[number - 1] for number in cited] if cited else sources
        self._is_cited = bool(cited)
        self._where = "".join(f"[{number}]" for number in cited) or "any passage"

    def reasons(self, said: str) -> Iterator[str]:
        """What of a clause does not stand there."""
        stated, words = find_facts(said), stated_words(said)
        missing = list(self._missing(stated, words))
        missing += [*self._misplaced(stated, words), *self._in_other_rows(said, stated)]
        yield from missing
        counted = (fact.text for fact in stated if fact.kind not in ("name", "quotation"))
        words -= stated_words(" ".join(counted))
        is_label = not missing and len(words) <= _LABEL and any(map(_is_telling, stated))
        if self._held(words) < _COVERED * len(words) and not is_label:
            some = f"{self._where} holds few" if self._is_cited else "no passage holds many"
            yield f"{some} of its words"
            return
        same = self._restating(words)
        yield from self._contradictions(said, same)
        yield from self._turned(said, same or self._around(stated, words))

    def _missing(self, stated: Sequence[Fact], words: frozenset[str]) -> Iterator[str]:
        """The facts that do not stand there, or in no sentence that says the same of others."""
        for fact in stated:
            if not any(source.holds(fact) for source in self._cited):
                yield f"“{fact.text}” is not in {self._where}{self._elsewhere(fact)}"
            elif (
                fact.kind != "quotation"
                and len(words) <= LONGEST
                and self._is_of_another(fact, words)
            ):
                yield f"“{fact.text}” is not in the sentence of {self._where} that says this"

    def _misplaced(self, stated: Sequence[Fact], words: frozenset[str]) -> Iterator[str]:
        """The numbers that stand in the row that is meant, but in the column of another year."""
        years = [int(fact.text) for fact in stated if fact.kind == "year"]
        if len(years) != 1:
            return
        for fact in (fact for fact in stated if fact.kind == "number"):
            same = self._restating(words - stated_words(fact.text))
            rows = [row for row in same if row.holds(fact)]
            if rows and all(row.is_under_another_year(fact, years[0]) for row in rows):
                yield f"“{fact.text}” is not under {years[0]} in {self._where}"

    def _in_other_rows(self, said: str, stated: Sequence[Fact]) -> Iterator[str]:
        """The numbers that stand in rows alone, and not in the row that the sentence names."""
        words = keywords(said)
        numbers = [fact for fact in stated if fact.kind == "number"]
        for fact in numbers if len(numbers) <= _OF_ONE_ROW else ():
            own = words - keywords(fact.text)
            named = [row for source in self._cited for row in source.rows_named(own)]
            if not named or any(row.holds(fact) for row in named):
                continue
            if not any(source.has_in_prose(fact) for source in self._cited):
                yield f"“{fact.text}” is not in the row of {self._where} that it names"

    def _around(self, stated: Sequence[Fact], words: frozenset[str]) -> list[Evidence]:
        """The one sentence that holds all the numbers of what is said, and a word of it."""
        numbers = [fact for fact in stated if fact.kind == "number"]
        found = [
            sentence
            for source in self._cited
            for sentence in source.sentences[:_LOOKED_AT]
            if numbers and words & sentence.stated and all(map(sentence.holds, numbers))
        ]
        return found if len(found) == 1 else []

    def _elsewhere(self, fact: Fact) -> str:
        numbers = (n for n, source in enumerate(self._all, 1) if source.holds(fact))
        first = next(numbers, None)
        return "" if first is None else f", but in [{first}]"

    def _is_of_another(self, fact: Fact, words: frozenset[str]) -> bool:
        """Whether the same sentence stands there with another number, date or name in its place."""
        own = words - stated_words(fact.text)
        same = [one for one in self._restating(own) if len(own & one.stated) >= _SHARED]
        return (
            bool(same)
            and all(fact.kind in sentence.kinds for sentence in same)
            and not any(sentence.holds(fact, partly=True) for sentence in same)
        )

    def _contradictions(self, said: str, same: Sequence[Evidence]) -> Iterator[str]:
        """How the sentences that say the same of it deny it, or say it of another."""
        if not same:
            return
        if not any(agrees(sentence.text, said) for sentence in same):
            yield f"{self._where} {'does not deny' if denies(said) else 'denies'} this"
        first = _first_name(said)
        if first and not any(source.names(first) for source in self._cited):
            yield f"“{first}” is not in the sentence of {self._where} that says this"

    def _turned(self, said: str, same: Sequence[Evidence]) -> Iterator[str]:
        """A word in whose place all these sentences have its opposite."""
        turns = [turned(said, sentence.text) for sentence in same]
        if turns and turns[0] and all(turns):
            yield f"{self._where} says “{turns[0][1]}” and not “{turns[0][0]}”"

    def _held(self, words: frozenset[str]) -> int:
        return sum(any(word in source.content for source in self._cited) for word in words)

    def _restating(self, words: frozenset[str]) -> list[Evidence]:
        """The sentences of all the passages that share most of the words."""
        found = [one for source in self._cited for one in source.restating(words)]
        shared = [len(words & one.stated) for one in found]
        most = max(shared, default=0)
        return [one for one, count in zip(found, shared, strict=True) if count == most]


def _is_telling(fact: Fact) -> bool:
    """Whether it is hardly found by chance: a date, a code or a number of two digits."""
    return fact.kind in ("date", "code", "number") and len(re.findall(r"\d", fact.text)) > 1


def _first_name(said: str) -> str:
    """The first word of a sentence, if it may be a name though it is none by its capital."""
    word = WORD.match(said.strip())
    if not word or not word.group()[0].isupper() or is_german(said):
        return ""
    return "" if is_no_name(word.group()) or word.group().endswith("ly") else word.group()
