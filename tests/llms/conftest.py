"""A double of Ollama, and what the tests of language models ask it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from ragkit import Config
from ragkit.llms.base import Event, InstalledModel, Message
from ragkit.llms.selection import installed_models
from tests.support.fake_ollama import FakeOllama, fake_ollama

PROMPT = (
    'Passages:\n\n[1] leave.txt\n"""\nEverybody has 28 days of annual leave.\n"""\n\n'
    "Question: How many days of annual leave?"
)
MESSAGES = [Message("system", "Be brief."), Message("user", PROMPT)]
ANSWER = "Everybody has 28 days of annual leave. [1]"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def own_server() -> Iterator[FakeOllama]:
    """One that a test may change."""
    with fake_ollama() as fake:
        yield fake


def text_of(events: Iterable[Event]) -> str:
    return "".join(event for event in events if isinstance(event, str))


def listed(host: str) -> list[InstalledModel]:
    return installed_models(Config(ollama_host=host))


def entry(name: str, parameters: str, size: float, **more: object) -> dict[str, object]:
    details = {"family": "llama", "parameter_size": parameters, "quantization_level": "Q4_K_M"}
    return {"name": name, "size": int(size), "details": details, "digest": "d", **more}
