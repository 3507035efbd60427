"""The statements that the verification bench makes: true ones stay true, corrupted ones do not."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from tests.benchmarks.verification import amounts
from tests.benchmarks.verification import corruptions as false
from tests.benchmarks.verification import rewordings as true
from tests.benchmarks.verification.claims import Claim, Surroundings, declarative, table_facts
from tests.benchmarks.verification.numbers import find_dates, find_numbers

TABLE = """Consolidated Statements (in millions)
2019 2018
Total net revenues 6,489 7,500
Operating income $ 1,607 $ 1,988
"""


def claim(text: str, kind: str = "as it stands") -> Claim:
    return Claim(text, kind, (1,), "")


def around(text: str) -> Surroundings:
    return Surroundings([text, "Nothing of the kind is said here."], [text, ""], rng=Random(1))


def test_years_dates_and_page_numbers_are_no_figures() -> None:
    text = "On March 5, 2024 it paid $1.5 million for 28 of 40% (Note 7), as in 1999."
    assert [figure.text for figure in find_numbers(text)] == ["$1.5 million", "28", "40%"]
    assert [(date.year, date.month, date.day) for date in find_dates(text)] == [(2024, 3, 5)]


@pytest.mark.parametrize(
    ("reword", "said", "reworded"),
    [
        (true.number_in_words, "It takes 28 days.", "It takes twenty-eight days."),
        (true.number_in_words, "It takes two days.", "It takes 2 days."),
        (true.other_scale, "It paid $1,577 million.", "It paid $1.577 billion."),
        (true.other_scale, "It paid $1.5 million.", "It paid $1,500,000."),
        (true.other_grouping, "It has 1,000 rooms.", "It has 1000 rooms."),
        (true.percent_in_words, "It grew by 5%.", "It grew by 5 percent."),
        (true.rounded, "It paid $1,577 million.", "It paid about $1.58 billion."),
        (true.moved_time, "In 1908, he came back.", "He came back in 1908."),
    ],
)
def test_rewording_keeps_the_amount(reword: object, said: str, reworded: str) -> None:
    assert callable(reword)
    assert reword(said, Random(1)) == reworded


def test_questions_with_their_answers_become_sentences() -> None:
    assert declarative("When was the bridge built?", "1931") == "The bridge was built in 1931."
    assert declarative("Who founded the club?", "Anna Roe") == "Anna Roe founded the club."
    assert declarative("Who was the club founded by?", "Anna Roe") is None


def test_table_cells_get_the_year_over_them() -> None:
    facts = [(fact.label, fact.year, fact.number) for fact in table_facts(TABLE)]
    assert facts == [
        ("Total net revenues", 2019, Decimal(6489)),
        ("Total net revenues", 2018, Decimal(7500)),
        ("Operating income", 2019, Decimal(1607)),
        ("Operating income", 2018, Decimal(1988)),
    ]


def test_a_changed_number_stands_nowhere_in_the_evidence() -> None:
    text = "It sold 36 of 38 boats."
    for seed in range(50):
        surroundings = Surroundings([text], [text], rng=Random(seed))
        changed = amounts.digit_changed(claim(text), surroundings)
        assert changed is not None
        assert len({figure.text for figure in find_numbers(changed)} - {"36", "38"}) == 1


def test_a_bound_is_not_corrupted() -> None:
    assert amounts.digit_changed(claim("It has more than 40 rooms."), around("40 rooms")) is None


def test_negation_goes_behind_the_first_verb_or_away() -> None:
    text = "The bridge was built in 1931."
    assert false.negated(claim(text), around(text)) == "The bridge was not built in 1931."
    text = "Guests must not smoke here."
    assert false.negated(claim(text), around(text)) == "Guests must smoke here."
    assert false.negated(claim("Some rooms are small."), around("")) is None


def test_the_other_passage_does_not_hold_what_is_said() -> None:
    text = "The bridge was built in 1931."
    assert false.other_passage(claim(text), around(text)) == 2
    assert false.other_passage(claim(text), Surroundings([text, text], [text, text])) is None
