from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import (
    NotAKnowledgeBase,
    RagkitError,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
)
from ragkit.maintenance import verify_kb
from ragkit.store.database import connect
from ragkit.store.store import Store
from tests.support.hashing import HashingEmbedder
from tests.support.stored import put

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


def test_an_empty_folder_that_becomes_a_base_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "a.kb").mkdir(mode=0o755)
    Store(tmp_path / "a.kb").close()
    assert (tmp_path / "a.kb").stat().st_mode & 0o777 == 0o700
    assert verify_kb(tmp_path / "a.kb").intact


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "notes.txt" in refused(tmp_path, NotAKnowledgeBase)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_not_a_base(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    path.write_text("a file")
    refused(path, NotAKnowledgeBase)
    refused(path / "below", NotAKnowledgeBase)


def test_a_base_that_is_not_to_be_made_is_missing(tmp_path: Path) -> None:
    assert "ragkit ingest" in refused(tmp_path / "a.kb", StoreMissing, create=False)
    assert not (tmp_path / "a.kb").exists()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    store.close()
    database = connect(store.layout.database)
    database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    database.close()
    assert "format 99" in refused(tmp_path / "a.kb", NotAKnowledgeBase)


def test_another_schema_of_the_same_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.kb")
    store.close()
    database = connect(store.layout.database)
    database.execute("UPDATE meta SET value = 'other' WHERE key = 'schema'")
    database.close()
    assert "ingest the documents again" in refused(tmp_path / "a.kb", NotAKnowledgeBase)


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
    refused(tmp_path, NotAKnowledgeBase)


def test_an_empty_database_file_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "ragkit.db").touch()
    refused(tmp_path, NotAKnowledgeBase)


def test_a_base_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.kb"
    for folder in (path, path / "tmp", path / "index"):
        folder.mkdir()
    (path / "writer.lock").write_text("process 1 on here\n")
    (path / "tmp" / "ragkit.db").write_bytes(b"half")
    (path / "tmp" / "ragkit.db-journal").write_bytes(b"half")
    Store(path).close()


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


