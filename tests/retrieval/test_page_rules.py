"""Which pages a rule finds, and which questions need them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragkit.errors import ConfigError
from ragkit.retrieval import page_rules
from ragkit.retrieval.page_rules import load_rules, parse_rule

(FINANCE,) = load_rules("auto")
FIGURES = "\n" + "\n".join(f"Position {n} 1,{n}00 2,{n}00" for n in range(20))
OWN = (Path(page_rules.__file__).parent / "english_finance.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        ("Consolidated Balance Sheets", {"balance sheet"}),
        ("ACME, INC.\nCONSOLIDATED\nBALANCE\nSHEETS\n(In thousands)", {"balance sheet"}),
        ("Table of Contents\nAcme Corp. Condensed Consolidated Balance Sheets", {"balance sheet"}),
        ("Group statement of financial position\nat 31 March 2024", {"balance sheet"}),
        ("Consolidated\u00a0Statements\u00a0of\u00a0Operations", {"income statement"}),
        ("Consolidated income statement", {"income statement"}),
        ("Statement of profit or loss", {"income statement"}),
        ("CONSOLIDATED STATEMENTS OF CASH FLOWS (Continued)", {"cash flow statement"}),
        ("Consolidated Statements of Changes in Shareholders’ Equity", {"statement of equity"}),
        (
            "Consolidated Statements of Operations and Comprehensive Income",
            {"income statement", "statement of comprehensive income"},
        ),
    ],
)
def test_a_page_is_of_the_kind_that_its_title_names(head: str, kinds: set[str]) -> None:
    assert FINANCE.kinds_of_page(head + FIGURES) == kinds
    assert FINANCE.kinds_of_page(head + "\nThe statements follow in part 2 of 3.") == set()
    assert FINANCE.kinds_of_page("Narrative. " * 50 + head + FIGURES) == set()


@pytest.mark.parametrize(
    "head",
    [
        "Amounts recognized on our consolidated balance sheets are as follows",
        "The effects on our Consolidated Statements of Income were",
        "Supplemental Balance Sheet Information",
        "Off-Balance Sheet Arrangements",
        "Selected Statement of Operations Data",
        "Note 7. Debt",
        "Consolidated Balance Sheets F-2\nConsolidated Statements of Operations F-3\n"
        "Consolidated Statements of Cash Flows F-4",
        "Balance of power\nSheets of steel",
    ],
)
def test_a_mention_is_not_a_title(head: str) -> None:
    assert FINANCE.kinds_of_page(head + FIGURES) == set()


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("How high were Acme's total current liabilities?", {"balance sheet"}),
        ("What are the receivables of Acme?", {"balance sheet"}),
        ("Give me the  gross\nmargin.", {"income statement"}),
        ("What does the Statement of Operations show?", {"income statement"}),
        ("How much did Acme spend on capital expenditures?", {"cash flow statement"}),
        ("CAPEX in 2020", {"cash flow statement"}),
        ("How many shares are outstanding? Treasury stock?", {"statement of equity"}),
        ("What is in OCI?", {"statement of comprehensive income"}),
        ("EBITDA of 2020", {"income statement", "cash flow statement"}),
    ],
)
def test_a_question_needs_the_statements_that_hold_its_figures(
    question: str, kinds: set[str]
) -> None:
    assert FINANCE.kinds_needed(question) == kinds


@pytest.mark.parametrize(
    "question",
    [
        "Who is the chief executive of Acme?",
        "Which lawsuits are pending?",
        "What does a saleswoman do in the first week?",
        "How is the valve VX-4410 replaced?",
        "Wie hoch ist der Druck?",
        "",
    ],
)
def test_other_questions_need_none(question: str) -> None:
    assert FINANCE.kinds_needed(question) == set()


def test_no_rules_with_the_setting_off() -> None:
    assert load_rules("off") == ()


def test_a_rule_for_a_script_without_case() -> None:
    text = OWN[: OWN.index("[[kind]]")] + (
        '[[kind]]\nname = "balance"\ntitles = ["合并资产负债表"]\nquestions = ["总资产"]\n'
    )
    rule = parse_rule(text, "chinese.toml")
    assert rule.kinds_of_page("合并资产负债表" + FIGURES) == {"balance"}
    assert rule.kinds_needed("总资产 2023") == {"balance"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("least_kinds = 3", ""), "least_kinds is None; expected a int"),
        (
            ('name = "balance sheet"', ""),
            "a kind lacks 'name'; expected name, titles and questions",
        ),
        (("balance sheets?", "balance (sheets?"), "is not a regular expression"),
        (("least_kinds = 3", 'least_kinds = "3"'), "least_kinds is '3'"),
    ],
)
def test_a_faulty_rule_says_what_is_wrong(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        parse_rule(OWN.replace(*change), "own.toml")
    assert "own.toml" in str(caught.value)
