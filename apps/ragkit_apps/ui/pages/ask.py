"""The page "Ask": a chat with the documents, and the open source beside it."""

from __future__ import annotations

import math
import sys
import time
from contextlib import suppress
from html import escape

import streamlit as st

from ragkit import AskOptions, Conversation, View
from ragkit.errors import SourceError
from ragkit_apps.ui.components.conversations import draw_conversations
from ragkit_apps.ui.components.empty_state import require_documents
from ragkit_apps.ui.components.markup import escape_markdown, format_count, render_answer
from ragkit_apps.ui.components.messages import (
    draw_caption,
    draw_error,
    draw_heading,
    draw_notice,
)
from ragkit_apps.ui.components.settings import AUTO, draw_settings
from ragkit_apps.ui.components.source import draw_source
from ragkit_apps.ui.components.turns import (
    SLOT,
    draw_question,
    draw_turn,
    draw_turn_answer,
    open_answer_message,
)
from ragkit_apps.ui.state.answering import PendingAnswer
from ragkit_apps.ui.state.service import get_service
from ragkit_apps.ui.state.session import (
    identify_visitor,
    is_access_enforced,
    list_models,
    open_source,
)

REDRAW_INTERVAL = 0.05  # seconds between two drawings of a growing answer
ADDRESS_DELAY = 0.5  # seconds until the browser surely sends a changed address
MAX_QUESTION_CHARACTERS = 4000


def draw_page() -> None:
    """Draw the page."""
    view = require_documents()
    if view is None:
        return
    conversation = _select_conversation(view)
    with st.sidebar:
        draw_conversations(view, conversation, _switch_to)
    pending = _get_pending()
    chat, source = st.columns([5, 6], gap="large")  # always, so that the chat keeps its place
    with source:
        draw_source(view, SLOT)
    with chat, st.container(key="talk"):
        welcome = st.empty()  # emptied at once; without it, stale elements stay for a while
        turns = conversation.turns()
        if turns or pending is not None:
            st.html('<h1 class="unseen">Ask</h1>')
        else:
            with welcome.container():
                _draw_welcome(view, conversation)
        for place in range(1, len(turns) + 1):
            with st.container():
                draw_turn(conversation, turns, place)
        next_turn = st.container()
    with st.sidebar:
        draw_settings()
    if not turns and pending is None and list_models().error:
        with next_turn:
            draw_notice(
                "No language model is available, so answers are quoted from the documents: "
                f"{list_models().error}"
            )
    st.chat_input(
        "Ask the documents",
        key="question",
        max_chars=MAX_QUESTION_CHARACTERS,
        submit_mode="disable",
        on_submit=_ask_typed,
        args=(conversation,),
    )
    if pending is not None:
        with next_turn:
            _draw_pending(pending, len(turns) + 1)


# -- the conversation ----------------------------------------------------------------------------


def _select_conversation(view: View) -> Conversation:
    """Return the conversation of this visit: the one in the page's address, or a new one.

    The address follows the conversation, and the conversation follows the browser's back button.
    """
    conversation: Conversation | None = st.session_state.get("conversation")
    number = st.query_params.get("c", "")
    if conversation is None:
        conversation = _resume_answer(number) or _find_conversation(view, number)
    elif _has_navigated(number):
        _leave_conversation()
        conversation = _find_conversation(view, number)
    st.session_state["conversation"] = conversation
    _set_address(str(conversation.id) if conversation.id is not None else "")
    return conversation


def _has_navigated(number: str) -> bool:
    """Return True if the visitor went to another address.

    Two addresses do not count: that of another page of the navigation, which names no
    conversation; and, shortly after a change, the address before it, which a click sends that
    was made before the browser received the new one.
    """
    if number == st.session_state.get("address", ""):
        return False
    before, changed_at = st.session_state.get("address-before", ("", -math.inf))
    if number == before and time.monotonic() - changed_at < ADDRESS_DELAY:
        return False
    return bool(number or st.session_state.get("came-from") == "Ask")


def _resume_answer(number: str) -> Conversation | None:
    """Return the conversation of the visitor's pending answer after a reload of the page."""
    pending = get_service().pending_answers.get(identify_visitor())
    if pending is None or pending.is_done:
        return None
    conversation = pending.conversation
    if number not in ("", str(conversation.id)):
        return None
    st.session_state["pending"] = pending
    return conversation


def _find_conversation(view: View, number: str) -> Conversation:
    """Return the visitor's conversation of this number, or a new one."""
    if number.isdecimal():
        with suppress(SourceError):  # deleted, or another visitor's
            return view.conversation(int(number))
    return view.conversation()


