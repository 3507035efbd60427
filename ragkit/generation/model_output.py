"""What a model writes in answer to a prompt, piece by piece."""

from __future__ import annotations

import re
import time

from ragkit.config import Config
from ragkit.generation.citations import CitationStream
from ragkit.generation.not_found import may_say_not_found, says_not_found
from ragkit.generation.prompt_length import identify_model
from ragkit.generation.repetition import RepetitionDetector
from ragkit.llms.base import Event, LanguageModel, Message, ModelLimits, Reasoning, Usage
from ragkit.llms.speeds import SpeedFile, measure_speed
from ragkit.text.sanitize import Sanitizer

_CLOSING = re.compile(r"[^\w\s\[|]*(?:\s*\[\d{1,3}\])*[.!?]?")  # signs and citations
REPETITION_NOTICE = "The model repeated itself and was stopped."


class ModelOutput:
    """What a model has written so far, sanitized; `shown` counts the characters given out.

    `repeats` is True once the model repeats itself; then the text ends before the repetitions.
    `seconds` is the time from the request to the first event.
    """

    def __init__(self, citations: CitationStream) -> None:
        self._citations = citations
        self.text = self.reasoning = ""
        self.usage: Usage | None = None
        self.shown = 0
        self.repeats = False
        self.seconds = 0.0
        self._started = 0.0
        self._text_sanitizer, self._reasoning_sanitizer = Sanitizer(), Sanitizer()
        self._repetition = RepetitionDetector()

    def start(self) -> None:
        """Begin to measure the time to the first event."""
        self._started = time.monotonic()

    def add(self, event: Event) -> str:
        """Take a model's event; returns the text that can be shown now.

        That is nothing while the text may still become "not in the documents".
        """
        self.seconds = self.seconds or time.monotonic() - self._started
        if isinstance(event, Reasoning):
            self.reasoning += self._reasoning_sanitizer.feed(event.text)
        elif isinstance(event, Usage):
            self.usage = event
        else:
            self.text += self._text_sanitizer.feed(event)
            end = self._repetition.read(self.text)
            if end is not None:
                self._end_at(end)
        is_undecided = not self.shown and may_say_not_found(self.text)
        return "" if is_undecided else self._take_new()

    def finish(self) -> str:
        """End the text; returns the rest to show, which is nothing for "not in the documents"."""
        if not self.repeats:
            self.text += self._text_sanitizer.flush()
        self.reasoning += self._reasoning_sanitizer.flush()
        if not self.text.strip() or says_not_found(self.text):
            return ""
        return self._take_new() + self._citations.flush()

    def explain_cut(self, model: str, limits: ModelLimits) -> str:
        """Return why an answer with the finish "length" is incomplete, and what to do."""
        return explain_cut(model, self.usage, limits, is_reasoning=not self.text)

    def _end_at(self, end: int) -> None:
        """End the text at the character before `end`, or behind what closes its sentence."""
        closing = _CLOSING.match(self.text, end)
        self.text = self.text[: closing.end() if closing else end]
        self.repeats = True

    def _take_new(self) -> str:
        new, self.shown = self.text[self.shown :], max(len(self.text), self.shown)
        return self._citations.feed(new)


def explain_cut(
    model: str, usage: Usage | None, limits: ModelLimits, *, is_reasoning: bool = False
) -> str:
    """Return what cut an answer short: the context or the longest answer allowed."""
    written = usage.answer_tokens if usage is not None else None
    if written is not None and written < limits.output:
        return (
            f"{model} filled its context with the prompt and {written:,} tokens of the answer; "
            "raise num_ctx, or ask for fewer passages"
        )
    if is_reasoning:
        return f"{model} used up the longest answer allowed with reasoning; raise num_predict"
    return f"{model} reached the longest answer allowed; raise num_predict"


def record_speed(
    model: LanguageModel, config: Config, messages: list[Message], usage: Usage, seconds: float
) -> None:
    """Keep how fast the model read these messages, for the length of its next prompt.

    `seconds` passed before its first word.
    """
    speed = measure_speed(messages, usage, seconds)
    SpeedFile().add(identify_model(model, config), speed)
