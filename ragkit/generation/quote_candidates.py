"""What may be quoted of the passages of a search: sentences, table rows, and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from ragkit.generation.row_cells import RowCells, find_unit, split_row
from ragkit.retrieval.hits import Hit
from ragkit.text.folding import strip_markup
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.sentences import Sentence, split_sentences
from ragkit_ingest.model import CELL_SEPARATOR
from ragkit_ingest.places import TableRow, select_rows

_LEXICON = load_lexicon()
MAX_QUOTE_LENGTH = 600  # characters
_MAX_LIST_ITEMS = 12
_MIN_LIST_ITEMS = 2
_MIN_LETTERS = 12  # beside the links of a line
_ANNOUNCEMENT = re.compile(
    rf"[?:]\W*$|\.{{4}}|(?:\. ){{3}}|\b(?:{'|'.join(_LEXICON.announcement_patterns)})\b",
    re.IGNORECASE,
)
_CAPTION = re.compile(
    rf"(?:{any_of(_LEXICON.heading_labels)})\s+[\dA-Z][\d.]*[:.]?\s[^.!?]*$", re.IGNORECASE
)
_LINK = re.compile(r"(!?)\[([^\]\[\n]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"\n]*\")?\)")
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>\n]*>|^\s*(?:```|~~~).*$|\{#[\w-]+\}", re.MULTILINE)
_ITEM = re.compile(r"\s*(?:[-*+•·▪◦–]|(?P<number>\d{1,3}[.)]))\s+(?:\[[ xX]\]\s+)?(?=\S)")
_LINE_START = re.compile(r"\s*(?:#{1,6}\s+|(?:>\s*)+)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_CONTINUATION = re.compile(rf"(?:{any_of(_LEXICON.continuations)})\b", re.IGNORECASE)
_NUMBERED = re.compile(r"^[\d.]+\s+")


@dataclass(frozen=True, slots=True)
class QuoteCandidate:
    """Characters [start, end) of a hit's page that may be quoted.

    `text` is one line without markup. `heads` are the column heads above a row, and `row` its
    cells, None for other text and rows whose columns are not known. `replies_to` is the question
    right before it, in lists of questions and answers and in chats.
    """

    hit: Hit
    start: int
    end: int
    text: str
    heads: str = ""
    row: RowCells | None = None
    replies_to: str = ""

    @property
    def in_context(self) -> str:
        """The text with its column heads and its unit before it."""
        unit = self.row.unit if self.row else ""
        return " ".join(filter(None, (unit, self.heads, self.text)))

    @property
    def headings(self) -> tuple[str, ...]:
        """The heading path above it, outermost first, and the question that it replies to."""
        headings = self.hit.headings_at(self.start) or self.hit.headings
        return (*headings, self.replies_to) if self.replies_to else headings

    @property
    def label(self) -> str:
        """What names a table row, "" for other text."""
        return self.row.label[1] if self.row else ""


def find_candidates(question: str, hits: Sequence[Hit]) -> list[QuoteCandidate]:
    """Return what may be quoted of hits: nothing that only announces, links or repeats.

    Headings, titles, captions, tables of contents and lists of links are left out, and so is what
    has no word beyond the question's.
    """
    asked = keywords(question)
    return [
        candidate
        for hit in hits
        for candidate in _find_in_hit(hit)
        if len(candidate.text) <= MAX_QUOTE_LENGTH and keywords(candidate.text) - asked
    ]


def clean_text(text: str, *, is_markdown: bool) -> str:
    """Return a text as one line without the markup of its format."""
    if is_markdown:
        lines = [_clean_line(line) for line in text.split("\n")]
        text = " ".join(filter(None, lines))
    return " ".join(text.split())


def _clean_line(line: str) -> str:
    line = _LINK.sub(lambda match: "" if match[1] else match[2], _TAG.sub("", line))
    return strip_markup(_LINE_START.sub("", line)).strip()


def _find_in_hit(hit: Hit) -> Iterator[QuoteCandidate]:
    names = {_fold_name(name) for section in hit.sections for name in section.headings}
    names |= {_fold_name(name) for name in (hit.title, hit.page_label, *hit.headings)}
    position = hit.start
    for row in [*select_rows(hit.rows, hit.start, hit.end), None]:
        end = max(position, row.start) if row else hit.end
        yield from _find_in_prose(hit, position, end, names)
        if row is None:
            return
        if candidate := _make_row(hit, row):
            yield candidate
        position = min(row.end, hit.end)


def _make_row(hit: Hit, row: TableRow) -> QuoteCandidate | None:
    """Return a table row, or None for the heads of a table."""
    start, end = max(row.start, hit.start), min(row.end, hit.end)
    is_markdown = hit.kind == "markdown"
    raw = hit.text[start - hit.start : end - hit.start]
    text = clean_text(raw, is_markdown=is_markdown)
    if not row.columns:
        is_head = any(_is_head_of(text, other) for other in hit.rows if other.start > row.start)
        return None if is_head else _make_plain(hit, start, end, text)
    cells = split_row(text, row.columns, row.label)
    unit = row.unit or find_unit(hit.text[: start - hit.start])
    shown = text.strip("| ").replace(CELL_SEPARATOR, " · ")
    heads = " ".join(row.columns)
    return QuoteCandidate(
        hit, start, end, shown, heads, cells._replace(unit=unit) if cells else None
    )


def _is_head_of(text: str, row: TableRow) -> bool:
    return bool(row.columns) and _fold_name(text) == _fold_name(" ".join(row.columns))


def _make_plain(hit: Hit, start: int, end: int, text: str) -> QuoteCandidate:
    return QuoteCandidate(hit, start, end, text.strip("| ").replace(CELL_SEPARATOR, " · "))


def _find_in_prose(hit: Hit, start: int, end: int, names: set[str]) -> Iterator[QuoteCandidate]:
    """Yield the sentences between tables, and each list with the line before it."""
    text = hit.text[start - hit.start : end - hit.start]
    sentences = split_sentences(text)
    yield from _find_lists(hit, start, text, sentences)
    question = ""
    for first, following in zip_longest(sentences, sentences[1:]):
        sentence = first
        if following and _goes_on(text, first, following):
            sentence = Sentence(first.start, following.end, text[first.start : following.end])
        own = _make_sentence(hit, start, sentence)
        if _is_quotable(own, sentence.text, names):
            yield replace(own, replies_to=question)
        question = own.text if own.text.endswith("?") else ""


def _goes_on(text: str, sentence: Sentence, following: Sentence) -> bool:
    """Return True if a sentence follows in the same paragraph and refers to the one before it."""
    between = text[sentence.end : following.start]
    is_prose = not sentence.context and sentence.text.endswith((".", "!"))
    return is_prose and between in (" ", "\n") and _CONTINUATION.match(following.text) is not None


def _make_sentence(hit: Hit, offset: int, sentence: Sentence) -> QuoteCandidate:
    start, end = offset + sentence.start, offset + sentence.end
    text = clean_text(sentence.text, is_markdown=hit.kind == "markdown")
    marker = _ITEM.match(text)
    text = text[marker.end() :] if marker and not marker["number"] else text
    row = split_row(text, [sentence.context], "") if sentence.context else None
    if row is not None:
        row = row._replace(unit=find_unit(hit.text[: start - hit.start]))
    shown = text.replace(CELL_SEPARATOR, " · ")
    return QuoteCandidate(hit, start, end, shown, sentence.context, row)


def _is_quotable(candidate: QuoteCandidate, raw: str, names: set[str]) -> bool:
    if raw.lstrip().startswith("#") or _ANNOUNCEMENT.search(candidate.text):
        return False
    if _fold_name(candidate.text) in names or _CAPTION.match(candidate.text):
        return False
    others = _LINK.sub("", raw)
    return others == raw or sum(map(str.isalpha, others)) >= _MIN_LETTERS


def _fold_name(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", _NUMBERED.sub("", text)).casefold()


def _find_lists(
    hit: Hit, offset: int, text: str, sentences: Sequence[Sentence]
) -> Iterator[QuoteCandidate]:
    """Yield each line that ends in a colon with the list below it."""
    is_markdown = hit.kind == "markdown"
    for at, (sentence, following) in enumerate(pairwise(sentences)):
        lead = clean_text(sentence.text, is_markdown=is_markdown)
        if not lead.endswith(":") or not _ITEM.match(following.text):
            continue
        items = []
        for item in sentences[at + 1 :]:
            if not _ITEM.match(item.text) and text[item.start - 1 : item.start] == "\n":
                break
            items.append(item)
        kept = [item for item in items if _ITEM.match(item.text)]
        if _MIN_LIST_ITEMS <= len(kept) <= _MAX_LIST_ITEMS:
            shown = [clean_text(item.text, is_markdown=is_markdown) for item in items]
            listed = " ".join(_ITEM.sub(_write_marker, item, count=1) for item in shown)
            start, end = offset + sentence.start, offset + items[-1].end
            yield QuoteCandidate(hit, start, end, f"{_ITEM.sub('', lead, count=1)} {listed}")


def _write_marker(marker: re.Match[str]) -> str:
    return f"{marker['number']} " if marker["number"] else "• "
