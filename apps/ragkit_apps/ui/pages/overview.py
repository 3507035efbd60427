"""The page "Overview": statistics of the documents and the answers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ragkit import Statistics
from ragkit_apps.ui.components.charts import (
    build_days_chart,
    build_times_chart,
    build_types_chart,
)
from ragkit_apps.ui.components.empty_state import require_documents
from ragkit_apps.ui.components.messages import draw_caption, draw_heading, draw_notice


def draw_page() -> None:
    """Draw the page."""
    view = require_documents()
    if view is None:
        return
    status, statistics = view.status(), view.statistics()
    draw_heading("Overview")
    if status.language_warning:
        draw_notice(status.language_warning)
    _draw_documents(statistics, status.bytes, len(status.file_errors))
    draw_heading("Questions", 2)
    if not statistics.questions:
        draw_caption(
            "No questions in conversations yet. This page counts the questions of all users "
            "together and shows no text of them."
        )
        return
    _draw_questions(statistics)


def _draw_documents(statistics: Statistics, size: int, errors: int) -> None:
    draw_heading("Documents", 2)
    with st.container(horizontal=True, key="metrics-documents"):
        st.metric("Documents", f"{statistics.documents:,}", border=True)
        st.metric("Pages", f"{statistics.pages:,}", border=True)
        st.metric("Chunks", f"{statistics.chunks:,}", border=True)
        st.metric(
            "Readable pages",
            format_share(statistics.readable_pages, statistics.pages),
            border=True,
            help="Pages with text. The other pages are empty, or images that need OCR.",
        )
        st.metric("Failed files", f"{errors:,}", border=True)
        st.metric("On disk", f"{size / 1e6:,.0f} MB", border=True)
    types, days = st.columns(2)
    with types:
        draw_heading("By type", 3)
        st.altair_chart(
            build_types_chart(statistics.kinds), alt="Documents and chunks of each type"
        )
    with days:
        draw_heading("Documents over time", 3)
        st.altair_chart(
            build_days_chart(statistics.documents_per_day, total=True),
            alt="Number of documents on each day",
        )


def _draw_questions(statistics: Statistics) -> None:
    abstained = sum(statistics.abstained.values())
    with st.container(horizontal=True, key="metrics-questions"):
        st.metric("Asked", f"{statistics.questions:,}", border=True)
        st.metric("Answered", format_share(statistics.answered, statistics.questions), border=True)
        st.metric("Abstained", format_share(abstained, statistics.questions), border=True)
        st.metric("With an unsupported sentence", f"{statistics.doubtful:,}", border=True)
        st.metric("Thumbs up", f"{statistics.thumbs_up:,}", border=True)
        st.metric("Thumbs down", f"{statistics.thumbs_down:,}", border=True)
        st.metric("Median time", f"{compute_median(statistics.seconds):.1f} s", border=True)
    questions, times = st.columns(2)
    with questions:
        draw_heading("Questions per day", 3)
        st.altair_chart(
            build_days_chart(statistics.questions_per_day, total=False),
            alt="Number of questions on each day",
        )
    with times:
        draw_heading("Seconds to an answer", 3)
        st.altair_chart(
            build_times_chart(statistics.first_words, statistics.seconds),
            alt="Number of answers by the seconds to the first word and to the whole answer",
        )


def format_share(part: int, whole: int) -> str:
    """Return a percentage such as "97 %", "-" of nothing; 100 % only if nothing is missing."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return f"{min(percent, 99.9) if part < whole else 100:.{0 if percent in (0, 100) else 1}f} %"


def compute_median(values: Sequence[float]) -> float:
    """Return the upper median, 0 without values."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
