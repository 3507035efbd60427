"""The words of a text that carry its meaning."""

from __future__ import annotations

import re

_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        the and for are was were what which who whom when where how why does did has have had
        can may must should will would from with this that these those their there than then
        into about any many much our your its his her they them been being between is of to in
        on at by an it as be do or if we you he she not no der das dem den des ein eine einer
        eines einem einen und oder ist sind waren wird werden wie was wer wann wo warum welche
        welcher welches mit von für auf aus bei nach nicht kein keine als auch es sie er ich wir
        ihr zu zum zur im am
        """,
    )
)
# Thai, Lao, Burmese, Khmer, Japanese and Chinese, which put no spaces between words
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[^\W_{UNSPACED}]{{2,}}|[\d{UNSPACED}]")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")


def keywords(text: str) -> frozenset[str]:
    """A text's words and numbers without the commonest words.

    Words are cut to six letters so that forms agree, ordinals to their number ("15th" to "15").
    Where a script has no spaces, each letter is a word.
    """
    words = (word for word in _WORD.findall(text.casefold()) if word not in _COMMON)
    return frozenset(
        (_ORDINAL.sub(r"\1", word) if word[0].isdecimal() else word)[:6] for word in words
    )


def lowercase(word: str) -> str:
    """A word in small letters as `re.IGNORECASE` sees them: both Turkish i are an i to it."""
    return word.casefold().replace("ı", "i").replace("i\u0307", "i")
