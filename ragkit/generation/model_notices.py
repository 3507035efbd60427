"""What users should know about the model of an answer, beside its text."""

from __future__ import annotations

import os
from dataclasses import replace

from ragkit.answers import Answer
from ragkit.text.sanitize import sanitize


def add_model_notices(answer: Answer, asked: str, *, reasoning: bool) -> Answer:
    """Return an answer with the model that wrote it, and lines on what was not as asked.

    A server with a single model may ignore the name `asked` for. `reasoning` is whether the model
    was to reason first.
    """
    lines = []
    served = _find_other_name(asked, answer)
    if served:
        lines.append(f"The server answered with {served}; it does not have {asked}.")
    if reasoning and not answer.reasoning:
        lines.append(f"{served or asked} showed no reasoning.")
    notice = "\n".join(filter(None, (answer.notice, *lines)))
    return replace(answer, model=served or answer.model, notice=notice)


def _find_other_name(asked: str, answer: Answer) -> str:
    """Return the name of the model that answered, "" if it is the one asked for or not known."""
    found = answer.usage.model if answer.usage else ""
    name = " ".join(sanitize(os.path.basename(found) if os.path.isabs(found) else found).split())
    return "" if _fold(found) == _fold(asked) or _fold(name) == _fold(asked) else name


def _fold(name: str) -> str:
    return name.casefold().removesuffix(":latest")
