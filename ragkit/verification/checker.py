"""Checks an answer against the passages it cites, sentence by sentence and without a model.

A statement is supported if the check of each of its claims finds no problem:

1. Each number, date, code, name and quotation occurs in what the sentence cites, in any spelling.
2. It does not occur only in another row or column, in place of another fact, or counting others.
3. At least half of the claim's other words occur there.
4. The words that answer the question are in the sentence or row with the question's words.
5. The sentences that restate the claim do not deny it, and do not have an antonym in it.

That finds wrong facts and wrong citations. It does not prove that a sentence follows from its
passage. `python -m tests.benchmarks verification` measures how many true statements it flags, how
many corrupted ones it finds, and so the constants below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragkit.answers import Statement, Verdict
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import load_lexicon
from ragkit.text.numbers import Number, find_numbers
from ragkit.text.sentences import split_sentences
from ragkit.verification.answer_words import has_answer_elsewhere
from ragkit.verification.antonyms import agrees_on_negation, find_antonym, has_negation
from ragkit.verification.claims import (
    CITATION,
    WORD,
    Fact,
    capitalizes_nouns,
    counts_list,
    find_facts,
    is_non_name,
    keywords_without_numbers,
    split_claims,
    strip_citations,
    strip_reply,
)
from ragkit.verification.evidence import MAX_RESTATED_WORDS, Evidence, EvidenceSentence

_CITATIONS_ONLY = re.compile(r"(?:\[\d{1,3}\]\s*)+")
_LATE_CITATIONS = re.compile(r"([.!?。！？][\"'”’)»]*)([ \t]*)((?:\[\d{1,3}\])+)")
_CLOSING_QUOTES = re.compile(r"[\"'”’)»]*")
_CLOSING = re.compile(rf"^\s*(?:{'|'.join(load_lexicon().closing_patterns)})\b", re.IGNORECASE)
_GIVEN_KINDS = ("name", "frequency")  # that an answer may repeat from the question
_MAX_SENTENCES = 200  # of a passage that are searched for a claim's numbers one by one
_MIN_WORDS_FOUND = 0.5  # of a claim's words, in what it cites
_MIN_SHARED_WORDS = 3  # with a sentence that says the same of another number, date or name
_MAX_ROW_NUMBERS = 4  # in a claim about one table row; with more it repeats several rows
_MAX_UNASKED_WORDS = 3  # beside the facts of a claim that repeats the question
_MIN_WORDS_BESIDE = 2  # of a claim, beside a small number in a sentence
_MAX_SMALL_NUMBER = 12  # a number that a passage may have by chance
_MAX_LABEL_WORDS = 2  # beside a fact: "Weight: 12.5 kg"


def check_answer(
    text: str, evidence: Mapping[int, Evidence], query: str = ""
) -> tuple[Statement, ...]:
    """Check the sentences of an answer to a query; its citations are written [1][2].

    `evidence` is what each number stands for, also the passages that the answer does not cite, the
    best one first. A sentence that cites nothing is supported if a single passage supports it. A
    sentence without a word of its own (such as "Yes.") is checked together with the next one.
    """
    answer = _Answer(evidence, query, frozenset(map(int, CITATION.findall(text))))
    return tuple(_check(text, start, end, answer) for start, end in _find_statements(text))


@dataclass(frozen=True)
class _Answer:
    """What the sentences of an answer are checked against.

    `sources` are the passages by number, and `numbers` those that the answer cites.
    """

    sources: Mapping[int, Evidence]
    query: str
    numbers: frozenset[int]

    @cached_property
    def question_words(self) -> frozenset[str]:
        """The keywords of the question."""
        return keywords_without_numbers(self.query)

    @cached_property
    def question_facts(self) -> frozenset[str]:
        """The words of the names and frequencies of the question."""
        facts = (fact for fact in find_facts(self.query) if fact.kind in _GIVEN_KINDS)
        return frozenset(word for fact in facts for word in fact.text.split())


def _find_statements(text: str) -> list[tuple[int, int]]:
    """Return the ranges of the sentences that state something.

    A citation after the full stop belongs to the sentence before it. Headings, lines that
    announce what follows and offers of more help are left out.
    """
    early = _LATE_CITATIONS.sub(r"\2\3\1", text)  # has the same length
    spans: list[tuple[int, int]] = []
    waiting: int | None = None  # the start of a "Yes." whose sentence is to come
    for sentence in split_sentences(early):
        own = strip_citations(sentence.text)
        if _CITATIONS_ONLY.fullmatch(sentence.text) and spans:
            spans[-1] = (spans[-1][0], sentence.end)
        elif not re.search(r"\w", own):
            continue
        elif not keywords(strip_reply(own)):
            waiting = sentence.start if waiting is None else waiting
        elif not (own.rstrip().endswith(":") or sentence.text[0] == "#" or _CLOSING.match(own)):
            quotes = _CLOSING_QUOTES.match(early, sentence.end)
            end = quotes.end() if quotes else sentence.end
            spans.append((sentence.start if waiting is None else waiting, end))
            waiting = None
    if waiting is not None:
        spans.append((waiting, len(text.rstrip())))
    return spans


def _check(text: str, start: int, end: int, answer: _Answer) -> Statement:
    """Check the statement at characters [start, end) of an answer."""
    own = text[start:end]
    claims = split_claims(own)
    numbers = dict.fromkeys(int(number) for number in CITATION.findall(own))
    cited = tuple(number for number in numbers if number in answer.sources)
    found_in = () if cited else _find_support(claims, answer)
    problems: list[str] = []
    if not found_in:
        checker = _ClaimChecker(answer, cited)
        problems = [one for claim in claims for one in checker.find_problems(claim)]
        if not cited and not problems:
            problems = ["no single passage says all of this"]
    verdict: Verdict = "unsupported" if problems else "supported"
    return Statement(own, start, end, cited, verdict, tuple(dict.fromkeys(problems)), found_in)


def _find_support(claims: Sequence[str], answer: _Answer) -> tuple[int, ...]:
    """Return the number of the passage that supports the claims, () if there is none.

    Of several, it is the one whose sentences share most words with the claims.
    """
    words = [keywords_without_numbers(claim) for claim in claims]
    sources = answer.sources
    checkers = {number: _ClaimChecker(answer, (number,)) for number in sources}
    supporting = [
        number
        for number, checker in checkers.items()
        if not any(any(checker.find_problems(claim)) for claim in claims)
    ]
    nearest = max(supporting, key=lambda n: sum(map(sources[n].count_shared, words)), default=None)
    return () if nearest is None else (nearest,)


class _ClaimChecker:
    """Checks claims against the passages that a sentence cites, or all if it cites none."""

    def __init__(self, answer: _Answer, cited: Sequence[int]) -> None:
        self._answer = answer
        self._cited = [answer.sources[number] for number in cited or answer.sources]
        self._is_cited = bool(cited)
        self._where = "".join(f"[{number}]" for number in cited) or "any passage"

    def find_problems(self, claim: str) -> Iterator[str]:
        """Yield what the cited passages do not support, each problem as a sentence for users."""
        if any(source.repeats(claim) for source in self._cited):
            return
        facts, words = find_facts(claim), keywords_without_numbers(claim)
        problems = [
            *self._find_missing(claim, facts, words),
            *self._find_in_other_years(facts, words),
            *self._find_in_other_columns(claim, facts),
            *self._find_other_counts(claim, facts),
            *self._find_in_other_rows(claim, facts),
        ]
        yield from problems
        exact = (fact.text for fact in facts if fact.kind not in ("name", "quotation"))
        words -= keywords_without_numbers(" ".join(exact))
        is_label = not problems and len(words) <= _MAX_LABEL_WORDS and any(map(_is_rare, facts))
        share = self._count_found(words)
        unasked = words - self._answer.question_words
        repeats_question = len(words) >= 2 * len(unasked) and len(unasked) <= _MAX_UNASKED_WORDS
        is_given = not problems and facts and repeats_question
        if share < _MIN_WORDS_FOUND * len(words) and not (is_label or is_given):
            some = f"{self._where} has few" if self._is_cited else "no passage has many"
            yield f"{some} of its words"
            return
        if all(map(self._is_given, facts)) and self._lacks_answer(words):
            yield f"{self._where} has none of the words that answer the question"
            return
        sentences = [one for source in self._cited for one in source.sentences[:_MAX_SENTENCES]]
        if not problems and has_answer_elsewhere(words, self._answer.question_words, sentences):
            yield f"the sentence of {self._where} that says this has another answer"
        restating = self._find_restating(words)
        yield from self._find_contradictions(claim, restating)
        yield from self._find_antonyms(claim, restating or self._find_by_numbers(facts, words))

    def _find_missing(
        self, claim: str, facts: Sequence[Fact], words: frozenset[str]
    ) -> Iterator[str]:
        """Yield the facts that the passages lack, or that they state of something else."""
        for fact in facts:
            if counts_list(claim, fact) or self._is_given(fact):
                continue
            if not any(source.supports(fact) for source in self._cited):
                yield f"“{fact.text}” is not in {self._where}{self._locate(fact)}"
            elif (
                fact.kind != "quotation"
                and len(words) <= MAX_RESTATED_WORDS
                and self._is_replaced(fact, words)
            ):
                yield f"“{fact.text}” is not in the sentence of {self._where} that says this"

    def _find_in_other_years(self, facts: Sequence[Fact], words: frozenset[str]) -> Iterator[str]:
        """Yield the numbers of the right table row that are in the column of another year."""
        years = [int(fact.text) for fact in facts if fact.kind == "year"]
        if len(years) != 1:
            return
        for fact in (fact for fact in facts if fact.kind == "number"):
            restating = self._find_restating(words - keywords_without_numbers(fact.text))
            rows = [row for row in restating if row.supports(fact)]
            if rows and all(row.has_other_number_in(years[0], fact) for row in rows):
                yield f"“{fact.text}” is not under {years[0]} in {self._where}"

    def _find_in_other_columns(self, claim: str, facts: Sequence[Fact]) -> Iterator[str]:
        """Yield the numbers of the right table row that are under another head than the named."""
        words = keywords(claim)
        for fact in facts:
            number = fact.content
            if not isinstance(number, Number):
                continue
            rows = [
                row
                for source in self._cited
                for row in source.find_rows(words - keywords(fact.text))
                if row.supports(fact)
            ]
            heads = [row.find_other_column(number, words) for row in rows]
            if heads and all(heads):
                yield f"“{fact.text}” is under “{heads[0]}” in {self._where}"

    def _find_other_counts(self, claim: str, facts: Sequence[Fact]) -> Iterator[str]:
        """Yield the small numbers that count something else wherever the passages have them."""
        words = keywords_without_numbers(claim) | self._answer.question_words
        for fact in facts:
            number = fact.content
            if not isinstance(number, Number) or number.unit or not _is_small(number):
                continue
            counted = [each for one in self._cited for each in one.find_counted(number)]
            if not counted or any(not each or each & words for each in counted):
                continue
            noun = keywords(claim.partition(fact.text)[2].partition(",")[0])
            others = (each for one in self._cited for each in one.nouns)
            if any(each & noun for each in others) or not self._has_near(fact, words):
                yield f"“{fact.text}” counts something else in {self._where}"

    def _has_near(self, fact: Fact, words: frozenset[str]) -> bool:
        """Return True if a sentence has a fact and two of these words."""
        return any(
            len(words & sentence.words) >= _MIN_WORDS_BESIDE and sentence.supports(fact)
            for source in self._cited
            for sentence in source.sentences[:_MAX_SENTENCES]
        )

    def _lacks_answer(self, words: frozenset[str]) -> bool:
        """Return True if the passages have no word of a claim that is not of the question."""
        unasked = words - self._answer.question_words
        return bool(unasked) and unasked != words and not self._count_found(unasked)

    def _is_given(self, fact: Fact) -> bool:
        """Return True for a name or frequency of the question; passages may call it otherwise."""
        return fact.kind in _GIVEN_KINDS and self._answer.question_facts.issuperset(
            fact.text.split()
        )

    def _find_in_other_rows(self, claim: str, facts: Sequence[Fact]) -> Iterator[str]:
        """Yield the numbers that occur in table rows only, and not in the row of the claim."""
        words = keywords(claim)
        numbers = [fact for fact in facts if fact.kind == "number"]
        for fact in numbers if len(numbers) <= _MAX_ROW_NUMBERS else ():
            own = words - keywords(fact.text)
            rows = [row for source in self._cited for row in source.find_rows(own)]
            if not rows or any(row.supports(fact) for row in rows):
                continue
            if not any(source.supports_in_prose(fact) for source in self._cited):
                yield f"“{fact.text}” is not in the row of {self._where} that it names"

    def _find_contradictions(
        self, claim: str, restating: Sequence[EvidenceSentence]
    ) -> Iterator[str]:
        """Yield how the restating sentences deny the claim or say it of another name."""
        if not restating:
            return
        if not any(agrees_on_negation(sentence.text, claim) for sentence in restating):
            yield f"{self._where} {'does not deny' if has_negation(claim) else 'denies'} this"
        first = _find_first_name(claim)
        if first and not any(source.has_word(first) for source in self._cited):
            yield f"“{first}” is not in the sentence of {self._where} that says this"

    def _find_antonyms(self, claim: str, sentences: Sequence[EvidenceSentence]) -> Iterator[str]:
        """Yield a word of the claim for which all the sentences have an antonym."""
        pairs = [find_antonym(claim, sentence.text) for sentence in sentences]
        if pairs and pairs[0] and all(pairs):
            yield f"{self._where} says “{pairs[0][1]}” and not “{pairs[0][0]}”"

    def _find_restating(self, words: frozenset[str]) -> list[EvidenceSentence]:
        """Return the sentences of the cited passages that share most of a claim's words."""
        found = [one for source in self._cited for one in source.find_restating(words)]
        shared = [len(words & one.words) for one in found]
        most = max(shared, default=0)
        return [one for one, count in zip(found, shared, strict=True) if count == most]

    def _find_by_numbers(
        self, facts: Sequence[Fact], words: frozenset[str]
    ) -> list[EvidenceSentence]:
        """Return the one sentence that has all numbers of a claim and a word of it, if any."""
        numbers = [fact for fact in facts if fact.kind == "number"]
        found = [
            sentence
            for source in self._cited
            for sentence in source.sentences[:_MAX_SENTENCES]
            if numbers and words & sentence.words and all(map(sentence.supports, numbers))
        ]
        return found if len(found) == 1 else []

    def _is_replaced(self, fact: Fact, words: frozenset[str]) -> bool:
        """Return True if sentences say the same with another number, date or name in its place."""
        own = words - keywords_without_numbers(fact.text)
        least = min(_MIN_SHARED_WORDS, len(own))
        restating = [one for one in self._find_restating(own) if len(own & one.words) >= least]
        return (
            bool(restating)
            and all(fact.kind in sentence.fact_kinds for sentence in restating)
            and not any(sentence.supports(fact, partly=True) for sentence in restating)
        )

    def _locate(self, fact: Fact) -> str:
        """Return where else a fact is, as the end of a sentence."""
        found = [number for number, source in self._answer.sources.items() if source.supports(fact)]
        if not found:
            return ""
        cited = (f"[{number}]" for number in found if number in self._answer.numbers)
        return f", but in {next(cited, 'another passage')}"

    def _count_found(self, words: frozenset[str]) -> int:
        return sum(any(word in source.keyword_set for source in self._cited) for word in words)


def _is_small(number: Number) -> bool:
    return number.scale == 1 and number.readings[0][0] <= _MAX_SMALL_NUMBER


def _is_rare(fact: Fact) -> bool:
    """Return True for a fact that hardly occurs by chance: a date, a code, or two digits."""
    return fact.kind in ("date", "code", "number") and len(re.findall(r"\d", fact.text)) > 1


def _find_first_name(claim: str) -> str:
    """Return the first word of a claim if it may be a name, which its capital cannot tell."""
    word = WORD.match(claim.strip())
    if not word or not word.group()[0].isupper() or capitalizes_nouns(claim):
        return ""
    if find_numbers(word.group()):
        return ""
    return "" if is_non_name(word.group()) or word.group().endswith("ly") else word.group()
