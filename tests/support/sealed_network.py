"""A network without a way out, and a trace of all that a program asks of it.

Needs Linux with unshare, nsenter and strace, and the right to make a network of one's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from ragkit import network

# Brings loopback up (SIOCSIFFLAGS, IFF_UP and IFF_RUNNING) and keeps the network while it is read.
_HOLD = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
    fcntl.ioctl(anything, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
print("up", flush=True)
sys.stdin.read()
"""
# Data is not printed, so that nothing in it looks like an address; io_uring would hide calls.
_STRACE = [*("strace", "-f", "--seccomp-bpf", "-s", "0"), "-e", "trace=network,io_uring_setup"]
_LEAVING = re.compile(r"^\d+ +(connect|sendto|sendmsg|sendmmsg|io_uring_setup)\((.*)", re.MULTILINE)
_PLACE = re.compile(
    r"sa_family=(\w+)"
    r"(?:, sin_port=htons\((\d+)\), sin_addr=inet_addr\(\"([^\"]*)\"\)"
    r"|, sin6_port=htons\((\d+)\), [^}]*?inet_pton\(AF_INET6, \"([^\"]*)\""
    r"|, sun_path=@?\"([^\"]*)\")?"
)
# The C library asks it who the user is, and then for "localhost" as for any name. Where there is
# none, as in a container, look-ups go to the resolver and are seen.
_NAME_CACHE = "/var/run/nscd/socket"
_DNS = 53


@dataclass(frozen=True, order=True)
class Call:
    """What was asked of the network: the system call, the family, and where it leads."""

    name: str
    family: str
    place: str
    port: int = 0

    @property
    def leaves(self) -> bool:
        """Whether it leads out of this machine, or asks a resolver, which may lead there."""
        match self.family:
            case "AF_INET" | "AF_INET6":
                return self.port == _DNS or not ip_address(self.place).is_loopback
            case "AF_UNIX":
                return self.place != _NAME_CACHE
        return self.family != "AF_NETLINK"


def calls(trace: Path) -> set[Call]:
    """All that a trace has of programs that turned to somebody."""
    found = set()
    for name, arguments in _LEAVING.findall(trace.read_text()):
        places = _PLACE.findall(arguments)
        if name == "io_uring_setup":
            found.add(Call(name, "?", arguments))
        for family, port, address, port6, address6, path in places:
            found.add(Call(name, family, address or address6 or path, int(port or port6 or 0)))
    return found


@dataclass(frozen=True)
class Network:
    """One with nothing in it but loopback; `enter` before a command runs it there."""

    enter: list[str]

    def traced(self, trace: Path, *, aside: bool = False) -> list[str]:
        """What runs a command there and writes down its calls.

        `aside` lets the command be the child of whoever starts it, to get its signals.
        """
        return [*self.enter, *_STRACE, *(["-D"] if aside else []), "-o", str(trace)]


@contextmanager
def sealed_network() -> Iterator[Network]:
    """A network for the length of the block. Raises OSError if it or a trace cannot be had."""
    for program in ("unshare", "nsenter", "strace"):
        if shutil.which(program) is None:
            raise OSError(f"{program} is not installed")
    own = os.getuid() == 0
    unshare = ["unshare", "--net", *([] if own else ["--user", "--map-root-user"])]
    with subprocess.Popen(
        [*unshare, sys.executable, "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "up\n":
            raise OSError(f"no network of one's own: {holder.stderr.read().strip()}")
        rights = [] if own else ["--user", "--preserve-credentials"]
        found = Network(["nsenter", f"--target={holder.pid}", "--net", *rights])
        trial = [*found.traced(Path(os.devnull)), "true"]
        done = subprocess.run(trial, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"nothing can be traced: {done.stderr.strip()}")
        yield found


def free(patch: pytest.MonkeyPatch) -> None:
    """Let this process reach everything, and do so again after the test, whatever it restricts."""
    for name in network._OFFLINE_VARIABLES:
        patch.setenv(name, "0")
    patch.setattr(network._restriction, "hosts", None)
    patch.setattr(network._restriction, "addresses", set())


def wait_for_trace(trace: Path, process: int) -> None:
    """Wait until the end of a process stands in a trace that is written aside."""
    end = re.compile(rf"^{process} +\+\+\+ ", re.MULTILINE)
    until = time.monotonic() + 10
    while not end.search(trace.read_text()):
        assert time.monotonic() < until, "the trace has no end"
        time.sleep(0.05)
