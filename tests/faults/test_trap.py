"""The trap, compared with strace, which sees every call from outside."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import pytest

from ragkit.index.tantivy_parts import index_folder
from ragkit.store.layout import Layout
from tests.faults import trap
from tests.faults.operations import write
from tests.faults.trap import Fault, Kind, Trap

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(
    trap.unavailable() is not None, reason=trap.unavailable() or "it is available"
)

CALLS = {
    "write": Kind.WRITE, "writev": Kind.WRITE, "pwrite64": Kind.WRITE, "pwritev": Kind.WRITE,
    "pwritev2": Kind.WRITE, "sendfile": Kind.WRITE, "copy_file_range": Kind.WRITE,
    "fallocate": Kind.WRITE, "ftruncate": Kind.TRUNCATE, "truncate": Kind.TRUNCATE,
    "fsync": Kind.SYNC, "fdatasync": Kind.SYNC, "open": Kind.CREATE, "openat": Kind.CREATE,
    "creat": Kind.CREATE, "mkdir": Kind.MKDIR, "mkdirat": Kind.MKDIR, "rename": Kind.RENAME,
    "renameat": Kind.RENAME, "renameat2": Kind.RENAME, "link": Kind.LINK, "linkat": Kind.LINK,
    "unlink": Kind.UNLINK, "unlinkat": Kind.UNLINK, "rmdir": Kind.RMDIR,
}  # fmt: skip
LINE = re.compile(r'(\w+)\((?:\d+<([^>]*)>|(?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)")(.*)')


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trap.build(tmp_path_factory.mktemp("trap"))


def ingest(kb: Path, docs: Path, *before: str) -> None:
    """A whole new base, made by a program of its own."""
    search = os.pathsep.join(filter(None, sys.path))
    subprocess.run(
        [*before, sys.executable, "-m", "tests.faults.commands",
         "ingest", str(docs), "--kb", str(kb)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": search},
        check=True,
        capture_output=True,
    )  # fmt: skip


def general(path: str, below: Path) -> str:
    """Return a path without the parts that differ in each run."""
    name = os.path.relpath(path, below)
    return re.sub(r"[0-9a-f]{32}", "SEGMENT", re.sub(r"\.tmp\w{6}$", ".tmp", name))


def traced(folder: Path, below: Path) -> Counter[tuple[Kind, str]]:
    """Parse the successful calls from the files of `strace -ff -y`, one for each thread.

    A call that a signal of the trap follows was not made: the trap makes it again.
    """
    found: Counter[tuple[Kind, str]] = Counter()
    for file in folder.iterdir():
        lines = file.read_text(errors="replace").splitlines()
        for line, following in zip_longest(lines, lines[1:], fillvalue=""):
            match = LINE.match(line)
            if match is None or " = -1 " in line or following.startswith("--- SIGSYS"):
                continue
            name, described, given, rest = match.groups()
            path = described or given
            makes = "O_CREAT" in rest or "O_TRUNC" in rest
            if Path(path).is_relative_to(below) and (makes or CALLS[name] is not Kind.CREATE):
                found[CALLS[name], general(path, below)] += 1
    return found


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_call_that_writes_below_the_folder_escapes_the_trap(
    tmp_path: Path, library: Path
) -> None:
    docs, place = tmp_path / "docs", tmp_path / "place"
    write(docs, "ash", "birch", "cedar")
    place.mkdir()
    (tmp_path / "seen").mkdir()
    control = Trap(library, tmp_path / "control", place)
    control.arm(Fault.RECORD)
    options = ["-ff", "-qq", "-y", "-s", "0", "-o", str(tmp_path / "seen" / "thread")]
    for name, value in control.environment().items():
        options += ["-E", f"{name}={value}"]
    ingest(place / "a.kb", docs, "strace", *options, "-e", f"trace={','.join(CALLS)}")
    noted = Counter((r.kind, general(r.path, place)) for r in control.records())
    assert noted == traced(tmp_path / "seen", place)
    assert sum(noted.values()) > 150
    words = index_folder(Layout(place / "a.kb")).relative_to(place)
    assert (Kind.RENAME, f"{words}/1/.tmp") in noted  # not by way of libc


WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for number in range(5):
    try:
        os.write(file, b"x")
        print(0)
    except OSError as error:
        print(error.errno)
os.fsync(file)
"""


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.FULL, [0, 0, errno.ENOSPC, errno.ENOSPC, errno.ENOSPC]),
        (Fault.ERROR, [0, 0, errno.EIO, 0, 0]),
    ],
)
def test_a_fault_comes_at_its_call(
    tmp_path: Path, library: Path, fault: Fault, told: list[int]
) -> None:
    """The third write is the fourth call; a disk that is full can still be synced."""
    control = Trap(library, tmp_path / "control", tmp_path / "place")
    (tmp_path / "place").mkdir()
    control.arm(fault, 4)
    done = subprocess.run(
        [sys.executable, "-c", WRITER, tmp_path / "place" / "file"],
        env={**os.environ, **control.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [int(line) for line in done.stdout.split()] == told
    assert (control.calls, control.what) == (7, "write file")


def test_a_killed_process_leaves_what_came_before(tmp_path: Path, library: Path) -> None:
    control = Trap(library, tmp_path / "control", tmp_path)
    control.arm(Fault.KILL, 4)
    done = subprocess.run(
        [sys.executable, "-c", WRITER, tmp_path / "file"],
        env={**os.environ, **control.environment()},
        capture_output=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == -9
    assert (tmp_path / "file").read_bytes() == b"xx"
