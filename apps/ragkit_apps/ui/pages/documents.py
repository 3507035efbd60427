"""Documents: what is in the base, what is not and why; adding, reading and removing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TypeVar

import streamlit as st

from ragkit import FileError, KnowledgeBase, StoredChunk, StoredDocument
from ragkit_apps.ui.components.adding import draw_folders, draw_ingest, draw_uploader
from ragkit_apps.ui.components.markup import counted, plain_name, shortened
from ragkit_apps.ui.components.source import draw_place
from ragkit_apps.ui.serving import Service, current
from ragkit_apps.ui.state.session import (
    Source,
    day_of,
    heading,
    is_access_enforced,
    open_source,
    opened,
    plainly,
    quiet,
    say_how,
    seen,
)

_SLOT = "document"
_Entry = TypeVar("_Entry")
_ON_A_PAGE = 25
_SORTS = ("Problems first", "Name", "Newest", "Most pages", "Most chunks")


def page() -> None:
    service = current()
    kb = service.base()
    named = st.query_params.get("doc", "")
    if kb is not None and named.isdecimal():
        with st.container(key="one-page"), plainly():
            _draw_document(kb, int(named))
        return
    heading("Documents")
    if kb is not None and is_access_enforced(kb):
        quiet("Access control is on: an administrator adds and removes documents, with ragkit.")
        _draw_list(seen(kb).documents())
        return
    draw_ingest(service)
    documents = kb.documents() if kb is not None else []
    with st.expander("Add documents", icon=":material/upload_file:", expanded=not documents):
        draw_uploader(service)
        st.divider()
        with plainly():
            draw_folders(service, kb)
    if kb is not None:
        _draw_failed(service, kb)
    if kb is None or not documents:
        heading("No documents yet", 2)
        say_how("Drop some files above, or run this on the machine with them:", service.path)
        return
    _draw_list(documents)


# -- the list ------------------------------------------------------------------------------------


def _draw_failed(service: Service, kb: KnowledgeBase) -> None:
    errors = kb.status().file_errors
    if not errors:
        return
    many = f"{counted(len(errors), 'file')} {'is' if len(errors) == 1 else 'are'}"
    with st.expander(f"{many} not in the base", icon=":material/report:"):
        for number, error in enumerate(errors[:200]):
            detail = f" ({error.detail})" if error.detail else ""
            st.html(
                f"<div><b>{escape(error.source)}</b> "
                f'<span class="quiet">{escape(error.reason + detail)}</span></div>'
            )
            if error.uploaded and _is_there(kb, error):
                st.button(
                    "Delete this upload",
                    key=f"delete-{number}",
                    icon=":material/delete:",
                    on_click=_delete_upload,
                    args=(service, kb, error),
                )
        if len(errors) > 200:
            quiet(f"… and {len(errors) - 200:,} more; ragkit status lists them")


def _is_there(kb: KnowledgeBase, upload: FileError) -> bool:
    try:
        return (kb.uploads / upload.source).is_file()
    except OSError:  # where the base cannot be written to, nothing is deleted either
        return False


def _delete_upload(service: Service, kb: KnowledgeBase, error: FileError) -> None:
    if is_access_enforced(kb):
        return
    (kb.uploads / error.source).unlink(missing_ok=True)
    service.ingests.begin(kb, [kb.uploads], "Uploaded files")


def _draw_list(documents: Sequence[StoredDocument]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Find a document",
            key="find",
            persist_state="session",
            type="search",
            placeholder="Name, title, kind or label",
            icon=":material/search:",
            on_change=_first_part,
            args=("part",),
        )
        order = st.selectbox(
            "Sorted by",
            _SORTS,
            key="order",
            width=220,
            persist_state="session",
            on_change=_first_part,
            args=("part",),
        )
    found = arranged(matching(documents, wanted or ""), order)
    pages = sum(document.pages for document in found)
    chunks = sum(document.chunks for document in found)
    quiet(
        f"{counted(len(found), 'document')}, {counted(pages, 'page')}, {counted(chunks, 'chunk')}"
    )
    if not found:
        quiet("No document matches.")
    with st.container(key="documents", gap="xsmall"):
        for document in _part_of(found, "part"):
            _draw_line(document)
    _draw_pager(len(found), "part")


def _part_of(entries: Sequence[_Entry], key: str) -> Sequence[_Entry]:
    """The entries of the part that is chosen with a pager."""
    at = _part(len(entries), key)
    return entries[(at - 1) * _ON_A_PAGE : at * _ON_A_PAGE]


def _part(count: int, key: str) -> int:
    return int(min(st.session_state.get(key, 1), _parts(count)))


def _parts(count: int) -> int:
    return max(1, -(-count // _ON_A_PAGE))


def _draw_pager(count: int, key: str) -> None:
    """Chooses a part; where people were is kept apart from the widget, which may go and come."""
    parts, at = _parts(count), _part(count, key)
    if parts > 1:
        widget = f"{key}-pager-{at}-{parts}"
        st.pagination(parts, default=at, key=widget, on_change=_to_part, args=(key, widget))


def _to_part(key: str, widget: str) -> None:
    st.session_state[key] = st.session_state[widget]


def _first_part(key: str) -> None:
    st.session_state[key] = 1


def matching(documents: Sequence[StoredDocument], wanted: str) -> list[StoredDocument]:
    """The documents whose name, title, kind or label holds every one of these words."""
    words = wanted.lower().split()
    return [
        document
        for document in documents
        if all(
            word
            in f"{document.source}\n{document.title}\n{document.kind}\n{document.label}".lower()
            for word in words
        )
    ]


def arranged(documents: Sequence[StoredDocument], order: str) -> list[StoredDocument]:
    """Documents in the order that was asked for; equal ones by name."""
    keys = {
        "Problems first": lambda document: not document.warnings,
        "Newest": lambda document: [-ord(sign) for sign in document.added_at],
        "Most pages": lambda document: -document.pages,
        "Most chunks": lambda document: -document.chunks,
    }
    by_name = sorted(documents, key=lambda document: document.source.lower())
    return sorted(by_name, key=keys[order]) if order in keys else by_name


def _draw_line(document: StoredDocument) -> None:
    with st.container(border=True, gap=None, key=f"document-{document.id}"):
        st.button(
            plain_name(shortened(document.source, 110)),
            key=f"open-{document.id}",
            type="tertiary",
            icon=f":material/{_ICONS.get(document.kind, 'description')}:",
            on_click=_open,
            args=(document.id,),
        )
        title = f"<b>{escape(shortened(document.title, 120))}</b> · " if document.title else ""
        lines = [f'<div class="quiet">{title}{escape(facts_of(document))}</div>']
        lines += [
            f'<div class="quiet warning">⚠ {escape(warning)}</div>' for warning in document.warnings
        ]
        st.html("".join(lines))


_ICONS = {
    "pdf": "picture_as_pdf",
    "xlsx": "table",
    "csv": "table",
    "pptx": "slideshow",
    "eml": "mail",
    "code": "code",
    "html": "html",
}


def facts_of(document: StoredDocument) -> str:
    """What a list says of a document: kind, pages, chunks, when, label."""
    pages, chunks = counted(document.pages, "page"), counted(document.chunks, "chunk")
    parts = [document.kind, pages, chunks, f"added {day_of(document.added_at)}"]
    return " · ".join([*parts, f"label {document.label}"])


def _open(document: int) -> None:
    st.query_params["doc"] = str(document)
    open_source(_SLOT, None)
    _first_part("chunk-part")
    st.session_state["part-of-document"] = "Pages"


# -- one document --------------------------------------------------------------------------------

_PARTS = ("Pages", "Chunks", "Outline")


def _draw_document(kb: KnowledgeBase, id: int) -> None:
    st.button("All documents", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    view = seen(kb)
    document = view.document(id)
    chunks = view.chunks(id)
    heading(document.title or document.source)
    st.html(
        f"<div>{escape(document.source)}</div>"
        f'<div class="quiet">{escape(facts_of(document))}</div>'
        + "".join(f'<div class="quiet warning">⚠ {escape(w)}</div>' for w in document.warnings)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        part = st.segmented_control(
            "What of it", _PARTS, key="part-of-document", required=True,
            label_visibility="collapsed", default=None,
        )  # fmt: skip
        if not is_access_enforced(kb) and st.button("Remove", icon=":material/delete:"):
            _confirm_removal(kb, document)
    if part == "Chunks":
        _draw_chunks(document, chunks)
    elif part == "Outline":
        _draw_outline(document, chunks)
    else:
        source = opened(_SLOT)
        if source is None or source.document != id:
            named = st.query_params.get("page", "")
            first = min(int(named), document.pages) - 1 if named.isdecimal() and int(named) else 0
            source = Source(id, first, 0, 0, document.source)
            open_source(_SLOT, source)
        st.query_params["page"] = str(source.shown + 1)
        draw_place(view, _SLOT)


def _close() -> None:
    st.query_params.clear()


def _show(document: StoredDocument, chunk: StoredChunk) -> None:
    open_source(
        _SLOT,
        Source(document.id, chunk.page_ordinal, chunk.start, chunk.end, document.source),
    )
    st.session_state["part-of-document"] = "Pages"


def _draw_chunks(document: StoredDocument, chunks: Sequence[StoredChunk]) -> None:
    for chunk in _part_of(chunks, "chunk-part"):
        with st.container(border=True, gap=None, key=f"chunk-box-{chunk.id}"):
            st.button(
                plain_name(place_of(chunk)),
                key=f"chunk-{chunk.id}",
                type="tertiary",
                icon=":material/pageview:",
                on_click=_show,
                args=(document, chunk),
            )
            path = " › ".join(chunk.headings)
            st.html(
                (f'<div class="quiet">{escape(path)}</div>' if path else "")
                + f'<div class="chunk">{escape(chunk.text)}</div>'
            )
    _draw_pager(len(chunks), "chunk-part")


def place_of(chunk: StoredChunk) -> str:
    """Where a chunk is: "Chunk 3, page 5", "Chunk 1, sheet Prices, A1:D20"."""
    place = f"page {chunk.page}" if chunk.page is not None else chunk.page_label
    return ", ".join(filter(None, [f"Chunk {chunk.ordinal + 1}", place, chunk.ref]))


def _draw_outline(document: StoredDocument, chunks: Sequence[StoredChunk]) -> None:
    entries = outline_of(chunks)
    if not entries:
        quiet("No headings were found in this document.")
    with st.container(gap=None, key="outline"):
        for number, (level, heading, chunk) in enumerate(entries):
            indent = "\N{EM SPACE}" * 2 * level
            st.button(
                f"{indent}{plain_name(shortened(heading, 100))}",
                key=f"heading-{number}",
                type="tertiary",
                on_click=_show,
                args=(document, chunk),
            )


def outline_of(chunks: Sequence[StoredChunk]) -> list[tuple[int, str, StoredChunk]]:
    """The headings of a document in order: level from 0, text, and the first chunk below it."""
    found: list[tuple[int, str, StoredChunk]] = []
    path: tuple[str, ...] = ()
    for chunk in chunks:
        same = 0
        for old, new in zip(path, chunk.headings, strict=False):
            if old != new:
                break
            same += 1
        found += [
            (level, chunk.headings[level], chunk) for level in range(same, len(chunk.headings))
        ]
        path = chunk.headings
    return found


@st.dialog("Remove this document?")
def _confirm_removal(kb: KnowledgeBase, document: StoredDocument) -> None:
    st.html(f"<div><b>{escape(document.source)}</b></div>")
    quiet(
        "Its text leaves the base, and its uploaded file is deleted."
        if document.uploaded
        else "Its text leaves the base. Its file stays where it is: the next ingest of that folder "
        "brings it back."
    )
    if st.button("Remove", type="primary", key="really-remove") and not is_access_enforced(kb):
        with plainly():
            kb.remove(document.id)
            _close()
            st.rerun()
