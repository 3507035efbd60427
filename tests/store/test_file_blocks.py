"""Reading the files of a knowledge base leaves SQLite's locks on them as they are.

A process loses its POSIX locks on a file when it closes any descriptor of it. Then the last
connection of another process deletes the write-ahead log that this process goes on using.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.store.file_blocks import has_readable_content, read_blocks
from ragkit.store.layout import DATABASE_FILE, DATABASE_MEMORY_FILE
from tests.support.hashing import HashingEmbedder

OPENED: list[Path] = []
"""What this process has opened by itself, not through SQLite."""


def record_opening(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes | Path):
        OPENED.append(Path(os.fsdecode(arguments[0])))


sys.addaudithook(record_opening)


@pytest.fixture
def kb(docs: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    for name in ("pump", "valve", "crane"):
        (docs / f"{name}.txt").write_text(f"The {name} is described here, and nothing else is.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder()) as base:
        base.ingest(docs, workers=1)
        yield base


def run_elsewhere(kb: KnowledgeBase, statement: str) -> str:
    """Run a statement in another process, whose connection is its last one."""
    program = (
        "import sys; from pathlib import Path; from ragkit.store.database import connect; "
        "database = connect(Path(sys.argv[1])); "
        "print(database.execute(sys.argv[2]).fetchall()[-1]); database.close()"
    )
    command = (sys.executable, "-c", program, str(kb.path / DATABASE_FILE), statement)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


OPERATIONS: dict[str, Callable[[KnowledgeBase, Path], object]] = {
    "ingest": lambda kb, docs: kb.ingest(docs, workers=1),
    "ingest a file of it": lambda kb, docs: kb.ingest(kb.path / DATABASE_FILE, workers=1),
    "search": lambda kb, docs: kb.search("the pump"),
    "erase": lambda kb, docs: kb.erase("pump.txt", reason="asked for"),
    "remove": lambda kb, docs: kb.remove("pump.txt"),
    "verify": lambda kb, docs: kb.verify(),
    "status": lambda kb, docs: kb.status(),
    "backup": lambda kb, docs: kb.backup(docs.with_name("backup")),
    "reembed": lambda kb, docs: kb.reembedding.run(HashingEmbedder("other", 96)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_opens_the_database_behind_its_connections(
    kb: KnowledgeBase, docs: Path, name: str
) -> None:
    log = (kb.path / f"{DATABASE_FILE}-wal").stat().st_ino
    OPENED.clear()
    OPERATIONS[name](kb, docs)
    assert {DATABASE_FILE, DATABASE_MEMORY_FILE}.isdisjoint(
        path.name for path in OPENED if path.parent == kb.path
    )
    run_elsewhere(kb, "SELECT count(*) FROM meta")
    assert (kb.path / f"{DATABASE_FILE}-wal").stat().st_ino == log
    (docs / "late.txt").write_text("The bicycle came late.")
    kb.ingest(docs, workers=1)
    assert kb.search("the bicycle", 1)[0].source == "late.txt"
    assert kb.verify().intact


def test_reading_every_file_lets_no_other_process_empty_the_log_under_a_reader(
    kb: KnowledgeBase, docs: Path
) -> None:
    with kb._resources.store.snapshot() as snapshot:
        before = snapshot.documents.counts()
        (docs / "late.txt").write_text("The bicycle came late.")
        kb.ingest(docs, workers=1)
        files = [path for path in kb.path.rglob("*") if has_readable_content(path)]
        assert kb.path / DATABASE_FILE in files
        for path in files:
            assert b"".join(read_blocks(path, 0, 1 << 25, 1 << 10)) == read_apart(path)
        statement = "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)"
        assert run_elsewhere(kb, statement).startswith("(1, ")  # busy: this reader needs it
        assert snapshot.documents.counts() == before


def read_apart(path: Path) -> bytes:
    """Read a file in another process, which has no locks to lose."""
    return subprocess.run(("cat", str(path)), check=True, capture_output=True).stdout


@pytest.mark.parametrize("name", [DATABASE_FILE, "other"])
@pytest.mark.parametrize(
    ("start", "length", "block"), [(0, 70, 10), (3, 50, 7), (60, 50, 100), (70, 5, 5), (90, 5, 5)]
)
def test_a_part_of_a_file_is_read_in_blocks(
    tmp_path: Path, name: str, start: int, length: int, block: int
) -> None:
    content = bytes(range(40)) + bytes(30)  # zeros at the end count, too
    (tmp_path / name).write_bytes(content)
    blocks = list(read_blocks(tmp_path / name, start, length, block))
    assert b"".join(blocks) == content[start : start + length]
    assert all(0 < len(one) <= block for one in blocks)
