"""Overview: the base at a glance, and how well it answers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ragkit import Statistics
from ragkit_apps.ui.components.charts import days_chart, kinds_chart, times_chart
from ragkit_apps.ui.state.session import base_with_documents, heading, quiet


def page() -> None:
    kb = base_with_documents()
    if kb is None:
        return
    status, found = kb.status(), kb.statistics()
    heading("Overview")
    _draw_documents(found, status.bytes, len(status.file_errors))
    heading("Questions", 2)
    if not found.questions:
        quiet(
            "Nothing has been asked in a conversation yet; what is, is counted here, for all "
            "people together and without their words."
        )
        return
    _draw_questions(found)


def _draw_documents(found: Statistics, size: int, problems: int) -> None:
    heading("Documents", 2)
    with st.container(horizontal=True, key="metrics-documents"):
        st.metric("Documents", f"{found.documents:,}", border=True)
        st.metric("Pages", f"{found.pages:,}", border=True)
        st.metric("Chunks", f"{found.chunks:,}", border=True)
        st.metric(
            "Readable pages",
            share(found.readable_pages, found.pages),
            border=True,
            help="Pages with text; the others are pictures that would need OCR, or empty",
        )
        st.metric("Files not read", f"{problems:,}", border=True)
        st.metric("On disk", f"{size / 1e6:,.0f} MB", border=True)
    kinds, days = st.columns(2)
    with kinds:
        heading("By kind", 3)
        st.altair_chart(kinds_chart(found.kinds), alt="Documents and chunks of each kind")
    with days:
        heading("Documents over time", 3)
        st.altair_chart(
            days_chart(found.documents_per_day, total=True),
            alt="How many documents there were on each day",
        )


def _draw_questions(found: Statistics) -> None:
    abstained = sum(found.abstained.values())
    with st.container(horizontal=True, key="metrics-questions"):
        st.metric("Asked", f"{found.questions:,}", border=True)
        st.metric("Answered", share(found.answered, found.questions), border=True)
        st.metric("Abstained", share(abstained, found.questions), border=True)
        st.metric("With a doubtful sentence", f"{found.doubtful:,}", border=True)
        st.metric("Thumbs up", f"{found.thumbs_up:,}", border=True)
        st.metric("Thumbs down", f"{found.thumbs_down:,}", border=True)
        st.metric("Half answered within", f"{median(found.seconds):.1f} s", border=True)
    asked, times = st.columns(2)
    with asked:
        heading("Questions a day", 3)
        st.altair_chart(
            days_chart(found.questions_per_day, total=False),
            alt="How many questions were asked on each day",
        )
    with times:
        heading("Seconds to an answer", 3)
        st.altair_chart(
            times_chart(found.first_words, found.seconds),
            alt="How many answers took how long, to the first word and in whole",
        )


def share(part: int, whole: int) -> str:
    """ "97 %" of a whole; "-" of nothing. Never 100 % while something is missing."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return f"{min(percent, 99.9) if part < whole else 100:.{0 if percent in (0, 100) else 1}f} %"


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
