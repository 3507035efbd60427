"""The page "Documents": list, add, read and remove documents, and see which files failed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from ragkit import FileError, KnowledgeBase, StoredDocument
from ragkit_apps.ui.components.adding import draw_folders, draw_ingest, draw_uploader
from ragkit_apps.ui.components.document import draw_document, format_facts, open_document
from ragkit_apps.ui.components.empty_state import draw_ingest_hint
from ragkit_apps.ui.components.markup import escape_markdown, format_count, shorten
from ragkit_apps.ui.components.messages import draw_caption, draw_heading, show_errors
from ragkit_apps.ui.components.pager import draw_pager, reset_pager, select_part
from ragkit_apps.ui.state.service import Service, get_service
from ragkit_apps.ui.state.session import is_access_enforced, open_view

MAX_LISTED_ERRORS = 200
_SORT_ORDERS = ("Problems first", "Name", "Newest", "Most pages", "Most chunks")
_ICONS = {
    "pdf": "picture_as_pdf",
    "xlsx": "table",
    "csv": "table",
    "pptx": "slideshow",
    "eml": "mail",
    "code": "code",
    "html": "html",
}


def draw_page() -> None:
    """Draw the page: one document if the address names it, else the list."""
    service = get_service()
    kb = service.open_kb()
    number = st.query_params.get("doc", "")
    if kb is not None and number.isdecimal():
        with st.container(key="one-page"), show_errors():
            draw_document(kb, int(number))
        return
    draw_heading("Documents")
    if kb is not None and is_access_enforced(kb):
        draw_caption(
            "Access control is on: administrators add and remove documents on the command line."
        )
        _draw_list(open_view(kb).documents())
        return
    draw_ingest(service)
    documents = kb.documents() if kb is not None else []
    with st.expander("Add documents", icon=":material/upload_file:", expanded=not documents):
        draw_uploader(service)
        st.divider()
        with show_errors():
            draw_folders(service, kb)
    if kb is not None:
        _draw_file_errors(service, kb)
    if kb is None or not documents:
        draw_heading("No documents yet", 2)
        draw_ingest_hint(
            "Add files above, or run this on the machine that has the files:", service.path
        )
        return
    _draw_list(documents)


# -- files that failed ---------------------------------------------------------------------------


def _draw_file_errors(service: Service, kb: KnowledgeBase) -> None:
    errors = kb.status().file_errors
    if not errors:
        return
    files = format_count(len(errors), "file")
    with st.expander(f"{files} could not be read", icon=":material/report:"):
        for number, error in enumerate(errors[:MAX_LISTED_ERRORS]):
            detail = f" ({error.detail})" if error.detail else ""
            st.html(
                f"<div><b>{escape(error.source)}</b> "
                f'<span class="quiet">{escape(error.reason + detail)}</span></div>'
            )
            if error.uploaded and _upload_exists(kb, error):
                st.button(
                    "Delete this upload",
                    key=f"delete-{number}",
                    icon=":material/delete:",
                    on_click=_delete_upload,
                    args=(service, kb, error),
                )
        if len(errors) > MAX_LISTED_ERRORS:
            others = len(errors) - MAX_LISTED_ERRORS
            draw_caption(f"… and {others:,} more. List them with: ragkit status")


def _upload_exists(kb: KnowledgeBase, error: FileError) -> bool:
    try:
        return (kb.uploads / error.source).is_file()
    except OSError:  # the knowledge base is read-only, so the upload cannot be deleted
        return False


def _delete_upload(service: Service, kb: KnowledgeBase, error: FileError) -> None:
    if is_access_enforced(kb):
        return
    (kb.uploads / error.source).unlink(missing_ok=True)
    service.ingests.start(kb, [kb.uploads], "Uploaded files")


# -- the list ------------------------------------------------------------------------------------


def _draw_list(documents: Sequence[StoredDocument]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Find a document",
            key="find",
            persist_state="session",
            type="search",
            placeholder="Name, title, type or label",
            icon=":material/search:",
            on_change=reset_pager,
            args=("part",),
        )
        order = st.selectbox(
            "Sort by",
            _SORT_ORDERS,
            key="order",
            width=220,
            persist_state="session",
            on_change=reset_pager,
            args=("part",),
        )
    found = sort_documents(filter_documents(documents, words or ""), order)
    counts = (
        format_count(len(found), "document"),
        format_count(sum(document.pages for document in found), "page"),
        format_count(sum(document.chunks for document in found), "chunk"),
    )
    draw_caption(", ".join(counts))
    if not found:
        draw_caption("No matching documents.")
    with st.container(key="documents", gap="xsmall"):
        for document in select_part(found, "part"):
            _draw_entry(document)
    draw_pager(len(found), "part")


def filter_documents(documents: Sequence[StoredDocument], words: str) -> list[StoredDocument]:
    """Return the documents whose name, title, type or label contains each of the words."""
    wanted = words.lower().split()
    return [
        document
        for document in documents
        if all(
            word
            in f"{document.source}\n{document.title}\n{document.kind}\n{document.label}".lower()
            for word in wanted
        )
    ]


def sort_documents(documents: Sequence[StoredDocument], order: str) -> list[StoredDocument]:
    """Return the documents in one of the sort orders; ties are sorted by name."""
    keys = {
        "Problems first": lambda document: not document.warnings,
        "Newest": lambda document: [-ord(sign) for sign in document.added_at],
        "Most pages": lambda document: -document.pages,
        "Most chunks": lambda document: -document.chunks,
    }
    by_name = sorted(documents, key=lambda document: document.source.lower())
    return sorted(by_name, key=keys[order]) if order in keys else by_name


def _draw_entry(document: StoredDocument) -> None:
    with st.container(border=True, gap=None, key=f"document-{document.id}"):
        st.button(
            escape_markdown(shorten(document.source, 110)),
            key=f"open-{document.id}",
            type="tertiary",
            icon=f":material/{_ICONS.get(document.kind, 'description')}:",
            on_click=open_document,
            args=(document.id,),
        )
        title = f"<b>{escape(shorten(document.title, 120))}</b> · " if document.title else ""
        lines = [f'<div class="quiet">{title}{escape(format_facts(document))}</div>']
        lines += [
            f'<div class="quiet warning">⚠ {escape(warning)}</div>' for warning in document.warnings
        ]
        st.html("".join(lines))
