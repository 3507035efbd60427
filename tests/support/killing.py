"""Kills a process at each of its steps that touch files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

_STEPS = {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_STEPS.add("ctypes.dlsym")  # of the exchange of two directories


def killed_at(work: Callable[[], object], step: int) -> bool:
    """Do the work in a child that is killed at a step of it; whether it had ended before."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: object) -> None:
            nonlocal left
            if event in _STEPS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def killed_everywhere(work: Callable[[], object], check: Callable[[], None], *, points: int) -> int:
    """Kill the work at steps spread over all of it, and check what is left; returns how many."""
    last = 1
    while not killed_at(work, last):
        check()
        last *= 2
    check()
    steps = range(0, last, max(1, last // points))
    for step in steps:
        killed_at(work, step)
        check()
    return len(steps)
