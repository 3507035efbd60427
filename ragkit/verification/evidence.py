"""Evidence: what a citation stands for, its sentences and table rows, and what they state."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ragkit.retrieval.hits import Hit
from ragkit.text.keywords import keywords
from ragkit.text.numbers import SCALE_NOTE, Number, NumberIndex, find_numbers
from ragkit.text.sentences import Sentence, split_sentences
from ragkit.verification.claims import (
    Fact,
    Kind,
    find_facts,
    keywords_without_numbers,
    strip_markdown,
)
from ragkit.verification.fact_index import FactIndex
from ragkit.verification.table_years import read_year_columns
from ragkit_ingest.model import CELL_SEPARATOR
from ragkit_ingest.places import Headings

# `python -m tests.benchmarks verification` measures what these decide.
_MISSING_SHARE = 0.2  # of a claim's words that a sentence may lack and still restate the claim
MAX_RESTATED_WORDS = 200  # of a claim; a longer one is not compared sentence by sentence
_MIN_REPEATED_LENGTH = 20  # letters and digits of a claim that is repeated word for word
_MAX_COMPARED = 32  # sentences that share rare words with a claim, or rows of the same label


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence or table row of a text with what it inherits: headings, column heads, unit.

    `label` is what names a row, and `cells` are its pairs of column head and value.
    """

    text: str
    inherited: str
    label: str = ""
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def in_context(self) -> str:
        return f"{self.inherited} {self.text}" if self.inherited else self.text


class EvidenceSentence(FactIndex):
    """A sentence or table row of the evidence, with what it inherits.

    `by_year` are the numbers of a row whose columns are years.
    """

    def __init__(
        self, part: _Part, scales: frozenset[float], by_year: Mapping[int, Number] | None
    ) -> None:
        super().__init__(part.in_context, scales)
        self._by_year = by_year or {}
        self._cells = part.cells
        self.own_text = part.text

    def find_other_column(self, number: Number, words: frozenset[str]) -> str:
        """Return the head over a number if these words name another column of numbers, or ""."""
        numbers = {head: find_numbers(cell) for head, cell in self._cells}
        heads = {head: keywords(head) for head, found in numbers.items() if found}
        common = frozenset.intersection(*heads.values()) if len(heads) > 1 else frozenset()
        named = [head for head, own in heads.items() if own - common and own - common <= words]
        holding = [
            head for head in heads if NumberIndex(numbers[head], self._scales).supports(number)
        ]
        is_other = named and holding and not set(named) & set(holding)
        return holding[0] if is_other else ""

    def has_other_number_in(self, year: int, fact: Fact) -> bool:
        """Return True for a row whose column of the year has another number than the fact."""
        stated, found = fact.content, self._by_year.get(year)
        if not isinstance(stated, Number) or found is None:
            return False
        return not NumberIndex([found], self._scales).supports(stated)

    @cached_property
    def words(self) -> frozenset[str]:
        """The keywords that are not numbers."""
        return keywords_without_numbers(self.text)

    @cached_property
    def fact_kinds(self) -> frozenset[Kind]:
        """The kinds of facts that the sentence states."""
        return frozenset(fact.kind for fact in find_facts(self.text))


