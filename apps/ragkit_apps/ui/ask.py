"""Ask: a chat with the documents, and the sources beside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ragkit import (
    Answer,
    Citation,
    Conversation,
    InstalledModel,
    KnowledgeBase,
    SourceError,
    Turn,
)
from ragkit_apps.terminal import words_of
from ragkit_apps.ui.answering import Answering, Wanted
from ragkit_apps.ui.conversations import draw_conversations
from ragkit_apps.ui.markup import answer_html, counted, plain_name, shortened
from ragkit_apps.ui.serving import current
from ragkit_apps.ui.session import (
    base_with_documents,
    heading,
    models,
    notice,
    open_source,
    plainly,
    quiet,
    say_error,
    source_of,
    time_of,
    who,
)
from ragkit_apps.ui.source import draw_source
from ragkit_apps.ui.views import answer_view

_SLOT = "beside"
_REDRAW = 0.05  # seconds between two states of an answer that is being written
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
        draw_source(kb, _SLOT)
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
                _draw_turn(conversation, turn, place)
        running = st.container()  # where the next turn will be
    with st.sidebar:
        _draw_settings()
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


def _conversation(kb: KnowledgeBase) -> Conversation:
    """The conversation of this visit: the one that its address names, or a new one.

    The address changes with the conversation, and the conversation when somebody goes back.
    """
    found: Conversation | None = st.session_state.get("conversation")
    named = st.query_params.get("c", "")
    if found is None:
        found = _resumed(named) or _named(kb, named)
    elif named != st.session_state.get("address", ""):
        _leave()
        found = _named(kb, named)
    st.session_state["conversation"] = found
    _set_address(str(found.id) if found.id is not None else "")
    return found


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


def _named(kb: KnowledgeBase, named: str) -> Conversation:
    """The conversation of this number, if it is this person's own; else a new one."""
    if named.isdecimal():
        with suppress(SourceError):  # it is somebody else's, or was deleted
            return kb.conversation(int(named), who=who())
    return kb.conversation(who=who())


def _set_address(number: str) -> None:
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
    open_source(_SLOT, None)


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
    wanted = Wanted(
        question,
        model=None if model in (None, _AUTO) else model,
        passages=st.session_state.get("passages", 8),
        think=st.session_state.get("think", False),
    )
    answering = Answering(conversation, wanted)
    st.session_state["answering"] = current().answers[who()] = answering


# -- before the first question -------------------------------------------------------------------


def _draw_welcome(kb: KnowledgeBase, conversation: Conversation) -> None:
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
        current().answers.pop(who(), None)
    return found


def _draw_answering(answering: Answering, place: int) -> None:
    """A question that is being answered; then its turn, in the place where it will be drawn."""
    _draw_question(answering.wanted.question)
    with _answer_place() as shown:
        if not answering.done:
            with shown.container():
                _watch(answering)
        with shown.container():
            if answering.answer is None:
                _draw_unanswered(answering)
                return
            turn = answering.conversation.turns()[-1]
            _answering()
            _draw_answered(answering.conversation, turn, place)
    time.sleep(_REDRAW)  # the browser draws the answer before it is given more to do
    st.rerun()  # for the side bar, and the address


@contextmanager
def _answer_place() -> Iterator[DeltaGenerator]:
    """Where an answer is drawn, while it is written and later."""
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        yield st.empty()


def _draw_unanswered(answering: Answering) -> None:
    if answering.text:
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


# -- what was said -------------------------------------------------------------------------------


def _draw_question(question: str) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.html(f'<div class="question">{escape(question)}</div>')


def _draw_turn(conversation: Conversation, turn: Turn, place: int) -> None:
    """A question and what came of it; `place` counts from 1, also where it could not be kept."""
    _draw_question(turn.question)
    with _answer_place() as shown, shown.container():
        _draw_answered(conversation, turn, place)


def _draw_answered(conversation: Conversation, turn: Turn, place: int) -> None:
    answer = turn.answer
    if answer.abstention:
        _draw_abstention(answer, place)
    else:
        _draw_answer(turn, place)
    if answer.notice:
        notice(answer.notice)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _draw_rating(conversation, turn)
        _draw_details(turn, place)


