"""How often an answer is given where there is one, and withheld where there is none.

Questions are asked as users ask them, with KnowledgeBase.ask: those of each set that its documents
answer, those that they do not, and off topic the answerable ones of the other set, which nothing in
the base answers. Two modes: "extract", where no model server is reachable and the threshold alone
withholds, and "stub", a model of a few lines that quotes the sentence with most of the question's
words, or says that it found nothing. The stub shows what becomes of a model's own abstentions, and
no more: it understands nothing, so its shares are no guess at a real model's. The unanswerable
questions of squad were written to be near its texts. Nothing here says that an answer is right.

Of the sets in several languages, every second article is ingested, and the questions about the
others are off topic. They need no model.

Then the same extracts judged again with other thresholds: how many answerable questions would be
withheld, and how many of the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ragkit import Answer, AskOptions, Config, KnowledgeBase, Message
from ragkit.embedders.base import Embedder
from ragkit.embedders.loading import load_by_name
from ragkit.embedders.threshold import measure_similarity_threshold
from ragkit.generation.answering import RetrievedContext, is_answerable
from ragkit.generation.prompts import NOT_FOUND
from ragkit.llms.base import Event, LanguageModel
from ragkit.text.keywords import keywords
from ragkit.text.sentences import Sentence, split_sentences
from tests.benchmarks.common import eval_folder, prepared_base, question_of, rows
from tests.benchmarks.verification.claims import plain
from tests.support.fake_ollama import parts
from tests.support.models import OwnModel

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there
SAMPLE, OFF_TOPIC = 600, 200  # questions of a kind, at most
LANGUAGE_SETS = [f"xquad-{language}" for language in ("en", "de", "es", "ru", "zh", "ar")]
ENOUGH = 0.5  # of the question's words, in one sentence: then the stub answers with it


@dataclass(frozen=True, slots=True)
class Question:
    """A question; `answers` are the accepted ones, none where the base holds no answer."""

    text: str
    answers: tuple[str, ...]


class Stub(OwnModel):
    """A model that quotes the sentence with most of the question's words, or finds nothing."""

    name = "stub"

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        question, passages = parts(messages[-1].content)
        wanted = keywords(question)
        quotes = [
            (number, unit) for number, passage in passages for unit in split_sentences(passage)
        ]
        number, best = max(quotes, key=lambda quote: _shared(wanted, quote[1]))
        enough = _shared(wanted, best) >= ENOUGH * len(wanted)
        yield f"{best.text} [{number}]" if enough else NOT_FOUND


def _shared(wanted: frozenset[str], unit: Sentence) -> int:
    return len(wanted & keywords(unit.in_context))


def asked_of(name: str) -> dict[str, list[Question]]:
    """What the base of a set is asked: its own questions, and those of the other set."""
    other = {"handbook": "squad", "squad": "handbook"}[name]
    own, strange = rows(name), [row for row in rows(other) if row["answerable"]]
    with_answer = [row for row in own if row["answerable"]]
    without = [row for row in own if not row["answerable"]]
    return {
        "answerable": [
            Question(question_of(row), tuple(row["answers"])) for row in _some(with_answer, SAMPLE)
        ],
        "not": [Question(question_of(row), ()) for row in _some(without, SAMPLE)],
        "off topic": [Question(question_of(row), ()) for row in _some(strange, OFF_TOPIC)],
    }


def _some(found: Sequence[dict[str, Any]], most: int) -> Sequence[dict[str, Any]]:
    return found if len(found) <= most else Random("abstention").sample(found, most)


def main(arguments: list[str], workdir: Path) -> None:
    config = Config(ollama_host=NOBODY)
    for name in arguments or ["handbook", "squad", *LANGUAGE_SETS]:
        if name in LANGUAGE_SETS:
            _measure_language(name, workdir, config)
            continue
        with prepared_base(name, workdir, config) as kb:
            asked = asked_of(name)
            extracts = _answered(kb, asked, None)
            print(f"\n== {name}")
            print(f"{'mode':8} {'questions':12} {'answered':18} {'withheld':18} because")
            _report("extract", extracts)
            _report("stub", _answered(kb, asked, Stub()))
            _report_quotes(asked["answerable"], extracts["answerable"])
            _report_thresholds(kb, extracts)


