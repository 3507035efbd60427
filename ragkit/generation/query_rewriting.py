"""Makes a question that leans on a conversation one that stands alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.errors import ModelError
from ragkit.llms.base import LanguageModel, Message
from ragkit.text.keywords import keywords
from ragkit.text.sanitize import Sanitizer

_INSTRUCTION = (
    "Rewrite the last question so that it can be understood without the conversation before it: "
    "put names and things in the place of words like it, they or there. Keep its language and its "
    "meaning, and do not answer it. If it can be understood alone, repeat it unchanged. Reply with "
    "the question only."
)
TURNS = 3  # that a question may lean on
_SHOWN = 300  # characters of an earlier answer
_LONGEST = 400  # characters of a question that was rewritten
_LABEL = re.compile(r"^(?:(?:standalone|rewritten)\s+)?(?:question|query)\s*:\s*", re.IGNORECASE)
_LEANING = re.compile(
    r"\b(?:it|its|they|them|their|that|this|those|these|there|then|he|she|him|her|his|ones?|same|too"
    r"|es|er|sie|ihn|ihm|ihr|das|dies\w*|dort|dann|davon|dafür|damit)\b"
    r"|^\s*(?:and|but|or|so|even|also|what about|how about|und|aber|oder|auch)\b",
    re.IGNORECASE,
)


def rewrite_question(
    question: str, turns: Sequence[tuple[str, str]], model: LanguageModel | None
) -> str:
    """The question as it would be asked without the (question, answer) pairs before it.

    A model rewrites it. Without one, or where what it gives is no question, a short question that
    leans on others has theirs put before it: measured on 6 follow-ups of a handbook, that finds
    the page for all of them at rank 1, and alone for 1 among the first 5.
    """
    if not turns:
        return question
    recent = turns[-TURNS:]
    rewritten = _rewritten(question, recent, model) if model else None
    if rewritten:
        return rewritten
    if needs_history(question):
        return " ".join([*(asked for asked, _ in recent), question])
    return question


def needs_history(question: str) -> bool:
    """Whether a question is too short to stand alone, or short and about "it" or "them"."""
    words = len(keywords(question))
    return words <= 2 or (words <= 6 and _LEANING.search(question) is not None)


def _rewritten(question: str, turns: Sequence[tuple[str, str]], model: LanguageModel) -> str | None:
    said = "\n".join(f"Q: {_one_line(q)}\nA: {_one_line(a)[:_SHOWN]}" for q, a in turns)
    user = f"Conversation:\n{said}\n\nFollow-up: {_one_line(question)}"
    written = Sanitizer()
    try:
        events = model.chat([Message("system", _INSTRUCTION), Message("user", user)])
        text = "".join(written.feed(event) for event in events if isinstance(event, str))
    except ModelError:  # whatever it is, the answer will meet it, and say so
        return None
    lines = (text + written.rest()).strip().splitlines() or [""]
    found = _LABEL.sub("", lines[0].strip()).strip(" \"'“”*")
    known = keywords(" ".join([question, *(part for turn in turns for part in turn)]))
    fits = len(lines) == 1 and len(found) <= max(_LONGEST, 2 * len(question))
    return found if fits and keywords(found) & known else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
