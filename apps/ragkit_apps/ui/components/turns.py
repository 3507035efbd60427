"""What was said in a conversation: questions, answers, their sources, and how they came about."""

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
from ragkit_apps.ui.components.markup import answer_html, counted, plain_name, shortened
from ragkit_apps.ui.components.views import answer_view
from ragkit_apps.ui.state.session import notice, open_source, plainly, quiet, source_of, time_of

SLOT = "beside"
"""Where the source of an answer is opened."""


def draw_question(question: str) -> None:
    """A question as it was typed."""
    with st.chat_message("user", avatar=":material/person:"):
        st.html(f'<div class="question">{escape(question)}</div>')


@contextmanager
def answer_place() -> Iterator[DeltaGenerator]:
    """Where an answer is drawn, while it is written and later."""
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        yield st.empty()


def draw_turn(conversation: Conversation, turn: Turn, place: int) -> None:
    """A question and what came of it; `place` counts from 1, also where it could not be kept."""
    draw_question(turn.question)
    with answer_place() as shown, shown.container():
        draw_answered(conversation, turn, place)


def draw_answered(conversation: Conversation, turn: Turn, place: int) -> None:
    """What came of a question, where `answer_place` says."""
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
    if answer.is_extractive:
        st.html(
            '<span class="badge extractive">Extractive answer: quoted, no model involved</span>'
        )
    if answer.incomplete:
        st.html('<span class="badge">Incomplete</span>')
    answer_view(
        answer_html(answer.text, answer.citations, answer.statements, plain=answer.is_extractive),
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
                help=plain_name(shortened(quote_highlights(citation), 240)),
                on_click=open_source,
                args=(SLOT, source_of(citation)),
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
            open_source(SLOT, source_of(citation))


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
                args=(SLOT, source_of(hit)),
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
        if _is_latest(answer) and (reasoning := st.session_state["latest"].reasoning):
            with st.expander("The model's reasoning"):
                st.html(f'<div class="page-text">{escape(reasoning)}</div>')
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
                    args=(SLOT, source_of(hit)),
                )


def _is_latest(answer: Answer) -> bool:
    """Whether this is what has just been answered here; reasoning is not kept, only shown."""
    latest: Answer | None = st.session_state.get("latest")
    return latest is not None and replace(latest, reasoning="") == replace(answer, reasoning="")


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
    if answer.invalid_citations:
        numbers = ", ".join(map(str, answer.invalid_citations))
        found.append(("Invented", f"the model cited {numbers}, which no passage has; taken out"))
    usage = answer.usage
    if usage is not None and usage.prompt_tokens is not None:
        found.append(("Tokens", f"{usage.prompt_tokens} read, {usage.answer_tokens} written"))
    if turn.seconds:
        found.append(("Time", f"{turn.first_word:.1f} s to the first word, {turn.seconds:.1f} s"))
    found.append(("Asked", time_of(turn.at)))
    return found
