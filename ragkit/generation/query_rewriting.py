"""Rewrites a follow-up question so that it can be searched without the conversation before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.errors import ModelError
from ragkit.generation.follow_ups import complete_question
from ragkit.generation.prompts import begin_prompt
from ragkit.llms.base import LanguageModel, Message, Usage
from ragkit.llms.reasoning import separate_reasoning
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import load_lexicon
from ragkit.text.sanitize import sanitize

_INSTRUCTION = (
    "Rewrite the follow-up below so that it can be understood without the conversation before it: "
    "put names and things in the place of words like it, they or there. Keep its language and its "
    "words, and do not answer it. Reply with the question only.\n\nFollow-up: "
)
MAX_TURNS = 3  # among which the question is that a follow-up is completed from
_MAX_TOKENS = 80  # that a model may write
_MAX_TOKEN_LENGTH = 5  # characters of a token on average
_MAX_QUESTION_LENGTH = 400  # characters of an earlier question that are read
_MAX_ANSWER_SHARE = 0.5  # of a rewritten question's keywords, from the last answer alone
_LABEL = re.compile(r"^(?:(?:standalone|rewritten)\s+)?(?:question|query)\s*:\s*", re.IGNORECASE)
_ANSWER = re.compile(rf"(?:{'|'.join(load_lexicon().answer_patterns)})", re.IGNORECASE)


def rewrite_question(
    question: str,
    turns: Sequence[tuple[str, str]],
    model: LanguageModel | None,
    history: Sequence[Message] = (),
) -> str:
    """Return the question as one would ask it without the (query, answer) pairs before it.

    A question that can be understood alone stays as it is, and no model is asked. Else a model
    rewrites it. Without a model, or if its reply is not a question, the missing part is filled in
    from the last question.

    `history` are the messages that the answer's prompt begins with. The request for the rewriting
    begins with the same, so that a model server reads them once.
    """
    completed = _complete(question, turns)
    if completed == question or model is None:
        return completed
    return _rewrite_with_model(question, turns[-MAX_TURNS:], history, model) or completed


def needs_history(question: str, turns: Sequence[tuple[str, str]]) -> bool:
    """Return True if a question cannot be understood without the (query, answer) pairs before."""
    return _complete(question, turns) != question


def _complete(question: str, turns: Sequence[tuple[str, str]]) -> str:
    """Return the question with its missing part filled in from the last query that has words."""
    queries = [query for query, _ in turns[-MAX_TURNS:] if keywords(query)]
    earlier = " ".join(queries[-1].split())[:_MAX_QUESTION_LENGTH] if queries else ""
    return complete_question(question, earlier)


def _rewrite_with_model(
    question: str,
    turns: Sequence[tuple[str, str]],
    history: Sequence[Message],
    model: LanguageModel,
) -> str | None:
    asked = Message("user", _INSTRUCTION + " ".join(question.split()))
    try:
        reply = _read_first_line(model, [*begin_prompt(history, model), asked])
    except ModelError:  # the answer will raise it again and report it
        return None
    return _parse_reply(reply, question, turns) if reply else None


def _read_first_line(model: LanguageModel, messages: list[Message]) -> str | None:
    """Return the first line that a model writes; None if it does not end within 80 tokens."""
    events = separate_reasoning(model.chat(messages))
    text, count = "", 0
    try:
        for event in events:
            if isinstance(event, Usage):
                return None if event.finish == "length" else sanitize(text).strip()
            count += 1
            text += event if isinstance(event, str) else ""
            line, end, _ = text.lstrip().partition("\n")
            if end:
                return sanitize(line).strip()
            if count > _MAX_TOKENS or len(text) > _MAX_TOKENS * _MAX_TOKEN_LENGTH:
                return None
    finally:
        events.close()  # ends the server's work
    return sanitize(text).strip()


def _parse_reply(reply: str, question: str, turns: Sequence[tuple[str, str]]) -> str | None:
    """Return the question in the line that a model wrote; None if it is something else."""
    rewritten = _LABEL.sub("", reply).strip(" \"'“”*")
    if _ANSWER.match(rewritten) or (question.endswith("?") and not rewritten.endswith("?")):
        return None
    words, own = keywords(rewritten), keywords(question)
    if not words or not _keep_content(own) <= words:
        return None
    asked = own.union(*(keywords(query) for query, _ in turns))
    answered = keywords(turns[-1][1]) - asked
    known = asked.union(*(keywords(answer) for _, answer in turns))
    is_answer = len(words & answered) > _MAX_ANSWER_SHARE * len(words)
    return rewritten if words & known and not is_answer else None


def _keep_content(words: frozenset[str]) -> frozenset[str]:
    """Return the keywords of a follow-up that its rewriting must have: not "one" or "also"."""
    return words - _REPLACED


_REPLACED = keywords(
    " ".join(
        word
        for name in ("follow_up_openers", "generic_subjects", "degree_words", "references")
        for word in getattr(load_lexicon(), name)
    )
)
