"""Numbers, dates and opposites, whatever their spelling."""

from __future__ import annotations

import pytest

from ragkit.text.dates import DateIndex, find_dates
from ragkit.text.numbers import Number, NumberIndex, find_numbers, find_scales
from ragkit.text.sentences import split_sentences
from ragkit.verification.antonyms import agrees_on_negation, find_antonym
from ragkit.verification.claims import find_facts


def supports(text: str, stated: str) -> bool:
    (figure,) = find_numbers(stated)
    return NumberIndex(find_numbers(text), find_scales(text)).supports(figure)


def test_a_number_is_read_with_its_scale_and_unit() -> None:
    assert find_numbers("about $4.2 million") == [
        Number("$4.2 million", 6, 18, ((4.2, 1),), 1e6, "$", is_approximate=True)
    ]
    assert find_numbers("1.577 km") == [
        Number("1.577 km", 0, 8, ((1.577, 3), (1577.0, 0)), 1, "kilometre")
    ]


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("1,250.50 EUR", "1.250,50 €"),
        ("1250 Euro", "€1,250"),
        ("28 days", "twenty-eight days"),
        ("$4,203,500", "$4.2 million"),
        ("in thousands: 4,203", "$4.203 million"),
        ("12.54 %", "12.5 percent"),
        ("85 °C", "85 degrees Celsius"),
        ("压力为40巴", "40"),
        ("5km", "5 kilometres"),
        ("1,240 people", "about 1,200"),
    ],
)
def test_one_number_bears_out_another_spelling(text: str, stated: str) -> None:
    assert supports(text, stated)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("28 days", "28 weeks"),
        ("85 °C", "85 °F"),
        ("12.5 kg", "12.5 g"),
        ("4.2 million", "4.3 million"),
        ("4.2 million", "4 million"),
        ("1,240", "1,250"),
        ("123456789012", "123456789013"),
    ],
)
def test_another_number_does_not(text: str, stated: str) -> None:
    assert not supports(text, stated)


@pytest.mark.parametrize("text", ["sıx", "5 mıllion", "in mıllions", "9" * 400, "1e999", "Aprıl 5"])
def test_odd_letters_and_huge_numbers_are_no_error(text: str) -> None:
    find_numbers(text), find_scales(text), find_dates(text)


@pytest.mark.parametrize(
    ("text", "stated", "holds"),
    [
        ("on 5 May 2021", "2021-05-05", True),
        ("on 5 May 2021", "May 5th, 2021", True),
        ("on 5 May 2021", "May 2021", True),
        ("In 2021 it was built on 5 May.", "5 May 2021", True),
        ("am 1. Oktober 2023", "01.10.2023", True),
        ("03/04/2024", "4 March 2024", True),
        ("03/04/2024", "3 April 2024", True),
        ("on 5 May 2021", "6 May 2021", False),
        ("on 5 May 2021", "5 May 2022", False),
        ("in May 2021", "5 May 2021", False),
    ],
)
def test_dates_are_compared_by_what_they_say(text: str, stated: str, holds: bool) -> None:
    (day,) = find_dates(stated)
    assert DateIndex(text).supports(day) is holds


def test_impossible_dates_are_none() -> None:
    assert find_dates("99/99/9999, 00.00.2020, 2020-13-01, 32 May") == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("The VX-4420 costs $5 million.", [("code", "VX-4420"), ("number", "$5 million")]),
        ("A 10-year-old pump weighs 5km.", [("number", "10-year"), ("number", "5km")]),
        ("Write to a.b@acme.com at 11:30.", [("code", "a.b@acme.com"), ("code", "11:30")]),
        ("He said “it was very late … and dark” in 2020.",
         [("quotation", "it was very late"), ("quotation", "and dark"), ("year", "2020")]),
        ("The answer to “who is it, then?” is Anna Lee.", [("name", "Anna Lee")]),
        ("Contact Dr. Keller.", [("name", "Dr. Keller")]),
        ("Die Miete ist bei der Müller GmbH zu zahlen.", [("name", "Müller GmbH")]),
    ],
)  # fmt: skip
def test_a_sentence_states_facts(said: str, found: list[tuple[str, str]]) -> None:
    assert [(fact.kind, fact.text) for fact in find_facts(said)] == found


def test_opposites_and_denials_are_told() -> None:
    assert find_antonym("Revenue fell in Asia", "Revenue rose in Asia") == ("fell", "rose")
    assert find_antonym("Revenue rose", "Revenue rose and costs fell") is None
    assert not agrees_on_negation("Pets are allowed.", "Pets are not allowed.")
    assert agrees_on_negation("Pets are allowed, but horses are not welcome.", "Pets are allowed.")
    assert not agrees_on_negation("You can't smoke here.", "You can smoke here.")


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
    assert [unit.text for unit in split_sentences(text)] == found


def test_figures_in_a_line_are_not_matched_in_many_ways() -> None:
    line = "12 34 " * 20_000
    assert [unit.text for unit in split_sentences(line + "x")] == [line + "x"]
