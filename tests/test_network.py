"""Nothing leaves the machine: seen from outside, and held from inside."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from ragkit import Config, KnowledgeBase, NetworkRefused, RagkitError, restrict_network
from ragkit.network import reachable
from ragkit_apps import cli

ROOT = Path(__file__).parent.parent
NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
LOCAL = f"http://{NOBODY}"
ELSEWHERE = "http://192.0.2.1:3128"  # an address of nobody's (RFC 5737)


def environment(folder: Path, ollama: str = NOBODY) -> dict[str, str]:
    """That of somebody who has set nothing that would keep a library at home, and a proxy."""
    ours = ("RAGKIT_", "HF_", "TRANSFORMERS_", "DO_NOT_TRACK", "STREAMLIT_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)]),
        "OLLAMA_HOST": ollama,
        "XDG_CONFIG_HOME": str(folder),
        "HTTP_PROXY": ELSEWHERE,
        "HTTPS_PROXY": ELSEWHERE,
        "ALL_PROXY": ELSEWHERE,
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true",
    }


# -- held from inside: the fence around a process --------------------------------------------------


def tcp(host: str) -> None:
    socket.create_connection((host, 80), timeout=1)


def udp(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (host, 53))


def message(host: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendmsg([b"x"], [], 0, (host, 53))


def other_family() -> None:
    with socket.socket(socket.AF_VSOCK) as sender:
        sender.connect((2, 80))


async def stream(host: str) -> None:
    await asyncio.open_connection(host, 80)


ATTEMPTS: list[tuple[Callable[[], object], str]] = [
    (lambda: tcp("192.0.2.1"), "reach 192.0.2.1, port 80"),
    (lambda: tcp("2001:db8::1"), "reach 2001:db8::1, port 80"),
    (lambda: tcp("::ffff:192.0.2.1"), "reach 192.0.2.1, port 80"),
    (lambda: tcp("example.com"), "look up example.com"),
    (lambda: udp(socket.AF_INET, "192.0.2.1"), "reach 192.0.2.1, port 53"),
    (lambda: udp(socket.AF_INET6, "2001:db8::1"), "reach 2001:db8::1, port 53"),
    (lambda: message("192.0.2.1"), "reach 192.0.2.1, port 53"),
    (other_family, "reach (2, 80) by address family 40"),
    (lambda: socket.getaddrinfo(b"Example.COM.", 80), "look up example.com"),
    (lambda: socket.getaddrinfo("bücher.example", 80), "look up xn--bcher-kva.example"),
    (lambda: socket.gethostbyname("example.com"), "look up example.com"),
    (lambda: socket.gethostbyname_ex("example.com"), "look up example.com"),
    (lambda: socket.gethostbyaddr("192.0.2.1"), "look up 192.0.2.1"),
    (lambda: socket.getnameinfo(("192.0.2.1", 80), 0), "look up 192.0.2.1"),
    (lambda: asyncio.run(stream("192.0.2.1")), "reach 192.0.2.1, port 80"),
    (lambda: asyncio.run(stream("example.com")), "look up example.com"),
    (lambda: urllib.request.urlopen("http://example.com"), "look up example.com"),
    (lambda: urllib.request.urlopen("http://192.0.2.1"), "reach 192.0.2.1, port 80"),
    (lambda: httpx.get("https://example.com"), "look up example.com"),
    (lambda: httpx.get(LOCAL, proxy=ELSEWHERE), "reach 192.0.2.1, port 3128"),
]


@pytest.fixture
def restricted(free_network: None) -> None:
    restrict_network(Config(ollama_host="gpu.example"), "10.0.0.7")


@pytest.mark.usefixtures("restricted")
@pytest.mark.parametrize(("attempt", "what"), ATTEMPTS)
def test_what_would_leave_is_refused_and_named(attempt: Callable[[], object], what: str) -> None:
    with pytest.raises(NetworkRefused) as caught:
        attempt()
    assert f" tried to {what}, but this process is kept to this machine and " in str(caught.value)


@pytest.mark.usefixtures("restricted")
def test_a_refusal_says_which_library_it_was_and_what_to_do() -> None:
    with pytest.raises(NetworkRefused) as caught:
        httpx.get("http://example.com")
    assert str(caught.value) == (
        "httpcore, called by httpx, called by tests tried to look up example.com, but this process "
        "is kept to this machine and 10.0.0.7 and gpu.example; if that is a model server, name it "
        "with OLLAMA_HOST or the setting openai_url"
    )


@pytest.mark.usefixtures("restricted")
def test_threads_are_held_too() -> None:
    with ThreadPoolExecutor() as pool, pytest.raises(NetworkRefused):
        pool.submit(tcp, "192.0.2.1").result()


@pytest.mark.usefixtures("restricted")
def test_a_hub_that_thinks_it_is_online_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(NetworkRefused, match="called by huggingface_hub tried to look up"):
        hub.HfApi().model_info("some/model")


def test_hubs_libraries_are_told_that_there_is_no_network(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    code = """
import ragkit
ragkit.restrict_network()
import huggingface_hub
from huggingface_hub import constants
assert constants.HF_HUB_OFFLINE and constants.HF_HUB_DISABLE_TELEMETRY
try:
    huggingface_hub.HfApi().model_info("some/model")
