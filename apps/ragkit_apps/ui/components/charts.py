"""The charts of the page; their colours come from the theme."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from operator import attrgetter

import altair as alt

from ragkit import Candidate
from ragkit.maintenance import KindCounts
from ragkit_apps.ui.components.markup import shorten

_LEGEND = alt.Legend(orient="top", title=None)
_WHOLE_NUMBERS = alt.Axis(tickMinStep=1, title=None)
MAX_BAR_DAYS = 31

SCORE_PARTS: dict[str, Callable[[Candidate], float]] = {
    "By meaning": attrgetter("dense_part"),
    "By words": attrgetter("lexical_part"),
    "By exact terms": attrgetter("verbatim_part"),
    "By document name": attrgetter("prior_part"),
}
"""The parts of a chunk's score, by their names on the page."""


def _build_chart(rows: Sequence[Mapping[str, object]]) -> alt.Chart:
    # altair uses the pandas in sys.modules, even while another thread still imports it for a table
    importlib.import_module("pandas")
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def build_score_chart(candidates: Sequence[Candidate]) -> alt.Chart:
    """Return stacked bars: the parts of each chunk's score, best first."""
    rows = [
        {"Chunk": name, "Part": part, "Score": read(candidate)}
        for name, candidate in zip(_name_chunks(candidates), candidates, strict=True)
        for part, read in SCORE_PARTS.items()
    ]
    chart: alt.Chart = (
        _build_chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("Score:Q", stack="zero"),
            y=alt.Y("Chunk:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
            color=alt.Color("Part:N", legend=_LEGEND),
            tooltip=["Chunk:N", "Part:N", alt.Tooltip("Score:Q", format=".3f")],
        )
        .properties(height=alt.Step(22))
    )
    return chart


def _name_chunks(candidates: Sequence[Candidate]) -> list[str]:
    """Return a name for each chunk; chunks of one page are numbered: "2. report.pdf, p. 7 (2)"."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for candidate in candidates:
        page = f", p. {candidate.page}" if candidate.page is not None else ""
        name = f"{candidate.rank}. {shorten(candidate.source.rpartition('/')[2], 30)}{page}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def build_types_chart(kinds: Sequence[KindCounts]) -> alt.Chart:
    """Return bars: the number of documents of each type."""
    rows = [
        {"Type": kind.kind, "Documents": kind.documents, "Chunks": kind.chunks} for kind in kinds
    ]
    chart: alt.Chart = (
        _build_chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("Documents:Q", axis=_WHOLE_NUMBERS),
            y=alt.Y("Type:N", sort="-x", title=None),
            tooltip=["Type:N", "Documents:Q", "Chunks:Q"],
        )
        .properties(height=alt.Step(26))
    )
    return chart


def build_days_chart(counts: Sequence[tuple[str, int]], *, total: bool) -> alt.Chart:
    """Return counts by day, or their running total: bars for few days, else an area."""
    days = count_by_day(counts, total=total)
    rows = [{"Day": f"{day}T00:00", "Count": count} for day, count in days]
    chart: alt.Chart = _build_chart(rows).encode(
        y=alt.Y("Count:Q", axis=_WHOLE_NUMBERS),
        tooltip=[alt.Tooltip("Day:T", format="%d %B %Y"), "Count:Q"],
    )
    drawn: alt.Chart
    if len(days) > MAX_BAR_DAYS:
        mark = chart.mark_area(line=True, opacity=0.35, interpolate="step-after")
        drawn = mark.encode(x=alt.X("Day:T", title=None))
    else:
        axis = alt.Axis(format="%d %b", labelAngle=0, labelOverlap=True)
        drawn = chart.mark_bar(width={"band": 0.6}).encode(
            x=alt.X("yearmonthdate(Day):O", title=None, axis=axis)
        )
    return drawn


def count_by_day(counts: Sequence[tuple[str, int]], *, total: bool) -> list[tuple[date, int]]:
    """Return (day, count) for each day from the first to the last, 0 on days without an entry.

    With `total`, each count includes those of the days before.
    """
    known = {date.fromisoformat(day): count for day, count in counts}
    if not known:
        return []
    first, last = min(known), max(known)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    values = [known.get(day, 0) for day in days]
    return list(zip(days, accumulate(values) if total else values, strict=True))


def build_times_chart(first_words: Sequence[float], seconds: Sequence[float]) -> alt.Chart:
    """Return a histogram of the seconds to the first word and to the whole answer."""
    rows = [{"Until": "first word", "Seconds": value} for value in first_words]
    rows += [{"Until": "whole answer", "Seconds": value} for value in seconds]
    chart: alt.Chart = (
        _build_chart(rows)
        .mark_bar(opacity=0.7)
        .encode(
            x=alt.X("Seconds:Q", bin=alt.Bin(maxbins=24), title="Seconds"),
            y=alt.Y("count():Q", stack=None, axis=_WHOLE_NUMBERS),
            color=alt.Color("Until:N", legend=_LEGEND),
            tooltip=["Until:N", "count():Q"],
        )
    )
    return chart
