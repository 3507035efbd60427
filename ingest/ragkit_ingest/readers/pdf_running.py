"""Running heads of PDFs: lines at the top and bottom of most pages, which are indexed once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ragkit_ingest.readers.pdf_layout import Line, is_row

_HEAD_LINES = 4  # lines at the top or bottom of a page that may be a running head
_MIN_PAGES = 3  # that a running head is on
_MAX_SHIFT = 4.0  # points between the heights of a running head on two pages
_STEADY_SHARE = 0.9  # of the pages with a running head have its numbers
_SERIES_SHARE = 0.5  # of the lines at the edges are alike if the pages are a series of forms
_MAX_NAMED = 3  # running heads named in the warning
_MAX_NAME = 60  # characters

_NUMBER = "\0"  # for each number in the shape of a line
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+")
_PAGE_WORDS = re.compile(
    r"p|pp|pg|pages?|of|seiten?|von|s|sur|de|p[áa]ginas?|p[áa]g|blz|bladzijde|van|pagine|di|sida"
    r"|side|av|af|strona|str|z|стр|страница|из",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"(?:[.:#№°]|\b(?:no|nr|num|number|nummer|número|numéro|numero))\W*$", re.I)


class _Place(NamedTuple):
    """A line that may be a running head: lines[at] of the page with this index."""

    page: int
    at: int
    lines: list[Line]

    @property
    def line(self) -> Line:
        return self.lines[self.at]

    def heads_row(self) -> bool:
        return self.at + 1 < len(self.lines) and is_row(self.lines[self.at + 1].text)

    def numbers(self) -> list[int]:
        return [int(digits[:9]) for digits in _DIGITS.findall(self.line.text)]


class RunningHeads(NamedTuple):
    """Each page's lines without its running heads, and a warning that names these, or ""."""

    pages: list[list[Line]]
    warning: str


def drop_running_heads(pages: Sequence[list[Line]]) -> RunningHeads:
    """Drop running heads and page numbers, and keep the first of each head that has words.

    A running head is at the same height and has the same words on over half of the pages. Its
    numbers are the same everywhere, or count pages. If another number varies, as on payslips and
    certificates, the line is data. So is the head of a table that goes on from page to page.
    """
    places = _find_places(pages)
    least = max(_MIN_PAGES, len(pages) // 2 + 1)
    often = {key: found for key, found in places.items() if len(found) >= least}
    is_series = _is_series(often, pages)
    dropped: set[int] = set()
    heads: list[tuple[str, int]] = []
    for (shape, _), found in often.items():
        running = _find_running(shape, found, least, is_series)
        if running and not _is_page_number(shape):
            heads.append((running[0].line.text, len(running)))
            del running[0]
        dropped.update(id(place.line) for place in running)
    kept = [[line for line in lines if id(line) not in dropped] for lines in pages]
    return RunningHeads(kept, _describe(heads))


def _find_places(pages: Sequence[list[Line]]) -> dict[tuple[str, int], list[_Place]]:
    """Return the lines at the edges of pages by their shape: the words without the numbers.

    A line that is at the edges of a page more than once has several keys.
    """
    places: dict[tuple[str, int], list[_Place]] = {}
    for page, lines in enumerate(pages):
        times: Counter[str] = Counter()
        for at in _find_edges(lines):
            shape = _DIGITS.sub(_NUMBER, lines[at].text)
            places.setdefault((shape, times[shape]), []).append(_Place(page, at, lines))
            times[shape] += 1
    return places


def _find_edges(lines: list[Line]) -> Sequence[int]:
    """Return the indices of the lines at the top and the bottom of a page."""
    indices = range(len(lines))
    few = len(lines) <= 2 * _HEAD_LINES
    return indices if few else [*indices[:_HEAD_LINES], *indices[-_HEAD_LINES:]]


def _is_series(often: dict[tuple[str, int], list[_Place]], pages: Sequence[list[Line]]) -> bool:
    """Return True if the pages are alike but for their numbers, as in a file of payslips."""
    alike = Counter(place.page for found in often.values() for place in found)
    shares = [alike[page] / len(_find_edges(lines)) for page, lines in enumerate(pages) if lines]
    if not shares or median(shares) < _SERIES_SHARE:
        return False
    return any(
        _keep_steady(shape, found, is_series=False) == []
        for (shape, _), found in often.items()
        if not _is_page_number(shape)
    )


def _find_running(shape: str, found: list[_Place], least: int, is_series: bool) -> list[_Place]:
    """Return where a line is a running head or a page number, [] if it is neither.

    Page numbers may follow the last line of the text at any height.
    """
    if not _is_page_number(shape):
        if is_series:
            return []
        height = median(place.line.top for place in found)
        found = [place for place in found if abs(place.line.top - height) <= _MAX_SHIFT]
        if sum(map(_Place.heads_row, found)) * 2 > len(found):
            return []
    found = _keep_steady(shape, found, is_series)
    return found if len(found) >= least else []


def _is_page_number(shape: str) -> bool:
    return all(map(_PAGE_WORDS.fullmatch, _WORD.findall(shape)))


def _keep_steady(shape: str, found: list[_Place], is_series: bool) -> list[_Place]:
    """Return the places where a line has the numbers of most places, [] if its numbers are data."""
    if _is_page_number(shape) and _WORD.search(shape):  # "Page 2 of 3", whatever is counted
        return found
    numbers = {place.page: place.numbers() for place in found}
    for slot in range(shape.count(_NUMBER)):
        value, count = Counter(numbers[place.page][slot] for place in found).most_common(1)[0]
        if count >= len(found) * _STEADY_SHARE:
            found = [place for place in found if numbers[place.page][slot] == value]
            continue
        series = [(place.page, numbers[place.page][slot]) for place in found]
        if not (_may_be_page(shape, slot) and _counts_pages(series, is_series)):
            return []
    return found


def _may_be_page(shape: str, slot: int) -> bool:
    """Return True for a number at the start or the end of a line without a label ("No. 7")."""
    pieces = shape.split(_NUMBER)
    at_start = slot == 0 and not _WORD.search(pieces[0])
    at_end = slot == len(pieces) - 2 and not _WORD.search(pieces[-1])
    return (at_start or at_end) and not _LABELLED.search(pieces[slot])


def _counts_pages(series: list[tuple[int, int]], is_series: bool) -> bool:
    """Return True if numbers, given with the indices of their pages, are those of the pages.

    They grow as the pages do, or begin at 1 again. In a series of forms the numbers of documents
    may grow too, so that only the number of the page itself counts.
    """
    if is_series:
        return all(number == page + 1 for page, number in series)
    steps = [
        number - before == page - page_before or number == 1
        for (page_before, before), (page, number) in pairwise(series)
    ]
    return sum(steps) >= len(steps) * _STEADY_SHARE


def _describe(heads: list[tuple[str, int]]) -> str:
    if not heads:
        return ""
    names = [
        f'"{text if len(text) <= _MAX_NAME else text[: _MAX_NAME - 4].rstrip() + " ..."}"'
        f" ({count} pages)"
        for text, count in heads
    ]
    if len(names) == 1:
        return f"the running head {names[0]} is indexed once"
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"running heads are indexed once each: {', '.join(names[:_MAX_NAMED])}{more}"
