"""Serves the page: one process, on this machine's own address unless told otherwise."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ragkit import Config, KnowledgeBase, Principal, RagkitError, restrict_network
from ragkit.errors import StoreMissing
from ragkit_apps.ui.state.answering import Answering
from ragkit_apps.ui.state.ingesting import Ingests

logger = logging.getLogger(__name__)

FIRST_PORT = 8501
LOOPBACK = "127.0.0.1"
_LOOPBACKS = (LOOPBACK, "localhost", "::1", "[::1]")


@dataclass
class Service:
    """What the server has: the settings, the base, the ingest that runs, and who is answered.

    `answers` are those that are being written, by person: a reload of the page finds its own. With
    `who`, everybody at the page is this principal; else browsers are told apart.
    """

    config: Config
    ingests: Ingests = field(default_factory=Ingests)
    answers: dict[str, Answering] = field(default_factory=dict)
    kb: KnowledgeBase | None = None
    who: Principal | None = None
    _file: tuple[int, int] | None = field(init=False)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._file = _file_of(self.path)

    @property
    def path(self) -> Path:
        return Path(self.config.kb)

    @property
    def roots(self) -> list[Path]:
        """Folders of this machine that may be ingested from the page."""
        return [Path(root).absolute() for root in self.config.folders.split(os.pathsep) if root]

    def base(self, *, create: bool = False) -> KnowledgeBase | None:
        """The base that is in its directory now; None while there is none."""
        with self._guard:
            if self.kb is not None and self._file != _file_of(self.path):
                self.kb.close()  # it was moved, removed or replaced
                self.kb = None
            if self.kb is None:
                try:
                    self.kb = KnowledgeBase(self.path, config=self.config, create=create)
                except StoreMissing:
                    return None
                self._file = _file_of(self.path)
            return self.kb

    def remember(self, person: str, answering: Answering) -> None:
        """Keep what a person is being answered, and forget what has ended for anybody."""
        with self._guard:
            for known in [known for known, other in self.answers.items() if other.done]:
                del self.answers[known]
            self.answers[person] = answering


def _file_of(base: Path) -> tuple[int, int] | None:
    """What tells the database in a directory from another one that takes its place."""
    try:
        found = os.stat(base / "ragkit.db")
    except OSError:
        return None
    return found.st_dev, found.st_ino


_services: list[Service] = []


def begin(service: Service) -> None:
    """Let the page work with this from now on: Streamlit gives a script no other way to it."""
    _services[:] = [service]


def current() -> Service:
    return _services[0]


def serve(
    config: Config,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    names: Sequence[str] = (),
    who: Principal | None = None,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the page until Ctrl-C; `ready` is told its address once it can be opened.

    `who` is whom all at the page count as; without, each browser is somebody else.
    Without a `port` it is 8501 or the next one that is free. On the loopback address a browser must
    call it by a loopback name, or one of `names`: a page elsewhere could else have its own name
    point here. Raises RagkitError if the port is taken.
    """
    import streamlit
    from starlette.middleware import Middleware

    from ragkit_apps.ui import theme
    from ragkit_apps.ui.state.people import Gate

    restrict_network(config, host)
    port = free_port(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/"

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        _warm_up()
        ready(url)
        yield

    begin(Service(config, who=who))
    hosts = [*_LOOPBACKS, *names] if host in _LOOPBACKS else list(names)
    app = streamlit.App(
        Path(__file__).with_name("app.py"),
        lifespan=lifespan,
        middleware=[Middleware(Gate, names=tuple(names))],
        on_script_error=_say_it_plainly,
    )
    with suppress(KeyboardInterrupt):
        app.run(
            config={
                "server.address": host,
                "server.port": port,
                "server.allowedHosts": hosts,
                "server.headless": True,  # else it asks the network for this machine's address
                "server.fileWatcherType": "none",
                "server.showEmailPrompt": False,
                "server.maxUploadSize": config.max_file_mb,
                "browser.gatherUsageStats": False,
                "client.toolbarMode": "minimal",
                "client.showErrorDetails": "none",
                "logger.hideWelcomeMessage": True,
                **theme.options(),
            }
        )


def _warm_up() -> None:
    """Load what the first visitor would wait for.

    Streamlit collects garbage after each run of the script: what is loaded now is put out of its
    reach, which takes some 80 ms from every answer.
    """
    for part in ("ask", "documents", "search", "overview"):
        importlib.import_module(f"ragkit_apps.ui.{part}")
    gc.collect()
    gc.freeze()


def _say_it_plainly(error: Exception) -> bool:
    """What a defect of ours looks like to a visitor; the log has the rest."""
    import streamlit as st

    logger.error("the page failed", exc_info=error)
    st.error(
        "Something went wrong in ragkit. Reload the page; the log of `ragkit ui` says what it was.",
        icon=":material/error:",
    )
    return True


def free_port(host: str, port: int | None) -> int:
    """The port, if it can be had; without one, the first free of those from 8501 on."""
    tried = [port] if port is not None else range(FIRST_PORT, FIRST_PORT + 50)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for each in tried:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, each))
            except OSError as error:
                problem = error
                continue
            return int(probe.getsockname()[1])
    raise RagkitError(
        f"cannot serve on {host}, port {tried[0]}: {problem.strerror or problem}; name another "
        "port with --port, or another address of this machine with --host"
    )
