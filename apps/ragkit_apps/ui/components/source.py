"""The panel of an open source: a page with the passage marked, as an image or as text."""

from __future__ import annotations

from html import escape

import streamlit as st

from ragkit import StoredDocument, StoredPage, View
from ragkit.errors import SourceError
from ragkit_apps.ui.components.markup import render_passage, shorten
from ragkit_apps.ui.components.messages import draw_notice, show_errors
from ragkit_apps.ui.components.views import draw_page_image, draw_page_text
from ragkit_apps.ui.state.session import Source, change_source, get_source, open_source
from ragkit_ingest.places import common_headings, joined_ref, select_rows, select_sections

DOCUMENT_SLOT = "document"
"""The slot of the page that shows one document."""
ZOOM_PERCENTAGES = (100, 140, 200, 280)
IMAGE_WIDTH = 1100  # pixels, at a zoom of 100
MAX_IMAGE_WIDTH = 2400


def draw_source(view: View, slot: str) -> None:
    """Draw the panel of the source that is open in a slot, if any."""
    source = get_source(slot)
    if source is None:
        return
    with st.container(key="source", gap="xsmall"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            number = f'<span class="cite">{source.number}</span> ' if source.number else ""
            title = shorten(_find_title(view, source), 110)
            st.html(f'<h2 class="source">{number}{escape(title)}</h2>')
            st.button(
                "Close the source",
                key="icon-close-source",
                icon=":material/close:",
                type="tertiary",
                on_click=open_source,
                args=(slot, None),
            )
        with show_errors():
            draw_document_page(view, slot)


def _find_title(view: View, source: Source) -> str:
    """Return the title of a source; a neutral one if the visitor cannot access it any more."""
    try:
        view.document(source.document)
    except SourceError:
        return "Source"
    return source.title


def draw_document_page(view: View, slot: str) -> None:
    """Draw the page that is open in a slot. Raises SourceError if it cannot be accessed."""
    source = get_source(slot)
    if source is None:
        return
    document = view.document(source.document)
    page = view.page(document.id, min(source.current_page, document.pages - 1))
    st.html(f'<div class="path">{escape(_format_path(view, document, page, source))}</div>')
    _draw_controls(view, document, source, slot)
    if document.kind == "pdf":
        try:
            _draw_image(view, document, page, source, slot)
            return
        except SourceError as error:
            draw_notice(f"{error}. This is the text that was read from it:")
    draw_page_text(
        render_passage(page.text, *_select_marks(source)),
        f"text-{slot}",
        focus_key=_build_focus_key(source, slot),
    )


def _select_marks(source: Source) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """Return start, end and highlights of the marked passage, empty after turning the page."""
    return (0, 0, ()) if source.page_offset else (source.start, source.end, source.highlights)


def _draw_image(
    view: View, document: StoredDocument, page: StoredPage, source: Source, slot: str
) -> None:
    """Draw the page's image. Raises SourceError if the file is missing or was changed."""
    start, end, highlights = _select_marks(source)
    image = view.page_image(
        document.id,
        page.ordinal,
        start=start,
        end=end,
        highlights=highlights,
        width=min(IMAGE_WIDTH * source.zoom // 100, MAX_IMAGE_WIDTH),
    )
    quote = shorten(page.text[start:end], 300)
    text = f"; marked: {quote}" if quote else f"; its text: {shorten(page.text, 300)}"
    draw_page_image(
        image,
        f"Page {page.number} of {document.source}{text}",
        f"sheet-{slot}",
        name=f"{document.id} {page.ordinal} {start} {end} {highlights}",
        zoom=source.zoom,
        focus_key=_build_focus_key(source, slot),
    )


def _build_focus_key(source: Source, slot: str) -> str:
    """Return a key that changes with each opened source, but not when turning or zooming.

    It moves the keyboard focus to the source. On the page of a document the focus stays.
    """
    if slot == DOCUMENT_SLOT:
        return ""
    return f"{source.document} {source.page} {source.start} {source.highlights} {source.number}"


def _draw_controls(view: View, document: StoredDocument, source: Source, slot: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if document.pages > 1:
            offset, last = source.page_offset, document.pages - 1
            has_previous, has_next = source.current_page > 0, source.current_page < last
            _draw_step("Previous page", "chevron_left", slot, has_previous, page_offset=offset - 1)
            _draw_page_number(source, document.pages, slot)
            _draw_step("Next page", "chevron_right", slot, has_next, page_offset=offset + 1)
        if source.page_offset and source.end > source.start:
            st.button(
                "Back to the passage",
                key=f"back-{slot}",
                on_click=change_source,
                args=(slot,),
                kwargs={"page_offset": 0},
            )
        if document.kind == "pdf":
            at, last = ZOOM_PERCENTAGES.index(source.zoom), len(ZOOM_PERCENTAGES) - 1
            smaller, larger = ZOOM_PERCENTAGES[at - 1], ZOOM_PERCENTAGES[min(at + 1, last)]
            _draw_step("Zoom out", "zoom_out", slot, at > 0, zoom=smaller)
            _draw_step("Zoom in", "zoom_in", slot, at < last, zoom=larger)
        if view.has_original(document.id):
            _draw_download(view, document, slot)


def _draw_page_number(source: Source, count: int, slot: str) -> None:
    """Draw the number of the page, which the visitor can change."""
    key = f"page-number-{slot}-{source.document}-{source.current_page}"
    st.number_input(
        f"Page of {count}",
        1,
        count,
        source.current_page + 1,
        key=key,
        label_visibility="collapsed",
        width=84,
        on_change=_turn_to_page,
        args=(source, slot, key),
    )
    st.html(f'<span class="quiet">of {count}</span>', width="content")


def _turn_to_page(source: Source, slot: str, key: str) -> None:
    change_source(slot, page_offset=st.session_state[key] - 1 - source.page)


def _draw_step(label: str, icon: str, slot: str, is_enabled: bool, **change: int) -> None:
    """Draw an icon button that changes the open source."""
    st.button(
        label,
        key=f"icon-{icon}-{slot}",
        icon=f":material/{icon}:",
        help=label,
        disabled=not is_enabled,
        on_click=change_source,
        args=(slot,),
        kwargs=change,
    )


def _draw_download(view: View, document: StoredDocument, slot: str) -> None:
    st.download_button(
        "Original",
        lambda: view.original(document.id).read_bytes(),  # checks access when it is clicked
        file_name=document.source.rpartition("/")[2],
        mime="application/octet-stream",
        icon=":material/download:",
        key=f"original-{slot}",
        on_click="ignore",
        help="Download the original file",
    )


def _format_path(view: View, document: StoredDocument, page: StoredPage, source: Source) -> str:
    """Return title, page and, for a passage, headings and cells: "Handbook › page 5 › Leave"."""
    place = f"{page.kind} {page.number}" if page.number is not None else page.page_label
    if page.kind == "page" and page.page_label not in ("", str(page.number)):
        place += f" (printed {page.page_label})"
    parts = [document.title, place]
    if source.page_offset == 0:
        marked = source.start, source.end
        chunks = view.chunks(document.id, page=source.page)
        sections = [section for chunk in chunks for section in chunk.sections]
        rows = [row for chunk in chunks for row in chunk.rows]
        parts += common_headings(select_sections(sections, *marked))
        parts.append(joined_ref(row.ref for row in select_rows(rows, *marked)))
    return " › ".join(dict.fromkeys(filter(None, parts)))