def _draw_answer(turn: Turn, place: int) -> None:
    answer = turn.answer
    if answer.extract:
        st.html('<span class="badge extract">Extract: quoted, no model involved</span>')
    if answer.incomplete:
        st.html('<span class="badge">Incomplete</span>')
    answer_view(
        answer_html(answer.text, answer.citations, answer.statements, plain=answer.extract),
        f"answer-{place}",
        partial(_open_cited, answer),
        said=_is_latest(answer),
    )
    with st.container(horizontal=True, gap="small", key=f"chips-{place}"):
        for citation in answer.citations:
            where = plain_name(_short(citation))
            st.button(
                f":yellow-background[**{citation.number}**] {where}",
                key=f"source-{place}-{citation.number}",
                help=plain_name(shortened(words_of(citation), 240)),
                on_click=open_source,
                args=(_SLOT, source_of(citation)),
            )
    doubtful = [each for each in answer.statements if each.verdict != "supported"]
    if doubtful:
        held = len(answer.statements) - len(doubtful)
        with st.expander(
            f"{held} of {len(answer.statements)} sentences stand in what they cite",
            icon=":material/rule:",
        ):
            for each in doubtful:
                what = "not supported" if each.verdict == "unsupported" else "cites nothing"
                why = "; ".join(each.reasons)
                st.html(
                    f'<p><mark class="doubt">{escape(shortened(each.text, 300))}</mark><br>'
                    f'<span class="quiet">{escape(what + (": " + why if why else ""))}</span></p>'
                )
    if turn.gone:
        quiet("Sources that are no longer in the base: " + ", ".join(map(str, turn.gone)))


def _open_cited(answer: Answer, number: int) -> None:
    for citation in answer.citations:
        if citation.number == number:
            open_source(_SLOT, source_of(citation))


def _short(citation: Citation) -> str:
    """A source for a chip: the file's own name, without its folders, and the place in it."""
    name = shortened(citation.source.rpartition("/")[2], 40)
    return f"{name}, {shortened(citation.place, 40)}" if citation.place else name


def _draw_abstention(answer: Answer, place: int) -> None:
    assert answer.abstention is not None
    with st.container(border=True, key=f"abstained-{place}"):
        st.markdown(f":material/search_off: **{plain_name(answer.text)}**")
        quiet(answer.abstention.sentence)
        if answer.passages:
            quiet("The nearest passages:")
        for number, hit in enumerate(answer.passages[:3], 1):
            where = f"{hit.source}, {hit.place}" if hit.place else hit.source
            st.button(
                plain_name(shortened(where, 90)),
                key=f"near-{place}-{number}",
                icon=":material/description:",
                type="tertiary",
                help=plain_name(shortened(hit.text, 240)),
                on_click=open_source,
                args=(_SLOT, source_of(hit)),
            )


def _draw_rating(conversation: Conversation, turn: Turn) -> None:
    if not turn.number:
        return
    key = f"thumbs-{conversation.id}-{turn.number}"
    rating = turn.rating
    st.feedback(
        "thumbs",
        key=key,
        default=None if rating is None else int(rating.up),
        on_change=_rate,
        args=(conversation, turn.number, rating.comment if rating else "", key),
    )
    if rating is not None:
        with st.popover("Comment", icon=":material/edit_note:", type="tertiary"):
            comment = f"comment-{conversation.id}-{turn.number}"
            st.text_area(
                "What was good or wrong about it?",
                value=rating.comment,
                key=comment,
                max_chars=2000,
                on_change=_comment,
                args=(conversation, turn.number, rating.up, comment),
            )


def _rate(conversation: Conversation, number: int, comment: str, key: str) -> None:
    thumb: int | None = st.session_state[key]
    with plainly():
        conversation.rate(number, None if thumb is None else bool(thumb), comment)


def _comment(conversation: Conversation, number: int, up: bool, key: str) -> None:
    with plainly():
        conversation.rate(number, up, st.session_state[key])


