"""What an answer says stands in the passages that it cites, or is told."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Statement
from tests.support.checked import check_texts

LEAVE = (
    "Leave policy\n\nFull-time employees are entitled to 28 days of paid leave per year. Requests "
    "must be sent to Dr. Anna Keller, e.g. by e-mail to leave@acme-corp.com, 3-5 working days in "
    "advance. Unused leave expires on 31 March of the following year. Employees may not carry over "
    "more than ten days. The office is open from 8:30 a.m. to 17:00."
)
PUMP = (
    "Pump manual\n\nThe VX-4420 pump operates between 10 and 20 bar. Its maximum temperature is "
    "85 °C. Version 2.4.1 of the firmware fixes the leak in the seal. Replace the filter every 6 "
    "months. The price is EUR 1,250.50 excluding 19 % VAT. See § 12 and Chapter IV for the "
    "warranty, which lasts two years. The pump weighs approx. 12.5 kg. J. R. Smith approved the "
    "design on 5 May 2021."
)
LEASE = (
    "Mietvertrag\n\nDie Miete beträgt 1.250,00 € pro Monat und ist bis zum 3. Werktag zu zahlen. "
    "Die Kündigungsfrist beträgt 3 Monate zum Monatsende (§ 573c Abs. 1 BGB). Haustiere, z. B. "
    "Hunde, dürfen nur mit Zustimmung des Vermieters gehalten werden. Der Vertrag beginnt am 1. "
    "Oktober 2023. Vermieterin ist die Müller Immobilien GmbH in Köln."
)
CHINESE = "水泵的最大压力为40巴。工作温度不得超过85摄氏度。每六个月更换一次过滤器。"
RUSSIAN = "Максимальное давление насоса составляет 40 бар. Фильтр заменяют каждые 6 месяцев."
EVIDENCE = [LEAVE, PUMP, LEASE, CHINESE, RUSSIAN]


def verdicts(text: str) -> list[str]:
    return [statement.verdict for statement in check_texts(text, EVIDENCE)]


def test_a_statement_says_where_it_stands_what_it_cites_and_what_is_wrong() -> None:
    text = "The pump weighs 12.5 kg [2]. It needs 33 bar [2][9]."
    assert check_texts(text, EVIDENCE) == (
        Statement("The pump weighs 12.5 kg [2].", 0, 28, (2,), "supported"),
        Statement(
            "It needs 33 bar [2][9].", 29, 52, (2,), "unsupported",
            ("“33” is not in [2]",),
        ),
    )  # fmt: skip


def test_a_fact_of_another_passage_is_pointed_out() -> None:
    said = "Employees are paid 1,250.50 euros per year [1]."
    (statement,) = check_texts(said, EVIDENCE)
    assert statement.reasons == ("“1,250.50 euros” is not in [1], but in another passage",)
    statement, _ = check_texts(f"{said} The pump weighs 12.5 kg [2].", EVIDENCE)
    assert statement.reasons == ("“1,250.50 euros” is not in [1], but in [2]",)


@pytest.mark.parametrize(
    "text",
    [
        "Yes [1].",
        "Yes. Full-time employees get 28 days of paid leave per year [1].",
        "No, employees may not carry over more than 10 days [1].",
        "**28 days** of paid leave per year [1].",
        "Requests must be sent three to five working days in advance [1].",
        "Send requests to leave@acme-corp.com [1].",
        "Contact Dr. Keller at least 3 working days in advance [1].",
        "Unused leave expires on March 31 of the following year [1].",
        "The answer is 28 days [1].",
        "Only full-time employees are entitled to 28 days of paid leave [1].",
        "Additionally, unused leave expires on 31 March [1].",
        "The VX-4420's operating pressure is 10-20 bar [2].",
        "The VX 4420 pump operates at 10–20 bar [2].",
        "The maximum temperature is 85 degrees Celsius [2].",
        "Firmware v2.4.1 fixes the seal leak [2].",
        "The filter must be replaced every six months [2].",
        "The price is €1,250.50 plus 19% VAT [2].",
        "It costs 1.250,50 € [2].",
        "See Section 12 and Chapter IV for the warranty [2].",
        "The pump weighs approximately 12.5 kilograms [2].",
        "J.R. Smith approved the design on 2021-05-05 [2].",
        "According to [2], the pump operates between 10 and 20 bar.",
        "Based on the provided passages, the pump operates between 10 and 20 bar [2].",
        "Step 1: Replace the filter every 6 months [2].",
        "| Weight | 12.5 kg [2] |",
        "> The pump weighs approx. 12.5 kg [2].",
        "The pump weighs 12.5 kg.\n[2][1]",
        "Die monatliche Miete beträgt 1250 Euro [3].",
        "Ja. Haustiere, z. B. Hunde, dürfen nur mit Zustimmung des Vermieters gehalten werden [3].",
        "Der Vertrag beginnt am 01.10.2023 [3].",
        "Der Mietvertrag beginnt am 1. Oktober 2023 [3].",
        "Der Vermieter ist die Mueller Immobilien GmbH [3].",
        "Die Kündigungsfrist beträgt drei Monate zum Monatsende (§ 573c Abs. 1 BGB) [3].",
        "水泵最大压力是40巴。[4]",
        "Максимальное давление составляет 40 бар [5].",
    ],
)
def test_what_a_passage_says_in_other_words_is_supported(text: str) -> None:
    assert verdicts(text) == ["supported"]


@pytest.mark.parametrize(
    "text",
    [
        "Employees get 30 days of paid leave per year [1].",
        "Employees may carry over more than ten days [1].",
        "Send requests to leave@acme-corp.de [1].",
        "The office is open from 8:30 to 17:30 [1].",
        "Dr. Anna Miller decides on requests [1].",
        "The VX-442 pump operates between 10 and 20 bar [2].",
        "The VX-4421 pump operates between 10 and 20 bar [2].",
        "Firmware version 2.4.2 fixes the leak [2].",
        "See § 13 for the warranty [2].",
        "Chapter VI holds the warranty of the pump [2].",
        "The maximum temperature is 85 °F [2].",
        "It weighs 12.5 g [2].",
        "Yes. The price is EUR 1,350.50 [2].",
        "The warranty lasts three years [2].",
        "Der Vertrag beginnt am 1. November 2023 [3].",
        "Die Kündigungsfrist beträgt nicht 3 Monate [3].",
        "Haustiere dürfen ohne Zustimmung des Vermieters gehalten werden [3].",
        "水泵的最大压力为50巴[4]。",
        "Максимальное давление составляет 50 бар [5].",
    ],
)
def test_what_a_passage_does_not_say_is_unsupported(text: str) -> None:
    assert verdicts(text) == ["unsupported"]


def test_lists_and_tables_are_checked_row_by_row() -> None:
    text = (
        "## The pump\n\nHere is what the documents say:\n\n"
        "1. **Pressure:** 10 to 20 bar [2]\n2. **Temperature:** max. 95 °C [2]\n\n"
        "| What | How much |\n|---|---|\n| Weight | 12.5 kg [2] |\n\n"
        "Let me know if you have any other questions!"
    )
    assert [(s.text, s.verdict) for s in check_texts(text, EVIDENCE)] == [
        ("1. **Pressure:** 10 to 20 bar [2]", "supported"),
        ("2. **Temperature:** max. 95 °C [2]", "unsupported"),
        ("| Weight | 12.5 kg [2] |", "supported"),
    ]


def test_a_citation_at_the_head_of_a_line_is_of_that_line() -> None:
    text = "The pump weighs 12.5 kg.\n[1] Unused leave expires on 31 March."
    assert [s.citations for s in check_texts(text, EVIDENCE)] == [(), (1,)]


def test_words_in_quotes_are_no_start_of_a_quotation() -> None:
    evidence = ['The "A" plant and the "B" plant open in 2025.']
    (statement,) = check_texts('In 2025 the "A" plant and then the "B" plant open [1].', evidence)
    assert statement.verdict == "supported"


@pytest.mark.parametrize(
    "text",
    [
        "", " \n\t", "[1]", "[1][2]\n[3]", "[0] [999]", "```\n```", "\ud800 [1]", "1" * 400,
        "1e999 [1]", f"{'9' * 400}.5 million [1]", "99/99/9999 and 00/00/0000 [1]", "0.%[1]",
        "Aprıl 5 and (in mıllions) sıx [1]", "Line\r\n\r\n- item [1]\r\n", "| | |\n|-|-|\n| | |",
        "שלום עולם 40 בר [1]", "٤٠ [1]", "½ ⅞ Ⅷ ² ﷺ [1]", "“” «» „“ [1]", "- - - [1]\n  - # > [1]",
    ],
)  # fmt: skip
def test_odd_text_is_checked_without_an_error(text: str) -> None:
    for answer, evidence in [(text, EVIDENCE), (text, [text]), ("The pump has 5 bar [1].", [text])]:
        for statement in check_texts(answer, evidence):
            assert answer[statement.start : statement.end] == statement.text
    assert all(statement.verdict == "unsupported" for statement in check_texts(text, []))


def test_a_number_longer_than_a_float_is_compared_digit_by_digit() -> None:
    number = "12345678901234567890"
    evidence = [f"The account is {number} at the bank."]
    assert check_texts(f"The account is {number} [1].", evidence)[0].verdict == "supported"
    assert check_texts(f"The account is {number[:-1]}1 [1].", evidence)[0].verdict == "unsupported"


@pytest.mark.parametrize(
    "sign",
    [
        "[1]", "“", '"', "1,1,1,1,", "1.000.", "a.a.a.a", "1-", "1:", "------", "X X X X ", "11 ",
        "12 34 x ", "one hundred ", "(", "|", "\n", " ", "in ", "as a document ", "Ab cd ef gh. ",
        "May 5 ", "“abcdefgh… ", "; a", ". ", "A1-x ",
    ],
)  # fmt: skip
def test_long_runs_of_signs_take_time_that_grows_with_them(sign: str) -> None:
    """Ten thousand letters were minutes where every number was compared with every other."""
    long = (sign * 10_000)[:10_000] + "x"
    began = time.process_time()
    check_texts(long + " [1]", [long])
    assert time.process_time() - began < 2


def test_as_many_sentences_as_there_are_to_compare_take_little_time() -> None:
    long = " ".join(f"The pump number {n} of Mr Quill{n} has {n} bar [1]." for n in range(400))
    began = time.process_time()
    assert len(check_texts(long, [long])) == 400
    assert time.process_time() - began < 3


SENTENCES = [
    "The VX-4420 pump operates between 40 and 62 bar.",
    "The price is EUR 1,250.50 excluding 19 % VAT.",
    "J. R. Smith approved the design on 5 May 2021.",
    "Full-time employees are entitled to 28 days of paid leave per year.",
]


@given(st.sampled_from(SENTENCES), st.data())
def test_a_sentence_holds_until_a_digit_is_another(sentence: str, data: st.DataObject) -> None:
    evidence = ["\n".join(SENTENCES)]
    assert [s.verdict for s in check_texts(f"{sentence} [1]", evidence)] == ["supported"]
    places = [n for n, sign in enumerate(sentence) if sign.isdigit()]
    at = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from("123456789").filter(lambda one: one != sentence[at]))
    changed = f"{sentence[:at]}{digit}{sentence[at + 1 :]} [1]"
    assert [s.verdict for s in check_texts(changed, evidence)] == ["unsupported"]
