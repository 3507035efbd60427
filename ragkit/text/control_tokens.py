"""Breaks the control tokens of chat templates, so that no text can speak as another role.

A server renders a chat into one text and then turns the control tokens in it into structure, also
those that came with a document: "<|im_end|>" in a passage ends the user's message.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

# The names between < and >, in lower case: of llama, gemma, mistral, deepseek, qwen, glm, granite,
# phi, nemotron, starcoder, functiongemma and alfred, and of the markers of images and reasoning.
_ANGLE_NAMES = (
    r"s|(?:bos|eos|pad|unk|mask|cls|sep)(?:_token)?|eot|eom|eod|eop|sop|eoa|eoh|step|escape|think(?:ing)?|thought"
    r"|reasoning|answer|observation|arg_key|arg_value|tool[\w.:-]*|available_tools|functions?"
    r"|function[_=:][\w.:-]*|parameter=[\w.:-]*|(?:start|end|begin)_[\w.:-]*"
    r"|(?:unused|reserved|special|extra|fim|image|audio|video|tokens_unused)(?:_[\w:-]*|\d*)"
    r"|pre|suf|mid|prefix|suffix|middle|img|human|bot|seed:[\w.:-]+|\w+:tool_call|__media__"
    r"|0x[\da-f]{2}|endof\w+|turn"
)
_SQUARE_NAMES = (
    r"inst|(?:system|assistant|user)(?:_prompt|_message)?|available_tools|tool_calls?"
    r"|tool_results?|tool_content|args|call_id|model_settings|think|img(?:_break|_end)?"
    r"|(?:begin_)?audio|prefix|suffix|middle|[gs]?mask|cls|sep|pad|unk|bos|eos|unused\w*"
)
# The first sign of a token in a folded text, followed by the rest of the token.
_FIRST_SIGN = re.compile(
    r"<(?=\|\S|[^\s<>|]{1,40}\|>|<\s?/?\s?sys\s?>>"
    rf"|[/!]?(?:{_ANGLE_NAMES})\s?/?>)"
    rf"|\[(?=\||/?(?:{_SQUARE_NAMES})\]|e~\[)"
    r"|\](?=~)"
    r"|>(?=>[a-z_]{3,20}<<)"
    r"|#(?=##\s?(?:instructions?\b|response\b|(?:input|user|assistant|system|human)\s?:))"
    r"|@(?=@\s?(?:instruction|response))"
)
# Names of roles that templates without control tokens have before each message: vicuna, falcon,
# chatqa, openchat, the llama of 70 billion parameters for code, and the first granite.
_ROLE = re.compile(
    r"(?:USER|ASSISTANT|SYSTEM|HUMAN)(?=:)"
    r"|(?:(?<=Correct )|(?<=[.!?>\])\"] )|^[ \t]*)"
    r"(?:System|User|Assistant|Human|Falcon|Bot)(?=:)"
    r"|(?:Source|Destination)(?=: (?:system|user|assistant))"
    r"|^(?:Question|Answer)(?=:[ \t]*\n)",
    re.MULTILINE,
)
_IGNORED_CATEGORIES = frozenset(("Cf", "Cc", "Cs", "Mn", "Me"))
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_FILLERS = "\u115f\u1160"  # letters of Hangul that are drawn as nothing


def break_control_tokens(text: str) -> str:
    """Return the text with a space behind the first sign of each control token.

    Also breaks tokens in other cases, in full-width or other compatible letters, and with
    characters in them that cannot be seen: a tokenizer may normalize them away. A text without
    control tokens is returned as it is, and breaking twice is the same as once.
    """
    if breaks := list(dict.fromkeys(_find_breaks(text))):
        starts = [0, *breaks]
        ends = [*breaks, len(text)]
        text = " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))
    return _ROLE.sub(r"\g<0> ", text)


class _Folds(dict[str, str]):
    """What the loosest tokenizer makes of a character: NFKD, no case, nothing unseen."""

    def __missing__(self, char: str) -> str:
        folded = "".join(
            part
            for part in unicodedata.normalize("NFKD", char).casefold()
            if part.isspace()
            or not (part in _FILLERS or unicodedata.category(part) in _IGNORED_CATEGORIES)
        )
        self[char] = folded
        return folded


_FOLDS = _Folds()


def _find_breaks(text: str) -> Iterator[int]:
    """Yield the positions behind the first signs of control tokens, in their order."""
    if text.isascii() and not _CONTROL_CHARACTER.search(text):
        yield from (found.end() for found in _FIRST_SIGN.finditer(text.lower()))
        return
    folds = [_FOLDS[char] for char in text]
    ends = list(accumulate(map(len, folds)))  # of each character's fold in the folded text
    for found in _FIRST_SIGN.finditer("".join(folds)):
        yield bisect_right(ends, found.start()) + 1
