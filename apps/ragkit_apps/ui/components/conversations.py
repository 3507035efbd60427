"""The visitor's conversations in the side bar: continue, rename, export or delete one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ragkit import Conversation, View
from ragkit_apps.ui.components.export import build_file_name, export_markdown
from ragkit_apps.ui.components.markup import escape_markdown, shorten
from ragkit_apps.ui.components.messages import show_errors

MAX_LISTED_CONVERSATIONS = 25
SwitchTo = Callable[[Conversation | None], None]


def draw_conversations(view: View, conversation: Conversation, switch_to: SwitchTo) -> None:
    """Draw the list; a click calls `switch_to` with a conversation, or None for a new one."""
    st.button(
        "New conversation",
        icon=":material/add_comment:",
        width="stretch",
        on_click=switch_to,
        args=(None,),
    )
    stored = view.conversations()
    if conversation.id is not None:
        _draw_menu(view, conversation, switch_to)
    is_long = len(stored) > MAX_LISTED_CONVERSATIONS
    show_all = is_long and st.session_state.get("all-conversations", False)
    with st.container(key="conversations", gap="xxsmall"):
        for entry in stored if show_all else stored[:MAX_LISTED_CONVERSATIONS]:
            st.button(
                escape_markdown(shorten(entry.title, 60)),
                key=f"conversation-{entry.id}",
                type="secondary" if entry.id == conversation.id else "tertiary",
                width="stretch",
                on_click=_continue,
                args=(view, entry.id, switch_to),
            )
    if is_long:
        st.toggle(f"All {len(stored)} conversations", key="all-conversations")


def _continue(view: View, id: int, switch_to: SwitchTo) -> None:
    with show_errors():
        switch_to(view.conversation(id))


def _draw_menu(view: View, conversation: Conversation, switch_to: SwitchTo) -> None:
    with st.popover("This conversation", icon=":material/more_horiz:", width="stretch"):
        key = f"title-{conversation.id}"
        st.text_input(
            "Title",
            value=conversation.title,
            key=key,
            max_chars=120,
            on_change=_rename,
            args=(conversation, key),
        )
        st.download_button(
            "Export as Markdown",
            lambda: export_markdown(conversation.title, conversation.turns()),
            file_name=build_file_name(conversation.title),
            mime="text/markdown",
            icon=":material/download:",
            width="stretch",
            on_click="ignore",
        )
        st.button(
            "Delete",
            icon=":material/delete:",
            width="stretch",
            on_click=_delete,
            args=(view, conversation, switch_to),
            help="Delete this conversation with all its questions and answers",
        )


def _rename(conversation: Conversation, key: str) -> None:
    title = st.session_state[key].strip()
    if title:
        with show_errors():
            conversation.rename(title)


def _delete(view: View, conversation: Conversation, switch_to: SwitchTo) -> None:
    assert conversation.id is not None
    with show_errors():
        view.delete_conversation(conversation.id)
        switch_to(None)
