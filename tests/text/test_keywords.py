"""Keywords are the words that carry a text's meaning."""

from __future__ import annotations

from ragkit.text.keywords import keywords


def test_words_are_compared_without_endings_and_ordinals_by_number() -> None:
    assert keywords("the 15th year") == {"15", "year"}
    assert keywords("vacations") == keywords("vacation")


def test_stop_words_of_all_languages_are_left_out() -> None:
    assert keywords("What is the price, und wie hoch ist der Preis?") == {"price", "hoch", "preis"}
