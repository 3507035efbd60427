"""Whether a quote answers a question, by rules that were written before any was seen."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ragkit import Answer
from ragkit.answers import Citation, Quote

_THOUSANDS = re.compile(r"(?<=\d)[,.'’\u00a0\u2009\u202f](?=\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the documents of a group.

    Each answer is one or more strings that a quote must hold together; one answer is enough. There
    is none if the documents do not answer the question. The quote must be from `source`, from one
    of `pages` where they are listed, and from a place with `place` in its name.
    """

    text: str
    group: str
    kind: str
    answers: tuple[tuple[str, ...], ...]
    source: str = ""
    pages: tuple[int, ...] = ()
    place: str = ""

    def is_answered(self, quote: Quote, citation: Citation) -> bool:
        """Return True if a quote has an answer and is from the right place."""
        shown = normalize(" ".join((quote_text(quote), quote.text)))
        return self._is_place(citation) and any(
            all(_has(shown, part) for part in answer) for answer in self.answers
        )

    def is_first_cell(self, quote: Quote) -> bool:
        """Return True if the value of the quote's first cell is in an answer or has one."""
        value = normalize(quote.cells[0][1])
        parts = [part for answer in self.answers for part in answer]
        return bool(value) and any(_has(value, part) for part in parts)

    def _is_place(self, citation: Citation) -> bool:
        return (
            f"/{citation.source}".endswith(f"/{self.source}")
            and (not self.pages or citation.page in self.pages)
            and self.place in citation.place
        )


def quote_text(quote: Quote) -> str:
    """Return the words of a quote as one line: a table row's label, cells with heads, and unit."""
    if not quote.cells:
        return quote.text
    cells = "; ".join(f"{head}: {value}" for head, value in quote.cells)
    return " ".join(filter(None, (quote.label, cells, quote.unit)))


def find_right(question: Question, answer: Answer) -> int | None:
    """Return which quote of an answer is the first right one, from 0; None if there is none."""
    citations = {citation.number: citation for citation in answer.citations}
    for number, quote in enumerate(answer.quotes):
        if question.is_answered(quote, citations[quote.citation]):
            return number
    return None


def normalize(text: str) -> str:
    """Return a text without case, thousands separators, and kinds of spaces and characters."""
    text = unicodedata.normalize("NFKC", _THOUSANDS.sub("", text)).casefold()
    return " ".join(text.replace("−", "-").split())


def _has(shown: str, part: str) -> bool:
    """Return True if a text has a part that is not the middle of a word or number."""
    wanted = re.escape(normalize(part))
    return re.search(rf"(?<!\w)(?<!\d[.,]){wanted}(?!\w|[.,]\d)", shown) is not None
