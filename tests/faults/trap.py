"""Faults at the system calls of a process; see trap.c."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_HEAD = struct.Struct("<iiqq")  # fault, lock, at, calls
_SIZE = 4096
_TEXT = 512
_RECORD = struct.Struct("<IIIIQq")


class Fault(IntEnum):
    """What happens to the calls from a certain one on."""

    RECORD = 0
    KILL = 1
    FULL = 2
    ERROR = 3
    ERRORS = 4


class Kind(IntEnum):
    WRITE = 0
    TRUNCATE = 1
    SYNC = 2
    CREATE = 3
    MKDIR = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    RMDIR = 8
    ACKNOWLEDGE = 9
    EXCHANGE = 10


@dataclass(frozen=True, slots=True)
class Record:
    """A call that succeeded. `offset` is a write's place, or the length of a truncated file.

    An acknowledgement has in `path` what was acknowledged.
    """

    kind: Kind
    path: str
    other: str
    inode: int
    offset: int
    data: bytes


def unavailable() -> str | None:
    """Return why calls cannot be trapped here; None if they can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "system calls are trapped on x86-64 Linux alone"
    if shutil.which("gcc") is None:
        return "trap.c needs gcc"
    return None


def build(folder: Path) -> Path:
    """Compile trap.c into a folder."""
    library = folder / "trap.so"
    source = Path(__file__).with_name("trap.c")
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True
    )
    return library


class Trap:
    """Counts and fails the calls below a directory, in the processes that entered the trap."""

    def __init__(self, library: Path, control: Path, below: Path) -> None:
        self._library = library
        self._control = control
        self._log = Path(f"{control}.log")
        self._below = below

    def arm(self, fault: Fault, at: int = 0) -> None:
        """Restart the count; the fault comes at call `at`, counted from 1."""
        head = _HEAD.pack(fault, 0, at, 0) + os.fsencode(self._below)
        self._control.write_bytes(head.ljust(_SIZE, b"\0"))
        self._log.write_bytes(b"")

    def environment(self) -> dict[str, str]:
        """Return the environment that brings a started program into the trap."""
        return {"LD_PRELOAD": str(self._library), "FAULT_CONTROL": str(self._control)}

    def enter(self) -> None:
        """Trap this process and its children; it cannot be undone."""
        os.environ.update(self.environment())
        self._entered = ctypes.CDLL(str(self._library))

    def acknowledge(self, what: str) -> None:
        """Log, in a trapped process, that `what` was acknowledged."""
        self._entered.acknowledge(os.fsencode(what))

    @property
    def calls(self) -> int:
        """Return the number of calls."""
        return int(_HEAD.unpack_from(self._control.read_bytes())[3])

    @property
    def what(self) -> str:
        """Return the call that the fault was set for."""
        data = self._control.read_bytes()
        return os.fsdecode(data[_HEAD.size + _TEXT :].partition(b"\0")[0])

    def records(self) -> Iterator[Record]:
        """Return the calls in order; without recording, only the acknowledgements."""
        log, at = self._log.read_bytes(), 0
        while at < len(log):
            kind, *lengths, inode, offset = _RECORD.unpack_from(log, at)
            at += _RECORD.size
            parts = []
            for length in lengths:
                parts.append(log[at : at + length])
                at += length
            path, other = os.fsdecode(parts[0]), os.fsdecode(parts[1])
            yield Record(Kind(kind), path, other, inode, offset, parts[2])

    def acknowledged(self) -> set[str]:
        return {record.path for record in self.records() if record.kind is Kind.ACKNOWLEDGE}