def _set_address(number: str) -> None:
    before = st.session_state.get("address", "")
    if number != before:
        st.session_state["address-before"] = (before, time.monotonic())
    st.session_state["address"] = number
    if number:
        st.query_params["c"] = number
    else:
        st.query_params.pop("c", None)


def _leave_conversation() -> None:
    """Stop the pending answer and close the source."""
    pending: PendingAnswer | None = st.session_state.pop("pending", None)
    if pending is not None:
        pending.stop()
    open_source(SLOT, None)


def _switch_to(conversation: Conversation | None) -> None:
    """Switch to another conversation, or to a new one."""
    _leave_conversation()
    st.session_state["conversation"] = conversation
    _set_address("" if conversation is None else str(conversation.id))


def _ask_typed(conversation: Conversation) -> None:
    _ask(conversation, st.session_state["question"] or "")


def _ask(conversation: Conversation, question: str) -> None:
    if not question.strip():
        return
    model = st.session_state.get("model")
    options = AskOptions(
        k=st.session_state.get("passages", 8),
        model=None if model in (None, AUTO) else model,
        reasoning=st.session_state.get("reasoning", False),
    )
    pending = PendingAnswer(conversation, question, options)
    st.session_state["pending"] = pending
    get_service().add_answer(identify_visitor(), pending)


# -- before the first question -------------------------------------------------------------------


def _draw_welcome(view: View, conversation: Conversation) -> None:
    documents = format_count(view.status().documents, "document")
    draw_heading("What would you like to know?")
    draw_caption(f"Answers come from {documents}, each with its source.")
    with st.container(key="suggestions"):
        for question in view.suggestions(4):
            st.button(
                escape_markdown(question),
                key=f"suggested-{question}",
                icon=":material/north_east:",
                width="stretch",
                on_click=_ask,
                args=(conversation, question),
            )


# -- a pending answer ----------------------------------------------------------------------------


def _get_pending() -> PendingAnswer | None:
    """Return the pending answer; a complete one is a turn of its conversation instead."""
    pending: PendingAnswer | None = st.session_state.get("pending")
    if pending is not None and pending.answer is not None:
        st.session_state["latest"] = pending.answer
        st.session_state["pending"] = pending = None
    return pending


def _draw_pending(pending: PendingAnswer, place: int) -> None:
    """Draw a pending answer until it is done, then the complete turn in the same place."""
    draw_question(pending.question)
    with open_answer_message() as message:
        if not pending.is_done:
            with message.container():
                _draw_growing_text(pending)
        with message.container():
            if pending.answer is None:
                _draw_unfinished(pending)
                return
            turns = pending.conversation.turns()
            _get_pending()
            draw_turn_answer(pending.conversation, turns, len(turns))
    time.sleep(REDRAW_INTERVAL)  # let the browser draw the answer before it has more to do
    st.session_state.get("pending")  # handle clicks made until now, which a rerun would lose
    st.rerun()  # updates the side bar and the address


def _draw_unfinished(pending: PendingAnswer) -> None:
    """Draw a failed or stopped answer.

    With access control its text is drawn once only: access may have been revoked since.
    """
    is_redraw, pending.was_shown = pending.was_shown, True
    if pending.text and not (is_redraw and is_access_enforced(get_service().open_kb())):
        st.html(f'<div class="answer">{render_answer(pending.text, None)}</div>')
    if pending.error is not None:
        draw_error(pending.error)
    else:
        st.html('<span class="badge">Stopped; not saved in the conversation</span>')
    st.button(
        "Ask again",
        icon=":material/refresh:",
        on_click=_ask,
        args=(pending.conversation, pending.question),
    )


def _draw_growing_text(pending: PendingAnswer) -> None:
    """Draw the text while it grows; each drawing lets Streamlit handle a click on Stop."""
    st.html('<div class="unseen" role="status">Reading the documents.</div>')
    label, body = st.empty(), st.empty()
    st.button("Stop", icon=":material/stop_circle:", on_click=pending.stop)
    shown = 0
    while not pending.is_done:
        label.html(f'<div class="quiet" aria-hidden="true">{escape(_describe(pending))}</div>')
        pending.wait(shown, 0.1)
        text = pending.text
        if pending.model and len(text) > shown and not pending.is_done:
            html = render_answer(text, None)
            body.html(f'<div class="answer writing">{html}</div>')
            shown = len(text)
            pending.wait(sys.maxsize, REDRAW_INTERVAL)


def _describe(pending: PendingAnswer) -> str:
    passed = int(time.monotonic() - pending.started_at)
    duration = f" · {passed} s" if passed >= 2 else ""
    if pending.model and pending.text:
        return f"{pending.model} is answering{duration}"
    return f"{pending.stage}{duration}"
