"""The page "Search": the passages for a query, and how they were ranked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from ragkit import Candidate, Explanation, Hit
from ragkit_apps.ui.components.charts import SCORE_PARTS, build_score_chart
from ragkit_apps.ui.components.empty_state import require_documents
from ragkit_apps.ui.components.markup import escape_markdown, shorten
from ragkit_apps.ui.components.messages import draw_caption, draw_heading
from ragkit_apps.ui.components.source import draw_source
from ragkit_apps.ui.state.session import Source, open_source

MAX_CHART_BARS = 20
MAX_TABLE_ROWS = 300
_MAX_LINKED_QUERY = 2_000  # characters; browsers do not keep a longer address
_SLOT = "search"
_SEARCHES = {(True, True): "both", (True, False): "meaning", (False, True): "words"}


def draw_page() -> None:
    """Draw the page."""
    view = require_documents()
    if view is None:
        return
    draw_heading("Search")
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
            placeholder="Words, a part number, or a question",
        )
        k = st.number_input("Passages", 1, 50, 10, key="k", width=130, persist_state="session")
    if not query or not query.strip():
        draw_caption(
            "Search shows the passages that a question would be answered from, and how much "
            "meaning and words each contribute to their rank."
        )
        return
    if len(query) <= _MAX_LINKED_QUERY:
        st.query_params["q"] = query
    explanation = view.explain(query, k)
    for line in explanation.missing_notice.splitlines():
        draw_caption(line)
    if not explanation.hits:
        draw_caption(explanation.notice or "No matching passages.")
        return
    hits, source = st.columns([5, 6], gap="large")
    with source:
        draw_source(view, _SLOT)
    with hits, st.container(key="found"):
        if explanation.sides:
            draw_caption("Also searched for: " + " · ".join(explanation.sides))
        for rank, hit in enumerate(explanation.hits, 1):
            _draw_hit(rank, hit)
        _draw_ranking(explanation)


def _draw_ranking(explanation: Explanation) -> None:
    draw_heading("Ranking", 2)
    draw_caption(
        "The score of a chunk has up to four parts: meaning (its cosine similarity, scaled over "
        "all candidates), words (its BM25 score as a share of the best possible one), exact terms "
        "(codes, dates and quoted text of the query that it contains) and document name (if the "
        "query names its document). A passage has the score of its best chunk, plus a little for "
        "other chunks of the same page."
    )
    ranked = [candidate for candidate in explanation.candidates if candidate.rank]
    if any(hit.reranker_score is not None for hit in explanation.hits):
        draw_caption(
            "A reranker then read the first passages together with the query. They rank by its "
            "score above all, and a little by this one."
        )
        ranked.sort(key=lambda candidate: candidate.rank)
    st.altair_chart(
        build_score_chart(ranked[:MAX_CHART_BARS]),
        alt="Bars: for each chunk of the passages, the parts of its score",
    )
    st.dataframe(
        build_candidate_table(explanation.candidates),
        hide_index=True,
        placeholder="",
        alt="All candidates with their scores, best first",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("Score", *SCORE_PARTS, "Cosine", "Reranker")
        },
    )


def _draw_hit(rank: int, hit: Hit) -> None:
    with st.container(border=True, gap=None, key=f"hit-box-{rank}"):
        st.button(
            f"**{rank}** {escape_markdown(shorten(_format_place(hit), 100))}",
            key=f"hit-{rank}",
            type="tertiary",
            icon=":material/pageview:",
            on_click=open_source,
            args=(_SLOT, Source.from_result(hit)),
        )
        headings = " › ".join(hit.headings)
        scores = f"score {hit.score:.3f} · cosine {hit.similarity:.3f} · BM25 {hit.lexical:.1f}"
        if hit.reranker_score is not None:
            scores += f" · reranker {hit.reranker_score:.2f}"
        st.html(
            (f'<div class="quiet">{escape(headings)}</div>' if headings else "")
            + f'<div class="text">{escape(shorten(hit.text, 420))}</div>'
            + f'<div class="quiet">{escape(scores)}</div>'
        )


def build_candidate_table(
    candidates: tuple[Candidate, ...],
) -> dict[str, list[str | float | int | None]]:
    """Return the columns of a table with one row per candidate."""
    rows = candidates[:MAX_TABLE_ROWS]
    return {
        "Rank": [row.rank or None for row in rows],
        "Document": [row.source for row in rows],
        "Page": [row.page for row in rows],
        "Found by": [_SEARCHES.get((row.from_dense, row.from_lexical), "") for row in rows],
        "Score": [row.fused for row in rows],
        **{part: list(map(read, rows)) for part, read in SCORE_PARTS.items()},
        "Cosine": [row.similarity for row in rows],
        "BM25": [round(row.lexical, 1) for row in rows],
        "Outcome": [row.note for row in rows],
        "Text": [shorten(row.text, 160) for row in rows],
        **_list_reranker_scores(rows),
    }


def _list_reranker_scores(rows: Sequence[Candidate]) -> dict[str, list[str | float | int | None]]:
    """Return a column of the reranker's scores, none without a reranker."""
    if all(row.reranker_score is None for row in rows):
        return {}
    return {"Reranker": [row.reranker_score for row in rows]}


def _format_place(hit: Hit) -> str:
    """Return the file and the place in it: "handbook.pdf, page 5 (printed 2)"."""
    return f"{hit.source}, {hit.place}" if hit.place else hit.source
