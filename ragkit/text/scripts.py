"""Scripts: one form for equal letters, and bigrams where no spaces separate words."""

from __future__ import annotations

import re
import unicodedata

# The letters of scripts without spaces between words, without their punctuation
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai
    "\u0e80-\u0edf"  # Lao
    "\u1000-\u1049\u1050-\u109f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc-\u17e9"  # Khmer
    "\u3005-\u3007\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese
)
_HANGUL = "\uac00-\ud7a3"  # spaces separate phrases, whose endings change
_NARROW_KANA = re.compile("[\uff65-\uff9f]+")
_RUN = re.compile(f"[{UNSPACED}{_HANGUL}]+")


def normalize_letters(text: str) -> str:
    """Return a text in NFC, with the capital dotted I of Turkish as I and wide katakana.

    Two texts that look alike then have the same letters. Lower case of the dotted I would be two
    characters.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text).replace("\u0130", "I")
    return _NARROW_KANA.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def split_bigrams(text: str) -> str:
    """Return a text with each run of letters without spaces replaced by its pairs of neighbours.

    "编号为4100" becomes " 编号 号为 4100". Such runs are not words: only a dictionary could split
    them, and pairs find the same passages without one. The runs are those of Chinese, Japanese,
    Thai, Lao, Burmese and Khmer, and the phrases of Korean. A run of one letter stays.
    """
    return text if text.isascii() else _RUN.sub(_split_run, text)


def _split_run(run: re.Match[str]) -> str:
    letters = run[0]
    return f" {' '.join(map(str.__add__, letters, letters[1:])) or letters} "
