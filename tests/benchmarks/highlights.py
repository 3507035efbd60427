"""Measures how often `Citation.highlights` has the sentence that a statement was made of.

The statements are the true ones of the verification benchmark: sentences of a passage as they are,
reworded, or made of a question and its answer, cells of tables, and two sentences in one, of the
same passage or of two. Their sentence or row is known. Statements are left out if the passage has
the sentence twice, or has the answer elsewhere, too. "exact" means that only the right sentence is
highlighted, "more" that there is more beside it, "part" that one of two is missing, "wrong" another
place, and "none" no highlight. Then the same statements cite a passage that does not have what they
say: there any highlight is wrong.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ragkit import Citation, Hit
from ragkit.generation.citations import parse_citations
from ragkit.text.sentences import Sentence, split_sentences
from ragkit.verification.attribution import number_passages
from ragkit.verification.checker import check_answer
from ragkit.verification.evidence import Evidence
from ragkit.verification.highlights import add_highlights
from tests.benchmarks.common import prepared_base
from tests.benchmarks.verification.claims import Claim, folded, is_prose, sentence_of
from tests.benchmarks.verification.statements import (
    TRUE,
    Case,
    cases,
    neighbours,
    seeded,
    with_citations,
)

ENDINGS = ("exact", "more", "part", "wrong", "none")
MISCITED = "another passage cited"
_SLACK = 20  # characters that may be marked beside a sentence: a bullet, a wrapped word
_ABOUT_ANSWERS = ("short", "question turned round", "question quoted", "question repeated")


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer, and the sentences it was made of in each cited passage; none if of another."""

    text: str
    kind: str
    truth: Mapping[int, Sequence[Sentence]]


def placed(case: Case) -> Iterator[Placed]:
    """Yield all answers of a case that are measured."""
    for claim in case.claims:
        truth = {}
        origins = ("",) if claim.fact else claim.origins
        for number, origin in zip(claim.cited, origins, strict=False):
            truth[number] = _places(claim, case.hits[number - 1], origin)
        known = len(truth) == len(claim.cited) and all(len(found) == 1 for found in truth.values())
        if known and not _is_elsewhere_too(claim, case.hits):
            rng = seeded("exact", case.id, claim.kind, claim.text)
            yield Placed(with_citations(claim.text, claim.cited, rng), claim.kind, truth)
            yield from _miscited(case, claim, rng)
            if claim.kind == "as it stands":
                yield from _doubled(case, claim, truth, rng)


def _places(claim: Claim, hit: Hit, origin: str) -> list[Sentence]:
    """Return where a claim was taken from: its sentences, or the row of its table cell."""
    if claim.fact:
        label, cell = claim.fact.label, f"{claim.fact.number:,}"
        return [u for u in split_sentences(hit.text) if u.text.startswith(label) and cell in u.text]
    wanted = folded(origin).rstrip(".")
    return [u for u in split_sentences(hit.text) if wanted in folded(u.text).replace("|", ":")]


def _is_elsewhere_too(claim: Claim, hits: Sequence[Hit]) -> bool:
    """Return True if other sentences have the answer that a statement was made of."""
    if claim.kind not in _ABOUT_ANSWERS:
        return False
    found = split_sentences(hits[claim.cited[0] - 1].text)
    return sum(folded(claim.key) in folded(unit.text) for unit in found) > 1


def _miscited(case: Case, claim: Claim, rng: Random) -> Iterator[Placed]:
    """Yield the claim with a citation of a passage that does not have its key."""
    others = [
        number
        for number, hit in enumerate(case.hits, 1)
        if number not in claim.cited and claim.key and folded(claim.key) not in folded(hit.text)
    ]
    if others and len(claim.cited) == 1:
        number = rng.choice(others)
        text = with_citations(claim.text, (number,), rng)
        yield Placed(text, MISCITED, {number: ()})


