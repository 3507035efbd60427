"""Letters of one form, and bigrams."""

from __future__ import annotations

import unicodedata

import pytest

from ragkit.text.scripts import normalize_letters, split_bigrams


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("编号为4100", "编号 号为 4100"),
        ("東京タワー", "東京 京タ タワ ワー"),
        ("第4条", "第 4 条"),
        ("ภาษาไทย", "ภา าษ ษา าไ ไท ทย"),
        ("서울에서 만나요", "서울 울에 에서 만나 나요"),
        ("型号VX-4410-31的价格", "型号 VX-4410-31 的价 价格"),
        ("ប្រាក់", "ប្ ្រ រា ាក ក់"),
        ("Größe in mm", "Größe in mm"),
        ("договор и приказ", "договор и приказ"),
        ("「契約」、解除。", "「 契約 」、 解除 。"),
    ],
)
def test_only_runs_without_spaces_become_bigrams(text: str, expected: str) -> None:
    assert split_bigrams(text).split() == expected.split()


@pytest.mark.parametrize("text", ["Größe", "café", "ё й", "Ελλάδα", "서울", "がぎぐ"])
def test_decomposed_letters_are_composed(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text
    assert normalize_letters(decomposed) == text


def test_narrow_katakana_and_the_dotted_i_have_one_form() -> None:
    assert normalize_letters("ｶﾞｲﾄﾞ İstanbul") == "ガイド Istanbul"
