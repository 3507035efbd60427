"""The few plots of the page; colours come from the theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate

import altair as alt

from ragkit import Candidate
from ragkit.maintenance import KindCounts
from ragkit_apps.ui.components.markup import shortened

_LEGEND = alt.Legend(orient="top", title=None)
_WHOLE = alt.Axis(tickMinStep=1, title=None)
_FEW_DAYS = 31


def _chart(rows: Sequence[Mapping[str, object]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def parts_chart(candidates: Sequence[Candidate]) -> alt.Chart:
    """What meaning and words gave to each chunk, as stacked bars, best first."""
    rows = [
        {"Chunk": name, "Part": part, "Score": value}
        for name, each in zip(_names(candidates), candidates, strict=True)
        for part, value in (("By meaning", each.dense_part), ("By words", each.lexical_part))
    ]
    chart: alt.Chart = (
        _chart(rows)
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


def _names(candidates: Sequence[Candidate]) -> list[str]:
    """A name for each chunk; more of one page are counted: "2. report.pdf, p. 7 (2)"."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for each in candidates:
        page = f", p. {each.page}" if each.page is not None else ""
        name = f"{each.rank}. {shortened(each.source.rpartition('/')[2], 30)}{page}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def kinds_chart(kinds: Sequence[KindCounts]) -> alt.Chart:
    """How many documents of each kind there are."""
    rows = [
        {"Kind": kind.kind, "Documents": kind.documents, "Chunks": kind.chunks} for kind in kinds
    ]
    chart: alt.Chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("Documents:Q", axis=_WHOLE),
            y=alt.Y("Kind:N", sort="-x", title=None),
            tooltip=["Kind:N", "Documents:Q", "Chunks:Q"],
        )
        .properties(height=alt.Step(26))
    )
    return chart


def days_chart(counts: Sequence[tuple[str, int]], *, total: bool) -> alt.Chart:
    """How many there were by each day in all, or on each day alone; few days are bars."""
    days = by_day(counts, total=total)
    rows = [{"Day": f"{day}T00:00", "Count": count} for day, count in days]
    chart: alt.Chart = _chart(rows).encode(
        y=alt.Y("Count:Q", axis=_WHOLE),
        tooltip=[alt.Tooltip("Day:T", format="%d %B %Y"), "Count:Q"],
    )
    drawn: alt.Chart
    if len(days) > _FEW_DAYS:
        mark = chart.mark_area(line=True, opacity=0.35, interpolate="step-after")
        drawn = mark.encode(x=alt.X("Day:T", title=None))
    else:
        axis = alt.Axis(format="%d %b", labelAngle=0, labelOverlap=True)
        drawn = chart.mark_bar(width={"band": 0.6}).encode(
            x=alt.X("yearmonthdate(Day):O", title=None, axis=axis)
        )
    return drawn


def by_day(counts: Sequence[tuple[str, int]], *, total: bool) -> list[tuple[date, int]]:
    """(day, count) of each day from the first to the last, with the days on which nothing was.

    A total counts all days up to each.
    """
    known = {date.fromisoformat(day): count for day, count in counts}
    if not known:
        return []
    first, last = min(known), max(known)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    values = [known.get(day, 0) for day in days]
    return list(zip(days, accumulate(values) if total else values, strict=True))


def times_chart(first_words: Sequence[float], seconds: Sequence[float]) -> alt.Chart:
    """How many answers took how long."""
    rows = [{"Until": "first word", "Seconds": value} for value in first_words]
    rows += [{"Until": "whole answer", "Seconds": value} for value in seconds]
    chart: alt.Chart = (
        _chart(rows)
        .mark_bar(opacity=0.7)
        .encode(
            x=alt.X("Seconds:Q", bin=alt.Bin(maxbins=24), title="Seconds"),
            y=alt.Y("count():Q", stack=None, axis=_WHOLE),
            color=alt.Color("Until:N", legend=_LEGEND),
            tooltip=["Until:N", "count():Q"],
        )
    )
    return chart
