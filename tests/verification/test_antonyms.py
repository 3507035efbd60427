"""Antonyms and negations turn a sentence into its opposite."""

from __future__ import annotations

from ragkit.verification.antonyms import agrees_on_negation, find_antonym


def test_an_antonym_in_the_place_of_a_word_is_found() -> None:
    assert find_antonym("Revenue fell in Asia", "Revenue rose in Asia") == ("fell", "rose")
    assert find_antonym("Revenue rose", "Revenue rose and costs fell") is None


def test_only_the_clauses_that_a_claim_repeats_can_deny_it() -> None:
    assert not agrees_on_negation("Pets are allowed.", "Pets are not allowed.")
    assert agrees_on_negation("Pets are allowed, but horses are not welcome.", "Pets are allowed.")
    assert not agrees_on_negation("You can't smoke here.", "You can smoke here.")
