"""The turns of a conversation: question, answer, sources, rating and details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ragkit import Answer, Citation, Conversation, Turn
from ragkit_apps.answer_parts import (
    QUOTED_NOTE,
    count_unverified,
    explain_verdict,
    format_unverified,
    select_new_notices,
)
from ragkit_apps.ui.components.markup import (
    escape_markdown,
    render_answer,
    shorten,
)
from ragkit_apps.ui.components.messages import draw_caption, draw_notice, show_errors
from ragkit_apps.ui.components.quotes import render_quotes
from ragkit_apps.ui.components.views import draw_answer_html
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


def draw_turn(conversation: Conversation, turns: Sequence[Turn], place: int) -> None:
    """Draw a question and its answer; `place` is the number of the turn, from 1."""
    draw_question(turns[place - 1].question)
    with open_answer_message() as message, message.container():
        draw_turn_answer(conversation, turns, place)


def draw_turn_answer(conversation: Conversation, turns: Sequence[Turn], place: int) -> None:
    """Draw the answer of a turn, in the message of `open_answer_message`.

    A notice that the answer before it has is not repeated.
    """
    turn = turns[place - 1]
    answer = turn.answer
    if answer.abstention:
        _draw_abstention(answer, place)
    else:
        _draw_answer(turn, place)
    before = turns[place - 2].answer if place > 1 else None
    if notices := select_new_notices(answer, before):
        draw_notice("\n".join(notices))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _draw_rating(conversation, turn)
        _draw_details(turn, place)


def _draw_answer(turn: Turn, place: int) -> None:
    answer = turn.answer
    if answer.quotes:
        note = "From your documents" if answer.is_unsupported else QUOTED_NOTE
        st.html(f'<span class="badge extractive">{note}</span>')
    if answer.incomplete:
        st.html('<span class="badge">Incomplete</span>')
    draw_answer_html(
        render_quotes(answer)
        if answer.quotes
        else render_answer(answer.text, answer.citations, answer.statements),
        f"answer-{place}",
        partial(_open_citation, answer),
        announce=_is_latest(answer),
    )
    _draw_sources(answer, place)
    if answer.is_unsupported:
        with st.expander(answer.UNSUPPORTED_NOTE, icon=":material/rule:"):
            st.html(f'<div class="answer unsupported">{render_answer(answer.text)}</div>')
            _list_unverified(answer)
    elif count_unverified(answer):
        with st.expander(format_unverified(answer), icon=":material/rule:"):
            _list_unverified(answer)
    if turn.gone:
        numbers = ", ".join(map(str, turn.gone))
        draw_caption(f"Sources that were removed from the knowledge base, or changed: {numbers}")


def _draw_sources(answer: Answer, place: int) -> None:
    """Draw a button for each citation that no quote shows, quieter if the model did not cite it."""
    cited = {number for statement in answer.statements for number in statement.citations}
    found = {number for statement in answer.statements for number in statement.found_in} - cited
    quoted = {quote.citation for quote in answer.quotes}
    with st.container(horizontal=True, gap="small", key=f"chips-{place}"):
        for citation in answer.citations:
            if citation.number in quoted:
                continue
            mark = f":yellow-background[**{citation.number}**]"
            if citation.number in found:
                mark = f":small[found in **{citation.number}**]"
            st.button(
                f"{mark} {escape_markdown(_format_short_place(citation))}",
                key=f"source-{place}-{citation.number}",
                help=escape_markdown(shorten(citation.excerpt, 240)),
                on_click=open_source,
                args=(SLOT, Source.from_result(citation)),
            )


def _list_unverified(answer: Answer) -> None:
    """Draw the sentences that could not be verified, each once, with the reasons."""
    for statement, count in count_unverified(answer):
        st.html(
            f'<p><mark class="doubt">{escape(shorten(statement.text, 300))}</mark><br>'
            f'<span class="quiet">{escape(explain_verdict(statement, count))}</span></p>'
        )


def _open_citation(answer: Answer, number: int) -> None:
    for citation in answer.citations:
        if citation.number == number:
            open_source(SLOT, Source.from_result(citation))


def _format_short_place(citation: Citation) -> str:
    """Return the title of a document, and the place in it."""
    parts = (shorten(citation.name, 40), shorten(citation.place, 40))
    return ", ".join(dict.fromkeys(filter(None, parts)))


def _draw_abstention(answer: Answer, place: int) -> None:
    assert answer.abstention is not None
    with st.container(border=True, key=f"abstained-{place}"):
        st.markdown(f":material/search_off: **{escape_markdown(answer.text)}**")
        if answer.abstention.sentence:
            draw_caption(answer.abstention.sentence)
        if answer.passages:
            draw_caption("Nearest passages:")
        places = answer.name_passages()[:MAX_NEAREST_PASSAGES]
        for number, (place_name, hit) in enumerate(zip(places, answer.passages, strict=False), 1):
            st.button(
                escape_markdown(shorten(place_name, 90)),
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
    with st.popover("Details", icon=":material/info:", type="tertiary"):
        lines = [f"<b>{escape(name)}</b> {escape(value)}" for name, value in _list_details(turn)]
        st.html(f'<div class="quiet details">{"<br>".join(lines)}</div>')
        if _is_latest(answer) and (reasoning := st.session_state["latest"].reasoning):
            with st.expander("The model's reasoning"):
                st.html(f'<div class="page-text">{escape(reasoning)}</div>')
        if answer.passages:
            st.html('<div class="quiet"><b>Passages</b>, with their similarity</div>')
        with st.container(gap=None, key=f"passages-{place}"):
            places = answer.name_passages()
            for number, (place_name, hit) in enumerate(
                zip(places, answer.passages, strict=True), 1
            ):
                st.button(
                    f"{number}\\. {escape_markdown(shorten(place_name, 70))} "
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
    if omissions := answer.describe_omissions():
        details.append(("Left out", omissions))
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
