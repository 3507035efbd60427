"""Functions and commands in processes of their own, forked after all imports."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LIMIT = 60  # seconds; what takes longer hangs


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `code` is its exit code, or minus the signal that ended it.

    `value` is what the function returned, as JSON keeps it; None if it did not return.
    """

    code: int
    out: str
    err: str
    value: Any

    @property
    def crash(self) -> str | None:
        """A crash or hang; None if the process ended normally."""
        if self.code == -signal.SIGALRM:
            return f"hung for {_LIMIT} s"
        if self.code < 0:
            return f"died of {signal.Signals(-self.code).name}"
        if "Traceback" in self.err or "panicked at" in self.err:
            return f"showed a traceback: {self.err.strip().splitlines()[-1]}"
        return None


class Running:
    """A function in a process that leads its own process group."""

    def __init__(self, function: Callable[[], Any], limit: int = _LIMIT) -> None:
        self._out, self._err = (os.memfd_create(name) for name in ("out", "err"))
        self._answer, answer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            signal.alarm(limit)
            os.dup2(self._out, 1)
            os.dup2(self._err, 2)
            _end_with(function, answer)
        os.close(answer)

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # has not become a group yet
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        with os.fdopen(self._answer, "rb") as pipe:
            value = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        out, err = (_text(descriptor) for descriptor in (self._out, self._err))
        return Ended(code, out, err, json.loads(value) if value else None)


def run_forked(function: Callable[[], Any], limit: int = _LIMIT) -> Ended:
    return Running(function, limit).wait()


def _text(descriptor: int) -> str:
    """Read what was written into a file, and close it."""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode(errors="replace")


def _end_with(function: Callable[[], Any], answer: int) -> None:
    code = 0
    try:
        value = function()
        with os.fdopen(answer, "wb") as pipe:
            pipe.write(json.dumps(value).encode())
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
