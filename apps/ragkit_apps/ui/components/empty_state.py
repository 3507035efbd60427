"""The page without documents: how to add some."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ragkit import View
from ragkit_apps.ui.components.messages import draw_caption, draw_heading
from ragkit_apps.ui.state.service import get_service
from ragkit_apps.ui.state.session import is_access_enforced, open_view


def require_documents() -> View | None:
    """Return the documents that the visitor can access; if there are none, say what to do."""
    service = get_service()
    kb = service.open_kb()
    if kb is not None:
        view = open_view(kb)
        if view.status().documents:
            return view
        if is_access_enforced(kb):
            draw_heading("No documents for you yet")
            draw_caption("You cannot access any document yet. Ask an administrator for access.")
            return None
    draw_heading("No knowledge base yet" if kb is None else "The knowledge base is empty")
    draw_ingest_hint("Upload files, or ingest a folder on this machine:", service.path)
    if st.button("Add documents", type="primary", icon=":material/upload_file:"):
        st.switch_page(st.session_state["pages"]["documents"])
    return None


def draw_ingest_hint(text: str, kb_path: Path) -> None:
    """Draw a text and the command that ingests documents."""
    draw_caption(text)
    st.code(f"ragkit ingest FOLDER --kb {kb_path}", language=None)
