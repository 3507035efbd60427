"""The script that Streamlit runs for each visit: what all parts share, and which is shown."""

from __future__ import annotations

import streamlit as st

from ragkit import __version__
from ragkit_apps.ui.pages import ask, documents, overview, search
from ragkit_apps.ui.state.session import plainly
from ragkit_apps.ui.theme import icon, style, wordmark

_ABOUT = f"""
**ragkit {__version__}**

Answers from private documents, on your own machines. Nothing on this page comes from elsewhere,
and nothing is sent anywhere.
"""


def main() -> None:
    st.set_page_config(
        page_title="ragkit", page_icon=icon(), layout="wide", menu_items={"About": _ABOUT}
    )
    dark = st.context.theme.type == "dark"
    st.logo(wordmark("#e9e7e1" if dark else "#1d2422"), size="large")
    st.html(style(dark=dark))
    pages = {
        "ask": st.Page(ask.page, title="Ask", icon=":material/forum:", default=True),
        "documents": st.Page(
            documents.page, title="Documents", icon=":material/folder_open:", url_path="documents"
        ),
        "search": st.Page(
            search.page, title="Search", icon=":material/manage_search:", url_path="search"
        ),
        "overview": st.Page(
            overview.page, title="Overview", icon=":material/monitoring:", url_path="overview"
        ),
    }
    st.session_state["pages"] = pages
    chosen = st.navigation(list(pages.values()), position="top")
    st.set_page_config(page_title=f"{chosen.title} - ragkit", page_icon=icon())
    st.session_state["came-from"] = st.session_state.get("shown-part")
    st.session_state["shown-part"] = chosen.title
    with plainly():
        chosen.run()


main()
