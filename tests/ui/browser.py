"""A real browser at a real server: what the journeys through the page share."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
PATIENCE = 20_000  # milliseconds that a page may take to show something, on a busy machine
MARKER = (255, 226, 110)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

# Python runs a module of this name before anything else, in children too. Connections and name
# look-ups that would leave the machine are noted before they are made.
_WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""  # else a socket in the file system
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host or ""
    if host not in ("", "localhost", "::1") and not host.startswith("127."):
        with open(os.environ["WATCH_CALLS"], "a") as file:
            file.write(f"{event} {host}\\n")

sys.addaudithook(watch)
"""


def watched(folder: Path) -> dict[str, str]:
    """The environment of a process whose calls to elsewhere are noted in `folder`/calls."""
    (folder / "watch").mkdir(parents=True, exist_ok=True)
    (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
    (folder / "calls").touch()
    ours = {name: text for name, text in os.environ.items() if not name.startswith("RAGKIT_")}
    search = [str(folder / "watch"), *(entry for entry in sys.path if entry)]
    return {
        **ours,
        "PYTHONPATH": os.pathsep.join(search),
        "WATCH_CALLS": str(folder / "calls"),
        "XDG_CONFIG_HOME": str(folder),
    }


@dataclass(frozen=True)
class Served:
    """A running page: where it is, and what its process had to do with elsewhere."""

    url: str
    base: Path
    calls: Path
    errors: Path
    process: subprocess.Popen[str]

    @property
    def called(self) -> str:
        return self.calls.read_text()


@contextmanager
def served(
    folder: Path, base: Path, ollama: str = NOBODY, *options: str, within: Sequence[str] = ()
) -> Iterator[Served]:
    """`ragkit ui` over a base, ended by Ctrl-C, which it takes without a word.

    `within` is a command that runs the one which follows it.
    """
    environment = {**watched(folder), "OLLAMA_HOST": ollama}
    command = [sys.executable, "-m", "ragkit_apps.cli.main", "ui", "--port", "0", "--no-browser"]
    with (
        (folder / "errors").open("a+") as errors,
        subprocess.Popen(
            [*within, *command, "--kb", str(base), *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE / 1000)
            line = process.stdout.readline() if ready else ""
            found = re.fullmatch(r"ragkit is at (http://127\.0\.0\.1:\d+/)  .*\n", line)
            errors.seek(0)
            assert found, f"it said {line!r} and {errors.read()!r}"
            yield Served(found[1], base, folder / "calls", folder / "errors", process)
            process.send_signal(signal.SIGINT)
            code, rest = process.wait(timeout=PATIENCE / 1000), process.stdout.read()
            said = (folder / "errors").read_text()
            assert (code, rest, said) == (0, "", ""), said
        finally:
            process.kill()


@contextmanager
def chromium(executable: str | None = CHROMIUM) -> Iterator[Browser]:
    """Debian's Chromium, for which no name but this machine's own leads anywhere."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@dataclass
class Visitors:
    """People at the page, each with a browser profile of their own; what they load is kept."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # by the page's own policy
    broken: list[str] = field(default_factory=list)  # errors of scripts

    def arrive(self, url: str, script: str = "", **options: object) -> Page:
        """A new person opens an address; a script may run before all others."""
        context = self.browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        context.add_init_script(script)
        self.contexts.append(context)
        context.on("request", lambda request: self.loaded.append(request.url))
        context.on("page", self._watch)
        page = context.new_page()
        page.goto(url)
        return page

    def leave(self) -> None:
        for context in self.contexts:
            context.close()

    @property
    def elsewhere(self) -> list[str]:
        """What was asked for that is not on this machine."""
        return [url for url in self.loaded if not _is_here(url)]

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.loaded.append(socket.url))
        page.on("pageerror", lambda error: self.broken.append(str(error)))
        page.on("console", lambda message: self._said(message.text))

    def _said(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.refused.append(text)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "blob":
        parts = urlsplit(parts.path)
    return parts.scheme in ("data", "about") or parts.hostname in _LOOPBACK


# -- what one does at the page, and sees -----------------------------------------------------------


def type_question(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask the documents")
    box.fill(question)
    box.press("Enter")


def ask(page: Page, question: str) -> Locator:
    """Ask and wait for the end of the answer; gives the message with it."""
    still(page)
    before = page.get_by_text("Details", exact=True).count()
    type_question(page, question)
    expect(page.get_by_text("Details", exact=True)).to_have_count(before + 1)
    return answers(page).last


def still(page: Page) -> None:
    """Wait until nothing is drawn any more: till then what was there before may still stand."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def answers(page: Page) -> Locator:
    return page.get_by_label("Chat message from assistant")


def choose_model(page: Page, name: str) -> None:
    """Open the settings and choose a model of the double."""
    still(page)
    box = page.get_by_role("combobox", name="Model")
    if not box.is_visible():
        page.get_by_text("Model and passages").click()
    box.click()
    box.fill(name)
    page.get_by_role("option", name=re.compile(f"^{name}:")).click()
    expect(page.get_by_text(re.compile(f"^{name}:latest")).first).to_be_visible()


def go_to(page: Page, part: str) -> None:
    still(page)
    page.get_by_role("link", name=part, exact=True).click()


def picture(page: Page) -> Image.Image:
    """The page of a document that is shown."""
    shown = page.locator(".sheet img")
    expect(shown).to_be_visible(timeout=PATIENCE)
    shown.evaluate("picture => picture.decode()")
    source = shown.get_attribute("src") or ""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB")


def marked(image: Image.Image) -> int:
    """How many pixels are what the marker leaves of white paper."""
    return sum(count for count, colour in image.getcolors(1 << 24) or () if colour == MARKER)


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.evaluate("it => it === it.getRootNode().activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def wide(page: Page) -> bool:
    """Whether the page has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def accessible(page: Page) -> list[tuple[str, str]]:
    """Role and name of all that a screen reader finds, in order."""
    tree = page.locator("body").aria_snapshot()
    found = re.findall(r"^ *- '?([a-z]+)(?: (\"(?:[^\"\\]|\\.)*\"))?", tree, re.MULTILINE)
    return [(role, json.loads(name) if name else "") for role, name in found]
