"""The words of a claim that answer the question, and where a passage has them.

Of a claim, the words that are not in the question are its answer. They have to be in the sentence
or table row of the passage that has the question's words, and not anywhere in it: if "ministers
open debates" and "the presiding officer decides", then the presiding officer does not open them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.verification.evidence import EvidenceSentence

_MIN_ASKED_WORDS = 2  # of the question, in the claim
_MIN_ASKED_SHARE = 0.7  # of their weight, in a sentence that says what was asked
_MIN_ANSWER_SHARE = 0.34  # of the weight of the other words, in that sentence
_REFERENCE = re.compile(rf"\b(?:{any_of(load_lexicon().references)})\b", re.IGNORECASE)


def has_answer_elsewhere(
    words: frozenset[str], asked: frozenset[str], sentences: Sequence[EvidenceSentence]
) -> bool:
    """Return True if the sentences with a claim's words of the question lack its other words.

    `words` are those of the claim, and `asked` those of the question. A sentence that refers to
    the one before ("it", "they") has the words of both.
    """
    held = {word: [each.has_word(word) for each in sentences] for word in words}
    weights = {
        word: math.log(1 + len(sentences) / sum(found))
        for word, found in held.items()
        if any(found)
    }
    shared, own = weights.keys() & asked, weights.keys() - asked
    if len(shared) < _MIN_ASKED_WORDS or not own:
        return False
    asked_weights = _sum_weights(shared, held, weights)
    most = max(asked_weights)
    if most < _MIN_ASKED_SHARE * sum(weights[word] for word in shared):
        return False
    own_weights = _sum_weights(own, held, weights)
    for at, weight in enumerate(asked_weights):
        if weight == most and _REFERENCE.search(sentences[at].own_text):
            own_weights[at] += own_weights[at - 1] if at else 0
    best = max(n for n, weight in zip(own_weights, asked_weights, strict=True) if weight == most)
    return best < _MIN_ANSWER_SHARE * sum(weights[word] for word in own)


def _sum_weights(
    words: Collection[str], held: Mapping[str, Sequence[bool]], weights: Mapping[str, float]
) -> list[float]:
    """Return the weight of these words in each sentence."""
    rows = [[weights[word] * found for found in held[word]] for word in words]
    return [math.fsum(column) for column in zip(*rows, strict=True)]
