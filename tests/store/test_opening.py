from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.errors import (
    RagkitError,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLocked,
    StoreMissing,
)
from ragkit.store import Store
from ragkit.store.database import connect
from tests.hashing import HashingEmbedder
from tests.stored import put

TESTS = Path(__file__).parent.parent
EXAMPLES = TESTS.parent / "examples" / "documents"


def refused(path: Path, kind: type[RagkitError], *, create: bool = True) -> str:
    with pytest.raises(kind) as caught:
        Store(path, create=create)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_a_new_base_is_its_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "a.kb").close()
    assert (tmp_path / "a.kb").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a.kb" / "ragkit.db").stat().st_mode & 0o777 == 0o600


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "notes.txt" in refused(tmp_path, StoreForeign)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_not_a_base(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    path.write_text("a file")
    refused(path, StoreForeign)
    refused(path / "below", StoreForeign)


def test_a_base_that_is_not_to_be_made_is_missing(tmp_path: Path) -> None:
    assert "ragkit ingest" in refused(tmp_path / "a.kb", StoreMissing, create=False)
    assert not (tmp_path / "a.kb").exists()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    store.close()
    database = connect(store.layout.database)
    database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    database.close()
    assert "format 99" in refused(tmp_path / "a.kb", StoreForeign)


@pytest.mark.parametrize("content", [b"not a database at all, " * 50, b"\x00" * 5000])
def test_a_database_of_garbage_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ragkit.db").write_bytes(content)
    refused(tmp_path, StoreDamaged)


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE other (x)",
        "CREATE TABLE meta (name TEXT)",
        "CREATE TABLE meta (key TEXT, value TEXT)",
    ],
)
def test_another_programs_database_is_foreign(tmp_path: Path, schema: str) -> None:
    database = connect(tmp_path / "ragkit.db")
    database.execute(schema)
    database.close()
    refused(tmp_path, StoreForeign)


def test_an_empty_database_file_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "ragkit.db").touch()
    refused(tmp_path, StoreForeign)


def test_a_base_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    for folder in (path, path / "tmp", path / "index"):
        folder.mkdir()
    (path / "writer.lock").write_text("process 1 on here\n")
    (path / "tmp" / "ragkit.db").write_bytes(b"half")
    (path / "tmp" / "ragkit.db-journal").write_bytes(b"half")
    Store(path).close()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    point = tmp_path / "mounted"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(point)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"cannot mount here: {made.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)


def remount(point: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(point)], check=True)


def test_a_read_only_disk_is_said_in_one_line(mount: Path) -> None:
    Store(mount / "a.kb").close()
    remount(mount, "ro")
    refused(mount / "b.kb", StoreError)
    with pytest.raises(StoreError) as caught:  # noqa: PT012
        store = Store(mount / "a.kb")
        with store.writer():
            pass
    assert "\n" not in str(caught.value)


def test_someone_elses_base_is_said_in_one_line(tmp_path: Path) -> None:
    Store(tmp_path / "a.kb").close()
    (tmp_path / "a.kb" / "ragkit.db").chmod(0)
    (tmp_path / "a.kb").chmod(0o500)
    if os.geteuid() == 0:
        pytest.skip("root may read and write everything")
    refused(tmp_path / "a.kb", StoreError)


def test_a_full_disk_stops_with_the_old_content_searchable(mount: Path) -> None:
    """Files that were reported as added stay; the rerun adds the rest once there is space."""
    path = mount / "a.kb"
    with KnowledgeBase(path, embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES / "hr" / "onboarding.md")
        with pytest.raises(StoreFull) as caught:
            kb.ingest(EXAMPLES, workers=1)
        assert str(path) in str(caught.value)
        assert kb.search("first day notebook")
        before = {document.source for document in kb.documents()}
        assert before
    remount(mount, "size=20m")
    with KnowledgeBase(path, embedder=HashingEmbedder()) as kb:
        assert {document.source for document in kb.documents()} == before
        report = kb.ingest(EXAMPLES, workers=1)
        assert len(report.unchanged) >= len(before) - 1
        found = list(kb.dump())
        assert not list((path / "tmp").iterdir())
    with KnowledgeBase(mount / "b.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES / "hr" / "onboarding.md")
        kb.ingest(EXAMPLES, workers=1)
        assert list(kb.dump()) == found


@pytest.mark.parametrize("size", [80, 120, 160, 200, 260])
def test_a_disk_too_full_for_a_new_base_never_leaves_a_broken_one(mount: Path, size: int) -> None:
    remount(mount, f"size={size}k")
    (mount / "ballast").write_bytes(b"x" * 20_000)
    with pytest.raises(StoreFull), KnowledgeBase(mount / "a.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=1)
    remount(mount, "size=20m")
    with KnowledgeBase(mount / "a.kb", embedder=HashingEmbedder()) as kb:
        assert len(kb.ingest(EXAMPLES, workers=1).failed) == 0
        assert len(kb.documents()) == 14


HOLDER = """
import sys, time
from pathlib import Path
from ragkit.store import Store
with Store(Path(sys.argv[1])).writer():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_in_this_process_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    with (
        store.writer(),
        pytest.raises(StoreLocked, match=f"process {os.getpid()} "),
        store.writer(),
    ):
        pass
    with store.writer():
        pass
    store.close()


def test_a_refused_writer_leaves_the_holder_its_lock_and_tmp(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    with store.writer() as writer:
        (store.layout.tmp / "scratch").touch()
        with pytest.raises(StoreLocked), Store(tmp_path / "a.kb").writer():
            pass
        assert (store.layout.tmp / "scratch").exists()
        with pytest.raises(StoreLocked), Store(tmp_path / "a.kb").writer():
            pass
        put(writer, "a.txt", ["one"])
    store.close()


def test_the_lock_names_its_holder_and_is_free_once_that_is_killed(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.kb")],
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    started = time.monotonic()
    holding = rf"process {holder.pid} on .* since \d{{4}}-"
    with pytest.raises(StoreLocked, match=holding), store.writer():
        pass
    assert time.monotonic() - started < 1
    with store.snapshot() as snapshot:  # reading goes on
        assert snapshot.seq == 0
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with store.writer() as writer:
        put(writer, "a.txt", ["one"])
    store.close()


def test_two_threads_that_make_the_same_base_make_one(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def make() -> None:
        try:
            Store(tmp_path / "a.kb").close()
        except StoreLocked:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    Store(tmp_path / "a.kb", create=False).close()
