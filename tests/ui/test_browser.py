"""Journeys through the page: asking, what stands beside an answer, one's own conversations."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.fake_ollama import FakeOllama
from tests.ui.conftest import EXAMPLES, Serve

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from tests.ui.browser import (
    Served,
    Visitors,
    answers,
    ask,
    choose_model,
    go_to,
    marked,
    picture,
    still,
    tab_to,
    type_question,
    watched,
)

LEAVE = "How many days of annual leave do I get from the 15th year of service?"
HANDBOOK = EXAMPLES / "hr" / "employee-handbook.pdf"


# -- nothing leaves the machine ------------------------------------------------------------------


def test_a_request_to_elsewhere_would_be_noticed(shared: Served, browser: Browser) -> None:
    visitors = Visitors(browser)
    page = visitors.arrive(shared.url)
    with page.expect_console_message():
        page.evaluate("fetch('http://elsewhere.example/policy').catch(() => {})")
    assert visitors.refused
    page.goto("about:blank")
    with page.expect_event("requestfailed"):
        page.set_content("<img src='http://elsewhere.example/a.png'>")
    with page.expect_websocket():
        page.evaluate("void new WebSocket('ws://elsewhere.example/socket')")
    visitors.leave()
    assert visitors.elsewhere[-2:] == [
        "http://elsewhere.example/a.png",
        "ws://elsewhere.example/socket",
    ]


_UDP = "socket.socket(type=socket.SOCK_DGRAM)"  # its connect sends nothing


@pytest.mark.parametrize(
    ("code", "noticed"),
    [
        ("socket.getaddrinfo('elsewhere.invalid', 80)", "socket.getaddrinfo elsewhere.invalid\n"),
        (f"{_UDP}.connect(('192.0.2.1', 9))", "socket.connect 192.0.2.1\n"),
        (f"{_UDP}.connect(('127.0.0.1', 9))", ""),
    ],
)
def test_a_call_of_the_server_to_elsewhere_would_be_noticed(
    tmp_path: Path, code: str, noticed: str
) -> None:
    command = [sys.executable, "-c", f"import socket; {code}"]
    subprocess.run(command, env=watched(tmp_path), capture_output=True, check=False)
    assert (tmp_path / "calls").read_text() == noticed


# -- asking --------------------------------------------------------------------------------------


def test_a_citation_opens_the_marked_page_beside_the_answer(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    answer = ask(page, LEAVE)
    expect(answer).to_contain_text("from the 15th year 32")
    answer.locator("button.cite").first.click()
    fifth = picture(page)
    assert marked(fifth) > 2000
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("5")
    sheet = page.locator(".sheet img")
    expect(sheet).to_have_attribute("alt", re.compile("Page 5 of .*Annual leave"))
    beside = page.locator(".sheet").bounding_box()
    talk = answer.bounding_box()
    assert beside
    assert talk
    assert beside["x"] >= talk["x"] + talk["width"]

    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("6")
    expect(sheet).to_have_attribute("alt", re.compile("Page 6 of .*Pay and benefits"))
    assert marked(picture(page)) == 0
    page.get_by_role("button", name="Previous page").click()
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("5")
    page.get_by_role("button", name="Previous page").click()
    page.get_by_role("button", name="Back to the passage").click()
    expect(sheet).to_have_attribute("alt", re.compile("Page 5 of .*Annual leave"))
    assert marked(picture(page)) > 2000

    page.get_by_role("button", name="Zoom in").click()
    expect(sheet).to_have_attribute("style", "width: 140%;")
    assert picture(page).width > fifth.width
    with page.expect_download() as download:
        page.get_by_role("button", name="Original").click()
    assert download.value.suggested_filename == HANDBOOK.name
    assert download.value.path().read_bytes() == HANDBOOK.read_bytes()


def test_the_keyboard_alone_leads_from_a_question_to_the_page_and_back(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    tab_to(page, page.get_by_placeholder("Ask the documents"))
    page.keyboard.type(LEAVE)
    page.keyboard.press("Enter")
    chip = answers(page).locator("button.cite")
    expect(chip).to_be_visible()
    expect(page.get_by_text("Details", exact=True)).to_be_visible()
    tab_to(page, chip)
    page.keyboard.press("Enter")
    expect(page.locator(".sheet img")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Next page"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("6")
    tab_to(page, page.get_by_role("button", name="Close the source"))
    page.keyboard.press("Enter")
    expect(page.locator(".sheet")).to_have_count(0)


def test_an_answer_without_end_is_stopped_and_the_next_question_works(
    shared: Served, visitors: Visitors, ollama: FakeOllama
) -> None:
    page = visitors.arrive(shared.url)
    choose_model(page, "endless")
    ollama.left.clear()
    type_question(page, LEAVE)
    expect(answers(page)).to_contain_text("and1 and2 and3")
    began = time.monotonic()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(answers(page)).to_contain_text("Stopped; not saved", timeout=2000)
    assert ollama.left.wait(max(0.0, began + 2 - time.monotonic()))
    expect(answers(page)).to_contain_text("from the 15th year 32")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    choose_model(page, "llama3.2")
    expect(ask(page, LEAVE).locator("button.cite")).to_have_count(1)


def test_an_answer_grows_while_it_is_written(shared: Served, visitors: Visitors) -> None:
    page = visitors.arrive(shared.url)
    choose_model(page, "paced")
    type_question(page, LEAVE)
    expect(page.locator(".writing")).to_contain_text("Table 2")
    early = page.locator(".writing").inner_text()
    expect(page.locator(".writing")).to_contain_text("Zeitwerk")
    assert "Zeitwerk" not in early


def test_without_a_model_server_the_page_says_so_and_quotes(
    serve: Serve, examples: Path, tmp_path: Path, visitors: Visitors
) -> None:
    page = visitors.arrive(serve(shutil.copytree(examples, tmp_path / "a.kb")).url)
    expect(page.get_by_text("No language model is available")).to_contain_text("ollama serve")
    answer = ask(page, LEAVE)
    expect(answer).to_contain_text("Quoted from your documents (no AI model running)")
    expect(answer).to_contain_text("ollama serve")
    answer.locator("button.source").first.click()
    assert marked(picture(page)) > 500


def test_an_abstention_does_not_look_like_an_answer(shared: Served, visitors: Visitors) -> None:
    page = visitors.arrive(shared.url)
    answer = ask(page, "Who won the football world cup in 1998?")
    frame = answer.locator("[class*='st-key-abstained-']")
    expect(frame).to_be_visible()
    expect(frame).to_contain_text("Nearest passages:")
    expect(answer.locator(".answer, button.cite, .badge")).to_have_count(0)
    frame.get_by_role("button").first.click()
    expect(page.get_by_role("button", name="Close the source")).to_be_visible()


# -- conversations -------------------------------------------------------------------------------


def test_two_visitors_see_their_own_conversations_alone(shared: Served, visitors: Visitors) -> None:
    first, second = visitors.arrive(shared.url), visitors.arrive(shared.url)
    phones = "When is the helpdesk open?"
    ask(first, LEAVE)
    ask(second, phones)
    assert first.url != second.url
    for page, own, other in ((first, LEAVE, phones), (second, phones, LEAVE)):
        page.reload()
        expect(answers(page)).to_have_count(1)
        expect(page.get_by_role("button", name=own[:30])).to_be_visible()
        expect(page.locator("body")).to_contain_text(own)
        expect(page.locator("body")).not_to_contain_text(other[:20])
    second.goto(first.url)
    expect(second.get_by_text("What would you like to know?")).to_be_visible()
    expect(second.get_by_role("button", name=phones)).to_be_visible()
    expect(second.locator("body")).not_to_contain_text(LEAVE[:20])


def test_a_conversation_stays_while_one_looks_at_another_part(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    ask(page, LEAVE)
    expect(page).to_have_url(re.compile("c="))
    address = page.url
    for part in ("Documents", "Overview"):
        go_to(page, part)
        expect(page.get_by_role("heading", name=part, exact=True).first).to_be_visible()
        go_to(page, "Ask")
        expect(answers(page)).to_contain_text("from the 15th year 32")
        expect(page).to_have_url(address)


def test_the_back_button_leads_back_to_the_conversation_before(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    ask(page, LEAVE)
    expect(page).to_have_url(re.compile("c="))
    first = page.url
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    ask(page, "When is the helpdesk open?")
    expect(page).to_have_url(re.compile("c="))
    assert page.url != first
    page.wait_for_timeout(600)  # who goes back has looked at the answer
    while page.url != first:
        page.go_back()
    expect(answers(page)).to_contain_text("from the 15th year 32")


def test_an_answer_that_is_being_written_survives_a_reload(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    choose_model(page, "paced")
    type_question(page, LEAVE)
    expect(page.locator(".writing")).to_contain_text("Table 2")
    page.reload()
    expect(page.locator(".writing")).to_contain_text("Table 2")
    expect(page.get_by_text("Details", exact=True)).to_be_visible()
    expect(answers(page)).to_have_count(1)


@pytest.mark.parametrize("clicked", ["a[href$='/overview']", ".st-key-source-1-1 button"])
def test_a_click_in_the_moment_in_which_an_answer_is_done_is_heeded(
    shared: Served, visitors: Visitors, clicked: str
) -> None:
    page = visitors.arrive(shared.url)
    still(page)
    page.evaluate(
        """clicked => new MutationObserver((_, observer) => {
            if (document.body.innerText.includes("Details")) {
                observer.disconnect()
                document.querySelector(clicked).click()
            }
        }).observe(document.body, {subtree: true, childList: true})""",
        clicked,
    )
    type_question(page, LEAVE)
    if "overview" in clicked:
        expect(page.get_by_test_id("stMetric").first).to_be_visible()
    else:
        source = page.get_by_role("region", name="Page 5 of hr/employee-handbook.pdf")
        expect(source).to_be_visible()
        expect(answers(page)).to_contain_text("from the 15th year 32")


def test_the_source_has_the_keyboards_focus_and_gives_it_back(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    chip = ask(page, LEAVE).locator("button.cite").first
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Page 5 of hr/employee-handbook.pdf")).to_be_focused()
    page.get_by_role("button", name="Close the source").click()
    expect(chip).to_be_focused()


def test_a_thumb_and_its_comment_survive_a_reload(shared: Served, visitors: Visitors) -> None:
    page = visitors.arrive(shared.url)
    answer = ask(page, LEAVE)
    answer.get_by_role("radio", name="Thumbs down").click()
    page.get_by_role("button", name="Comment").click()
    words = page.get_by_label("What was good or wrong about it?")
    words.fill("The table is not a sentence.")
    words.press("Control+Enter")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("radio", name="Thumbs down")).to_be_checked()
    page.get_by_role("button", name="Comment").click()
    expect(words).to_have_value("The table is not a sentence.")


def test_a_conversation_is_renamed_exported_and_deleted(shared: Served, visitors: Visitors) -> None:
    page = visitors.arrive(shared.url)
    ask(page, LEAVE)
    page.get_by_role("button", name="This conversation").click()
    page.get_by_label("Title").fill("Leave, *and* more")
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_role("button", name="Leave, *and* more")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    text = download.value.path().read_text()
    assert download.value.suggested_filename == "leave-and-more.md"
    assert text.startswith(f"# Leave, \\*and\\* more\n\n## {LEAVE}\n")
    assert "\n1. Employee handbook, page 5 (printed 2): “" in text
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    expect(page.get_by_role("button", name="Leave, *and* more")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()


def test_a_new_conversation_leaves_the_old_one_in_the_side_bar(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(shared.url)
    ask(page, LEAVE)
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    page.get_by_role("button", name=LEAVE[:30]).click()
    expect(answers(page)).to_contain_text("from the 15th year 32")
