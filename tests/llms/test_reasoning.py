"""Reasoning inside a model's text is no part of its answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ragkit.llms.base import Event, Reasoning, Usage
from ragkit.llms.reasoning import separate_reasoning


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("28 days [1].", "", "28 days [1]."),
        ("<think>Leave [3]?</think>28 days [1].", "Leave [3]?", "28 days [1]."),
        ("\n<Think>\nLeave?\n</Think>\n\n28 days.", "\nLeave?\n", "28 days."),
        ("<reasoning>So.</reasoning> 28 days.", "So.", "28 days."),
        ("<think></think>28 days.", "", "28 days."),
        ("<think>It is cut", "It is cut", ""),
        ("<think>a < b </thin", "a < b </thin", ""),
        ("<thin", "", "<thin"),
        ("<thinly> 28", "", "<thinly> 28"),
        ("28 <think>days</think>", "", "28 <think>days</think>"),
        ("", "", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_reasoning_is_told_from_the_answer(
    text: str, reasoning: str, answer: str, size: int
) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events = list(separate_reasoning([*pieces, Usage("stop")]))
    assert events.pop() == Usage("stop")
    assert "".join(event.text for event in events if isinstance(event, Reasoning)) == reasoning
    assert "".join(event for event in events if isinstance(event, str)) == answer


def test_closing_ends_the_work_of_the_model() -> None:
    closed = []

    def events() -> Iterator[Event]:
        try:
            yield from ["28", " days"]
        finally:
            closed.append(True)

    separated = separate_reasoning(events())
    assert next(separated) == "28"
    separated.close()
    assert closed == [True]
