from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ragkit import Answer, Config, KnowledgeBase, Statement
from ragkit.answers import Citation
from ragkit_apps.cli import main
from ragkit_apps.cli.answer_text import format_passages
from tests.cli.conftest import LEAVE, NOBODY, clean, needs_model
from tests.generation.test_citations import hit
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama

LONGER = "From the 15th year of service annual leave is 32 days."
FIRST = "How many days of annual leave does everybody have?"
SECOND = "And from the 15th year of service?"
REWRITTEN = "And from the 15th year of service days annual leave everybody?"

pytestmark = needs_model


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat")
    (folder / "docs").mkdir()
    (folder / "docs" / "leave.txt").write_text(LEAVE)
    (folder / "docs" / "longer.txt").write_text(LONGER)
    with KnowledgeBase(folder / "a.kb", config=Config()) as kb:
        kb.ingest(folder / "docs")
    return folder


class Terminal:
    """Runs commands in this process, with what is typed coming from a pipe."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._folder, self._patch, self._capsys = folder, patch, capsys

    def __call__(self, *arguments: object, typed: str = "") -> tuple[str, str]:
        self._patch.setattr(sys, "stdin", io.StringIO(typed))
        base = ["--kb", str(self._folder / "a.kb")]
        command, *rest = map(str, arguments)
        self._patch.setattr(sys, "argv", ["ragkit", command, *base, *rest])
        with suppress(SystemExit):
            main.main()
        captured = self._capsys.readouterr()
        return captured.out, captured.err


@pytest.fixture
def ragkit(
    tmp_path: Path,
    filled: Path,
    server: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    clean(tmp_path, monkeypatch)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    return Terminal(filled, monkeypatch, capsys)


def test_chat_answers_and_shows_what_a_follow_up_was_made_into(ragkit: Terminal) -> None:
    out, err = ragkit("chat", typed=f"{FIRST}\n\n{SECOND}\n")
    assert err == ""
    assert out.splitlines()[1:] == [
        f"{LEAVE} [1]",
        "  [1] leave.txt",
        "",
        f"Searching for: {REWRITTEN}",
        f"{LONGER} [1]",
        "  [1] longer.txt",
        "",
        "",
    ]


def test_chat_without_a_model_quotes(ragkit: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    out, _ = ragkit("chat", typed=f"{FIRST}\n{SECOND}\n/quit\n")
    assert out.splitlines()[1:5] == [
        "Quoted from your documents (no AI model running)",
        "",
        f"  “{LEAVE}”",
        "  [1] leave.txt",
    ]
    assert out.count("No model: no model server answers at ") == 1


def test_sources_shows_the_words_and_every_passage(ragkit: Terminal) -> None:
    assert "Nothing has been asked yet." in ragkit("chat", typed="/sources\n")[0]
    out, _ = ragkit("chat", typed=f"{FIRST}\n/sources\n")
    assert f"Sources\n  [1] leave.txt\n      “{LEAVE}”\n" in out
    assert "1 sentence verified" in out
    assert "\nPassages\n  [1] leave.txt" in out


@pytest.mark.parametrize(
    ("model", "cited", "there", "numbers"),
    [
        ("fake", {1: 2}, [1, 2, 3], ["-", "[1]", "-"]),  # number of a citation: its passage
        ("fake", {1: 3, 2: 1}, [1, 2, 3], ["[2]", "-", "[1]"]),
        (None, {1: 3, 2: 1, 3: 3}, [1, 2, 3], ["[2]", "-", "[1][3]"]),
        ("fake", {2: 3}, [2, 3], ["-", "[2]"]),  # an earlier answer, of which a passage is gone
        ("fake", {1: 1}, [2, 3], ["-", "-"]),
    ],
)
def test_passages_have_the_numbers_that_the_answer_cites_them_by(
    model: str | None, cited: dict[int, int], there: list[int], numbers: list[str]
) -> None:
    passages = tuple(hit(n) for n in there)
    citations = tuple(Citation.from_hit(n, hit(of)) for n, of in cited.items() if of in there)
    statement = Statement("So.", 0, 3, tuple(cited), "supported")
    answer = Answer("", "So.", citations, passages, (statement,), model=model)
    heads = [line.split()[0] for line in format_passages(answer) if "score" in line]
    assert heads == numbers


def test_model_is_shown_and_changed(ragkit: Terminal) -> None:
    out, _ = ragkit("chat", typed="/model\n/model bananas\n/model not-found\n" + FIRST)
    assert f"Answers: {GOOD}, the largest of " in out
    assert "No model is called bananas. List the models with: /model" in out
    assert "The next answers come from not-found:latest\n" in out
    assert "The model found no answer in the passages." in out


def test_new_begins_another_conversation(ragkit: Terminal) -> None:
    before = len(json.loads(ragkit("conversations", "--json")[0]))
    out, _ = ragkit("chat", typed=f"{FIRST}\n/new\n{SECOND}\n")
    assert "Started a new conversation." in out
    assert "Searching for" not in out
    found = json.loads(ragkit("conversations", "--json")[0])
    assert [entry["title"] for entry in found[:2]] == [SECOND, FIRST]
    assert len(found) == before + 2


def test_unknown_command_lists_the_commands(ragkit: Terminal) -> None:
    out, _ = ragkit("chat", typed="/bananas\n/help\n")
    assert "Unknown command /bananas.\n/sources " in out
    assert out.count("/quit ") == 2


def test_error_does_not_end_the_chat(ragkit: Terminal) -> None:
    out, err = ragkit("chat", "--model", "crashed", typed=f"{FIRST}\n/model llama3.2\n{FIRST}\n")
    assert err.startswith("ragkit: crashed does not load: ")
    assert f"{LEAVE} [1]" in out


def test_conversation_is_listed_shown_gone_on_with_and_deleted(
    ragkit: Terminal, filled: Path
) -> None:
    ragkit("chat", typed=f"{FIRST}\n")
    number = json.loads(ragkit("conversations", "--json")[0])[0]["id"]
    out, _ = ragkit("chat", "--continue", number, typed=f"{SECOND}\n")
    assert f"Continuing after: {FIRST}\n" in out
    assert "Searching for: " in out
    listed = ragkit("conversations")[0].splitlines()[1].split()
    assert (listed[0], listed[3]) == (str(number), "2")
    kb = ["--kb", filled / "a.kb"]  # before or behind the command
    shown = ragkit("conversations", "show", number, *kb)[0]
    assert f"> {FIRST}\n{LEAVE} [1]\n  [1] leave.txt\n" in shown
    assert f"> {SECOND}\nSearched for: {REWRITTEN}\n{LONGER} [1]" in shown
    turns = json.loads(ragkit("conversations", "show", number, "--json")[0])
    assert [turn["question"] for turn in turns] == [FIRST, SECOND]
    assert ragkit("conversations", "delete", number)[0] == f"deleted conversation {number}\n"
    assert f"has no conversation {number} " in ragkit("conversations", "show", number)[1]


def test_conversation_that_does_not_exist_is_an_error(ragkit: Terminal) -> None:
    assert "has no conversation 999999 in " in ragkit("chat", "--continue", 999999)[1]


def test_control_characters_that_are_typed_do_not_come_back(ragkit: Terminal) -> None:
    out, _ = ragkit("chat", typed=f"{FIRST}\nAnd \x1b[31mred ones?\n")
    assert "Searching for: " in out
    assert "\x1b[31m" not in out


def test_ctrl_c_stops_an_answer_and_not_the_chat(filled: Path, server: FakeOllama) -> None:
    """On a real terminal, as people type."""
    program = [sys.executable, "-m", "ragkit_apps.cli.main", "chat", "--kb", str(filled / "a.kb")]
    process, screen = pty.fork()
    if process == 0:
        environment = {**os.environ, "OLLAMA_HOST": server.url, "RAGKIT_MODEL": "endless"}
        os.execve(sys.executable, program, environment)
    try:
        seen = _until(screen, "> ")
        os.write(screen, f"{FIRST}\n".encode())
        seen += _until(screen, "and1 and2")
        server.left.clear()
        os.write(screen, b"\x03")
        seen += _until(screen, "(stopped; not saved)")
        assert server.left.wait(2)
        os.write(screen, b"/quit\n")
        _, status = os.waitpid(process, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        os.close(screen)
        if not _ended(process):
            os.kill(process, signal.SIGKILL)


def _until(screen: int, text: str, seconds: float = 30) -> str:
    """What appears on the screen up to and with a text."""
    seen, end = "", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < end, seen
        if select.select([screen], [], [], 0.2)[0]:
            seen += os.read(screen, 4096).decode(errors="replace")
    return seen


def _ended(process: int) -> bool:
    try:
        return os.waitpid(process, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
