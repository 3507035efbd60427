"""Answers of ragkit and of LlamaIndex with the same embedder and the same language model.

    python -m tests.benchmarks against_llamaindex URL [QUESTIONS]

URL is an OpenAI-compatible server of your own with one model, such as llama.cpp's `llama-server`:
http://127.0.0.1:8080/v1. Both are asked the first QUESTIONS (16) of examples/questions.jsonl in
turn, each with its defaults; the first question is asked once before, uncounted. LlamaIndex gets
the pages as ragkit's readers read them, since its own readers of PDF and Office are other packages.
Prints each system's median time to the first word and to the whole answer, their ratios, and how
many answers have an accepted answer in them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from pydantic import PrivateAttr

from ragkit import Config, KnowledgeBase
from ragkit.embedders.base import Embedder
from ragkit.embedders.loading import load_by_name
from ragkit.llms.base import Message
from ragkit.llms.openai import OpenAIModel, OpenAIServer

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTIONS = 16

Ask = Callable[[str], Iterator[str]]


@dataclass(frozen=True)
class Timing:
    """One answer: seconds to its first word and in all, and whether it is right."""

    first: float
    whole: float
    is_right: bool


class SameEmbedder(BaseEmbedding):
    """ragkit's embedder as LlamaIndex calls one."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(number) for number in self._embedder.encode_query([query])[0]]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors = self._embedder.encode_document([self._shorten(text) for text in texts])
        return [list(map(float, vector)) for vector in vectors]

    def _shorten(self, text: str) -> str:
        """The beginning of a text that the embedder reads; other embedders cut it themselves."""
        while self._embedder.count_tokens([text])[0] > self._embedder.max_tokens:
            text = text[: len(text) * 9 // 10]
        return text


class SameModel(CustomLLM):
    """The model of the server as LlamaIndex calls one."""

    _model: OpenAIModel = PrivateAttr()

    def __init__(self, model: OpenAIModel) -> None:
        super().__init__()
        self._model = model

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=8192, num_output=1024, model_name=self._model.name)

    def complete(self, prompt: str, formatted: bool = False, **more: Any) -> CompletionResponse:
        *_, last = self.stream_complete(prompt)
        return last

    def stream_complete(
        self, prompt: str, formatted: bool = False, **more: Any
    ) -> Iterator[CompletionResponse]:
        text = ""
        for event in self._model.chat([Message("user", prompt)]):
            if isinstance(event, str):
                text += event
                yield CompletionResponse(text=text, delta=event)


def main(arguments: list[str], workdir: Path) -> None:
    """Ask both systems in turn and print their times and right answers."""
    url = arguments[0]
    count = int(arguments[1]) if len(arguments) > 1 else QUESTIONS
    lines = (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines[:count]]
    name = OpenAIServer(url).models()[0].name
    config = Config(openai_url=url, model=name)
    with KnowledgeBase(workdir / "examples.kb", config=config) as kb:
        kb.ingest(EXAMPLES / "documents")
        embedder = load_by_name(kb.status().embedder)
        systems = {
            "ragkit": lambda question: iter(kb.stream(question)),
            "LlamaIndex": _open_index(kb, embedder, OpenAIModel(name, url)),
        }
        found = _measure(systems, asked)
    _report(found)


def _open_index(kb: KnowledgeBase, embedder: Embedder, model: OpenAIModel) -> Ask:
    """Index the pages of a knowledge base; returns what asks the index."""
    pages = [
        Document(
            text=page.text, metadata={"file_name": document.source, "page_label": page.page_label}
        )
        for document in kb.documents()
        for page in kb.pages(document.id)
    ]
    index = VectorStoreIndex.from_documents(pages, embed_model=SameEmbedder(embedder))
    engine = index.as_query_engine(llm=SameModel(model), streaming=True)

    def ask(question: str) -> Iterator[str]:
        return iter(engine.query(question).response_gen)

    return ask


def _measure(systems: dict[str, Ask], asked: Sequence[dict[str, Any]]) -> dict[str, list[Timing]]:
    found: dict[str, list[Timing]] = {name: [] for name in systems}
    for ask in systems.values():
        _time_answer(ask, asked[0])
    for number, row in enumerate(asked):
        order = list(systems) if number % 2 else list(systems)[::-1]
        for name in order:
            timing = _time_answer(systems[name], row)
            found[name].append(timing)
            print(f"{row['id']} {name:10} {timing}", flush=True)
    return found


def _time_answer(ask: Ask, row: dict[str, Any]) -> Timing:
    started = time.monotonic()
    pieces, first = [], 0.0
    for piece in ask(row["question"]):
        first = first or time.monotonic() - started
        pieces.append(piece)
    whole = time.monotonic() - started
    text = "".join(pieces).casefold()
    is_right = any(answer.casefold() in text for answer in row["answers"])
    return Timing(first, whole, is_right)


def _report(found: dict[str, list[Timing]]) -> None:
    for name, timings in found.items():
        first = statistics.median(timing.first for timing in timings)
        whole = statistics.median(timing.whole for timing in timings)
        right = sum(timing.is_right for timing in timings)
        print(f"{name:10} first {first:.1f} s, whole {whole:.1f} s, right {right}/{len(timings)}")
    ours, theirs = found["ragkit"], found["LlamaIndex"]
    for part in ("first", "whole"):
        median = [statistics.median(getattr(one, part) for one in side) for side in (ours, theirs)]
        print(f"{part} word or answer: {median[0] / median[1]:.2f} times LlamaIndex's")
