"""Answers and what they consist of: citations, checked statements, reasons for no answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Literal

from ragkit.llms.base import LanguageModel, Usage
from ragkit.retrieval.document_titles import name_documents
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.missing_terms import MissingTerms
from ragkit.store.filters import Filter
from ragkit.text.folding import strip_markup
from ragkit.text.keywords import keywords
from ragkit_ingest.model import CELL_SEPARATOR

_NOTHING_FOUND = "I found nothing about this in your documents."
_NO_ANSWER = "No answer."
_WORD = re.compile(r"\w+(?:[-./]\w+)*")
_LINE_MARKUP = re.compile(r"^[ \t]*(?:#{1,6}|[-*+>])[ \t]+", re.MULTILINE)


class Abstention(StrEnum):
    """Why there is no answer."""

    EMPTY = "empty"
    FILTERED = "filtered"
    FAR = "far"
    MISSING = "missing"
    MODEL = "model"
    SILENT = "silent"

    @property
    def sentence(self) -> str:
        """The reason as a sentence for users; "" if the answer's text says it."""
        return {
            Abstention.EMPTY: "The knowledge base is empty; add documents: ragkit ingest FOLDER",
            Abstention.FILTERED: "No document matches the filter; list the documents with: "
            "ragkit status --documents",
            Abstention.FAR: "",
            Abstention.MISSING: "",
            Abstention.MODEL: "The model found no answer in the passages.",
            Abstention.SILENT: "The model wrote nothing.",
        }[self]


def _ignore_found(hits: Sequence[Hit]) -> None:
    """Do nothing with the passages that a search found."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How to answer a question.

    `k` is the number of passages to search for. `model` is a language model's name on the model
    server or an object like `ragkit.LanguageModel`; None takes the knowledge base's own. With
    `where`, only documents that match the filter are searched. `reasoning` lets a model on Ollama
    reason first, if it can. Reasoning counts towards `num_predict`; `Answer.reasoning` holds it.
    `on_found` is called with the passages that the search found, before a model reads them.
    """

    k: int = 8
    model: str | LanguageModel | None = None
    where: Filter | None = None
    reasoning: bool = False
    on_found: Callable[[Sequence[Hit]], None] = _ignore_found


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer cites: `quote` is characters [start, end) of the page's text.

    `number` counts from 1 in the order in which the answer's text cites passages. `page` counts
    from 1 where people count pages, and `page_label` is the printed label. `place` tells users
    where the quote is, or its highlights: the page, the cells of a sheet, or the heading above.
    `page_ordinal` counts the document's pages, sheets or parts from 0. `score` is the passage's
    score in the search.

    `name` is the document's title, or its file's name without one; the folder is added where other
    passages of the answer come from a document of the same name, and to a name such as "README.md".

    `highlights` are ranges [start, end) of the page's text within the quote, sorted and disjoint:
    the sentences and table rows that support the answer. It is empty if they are unknown, and for
    extractive answers, where the whole quote is the evidence.
    """

    number: int
    source: str
    document: int
    title: str
    page: int | None
    page_label: str
    place: str
    start: int
    end: int
    quote: str
    score: float
    page_ordinal: int
    highlights: tuple[tuple[int, int], ...] = ()
    name: str = ""

    @classmethod
    def from_hit(
        cls, number: int, hit: Hit, start: int | None = None, end: int | None = None
    ) -> Citation:
        """Return a citation of a hit, or of characters [start, end) of its page."""
        start = hit.start if start is None else start
        end = hit.end if end is None else end
        return cls(
            number=number,
            source=hit.source,
            document=hit.document,
            title=hit.title,
            page=hit.page,
            page_label=hit.page_label,
            place=hit.describe_place((start, end)),
            start=start,
            end=end,
            quote=hit.text[start - hit.start : end - hit.start],
            score=hit.score,
            page_ordinal=hit.page_ordinal,
            name=name_documents([hit])[hit.document],
        )

    def find_passage(self, passages: Sequence[Hit]) -> int | None:
        """Return the index of the passage that the quote is from; None if it is not there."""
        page = (self.document, self.page_ordinal)
        holders = [
            index
            for index, hit in enumerate(passages)
            if (hit.document, hit.page_ordinal) == page
            and hit.start <= self.start
            and self.end <= hit.end
        ]
        return min(holders, key=lambda index: len(passages[index].text), default=None)

    @property
    def excerpt(self) -> str:
        """The highlighted words, or else the whole quote, on one line without markup."""
        parts = (
            self.quote[start - self.start : end - self.start] for start, end in self.highlights
        )
        text = _LINE_MARKUP.sub("", " … ".join(parts) or self.quote)
        return " ".join(strip_markup(text.replace(CELL_SEPARATOR, ", ")).split())

    def __str__(self) -> str:
        """The number, the document and the place in it: "[1] Handbook, page 5 (printed 2)"."""
        return f"[{self.number}] {self.name}" + (f", {self.place}" if self.place else "")

    def highlight(self, hit: Hit, ranges: tuple[tuple[int, int], ...]) -> Citation:
        """Return the citation of a hit with these highlights, and with their place if any."""
        place = hit.describe_place(*ranges) if ranges else self.place
        return replace(self, highlights=ranges, place=place)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a document as people read them: sentences, or a table row.

    `citation` is the number of the citation that has them. `text` is one line without markup. The
    other fields are those of a table row: `cells` are its pairs of column head and value, those
    that the question asks for first, `label` is what names the row, and `unit` that of its numbers.
    """

    citation: int
    text: str
    cells: tuple[tuple[str, str], ...] = ()
    label: str = ""
    unit: str = ""

    @property
    def cells_by_label(self) -> tuple[tuple[str, str], ...]:
        """The cells that are not empty, that of the row's label first; () without cells."""
        cells = [cell for cell in self.cells if cell[1]]
        labels = [cell for cell in cells if cell[1] == self.label][:1]
        if cells and self.label and not labels:
            labels = [("", self.label)]
        return (*labels, *(cell for cell in cells if cell not in labels))

    def __str__(self) -> str:
        """The words in quotation marks, or the row as "label; head: value; head: value (unit)"."""
        if not self.cells:
            return f"“{self.text}”"
        cells = [cell for cell in self.cells if cell[1] not in ("", self.label)]
        pairs = [f"{head}: {value}" if head else value for head, value in cells]
        row = "; ".join(filter(None, (self.label, *pairs)))
        return f"{row} ({self.unit})" if self.unit else row


