"""Queries as people type or paste them."""

from __future__ import annotations

import pytest

from ragkit.text.queries import MAX_QUERY_LENGTH, clean_query, split_questions


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("annual leave", "annual leave"),
        ("  annual leave\n", "annual leave"),
        ("annual\x00leave", "annual leave"),
        ("annual\r\n\x07leave", "annual   leave"),
        ("\x1b[31mannual\x1b[0m leave", "annual  leave"),
        ("annual \ud800leave\udfff", "annual  leave"),
        ("\ufeffannual\u200b leave\u202e", "annual leave"),
        ("an\u00adnual leave", "annual leave"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner is a part of the word
        ('"annual leave', '"annual leave'),
        ("年假", "年假"),
        ("№ 5", "№ 5"),
        ("🎉", "🎉"),
        ("C++", "C++"),
    ],
)
def test_what_cannot_be_seen_is_left_out(query: str, text: str) -> None:
    assert clean_query(query) == text


@pytest.mark.parametrize(
    "query",
    [
        *("", "  \n\t", "?", '"', '"""', "?!.,;:-()[]{}", "$", "__", "…"),
        *("\x00", "\x1b[31m", "\ud800", "\ufffd", "\u200b\u202e\ufeff", "\ue000", "\u0301"),
    ],
)
def test_a_query_without_letters_and_digits_means_nothing(query: str) -> None:
    assert clean_query(query) == ""


def test_a_long_query_is_cut() -> None:
    assert clean_query("word " * MAX_QUERY_LENGTH) == ("word " * (MAX_QUERY_LENGTH // 5)).strip()
    assert clean_query("?" * MAX_QUERY_LENGTH + " word") == ""


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("How high is the fee, and who pays it?", ["How high is the fee", "who pays it?"]),
        (
            "Wie hoch ist die Gebühr und wer zahlt sie?",
            ["Wie hoch ist die Gebühr", "wer zahlt sie?"],
        ),
        ("Is it safe? What does it cost?", ["Is it safe", "What does it cost?"]),
        ("Who pays for bed and breakfast?", ["Who pays for bed and breakfast?"]),
        ("", []),
    ],
)
def test_questions_in_one_text_are_told_apart(query: str, parts: list[str]) -> None:
    assert split_questions(query) == parts
