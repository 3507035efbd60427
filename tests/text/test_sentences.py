"""Sentences and table rows of a text are told apart."""

from __future__ import annotations

import pytest

from ragkit.text.sentences import split_sentences


def split(text: str) -> list[str]:
    found = split_sentences(text)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)
    return [sentence.text for sentence in found]


def test_wrapped_lines_run_on_and_sentences_end_at_stops() -> None:
    text = (
        "During the pressure test of a pump the mechanical seal\n"
        "failed at a pressure of 14.2 bar. Nobody was hurt in this\n"
        "incident."
    )
    assert split(text) == [
        "During the pressure test of a pump the mechanical seal\nfailed at a pressure of 14.2 bar.",
        "Nobody was hurt in this\nincident.",
    ]


def test_full_stop_that_ends_no_sentence_divides_none() -> None:
    whole = [
        "Ab dem 15. Dienstjahr sind es 32 Tage.",
        "Am 3. Oktober ist frei.",
        "Dr. Smith and J. K. Rowling came, e.g. Bob.",
        "The U.S. Government paid for No. 5 Main Street.",
    ]
    assert [sentence.text for sentence in split_sentences(" ".join(whole))] == whole
    assert [sentence.text for sentence in split_sentences("See chapter 12. The next follows.")] == [
        "See chapter 12.",
        "The next follows.",
    ]


def test_a_blank_line_parts_what_has_no_stop() -> None:
    assert split("A title without a stop\n\nAnother one") == [
        "A title without a stop",
        "Another one",
    ]


def test_a_table_row_stands_alone_under_the_heads_of_its_columns() -> None:
    text = "Years of service Days of leave\nup to 4 years 28 5\nfrom the 5th year 30 5"
    found = split_sentences(text)
    assert [sentence.text for sentence in found] == ["up to 4 years 28 5", "from the 5th year 30 5"]
    assert {sentence.context for sentence in found} == {"Years of service Days of leave"}


def test_cells_with_bars_are_rows() -> None:
    found = split_sentences("Part | Price\nVX-1 | 12.50\nVX-2 | 13.00")
    assert [(sentence.context, sentence.text) for sentence in found] == [
        ("Part | Price", "VX-1 | 12.50"),
        ("Part | Price", "VX-2 | 13.00"),
    ]


@pytest.mark.parametrize("text", ["", " \n ", "one", "a\n\n\nb", "1 2 3\n4 5 6", "…\n"])
def test_nothing_but_white_space_is_lost(text: str) -> None:
    kept = "".join(sentence.text + sentence.context for sentence in split_sentences(text))
    assert len("".join(kept.split())) >= len("".join(text.split())) or not text.strip()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Er zieht am 1. Oktober ein. Gut.", ["Er zieht am 1. Oktober ein.", "Gut."]),
        ("Tiere, z. B. Hunde, bellen. Gut.", ["Tiere, z. B. Hunde, bellen.", "Gut."]),
        ("Was in the 1960's. The end.", ["Was in the 1960's.", "The end."]),
        ("压力为40巴。温度为85度。", ["压力为40巴。", "温度为85度。"]),
        ("Насос готов. Фильтр чист.", ["Насос готов.", "Фильтр чист."]),
        ("1. Replace it. **Then** start.", ["1. Replace it.", "**Then** start."]),
        ("| a | b |\n|---|---|\n| c | d |", ["| c | d |"]),
    ],
)
def test_sentences_end_where_they_do_in_their_language(text: str, found: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text)] == found


def test_figures_in_a_line_are_not_matched_in_many_ways() -> None:
    line = "12 34 " * 20_000
    assert [sentence.text for sentence in split_sentences(line + "x")] == [line + "x"]