Verdict = Literal["supported", "unsupported"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, characters [start, end) of its text, and the result of its check.

    `citations` are the numbers it cites. `found_in` are those of the passages that support it
    although it cites nothing. A statement is "supported" if these passages contain everything in
    it that can be checked, else "unsupported"; `reasons` say what is missing. A statement without
    citations that no passage supports is unsupported, and both tuples are empty.
    """

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    found_in: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of `KnowledgeBase.ask`.

    | field | content |
    |---|---|
    | `citations` | one per passage that the text cites, or that supports a sentence without one |
    | `passages` | the hits as the model read them, or the nearest ones |
    | `statements` | the sentences of the text, each checked against the passages it cites |
    | `quotes` | the quotes of an extractive answer, or in place of an unsupported one; best first |
    | `abstention` | the reason if there is no answer, else None |
    | `model` | the model's name; None for an extractive answer |
    | `incomplete` | whether the model's text broke off |
    | `dropped` | number of passages that were left out of the prompt, see docs/models.md |
    | `trimmed` | number of `passages` of which only the sentences around the hit were sent |
    | `invalid_citations` | numbers that the model cited and no passage has |
    | `notice` | lines that users should see, or "" |
    | `usage` | the model server's token counts, if it gives them |
    | `reasoning` | the model's reasoning, if it shows any |
    | `model_choice` | why ragkit chose this model; "" if it was named |
    | `model_digest` | the model server's digest of the weights, or "" |
    | `query` | what was searched for, if that is not the question itself |
    | `missing_terms` | codes, quoted text, dates and names of the question in no document |
    | `data` | the value of an answer to a schema, else None |

    For an answer to a schema the text is JSON, and the statements are its values. Each statement's
    text begins with the value's path, and [start, end) are the value's characters in the JSON.

    `str(answer)` is the answer for people: its text or quotes, and its sources.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Hit, ...]
    statements: tuple[Statement, ...] = ()
    abstention: Abstention | None = None
    model: str | None = None
    incomplete: bool = False
    dropped: int = 0
    trimmed: int = 0
    invalid_citations: tuple[int, ...] = ()
    notice: str = ""
    usage: Usage | None = None
    reasoning: str = ""
    model_choice: str = ""
    model_digest: str = ""
    query: str = ""
    data: Any = None
    missing_terms: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()

    UNSUPPORTED_NOTE: ClassVar[str] = "The model wrote this, and the passages do not support it"

    @classmethod
    def abstain(
        cls, question: str, passages: Sequence[Hit], reason: Abstention, model: str | None = None
    ) -> Answer:
        """Return the answer for when the documents hold none; `passages` are the nearest ones."""
        has_searched = reason in (Abstention.FAR, Abstention.MODEL)
        text = _NOTHING_FOUND if has_searched else _NO_ANSWER
        return cls(question, text, (), tuple(passages), abstention=reason, model=model)

    @classmethod
    def abstain_without(
        cls, question: str, passages: Sequence[Hit], missing: MissingTerms
    ) -> Answer:
        """Return the answer for when no document contains what the question asks for exactly."""
        return cls(
            question,
            missing.notice,
            (),
            tuple(passages),
            abstention=Abstention.MISSING,
            missing_terms=missing.terms,
        )

    def name_citations(self) -> Answer:
        """Return the answer with citations whose names tell the documents of its passages apart."""
        names = name_documents(self.passages)
        citations = [replace(each, name=names[each.document]) for each in self.citations]
        return replace(self, citations=tuple(citations))

    def name_passages(self) -> list[str]:
        """Return the document of each passage and the place in it, in the order of `passages`."""
        names = name_documents(self.passages)
        parts = ((names[hit.document], hit.place) for hit in self.passages)
        return [", ".join(dict.fromkeys(filter(None, each))) for each in parts]

    def find_asked_words(self, text: str) -> list[tuple[int, int]]:
        """Return the ranges [start, end) of a text that are words of the question, or forms of one.

        Words that are in every text, such as "the", do not count.
        """
        asked = keywords(self.query or self.question)
        return [word.span() for word in _WORD.finditer(text) if keywords(word[0]) & asked]

    def add_missing_terms(self, missing: MissingTerms) -> Answer:
        """Return the answer with a notice on the terms that occur in no document, before others."""
        notice = "\n".join(filter(None, (missing.notice, self.notice)))
        return replace(self, missing_terms=missing.terms, notice=notice)

    def describe_omissions(self) -> str:
        """Return a sentence on what the model was not given of the passages found, or ""."""
        if not self.dropped and not self.trimmed:
            return ""
        sent = len(self.passages)
        shortened = f", {self.trimmed} of them shortened" if self.trimmed else ""
        return f"The model read {sent} of {sent + self.dropped} passages{shortened}."

    @property
    def abstained(self) -> bool:
        """Whether there is no answer; `abstention` says why."""
        return self.abstention is not None

    @property
    def is_extractive(self) -> bool:
        """Whether the answer quotes the passages, without a model."""
        return self.model is None and not self.abstained

    @property
    def is_unsupported(self) -> bool:
        """Whether a model wrote it, no passage supports it, and `quotes` answer in its place."""
        return self.model is not None and bool(self.quotes)

    def __str__(self) -> str:
        quotes = "\n".join(f"{quote} [{quote.citation}]" for quote in self.quotes)
        parts = [quotes or self.text]
        if self.is_unsupported:
            parts.append(f"{self.UNSUPPORTED_NOTE}:\n{self.text}")
        if self.abstention is not None:
            parts.append(self.abstention.sentence)
        if self.citations:
            parts.append("\n".join(["Sources", *map(str, self.citations)]))
        return "\n\n".join(filter(None, (*parts, self.notice)))