def _draw_details(turn: Turn, place: int) -> None:
    answer = turn.answer
    with st.popover("How it was answered", icon=":material/info:", type="tertiary"):
        lines = [f"<b>{escape(name)}</b> {escape(value)}" for name, value in _details(turn)]
        st.html(f'<div class="quiet details">{"<br>".join(lines)}</div>')
        if _is_latest(answer) and (thinking := st.session_state["latest"].thinking):
            with st.expander("The model's reasoning"):
                st.html(f'<div class="page-text">{escape(thinking)}</div>')
        if answer.passages:
            st.html('<div class="quiet"><b>Passages read</b>, with their similarity</div>')
        with st.container(gap=None, key=f"passages-{place}"):
            for number, hit in enumerate(answer.passages, 1):
                where = f"{hit.source}, {hit.place}" if hit.place else hit.source
                st.button(
                    f"{number}\\. {plain_name(shortened(where, 70))} ({hit.similarity:.2f})",
                    key=f"read-{place}-{number}",
                    type="tertiary",
                    on_click=open_source,
                    args=(_SLOT, source_of(hit)),
                )


def _is_latest(answer: Answer) -> bool:
    """Whether this is what has just been answered here; reasoning is not kept, only shown."""
    latest: Answer | None = st.session_state.get("latest")
    return latest is not None and replace(latest, thinking="") == replace(answer, thinking="")


def _details(turn: Turn) -> list[tuple[str, str]]:
    """How an answer came about, as names and values for people."""
    answer = turn.answer
    found = [("Model", answer.model or "none: quoted from the passages")]
    if answer.model_digest:
        found.append(("Weights", answer.model_digest[:19]))
    if answer.model_choice:
        found.append(("Chosen as", answer.model_choice))
    if answer.query:
        found.append(("Searched for", answer.query))
    if answer.dropped:
        found.append(("Did not fit", f"{counted(answer.dropped, 'passage')}, the lowest ranked"))
    if answer.invented:
        numbers = ", ".join(map(str, answer.invented))
        found.append(("Invented", f"the model cited {numbers}, which no passage has; taken out"))
    usage = answer.usage
    if usage is not None and usage.prompt_tokens is not None:
        found.append(("Tokens", f"{usage.prompt_tokens} read, {usage.answer_tokens} written"))
    if turn.seconds:
        found.append(("Time", f"{turn.first_word:.1f} s to the first word, {turn.seconds:.1f} s"))
    found.append(("Asked", time_of(turn.at)))
    return found


# -- settings ------------------------------------------------------------------------------------

_AUTO = "auto"


def _draw_settings() -> None:
    """Which model answers, from how many passages; drawn last, for its server may be slow."""
    found = models()
    facts = {model.name: model for model in found.models}
    with st.expander("Model and passages", icon=":material/tune:"):
        if found.problem:
            quiet(found.problem)
        if facts:
            st.selectbox(
                "Model",
                [_AUTO, *facts],
                key="model",
                persist_state="session",
                format_func=lambda name: (
                    "Chosen by ragkit" if name == _AUTO else _with_licence(facts[name])
                ),
            )
            chosen = facts.get(st.session_state["model"]) or facts.get(found.chosen)
            if chosen is not None:
                why = found.why if st.session_state["model"] == _AUTO else ""
                _draw_model(chosen, why)
                if "thinking" in chosen.capabilities:
                    st.toggle("Let it reason first", key="think", persist_state="session")
        st.slider("Passages to answer from", 2, 20, 8, key="passages", persist_state="session")


def _with_licence(model: InstalledModel) -> str:
    return f"{model.name} ({model.licence or 'licence not stated'})"


def _draw_model(model: InstalledModel, why: str) -> None:
    fits = {True: "fits into memory", False: "does not fit into memory", None: ""}[model.fits]
    facts = [model.parameters, model.quantisation, fits]
    lines = [
        f"<b>{escape(model.name)}</b>" + (f", {escape(why)}" if why else ""),
        escape(", ".join(filter(None, facts))),
        escape(model.licence or "licence not stated"),
    ]
    st.html(f'<div class="quiet">{"<br>".join(filter(None, lines))}</div>')
