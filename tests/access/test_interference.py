"""Whatever somebody may not read is as if it were not there, in generated worlds."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ragkit import KnowledgeBase
from tests.access.worlds import (
    ANA,
    GLANCES,
    TWIN,
    Corpus,
    Library,
    Paper,
    World,
    canaries,
    corpora,
    look_at,
    told,
)

_SHARED = settings(
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink],
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass
class Score:
    """What was counted; `lists` are searches in bases that are not strict."""

    worlds: int = 0
    mixed: int = 0
    told: int = 0
    canaries: int = 0
    differences: int = 0
    lists: int = 0
    other_lists: int = 0
    other_scores: int = 0

    def __str__(self) -> str:
        lists = (
            f"; of {self.lists} searches {self.other_lists} give other passages than without the "
            f"forbidden documents, and {self.other_scores} the same with other scores"
        )
        return (
            f"{self.worlds} worlds ({self.mixed} with documents of both kinds), {self.told} things "
            f"told, {self.canaries} forbidden canaries, {self.differences} differences"
            + (lists if self.lists else "")
        )

    def count(self, given: list[str], expected: list[str]) -> None:
        """Count the searches that gave something else than without the other documents."""
        for one, other in zip(given, expected, strict=True):
            same = _places(one) == _places(other)
            self.lists += 1
            self.other_lists += not same
            self.other_scores += same and one != other


def live(library: Library, world: World, score: Score) -> None:
    """Look at a world from ana's place, in the base and in one without what she may not read."""
    strict = library.kb.access.mode == "strict"
    readable = library.rules.readable(ANA, world.groups)
    view = library.kb.as_principal(ANA, world.groups)
    look = look_at(library, world, view)
    with library.without(set(library.names) - readable) as (kb, echo):
        other = kb.as_principal(ANA, world.groups)
        expected = told(other, look, echo, GLANCES if strict else ["search"])
    given = told(view, look, library.echo)
    leaks = {name: canaries(text) - readable for name, text in given.items()}
    other_than = [name for name in expected if given[name] != expected[name]] if strict else []
    score.worlds += 1
    score.mixed += 0 < len(readable) < len(library.names)
    score.told += len(given)
    score.canaries += sum(map(len, leaks.values()))
    score.differences += len(other_than)
    assert not any(leaks.values())
    for name in other_than:
        assert given[name] == expected[name], name
    names = {document.source for document in view.documents()}
    assert names == {library.names[letter] for letter in readable}
    if not strict:
        score.count(given["search"].split("\n"), expected["search"].split("\n"))


def live_all(corpus: Corpus, folder: Path, score: Score, mode: str) -> None:
    def live_in(library: Library) -> None:
        for world in corpus.worlds:
            library.obey(world, busy=corpus.busy)
            live(library, world, score)

    with TemporaryDirectory(dir=folder) as own:
        corpus.build(Path(own), mode, live_in)


def _places(hits: str) -> list[str]:
    """The chunks of each hit."""
    return [part.split("), ")[0] for part in hits.split("chunks=")[1:]]


@pytest.mark.parametrize("mode", ["strict", "enforced"])
@settings(_SHARED, max_examples=3)
@given(corpora(worlds=4))
def test_what_may_not_be_read_is_never_told_and_in_a_strict_base_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, mode: str, corpus: Corpus
) -> None:
    live_all(corpus, tmp_path_factory.getbasetemp(), Score(), mode)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["strict", "enforced"])
def test_in_ten_thousand_worlds_nothing_is_told_that_may_not_be_read(
    tmp_path_factory: pytest.TempPathFactory, mode: str
) -> None:
    wanted, score = int(os.environ.get("ACCESS_WORLDS", "10000")), Score()

    @settings(_SHARED, max_examples=-(-wanted // 20))
    @given(corpora(worlds=20))
    def test(corpus: Corpus) -> None:
        live_all(corpus, tmp_path_factory.getbasetemp(), score, mode)

    began = time.monotonic()
    test()
    print(f"\n{mode}: {score}, in {time.monotonic() - began:.0f} s")
    assert score.worlds >= wanted


@pytest.mark.parametrize("question", [TWIN, "notice twin plant", "paper repeats"])
def test_equal_passages_at_the_edge_of_a_search_do_not_tell_what_else_there_is(
    tmp_path: Path, question: str
) -> None:
    """Without the forbidden paper the index is built anew, and 440 equals lie in it otherwise."""
    forbidden = ("The pump valve river north leave tax seal.",) * 2
    near = ("Notice twin plant paper repeats word",) * 3
    library = Library(tmp_path, deep=True)
    library.set_mode("strict")
    library.put(Paper("a", ((TWIN,) * 4,) * 100))
    library.put(Paper("b", (forbidden,) * 130))
    library.ingest()
    library.put(Paper("c", (near,) * 20))
    library.ingest()
    for letter in "ac":
        library.label(letter, "red")
    library.grant("red", ANA)
    with library.without("b") as (kb, _):
        given = library.kb.as_principal(ANA).explain(question, 50)
        assert repr(kb.as_principal(ANA).explain(question, 50)) == repr(given)
        assert _index_version(kb) != _index_version(library.kb)
    library.close()


def _index_version(kb: KnowledgeBase) -> str:
    (found,) = (kb.path / "index").glob("dense-*")
    return found.name
