"""Holds a process to this machine and the hosts that its settings name.

Python asks audit hooks before it connects or looks a name up, whatever library wants that
(docs.python.org/3/library/audit_events). It does not ask them for native code, nor before it looks
up a name that is given straight to `socket.connect`: this is a fence against what libraries do
unasked, not against a hostile program.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit.errors import NetworkRefused

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from ragkit.config import Config

# huggingface_hub and transformers read these when they are imported.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(slots=True)
class _Fence:
    """`hosts` may be reached besides this machine, None while there is no fence; `addresses` is
    where they were found.
    """

    hosts: set[str] | None = None
    addresses: set[str] = field(default_factory=set)
    hooked: bool = False


_fence = _Fence()


def restrict_network(config: Config | None = None, *hosts: str) -> None:
    """Let this process reach nothing but this machine, the model server of `config` and `hosts`.

    Whatever else its Python code looks up or connects to, in any thread and any library, raises
    NetworkRefused; libraries of model hubs are told that there is no network. This cannot be
    taken back: a further call adds hosts. The command line and the page do it at their start. A
    program that uses ragkit as a library has to do it itself, since it may have a network of its
    own to reach; processes that it starts are not held to it.
    """
    hubs_offline()
    named = [*hosts, model_host(config)] if config else hosts
    _fence.hosts = (_fence.hosts or set()) | {_plain(host) for host in named if host}
    if not _fence.hooked:
        _fence.hooked = True
        sys.addaudithook(_watch)


def reachable() -> list[str] | None:
    """The hosts besides this machine that the process may reach; None if it is not restricted."""
    if _fence.hosts is None:
        return None
    return sorted(host for host in _fence.hosts if not on_this_machine(host))


def hubs_offline() -> None:
    """Keep model hubs' libraries that are imported from now on from fetching and from reporting."""
    os.environ.update(_OFFLINE)


def model_host(config: Config) -> str:
    """The name or address of the model server; "" if its setting holds none."""
    return host_of(config.model_url)


def host_of(url: str) -> str:
    """The name or address in a URL; "" if there is none."""
    from urllib.parse import urlsplit

    try:
        return _plain(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def on_this_machine(host: str) -> bool:
    """Whether a name or address leads nowhere else, as far as the standards say."""
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook; it is asked about a lot besides sockets."""
    if not event.startswith("socket.") or _fence.hosts is None:
        return
    match event:
        case "socket.connect":
            try:
                _check_address(*arguments)
            except NetworkRefused:
                arguments[0].close()  # which libraries do after an OSError alone
                raise
        case "socket.sendto" | "socket.sendmsg":
            _check_address(*arguments)
        case "socket.getaddrinfo" | "socket.gethostbyname":
            host = _plain(arguments[0] or "")
            if _address(host) is None:  # else there is nothing to look up
                _check_name(host)
        case "socket.gethostbyaddr":
            _check_name(_plain(arguments[0]))
        case "socket.getnameinfo":
            _check_name(_plain(arguments[0][0]))


def _check_name(host: str) -> None:
    if not _allowed(host):
        raise _refusal(f"look up {host}")


def _check_address(connecting: Any, address: Any) -> None:
    import socket

    family = connecting.family
    if address is None or family in (socket.AF_UNIX, getattr(socket, "AF_NETLINK", None)):
        return  # a connection that stands, or a program or the kernel of this machine
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise _refusal(f"reach {address!r} by address family {int(family)}")
    host = _plain(address[0])
    if not (_allowed(host) or _is_named(host)):
        raise _refusal(f"reach {host}, port {address[1]}")


def _allowed(host: str) -> bool:
    return not host or host in (_fence.hosts or ()) or on_this_machine(host)


def _is_named(address: str) -> bool:
    """Whether one of the hosts that may be reached is at this address."""
    import socket

    if address not in _fence.addresses:
        for name in [host for host in _fence.hosts or () if _address(host) is None]:
            with suppress(OSError):
                found = socket.getaddrinfo(name, None)
                _fence.addresses |= {_plain(str(entry[4][0])) for entry in found}
    return address in _fence.addresses


def _plain(host: str | bytes | bytearray) -> str:
    """A host as it is compared: an address in its short form, a name as the DNS has it."""
    text = host if isinstance(host, str) else host.decode("ascii", "replace")
    text = text.rstrip(".").lower()
    if (address := _address(text)) is not None:
        return str(address)
    with suppress(UnicodeError):
        return text if text.isascii() else text.encode("idna").decode()
    return text


def _address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _refusal(what: str) -> NetworkRefused:
    kept = " and ".join(["this machine", *(reachable() or ())])
    return NetworkRefused(
        f"{_caller()} tried to {what}, but this process is kept to {kept}; if that is a model "
        "server, name it with OLLAMA_HOST or the setting openai_url"
    )


def _caller() -> str:
    """The packages on the stack that are not Python's own, the innermost three."""
    frame = sys._getframe()
    packages: dict[str, None] = {}
    while frame.f_back is not None:
        frame = frame.f_back
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if frame.f_globals is not globals() and package not in sys.stdlib_module_names:
            packages[package] = None
    return ", called by ".join([*packages][:3]) or "Python"
