"""Evidence: what a citation stands for, its sentences and table rows, and what they state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from ragkit.retrieval.hits import Hit
from ragkit.text.keywords import keywords
from ragkit.text.numbers import SCALE_NOTE, Number, NumberIndex
from ragkit.text.sentences import Sentence, split_sentences
from ragkit.verification.claims import Fact, Kind, find_facts, keywords_without_numbers
from ragkit.verification.fact_index import FactIndex
from ragkit.verification.table_years import read_year_columns

# `python -m tests.benchmarks verification` measures what these decide.
_MISSING_SHARE = 0.2  # of a claim's words that a sentence may lack and still restate the claim
MAX_RESTATED_WORDS = 200  # of a claim; a longer one is not compared sentence by sentence
_MAX_COMPARED = 32  # sentences that share rare words with a claim, or rows of the same label


class EvidenceSentence(FactIndex):
    """A sentence or table row of the evidence.

    `by_year` are the numbers of a row whose columns are years.
    """

    def __init__(
        self, text: str, scales: frozenset[float], by_year: Mapping[int, Number] | None
    ) -> None:
        super().__init__(text, scales)
        self._by_year = by_year or {}

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
        about = [hit.title, hit.source, hit.place, *dict.fromkeys([*hit.headings, *inner])]
        return cls("\n".join([*about, *dict.fromkeys(notes), "", hit.text]), hit)

    @cached_property
    def keyword_set(self) -> frozenset[str]:
        """The keywords of the whole text."""
        return keywords(self.text)

    @cached_property
    def sentences(self) -> list[EvidenceSentence]:
        """The sentences and table rows, each with its column heads."""
        rows = read_year_columns(self.text)
        return [
            EvidenceSentence(each.in_context, self._scales, rows.get(each.text))
            for each in self._split
        ]

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
    def _split(self) -> list[Sentence]:
        return list({each.in_context: each for each in split_sentences(self.text)}.values())

    @cached_property
    def _rows(self) -> dict[str, list[tuple[frozenset[str], EvidenceSentence]]]:
        """The table rows with the keywords of their labels, by the first of these keywords."""
        found = defaultdict(list)
        for each, sentence in zip(self._split, self.sentences, strict=True):
            if label := keywords(each.row_label):
                found[min(label)].append((label, sentence))
        return dict(found)

    @cached_property
    def _prose(self) -> FactIndex:
        texts = (each.in_context for each in self._split if not each.row_label)
        return FactIndex("\n".join(texts), self._scales)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """The numbers of the sentences that have each word."""
        places = defaultdict(list)
        for number, sentence in enumerate(self.sentences):
            for word in sentence.words:
                places[word].append(number)
        return dict(places)
