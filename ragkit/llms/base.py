"""The interfaces of language models and of the servers that run them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ragkit.text.control_tokens import break_control_tokens


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; `role` is system, user or assistant.

    Control tokens of chat templates in the content are broken, wherever it came from. So no
    document, question or file name can end its message and begin one of another role.
    """

    role: str
    content: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", break_control_tokens(self.content))


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of a model's reasoning; it does not belong to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The token counts of a complete answer; None if the server does not give them.

    `model` is the one that answered, by the server's word; "" if it does not say.

    `finish` is "stop", or "length" if the answer reached the limit. The tokens of an answer include
    those of its reasoning. `read_seconds` is the time in which the server read the prompt, without
    loading the model, and `cached_tokens` those of the prompt that it did not have to read again.
    """

    finish: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    model: str = ""
    read_seconds: float | None = None
    cached_tokens: int | None = None


Event = str | Reasoning | Usage
"""What a model yields: the text of an answer as strings, reasoning, and the usage at the end."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The tokens that a model takes: `context` in all, `output` of them for the longest answer.

    `parameters` is the number of the model's parameters, 0 if it is unknown; a model of less than a
    billion is given few passages.
    """

    context: int = 8192
    output: int = 1024
    parameters: int = 0


_COUNT = re.compile(r"([\d.]+)([KMBT])")
_COUNT_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def parse_parameters(text: str) -> int:
    """Return the number of parameters in a text such as "134.5M" or "3.2B", 0 if it has none."""
    found = _COUNT.fullmatch(text)
    return int(float(found[1]) * _COUNT_UNITS[found[2]]) if found else 0


class LanguageModel(Protocol):
    """A language model; pass an object with these members to use your own."""

    @property
    def name(self) -> str:
        """The name, as answers and the audit log show it."""
        ...

    @property
    def limits(self) -> ModelLimits:
        """The tokens of context and of output, and the model's size.

        They decide how many passages a prompt holds.
        """
        ...

    @property
    def digest(self) -> str:
        """What identifies the model's weights in the audit log; "" if it is unknown."""
        ...

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        """Yield the answer's text in pieces, reasoning between them, and one Usage at the end.

        With a `schema`, the text is one JSON value of this JSON schema. Not every server enforces
        it, so ragkit checks the text. A model without this parameter can do everything else.
        Raises ModelError if the answer cannot be completed.
        """
        ...


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on the server; what the server does not say is 0, "", empty or None.

    `size` is the file's bytes. `memory` is the bytes that the model takes with the configured
    context, and `fits` whether this machine has them. `context` is the most tokens that the model
    was made for. `licence` is the first words of its licence.
    """

    name: str
    size: int = 0
    family: str = ""
    parameters: str = ""
    quantisation: str = ""
    digest: str = ""
    context: int = 0
    capabilities: tuple[str, ...] = ()
    licence: str = ""
    memory: int = 0
    fits: bool | None = None

    @property
    def can_answer(self) -> bool:
        """False for embedders and the like; True if the server does not say what it can do."""
        return not self.capabilities or "completion" in self.capabilities


class ModelServer(Protocol):
    """Where language models come from; all methods raise ModelError."""

    @property
    def url(self) -> str:
        """The address, for messages."""
        ...

    def models(self) -> list[InstalledModel]:
        """Return the models, as briefly as the server lists them; embedders may be among them."""
        ...

    def describe(self, model: InstalledModel) -> InstalledModel:
        """Return an entry of `models` with all that is known about it, also whether it can answer.

        `fits` stays None if the server runs on another machine.
        """
        ...

    def model(self, name: str, *, reasoning: bool = False) -> LanguageModel:
        """Return the model of this name; with `reasoning` it reasons first, if it can."""
        ...
