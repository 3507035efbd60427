"""Once a grant is taken back nothing that follows shows what it let somebody read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ragkit import AnswerStream, AskOptions, Conversation, Filter, View
from tests.access.worlds import (
    ANA,
    BOB,
    GLANCES,
    LABELS,
    TWIN,
    Library,
    Look,
    Paper,
    canaries,
    told,
    tried,
)

PEOPLE = {ANA: ("group:hr",), BOB: ("group:dev", "group:ops")}
_SETTINGS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
_PERSON = st.sampled_from(list(PEOPLE))
_LETTER = st.sampled_from("abcd")
_LABEL = st.sampled_from(LABELS)
_NAME = st.sampled_from([ANA, ANA, BOB, "group:hr", "group:dev", "everyone"])


@dataclass
class Person:
    """What somebody holds on to: a view, conversations, places that were cited, and streams."""

    view: View
    talks: list[Conversation] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    streams: list[tuple[set[str], AnswerStream]] = field(default_factory=list)


class Desk(RuleBasedStateMachine):
    """Documents, grants and questions in any order; whatever is told is compared with the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.library = Library(Path(self.folder.name))
        for letter in "abc":
            self.library.put(self.paper(letter))
        self.library.ingest()
        for letter, label in zip("abc", LABELS, strict=False):
            self.library.label(letter, label)
        for label in LABELS[:2]:
            self.library.grant(label, ANA)
        self.library.set_mode("enforced")
        kb = self.library.kb
        self.people = {name: Person(kb.as_principal(name, PEOPLE[name])) for name in PEOPLE}

    def teardown(self) -> None:
        for person in self.people.values():
            for _, stream in person.streams:
                stream.close()
        self.library.close()
        self.folder.cleanup()

    def paper(self, letter: str) -> Paper:
        version = self.library.next_version()
        text = f"The pump of zq{letter}{version}text has a lure{letter} valve."
        return Paper(letter, ((text, TWIN), (f"A seal {version}.",)), version)

    def readable(self, name: str) -> set[str]:
        return self.library.rules.readable(name, PEOPLE[name])

    def check(self, name: str, given: object) -> None:
        """Nothing that was told, and nothing that a model was sent, is of what may not be read."""
        text = "\n".join([repr(given), *self.library.echo.asked])
        self.library.echo.asked.clear()
        assert canaries(text) <= self.readable(name)

    # -- whoever keeps the base --------------------------------------------------------------

    @rule(label=_LABEL, name=_NAME)
    def grant(self, label: str, name: str) -> None:
        self.library.grant(label, name)

    @rule(data=st.data())
    @precondition(lambda self: self.library.rules.grants)
    def revoke(self, data: st.DataObject) -> None:
        self.library.revoke(*data.draw(st.sampled_from(sorted(self.library.rules.grants))))

    @rule(letter=_LETTER, label=_LABEL)
    def relabel(self, letter: str, label: str) -> None:
        if letter in self.library.names:
            self.library.label(letter, label)

    @rule(letter=_LETTER)
    def put(self, letter: str) -> None:
        """A new document, or another version of one that keeps its label."""
        self.library.put(self.paper(letter))
        self.library.ingest()

    @rule(letter=_LETTER)
    def rename(self, letter: str) -> None:
        if letter in self.library.names:
            self.library.rename(letter)
            self.library.ingest()

    @rule(letter=_LETTER)
    def remove(self, letter: str) -> None:
        if letter in self.library.names:
            self.library.remove(letter)
            self.library.ingest()

    @rule(mode=st.sampled_from(["enforced", "strict", "strict", "off"]))
    def set_mode(self, mode: str) -> None:
        self.library.set_mode(mode)

    # -- whoever asks ------------------------------------------------------------------------

    @rule(name=_PERSON, letter=_LETTER)
    def search(self, name: str, letter: str) -> None:
        """All that may be read is found, and nothing else."""
        hits = self.people[name].view.search(f"lure{letter} pump seal", 100)
        self.people[name].places += [(hit.document, hit.page_ordinal) for hit in hits]
        self.check(name, hits)
        assert canaries(repr([hit.source for hit in hits])) == self.readable(name)

    @rule(name=_PERSON, letter=_LETTER, label=st.none() | _LABEL)
    def ask(self, name: str, letter: str, label: str | None) -> None:
        labels = [label] if label else None
        answer = self.people[name].view.ask(
            f"lure{letter} pump", AskOptions(k=3, where=Filter(label=labels))
        )
        self.people[name].places += [(c.document, c.page_ordinal) for c in answer.citations]
        self.check(name, answer)

    @rule(name=_PERSON, data=st.data())
    def open_citation(self, name: str, data: st.DataObject) -> None:
        """Somebody else's is opened, too."""
        places = self.people[data.draw(_PERSON)].places
        if places:
            document, page = data.draw(st.sampled_from(places))
            view = self.people[name].view
            calls: list[Callable[..., Any]] = [view.document, view.pages, view.chunks]
            given = [tried(call, document) for call in [*calls, view.original]]
            self.check(name, [*given, tried(view.page_image, document, page, end=9)])

    @rule(name=_PERSON, letter=_LETTER)
    def talk(self, name: str, letter: str) -> None:
        talk = self.people[name].view.conversation()
        self.people[name].talks.append(talk)
        self.check(name, talk.ask(f"What of the lure{letter} pump?", AskOptions(k=2)))

    @rule(name=_PERSON, letter=_LETTER, again=st.booleans(), data=st.data())
    def go_on(self, name: str, letter: str, again: bool, data: st.DataObject) -> None:
        talk = self.one_talk(name, again, data)
        if talk is not None:
            self.check(name, talk.ask(f"And the lure{letter} there?", AskOptions(k=2)))

    @rule(name=_PERSON, again=st.booleans(), data=st.data())
    def replay(self, name: str, again: bool, data: st.DataObject) -> None:
        talk = self.one_talk(name, again, data)
        if talk is not None:
            self.check(name, [talk.turns(), talk.title, talk.turns(where=Filter(label=["red"]))])
        self.check(name, self.people[name].view.conversations())

    @rule(name=_PERSON, letter=_LETTER, again=st.booleans(), data=st.data())
    def begin_stream(self, name: str, letter: str, again: bool, data: st.DataObject) -> None:
        talk = self.one_talk(name, again, data)
        asked = self.people[name].view if talk is None else talk
        stream = asked.stream(f"lure{letter} pump and that?", AskOptions(k=2))
        self.people[name].streams.append((self.readable(name), stream))
        self.check(name, next(iter(stream), None))

    @rule(name=_PERSON)
    def end_stream(self, name: str) -> None:
        """One that was begun earlier may tell what might be read then."""
        if self.people[name].streams:
            readable, stream = self.people[name].streams.pop(0)
            assert canaries(repr([list(stream), stream.answer])) <= readable

    @rule(name=_PERSON)
    def look_around(self, name: str) -> None:
        view = self.people[name].view
        ids = sorted(self.library.ids().values())
        look = Look(("lurea pump", "lureb pump"), "red", ids)
        names = ("documents", "suggestions", "statistics", "status", "explain")
        given = told(view, look, self.library.echo, names)
        self.check(name, given)
        assert canaries(given["documents"]) == self.readable(name)

    def one_talk(self, name: str, again: bool, data: st.DataObject) -> Conversation | None:
        """A conversation that somebody has, the same object or read again; None without one."""
        talks = [talk for talk in self.people[name].talks if talk.id is not None]
        if not talks:
            return None
        talk = data.draw(st.sampled_from(talks))
        return self.people[name].view.conversation(talk.id) if again else talk


