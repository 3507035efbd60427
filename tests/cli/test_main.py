from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ragkit import KnowledgeBase, View
from ragkit.store.database import connect
from ragkit.store.layout import Layout
from ragkit.store.locks import WriterLock
from tests.cli.conftest import LEAVE, Command, clean, needs_model, write

READING = (("search", "x"), ("ask", "x"), ("status",), ("remove", "x"))


@pytest.mark.parametrize("command", READING, ids=[name for name, *_ in READING])
def test_base_that_is_missing(ragkit: Command, tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = ragkit(*command, "--kb", "missing.kb")
    assert ended.code == 1
    path = tmp_path / "missing.kb"
    assert ended.error == (
        f"there is no knowledge base in {path}; create one with: ragkit ingest FOLDER --kb {path}"
    )
    assert not path.exists()


@pytest.mark.parametrize("command", [*READING, ("ingest", "docs")])
@pytest.mark.parametrize("kind", ["file", "other database", "no database", "newer"])
def test_base_that_is_something_else(
    ragkit: Command, tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    path = tmp_path / "x.kb"
    database = path / "ragkit.db"
    if kind == "file":
        write(path, "a file")
    elif kind == "no database":
        write(database, "hello")
    elif kind == "other database":
        path.mkdir()
        connect(database).execute("CREATE TABLE meta (a); CREATE TABLE b (c);")
    else:
        KnowledgeBase(path).close()
        connect(database).execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    ended = ragkit(*command, "--kb", path)
    assert ended.code == 1
    assert str(path) in ended.error


@needs_model
def test_base_that_somebody_writes_is_read_but_not_written(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ragkit("ingest", "docs")
    with WriterLock(Layout(tmp_path / "ragkit.kb").lock):
        for command in (("ingest", "docs"), ("remove", "a.txt")):
            ended = ragkit(*command)
            assert ended.code == 1
            assert f"is being written by process {os.getpid()} on" in ended.error
        assert ragkit("status").code == 0
        assert ragkit("search", "leave").out.startswith("[1] a.txt")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest"], "Missing argument 'PATH...'"),
        (["ingest", "docs", "--wokers", "2"], "Did you mean '--workers'?"),
        (["ingest", "docs", "--workers", "0"], "not in the range"),
        (["ingset", "docs"], "Did you mean 'ingest'?"),
        (["search", "x", "-k", "0"], "not in the range"),
        (["search", "x", "-k", "many"], "not a valid integer"),
    ],
)
def test_wrong_usage_is_explained_with_code_2(
    ragkit: Command, arguments: list[str], words: str
) -> None:
    ended = ragkit(*arguments)
    assert ended.code == 2
    assert words in ended.err
    assert "Usage: ragkit" in ended.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('embeder = "x"', "did you mean embedder?"),
        ("num_ctx = 'many'", "expected a number"),
        ("num_ctx = 5", "expected at least 1024"),
        ("num_ctx = ", "is not valid TOML"),
        ("[ragkit]\nkb = 'x'", "settings are kb,"),
    ],
)
def test_settings_that_make_no_sense(
    ragkit: Command, tmp_path: Path, content: str, words: str
) -> None:
    write(tmp_path / "ragkit.toml", content)
    ended = ragkit("status")
    assert ended.code == 1
    assert words in ended.error


def test_settings_file_and_environment_are_named(
    ragkit: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert ragkit("--config", "none.toml", "status").error == (
        "there is no settings file none.toml; create it, or correct --config or RAGKIT_CONFIG"
    )
    monkeypatch.setenv("RAGKIT_MODLE", "x")
    ragkit("status")
    assert caplog.messages == [
        "the environment variable RAGKIT_MODLE is not a setting of ragkit; did you mean "
        "RAGKIT_MODEL?"
    ]


def test_help_and_version(ragkit: Command) -> None:
    ended = ragkit("--help")
    assert ended.code == 0
    assert all(name in ended.out for name in ("ingest", "search", "ask", "doctor"))
    assert ragkit("ingest", "-h").code == 0
    assert ragkit("--version").out.startswith("ragkit ")


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ragkit_apps.cli.main", *map(str, arguments)]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, **piped)  # type: ignore[call-overload,no-any-return]


@needs_model
def test_interrupt_ends_at_once_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(tmp_path, monkeypatch)
    write(tmp_path / "docs" / "a.txt", LEAVE)
    write(tmp_path / "docs" / "slow.html", b"<div>" * 400_000)
    with start("ingest", "docs", "--workers", "1") as process:
        for _ in range(200):
            time.sleep(0.05)
            if (tmp_path / "ragkit.kb" / "ragkit.db").exists():
                with KnowledgeBase("ragkit.kb", create=False) as kb:
                    if kb.status().documents:
                        break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error.strip() == b"stopped; completed work is saved, run the command again to continue"
    with KnowledgeBase("ragkit.kb", create=False) as kb:
        assert [document.source for document in kb.documents()] == ["a.txt"]


def test_interrupt_of_an_answer_speaks_of_the_answer(
    ragkit: Command, monkeypatch: pytest.MonkeyPatch, small: Path
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(View, "stream", stop)
    ended = ragkit("ask", "How many days of leave?", "--kb", small)
    assert (ended.code, ended.err.strip()) == (130, "stopped; the answer is not complete")


@needs_model
def test_reader_of_the_output_that_goes_away_is_no_error_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled: Path
) -> None:
    clean(tmp_path, monkeypatch)
    process = start("search", "pump", "--kb", filled / "a.kb")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(timeout=30) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled: Path
) -> None:
    clean(tmp_path, monkeypatch)
    with Path("/dev/full").open("wb") as full:
        process = start("status", "--kb", filled / "a.kb", stdout=full)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error == b"ragkit: [Errno 28] No space left on device\n"
