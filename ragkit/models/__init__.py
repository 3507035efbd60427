"""The language model: one seam, and the servers behind it."""

from ragkit.models.base import (
    Event,
    InstalledModel,
    LanguageModel,
    Message,
    ModelServer,
    Thought,
    Usage,
)
from ragkit.models.choice import choose_model, installed_models

__all__ = [
    "Event",
    "InstalledModel",
    "LanguageModel",
    "Message",
    "ModelServer",
    "Thought",
    "Usage",
    "choose_model",
    "installed_models",
]