def test_whatever_happens_in_between_what_was_revoked_is_told_no_more() -> None:
    run_state_machine_as_test(
        Desk, settings=settings(_SETTINGS, max_examples=6, stateful_step_count=30)
    )


@pytest.mark.long
def test_whatever_happens_for_long_what_was_revoked_is_told_no_more() -> None:
    run_state_machine_as_test(
        Desk, settings=settings(_SETTINGS, max_examples=300, stateful_step_count=60)
    )


@pytest.fixture
def library(tmp_path: Path) -> Any:
    found = Library(tmp_path)
    for letter in "abc":
        text = f"The pump of zq{letter}xtext has a lure{letter} valve."
        found.put(Paper(letter, ((text, TWIN), ("A seal.",))))
    found.ingest()
    for letter, label in zip("abc", LABELS, strict=False):
        found.label(letter, label)
    found.set_mode("enforced")
    yield found
    found.close()


@pytest.mark.parametrize("mode", ["enforced", "strict"])
def test_a_stream_that_was_begun_may_end_and_is_then_withheld(library: Library, mode: str) -> None:
    library.set_mode(mode)
    library.grant("red", ANA)
    talk = library.kb.as_principal(ANA).conversation()
    stream = talk.stream("What of the pump?")
    assert next(iter(stream))
    library.revoke("red", ANA)
    assert canaries(stream.answer.text) == {"a"}
    (turn,) = talk.turns()
    assert turn.withheld
    assert canaries(repr(turn)) == set()
    assert canaries(talk.ask("And now?").text) == set()


def test_threads_that_share_a_view_are_told_nothing_that_was_revoked(library: Library) -> None:
    """Each call that begins after a revocation keeps to it, whatever other threads do."""
    library.set_mode("strict")
    view = library.kb.as_principal(ANA)
    look = Look(("lurea pump", "lureb seal"), "red", sorted(library.ids().values()))
    epoch, ended = [0], threading.Event()  # in odd epochs nothing of "red" is granted
    kept, leaked = list[str](), list[str]()

    def read() -> None:
        while not ended.is_set():
            for name in ("search", "explain", "ask", "documents", "pages", "suggestions"):
                before = epoch[0]
                given = "\n".join(map(repr, GLANCES[name](view, look)))
                if before == epoch[0] and before % 2:
                    (leaked if "a" in canaries(given) else kept).append(name)

    for label in LABELS[:3]:
        library.grant(label, ANA)
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            library.revoke("red", ANA)
            epoch[0] += 1
            ended.wait(0.2)
            epoch[0] += 1
            library.grant("red", ANA)
            ended.wait(0.05)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert leaked == []
    assert kept
