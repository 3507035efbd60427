"""Search: the passages for a query, and how each came to its place."""

from __future__ import annotations

from html import escape

import streamlit as st

from ragkit import Candidate, Explanation, Hit
from ragkit_apps.ui.components.charts import parts_chart
from ragkit_apps.ui.components.markup import plain_name, shortened
from ragkit_apps.ui.components.source import draw_source
from ragkit_apps.ui.state.session import base_with_documents, heading, open_source, quiet, source_of

_SLOT = "search"
_STAGES = {(True, True): "both", (True, False): "meaning", (False, True): "words"}


def page() -> None:
    kb = base_with_documents()
    if kb is None:
        return
    heading("Search")
    if "query" not in st.session_state:
        st.session_state["query"] = st.query_params.get("q", "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        query = st.text_input(
            "Query",
            key="query",
            persist_state="session",
            on_change=open_source,
            args=(_SLOT, None),
            type="search",
            icon=":material/search:",
            placeholder="Words, a part number, or a whole question",
        )
        k = st.number_input("Passages", 1, 50, 10, key="k", width=130, persist_state="session")
    if not query or not query.strip():
        quiet(
            "Shows what a question would be answered from: the passages, and what meaning and "
            "words each gave to their rank."
        )
        return
    st.query_params["q"] = query
    explanation = kb.explain(query, k)
    if not explanation.hits:
        quiet("No passage found.")
        return
    found, source = st.columns([5, 6], gap="large")
    with source:
        draw_source(kb, _SLOT)
    with found, st.container(key="found"):
        _draw_hits(explanation)


def _draw_hits(explanation: Explanation) -> None:
    for rank, hit in enumerate(explanation.hits, 1):
        _draw_hit(rank, hit)
    heading("How they were ranked", 2)
    quiet(
        "Each chunk has a part by meaning (its cosine, stretched over all candidates) and a part "
        "by words (its BM25 score as a share of the best possible one). A passage takes its best "
        "chunk's sum, and a little for others of the same page."
    )
    best = [each for each in explanation.candidates if each.rank]
    st.altair_chart(
        parts_chart(best[:20]),
        alt="Bars: for each chunk of the passages found, its part by meaning and its part by words",
    )
    st.dataframe(
        table_of(explanation.candidates),
        hide_index=True,
        placeholder="",
        alt="All candidates with their scores, best first",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("Sum", "By meaning", "By words", "Cosine")
        },
    )


def _draw_hit(rank: int, hit: Hit) -> None:
    where = f"{hit.source}, {hit.place}" if hit.place else hit.source
    with st.container(border=True, gap=None, key=f"hit-box-{rank}"):
        st.button(
            f"**{rank}** {plain_name(shortened(where, 100))}",
            key=f"hit-{rank}",
            type="tertiary",
            icon=":material/pageview:",
            on_click=open_source,
            args=(_SLOT, source_of(hit)),
        )
        path = " › ".join(hit.headings)
        scores = f"score {hit.score:.3f} · cosine {hit.similarity:.3f} · BM25 {hit.lexical:.1f}"
        st.html(
            (f'<div class="quiet">{escape(path)}</div>' if path else "")
            + f'<div class="text">{escape(shortened(hit.text, 420))}</div>'
            + f'<div class="quiet">{escape(scores)}</div>'
        )


def table_of(candidates: tuple[Candidate, ...]) -> dict[str, list[str | float | int | None]]:
    """Every candidate as a row of a table, by columns."""
    rows = candidates[:300]
    return {
        "Rank": [each.rank or None for each in rows],
        "Document": [each.source for each in rows],
        "Page": [each.page for each in rows],
        "Found by": [_STAGES.get((each.from_dense, each.from_lexical), "") for each in rows],
        "Sum": [each.fused for each in rows],
        "By meaning": [each.dense_part for each in rows],
        "By words": [each.lexical_part for each in rows],
        "Cosine": [each.similarity for each in rows],
        "BM25": [round(each.lexical, 1) for each in rows],
        "Outcome": [each.note for each in rows],
        "Text": [shortened(each.text, 160) for each in rows],
    }
