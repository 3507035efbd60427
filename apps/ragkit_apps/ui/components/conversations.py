"""The side bar: one's own conversations, to go on with, rename, export or delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import streamlit as st

from ragkit import Conversation, Turn, View
from ragkit_apps.text import quote_highlights
from ragkit_apps.ui.components.markup import one_line, plain_name, shortened, where_of
from ragkit_apps.ui.state.session import plainly

_SHOWN = 25


def draw_conversations(
    kb: View, conversation: Conversation, begin: Callable[[Conversation | None], None]
) -> None:
    st.button(
        "New conversation",
        icon=":material/add_comment:",
        width="stretch",
        on_click=begin,
        args=(None,),
    )
    found = kb.conversations()
    if conversation.id is not None:
        _draw_menu(kb, conversation, begin)
    everything = len(found) > _SHOWN and st.session_state.get("all-conversations", False)
    with st.container(key="conversations", gap="xxsmall"):
        for entry in found if everything else found[:_SHOWN]:
            st.button(
                plain_name(shortened(entry.title, 60)),
                key=f"conversation-{entry.id}",
                type="secondary" if entry.id == conversation.id else "tertiary",
                width="stretch",
                on_click=_go_on,
                args=(kb, entry.id, begin),
            )
    if len(found) > _SHOWN:
        st.toggle(f"All {len(found)} conversations", key="all-conversations")


def _go_on(kb: View, id: int, begin: Callable[[Conversation | None], None]) -> None:
    with plainly():
        begin(kb.conversation(id))


def _draw_menu(
    kb: View, conversation: Conversation, begin: Callable[[Conversation | None], None]
) -> None:
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
            lambda: markdown_of(conversation.title, conversation.turns()),
            file_name=file_name_of(conversation.title),
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
            args=(kb, conversation, begin),
            help="Removes it with all that was said",
        )


def _rename(conversation: Conversation, key: str) -> None:
    title = st.session_state[key].strip()
    if title:
        with plainly():
            conversation.rename(title)


def _delete(
    kb: View, conversation: Conversation, begin: Callable[[Conversation | None], None]
) -> None:
    assert conversation.id is not None
    with plainly():
        kb.delete_conversation(conversation.id)
        begin(None)


def file_name_of(title: str) -> str:
    """A file's name from a conversation's title: "how-many-days-of-leave.md"."""
    words = re.findall(r"[^\W_]+", title.lower())
    return "-".join(words)[:60].rstrip("-") + ".md" if words else "conversation.md"


def markdown_of(title: str, turns: Sequence[Turn]) -> str:
    """A conversation as Markdown: questions, answers, and each answer's sources with the words.

    Nothing in it is alive but our own headings and lists: no picture is loaded, no link led to.
    """
    lines = [f"# {_still(title)}", ""]
    for turn in turns:
        answer = turn.answer
        text = "\n\n".join(_still(line) for line in answer.text.split("\n") if line.strip())
        lines += [f"## {_still(turn.question)}", "", text, ""]
        if answer.abstention:
            lines += [answer.abstention.sentence, ""]
        lines += [
            f"{citation.number}. {_still(where_of(citation))}: "
            f"“{_still(shortened(quote_highlights(citation), 400))}”"
            for citation in answer.citations
        ]
        doubtful = [each for each in answer.statements if each.verdict != "supported"]
        if answer.citations:
            lines.append("")
        for each in doubtful:
            reasons = "; ".join(each.reasons)
            lines += [f"Not supported: {_still(each.text)} ({_still(reasons) or each.verdict})", ""]
        if answer.notice:
            lines += [_still(answer.notice), ""]
        by = f"by {_still(answer.model)}" if answer.model else "quoted, no model"
        lines += [f"*{turn.at[:16].replace('T', ' ')} UTC, {by}*", ""]
    return "\n".join(lines)


def _still(text: str) -> str:
    """One line in which no sign makes a picture, a link or HTML of what follows."""
    text = re.sub(r"([\\<>!`|*_~]|(?<!\d)\]|\[(?!\d))", r"\\\1", one_line(text))
    return re.sub(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", "\N{WORD JOINER}", text)