def _doubled(
    case: Case, claim: Claim, truth: Mapping[int, Sequence[Sentence]], rng: Random
) -> Iterator[Placed]:
    """Yield the claim joined with another sentence, of the same passage or of another."""
    (number,) = claim.cited
    first = claim.text.rstrip(".")
    own = [
        u
        for u in split_sentences(case.hits[number - 1].text)
        if u not in truth[number] and _fits(u)
    ]
    if own:
        unit = rng.choice(own)
        both = {number: [*truth[number], unit]}
        yield Placed(f"{first}, and {_inside(unit)} [{number}].", "two of one passage", both)
    for other, sentence in neighbours(claim, case.hits, rng)[:1]:
        found = [
            u for u in split_sentences(case.hits[other - 1].text) if sentence_of(u.text) == sentence
        ]
        if len(found) == 1:
            both = {**truth, other: found}
            said = _inside(found[0])
            each = f"{first} [{number}], while {said} [{other}]."
            yield Placed(each, "two passages, each cited", both)
            yield Placed(f"{first}, while {said} [{number}][{other}].", "two passages", both)


def _fits(unit: Sentence) -> bool:
    sentence = sentence_of(unit.text)
    return sentence is not None and is_prose(sentence)


def _inside(unit: Sentence) -> str:
    """Write a sentence as it is after a comma."""
    sentence = sentence_of(unit.text) or unit.text
    return f"{sentence[0].lower()}{sentence[1:].rstrip('.')}"


def ending(citation: Citation, truth: Sequence[Sentence]) -> str:
    """Return how well one citation is highlighted: one of ENDINGS."""
    if not citation.highlights:
        return "none"
    marks = [(a - citation.start, b - citation.start) for a, b in citation.highlights]
    covered = [any(a <= unit.start and unit.end <= b for a, b in marks) for unit in truth]
    if not any(covered):
        return "wrong"
    beside = sum(b - a for a, b in marks) - sum(len(unit.text) for unit in truth)
    return "part" if not all(covered) else "more" if beside > _SLACK else "exact"


def main(arguments: list[str], workdir: Path) -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks highlights", description=__doc__)
    parser.add_argument("sets", nargs="*", help="squad, handbook, finance; all if left out")
    parser.add_argument("--part", choices=("dev", "test", "all"), default="test")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="examples of each error")
    options = parser.parse_args(arguments)
    found = []
    for name in options.sets or list(TRUE):
        with prepared_base(name, workdir) as kb:
            for case in cases(name, options.part, kb):
                found += [one for each in placed(case) for one in _judged(case, each)]
    report(found)
    errors = [one for one in found if one.ending in ("wrong", "part")]
    for one in Random("exact").sample(errors, min(options.show, len(errors))):
        quote, start = one.citation.quote, one.citation.start
        print(f"\n{one.ending}, {one.kind}: {one.text}")
        print(*(f"  {quote[a - start : b - start]}" for a, b in one.citation.highlights), sep="\n")


@dataclass(frozen=True, slots=True)
class Judged:
    """A citation and what became of it; `seconds` is what the whole answer took."""

    set: str
    kind: str
    text: str
    citation: Citation
    ending: str
    seconds: float


def _judged(case: Case, one: Placed) -> Iterator[Judged]:
    cited = parse_citations(one.text, case.hits)
    passages = number_passages(cited.citations, case.hits)
    evidence = {number: Evidence.from_hit(hit) for number, hit in passages.items()}
    statements = check_answer(cited.text, evidence, case.question)
    began = time.perf_counter()
    found = add_highlights(cited.citations, statements, passages, case.question)
    seconds = time.perf_counter() - began
    kind = "of question and answer" if one.kind.startswith("question ") else one.kind
    for citation, place in zip(found, cited.places, strict=True):
        became = ending(citation, one.truth[place + 1])
        yield Judged(case.set, kind, one.text, citation, became, seconds)


def report(found: Sequence[Judged]) -> None:
    counts: dict[str, Counter[str]] = {}
    for one in found:
        miscited = one.kind == MISCITED
        whole = f"all: {MISCITED}" if miscited else "all: the others"
        for label in (f"{one.set}: {one.kind}", whole):
            counts.setdefault(label, Counter())[one.ending] += 1
    for label in sorted(counts, key=lambda label: (label.startswith("all"), label)):
        total = sum(counts[label].values())
        cells = "  ".join(f"{each} {counts[label][each] / total:6.1%}" for each in ENDINGS)
        print(f"{label:40} {total:5}  {cells}")
    marked = [one.citation for one in found if one.citation.highlights and one.kind != MISCITED]
    characters = sum(end - start for citation in marked for start, end in citation.highlights)
    share = characters / sum(len(citation.quote) for citation in marked)
    print(f"marked, of the passages' characters: {share:.1%}")
    times = sorted(1e3 * one.seconds for one in found)
    print(f"ms for an answer: median {times[len(times) // 2]:.2f}")
