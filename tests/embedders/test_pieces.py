"""Pieces per word: which languages an embedder knows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ragkit.embedders.discovery import DEFAULT, find_model
from ragkit.embedders.pieces import UNKNOWN_PIECES, measure_pieces
from ragkit.errors import EmbedderMissing
from ragkit_ingest.tokens import Tokenizer
from tests.text.test_languages import SENTENCES


class Words:
    """Takes every word for one piece, as a vocabulary does that lacks its letters."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


class Letters:
    """Takes every letter for a piece."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.replace(" ", "")) for text in texts]


class Pairs:
    """Takes two letters for a piece, as a model of Chinese does."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.replace(" ", "")) // 2 for text in texts]


class DefaultVocabulary:
    def __init__(self) -> None:
        try:
            self._tokenizer = Tokenizer(find_model(DEFAULT).folder / "tokenizer.json")
        except EmbedderMissing:
            pytest.skip("needs the default embedder")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._tokenizer.counts(texts)


@pytest.fixture(scope="module")
def english() -> DefaultVocabulary:
    return DefaultVocabulary()


@pytest.mark.parametrize("text", ["", "  ", "4,100.50", "2025-05-13", "?! --", "\u0301"])
def test_a_text_without_letters_says_nothing(text: str) -> None:
    assert measure_pieces(Words(), text) == 0


def test_numbers_and_marks_do_not_count() -> None:
    assert measure_pieces(Words(), "price of 48.20 (2025)") == 1


def test_a_long_word_counts_as_several() -> None:
    assert measure_pieces(Letters(), "Donaudampfschifffahrt") == 5


@pytest.mark.parametrize(
    "text",
    [
        "გამარჯობა მსოფლიო ქვეყანა",
        "ใบแจ้งหนี้ต้องชำระภายในสามสิบวัน",
        "ደረሰኞች በሠላሳ ቀናት ውስጥ ይከፈላሉ",
        "门禁卡的编号由行政部负责登记",
    ],
)
def test_letters_that_the_vocabulary_lacks_are_foreign(text: str) -> None:
    assert measure_pieces(Words(), text) == UNKNOWN_PIECES


def test_scripts_without_spaces_are_known_to_a_model_of_theirs() -> None:
    chinese = "门禁卡的编号由行政部负责登记"
    assert measure_pieces(Pairs(), chinese) < 1.3
    assert measure_pieces(Letters(), chinese) > 1.6


@pytest.mark.parametrize("language", SENTENCES)
def test_the_default_embedder_knows_english_alone(
    english: DefaultVocabulary, language: str
) -> None:
    pieces = measure_pieces(english, SENTENCES[language])
    assert (pieces < 1.3) == (language == "english")
    assert (pieces > 1.5) == (language != "english")


@pytest.mark.parametrize(
    "text",
    [
        "请假应提前三天申请",
        "請求書は三十日以内に支払います",
        "계약서는 금고에 보관한다",
        "ใบแจ้งหนี้ต้องชำระ",
        "החשבוניות משולמות תוך שלושים יום",
        "चालान तीस दिनों में चुकाया जाता है",
        "ინვოისები უნდა გადაიხადოს",
    ],
)
def test_the_default_embedder_knows_no_other_script(english: DefaultVocabulary, text: str) -> None:
    assert measure_pieces(english, text) > 1.5
