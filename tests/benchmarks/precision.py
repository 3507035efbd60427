"""Whether products of integers find as well as those of bf16, for the same texts and questions."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from ragkit import KnowledgeBase
from ragkit.embedders.discovery import DEFAULT, compiled_folder, find_model
from ragkit.embedders.openvino import MODEL, OpenVINOEmbedder, verify_folder, write_facts
from tests.benchmarks.common import eval_folder, prepared_base
from tests.benchmarks.retrieval import Question, measure, questions

MADE = 2000  # questions


def main(names: list[str], workdir: Path) -> None:
    """For the sets that are named, or all; a base of each is made in both ways."""
    other = _without_integers(compiled_folder(find_model(DEFAULT).weights_sha256), workdir)
    print(f"{'set':9} {'questions':>14} {'precision':9} {'ranking':13} hit@5  hit@10 hit@20 MRR@10")
    for name in names or ["squad", "handbook", "finance"]:
        with (
            prepared_base(name, workdir) as integers,
            KnowledgeBase(workdir / f"{name}-{other.precision}.kb", embedder=other) as floats,
        ):
            floats.ingest(eval_folder() / name / "docs")
            for kind, asked in (("own", list(questions(name))), ("made", list(_made(floats)))):
                for kb, precision in ((floats, other.precision), (integers, "int8")):
                    for label, weight in (("vectors alone", 0.0), ("fused", None)):
                        row = "  ".join(f"{v:.3f}" for v in measure(kb, asked, weight).values())
                        count = f"{len(asked)} {kind}"
                        print(f"{name:9} {count:>14} {precision:9} {label:13} {row}", flush=True)


def _without_integers(folder: Path, workdir: Path) -> OpenVINOEmbedder:
    """The same compiled model without the form that has products of integers."""
    copy = workdir / "without-integers"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in (MODEL, "model.bin", "tokenizer.json"):
        shutil.copy(folder / name, copy)
    if OpenVINOEmbedder(folder).precision != "int8":
        raise SystemExit("this processor has no bf16, or the model no products of integers")
    facts, special_tokens, _ = verify_folder(folder)
    write_facts(copy, facts, special_tokens)
    return OpenVINOEmbedder(copy)


def _made(kb: KnowledgeBase) -> Iterator[Question]:
    """Half the words, in order, of 24 in a row anywhere in the documents; to find is their page."""
    generator = random.Random(5)
    pages = [
        (document.source, page)
        for document in kb.documents()
        for page in kb.pages(document.id)
        if len(page.text.split()) >= 40
    ]
    for source, page in generator.choices(pages, k=MADE):
        words = page.text.split()
        first = generator.randrange(len(words) - 24)
        picked = [word for word in words[first : first + 24] if generator.random() < 0.5]
        if sum(word.isalpha() for word in picked) >= 6:
            yield Question(" ".join(picked), frozenset([(source, page.number)]))
