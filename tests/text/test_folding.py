"""Spellings of one string agree once they are folded."""

from __future__ import annotations

import unicodedata

import pytest

from ragkit.text.folding import fold_text, strip_markup


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("VX-**4410**-31", "vx-4410-31"),
        ("_VX-4410_ and `VX-4411`", "vx-4410 and vx-4411"),
        ("VX\\-4410", "vx-4410"),
        ("<b>VX</b>-4410", "vx-4410"),
        ("R&amp;D, M&uuml;ller", "r&d, müller"),
        ("VX\u20114410\u201331", "vx-4410-31"),
        ("the “pump’s” end", 'the "pump\'s" end'),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("snake_case and a*b", "snake_case and a*b"),
        ("if a <b and c> d", "if a <b and c> d"),
        ("AT&T", "at&t"),
        ("H₂SO₄ on 12 m²", "h2so4 on 12 m2"),
        ("30² days of policy³", "30 days of policy"),
        ("10⁶ washers", "10^6 washers"),
    ],
)
def test_folding_removes_what_does_not_change_a_string(text: str, folded: str) -> None:
    assert fold_text(text) == folded


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_unicode_forms_become_one(form: str) -> None:
    assert fold_text(unicodedata.normalize(form, "Ærø Café")) == "ærø café"


def test_mark_up_goes_without_the_case() -> None:
    assert strip_markup("**Über** `X_1`") == "Über X_1"


def test_a_long_text_of_signs_is_folded_fast() -> None:
    for text in ("*_" * 50_000, "&" * 100_000, "<b" * 50_000, "\\" * 100_000, "`" * 99_999):
        fold_text(text)
