"""Follow-up questions are rewritten so that they can be searched alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ragkit import Message
from ragkit.errors import ModelFailed
from ragkit.generation.query_rewriting import needs_history, rewrite_question
from ragkit.llms.base import Event
from tests.support.models import OwnModel

LEAVE = "Everybody has 28 days of annual leave in each calendar year."
FIRST = "How many days of annual leave does everybody have?"
SECOND = "And from the 15th year of service?"


class Writes(OwnModel):
    """A model that writes this text."""

    name = "writes"

    def __init__(self, text: str) -> None:
        self.text = text

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        yield self.text


class Fails(OwnModel):
    """A model that cannot answer."""

    name = "fails"

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        raise ModelFailed("no memory left")
        yield ""


@pytest.mark.parametrize(
    "written",
    [
        "How much leave is there from the 15th year?",
        "Standalone question: “How much leave is there from the 15th year?”",
    ],
)
def test_a_model_rewrites_the_question(written: str) -> None:
    found = rewrite_question(SECOND, [(FIRST, LEAVE)], Writes(written))
    assert found == "How much leave is there from the 15th year?"


def test_a_model_that_fails_is_done_without() -> None:
    assert rewrite_question(SECOND, [(FIRST, LEAVE)], Fails()) == f"{FIRST} {SECOND}"


def test_earlier_questions_without_words_are_left_out() -> None:
    turns = [("?", ""), (FIRST, LEAVE), ("\x00", "")]
    assert rewrite_question(SECOND, turns, None) == f"{FIRST} {SECOND}"


def test_a_long_earlier_question_leaves_room_for_the_question() -> None:
    found = rewrite_question(SECOND, [(FIRST * 2_000, LEAVE)], None)
    assert found.startswith(FIRST)
    assert found.endswith(f" {SECOND}")
    assert len(found) < 500


@pytest.mark.parametrize(
    "written",
    ["", "The leave is 32 days.\nThat is all.", "Bananas are yellow", "annual leave " * 60],
)
def test_a_reply_that_is_not_a_question_is_not_searched_for(written: str) -> None:
    found = rewrite_question(SECOND, [(FIRST, LEAVE)], Writes(written))
    assert found == f"{FIRST} {SECOND}"


@pytest.mark.parametrize(
    ("question", "refers"),
    [
        ("And for the production ones?", True),
        ("Wie viel kostet das?", True),
        ("How often do we meet?", True),
        ("How many days of parental leave does the Danish subsidiary grant?", False),
        ("What does the VX-4420 pump weigh without its motor and base plate?", False),
    ],
)
def test_without_a_model_short_questions_are_searched_with_those_before(
    question: str, refers: bool
) -> None:
    assert needs_history(question) is refers
    expected = f"{FIRST} {question}" if refers else question
    assert rewrite_question(question, [(FIRST, LEAVE)], None) == expected
    assert rewrite_question(question, [], None) == question
