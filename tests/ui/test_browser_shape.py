"""How the page stands up: to hostile text, on a telephone, in the dark, to whoever calls it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx
import pytest

from ragkit import Config, KnowledgeBase
from tests.support.fake_ollama import FakeOllama
from tests.ui.conftest import Serve

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.ui.browser import (
    Served,
    Visitors,
    accessible,
    answers,
    ask,
    go_to,
    marked,
    picture,
    still,
    wide,
)

LEAVE = "How many days of annual leave do I get from the 15th year of service?"
PARTS = ("Ask", "Documents", "Search", "Overview")
HOSTILE = (
    "The gate code is 4711 <img src='http://elsewhere.example/a.png' onerror='window.harm=1'> "
    "![pixel](http://elsewhere.example/b.png) [click](javascript:window.harm=1) "
    "[site](http://elsewhere.example/) <a href='http://elsewhere.example/'>here</a> "
    "<script>window.harm=1</script> <iframe src='http://elsewhere.example/'></iframe> "
    "<style>body{display:none}</style> :material/home: :red[red] $x^2$ http://elsewhere.example/x "
    "HTTPS://elsewhere.example/y www.elsewhere.example someone@elsewhere.example"
)


def shown(page: Page, part: str) -> None:
    """Go to a part of the page and wait until it is there."""
    go_to(page, part)
    inside = page.get_by_role("main")
    if part == "Ask":
        expect(page.get_by_placeholder("Ask the documents")).to_be_visible()
    else:
        expect(inside.get_by_role("heading", name=part, exact=True)).to_be_visible()


# -- hostile text --------------------------------------------------------------------------------


def harmless(page: Page) -> None:
    """Nothing of the hostile text has become anything but text."""
    link = "a[href*=elsewhere]:not([href^='#'])"  # headings lead to themselves
    alive = f"[src*=elsewhere], {link}, a[href^=javascript], main iframe, .katex"
    expect(page.locator(alive)).to_have_count(0)
    assert page.evaluate("window.harm") is None
    expect(page.get_by_role("main")).to_be_visible()


def test_hostile_text_becomes_no_element_and_no_request(
    serve: Serve, tmp_path: Path, ollama: FakeOllama, visitors: Visitors
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    name = "<img src=x onerror=harm()> ![a](b) :red[c].txt"
    (docs / name).write_text(f"{HOSTILE}.\n")
    (docs / "hostile.md").write_text(f"# {HOSTILE}\n\n## [gate](javascript:x)\n\n{HOSTILE}.\n")
    with KnowledgeBase(tmp_path / "a.kb", config=Config()) as kb:
        kb.ingest(docs)
    page = visitors.arrive(serve(tmp_path / "a.kb", ollama.url).url)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    harmless(page)
    answer = ask(page, f"What is the gate code? {HOSTILE}")
    expect(answer).to_contain_text("img src='http")
    expect(answer).to_contain_text("(javascript:window.harm=1)")
    harmless(page)
    answer.locator("button.cite").first.click()
    expect(page.locator("mark.passage")).to_contain_text("<script>window.harm=1</script>")
    harmless(page)
    page.get_by_role("button", name="Details").click()
    expect(page.get_by_text("Passages, with their similarity")).to_be_visible()
    harmless(page)
    shown(page, "Documents")
    expect(page.get_by_role("button", name="<img src=x onerror=harm()> ![a](b)")).to_be_visible()
    harmless(page)
    page.get_by_role("button", name="hostile.md").click()
    page.get_by_text("Outline", exact=True).click()
    expect(page.get_by_role("button", name="[gate](javascript")).to_be_visible()
    harmless(page)
    page.get_by_text("Chunks", exact=True).click()
    expect(page.locator(".chunk").first).to_contain_text("<script>")
    harmless(page)
    shown(page, "Search")
    page.get_by_label("Query").fill(HOSTILE)
    page.get_by_label("Query").press("Enter")
    expect(page.locator("[class*='st-key-hit-box-']").first).to_contain_text("<iframe")
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    harmless(page)


# -- shapes --------------------------------------------------------------------------------------


def test_on_a_telephone_nothing_is_too_wide_and_the_source_lies_over_the_page(
    shared: Served, visitors: Visitors
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visitors.arrive(shared.url, **phone)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    assert not wide(page)
    answer = ask(page, LEAVE)
    answer.locator("button.cite").first.tap()
    assert marked(picture(page)) > 2000
    source = page.locator(".st-key-source").bounding_box()
    assert source is not None
    assert (source["x"], source["y"], source["width"]) == (0, 0, 390)
    assert not wide(page)
    page.get_by_role("button", name="Close the source").tap()
    expect(page.locator(".st-key-source")).to_have_count(0)
    expect(answers(page)).to_be_visible()
    for part in PARTS[1:]:
        page.get_by_test_id("stExpandSidebarButton").tap()
        page.get_by_role("link", name=part, exact=True).tap()
        page.get_by_role("button", name="Collapse sidebar").tap()
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
        if part == "Search":
            page.get_by_label("Query").fill("annual leave")
            page.get_by_label("Query").press("Enter")
            expect(page.get_by_test_id("stVegaLiteChart").locator("svg, canvas")).to_be_visible()
        assert not wide(page)


def test_in_the_dark_paper_and_ink_change_places(shared: Served, visitors: Visitors) -> None:
    def lightness(page: Page) -> tuple[int, int]:
        """Of the ground and of the ink, from 0 to 765."""
        app = page.get_by_test_id("stApp")
        expect(page.get_by_text("What would you like to know?")).to_be_visible()
        found = app.evaluate(
            "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
        )
        ground, ink = (sum(map(int, re.findall(r"\d+", each)[:3])) for each in found)
        return ground, ink

    ground, ink = lightness(visitors.arrive(shared.url, color_scheme="light"))
    assert ground > 700 > 200 > ink
    dark = visitors.arrive(shared.url, color_scheme="dark")
    ground, ink = lightness(dark)
    assert ground < 200 < 600 < ink
    ask(dark, LEAVE).locator("button.cite").first.click()
    assert marked(picture(dark)) > 2000


# -- who may call --------------------------------------------------------------------------------


def shake_hands(url: str, host: str, origin: str = "") -> str:
    """The first line that the server answers to a request for a websocket by this name."""
    at = httpx.URL(url)
    origin = origin or f"http://{host}"
    with socket.create_connection((at.host, at.port), timeout=10) as connection:
        connection.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
            f"Origin: {origin}\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        return connection.recv(4096).decode(errors="replace").partition("\r\n")[0]


def test_a_name_that_points_here_from_elsewhere_is_refused(serve: Serve, tmp_path: Path) -> None:
    here = serve(tmp_path / "none.kb")
    port = httpx.URL(here.url).port
    assert " 101 " in shake_hands(here.url, f"127.0.0.1:{port}")
    assert " 101 " in shake_hands(here.url, f"localhost:{port}")
    assert here.errors.read_text() == ""
    assert " 403 " in shake_hands(here.url, f"rebound.example:{port}")
    assert " 403 " in shake_hands(here.url, "127.0.0.1.rebound.example")
    assert here.errors.read_text().count("disallowed Origin or Host") == 2
    here.errors.write_text("")


def test_a_page_of_another_site_is_refused_without_a_question_to_the_network(
    serve: Serve, tmp_path: Path
) -> None:
    here = serve(tmp_path / "none.kb")
    host = f"127.0.0.1:{httpx.URL(here.url).port}"
    assert " 403 " in shake_hands(here.url, host, "http://evil.example")
    assert " 403 " in shake_hands(here.url, host, "null")
    assert " 101 " in shake_hands(here.url, host)
    assert here.called == ""


def test_the_page_says_what_a_browser_may_load_and_keeps_its_cookie_to_itself(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    person = cookies["ragkit_person"]
    assert (person["httpOnly"], person["sameSite"]) == (True, "Lax")
    assert "ragkit_person" not in page.evaluate("document.cookie")
    first = httpx.get(shared.url)
    assert first.headers["content-security-policy"].startswith("default-src 'self';")
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "no-referrer"


# -- who reads with the ears ---------------------------------------------------------------------

NAMED = ("button", "textbox", "searchbox", "combobox", "checkbox", "radio", "slider", "spinbutton")


def test_everything_to_press_or_fill_has_a_name_and_headings_have_an_order(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    headings: dict[str, list[int]] = {}

    def look(where: str) -> None:
        still(page)
        nameless = [role for role, name in accessible(page) if role in NAMED and not name]
        assert (where, nameless) == (where, [])
        pictures = page.locator("img:visible:not([alt]), img:visible[alt='']")
        assert (where, pictures.count()) == (where, 0)
        found = page.get_by_role("main").get_by_role("heading")
        headings[where] = [int(each.evaluate("e => e.tagName[1]")) for each in found.all()]

    look("Ask")
    ask(page, LEAVE).locator("button.cite").first.click()
    picture(page)
    page.get_by_text("Model and passages").click()
    expect(page.get_by_role("slider")).to_be_visible()
    look("an answer")
    for part in PARTS[1:]:
        shown(page, part)
        if part == "Documents":
            page.locator("summary").get_by_text("Add documents").click()
            expect(page.get_by_text("Replace files of the same name")).to_be_visible()
        if part == "Search":
            page.get_by_label("Query").fill("annual leave")
            page.get_by_label("Query").press("Enter")
            expect(page.get_by_test_id("stVegaLiteChart").locator("svg, canvas")).to_be_visible()
        look(part)
    assert headings == {
        "Ask": [1],
        "an answer": [1, 2],
        "Documents": [1],
        "Search": [1, 2],
        "Overview": [1, 2, 3, 3, 2, 3, 3],
    }
