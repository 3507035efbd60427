"""How long a prompt may be so that the first word of the answer comes in time."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ragkit.config import Config
from ragkit.llms.base import LanguageModel
from ragkit.llms.speeds import UNKNOWN_SPEED, ModelSpeed, SpeedFile

# On 300 questions of SQuAD, 1,500 tokens hold the answer for .947, all eight passages for .977.
_UNMEASURED_TOKENS = 1500
_MIN_TOKENS = 500  # fewer hold neither the instructions nor a passage
_SMALL_MODEL = 1_000_000_000  # parameters; a smaller one is confused by more passages
_SMALL_MODEL_PASSAGES = 2  # they hold the answer for .863 of the same questions


@dataclass(frozen=True, slots=True)
class PromptLength:
    """The tokens of a whole prompt, the passages in it, and how the model's tokens are counted."""

    tokens: int = sys.maxsize
    passages: int = sys.maxsize
    speed: ModelSpeed = UNKNOWN_SPEED


def choose_length(model: LanguageModel, config: Config) -> PromptLength:
    """Return how long a prompt the model reads within the setting `first_word_within`.

    Models of less than a billion parameters get few passages, however fast they are.
    """
    speed = SpeedFile().load(identify_model(model, config))
    tokens = int(speed.tokens_per_second * config.first_word_within) or _UNMEASURED_TOKENS
    is_small = 0 < model.limits.parameters < _SMALL_MODEL
    passages = _SMALL_MODEL_PASSAGES if is_small else sys.maxsize
    return PromptLength(max(tokens, _MIN_TOKENS), passages, speed)


def identify_model(model: LanguageModel, config: Config) -> str:
    """Return what names a model's speed: its server, and its digest or else its name."""
    return f"{config.model_url} {model.digest or model.name}"
