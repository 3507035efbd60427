"""The turns of a conversation: question, answer, sources, rating and details."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ragkit import Answer, Citation, Conversation, Turn
from ragkit_apps.text import quote_highlights
from ragkit_apps.ui.components.markup import (
    escape_markdown,
    explain_verdict,
    format_count,
    render_answer,
    shorten,
)
from ragkit_apps.ui.components.messages import draw_caption, draw_notice, show_errors
from ragkit_apps.ui.components.views import draw_answer_html
from ragkit_apps.ui.places import format_place
from ragkit_apps.ui.state.session import Source, format_time, open_source

MAX_NEAREST_PASSAGES = 3
MAX_COMMENT_CHARACTERS = 2000
SLOT = "beside"
"""The slot of the sources of answers."""


def draw_question(question: str) -> None:
    """Draw a question as it was typed."""
    with st.chat_message("user", avatar=":material/person:"):
        st.html(f'<div class="question">{escape(question)}</div>')


@contextmanager
def open_answer_message() -> Iterator[DeltaGenerator]:
    """Open the chat message of an answer, which the block can redraw."""
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        yield st.empty()


def draw_turn(conversation: Conversation, turn: Turn, place: int) -> None:
    """Draw a question and its answer; `place` is the number of the turn, from 1."""
    draw_question(turn.question)
    with open_answer_message() as message, message.container():
        draw_turn_answer(conversation, turn, place)


def draw_turn_answer(conversation: Conversation, turn: Turn, place: int) -> None:
    """Draw the answer of a turn, in the message of `open_answer_message`."""
    answer = turn.answer
    if answer.abstention:
        _draw_abstention(answer, place)
    else:
        _draw_answer(turn, place)
    if answer.notice:
        draw_notice(answer.notice)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _draw_rating(conversation, turn)
        _draw_details(turn, place)


def _draw_answer(turn: Turn, place: int) -> None:
    answer = turn.answer
    if answer.is_extractive:
        st.html(
            '<span class="badge extractive">Extractive answer: quoted, no model involved</span>'
        )
    if answer.incomplete:
        st.html('<span class="badge">Incomplete</span>')
    draw_answer_html(
        render_answer(answer.text, answer.citations, answer.statements, plain=answer.is_extractive),
        f"answer-{place}",
        partial(_open_citation, answer),
        announce=_is_latest(answer),
    )
    with st.container(horizontal=True, gap="small", key=f"chips-{place}"):
        for citation in answer.citations:
            place_text = escape_markdown(_format_short_place(citation))
            st.button(
                f":yellow-background[**{citation.number}**] {place_text}",
                key=f"source-{place}-{citation.number}",
                help=escape_markdown(shorten(quote_highlights(citation), 240)),
                on_click=open_source,
                args=(SLOT, Source.from_result(citation)),
            )
    _draw_verdicts(answer)
    if turn.gone:
        numbers = ", ".join(map(str, turn.gone))
        draw_caption(f"Sources that were removed from the knowledge base, or changed: {numbers}")


def _draw_verdicts(answer: Answer) -> None:
    """Draw the sentences that their citations do not support."""
    doubtful = [statement for statement in answer.statements if statement.verdict != "supported"]
    if not doubtful:
        return
    supported = len(answer.statements) - len(doubtful)
    label = f"{supported} of {len(answer.statements)} sentences are supported by their citations"
    with st.expander(label, icon=":material/rule:"):
        for statement in doubtful:
            st.html(
                f'<p><mark class="doubt">{escape(shorten(statement.text, 300))}</mark><br>'
                f'<span class="quiet">{escape(explain_verdict(statement))}</span></p>'
            )


def _open_citation(answer: Answer, number: int) -> None:
    for citation in answer.citations:
        if citation.number == number:
            open_source(SLOT, Source.from_result(citation))


def _format_short_place(citation: Citation) -> str:
    """Return the file name without its folders, and the place in the file."""
    name = shorten(citation.source.rpartition("/")[2], 40)
    return f"{name}, {shorten(citation.place, 40)}" if citation.place else name


def _draw_abstention(answer: Answer, place: int) -> None:
    assert answer.abstention is not None
    with st.container(border=True, key=f"abstained-{place}"):
        st.markdown(f":material/search_off: **{escape_markdown(answer.text)}**")
        draw_caption(answer.abstention.sentence)
        if answer.passages:
            draw_caption("Nearest passages:")
        for number, hit in enumerate(answer.passages[:MAX_NEAREST_PASSAGES], 1):
            st.button(
                escape_markdown(shorten(format_place(hit), 90)),
                key=f"near-{place}-{number}",
                icon=":material/description:",
                type="tertiary",
                help=escape_markdown(shorten(hit.text, 240)),
                on_click=open_source,
                args=(SLOT, Source.from_result(hit)),
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
        on_change=_save_rating,
        args=(conversation, turn.number, rating.comment if rating else "", key),
    )
    if rating is not None:
        with st.popover("Comment", icon=":material/edit_note:", type="tertiary"):
            comment = f"comment-{conversation.id}-{turn.number}"
            st.text_area(
                "What was good or wrong about it?",
                value=rating.comment,
                key=comment,
                max_chars=MAX_COMMENT_CHARACTERS,
                on_change=_save_comment,
                args=(conversation, turn.number, rating.up, comment),
            )


def _save_rating(conversation: Conversation, number: int, comment: str, key: str) -> None:
    thumb: int | None = st.session_state[key]
    with show_errors():
        conversation.rate(number, None if thumb is None else bool(thumb), comment)


def _save_comment(conversation: Conversation, number: int, up: bool, key: str) -> None:
    with show_errors():
        conversation.rate(number, up, st.session_state[key])


def _draw_details(turn: Turn, place: int) -> None:
    answer = turn.answer
    with st.popover("How it was answered", icon=":material/info:", type="tertiary"):
        lines = [f"<b>{escape(name)}</b> {escape(value)}" for name, value in _list_details(turn)]
        st.html(f'<div class="quiet details">{"<br>".join(lines)}</div>')
        if _is_latest(answer) and (reasoning := st.session_state["latest"].reasoning):
            with st.expander("The model's reasoning"):
                st.html(f'<div class="page-text">{escape(reasoning)}</div>')
        if answer.passages:
            st.html('<div class="quiet"><b>Passages</b>, with their similarity</div>')
        with st.container(gap=None, key=f"passages-{place}"):
            for number, hit in enumerate(answer.passages, 1):
                st.button(
                    f"{number}\\. {escape_markdown(shorten(format_place(hit), 70))} "
                    f"({hit.similarity:.2f})",
                    key=f"read-{place}-{number}",
                    type="tertiary",
                    on_click=open_source,
                    args=(SLOT, Source.from_result(hit)),
                )


def _is_latest(answer: Answer) -> bool:
    """Return True if this visit has just received the answer; only then is its reasoning known."""
    latest: Answer | None = st.session_state.get("latest")
    return latest is not None and replace(latest, reasoning="") == replace(answer, reasoning="")


def _list_details(turn: Turn) -> list[tuple[str, str]]:
    """Return how an answer was generated, as names and values."""
    answer = turn.answer
    details = [("Model", answer.model or "none: quoted from the passages")]
    if answer.model_digest:
        details.append(("Digest", answer.model_digest[:19]))
    if answer.model_choice:
        details.append(("Chosen as", answer.model_choice))
    if answer.query:
        details.append(("Searched for", answer.query))
    if answer.dropped:
        dropped = format_count(answer.dropped, "passage")
        details.append(("Did not fit", f"{dropped}, ranked lowest"))
    if answer.invalid_citations:
        numbers = ", ".join(map(str, answer.invalid_citations))
        details.append(("Invalid citations", f"{numbers}: no such passage; removed"))
    usage = answer.usage
    if usage is not None and usage.prompt_tokens is not None:
        details.append(("Tokens", f"{usage.prompt_tokens} read, {usage.answer_tokens} written"))
    if turn.seconds:
        details.append(("Time", f"{turn.first_word:.1f} s to the first word, {turn.seconds:.1f} s"))
    details.append(("Asked", format_time(turn.at)))
    return details
