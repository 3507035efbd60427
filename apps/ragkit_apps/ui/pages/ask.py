"""Ask: a chat with the documents, and the sources beside it."""

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
from ragkit_apps.ui.components.markup import answer_html, counted, plain_name
from ragkit_apps.ui.components.settings import AUTO, draw_settings
from ragkit_apps.ui.components.source import draw_source
from ragkit_apps.ui.components.turns import (
    SLOT,
    answer_place,
    draw_answered,
    draw_question,
    draw_turn,
)
from ragkit_apps.ui.serving import current
from ragkit_apps.ui.state.answering import Answering, Wanted
from ragkit_apps.ui.state.session import (
    base_with_documents,
    heading,
    is_access_enforced,
    models,
    notice,
    open_source,
    quiet,
    say_error,
    who,
)

_REDRAW = 0.05  # seconds between two states of an answer that is being written
_LATE = 0.5  # seconds in which a browser may not have heard yet that its address has changed
_LONGEST_QUESTION = 4000


def page() -> None:
    kb = base_with_documents()
    if kb is None:
        return
    conversation = _conversation(kb)
    with st.sidebar:
        draw_conversations(kb, conversation, _begin)
    answering = _answering()
    talk, source = st.columns([5, 6], gap="large")  # always, so that the talk stays where it is
    with source:
        draw_source(kb, SLOT)
    with talk, st.container(key="talk"):
        welcome = st.empty()  # emptied at once, where what is no longer drawn would stay a while
        turns = conversation.turns()
        if turns or answering is not None:
            st.html('<h1 class="unseen">Ask</h1>')
        else:
            with welcome.container():
                _draw_welcome(kb, conversation)
        for place, turn in enumerate(turns, 1):
            with st.container():
                draw_turn(conversation, turn, place)
        running = st.container()  # where the next turn will be
    with st.sidebar:
        draw_settings()
    if not turns and answering is None and models().problem:
        with running:
            notice(
                "No language model answers yet, so answers are quoted from the documents: "
                f"{models().problem}"
            )
    st.chat_input(
        "Ask the documents",
        key="question",
        max_chars=_LONGEST_QUESTION,
        submit_mode="disable",
        on_submit=_ask_typed,
        args=(conversation,),
    )
    if answering is not None:
        with running:
            _draw_answering(answering, len(turns) + 1)


# -- the conversation ----------------------------------------------------------------------------


def _conversation(kb: View) -> Conversation:
    """The conversation of this visit: the one that its address names, or a new one.

    The address changes with the conversation, and the conversation when somebody goes back.
    """
    found: Conversation | None = st.session_state.get("conversation")
    named = st.query_params.get("c", "")
    if found is None:
        found = _resumed(named) or _named(kb, named)
    elif _has_moved(named):
        _leave()
        found = _named(kb, named)
    st.session_state["conversation"] = found
    _set_address(str(found.id) if found.id is not None else "")
    return found


def _has_moved(named: str) -> bool:
    """Whether somebody went to another address.

    The address of another part names no conversation; and who clicks in the moment in which an
    answer is done has sent the address that was right until then.
    """
    if named == st.session_state.get("address", ""):
        return False
    before, changed = st.session_state.get("address-before", ("", -math.inf))
    if named == before and time.monotonic() - changed < _LATE:
        return False
    return bool(named or st.session_state.get("came-from") == "Ask")


def _resumed(named: str) -> Conversation | None:
    """The conversation in which this person is being answered, where the page was reloaded."""
    answering = current().answers.get(who())
    if answering is None or answering.done:
        return None
    conversation = answering.conversation
    if named not in ("", str(conversation.id)):
        return None
    st.session_state["answering"] = answering
    return conversation


def _named(kb: View, named: str) -> Conversation:
    """The conversation of this number, if it is this person's own; else a new one."""
    if named.isdecimal():
        with suppress(SourceError):  # it is somebody else's, or was deleted
            return kb.conversation(int(named))
    return kb.conversation()


