"""Charts of Office documents: a table of their values, with titles and the names of the series.

Every kind of chart keeps its values in the same elements (ISO/IEC 29500-1, 21.2), so that kinds
are told apart nowhere. Charts of 2016 and later, such as waterfalls and treemaps, have a format of
their own ([MS-ODRAWXML] 2.24.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, PageBuilder
from ragkit_ingest.readers.grid import Cell
from ragkit_ingest.readers.number_format import GENERAL, compile_format
from ragkit_ingest.readers.ooxml import Part, local_name
from ragkit_ingest.readers.table import add_table
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
_CATEGORIES = (f"{_C}cat", f"{_C}xVal")
_VALUES = (f"{_C}val", f"{_C}yVal")
_TRUE = ("1", "true")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:E[-+]\d+)?")
_DAYS_TO_1904 = 1462  # from the first day of the other date system

Points = dict[int, str]
"""Texts by the index of their point; those without a text are missing."""


@dataclass(frozen=True, slots=True)
class _Series:
    """A series: its name, the categories or x values of its points, and their values."""

    name: str
    categories: Points
    values: Points


@dataclass(frozen=True, slots=True)
class _Format:
    """How values are shown: by the format of their labels, else their own, else that of the axis.

    Axes show round numbers, so that only a percent sign is taken from them. `first_day` is added
    to dates. `share` is the format of labels that show what each value is of the whole.
    """

    label: str = ""
    share: str = ""
    axis: str = ""
    first_day: int = 0

    def show(self, text: str, own: str) -> str:
        """Return a value as it is shown; a text stays as it is."""
        try:
            number = float(text)
        except ValueError:
            return text
        code = self.label or own or GENERAL
        if not math.isfinite(number):
            return text
        if code == GENERAL and "%" in self.axis:
            return f"{number * 100:.12g}%"
        return one_line(compile_format(code, self.first_day)(number))


def add_chart(builder: PageBuilder, part: Part) -> None:
    """Add a chart: its titles as a paragraph, its values as a table, then the texts drawn on it.

    `part` is the chart part, which can be parsed.
    """
    first_day = _DAYS_TO_1904 if _read_value(part.root, "date1904") in _TRUE else 0
    for chart in part.root.iterchildren(f"{_C}chart"):
        axes = [axis for axis in chart.iter() if local_name(axis) in ("catAx", "dateAx", "valAx")]
        across, along = _split_axes(axes)
        titles = [_read_title(chart), *map(_read_title, along)]
        axis_code = next(filter(None, map(_read_own_format, along)), "")
        series: list[_Series] = []
        for entry in chart.iter(f"{_C}ser"):
            found = (e.find(f"{_C}dLbls") for e in (entry, entry.getparent()))
            labels = next((e for e in found if e is not None), None)
            series += _read_series(entry, _read_format(labels, axis_code, first_day))
        _add_series(builder, series, titles, next(filter(None, map(_read_title, across)), ""))
        notes = (_read_rich_text(label) for label in chart.iter(f"{_C}dLbl"))
        builder.add(BlockKind.PARAGRAPH, "\n".join(filter(None, notes)))
    for shapes in part.find_roots("chartUserShapes"):
        builder.add(BlockKind.PARAGRAPH, _read_rich_text(shapes))


def add_extended_chart(builder: PageBuilder, root: Element) -> None:
    """Add a chart in the format of 2016, such as a waterfall or treemap, like `add_chart`."""
    data = {entry.get("id", ""): entry for entry in root.iter(f"{_CX}data")}
    for chart in root.iterchildren(f"{_CX}chart"):
        axis_titles = chart.iterfind(f".//{_CX}axis/{_CX}title")
        titles = [*map(_read_extended_text, (*chart.iterchildren(f"{_CX}title"), *axis_titles))]
        series = []
        for entry in chart.iter(f"{_CX}series"):
            source = entry.find(f"{_CX}dataId")
            values = None if source is None else data.get(source.get("val", ""))
            if values is not None:
                name = next(map(_read_extended_text, entry.iterchildren(f"{_CX}tx")), "")
                series.append(_read_extended_series(name, values))
        _add_series(builder, series, titles, "")


def _add_series(
    builder: PageBuilder, series: Sequence[_Series], titles: Sequence[str], corner: str
) -> None:
    """Add titles, and a table for all series that have the same categories: a row for each."""
    title, *others = [*titles, ""]
    others = [other for other in dict.fromkeys(others) if other]
    units = "; ".join(others)
    title = f"{title} ({units})" if title and units else title or units
    builder.add(BlockKind.PARAGRAPH, title)
    tables: dict[tuple[tuple[int, str], ...], list[_Series]] = {}
    for entry in series:
        tables.setdefault(tuple(entry.categories.items()), []).append(entry)
    for group in tables.values():
        categories = group[0].categories
        names = [entry.name or next(iter(others), "") for entry in group]
        heads = [Cell(text, is_head=True) for text in (corner, *names)]
        rows = [
            [Cell(categories.get(at, str(at + 1))), *(Cell(e.values.get(at, "")) for e in group)]
            for at in sorted({at for entry in group for at in (*categories, *entry.values)})
        ]
        add_table(builder, [heads, *rows] if any(names) or corner else rows, caption=title)


def _split_axes(axes: Sequence[Element]) -> tuple[list[Element], list[Element]]:
    """Return the axes of the categories or x values, and those of the values."""
    shown = [axis for axis in axes if _read_value(axis, "delete") not in _TRUE]
    across = [axis for axis in shown if local_name(axis) != "valAx"]
    if all(local_name(axis) == "valAx" for axis in axes):  # a scatter chart
        across = [axis for axis in shown if _read_value(axis, "axPos") in ("b", "t")]
    return across, [axis for axis in shown if axis not in across]


def _read_value(element: Element, name: str) -> str:
    child = element.find(f"{_C}{name}")
    return "" if child is None else str(child.get("val", ""))


def _read_title(element: Element) -> str:
    """Return the title of a chart or axis: it is typed or comes from a cell."""
    title = element.find(f"{_C}title/{_C}tx")
    return "" if title is None else _read_rich_text(title) or _read_cached_text(title)


def _read_rich_text(element: Element) -> str:
    """Return typed text on one line, without fields that stand for a value."""
    paragraphs = (
        "".join(run.findtext(f"{_A}t") or "" for run in paragraph.iterchildren(f"{_A}r"))
        for paragraph in element.iter(f"{_A}p")
    )
    return one_line(" ".join(paragraphs))


def _read_cached_text(element: Element) -> str:
    return one_line(" ".join(text.text or "" for text in element.iter(f"{_C}v")))


def _read_format(labels: Element | None, axis: str, first_day: int) -> _Format:
    """Return how values are shown, by the labels of their series or group and their axis."""
    if labels is None:
        return _Format(axis=axis, first_day=first_day)
    code = _read_own_format(labels)
    label = code if _read_value(labels, "showVal") in _TRUE else ""
    share = (code or "0%") if _read_value(labels, "showPercent") in _TRUE else ""
    return _Format(label, share, axis, first_day)


def _read_own_format(element: Element) -> str:
    """Return the number format of labels or an axis, "" if they use that of the values."""
    found = element.find(f"{_C}numFmt")
    if found is None or found.get("sourceLinked") in _TRUE:
        return ""
    code = str(found.get("formatCode", ""))
    return "" if code == GENERAL else code


def _read_series(element: Element, shown: _Format) -> Iterator[_Series]:
    """Yield a series; the sizes of bubbles are one of their own."""
    name = next(map(_read_cached_text, element.iterchildren(f"{_C}tx")), "")
    own = _Format(first_day=shown.first_day)
    categories = _read_points(element.iterchildren(*_CATEGORIES), own)
    yield _Series(name, categories, _read_points(element.iterchildren(*_VALUES), shown))
    sizes = _read_points(element.iterchildren(f"{_C}bubbleSize"), own)
    if sizes:
        yield _Series(f"{name} (size)".lstrip(), categories, sizes)
    if shown.share:
        yield _Series(f"{name} (%)".lstrip(), categories, _read_shares(element, shown.share))


def _read_shares(element: Element, code: str) -> Points:
    """Return what each point is of the whole, as the labels of a pie say."""
    plain = _Format(label=GENERAL)
    points = _read_points(element.iterchildren(*_VALUES), plain)
    numbers = {at: float(text) for at, text in points.items() if _NUMBER.fullmatch(text)}
    total = sum(map(abs, numbers.values()))
    show = compile_format(code)
    return {at: show(abs(number) / total) for at, number in numbers.items()} if total else {}


def _read_extended_series(name: str, data: Element) -> _Series:
    texts = [entry for entry in data.iterchildren(f"{_CX}strDim") if entry.get("type") == "cat"]
    numbers = list(data.iterchildren(f"{_CX}numDim"))[:1]
    return _Series(name, _read_points(texts, _Format()), _read_points(numbers, _Format()))


def _read_extended_text(element: Element) -> str:
    typed = _read_rich_text(element)
    return typed or one_line(" ".join(text.text or "" for text in element.iter(f"{_CX}v")))


def _read_points(sources: Iterable[Element], shown: _Format) -> Points:
    """Return the stored points of a series; several levels are joined ("2024, Q1").

    The innermost level comes first. A text of an outer level is above all points up to the next.
    """
    points: Points = {}
    for source in sources:
        levels = list(source.iter(f"{_C}lvl", f"{_CX}lvl")) or [source]
        points = _read_level(levels[0], shown)
        for level in levels[1:]:
            outer = ""
            texts = _read_level(level, shown)
            for at in sorted({*points, *texts}):
                outer = texts.get(at, outer)
                points[at] = ", ".join(filter(None, (outer, points.get(at, ""))))
    return points


def _read_level(level: Element, shown: _Format) -> Points:
    code = level.get("formatCode") or next((e.text for e in level.iter(f"{_C}formatCode")), "")
    points: Points = {}
    for point in level.iter(f"{_C}pt", f"{_CX}pt"):
        index = point.get("idx", "")
        text = one_line(point.findtext(f"{_C}v") or point.text or "")
        if index.isdecimal() and text:
            points[int(index)] = shown.show(text, point.get("formatCode") or code or "")
    return points
