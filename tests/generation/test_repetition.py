from __future__ import annotations

import pytest

from ragkit.generation.repetition import RepetitionDetector

LINE = "The answer is 28 days."
CYCLE = "Leave is 28 days. The fee is four euros. Nobody may carry over more than five days."


def find_end(text: str, step: int) -> int | None:
    """Where a text that arrives in pieces of `step` characters has to end."""
    detector = RepetitionDetector()
    for stop in range(step, len(text) + step, step):
        if (end := detector.read(text[:stop])) is not None:
            return end
    return None


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("once", "more"),
    [
        (f"So: {LINE}", f" {LINE}"),
        (LINE, f"\n{LINE}"),
        (LINE, f" [1]\n\n{LINE}"),
        (f"Well. {CYCLE}", f" {CYCLE}"),
        ("its name, the address of it", ", its name, the address of it"),
        (f"- {CYCLE}", f"\n- {CYCLE}"),
    ],
)
def test_the_fourth_time_ends_a_text_behind_the_first(once: str, more: str, step: int) -> None:
    end = find_end(f"{once}{more * 30} ", step)
    assert end == len(once.rstrip("."))
    assert find_end(f"{once}{more * 2} And that is all that there is to say.", step) is None


def test_markers_of_lists_and_citations_that_count_on_are_ignored() -> None:
    first = f"1. {CYCLE}"
    lines = [f"{n}. {CYCLE} [{n}]" for n in range(1, 9)]
    assert find_end("\n".join(lines) + "\n", 5) == len(first) - 1


@pytest.mark.parametrize(
    "text",
    [
        "| Part | Price |\n" + "| 0 | 0 |\n" * 200,
        "0, 0, 0, 0, 0, " * 60,
        "| Closed | Closed | Open |\n" * 8,
        "- Yes\n" * 10,
        "Yes, yes, yes, yes, yes. ",
        "1. Not in the policy\n2. Not in the policy\n3. Not in the policy\n4. Not in the policy\n"
        * 2,
        "```\n" + "    counter = next(values) or default\n" * 8 + "```\n",
        "".join(f"{city}: open on weekdays from nine to five o'clock.\n" for city in "ABCDEFGH"),
        "".join(f"| {day} | open from nine to five o'clock | no |\n" for day in "ABCDEFGH"),
        "".join(f"In year {n} the fee was 4 euros a day. " for n in range(2000, 2020)),
    ],
)
def test_what_is_rightly_equal_is_no_loop(text: str) -> None:
    assert find_end(text, 3) is None
    assert find_end(text, 10_000) is None


@pytest.mark.parametrize("text", ["the ", "- Yes\n", "| Closed |\n"])
def test_short_words_without_end_are_a_loop(text: str) -> None:
    assert find_end(text * 40, 3) == len(text.rstrip(" |\n"))
