"""The server of the web page: one process, by default on the loopback address only."""

from __future__ import annotations

import gc
import importlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ragkit import Config, Principal, RagkitError, restrict_network
from ragkit_apps.ui.state.service import Service, set_service

logger = logging.getLogger(__name__)

FIRST_PORT = 8501
MAX_PORTS_TRIED = 50
LOOPBACK = "127.0.0.1"
APP_SCRIPT = Path(__file__).with_name("pages") / "app.py"
"""Not beside the folder: Streamlit serves each file of a folder `pages` beside its script."""
_LOOPBACK_NAMES = (LOOPBACK, "localhost", "::1", "[::1]")


def serve(
    config: Config,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    names: Sequence[str] = (),
    principal: Principal | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the page until Ctrl-C; call `on_ready` with its URL once it can be opened.

    With a `principal`, every visitor acts as this principal; without, each browser is its own.
    Without a `port`, take 8501 or the next free one. On the loopback address, browsers must use a
    loopback name or one of `names` (this prevents DNS rebinding). Raises RagkitError if the port
    is taken.
    """
    import streamlit
    from starlette.middleware import Middleware

    from ragkit_apps.ui import theme
    from ragkit_apps.ui.state.people import VisitorMiddleware

    restrict_network(config, host)
    port = find_port(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        _preload_pages()
        on_ready(url)
        yield

    set_service(Service(config, principal=principal))
    hosts = [*_LOOPBACK_NAMES, *names] if host in _LOOPBACK_NAMES else list(names)
    app = streamlit.App(
        APP_SCRIPT,
        lifespan=lifespan,
        middleware=[Middleware(VisitorMiddleware, names=tuple(names))],
        on_script_error=_report_defect,
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
                **theme.build_options(),
            }
        )


def _preload_pages() -> None:
    """Import the pages before the first visitor comes.

    Streamlit collects garbage after each run of the script. Freezing what is loaded now keeps the
    collector away from it, which saves some 80 ms per answer.
    """
    for name in ("ask", "documents", "search", "overview"):
        importlib.import_module(f"ragkit_apps.ui.pages.{name}")
    gc.collect()
    gc.freeze()


def _report_defect(error: Exception) -> bool:
    """Show a short message for an unexpected error, and log the error."""
    import streamlit as st

    logger.error("the page failed", exc_info=error)
    st.error(
        "Something went wrong in ragkit. Reload the page. The log of `ragkit ui` has the details.",
        icon=":material/error:",
    )
    return True


def find_port(host: str, port: int | None) -> int:
    """Return the port if it is free; without one, the first free port from 8501 on.

    Raises RagkitError if there is none.
    """
    candidates = [port] if port is not None else range(FIRST_PORT, FIRST_PORT + MAX_PORTS_TRIED)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in candidates:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                problem = error
                continue
            return int(probe.getsockname()[1])
    raise RagkitError(
        f"cannot listen on {host}, port {candidates[0]}: {problem.strerror or problem}; choose "
        "another port with --port, or another address of this machine with --host"
    )
