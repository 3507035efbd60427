"""Estimates the tokens of a text for an embedder whose tokenizer is on a server."""

from __future__ import annotations

import re

# A token of an English vocabulary has 4 letters and of a multilingual one 3 to 5; digits come in
# twos or threes, and most signs are tokens of their own. Scripts without spaces have a token for
# each character, or for two. docs/embedders.md says how far off this is.
_TOKENS = re.compile(
    r"[A-Za-z]{1,4}"
    r"|[0-9]{1,2}"
    r"|[\u00c0-\u024f]{1,2}"
    r"|[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]"
    r"|[^\W\d_\x00-\u024f\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]{1,2}"
    r"|[\U00010000-\U0010ffff]"
    r"|\S"
)


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return len(_TOKENS.findall(text))


def cut_to_tokens(text: str, limit: int) -> str:
    """Return the beginning of a text that has at most `limit` tokens by the same estimate."""
    for number, found in enumerate(_TOKENS.finditer(text), 1):
        if number > limit:
            return text[: found.start()].rstrip()
    return text
