"""Damage to the database itself: it is an error, never another answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ragkit.errors import StoreDamaged
from ragkit.store.database import connect
from ragkit.store.store import Store
from tests.support.damage import blank, flip, swap, truncate
from tests.support.stored import contents, put

PAGE = 4096
LONG = "word " * 3000


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base of 20 documents, one of them long, as it lies on the disk while nobody has it open."""
    store = Store(tmp_path / "a.kb")
    with store.writer() as writer:
        put(writer, "long.txt", [LONG[:1000], LONG])
        for number in range(20):
            put(writer, f"{number}.txt", [f"Text {number} of it. " * 20])
    store.close()
    return tmp_path / "a.kb"


def read(path: Path) -> dict[str, list[str]]:
    store = Store(path, create=False)
    try:
        with store.snapshot() as snapshot:
            return contents(snapshot)
    finally:
        store.close()


def test_a_base_that_is_closed_has_all_in_one_file_whose_pages_are_checked(base: Path) -> None:
    assert not (base / "ragkit.db-wal").exists() or not (base / "ragkit.db-wal").stat().st_size
    (base / "ragkit.db-wal").unlink(missing_ok=True)
    (base / "ragkit.db-shm").unlink(missing_ok=True)
    assert len(read(base)) == 21


def test_a_flipped_bit_in_any_page_is_an_error_or_changes_nothing(base: Path) -> None:
    whole = read(base)
    database = base / "ragkit.db"
    found = set()
    for at in range(700, database.stat().st_size, PAGE):
        flip(database, at, bit=at // PAGE % 8)
        try:
            assert read(base) == whole
            found.add("harmless")  # of a page that this does not need
        except StoreDamaged:
            found.add("detected")
        flip(database, at, bit=at // PAGE % 8)
    assert found == {"harmless", "detected"}
    assert read(base) == whole


@pytest.mark.parametrize("bit", range(8))
def test_pages_do_not_lose_their_checksums_unseen(base: Path, bit: int) -> None:
    """Byte 20 of the file says how much room a page has for one (sqlite.org/fileformat2.html)."""
    flip(base / "ragkit.db", 20, bit)
    with pytest.raises(StoreDamaged, match="its head"):
        read(base)


def test_the_end_of_a_long_text_that_is_lost_is_an_error(base: Path) -> None:
    """A page of zeros has the right checksum, and SQLite knows no other one for it."""
    with closing(connect(base / "ragkit.db")) as database:
        (page,) = database.execute(
            "SELECT max(pageno) FROM dbstat WHERE name = 'page' AND pagetype = 'overflow'"
        ).fetchone()
    blank(base / "ragkit.db", (page - 1) * PAGE)
    with closing(connect(base / "ragkit.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with pytest.raises(StoreDamaged, match="the end of a stored text is missing"):
        read(base)


@pytest.mark.parametrize("lost", [1, 100, PAGE, 10 * PAGE, 40 * PAGE])
def test_a_database_that_was_cut_off_is_an_error(base: Path, lost: int) -> None:
    truncate(base / "ragkit.db", lost)
    with pytest.raises(StoreDamaged):
        read(base)


WRITER = """
import os, signal, sys
from pathlib import Path
from ragkit.store.store import Store
from tests.support.stored import put
with Store(Path(sys.argv[1])).writer() as writer:
    for number in range(int(sys.argv[2])):
        put(writer, f"killed {number}.txt", ["text"])
    if sys.argv[3:]:
        writer.connection.execute("PRAGMA wal_checkpoint(RESTART)")
        put(writer, "last.txt", ["text"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(base: Path, commits: int, *options: str) -> Path:
    """Commits whose process is killed before the log is moved; returns the log."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", WRITER, str(base), str(commits), *options]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    return base / "ragkit.db-wal"


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose last eight commits are in the log alone."""
    base = tmp_path_factory.mktemp("crashed") / "a.kb"
    Store(base).close()
    killed(base, 8)
    return base


@pytest.fixture
def left(crashed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashed, tmp_path / "a.kb"))


def test_what_was_committed_before_a_kill_is_there(left: Path) -> None:
    assert len(read(left)) == 8


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a bit of its head": lambda log: flip(log, 17),
    "a bit of its first page": lambda log: flip(log, 700),
    "a bit of its middle": lambda log: flip(log, log.stat().st_size // 2),
    "a bit of its last page": lambda log: flip(log, -100),
    "its end": lambda log: truncate(log, 2 * PAGE),
    "most of it": lambda log: truncate(log, log.stat().st_size - 100),
    "all of it": lambda log: truncate(log, log.stat().st_size),
    "the file": Path.unlink,
    "a page": lambda log: blank(log, 4 * PAGE),
    "its place": lambda log: swap(log, log.with_name("commit.lock")),
}


@pytest.mark.parametrize("lost", DAMAGES)
def test_a_damaged_log_does_not_lose_documents_without_a_word(left: Path, lost: str) -> None:
    """SQLite leaves out whatever follows, and says that nothing was ever there."""
    DAMAGES[lost](left / "ragkit.db-wal")
    with pytest.raises(StoreDamaged, match=r"ragkit\.db-wal"):
        read(left)
    with pytest.raises(StoreDamaged), Store(left).writer():
        pass


def test_a_database_that_was_cut_off_is_an_error_beside_a_log_too(left: Path) -> None:
    with closing(connect(left / "ragkit.db")) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        shutil.copytree(left, left.with_name("killed again"))
    truncate(left.with_name("killed again") / "ragkit.db", 1000)
    with pytest.raises(StoreDamaged, match="its end is missing"):
        read(left.with_name("killed again"))


def test_an_older_database_does_not_pass_for_the_newer_one(base: Path, tmp_path: Path) -> None:
    shutil.copy(base / "ragkit.db", tmp_path)
    store = Store(base)
    with store.writer() as writer:
        put(writer, "late.txt", ["text"])
    store.close()
    for path in base.glob("ragkit.db*"):
        path.unlink()
    shutil.copy(tmp_path / "ragkit.db", base)
    with pytest.raises(StoreDamaged, match="at least 1 of its last commits are missing"):
        read(base)


@pytest.mark.parametrize("noted", [b"", b"9 9 00000000", b"not a note", b"\xff" * 60])
def test_a_note_that_nobody_wrote_is_not_believed(base: Path, noted: bytes) -> None:
    (base / "commit.lock").write_bytes(noted)
    assert len(read(base)) == 21


def test_what_a_log_has_overwritten_so_far_is_no_damage(base: Path) -> None:
    log = killed(base, 8, "again")
    assert log.stat().st_size > 20 * PAGE  # most of it from before
    assert len(read(base)) == 21 + 9


def test_a_log_that_is_written_to_now_is_no_damage(base: Path) -> None:
    store = Store(base)
    with store.writer() as writer:
        for number in range(30):
            put(writer, f"late {number}.txt", ["text"])
            assert len(read(base)) == 22 + number
    store.close()
