"""Follow-up questions are rewritten so that they can be searched alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ragkit import Message
from ragkit.errors import ModelFailed
from ragkit.generation.follow_ups import complete_question
from ragkit.generation.query_rewriting import needs_history, rewrite_question
from ragkit.llms.base import Event, Usage
from tests.support.models import OwnModel

LEAVE = "Everybody has 28 days of annual leave in each calendar year."
FIRST = "How many days of annual leave does everybody have?"
SECOND = "And from the 15th year of service?"
COMPLETED = "How many days of annual leave does everybody have from the 15th year of service?"
TALKS = tomllib.loads(Path(__file__).with_name("follow_ups.toml").read_text("utf-8"))["talks"]


class Writes(OwnModel):
    """A model that writes these pieces, and counts how many were taken."""

    name = "writes"

    def __init__(self, *pieces: Event) -> None:
        self.pieces = pieces
        self.taken = 0
        self.asked: list[list[Message]] = []

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        self.asked.append(messages)
        for piece in self.pieces:
            self.taken += 1
            yield piece


class Fails(OwnModel):
    """A model that cannot answer."""

    name = "fails"

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        raise ModelFailed("no memory left")
        yield ""


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk["name"])
def test_a_conversation_without_a_model(talk: dict[str, Sequence[Sequence[str]]]) -> None:
    turns: list[tuple[str, str]] = []
    for typed, expected in talk["turns"]:
        query = rewrite_question(typed, turns, None)
        assert query == (expected or typed)
        assert needs_history(typed, turns) is (query != typed)
        turns.append((query, "So it is."))


@pytest.mark.parametrize(
    ("earlier", "question", "completed"),
    [
        (
            "What was the revenue of Vexhöfer in 2019?",
            "And in 2020?",
            "What was the revenue of Vexhöfer in 2020?",
        ),
        ("What was the revenue of Vexhöfer in 2019?", "Who is its CEO?", "Who is Vexhöfer's CEO?"),
        (
            "How many days of leave do employees in Germany get?",
            "What about Spain?",
            "How many days of leave do employees in Spain get?",
        ),
        (
            "Wie viele Urlaubstage bekomme ich?",
            "Und für Teilzeit?",
            "Wie viele Urlaubstage bekomme ich für Teilzeit?",
        ),
        (
            "When does the Bergen office open?",
            "And the one in Bodo?",
            "When does the Bodo office open?",
        ),
        (
            "Who is the Bodo office's manager?",
            "How many desks does it have?",
            "How many desks does the Bodo office have?",
        ),
        (
            "Wie hoch ist das Gewicht der Pumpe VX-4430?",
            "Was kostet sie?",
            "Was kostet die Pumpe VX-4430?",
        ),
        (
            "Wer genehmigt den Urlaubsantrag?",
            "Bis wann muss er eingereicht sein?",
            "Bis wann muss der Urlaubsantrag eingereicht sein?",
        ),
        ("When does the canteen open?", "Why?", "When does the canteen open? Why?"),
        ("When does the canteen open?", "2020?", "2020?"),
        ("What was the profit in 2019?", "2020?", "What was the profit in 2020?"),
    ],
)
def test_what_is_missing_comes_from_the_question_before(
    earlier: str, question: str, completed: str
) -> None:
    assert complete_question(question, earlier) == completed


@pytest.mark.parametrize(
    "question",
    [
        "How many days of parental leave does the Danish subsidiary grant?",
        "What does the VX-4420 pump weigh without its motor and base plate?",
        "Is it allowed to smoke in the canteen?",
        "How long does it take to replace a seal?",
        "Who do I call in IT?",
        "Are there rules that apply to interns?",
        "How much is the fee if I lose my badge, and who replaces it?",
        "And how many weeks of notice does an employee have to give?",
        "In which year was the company founded?",
        "parental leave",
        "Summarize the travel policy",
        "Gibt es einen Parkplatz?",
        "Wie hoch ist das Budget für Fortbildung?",
        "Können Sie mir die Reisekosten erklären?",
        "Zahlt die Firma meine Fahrkarte?",
        "Wie lange dauert es, bis ein Antrag genehmigt wird?",
        "?",
        "",
    ],
)
@pytest.mark.parametrize("earlier", [FIRST, "Wann öffnet die Kantine in Kranzmoor?"])
def test_a_question_that_stands_alone_takes_in_nothing_and_asks_no_model(
    question: str, earlier: str
) -> None:
    model = Writes("What is that?")
    assert rewrite_question(question, [(earlier, LEAVE)], model) == question
    assert not needs_history(question, [(earlier, LEAVE)])
    assert model.asked == []


def test_a_very_long_question_stands_alone() -> None:
    question = "And what does it weigh? " * 5_000
    assert rewrite_question(question, [(FIRST, LEAVE)], Fails()) == question


@pytest.mark.parametrize(
    "written",
    [
        "How much leave is there from the 15th year of service?",
        "Standalone question: “How much leave is there from the 15th year of service?”",
        "How much leave is there from the 15th year of service?\nThe answer is 32 days.",
        "\n\nHow much leave is there from the 15th year of service?\n",
    ],
)
def test_a_model_rewrites_the_question_in_one_line(written: str) -> None:
    found = rewrite_question(SECOND, [(FIRST, LEAVE)], Writes(written))
    assert found == "How much leave is there from the 15th year of service?"


def test_the_request_begins_as_the_prompt_of_the_answer_does() -> None:
    history = [Message("user", FIRST), Message("assistant", LEAVE)]
    model = Writes("How much leave is there from the 15th year of service?")
    rewrite_question(SECOND, [(FIRST, LEAVE)], model, history)
    ((system, *before, asked),) = model.asked
    assert (system.role, before) == ("system", history)
    assert asked.content.endswith(f"\n\nFollow-up: {SECOND}")


def test_a_model_that_writes_on_is_stopped() -> None:
    for pieces in ([" word"] * 500, ["word " * 40] * 500, ["How much leave?", "\n", *["x"] * 500]):
        model = Writes(*pieces)
        assert rewrite_question(SECOND, [(FIRST, LEAVE)], model) == COMPLETED
        assert model.taken < 90


@pytest.mark.parametrize("earlier", [[], [("?", "")], [("\x00", "")]])
def test_without_words_before_it_a_question_stays_as_it_is(earlier: list[tuple[str, str]]) -> None:
    assert rewrite_question(SECOND, earlier, Fails()) == SECOND


def test_questions_without_words_are_skipped() -> None:
    turns = [(FIRST, LEAVE), ("?", ""), ("\x00", "")]
    assert rewrite_question(SECOND, turns, None) == COMPLETED


def test_a_long_earlier_question_leaves_room_for_the_question() -> None:
    found = rewrite_question(SECOND, [(FIRST.rstrip("?") * 2_000, LEAVE)], None)
    assert "from the 15th year of service" in found
    assert len(found) < 500


@pytest.mark.parametrize(
    "written",
    [
        "",
        "\n\n",
        "The leave from the 15th year of service is 32 days.",
        "A: How many days from the 15th year of service?",
        "Answer: after the 15th year of service?",
        "The answer is 15th year of service?",
        "How many days of leave does everybody have?",  # lost what was asked
        "Is it 15th year service calendar each calendar year everybody 28 days?",
        "<think>",
    ],
)
def test_a_reply_that_is_not_the_question_is_not_searched_for(written: str) -> None:
    answer = "Each calendar holds 28 sunny holidays."
    reply = written.replace("everybody 28 days", "holds 28 sunny holidays")
    assert rewrite_question(SECOND, [(FIRST, answer)], Writes(reply)) == COMPLETED


def test_a_reply_that_was_cut_is_not_searched_for() -> None:
    cut = Writes("How many days from the 15th year of service?", Usage("length"))
    assert rewrite_question(SECOND, [(FIRST, LEAVE)], cut) == COMPLETED
    assert rewrite_question(SECOND, [(FIRST, LEAVE)], Fails()) == COMPLETED
