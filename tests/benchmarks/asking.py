"""What ragkit adds to the time that a language model takes, with the double of a model server.

First piece: from the moment at which the double sends the first word of its answer (it speaks real
HTTP on 127.0.0.1, from a thread of this process) to the moment at which `stream` gives the first
piece of text. Where the double writes 20 words a second, words that are held back show.

Before the model: from the question to the moment at which the double has the whole request. Of
each question, after a search that is not counted: a search alone; the prompt alone, made of its
hits; and all of it. The rest, judging the hits, choosing a model and HTTP, is what is left.

The command: `ragkit ask` as it is typed, in a new process, from its start to its end. What search
and prompt take in a new process, where they load the embedding model and the index, is measured in
one that does nothing else; starting Python and importing ragkit is not in it. The shares are of
the command against the double as it is, which answers at once, so that they are the most that they
can be; and against one that writes like a small model on a processor: 60 words, the first after a
second, then 20 a second.

Closing: from `close` in the middle of an answer without end to the moment at which the double
finds its client gone; it writes a word every 20 ms and sees it then at the earliest.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ragkit import AskOptions, Config, KnowledgeBase, Message
from ragkit.generation.prompts import SYSTEM_PROMPT, Prompt, Question
from ragkit.llms.base import Event
from tests.benchmarks.common import prepared_base
from tests.benchmarks.ingest import RAGKIT
from tests.benchmarks.retrieval import questions
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.models import OwnModel

QUESTIONS, COMMANDS, CLOSED = 100, 7, 20
PACED = "paced"

# Seconds for search and prompt in a new process that has imported what the command imports, and
# for the same question again.
_NEW_PROCESS = """
import sys
import ragkit_apps.cli.render
from ragkit import Config, KnowledgeBase
from tests.benchmarks.asking import Clocked

with KnowledgeBase(sys.argv[1], config=Config()) as kb:
    print(*(Clocked().seconds(kb, sys.argv[2]) for _ in range(2)))
"""


class Clocked(OwnModel):
    """A model that needs no server and notes when it is given its prompt."""

    name = "clocked"
    at = 0.0

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        self.at = time.monotonic()
        yield "An answer."

    def seconds(self, kb: KnowledgeBase, question: str) -> float:
        """From the question to the prompt; 0 or less where the answer was withheld."""
        started = time.monotonic()
        kb.stream(question, AskOptions(model=self))
        return self.at - started


def main(arguments: list[str], workdir: Path) -> None:
    with fake_ollama() as fake:
        config = Config(ollama_host=fake.url)
        with prepared_base("handbook", workdir, config) as kb:
            asked = [question.text for question in questions("handbook")]
            asked = [text for text in asked if Clocked().seconds(kb, text) > 0]
            some = [asked[n % len(asked)] for n in range(QUESTIONS)]
            _first_piece(kb, fake, some)
            _before_the_model(kb, fake, some)
            _command(kb, fake, asked)
            _closing(kb, fake, asked)


def _first_piece(kb: KnowledgeBase, fake: FakeOllama, asked: Sequence[str]) -> None:
    print(f"first piece of an answer, after the first word was sent ({len(asked)} questions)")
    for label, model in (("all words at once", GOOD), ("20 words a second", PACED)):
        delays = []
        for question in asked:
            stream = kb.stream(question, AskOptions(model=model))
            next(iter(stream))
            delays.append(time.monotonic() - fake.first_at)
            stream.close()
        print(f"  {label:40} {_spread(delays)}", flush=True)


def _before_the_model(kb: KnowledgeBase, fake: FakeOllama, asked: Sequence[str]) -> None:
    parts: list[tuple[float, float, float, float]] = []
    for question in asked:
        kb.search(question, 8)
        started = time.monotonic()
        hits = kb.search(question, 8)
        searched = time.monotonic()
        Prompt.fit(SYSTEM_PROMPT, Question(question, question), hits, Clocked())
        built = time.monotonic()
        kb.stream(question).close()
        search, making, whole = searched - started, built - searched, fake.asked_at - built
        parts.append((search, making, whole - search - making, whole))
    print(f"from the question to the request at the server, warm ({len(asked)} questions)")
    labels = ("search", "building the prompt", "the rest", "in all")
    for label, found in zip(labels, zip(*parts, strict=True), strict=True):
        print(f"  {label:40} {_spread(found)}", flush=True)


def _command(kb: KnowledgeBase, fake: FakeOllama, asked: Sequence[str]) -> None:
    environment = {**os.environ, "OLLAMA_HOST": fake.url}
    base = str(kb.path)
    at_once, paced, cold, warm = [], [], [], []
    for question in asked[:COMMANDS]:
        ask = [*RAGKIT, "ask", question, "--kb", base]
        at_once.append(_seconds(ask, environment))
        paced.append(_seconds([*ask, "--model", PACED], environment))
        code = [sys.executable, "-c", _NEW_PROCESS, base, question]
        said = subprocess.run(code, capture_output=True, text=True, check=True).stdout
        first, second = map(float, said.split())
        cold.append(first)
        warm.append(second)
    print(f"ragkit ask in a new process (median of {len(at_once)} questions)")
    for label, found in (("answered at once", at_once), ("answered like a small model", paced)):
        whole = statistics.median(found)
        shares = [statistics.median(part) / whole for part in (cold, warm)]
        print(
            f"  {label:40} {whole * 1000:6.0f} ms: search and prompt {shares[0]:.1%}, "
            f"loading left out {shares[1]:.1%}"
        )
    print(f"  {'search and prompt, with loading':40} {_spread(cold)}")
    print(f"  {'the same question again':40} {_spread(warm)}", flush=True)


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    started = time.monotonic()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def _closing(kb: KnowledgeBase, fake: FakeOllama, asked: Sequence[str]) -> None:
    delays = []
    for question in asked[:CLOSED]:
        fake.left.clear()
        stream = kb.stream(question, AskOptions(model="endless"))
        pieces = iter(stream)
        for _ in range(3):
            next(pieces)
        closed = time.monotonic()
        stream.close()
        if not fake.left.wait(10):
            raise SystemExit("the double did not notice within 10 s that its client had gone")
        delays.append(fake.left_at - closed)
    print(f"from close to the moment at which the server finds it out ({len(delays)} answers)")
    print(f"  {'a word every 20 ms':40} {_spread(delays)}", flush=True)


def _spread(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and longest, in milliseconds."""
    found = sorted(value * 1000 for value in seconds)
    p95 = statistics.quantiles(found, n=100, method="inclusive")[94]
    return f"median {statistics.median(found):7.2f}  p95 {p95:7.2f}  longest {found[-1]:7.2f} ms"
