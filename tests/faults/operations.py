"""The operations that sweeps interrupt: commands, their start, and their expected end."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from ragkit import RagkitError
from ragkit.errors import SourceError
from ragkit.maintenance import restore_kb
from ragkit.store.database import connect
from tests.faults.commands import OTHER, Acknowledge, Base, ragkit_command
from tests.faults.forks import run_forked

TESTS = Path(__file__).parent.parent
EXAMPLES = TESTS.parent / "examples" / "documents"
_SYLLABLES = [first + second for first, second in product("bdgk", "aeiou")]
_WORDS = ["".join(word) for word in product(_SYLLABLES, repeat=2)]


@dataclass(frozen=True, slots=True)
class Operation:
    """A command on a base, which is a copy of `start`, or new if that is None.

    `before` and `after` are the dumps around a run that nothing stopped, `code` is its exit code,
    and `idle` that where there is nothing left to do. `again` is what finishes it after it was
    stopped: the same command, unless given. `also` says what else is wrong with a base that it
    ended in, `meanwhile` with one that it was stopped in; where it is done `at_once`, this is as
    before or after.
    """

    name: str
    command: tuple[str, ...]
    start: Path | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    code: int
    idle: int = 0
    again: tuple[str, ...] = ()
    also: Callable[[Path], list[str]] | None = None
    meanwhile: Callable[[Path], list[str]] | None = None
    at_once: bool = False
    real_readers: bool = False

    def begin(self, kb: Path) -> None:
        """Restore the starting state and delete everything beside it."""
        kb.parent.mkdir(exist_ok=True)
        for left in kb.parent.iterdir():
            shutil.rmtree(left)
        if self.start is not None:
            shutil.copytree(self.start, kb)

    def run(self, kb: Path, acknowledge: Acknowledge | None = None, *, again: bool = False) -> None:
        """Run the command, or the one that finishes it, in its own process."""
        command = (again and self.again) or self.command
        ragkit_command(
            *command,
            "--kb",
            str(kb),
            "--json",
            acknowledge=acknowledge,
            real_readers=self.real_readers,
        )


def text(name: str, version: int, parts: int) -> str:
    """Return a document whose paragraphs name the document and its version."""
    pick = random.Random(f"{name} {version}")
    return "\n\n".join(
        f"Part {part} of {name}-{version} is KX-{name}-{version}-{part}. "
        f"{' '.join(pick.choices(_WORDS, k=40)).capitalize()}."
        for part in range(1, parts + 1)
    )


def write(folder: Path, *names: str, version: int = 1, parts: int = 3) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        (folder / f"{name}.txt").write_text(text(name, version, parts))


def contents(kb: Path) -> list[str]:
    with Base(kb) as base:
        return list(base.dump())


Preparation = Callable[[Path], Operation]


def new(work: Path) -> Operation:
    """Create a knowledge base of three documents."""
    docs = work / "new"
    write(docs, "ash", "birch", "cedar")
    return _prepare(work, "new", ("ingest", str(docs)), None)


def changed(work: Path) -> Operation:
    """Ingest changed, new, renamed, removed and unreadable files."""
    docs = work / "changed"
    write(docs, "ash", "birch", "cedar", "doum", "elm")
    start = create_kb(work, docs)
    write(docs, "ash", version=2)
    write(docs, "fir")
    (docs / "birch.txt").rename(docs / "beech.txt")
    (docs / "cedar.txt").unlink()
    (docs / "ginkgo.bad").write_text("unreadable")
    return _prepare(work, "changed", ("ingest", str(docs)), start)


def added(work: Path) -> Operation:
    """Ingest one more document."""
    docs = work / "added"
    write(docs, "ash", "birch", "cedar", "doum")
    start = create_kb(work, docs)
    write(docs, "elm")
    return _prepare(work, "added", ("ingest", str(docs)), start)


def publish(work: Path) -> Operation:
    """Ingest nothing new and rebuild both indexes."""
    docs = work / "publish"
    write(docs, "ash", "birch", "cedar")
    start = create_kb(work, docs)
    (vectors,) = start.glob("index/*.faiss")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    for segment in start.glob("index/lexical/*/*/*.term"):
        segment.write_bytes(b"")
    return _prepare(work, "publish", ("ingest", str(docs)), start)


def remove(work: Path) -> Operation:
    """Remove a document whose file is gone; an ingest finishes it."""
    docs = work / "remove"
    write(docs, "ash", "birch", "cedar")
    start = create_kb(work, docs)
    (docs / "birch.txt").unlink()
    again = ("ingest", str(docs))
    return _prepare(work, "remove", ("remove", "birch.txt"), start, again=again, at_once=True)


def erase(work: Path) -> Operation:
    """Erase a document."""
    docs = work / "erase"
    write(docs, "ash", "birch", "cedar")
    command = ("erase", "birch.txt", "--reason", "asked for", "--yes")
    return _prepare(
        work, "erase", command, create_kb(work, docs), idle=1, also=_find_remains, at_once=True
    )


def reembed(work: Path) -> Operation:
    """Change the embedder and swap; the old one serves until all is done."""
    docs = work / "reembed"
    write(docs, "ash", "birch", "cedar")
    command = ("reembed", "--embedder", OTHER)
    return _prepare(work, "reembed", command, create_kb(work, docs), at_once=True)


def undo(work: Path) -> Operation:
    """Go back to the previous embedder, for which a new document has to be embedded."""
    docs = work / "undo"
    write(docs, "ash", "birch", "cedar")
    start = create_kb(work, docs)
    write(docs, "doum")
    for command in (("reembed", "--embedder", OTHER), ("ingest", str(docs))):
        assert run_forked(partial(ragkit_command, *command, "--kb", str(start))).code == 0
    command = ("reembed", "--undo")
    return _prepare(work, "undo", command, start, idle=1, at_once=True, also=_find_spare)


def _find_spare(kb: Path) -> list[str]:
    """Return what is left of a second set of vectors."""
    with closing(connect(kb / "ragkit.db", readonly=True)) as database:
        (left,) = database.execute(
            "SELECT (SELECT count(*) FROM spare_vector) + "
            "(SELECT count(*) FROM meta WHERE key = 'spare')"
        ).fetchone()
    return [f"{left} rows of the second set of vectors are left"] if left else []


def _find_remains(kb: Path) -> list[str]:
    """Return files that still hold the name or text of the erased document; or "no receipt"."""
    files = [path for path in kb.rglob("*") if path.is_file()]
    left = [path.name for path in files if b"birch" in path.read_bytes().lower()]
    with Base(kb) as base:
        try:
            base.receipt(1)
        except SourceError:
            left.append("no receipt")
    return [f"the erasure has not ended: {left}"] if left else []


def backup(work: Path) -> Operation:
    """Back up into a directory beside the knowledge base."""
    docs = work / "backup"
    write(docs, "ash", "birch", "cedar")
    start = create_kb(work, docs)
    target = work / "place" / "b.backup"
    expected = run_forked(partial(contents, start)).value

    def torn(_: Path) -> list[str]:
        if not target.exists():
            return []
        restored = target.with_name("r.kb")
        try:
            restore_kb(target, restored)
            found = contents(restored)
        except RagkitError as error:
            return [f"what is called a backup is none: {error}"]
        finally:
            shutil.rmtree(restored, ignore_errors=True)
        return [] if found == expected else ["the backup holds something else"]

    def unfinished(kb: Path) -> list[str]:
        return torn(kb) + beside(kb, "b.backup")

    command = ("backup", str(target))
    return _prepare(
        work, "backup", command, start, idle=1, at_once=True, also=unfinished, meanwhile=torn
    )


def restore(work: Path) -> Operation:
    """Restore an older backup over a knowledge base where a document was erased since."""
    docs = work / "restore"
    write(docs, "ash", "birch", "cedar")
    start, older = create_kb(work, docs), work / "older.backup"
    write(docs, "ash", version=2)
    write(docs, "doum")
    for command in (
        ("backup", str(older)),
        ("ingest", str(docs)),
        ("erase", "birch.txt", "--reason", "asked for", "--yes"),
    ):
        assert run_forked(partial(ragkit_command, *command, "--kb", str(start))).code == 0

    def unfinished(kb: Path) -> list[str]:
        return _find_remains(kb) + beside(kb)

    command = ("restore", str(older), "--replace")
    return _prepare(work, "restore", command, start, also=unfinished, at_once=True)


def beside(kb: Path, *expected: str) -> list[str]:
    """Return unexpected files beside a knowledge base."""
    known = {kb.name, *expected}
    return [f"{path.name} is left over" for path in kb.parent.iterdir() if path.name not in known]


OPERATIONS: tuple[Preparation, ...] = (
    new,
    changed,
    publish,
    remove,
    erase,
    backup,
    restore,
    reembed,
    undo,
)
"""All operations of a sweep; each prepares its own in a working folder."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to sweep: so many points, chosen by a seed, or all; of the readers, for so many seconds.

    `work` is a folder for all that is made meanwhile.
    """

    work: Path
    points: int | None
    seed: int
    preparations: tuple[Preparation, ...] = OPERATIONS

    @property
    def kb(self) -> Path:
        """The path of the knowledge base under test."""
        return self.work / "place" / "a.kb"

    def operations(self) -> Iterator[Operation]:
        return (prepare(self.work) for prepare in self.preparations)

    def share(self) -> int:
        """Return the number of points for each operation."""
        return -(-(self.points or 0) // len(self.preparations))


def examples_new(work: Path) -> Operation:
    """Ingest the example documents, with reader processes."""
    docs = work / "examples"
    shutil.copytree(EXAMPLES, docs)
    return _prepare(work, "examples, new", _one_by_one(docs), None, real_readers=True)


def examples_changed(work: Path) -> Operation:
    """Ingest the example documents with changed, new, renamed and removed files."""
    docs = work / "changed examples"
    shutil.copytree(EXAMPLES, docs)
    spare = shutil.move(docs / "finance" / "quarterly-report-2025-q1.pdf", work / "spare.pdf")
    start = create_kb(work, docs, real_readers=True)
    shutil.move(spare, docs / "finance" / "quarterly-report-2025-q1.pdf")
    shutil.copy(docs / "hr" / "employee-handbook.pdf", docs / "handbook.pdf")
    (docs / "it" / "helpdesk.html").rename(docs / "it" / "help.html")
    (docs / "purchasing" / "suppliers.csv").unlink()
    with (docs / "production" / "maintenance-log-hall-2.txt").open("a") as file:
        file.write("\n2025-02-30 TB-9 Changed.\n")
    return _prepare(work, "examples, changed", _one_by_one(docs), start, real_readers=True)


def _one_by_one(docs: Path) -> tuple[str, ...]:
    return ("ingest", str(docs), "--workers", "1")


def create_kb(work: Path, docs: Path, *, real_readers: bool = False) -> Path:
    kb = work / f"{docs.name}.kb"
    ended = run_forked(
        partial(ragkit_command, "ingest", str(docs), "--kb", str(kb), real_readers=real_readers)
    )
    assert ended.code == 0, ended
    return kb


def _prepare(
    work: Path,
    name: str,
    command: tuple[str, ...],
    start: Path | None,
    **options: Any,
) -> Operation:
    """Return the operation with the dumps before and after a run."""
    operation = Operation(name, command, start, (), (), 0, **options)
    kb = work / "place" / "a.kb"
    operation.begin(kb)
    before = run_forked(partial(contents, kb)).value if start else []
    ended = run_forked(partial(operation.run, kb))
    after = run_forked(partial(contents, kb)).value
    assert before is not None, "the base to begin with cannot be read"
    assert ended.crash is None, ended
    assert after, ended
    return replace(operation, before=tuple(before), after=tuple(after), code=ended.code)