def _set_address(number: str) -> None:
    before = st.session_state.get("address", "")
    if number != before:
        st.session_state["address-before"] = (before, time.monotonic())
    st.session_state["address"] = number
    if number:
        st.query_params["c"] = number
    else:
        st.query_params.pop("c", None)


def _leave() -> None:
    """Turn away from a conversation: what is being answered in it is stopped."""
    answering: Answering | None = st.session_state.pop("answering", None)
    if answering is not None:
        answering.stop()
    open_source(SLOT, None)


def _begin(conversation: Conversation | None) -> None:
    """Turn to another conversation, or a new one."""
    _leave()
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
    answering = Answering(conversation, Wanted(question, options))
    st.session_state["answering"] = answering
    current().remember(who(), answering)


# -- before the first question -------------------------------------------------------------------


def _draw_welcome(kb: View, conversation: Conversation) -> None:
    status = kb.status()
    heading("What would you like to know?")
    quiet(
        f"Answers come from {counted(status.documents, 'document')} in this base, each with its "
        "source."
    )
    with st.container(key="suggestions"):
        for question in kb.suggestions(4):
            st.button(
                plain_name(question),
                key=f"suggested-{question}",
                icon=":material/north_east:",
                width="stretch",
                on_click=_ask,
                args=(conversation, question),
            )


# -- an answer that is being written -------------------------------------------------------------


def _answering() -> Answering | None:
    """The question that is being answered; one that is answered is a turn of its conversation."""
    found: Answering | None = st.session_state.get("answering")
    if found is not None and found.answer is not None:
        st.session_state["latest"] = found.answer
        st.session_state["answering"] = found = None
    return found


def _draw_answering(answering: Answering, place: int) -> None:
    """A question that is being answered; then its turn, in the place where it will be drawn."""
    draw_question(answering.wanted.question)
    with answer_place() as shown:
        if not answering.done:
            with shown.container():
                _watch(answering)
        with shown.container():
            if answering.answer is None:
                _draw_unanswered(answering)
                return
            turn = answering.conversation.turns()[-1]
            _answering()
            draw_answered(answering.conversation, turn, place)
    time.sleep(_REDRAW)  # the browser draws the answer before it is given more to do
    st.session_state.get("answering")  # what was clicked meanwhile goes first: a rerun forgets it
    st.rerun()  # for the side bar, and the address


def _draw_unanswered(answering: Answering) -> None:
    is_old, answering.told = answering.told, True
    if answering.text and not (is_old and is_access_enforced(current().base())):
        html = answer_html(answering.text, None, plain=answering.model is None)
        st.html(f'<div class="answer">{html}</div>')
    if answering.error is not None:
        say_error(answering.error)
    else:
        st.html('<span class="badge">Stopped; not kept in the conversation</span>')
    st.button(
        "Ask again",
        icon=":material/refresh:",
        on_click=_ask,
        args=(answering.conversation, answering.wanted.question),
    )


def _watch(answering: Answering) -> None:
    """Draw the answer as it grows; each drawing lets a click on Stop through."""
    st.html('<div class="unseen" role="status">The documents are being read.</div>')
    label, body = st.empty(), st.empty()
    st.button("Stop", icon=":material/stop_circle:", on_click=answering.stop)
    shown = 0
    while not answering.done:
        label.html(f'<div class="quiet" aria-hidden="true">{escape(_doing(answering))}</div>')
        answering.wait(shown, 0.1)
        text = answering.text
        if len(text) > shown and not answering.done:
            html = answer_html(text, None, plain=answering.model is None)
            body.html(f'<div class="answer writing">{html}</div>')
            shown = len(text)
            answering.wait(sys.maxsize, _REDRAW)


def _doing(answering: Answering) -> str:
    passed = int(time.monotonic() - answering.began)
    since = f" · {passed} s" if passed >= 2 else ""
    if answering.text:
        return f"{answering.model or 'Quoting'} is answering{since}"
    return f"Reading the documents{since}"
