"""The stages of one search, and the search for each side of a question with several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, zip_longest
from typing import NamedTuple

import numpy as np

from ragkit.index.base import Ids
from ragkit.retrieval.comparison import Half
from ragkit.retrieval.fusion import ScoreParts
from ragkit.retrieval.hits import ChunkGroup, Hit, ScoredChunk

WHOLE_HITS = 2  # of a question with sides; then its sides go on alone

_SIDE_DEPTH = 5  # passages of a side, among which one of the whole question belongs to it


class Side(NamedTuple):
    """What was searched for one side of a question, and the best chunk of each passage found."""

    query: str
    chunks: frozenset[int]

    def select_hits(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits that were found for this side."""
        return [hit for hit in hits if hit.chunks[0] in self.chunks]


@dataclass(frozen=True, slots=True)
class Run:
    """The stages of one search before its hits are fetched.

    `dense` and `lexical` are the candidates by vectors and by words. `parts` are the weighted parts
    of the fused score of each of `ids`. `scored` and `groups` are sorted, best first. `sides` are
    those of a question that compares.
    """

    dense: frozenset[int]
    lexical: frozenset[int]
    scored: list[ScoredChunk]
    groups: list[ChunkGroup]
    ids: Ids
    parts: ScoreParts
    sides: tuple[Side, ...] = ()


_NO_SCORES = np.zeros(0, dtype=np.float32)
_NO_PARTS = ScoreParts(*[_NO_SCORES] * len(ScoreParts._fields))
NO_RUN = Run(frozenset(), frozenset(), [], [], _NO_SCORES.astype(np.int64), _NO_PARTS)


def merge_sides(whole: Run, sides: Sequence[Run], halves: Sequence[Half]) -> Run:
    """Return one run for a question and its sides, whose groups take turns.

    The best group of the whole question comes first: one passage may answer it all. Then each side
    gives its best one, and so on. A side that names documents begins with one of them. A passage
    comes once, and no score is higher than the one before it. A chunk has the scores of the search
    that found its group.
    """
    runs = [whole, *[_put_named_first(*pair) for pair in zip(sides, halves, strict=True)]]
    turns = list(_take_turns(runs))
    owners = {member.chunk: at for at, group in turns for member in group.members}
    for at, run in enumerate(runs):
        for entry in run.scored:
            owners.setdefault(entry.chunk, at)
    kept = [_keep_own(run, owners, at) for at, run in enumerate(runs)]
    columns = zip(*[run.parts for run in kept], strict=True)
    return Run(
        dense=frozenset().union(*[run.dense for run in runs]),
        lexical=frozenset().union(*[run.lexical for run in runs]),
        scored=sorted(
            [entry for run in kept for entry in run.scored],
            key=lambda entry: (-entry.fused, entry.chunk),
        ),
        groups=_cap_scores([group for _, group in turns]),
        ids=np.concatenate([run.ids for run in kept]),
        parts=ScoreParts(*[np.concatenate(column) for column in columns]),
        sides=tuple(_describe_sides(runs[1:], turns, halves)),
    )


def _put_named_first(run: Run, half: Half) -> Run:
    """Return a run whose first group is of a document that its side names, if it has any."""
    for group in run.groups:
        if group.members[0].place.document in half.documents:
            others = [other for other in run.groups if other is not group]
            return replace(run, groups=[group, *others])
    return run


def _take_turns(runs: Sequence[Run]) -> Iterator[tuple[int, ChunkGroup]]:
    """Yield (position of the run, group): one group of each run, then the next one of each.

    A group is left out if an earlier one has a part of its passage. The whole question, which is
    the first run, gives WHOLE_HITS groups in its turns, and the others at the end.
    """
    taken: set[tuple[int, int]] = set()
    whole, *halves = [run.groups for run in runs]
    rounds = zip_longest(whole[:WHOLE_HITS], *halves)
    rest = [(group, *[None] * len(halves)) for group in whole[WHOLE_HITS:]]
    for groups in chain(rounds, rest):
        for at, group in enumerate(groups):
            if group is None:
                continue
            places = [member.place for member in group.passage()]
            first, last = min(places).ordinal, max(places).ordinal
            passage = {(places[0].document, ordinal) for ordinal in range(first, last + 1)}
            if not passage & taken:
                free = [entry for entry in group.members if entry.place[:2] not in taken]
                taken.update(passage, [entry.place[:2] for entry in free])
                yield at, replace(group, members=free)


def _keep_own(run: Run, owners: Mapping[int, int], own: int) -> Run:
    """Return a run with only those chunks whose scores come from it."""
    mine = np.array([owners.get(chunk) == own for chunk in run.ids.tolist()], dtype=bool)
    scored = [entry for entry in run.scored if owners[entry.chunk] == own]
    parts = ScoreParts(*[column[mine] for column in run.parts])
    return replace(run, scored=scored, ids=run.ids[mine], parts=parts)


def _cap_scores(groups: list[ChunkGroup]) -> list[ChunkGroup]:
    """Lower the score of each group to that of the one before it, if it is higher."""
    for before, group in pairwise(groups):
        group.score = min(group.score, before.score)
    return groups


def _describe_sides(
    runs: Sequence[Run], turns: Sequence[tuple[int, ChunkGroup]], halves: Sequence[Half]
) -> Iterator[Side]:
    """Yield the sides; a passage that the whole question gave belongs to all that found it too."""
    for at, (run, half) in enumerate(zip(runs, halves, strict=True), 1):
        near = {group.members[0].chunk for group in run.groups[:_SIDE_DEPTH]}
        best = [(turn, group.members[0].chunk) for turn, group in turns]
        found = [chunk for turn, chunk in best if turn == at or (turn == 0 and chunk in near)]
        yield Side(half.query, frozenset(found))
