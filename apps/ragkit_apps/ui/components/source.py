"""The source beside an answer: a page with the passage marked, or the text around it."""

from __future__ import annotations

from html import escape

import streamlit as st

from ragkit import RagkitError, StoredChunk, StoredDocument, StoredPage, View
from ragkit.errors import SourceError
from ragkit_apps.ui.components.markup import passage_html, shortened
from ragkit_apps.ui.components.views import sheet_view, text_view
from ragkit_apps.ui.state.session import Source, change_source, notice, open_source, opened, plainly

_ZOOMS = (100, 140, 200, 280)
_WIDTH = 1100  # pixels at a zoom of 100


def draw_source(kb: View, slot: str) -> None:
    """The panel with a citation's page, if one is opened."""
    source = opened(slot)
    if source is None:
        return
    with st.container(key="source", gap="xsmall"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            number = f'<span class="cite">{source.number}</span> ' if source.number else ""
            title = shortened(_title(kb, source), 110)
            st.html(f'<h2 class="source">{number}{escape(title)}</h2>')
            st.button(
                "Close the source",
                key="icon-close-source",
                icon=":material/close:",
                type="tertiary",
                on_click=open_source,
                args=(slot, None),
            )
        with plainly():
            draw_place(kb, slot)


def _title(kb: View, source: Source) -> str:
    """What a place is called, while its document is there and may be read."""
    try:
        kb.document(source.document)
    except SourceError:
        return "Source"
    return source.title


def draw_place(kb: View, slot: str) -> None:
    """The page of a document that is opened, with its passage."""
    source = opened(slot)
    if source is None:
        return
    document = kb.document(source.document)
    pages = kb.pages(source.document)
    page = pages[min(source.shown, len(pages) - 1)]
    st.html(f'<div class="path">{escape(_path(kb, document, page, source))}</div>')
    image = document.kind == "pdf"
    _controls(kb, document, pages, source, slot, zoomable=image)
    if image:
        try:
            _draw_sheet(kb, document, page, source, slot)
            return
        except SourceError as error:
            notice(f"{error}. Here is its text, as it was read:")
    start, end, highlights = _marked(source)
    text_view(
        passage_html(page.text, start, end, highlights),
        f"text-{slot}",
        opened=_opened(source, slot),
    )


def _marked(source: Source) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """What is marked on the page that is shown: nothing where pages were turned."""
    return (0, 0, ()) if source.turned else (source.start, source.end, source.highlights)


def _draw_sheet(
    kb: View, document: StoredDocument, page: StoredPage, source: Source, slot: str
) -> None:
    start, end, highlights = _marked(source)
    width = min(_WIDTH * source.zoom // 100, 2400)
    image = kb.page_image(
        source.document, page.ordinal, start=start, end=end, highlights=highlights, width=width
    )
    quote = shortened(page.text[start:end], 300)
    alt = f"Page {page.number} of {document.source}"
    alt += f"; marked: {quote}" if quote else f"; its text: {shortened(page.text, 300)}"
    name = f"{source.document} {page.ordinal} {start} {end} {highlights}"
    sheet_view(
        image, alt, f"sheet-{slot}", name=name, zoom=source.zoom, opened=_opened(source, slot)
    )


def _opened(source: Source, slot: str) -> str:
    """What was opened by a click: the keyboard's focus goes there, whatever is turned or zoomed.

    A document on its own is where people are already.
    """
    if slot == "document":
        return ""
    return f"{source.document} {source.page} {source.start} {source.highlights} {source.number}"


def _controls(
    kb: View,
    document: StoredDocument,
    pages: list[StoredPage],
    source: Source,
    slot: str,
    *,
    zoomable: bool,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if len(pages) > 1:
            at, last = source.turned, len(pages) - 1
            _step("Previous page", "chevron_left", slot, source.shown > 0, turned=at - 1)
            _number(source, len(pages), slot)
            _step("Next page", "chevron_right", slot, source.shown < last, turned=at + 1)
        if source.turned and source.end > source.start:
            st.button(
                "Back to the passage", key=f"back-{slot}", on_click=change_source,
                args=(slot,), kwargs={"turned": 0},
            )  # fmt: skip
        if zoomable:
            at, last = _ZOOMS.index(source.zoom), len(_ZOOMS) - 1
            _step("Smaller", "zoom_out", slot, at > 0, zoom=_ZOOMS[at - 1])
            _step("Larger", "zoom_in", slot, at < last, zoom=_ZOOMS[min(at + 1, last)])
        _download(kb, document, slot)


def _number(source: Source, count: int, slot: str) -> None:
    """The number of the page, to be changed."""
    key = f"page-number-{slot}-{source.document}-{source.shown}"
    st.number_input(
        f"Page of {count}",
        1,
        count,
        source.shown + 1,
        key=key,
        label_visibility="collapsed",
        width=84,
        on_change=_go_to,
        args=(source, slot, key),
    )
    st.html(f'<span class="quiet">of {count}</span>', width="content")


def _go_to(source: Source, slot: str, key: str) -> None:
    change_source(slot, turned=st.session_state[key] - 1 - source.page)


def _step(label: str, icon: str, slot: str, possible: bool, **change: int) -> None:
    """A small button that changes what is looked at."""
    st.button(
        label,
        key=f"icon-{icon}-{slot}",
        icon=f":material/{icon}:",
        help=label,
        disabled=not possible,
        on_click=change_source,
        args=(slot,),
        kwargs=change,
    )


def _download(kb: View, document: StoredDocument, slot: str) -> None:
    try:
        path = kb.original(document.id)
    except RagkitError:
        return  # there is no file; the page says so where it matters
    st.download_button(
        "Original",
        lambda: kb.original(document.id).read_bytes(),  # looked up anew when it is pressed
        file_name=path.name,
        mime="application/octet-stream",
        icon=":material/download:",
        key=f"original-{slot}",
        on_click="ignore",
        help="Download the file as it was read",
    )


def _path(kb: View, document: StoredDocument, page: StoredPage, source: Source) -> str:
    """Where this is: the document's title and the headings, sheet and cells, or mail part."""
    chunk = _chunk_at(kb, source) if source.turned == 0 else None
    place = f"{page.kind} {page.number}" if page.number is not None else page.page_label
    if page.kind == "page" and page.page_label not in ("", str(page.number)):
        place += f" (printed {page.page_label})"
    parts = [document.title, place]
    if chunk is not None:
        parts += [*chunk.headings, chunk.ref]
    return " › ".join(dict.fromkeys(filter(None, parts)))


def _chunk_at(kb: View, source: Source) -> StoredChunk | None:
    """The chunk that a passage begins in."""
    return next(
        (
            chunk
            for chunk in kb.chunks(source.document)
            if chunk.page_ordinal == source.page and chunk.start <= source.start < chunk.end
        ),
        None,
    )