@pytest.fixture
def elsewhere(mount: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A base with the example documents, and the same one seen through a read-only mount."""
    remount(mount, "size=20m")
    with KnowledgeBase(mount / "a.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=1)
    seen = tmp_path / "seen"
    seen.mkdir()
    subprocess.run(["mount", "--bind", str(mount), str(seen)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(seen)], check=True)
    yield mount / "a.kb", seen / "a.kb"
    subprocess.run(["umount", "--lazy", str(seen)], check=True)


def found(path: Path) -> list[str]:
    config = Config(audit="optional")
    with KnowledgeBase(path, embedder=HashingEmbedder(), config=config, create=False) as kb:
        return [hit.text for hit in kb.search("first day notebook VX-4410-31")]


@pytest.mark.parametrize("left", [True, False])
def test_a_base_that_can_only_be_read_is_searched(
    elsewhere: tuple[Path, Path], caplog: pytest.LogCaptureFixture, left: bool
) -> None:
    own, seen = elsewhere
    expected = found(own)
    if not left:  # what SQLite puts beside its file
        for path in own.glob("ragkit.db-*"):
            path.unlink()
    with caplog.at_level(logging.WARNING):
        assert found(seen) == expected
        assert verify_kb(seen).intact
    assert [record.name for record in caplog.records] == ["ragkit.governance.audit_recorder"]
    with KnowledgeBase(seen, embedder=HashingEmbedder()) as kb:
        with pytest.raises(StoreError, match="read-only"):
            kb.ingest(EXAMPLES)
        with pytest.raises(StoreError, match="cannot be recorded, so nothing is shown"):
            kb.search("first day")


def test_where_there_can_be_no_key_what_need_not_be_recorded_is_answered(
    docs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (docs / "a.txt").write_text("The pump weighs 31 kilograms.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
    (tmp_path / "file").write_text("no folder")
    key = str(tmp_path / "file" / "audit.key")
    config = Config(audit="optional", audit_key=key, ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb:
        assert len(kb.search("pump")) == 1
        assert "31" in kb.ask("How much does the pump weigh?").text
    assert "not recorded: cannot create the audit key" in caplog.text
    config = Config(audit_key=key)
    with (
        KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb,
        pytest.raises(StoreError, match="cannot be recorded, so nothing is shown"),
    ):
        kb.search("pump")


def test_a_base_that_can_only_be_read_is_whole_while_another_process_writes(
    elsewhere: tuple[Path, Path],
) -> None:
    own, seen = elsewhere
    reader = Store(seen, create=False)
    with reader.snapshot() as snapshot:
        before = snapshot.documents.counts()
        writing = threading.Thread(target=remove_one, args=(own,))
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()  # it waits for the reader, for whom nothing may change
        assert snapshot.documents.counts() == before
    writing.join()
    with reader.snapshot() as snapshot:
        assert snapshot.documents.counts()[0] == before[0] - 1
    with KnowledgeBase(own, embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=1)
        with reader.snapshot() as snapshot:
            assert snapshot.documents.counts() == before
    reader.close()


def remove_one(path: Path) -> None:
    with KnowledgeBase(path, embedder=HashingEmbedder()) as kb:
        kb.remove("hr/onboarding.md")


def test_changes_that_only_a_writer_can_bring_in_are_not_passed_over(
    elsewhere: tuple[Path, Path],
) -> None:
    own, seen = elsewhere
    holder = subprocess.Popen(
        [sys.executable, "-c", COMMITTER, str(own)], env=environment(), stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"committed\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert "ragkit repair" in refused(seen, StoreError, create=False)
    with Store(own).writer():
        pass
    assert Store(seen, create=False).layout.root == seen


def a_mount(path: Path, kind: str) -> str:
    name = str(path).replace(" ", "\\040")
    return f"99 1 0:99 / {name} rw,relatime shared:1 - {kind} server:/export rw,vers=4.2\n"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_base_on_a_network_file_system_is_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    share = tmp_path / "the share"
    Store(share / "a.kb").close()
    opened = Store(share / "a.kb")
    mounts = tmp_path / "mountinfo"
    lines = [(Path("/"), "ext4"), (share, kind), (tmp_path / "the sharepoint", "ext4")]
    mounts.write_text("".join(a_mount(*line) for line in lines))
    monkeypatch.setattr("ragkit.store.filesystem._MOUNT_INFO", mounts)
    with pytest.raises(StoreError, match=f"network file system .{kind}.*ragkit backup"):
        Store(share / "b.kb")
    assert not (share / "b.kb").exists()
    for writing in (opened.writer, opened.recorder):
        with pytest.raises(StoreError, match=kind), writing():
            pass
    opened.close()
    (share / "a.kb" / "ragkit.db-shm").unlink()
    store = Store(share / "a.kb", create=False)
    with store.snapshot() as snapshot:
        assert snapshot.seq == 0
    store.close()
    assert not (share / "a.kb" / "ragkit.db-shm").exists()  # memory that no two machines share
    Store(tmp_path / "the sharepoint" / "a.kb").close()


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
        dumped = list(kb.dump())
        assert not list((path / "tmp").iterdir())
    with KnowledgeBase(mount / "b.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES / "hr" / "onboarding.md")
        kb.ingest(EXAMPLES, workers=1)
        assert list(kb.dump()) == dumped


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


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


COMMITTER = """
import sys, time
from pathlib import Path
from ragkit.store.store import Store
from tests.support.stored import put
with Store(Path(sys.argv[1])).writer() as writer:
    put(writer, "late.txt", ["text"])
    print("committed", flush=True)
    time.sleep(60)
"""

HOLDER = """
import sys, time
from pathlib import Path
from ragkit.store.store import Store
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
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.kb")],
        stdout=subprocess.PIPE,
        env=environment(),
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
