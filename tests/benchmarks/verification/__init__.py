"""Measures how well `ragkit.verification.checker` tells true statements from corrupted ones.

True statements about real passages are made by rule: sentences as they are, reworded, or made of a
question and its answer. A corrupted statement is a true one after a single change. "unsupported"
is the right verdict on a corrupted statement. Any verdict but "supported" on a true one is a false
alarm. Precision is that of the statements made, about two corrupted ones for each true one. If a
true statement is flagged, catching its corrupted forms proves nothing, so the last share leaves
them out.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit.text.sentences import split_sentences
from tests.benchmarks.common import prepared_base
from tests.benchmarks.verification.claims import plain
from tests.benchmarks.verification.statements import TRUE, Item, cases, items, seeded


@dataclass(frozen=True, slots=True)
class Judged:
    """An item and the verdict on each of its parts, with the reasons given."""

    item: Item
    verdicts: tuple[str, ...]
    reasons: tuple[str, ...]
    found_in: tuple[int, ...] = ()

    @property
    def right(self) -> tuple[bool, ...]:
        pairs = zip(self.item.parts, self.verdicts, strict=True)
        return tuple(part.expected == verdict for part, verdict in pairs)


def judged(item: Item) -> Judged:
    """Check an item; each part gets the worst verdict of the statements in it."""
    from ragkit.verification.checker import check_answer
    from ragkit.verification.evidence import Evidence

    passages = {n: Evidence.from_hit(hit) for n, hit in enumerate(item.hits, 1)}
    found = check_answer(item.text, passages, item.asked)
    verdicts = []
    for part in item.parts:
        own = {s.verdict for s in found if s.start < part.end and part.start < s.end}
        worst = [verdict for verdict in ("unsupported", "supported") if verdict in own]
        verdicts.append(worst[0] if worst else "none")
    reasons = tuple(reason for s in found for reason in s.reasons)
    return Judged(item, tuple(verdicts), reasons, found[0].found_in if found else ())


def report(found: Sequence[Judged], name: str) -> None:
    """Print the tables of one set, or of all."""
    single = [one for one in found if len(one.item.parts) == 1 and one.item.kind != "uncited"]
    true = [one for one in single if not one.item.corruption]
    false = [one for one in single if one.item.corruption]
    print(f"\n== {name}")
    _table("true statements", "flagged", true, lambda one: one.item.kind, wrong=True)
    _table("corrupted", "caught", false, lambda one: one.item.corruption, wrong=False)
    alarms = sum(not one.right[0] for one in true)
    caught = sum(one.right[0] for one in false)
    precision, recall = caught / max(1, caught + alarms), caught / max(1, len(false))
    kinds = _by_kind(false)
    mean = sum(sum(one.right[0] for one in some) / len(some) for some in kinds) / max(1, len(kinds))
    print(f"precision {precision:.3f}  recall {recall:.3f}, mean over the kinds {mean:.3f}")
    passed = {_origin(one) for one in true if one.right[0]}
    told = [one.right[0] for one in false if _origin(one) in passed]
    share = sum(told) / max(1, len(told))
    print(f"of {len(told)} corrupted whose true form passes: caught {share:.3f}")
    whole = [one for one in found if one.item.whole and one.item.corruption]
    hit = sum(_lands(one, "unsupported") for one in whole)
    exact = sum(all(one.right) for one in whole)
    beside = sum(_alarms(one) for one in whole)
    print(
        f"answers of three sentences, one corrupted: {len(whole)}; that one caught {hit}, "
        f"{beside} of {2 * len(whole)} others flagged, all three right {exact}"
    )
    bare = [one for one in found if one.item.kind == "uncited"]
    located = [one for one in bare if one.found_in]
    right = sum(set(one.found_in) <= set(one.item.cited) for one in located)
    print(f"uncited sentences: {len(bare)}; found {len(located)}, {right} in the right passage")


def _origin(one: Judged) -> tuple[str, str, str]:
    return one.item.question, one.item.kind, one.item.original


def _by_kind(found: Sequence[Judged]) -> list[list[Judged]]:
    kinds: dict[str, list[Judged]] = {}
    for one in found:
        kinds.setdefault(one.item.corruption, []).append(one)
    return list(kinds.values())


def _lands(one: Judged, expected: str) -> bool:
    pairs = zip(one.item.parts, one.right, strict=True)
    return all(right for part, right in pairs if part.expected == expected)


def _alarms(one: Judged) -> int:
    pairs = zip(one.item.parts, one.right, strict=True)
    return sum(not right for part, right in pairs if part.expected == "supported")


def _table(
    title: str, verb: str, found: Sequence[Judged], kind: Callable[[Judged], str], *, wrong: bool
) -> None:
    total = Counter(kind(one) for one in found)
    counted = Counter(kind(one) for one in found if one.right[0] is not wrong)
    lines = [(label, total[label], counted[label]) for label in sorted(total)]
    for label, n, k in [*lines, (f"all {title}", len(found), sum(counted.values()))]:
        print(f"{label:24} {n:5} {verb:8} {k:5}  {k / max(1, n):6.1%}")


def show(found: Sequence[Judged], count: int) -> None:
    """Print examples of misses and false alarms, each with the nearest sentence of the evidence."""
    wrong = [one for one in found if not all(one.right)]
    misses = [one for one in wrong if one.item.corruption and not _lands(one, "unsupported")]
    alarms = [one for one in wrong if one not in misses]
    for title, some in (("missed", misses), ("false alarms", alarms)):
        print(f"\n== {title}")
        for one in seeded(title).sample(some, min(count, len(some))):
            item = one.item
            print(f"\n{item.set} {item.question}: {item.kind}, {item.corruption or 'true'}")
            print(f"  said     {item.text}")
            if item.corruption:
                print(f"  true     {item.original}")
            print(f"  evidence {nearest(item)}")
            print(f"  verdict  {', '.join(one.verdicts)}; {'; '.join(one.reasons)}")


def nearest(item: Item) -> str:
    """Return the sentence or row of the cited evidence that shares most words with the text."""
    numbers = [int(number) for number in re.findall(r"\[(\d)\]", item.text)] or [1]
    words = set(re.findall(r"\w+", item.text.lower()))
    own = [
        sentence.in_context for n in numbers for sentence in split_sentences(item.hits[n - 1].text)
    ]
    return plain(max(own, key=lambda u: len(words & set(re.findall(r"\w+", u.lower())))))


def main(arguments: list[str], workdir: Path) -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks verification", description=__doc__)
    parser.add_argument("sets", nargs="*", help="squad, handbook, finance; all if left out")
    parser.add_argument("--part", choices=("dev", "test", "all"), default="test")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="examples of each error")
    parser.add_argument("--kind", default="", help="show only this kind of statement or corruption")
    options = parser.parse_args(arguments)
    everything: list[Judged] = []
    for name in options.sets or list(TRUE):
        with prepared_base(name, workdir) as kb:
            found = [judged(one) for case in cases(name, options.part, kb) for one in items(case)]
        report(found, name)
        everything += found
    report(everything, f"all, part {options.part}")
    if options.show:
        kinds = {options.kind} if options.kind else set()
        some = [one for one in everything if kinds <= {one.item.kind, one.item.corruption}]
        show(some, options.show)
