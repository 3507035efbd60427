"""How often a passage with an exact term ranks first: codes, sections, dates, amounts, phrases.

The questions are made of strings that stand in one or two files of an evaluation set. Half of them
are nothing but the string; the others put it into a sentence.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragkit import KnowledgeBase
from tests.benchmarks.common import prepared_base

SETS = ("squad", "handbook", "finance")
QUESTIONS = 150
SEED = 20
MAX_FILES = 2
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_PATTERNS = {
    "code": r"(?<![\w./@-])(?=[\w/-]*[A-Z])(?=[\w/-]*\d\d)[A-Z0-9][\w/-]{3,18}(?![\w./@-])",
    "section": r"\b(?:Section|Article|Exhibit|Item) \d{1,3}(?:\.\d{1,3})*"
    r"(?:\([a-z0-9]{1,3}\))*(?![\w.(-])",
    "email": r"(?<![\w.])[\w.+-]{1,40}@[\w-]{1,40}(?:\.[\w-]{2,20}){1,3}(?![\w@-])",
    "name": r"(?<=[a-z,] )[A-Z][a-z]{2,14}(?: [A-Z][a-z]{2,14}){1,2}(?= [a-z]|[,.;])",
    "amount": r"(?<![\w$.,-])\$\d{1,3}(?:,\d{3})*(?:\.\d{1,2})?(?![\w,.]*\d)"
    r"(?= (?!million|billion))",
    "date": rf"\b{_MONTH} \d{{1,2}}, \d{{4}}\b|\b\d{{1,2}} {_MONTH} \d{{4}}\b"
    r"|\b\d{4}-\d\d-\d\d\b",
    "phrase": r"(?<=[a-z] )[a-z]{3,12}(?: [a-z]{2,12}){3,5}(?= [a-z])",
}
_TEMPLATES = {
    "code": ("What is {}?", "Where is {} mentioned?", "Is there anything about {}?"),
    "section": ("What does {} say?", "What is written in {}?", "Which file has {}?"),
    "email": ("Who can be reached at {}?", "When should one write to {}?", "Whose address is {}?"),
    "name": ("Who or what is {}?", "What is said about {}?", "In which file is {} mentioned?"),
    "amount": ("What cost {}?", "What is the {} for?", "Where does the sum of {} come up?"),
    "date": ("What happened on {}?", "What is said about {}?", "What was due on {}?"),
    "phrase": ("Where does it say {}?", "Which text has the words {}?", "Who wrote {}?"),
}
_PERIOD = re.compile(r"(?:FY|Q\d|H\d)?[-/ ]?(?:19|20)\d\d(?:[-/]\d+)?s?|Q\d.*|FY.*")


@dataclass(frozen=True)
class Question:
    """A string of one kind, the query that it is asked with, and the set that holds it."""

    name: str
    kind: str
    string: str
    query: str


def squeeze(text: str) -> str:
    """A text as strings are looked for in it."""
    return " ".join(unicodedata.normalize("NFC", text).replace("*", "").split())


def find_strings(kb: KnowledgeBase) -> dict[str, list[str]]:
    """The strings of each kind that stand in one or two files of a set, sorted."""
    files: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in _PATTERNS}
    texts: dict[str, str] = {}
    for document in kb.documents():
        text = squeeze("\n".join(page.text for page in kb.pages(document.id)))
        texts[document.source] = text.casefold()
        for kind, pattern in _PATTERNS.items():
            for string in set(re.findall(pattern, text)):
                files[kind][string].add(document.source)
    return {
        kind: sorted(
            string
            for string, sources in found.items()
            if len(sources) <= MAX_FILES and is_useful(kind, string)
        )
        for kind, found in files.items()
    }


def is_useful(kind: str, string: str) -> bool:
    """Whether a string of a kind is one that a person would look for."""
    return not (kind == "code" and _PERIOD.fullmatch(string))


def count_files(kb_texts: list[str], string: str) -> int:
    """How many texts hold a string."""
    return sum(string.casefold() in text for text in kb_texts)


def make_questions(bases: dict[str, KnowledgeBase]) -> Iterator[Question]:
    """QUESTIONS questions, as even over kinds and sets as the sets allow; always the same ones."""
    chooser = random.Random(SEED)
    texts = {
        name: [
            squeeze("\n".join(page.text for page in kb.pages(document.id))).casefold()
            for document in kb.documents()
        ]
        for name, kb in bases.items()
    }
    strings = {name: find_strings(kb) for name, kb in bases.items()}
    for found in strings.values():
        for kind in found:
            chooser.shuffle(found[kind])
    made = 0
    while made < QUESTIONS:
        before = made
        for kind in _PATTERNS:
            for name in bases:
                while strings[name][kind] and made < QUESTIONS:
                    string = strings[name][kind].pop()
                    if 1 <= count_files(texts[name], string) <= MAX_FILES:
                        shown = f'"{string}"' if kind == "phrase" else string
                        template = chooser.choice(_TEMPLATES[kind]) if made % 2 else "{}"
                        yield Question(name, kind, string, template.format(shown))
                        made += 1
                        break
        if made == before:
            return


def first_rank(kb: KnowledgeBase, question: Question) -> int | None:
    """The rank from 1 of the first hit whose text holds the string."""
    wanted = question.string.casefold()
    for rank, hit in enumerate(kb.search(question.query, 10), 1):
        if wanted in squeeze(hit.text).casefold():
            return rank
    return None


def report(ranks: dict[str, list[int | None]]) -> Iterator[str]:
    """One line per kind, and one for all of them."""
    yield f"{'kind':9} questions  MRR   hit@1  hit@10"
    every = [rank for found in ranks.values() for rank in found]
    for kind, found in [*ranks.items(), ("all", every)]:
        n = len(found) or 1
        known = [rank for rank in found if rank]
        yield (
            f"{kind:9} {len(found):9}  {sum(1 / rank for rank in known) / n:.3f} "
            f"{known.count(1) / n:.3f}  {len(known) / n:.3f}"
        )


def measure(bases: dict[str, KnowledgeBase], *, verbose: bool = False) -> Iterator[str]:
    ranks: dict[str, list[int | None]] = {kind: [] for kind in _PATTERNS}
    for question in make_questions(bases):
        rank = first_rank(bases[question.name], question)
        ranks[question.kind].append(rank)
        if verbose and rank != 1:
            yield f"{rank!s:5} {question.name:9} {question.query}"
    yield from report(ranks)


def main(arguments: list[str], workdir: Path) -> None:
    bases = {name: prepared_base(name, workdir) for name in SETS}
    for line in measure(bases, verbose="-v" in arguments):
        print(line, flush=True)
