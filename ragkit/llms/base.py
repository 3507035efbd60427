"""What ragkit needs of a language model, and what it gets from one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of a model's reasoning, which is no part of its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server says when an answer is complete; None where it says nothing.

    `finish` is "stop", or "length" where the longest answer allowed cut it. Tokens of the answer
    include those of its reasoning.
    """

    finish: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


Event = str | Reasoning | Usage
"""The text of an answer comes as plain strings."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The tokens that a model takes: `context` in all, `output` of them for the longest answer."""

    context: int = 8192
    output: int = 1024


class LanguageModel(Protocol):
    """A language model; bring your own by passing an object with these.

    `chat` yields the answer's text in pieces and raises ModelError if it cannot be completed.
    Thoughts may come between the pieces, and one Usage at the end. With a `schema` the text is to
    be one JSON value of this JSON schema; not every server holds to it, so look at what comes. A
    model without that parameter can do all the rest: it is given only where there is a schema.
    `limits` decide how many passages a prompt holds. `digest` identifies the model's weights in
    the audit log; "" if it is unknown.
    """

    @property
    def name(self) -> str: ...
    @property
    def limits(self) -> ModelLimits: ...
    @property
    def digest(self) -> str: ...
    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]: ...


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on the server.

    `size` and `memory` are bytes, of its file and of what it takes when it runs with the context
    that is set; `context` is the most tokens that it was made for; `licence` the first words of
    the text that came with it. What the server does not say is 0, "" or empty, and `fits` None.
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


class ModelServer(Protocol):
    """Where language models come from; bring a back end of your own with these.

    `models` lists what could answer, and `describe` gives an entry of the list with all that is
    known of it; `fits` stays None where the memory is not this machine's. `model` gives the one of
    a name, and `reasoning` asks it to reason first, if it can. All raise ModelError; `url` is for
    messages.
    """

    @property
    def url(self) -> str: ...
    def models(self) -> list[InstalledModel]: ...
    def describe(self, model: InstalledModel) -> InstalledModel: ...
    def model(self, name: str, *, reasoning: bool = False) -> LanguageModel: ...