def _measure_language(name: str, workdir: Path, config: Config) -> None:
    """Ask about the ingested half of the articles of a set, and about the other half."""
    articles = sorted((eval_folder() / name / "docs").iterdir())
    held = articles[::2]
    asked: dict[str, list[Question]] = {"answerable": [], "off topic": []}
    for row in rows(name):
        article = row["relevant"][0]["doc"].partition("/")[0]
        kind = "answerable" if any(path.name == article for path in held) else "off topic"
        asked[kind].append(Question(question_of(row), tuple(row["answers"])))
    with KnowledgeBase(workdir / f"{name}-half.kb", config=config) as kb:
        kb.ingest(*held)
        print(f"\n== {name}")
        _report("extract", _answered(kb, asked, None))


def _answered(
    kb: KnowledgeBase, asked: Mapping[str, Sequence[Question]], model: LanguageModel | None
) -> dict[str, list[Answer]]:
    return {
        kind: [kb.ask(question.text, AskOptions(model=model)) for question in questions]
        for kind, questions in asked.items()
    }


def _report(mode: str, answers: Mapping[str, Sequence[Answer]]) -> None:
    for kind, found in answers.items():
        given = sum(not answer.abstained for answer in found)
        reasons = Counter(answer.abstention for answer in found if answer.abstention)
        why = ", ".join(f"{reason.name} {count}" for reason, count in sorted(reasons.items()))
        shares = f"{_of(given, len(found))} {_of(len(found) - given, len(found))}"
        print(f"{mode:8} {kind:12} {shares} {why}", flush=True)


def _report_quotes(asked: Sequence[Question], answers: Sequence[Answer]) -> None:
    """How often an accepted answer stands, word for word, in what an extract shows."""
    pairs = [(q, a) for q, a in zip(asked, answers, strict=True) if not a.abstained]
    quoted = sum(_holds([c.quote for c in a.citations], q.answers) for q, a in pairs)
    found = sum(_holds([hit.text for hit in a.passages], q.answers) for q, a in pairs)
    print("an accepted answer stands word for word, of the answerable that got an extract:")
    print(f"  in the quotes {_of(quoted, len(pairs))}, in the passages {_of(found, len(pairs))}")


def _holds(texts: Sequence[str], answers: Sequence[str]) -> bool:
    """Whether one of the answers is in the texts; case, spaces and Markdown do not count."""
    whole = "\n".join(plain(text) for text in texts).casefold()
    return any(
        re.search(rf"(?<!\w){re.escape(plain(answer).casefold())}(?!\w)", whole)
        for answer in answers
    )


def _report_thresholds(kb: KnowledgeBase, extracts: Mapping[str, Sequence[Answer]]) -> None:
    """What other thresholds would withhold of the same questions; passages that hold most of a
    question's words count whatever the threshold, as they do in the product.
    """
    embedder = load_by_name(kb.status().embedder)
    print(f"{'withheld if the threshold were at':36} " + " ".join(f"{k:18}" for k in extracts))
    for between in (0.5, 0.6, 0.7, 0.8, 0.9):
        threshold = measure_similarity_threshold(embedder, position=between)
        cells = [
            _of(sum(not _would_answer(a, embedder, threshold) for a in found), len(found))
            for found in extracts.values()
        ]
        print(f"  {between} between, a cosine of {threshold:.3f}   " + " ".join(cells), flush=True)


def _would_answer(answer: Answer, embedder: Embedder, threshold: float) -> bool:
    context = RetrievedContext(answer.passages, embedder, threshold, nullcontext)  # type: ignore[arg-type]
    return is_answerable(answer.question, context)


def _of(count: int, total: int) -> str:
    return f"{count:4} of {total:4} {count / max(1, total):6.1%}"
