"""What models get wrong about a passage that has their words: another subject, unit or time."""

from __future__ import annotations

import pytest

from tests.support.checked import check_texts

DEBATES = (
    "Normally, the Presiding Officer tries to achieve a balance between the parties. Typically, "
    "ministers or party leaders open debates, with opening speakers given 5 to 20 minutes. The "
    "Presiding Officer decides who speaks."
)
DEMO = (
    "A demo has these parts, between 3-5 mins each:\n**1. Intro:** who we are\n"
    "**2. What/why:** the problem\n**3. Demo:** the product"
)
MEETING = (
    "We take 2 min at the beginning of the meeting to vote on the topics to discuss, 3 votes per "
    "person."
)
SWAG = "We ship customer swag to 213 countries: https://docs.google.com/spreadsheets/d/16NIEh92x/"
SEATS = "Seats are sold in increments of 1 user. The smallest plan has 25 seats."
REVIEW = "The team reviews this page for accuracy on a quarterly cadence."
TRIAGE = "The issue is triaged by the on-call engineer. Severity is set within one day."
ADVISERS = "Kublai's Chinese advisers Liu Bingzhong and Yao Shu shaped his rule."
FILTER = "Der Filter wird monatlich gewechselt. Die Pumpe wird jedes Jahr geprüft."


@pytest.mark.parametrize(
    ("question", "passage", "said", "supported"),
    [
        ("How many countries?", SWAG, "It ships customer swag to 16 countries.", False),
        ("How many countries?", SWAG, "It ships customer swag to 213 countries.", True),
        ("How many votes does each person get?", MEETING, "Each person gets 2 votes.", False),
        ("How many votes does each person get?", MEETING, "Each person gets 3 votes.", True),
        ("What is the smallest number of seats?", SEATS, "The smallest number is 1.", False),
        ("How long should a demo be?", DEMO, "A demo should be 1-2 hours long.", False),
        ("How long is each part of a demo?", DEMO, "Each part takes 3-5 minutes.", True),
        ("How often?", REVIEW, "The team reviews the page on a daily cadence.", False),
        ("How often?", REVIEW, "The team reviews the page every quarter.", True),
        ("Wie oft?", FILTER, "Der Filter wird täglich gewechselt.", False),
        ("Wie oft?", FILTER, "Der Filter wird jeden Monat gewechselt.", True),
        ("Wie oft?", FILTER, "Die Pumpe wird monatlich geprüft.", False),
        ("Who shaped the rule?", ADVISERS, "The rule was shaped by monks.", False),
        ("Who usually opens debates?", DEBATES, "The presiding officer opens debates.", False),
        ("Who usually opens debates?", DEBATES, "Ministers or party leaders open debates.", True),
        (
            "When is an issue triaged?", TRIAGE,
            "It is likely that the issue will be resolved within the sprint.", False,
        ),
        (
            "What is the Italian title of Polo's book?",
            "Polo's book was called Il Milione in his home country.",
            "The Italian title of Polo's book is “Il Milione”.", True,
        ),
        (
            "Who were two of Kublai's Chinese advisers?", ADVISERS,
            "Two of Kublai's Chinese advisers were Liu Bingzhong and Yao Shu.", True,
        ),
        (
            "Who were two of Kublai's Chinese advisers?", ADVISERS,
            "Three of Kublai's Chinese advisers were Liu Bingzhong and Yao Shu.", False,
        ),
    ],
)  # fmt: skip
def test_the_answer_is_in_the_sentence_with_the_words_of_the_question(
    question: str, passage: str, said: str, supported: bool
) -> None:
    (statement,) = check_texts(said, [passage], question)
    assert (statement.verdict == "supported") is supported, statement.reasons


def test_items_of_a_list_may_be_repeated_as_one_sentence() -> None:
    listed = "Bring these:\n- a laptop\n- two photos of yourself\n- your tax number\n"
    (statement,) = check_texts(
        "A laptop, two photos of yourself, your tax number.", [listed], "What do I bring?"
    )
    assert statement.verdict == "supported"


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        ("Order the VX-30 pump. It weighs 40 kg.", "The pump weighs 30 kg."),
        ("1. Open the valve.\n2. Wait.\n12. Close the valve.", "The valve has 12 turns."),
        ("See www.example.com/2/30 for the pump.", "The pump has 30 blades."),
    ],
)
def test_digits_that_count_nothing_are_no_evidence(passage: str, said: str) -> None:
    (statement,) = check_texts(said, [passage], "?")
    assert statement.verdict == "unsupported"
    assert any("is not in any passage" in reason for reason in statement.reasons)


def test_the_year_of_a_period_stays_a_year() -> None:
    text = "Revenue was 250 million euros in mid-2018."
    (statement,) = check_texts("Revenue in 2018 was 250 million euros.", [text], "?")
    assert statement.verdict == "supported"
