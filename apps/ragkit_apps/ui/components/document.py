"""One document: its pages, chunks and outline, and its removal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from ragkit import KnowledgeBase, StoredChunk, StoredDocument
from ragkit_apps.ui.components.markup import escape_markdown, format_count, shorten
from ragkit_apps.ui.components.messages import draw_caption, draw_heading, show_errors
from ragkit_apps.ui.components.pager import draw_pager, reset_pager, select_part
from ragkit_apps.ui.components.source import DOCUMENT_SLOT, draw_document_page
from ragkit_apps.ui.state.session import (
    Source,
    format_day,
    get_source,
    is_access_enforced,
    open_source,
    open_view,
)
from ragkit_ingest.places import common_prefix

_TABS = ("Pages", "Chunks", "Outline")


def open_document(document: int) -> None:
    """Show the document with this id, from its first page."""
    st.query_params["doc"] = str(document)
    open_source(DOCUMENT_SLOT, None)
    reset_pager("chunk-part")
    st.session_state["part-of-document"] = "Pages"


def draw_document(kb: KnowledgeBase, id: int) -> None:
    """Draw the document with this id. Raises SourceError if the visitor cannot access it."""
    st.button(
        "All documents", icon=":material/arrow_back:", type="tertiary", on_click=_close_document
    )
    view = open_view(kb)
    document = view.document(id)
    draw_heading(document.title or document.source)
    st.html(
        f"<div>{escape(document.source)}</div>"
        f'<div class="quiet">{escape(format_facts(document))}</div>'
        + "".join(f'<div class="quiet warning">⚠ {escape(w)}</div>' for w in document.warnings)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        tab = st.segmented_control(
            "View",
            _TABS,
            key="part-of-document",
            required=True,
            label_visibility="collapsed",
            default=None,
        )
        if not is_access_enforced(kb) and st.button("Remove", icon=":material/delete:"):
            _confirm_removal(kb, document)
    if tab == "Chunks":
        _draw_chunks(document, view.chunks(id))
    elif tab == "Outline":
        _draw_outline(document, view.chunks(id))
    else:
        source = get_source(DOCUMENT_SLOT)
        if source is None or source.document != id:
            number = st.query_params.get("page", "")
            page = min(int(number), document.pages) - 1 if number.isdecimal() and int(number) else 0
            source = Source(id, page, 0, 0, document.source)
            open_source(DOCUMENT_SLOT, source)
        st.query_params["page"] = str(source.current_page + 1)
        draw_document_page(view, DOCUMENT_SLOT)


def _close_document() -> None:
    st.query_params.clear()


def format_facts(document: StoredDocument) -> str:
    """Return a document's type, pages, chunks, days and label on one line."""
    pages, chunks = format_count(document.pages, "page"), format_count(document.chunks, "chunk")
    days = f"modified {format_day(document.modified_at)}, added {format_day(document.added_at)}"
    return " · ".join([document.kind, pages, chunks, days, f"label {document.label}"])


def _show_chunk(document: StoredDocument, chunk: StoredChunk) -> None:
    open_source(
        DOCUMENT_SLOT,
        Source(document.id, chunk.page_ordinal, chunk.start, chunk.end, document.source),
    )
    st.session_state["part-of-document"] = "Pages"


def _draw_chunks(document: StoredDocument, chunks: Sequence[StoredChunk]) -> None:
    for chunk in select_part(chunks, "chunk-part"):
        with st.container(border=True, gap=None, key=f"chunk-box-{chunk.id}"):
            st.button(
                escape_markdown(format_chunk_place(chunk)),
                key=f"chunk-{chunk.id}",
                type="tertiary",
                icon=":material/pageview:",
                on_click=_show_chunk,
                args=(document, chunk),
            )
            headings = " › ".join(chunk.headings)
            st.html(
                (f'<div class="quiet">{escape(headings)}</div>' if headings else "")
                + f'<div class="chunk">{escape(chunk.text)}</div>'
            )
    draw_pager(len(chunks), "chunk-part")


def format_chunk_place(chunk: StoredChunk) -> str:
    """Return a chunk's number and place: "Chunk 3, page 5", "Chunk 1, sheet Prices, A1:D20"."""
    page = f"page {chunk.page}" if chunk.page is not None else chunk.page_label
    return ", ".join(filter(None, [f"Chunk {chunk.ordinal + 1}", page, chunk.ref]))


def _draw_outline(document: StoredDocument, chunks: Sequence[StoredChunk]) -> None:
    entries = build_outline(chunks)
    if not entries:
        draw_caption("This document has no headings.")
    with st.container(gap=None, key="outline"):
        for number, (level, heading, chunk) in enumerate(entries):
            indent = "\N{EM SPACE}" * 2 * level
            st.button(
                f"{indent}{escape_markdown(shorten(heading, 100))}",
                key=f"heading-{number}",
                type="tertiary",
                on_click=_show_chunk,
                args=(document, chunk),
            )


def build_outline(chunks: Sequence[StoredChunk]) -> list[tuple[int, str, StoredChunk]]:
    """Return the headings in order, each with its level (from 0) and the first chunk below it."""
    outline: list[tuple[int, str, StoredChunk]] = []
    path: tuple[str, ...] = ()
    for chunk in chunks:
        for _, headings in chunk.sections:
            same = len(common_prefix(path, headings))
            outline += [(level, headings[level], chunk) for level in range(same, len(headings))]
            path = headings
    return outline


@st.dialog("Remove this document?")
def _confirm_removal(kb: KnowledgeBase, document: StoredDocument) -> None:
    st.html(f"<div><b>{escape(document.source)}</b></div>")
    draw_caption(
        "This removes its text from the knowledge base and deletes the uploaded file."
        if document.uploaded
        else "This removes its text from the knowledge base. Its file is not deleted: the next "
        "ingest of its folder adds it again."
    )
    if st.button("Remove", type="primary", key="really-remove") and not is_access_enforced(kb):
        with show_errors():
            kb.remove(document.id)
            _close_document()
            st.rerun()