class Evidence(FactIndex):
    """All that a citation stands for: the passage with its headings, title and source.

    Its sentences are split on first use. With a hit, its headings and table rows are those of the
    document's reader, and the `text` is `describe_hit(hit)`.
    """

    def __init__(self, text: str, hit: Hit | None = None) -> None:
        super().__init__(text)
        self._hit = hit
        self._restating: dict[frozenset[str], list[EvidenceSentence]] = {}

    @classmethod
    def from_hit(cls, hit: Hit, page: str = "") -> Evidence:
        """Return the evidence of a passage.

        A table may state only at the head of its `page` that its numbers are in millions, so the
        scale notes of the page are included.
        """
        notes = [note.group() for note in SCALE_NOTE.finditer(page)]
        inner = [name for section in hit.sections for name in section.headings]
        heads = [head for row in hit.rows for head in (*row.columns, row.label, row.unit)]
        about = [hit.title, hit.source, hit.place, *hit.headings, *inner, *heads, *notes]
        return cls("\n".join([*dict.fromkeys(about), "", hit.text]), hit)

    @cached_property
    def keyword_set(self) -> frozenset[str]:
        """The keywords of the whole text."""
        return keywords(self.text)

    @cached_property
    def sentences(self) -> list[EvidenceSentence]:
        """The sentences and table rows, each with its column heads."""
        rows = read_year_columns(self.text)
        return [EvidenceSentence(each, self._scales, rows.get(each.text)) for each in self._split]

    def find_restating(self, words: frozenset[str]) -> list[EvidenceSentence]:
        """Return the sentences with most of these words; a fifth of them, or one, may be missing.

        The list is empty for fewer than 2 or more than 200 words.
        """
        if not 2 <= len(words) <= MAX_RESTATED_WORDS:
            return []
        if words not in self._restating:
            self._restating[words] = self._find_nearest(words)
        return self._restating[words]

    def count_shared(self, words: frozenset[str]) -> int:
        """Return how many of these words the nearest sentence has."""
        return max((len(words & sentence.words) for sentence in self.sentences), default=0)

    def repeats(self, claim: str) -> bool:
        """Return True if the text has a claim of some length word for word."""
        letters = _squeeze_words(claim)
        return len(letters) >= _MIN_REPEATED_LENGTH and letters in self._letters

    @cached_property
    def _letters(self) -> str:
        return _squeeze_words(self.text if self._hit is None else self._hit.text)

    def find_rows(self, words: frozenset[str]) -> list[EvidenceSentence]:
        """Return the table rows whose label, the words before the numbers, is in these words."""
        rows = (row for word in words for row in self._rows.get(word, ())[:_MAX_COMPARED])
        return [row for label, row in rows if label <= words]

    def supports_in_prose(self, fact: Fact) -> bool:
        """Return True if the text has a fact outside its table rows."""
        return self._prose.supports(fact)

    def _find_nearest(self, words: frozenset[str]) -> list[EvidenceSentence]:
        """Compare the sentences that have one of the rarest words.

        A sentence may miss `missing` words, so it has at least one of the `missing` + 1 rarest.
        """
        missing = int(max(1, _MISSING_SHARE * len(words)))
        rarest = sorted(words, key=lambda word: (len(self._places.get(word, ())), word))
        numbers = {n for word in rarest[: missing + 1] for n in self._places.get(word, ())}
        near = [self.sentences[n] for n in sorted(numbers)[:_MAX_COMPARED]]
        shared = [len(words & sentence.words) for sentence in near]
        most = max(shared, default=0)
        if most < max(2, len(words) - missing):
            return []
        return [one for one, count in zip(near, shared, strict=True) if count == most]

    @cached_property
    def _split(self) -> list[_Part]:
        if self._hit is None:
            parts = [_make_part(each) for each in split_sentences(self.text)]
        else:
            parts = list(_split_hit(self._hit))
        return list({each.in_context: each for each in parts}.values())

    @cached_property
    def _rows(self) -> dict[str, list[tuple[frozenset[str], EvidenceSentence]]]:
        """The table rows with the keywords of their labels, by the first of these keywords."""
        found = defaultdict(list)
        for each, sentence in zip(self._split, self.sentences, strict=True):
            if label := keywords(each.label):
                found[min(label)].append((label, sentence))
        return dict(found)

    @cached_property
    def _prose(self) -> FactIndex:
        texts = (each.in_context for each in self._split if not each.label)
        return FactIndex("\n".join(texts), self._scales)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """The numbers of the sentences that have each word."""
        places = defaultdict(list)
        for number, sentence in enumerate(self.sentences):
            for word in sentence.words:
                places[word].append(number)
        return dict(places)


def _split_hit(hit: Hit) -> Iterator[_Part]:
    """Yield the sentences and rows of a passage, each with the headings at its own place."""
    for each in split_sentences(hit.text):
        at = hit.start + each.start
        headings, row = hit.headings_at(at), hit.row_at(at)
        if row is None or not row.columns:
            yield _make_part(each, headings)
            continue
        values = hit.text[row.start - hit.start : row.end - hit.start].split(CELL_SEPARATOR)
        cells = zip(row.columns, values, strict=True) if len(row.columns) == len(values) else ()
        inherited = [*headings, *row.columns, row.unit]
        if row.label not in each.text:
            inherited.append(row.label)
        text = " ".join(filter(None, inherited))
        yield _Part(each.text, text, row.label or each.row_label, tuple(cells))


def _squeeze_words(text: str) -> str:
    """Return the letters and digits of a text without Markdown."""
    return re.sub(r"[\W_]+", "", strip_markdown(text)).casefold()


def _make_part(sentence: Sentence, headings: Headings = ()) -> _Part:
    inherited = " ".join(filter(None, (*headings, sentence.context)))
    return _Part(sentence.text, inherited, sentence.row_label)