except huggingface_hub.errors.OfflineModeIsEnabled:
    print("offline")
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout == "offline\n"


@pytest.mark.usefixtures("restricted")
def test_this_machine_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "", "0.0.0.0", b"127.0.0.1"):
            sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)
        with socket.create_connection(("localhost", port)) as here:
            there, _ = server.accept()
            with there:
                here.sendmsg([b"x"])
                assert there.recv(1) == b"x"
    with socket.socket() as other:
        sys.audit("socket.connect", other, ("0.0.0.0", 80))
    for address in ("::1", "::", "::ffff:127.0.0.1"):
        with socket.socket(socket.AF_INET6) as other:
            sys.audit("socket.connect", other, (address, 80, 0, 0))
    with socket.socket(socket.AF_UNIX) as program:
        program.bind(str(tmp_path / "program"))
        program.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "program"))
    assert socket.getaddrinfo("192.0.2.1", 80)  # which asks nobody


@pytest.mark.usefixtures("restricted")
def test_a_named_host_is_free_at_the_addresses_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What Python asks its audit hooks before it connects, without connecting."""
    known = {"gpu.example": "192.0.2.7"}
    look_ups = []

    def getaddrinfo(host: str, port: object) -> list[object]:
        look_ups.append(host)
        return [(0, 0, 0, "", (known[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with socket.socket() as some:
        sys.audit("socket.getaddrinfo", "GPU.example", 11434, 0, 0, 0)
        for address in ("192.0.2.7", "192.0.2.7", "10.0.0.7", "gpu.example"):
            sys.audit("socket.connect", some, (address, 11434))
        assert look_ups == ["gpu.example"]
        with pytest.raises(NetworkRefused):
            sys.audit("socket.connect", some, ("192.0.2.8", 11434))
        known["gpu.example"] = "192.0.2.8"
        sys.audit("socket.connect", some, ("192.0.2.8", 11434))


@pytest.mark.usefixtures("free_network")
@pytest.mark.parametrize(
    ("config", "host"),
    [
        (Config(ollama_host="https://GPU.example:5000/base"), "gpu.example"),
        (Config(ollama_host="[2001:DB8:0::7]:5000"), "2001:db8::7"),
        (Config(ollama_host="gpu.example", openai_url="http://10.0.0.7:8000/v1"), "10.0.0.7"),
        (Config(openai_url="http://[bad"), None),
        (Config(), None),
    ],
)
def test_the_host_is_that_of_the_server_which_is_set(config: Config, host: str | None) -> None:
    restrict_network(config)
    assert reachable() == ([host] if host else [])


@pytest.mark.usefixtures("free_network")
def test_the_command_line_holds_its_process_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["ragkit", "--version"])
    with suppress(SystemExit):
        cli.main()
    assert reachable() == []


@pytest.mark.usefixtures("free_network")
def test_the_page_holds_its_process_to_its_model_server_and_its_own_name() -> None:
    pytest.importorskip("streamlit")
    from ragkit_apps.ui.serving import serve

    with pytest.raises(RagkitError, match="--host"):
        serve(Config(ollama_host="gpu.example"), host="192.0.2.1")
    assert reachable() == ["192.0.2.1", "gpu.example"]


@pytest.mark.usefixtures("free_network")
def test_a_program_with_a_base_keeps_its_network(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "leave.txt").write_text("Everybody has 28 days of annual leave.")
    kb.ingest(docs)
    assert kb.ask("How many days of annual leave?").citations
    assert reachable() is None
