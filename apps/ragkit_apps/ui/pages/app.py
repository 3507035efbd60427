"""The script that Streamlit runs on each visit and each click: the navigation and one page."""

from __future__ import annotations

import streamlit as st

from ragkit import __version__
from ragkit_apps.ui.components.messages import show_errors
from ragkit_apps.ui.pages import ask, documents, overview, search
from ragkit_apps.ui.theme import build_icon, build_style, build_wordmark

_ABOUT = f"""
**ragkit {__version__}**

Answers from private documents, on your own machines. This page loads nothing from other servers
and sends nothing to them.
"""


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(
        page_title="ragkit", page_icon=build_icon(), layout="wide", menu_items={"About": _ABOUT}
    )
    dark = st.context.theme.type == "dark"
    st.logo(build_wordmark("#e9e7e1" if dark else "#1d2422"), size="large")
    st.html(build_style(dark=dark))
    pages = {
        "ask": st.Page(ask.draw_page, title="Ask", icon=":material/forum:", default=True),
        "documents": st.Page(
            documents.draw_page,
            title="Documents",
            icon=":material/folder_open:",
            url_path="documents",
        ),
        "search": st.Page(
            search.draw_page, title="Search", icon=":material/manage_search:", url_path="search"
        ),
        "overview": st.Page(
            overview.draw_page, title="Overview", icon=":material/monitoring:", url_path="overview"
        ),
    }
    st.session_state["pages"] = pages
    chosen = st.navigation(list(pages.values()), position="top")
    st.set_page_config(page_title=f"{chosen.title} - ragkit", page_icon=build_icon())
    st.session_state["came-from"] = st.session_state.get("shown-part")
    st.session_state["shown-part"] = chosen.title
    with show_errors():
        chosen.run()


main()
