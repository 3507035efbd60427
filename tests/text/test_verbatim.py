"""The verbatim terms of a question, and whether a text holds one."""

from __future__ import annotations

import time
import unicodedata

import pytest

from ragkit.text.occurrences import FoldedText
from ragkit.text.verbatim import MAX_TERMS, VerbatimTerm, is_code, parse_question


def terms(question: str) -> list[tuple[str, str]]:
    return [(term.kind, term.text) for term in parse_question(question).terms]


def term(question: str) -> VerbatimTerm:
    (only,) = parse_question(question).terms
    return only


def occurs(question: str, text: str) -> bool:
    return term(question).occurs_in(FoldedText(text))


# -- finding terms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("price of QK-2115-71", [("code", "QK-2115-71")]),
        ("Is 0-20355 in stock?", [("code", "0-20355")]),
        ("valve Zephyr-7 and Zephyr-17?", [("code", "Zephyr-7"), ("code", "Zephyr-17")]),
        ("where is 20355", [("code", "20355")]),
        ("请问VX-4410-31的价格", [("code", "VX-4410-31")]),
        ("VX-4410-31의 가격", [("code", "VX-4410-31")]),
        ("host 10.0.0.1, version 2.4.1", [("code", "10.0.0.1"), ("code", "2.4.1")]),
        ("mail to bob.smith@x-y.co.uk, please", [("email", "bob.smith@x-y.co.uk")]),
        ("what does Section 4.2(b) say", [("section", "Section 4.2(b)")]),
        ("Was steht in § 12 und Ziffer 3.1?", [("section", "§ 12"), ("section", "Ziffer 3.1")]),
        ("what of 101(3) in Exhibit A", [("section", "Exhibit A"), ("section", "101(3)")]),
        ("decided on 13 May 2025?", [("date", "13 May 2025")]),
        ("am 13.05.25 beschlossen", [("date", "13.05.25")]),
        ("paid $2,083.34 in May", [("amount", "$2,083.34")]),
        ("kostet 1.250,50 € je Stück", [("amount", "1.250,50 €")]),
        ("a sum of 1 250,5", [("amount", "1 250,5")]),
        ("a discount of 12.5%?", [("amount", "12.5%")]),
        ("7,25 Prozent Zins", [("amount", "7,25 Prozent")]),
        ("what did Tim Cook's board say", [("name", "Tim Cook")]),
        ("Maria Gonzalez", [("name", "Maria Gonzalez")]),
        ("What did Mr Weber say?", [("name", "Mr Weber")]),
    ],
)
def test_terms_are_found(question: str, expected: list[tuple[str, str]]) -> None:
    assert terms(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "revenue in FY2018, Q2 and 2019",
        "the 1990s, mid-2020, Q4FY19, 2018/19 and 2018-2019",
        "within 365 days, a 30-day notice, 100km, the 15th, 24/7",
        "from 10-15 people at 12:30",
        "about 3.5 bar",
        "Tim Cook said what?",
        "What Is The Total Revenue Of Apple Computer?",
        "what is the price",
        "",
        "?!... --- ***",
        "\x00\x01\ud800",
    ],
)
def test_ordinary_words_periods_and_counts_are_no_terms(question: str) -> None:
    assert terms(question) == []


@pytest.mark.parametrize(
    "question",
    [
        'where is "net income"',
        "where is “net income”",
        "wo steht „net income“",
        "wo steht „net income”",
        "où est « net income »",
        "wo steht »net income«",
        "where is ‘net income’",
        "where is 'net income'",
        "哪里有「net income」",
        'where is "net income."',
    ],
)
def test_a_quoted_phrase_is_one_term(question: str) -> None:
    assert terms(question) == [("quotation", "net income")]


@pytest.mark.parametrize(
    "question",
    [
        'what is "net income',
        "what is net income”",
        "the company's and Anna's plan",
        '5" and 6" wide',
    ],
)
def test_an_unbalanced_quotation_mark_is_a_character(question: str) -> None:
    assert terms(question) == []


def test_a_quoted_code_is_a_code() -> None:
    assert terms('does "0-20355" exist') == [("code", "0-20355")]
    assert terms('does "ana@x.org" exist') == [("email", "ana@x.org")]


def test_a_part_of_a_question_belongs_to_one_term() -> None:
    assert terms('"Section 4.2 of VX-4410" and $5,000.00') == [
        ("quotation", "Section 4.2 of VX-4410"),
        ("amount", "$5,000.00"),
    ]


def test_the_other_words_are_without_terms_and_stop_words() -> None:
    question = parse_question("What is the price of VX-4410-31 in Hamburg?")
    assert question.rest.split() == ["price", "Hamburg"]


@pytest.mark.parametrize("token", ["VX-4410", "10-K", "A1B2", "CVE-2021-44228", "12345", "0012"])
def test_codes(token: str) -> None:
    assert is_code(token)


@pytest.mark.parametrize("token", ["2019", "FY2018", "Q2", "365", "A1", "1,250", "3.14", "5-year"])
def test_no_codes(token: str) -> None:
    assert not is_code(token)


# -- occurrences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "part QK-2115-71.",
        "QK-2115-71,bolt",
        "qk-2115-71",
        "QK - 2115 - 71",
        "QK-2115-\n71",
        "QK\u20112115\u201371",
        "**QK-2115-71**",
        "QK-**2115**-71",
        "_QK-2115-71_",
        "`QK-2115-71`",
        "(QK-2115-71)",
        "QK-2115-71's price",
        "QK-2115-71의 가격",
        "QK&#45;2115&#45;71",
    ],
)
def test_a_code_is_found_in_every_spelling(text: str) -> None:
    assert occurs("price of QK-2115-71", text)


