"""Words that turn a sentence into its opposite: an antonym, or a negation."""

from __future__ import annotations

import re
from itertools import pairwise

from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon

_LEXICON = load_lexicon()
_NEGATION_ENDINGS = any_of(_LEXICON.negation_endings).replace("'", "['’]")
_NEGATION = re.compile(
    rf"\b(?:{any_of(_LEXICON.negations)})\b|(?:{_NEGATION_ENDINGS})\b", re.IGNORECASE
)
_CLAUSE_START = re.compile(rf"[,;:.!?()–—]|\b(?:{any_of(_LEXICON.conjunctions)})\b")
_ANTONYMS: dict[str, list[str]] = {}
for _pair in _LEXICON.antonyms:
    _one, _other = _pair.split("/")
    _ANTONYMS.setdefault(_one, []).append(_other)
    _ANTONYMS.setdefault(_other, []).append(_one)
_SHARED_CLAUSE = 0.5  # of a clause's keywords, in the claim: then the claim repeats the clause


def find_antonym(claim: str, source: str) -> tuple[str, str] | None:
    """Return a word of a claim and its antonym that the source has in its place, or None."""
    own, others = _split_words(claim), _split_words(source)
    for word in own:
        if word not in others:
            for antonym in _ANTONYMS.get(word, ()):
                if antonym in others and antonym not in own:
                    return word, antonym
    return None


def _split_words(text: str) -> dict[str, None]:
    return dict.fromkeys(re.findall(r"[^\W\d_]+", text.casefold()))


def agrees_on_negation(source: str, claim: str) -> bool:
    """Return True if both the source and the claim deny something, or neither does.

    Where the claim denies nothing, only those clauses of the source count that it repeats.
    """
    if has_negation(claim):
        return has_negation(source)
    words = keywords(claim)
    cuts = [0, *(match.start() for match in _CLAUSE_START.finditer(source)), len(source)]
    clauses = [source[a:b] for a, b in pairwise(cuts)]
    return not any(has_negation(clause) and _repeats(words, clause) for clause in clauses)


def _repeats(words: frozenset[str], clause: str) -> bool:
    own = keywords(clause)
    return bool(own) and len(own & words) >= _SHARED_CLAUSE * len(own)


def has_negation(text: str) -> bool:
    """Return True if the text denies something."""
    return _NEGATION.search(text) is not None
