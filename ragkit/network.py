"""Restricts a process to this machine and the hosts that its settings name.

Python calls audit hooks before it connects or resolves a name, in any library
(docs.python.org/3/library/audit_events). It does not call them for native code, nor before it
resolves a name that is passed to `socket.connect`. So this stops libraries that use the network
without being asked, not a hostile program.
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
_OFFLINE_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(slots=True)
class _Restriction:
    """The hosts that may be reached besides this machine, None while nothing is restricted.

    `addresses` are theirs, as far as they were resolved.
    """

    hosts: set[str] | None = None
    addresses: set[str] = field(default_factory=set)
    hooked: bool = False


_restriction = _Restriction()


def restrict_network(config: Config | None = None, *hosts: str) -> None:
    """Restrict this process to this machine, the model servers of `config`, and `hosts`.

    Everything else that Python code resolves or connects to, in any thread and library, raises
    NetworkRefused. Model hub libraries are set to offline mode. A restriction cannot be removed;
    another call adds hosts. The command line and the web page restrict themselves. A program that
    uses ragkit as a library must call this itself. Processes that it starts are not restricted.
    """
    hubs_offline()
    named = [*hosts, model_host(config), host_of(config.embedder_url)] if config else hosts
    _restriction.hosts = (_restriction.hosts or set()) | {
        _normalize_host(host) for host in named if host
    }
    if not _restriction.hooked:
        _restriction.hooked = True
        sys.addaudithook(_audit_hook)


def reachable() -> list[str] | None:
    """Return the hosts besides this machine that may be reached; None without a restriction."""
    if _restriction.hosts is None:
        return None
    return sorted(host for host in _restriction.hosts if not on_this_machine(host))


def hubs_offline() -> None:
    """Set model hub libraries that are imported later to offline mode, without telemetry."""
    os.environ.update(_OFFLINE_VARIABLES)


def model_host(config: Config) -> str:
    """Return the name or address of the model server; "" if the setting has none."""
    return host_of(config.model_url)


def host_of(url: str) -> str:
    """Return the name or address in a URL; "" if there is none."""
    from urllib.parse import urlsplit

    try:
        return _normalize_host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def on_this_machine(host: str) -> bool:
    """Return True if a name or address is this machine by the standards, such as localhost."""
    address = _parse_address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _audit_hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Check an event; Python calls this for much besides sockets."""
    if not event.startswith("socket.") or _restriction.hosts is None:
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
            host = _normalize_host(arguments[0] or "")
            if _parse_address(host) is None:  # else there is nothing to look up
                _check_name(host)
        case "socket.gethostbyaddr":
            _check_name(_normalize_host(arguments[0]))
        case "socket.getnameinfo":
            _check_name(_normalize_host(arguments[0][0]))


def _check_name(host: str) -> None:
    if not _is_allowed(host):
        raise _refusal_error(f"look up {host}")


def _check_address(connecting: Any, address: Any) -> None:
    import socket

    family = connecting.family
    if address is None or family in (socket.AF_UNIX, getattr(socket, "AF_NETLINK", None)):
        return  # already connected, or a program or the kernel of this machine
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise _refusal_error(f"reach {address!r} by address family {int(family)}")
    host = _normalize_host(address[0])
    if not (_is_allowed(host) or _is_allowed_address(host)):
        raise _refusal_error(f"reach {host}, port {address[1]}")


def _is_allowed(host: str) -> bool:
    return not host or host in (_restriction.hosts or ()) or on_this_machine(host)


def _is_allowed_address(address: str) -> bool:
    """Return True if one of the allowed hosts has this address."""
    import socket

    if address not in _restriction.addresses:
        for name in [host for host in _restriction.hosts or () if _parse_address(host) is None]:
            with suppress(OSError):
                found = socket.getaddrinfo(name, None)
                _restriction.addresses |= {_normalize_host(str(entry[4][0])) for entry in found}
    return address in _restriction.addresses


def _normalize_host(host: str | bytes | bytearray) -> str:
    """Return a host for comparison: an address in its short form, a name as in the DNS."""
    text = host if isinstance(host, str) else host.decode("ascii", "replace")
    text = text.rstrip(".").lower()
    if (address := _parse_address(text)) is not None:
        return str(address)
    with suppress(UnicodeError):
        return text if text.isascii() else text.encode("idna").decode()
    return text


def _parse_address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _refusal_error(what: str) -> NetworkRefused:
    kept = " and ".join(["this machine", *(reachable() or ())])
    return NetworkRefused(
        f"{_find_callers()} tried to {what}, but this process is restricted to {kept}; if that is "
        "a model server, name it with OLLAMA_HOST or the setting openai_url"
    )


def _find_callers() -> str:
    """Return the three innermost packages on the stack that are not in the standard library."""
    frame = sys._getframe()
    packages: dict[str, None] = {}
    while frame.f_back is not None:
        frame = frame.f_back
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if frame.f_globals is not globals() and package not in sys.stdlib_module_names:
            packages[package] = None
    return ", called by ".join([*packages][:3]) or "Python"
