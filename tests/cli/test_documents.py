from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit_apps.cli import documents
from tests.cli.conftest import LEAVE, PUMPS, Command, Ended, needs_model, write
from tests.support.fake_ollama import GOOD, FakeOllama
from tests.support.hashing import HashingEmbedder


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
        r"  failed: new\nline\x1b[31m.pdf: corrupt "
        "(the file is named .pdf but is not a PDF; export it again or rename it)",
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


def test_folder_of_other_things_does_not_become_a_base(ragkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ended = ragkit("ingest", "docs", "--kb", "docs")
    assert ended.code == 1
    assert "is not a knowledge base and not empty" in ended.error


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
    assert "or change it with: ragkit reembed --embedder" in ended.error


def test_embedder_that_is_not_on_the_disk_is_never_fetched(
    ragkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    write(tmp_path / "docs" / "a.txt", LEAVE)
    ended = ragkit("ingest", "docs", "--embedder", "some/unknown")
    assert ended.code == 1
    assert "hf download some/unknown" in ended.error
    assert "--embedder FOLDER" in ended.error


@needs_model
def test_status_lists_documents(ragkit: Command, filled: Path) -> None:
    ended = ragkit("status", "--kb", filled / "a.kb", "--documents")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{filled / 'a.kb'}: 2 documents, 2 pages, ")
    assert f"folder: {filled / 'docs'}" in lines
    modified = [
        datetime.fromtimestamp((filled / "docs" / name).stat().st_mtime, UTC).date().isoformat()
        for name in ("hr/leave.txt", "pumps.md")
    ]
    assert [line.split() for line in lines[-3:]] == [
        ["document", "type", "pages", "chunks", "modified"],
        ["hr/leave.txt", "text", "1", "1", modified[0]],
        ["pumps.md", "markdown", "1", "1", modified[1]],
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
