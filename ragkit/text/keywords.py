"""Keywords: the words of a text that carry its meaning."""

from __future__ import annotations

import re

from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.scripts import UNSPACED

_LEXICON = load_lexicon()
_STOP_WORDS = frozenset(_LEXICON.stop_words)
_WORD = re.compile(rf"[^\W_{UNSPACED}]{{2,}}|[\d{UNSPACED}]")
_ON_LINE = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")  # CO₂ is CO2
_ORDINAL = re.compile(rf"^(\d+)(?:{any_of(_LEXICON.ordinal_endings)})$")


def keywords(text: str) -> frozenset[str]:
    """Return the words and numbers of a text without the stop words.

    Words are cut to six letters so that inflected forms agree, and ordinals to their number
    ("15th" to "15"). In a script without spaces between words, each letter is a keyword.
    """
    words = (
        word
        for word in _WORD.findall(text.translate(_ON_LINE).casefold())
        if word not in _STOP_WORDS
    )
    return frozenset(
        (_ORDINAL.sub(r"\1", word) if word[0].isdecimal() else word)[:6] for word in words
    )