@pytest.mark.parametrize(
    "text",
    ["QK-2115-711", "QK-2115-7", "AQK-2115-71", "QK-2115-71-2", "X-QK-2115-71"],
)
def test_a_longer_or_other_code_is_not_the_code(text: str) -> None:
    assert not occurs("price of QK-2115-71", text)


@pytest.mark.parametrize("text", ["Zephyr-17", "Zephyr-70", "Zephyr-7.5", "Zephyr-7-B", "Zephyr 8"])
def test_another_number_of_a_name_does_not_match(text: str) -> None:
    assert occurs("valve Zephyr-7", "The valve Zephyr-7 was opened.")
    assert not occurs("valve Zephyr-7", f"The valve {text} was opened.")


def test_bare_digits_match_as_a_code_and_as_a_number() -> None:
    assert occurs("where is 20355", "number 20355, blue")
    assert occurs("where is 20355", "a total of 20,355 tonnes")
    assert not occurs("where is 20355", "part 0-20355")
    assert not occurs("where is 20355", "120355 and 203551")


DAY = ["13 May 2025", "2025-05-13", "13.05.25", "13.5.2025", "May 13, 2025", "13/05/2025"]
DAY += ["05/13/2025", "13-05-2025", "13-May-2025", "2025/05/13", "13. Mai 2025", "13th of May 2025"]
DAY += ["2025年5月13日"]


@pytest.mark.parametrize("asked", DAY)
def test_a_day_is_found_in_every_notation(asked: str) -> None:
    for text in DAY:
        assert occurs(f"decided on {asked}", f"Date: {text}. Present: five."), (asked, text)
    for text in ("14 May 2025", "2025-05-31", "13.06.25", "May 13, 2024", "113.05.25"):
        assert not occurs(f"decided on {asked}", f"Date: {text}. Present: five."), text


SUM = ["1,250.5", "1.250,5", "1 250,5", "1250.50", "1250,5", "1'250.5", "1\u202f250,5"]


@pytest.mark.parametrize("asked", [each for each in SUM if each != "1250,5"])
def test_a_number_is_found_in_every_notation(asked: str) -> None:
    for text in SUM:
        assert occurs(f"the sum of {asked} here", f"In all {text} were paid."), (asked, text)
    for text in ("1,250.6", "11,250.5", "1,250", "250.5", "1,250.55"):
        assert not occurs(f"the sum of {asked} here", f"In all {text} were paid."), text


def test_an_amount_keeps_its_currency() -> None:
    assert occurs("paid $1,250.50", "USD 1250.5 were paid")
    assert occurs("paid $1,250.50", "in $: rent $10, total 1,250.50")
    assert not occurs("paid $1,250.50", "€1,250.50 were paid")
    assert not occurs("paid $1,250.50", "1,250.50 litres")


def test_a_section_is_found_by_other_words_for_it_and_as_a_heading() -> None:
    for text in (
        "see Sec. 4.2",
        "§ 4.2 says",
        "§4.2",
        "Abschnitt 4.2",
        "x\n4.2 Termination",
        "## 4.2",
    ):
        assert occurs("what does Section 4.2 say", text), text
    for text in ("Section 4.21", "Section 14.2", "Section 4.2.1", "Article 4.2", "costs 4.2 bar"):
        assert not occurs("what does Section 4.2 say", text), text
    assert occurs("what of 101(3)", "under 101 (3), but")
    assert not occurs("what of 101(3)", "101(31)")


def test_what_may_be_meant_is_more_than_what_occurs() -> None:
    def may(question: str, text: str) -> bool:
        return term(question).may_occur_in(FoldedText(text))

    assert may("what does Section 4.2(b) say", "as 4.2 says")
    assert may("paid $1,250.50", "1,250.50 litres")
    assert may("on 13 May 2025", "every 13 May")
    assert not may("on 13 May 2025", "13 May 2024")
    assert not may("price of QK-2115-71", "QK-2115-7")


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_found_in_both_unicode_forms(forms: tuple[str, str]) -> None:
    asked, written = (unicodedata.normalize(form, "José Müller") for form in forms)
    assert occurs(f"what did {asked} say", f"Mr {written}\u2019s plan")
    assert occurs(f"what did {asked} say", written.upper().replace(" ", "\n  "))
    assert not occurs(f"what did {asked} say", f"{written}stadt")


# -- hostile input -------------------------------------------------------------------------------


PIECES = ["a", "1", "A ", "1.", "1 ", "a@", "a.", '"', "“", "'", "Ab ", "Section ", "§", "(", "-"]
PIECES += ["3 May ", "$", "$1 ", "12-", "é", "<", "&", "\\", "_", "数", "\n", "VX-4410 ", "1(a)"]


@pytest.mark.parametrize("piece", PIECES)
def test_a_question_of_100000_characters_is_parsed_fast(piece: str) -> None:
    question = (piece * 100_000)[:100_000]
    start = time.process_time()
    found = parse_question(question)
    assert time.process_time() - start < 2
    assert len(found.terms) <= MAX_TERMS


def test_many_terms_are_cut_to_the_first_ones() -> None:
    found = parse_question(" ".join(f"VX-{n:04}" for n in range(500))).terms
    assert [each.text for each in found] == [f"VX-{n:04}" for n in range(MAX_TERMS)]
