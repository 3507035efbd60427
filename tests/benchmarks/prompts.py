"""How often a prompt of a given length holds the answer; no language model is asked.

    python -m tests.benchmarks prompts [SET ...]

For each set the first QUESTIONS answerable questions: the share whose prompt holds an accepted
answer, and the median of its tokens, as they are counted for a model without measurements.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragkit.generation.prompt_length import PromptLength
from ragkit.generation.prompts import SYSTEM_PROMPT, Prompt, Question
from ragkit.llms.base import LanguageModel
from ragkit.llms.speeds import UNKNOWN_SPEED
from ragkit.retrieval.hits import Hit
from tests.benchmarks.asking import Clocked
from tests.benchmarks.common import prepared_base, question_of, rows

QUESTIONS = 300
LENGTHS: Mapping[str, PromptLength] = {
    "context": PromptLength(),
    "1500 tokens": PromptLength(tokens=1500),
    "1000 tokens": PromptLength(tokens=1000),
    "3 passages": PromptLength(passages=3),
    "2 passages": PromptLength(passages=2),
    "2 passages, 1500": PromptLength(passages=2, tokens=1500),
}


def main(names: list[str], workdir: Path) -> None:
    """Print a row for each set and length."""
    print(f"{'set':9} {'length':17} {'questions':>9}  answer in prompt  tokens (median)")
    for name in names or ["handbook", "squad", "finance"]:
        asked = [row for row in rows(name) if row["answerable"]][:QUESTIONS]
        with prepared_base(name, workdir) as kb:
            found = [(question_of(row), row["answers"]) for row in asked]
            hits = [kb.search(question, 8) for question, _ in found]
        for label, length in LENGTHS.items():
            pairs = zip(found, hits, strict=True)
            sizes = [_measure(question, answers, own, length) for (question, answers), own in pairs]
            share = statistics.mean(holds for holds, _ in sizes)
            tokens = statistics.median(count for _, count in sizes)
            print(f"{name:9} {label:17} {len(sizes):9}  {share:16.3f}  {tokens:8.0f}", flush=True)


def _measure(
    question: str, answers: Sequence[str], hits: Sequence[Hit], length: PromptLength
) -> tuple[bool, int]:
    """Whether the prompt holds an answer, and its tokens."""
    model: LanguageModel = Clocked()
    prompt = Prompt.fit(SYSTEM_PROMPT, Question(question, question), hits, model, length)
    text = " ".join(hit.text for hit in prompt.passages).casefold()
    tokens = sum(UNKNOWN_SPEED.count_tokens(each.content) for each in prompt.messages)
    return any(answer.casefold() in text for answer in answers), tokens
