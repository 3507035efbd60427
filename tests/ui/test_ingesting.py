from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit_apps.ui.state.ingesting import IngestQueue
from ragkit_apps.ui.state.uploads import clean_file_name, is_allowed_folder, save_upload


def wait_for(ingests: IngestQueue, what: str) -> None:
    """Wait until this has been ingested."""
    deadline = time.monotonic() + 30
    while ingests.latest is None or ingests.latest.title != what or ingests.latest.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def put(folder: Path, name: str, content: bytes, *, replace: bool = False) -> str:
    return save_upload(folder, name, io.BytesIO(content), replace=replace).name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\plan.docx", "plan.docx"),
        (".hidden", "hidden"),
        ("~$lock.docx", "lock.docx"),
        ("a\nb\u202e.txt", "a_b_.txt"),
        ("ragkit.db", "_ragkit.db"),
        ("Thumbs.db", "_Thumbs.db"),
        ("a." + "b" * 250, "a." + "b" * 198),
        ("", "file"),
        ("...", "file"),
        ("ü" * 300 + ".pdf", "ü" * 98 + ".pdf"),
    ],
)
def test_an_uploaded_name_becomes_one_that_every_file_system_takes(name: str, safe: str) -> None:
    assert clean_file_name(name) == safe


def test_a_file_of_the_same_name_is_kept_beside_the_old_one(tmp_path: Path) -> None:
    assert put(tmp_path, "a.txt", b"one") == "a.txt"
    assert put(tmp_path, "a.txt", b"two") == "a (2).txt"
    assert put(tmp_path, "a.txt", b"two") == "a (2).txt"
    assert put(tmp_path, "a.txt", b"three") == "a (3).txt"
    assert (tmp_path / "a.txt").read_bytes() == b"one"


def test_a_file_of_the_same_name_is_replaced_when_that_is_wanted(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b"one")
    assert put(tmp_path, "a.txt", b"two", replace=True) == "a.txt"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"two"]


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        save_upload(tmp_path, "a.txt", Broken())
    assert list(tmp_path.iterdir()) == []


def test_only_folders_in_the_roots_are_allowed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in" / "deep", tmp_path / "out"
    inside.mkdir(parents=True)
    outside.mkdir()
    (tmp_path / "in" / "link").symlink_to(outside)
    roots = [tmp_path / "in"]
    assert is_allowed_folder(tmp_path / "in", roots)
    assert is_allowed_folder(inside, roots)
    assert not is_allowed_folder(outside, roots)
    assert not is_allowed_folder(tmp_path / "in" / ".." / "out", roots)
    assert not is_allowed_folder(tmp_path / "in" / "link", roots)
    assert not is_allowed_folder(inside, [])


def test_ingests_run_one_after_the_other_and_the_last_report_stays(
    kb: KnowledgeBase, docs: Path
) -> None:
    for number in range(20):
        (docs / f"{number}.txt").write_text(f"Text number {number}.")
    ingests = IngestQueue()
    ingests.start(kb, [docs], "docs")
    first = ingests.latest
    ingests.start(kb, [docs], "docs again")
    wait_for(ingests, "docs again")
    assert ingests.waiting == []
    assert first is not None
    assert first.report is not None
    assert len(first.report.added) == 20
    assert ingests.latest is not None
    assert ingests.latest.report is not None
    assert len(ingests.latest.report.unchanged) == 20


def test_an_ingest_that_is_stopped_keeps_what_it_has(kb: KnowledgeBase, docs: Path) -> None:
    for number in range(50):
        (docs / f"{number}.txt").write_text(f"Text number {number}.")
    ingests = IngestQueue()
    ingests.start(kb, [docs], "docs")
    assert ingests.latest is not None
    ingests.latest.stop()
    wait_for(ingests, "docs")
    assert "stopped" in str(ingests.latest.error)
    ingests.start(kb, [docs], "the rest")
    wait_for(ingests, "the rest")
    assert len(kb.documents()) == 50


def test_a_folder_that_is_gone_is_an_error_that_says_so(kb: KnowledgeBase, tmp_path: Path) -> None:
    ingests = IngestQueue()
    ingests.start(kb, [tmp_path / "gone"], "gone")
    wait_for(ingests, "gone")
    assert ingests.latest is not None
    assert "gone does not exist; name a file or folder to ingest" in str(ingests.latest.error)
