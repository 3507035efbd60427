"""Journeys through the page: adding documents, reading them, what is found, how it all goes."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from tests.support.fake_ollama import FakeOllama
from tests.ui.conftest import EXAMPLES, Serve

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.ui.browser import Served, Visitors, ask, go_to, marked, picture

LAMP = "The harbour lamp of Kranzmoor burns green from dusk until half past five."
WORDS = ("valve", "pump", "seal", "bolt", "report", "hall", "motor", "shift", "steel", "crane")


def add(page: Page, files: list[dict[str, object]]) -> None:
    """Upload files on Documents, where the form for it is open."""
    page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Add documents").click()


def file(name: str, text: str | bytes) -> dict[str, object]:
    content = text if isinstance(text, bytes) else text.encode()
    return {"name": name, "mimeType": "text/plain", "buffer": content}


def long_texts(count: int) -> list[dict[str, object]]:
    """Files that take a few seconds to ingest."""
    chance = random.Random(count)
    texts = (" ".join(chance.choices(WORDS, k=3000)) + "." for _ in range(count))
    return [file(f"shift {number}.txt", text) for number, text in enumerate(texts)]


# -- adding --------------------------------------------------------------------------------------


def test_where_there_is_no_base_yet_the_page_leads_to_an_upload(
    serve: Serve, tmp_path: Path, ollama: FakeOllama, visitors: Visitors
) -> None:
    page = visitors.arrive(serve(tmp_path / "new.kb", ollama.url).url)
    expect(page.get_by_text("No knowledge base yet")).to_be_visible()
    expect(page.get_by_text(f"ragkit ingest FOLDER --kb {tmp_path / 'new.kb'}")).to_be_visible()
    page.get_by_role("button", name="Add documents").click()
    expect(page.get_by_text("No documents yet")).to_be_visible()
    handbook = EXAMPLES / "hr" / "employee-handbook.pdf"
    add(page, [file("lamp.txt", LAMP), file("handbook.pdf", handbook.read_bytes())])
    expect(page.get_by_text("2 added")).to_be_visible()
    expect(page.get_by_text("2 documents, 9 pages")).to_be_visible()
    go_to(page, "Ask")
    expect(page.get_by_text("Answers come from 2 documents, each with its source.")).to_be_visible()
    answer = ask(page, "When does the harbour lamp of Kranzmoor burn?")
    expect(answer).to_contain_text("burns green from dusk")
    expect(answer.locator("button.cite[aria-label='Source 1: lamp.txt']")).to_be_visible()


def test_an_upload_shows_its_progress_to_everybody_and_through_a_reload(
    serve: Serve, examples: Path, tmp_path: Path, ollama: FakeOllama, visitors: Visitors
) -> None:
    here = serve(shutil.copytree(examples, tmp_path / "a.kb"), ollama.url)
    page = visitors.arrive(here.url)
    ask(page, "When is the helpdesk open?")
    go_to(page, "Documents")
    page.locator("summary").get_by_text("Add documents").click()
    add(page, [*long_texts(40), file("zz lamp.txt", LAMP), file("empty.txt", "")])
    expect(page.get_by_text("Ingesting Uploaded files")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Ingesting Uploaded files")).to_be_visible()
    other = visitors.arrive(f"{here.url}documents")
    expect(other.get_by_text("Ingesting Uploaded files")).to_be_visible()
    for visitor in (page, other):
        expect(visitor.get_by_text("41 added, 1 failed")).to_be_visible(timeout=180_000)
    expect(page.get_by_text("empty.txt: empty")).to_be_visible()
    expect(page.get_by_text("55 documents")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("41 added, 1 failed")).to_have_count(0)
    go_to(page, "Ask")
    answer = ask(page, "When does the harbour lamp of Kranzmoor burn?")
    answer.locator("button.cite").click()
    expect(page.locator("mark.passage")).to_contain_text("burns green from dusk")


# -- reading -------------------------------------------------------------------------------------


def listed(page: Page) -> list[str]:
    return page.locator(".st-key-documents button").all_inner_texts()


def test_documents_are_found_sorted_and_read(shared: Served, visitors: Visitors) -> None:
    page = visitors.arrive(f"{shared.url}documents")
    expect(page.get_by_text("14 documents, 32 pages")).to_be_visible()
    page.get_by_placeholder("Name, title, type or label").fill("pdf")
    page.get_by_placeholder("Name, title, type or label").press("Enter")
    expect(page.locator(".st-key-documents button")).to_have_count(2)
    assert [name.rpartition("\n")[2] for name in listed(page)] == [
        "finance/quarterly-report-2025-q1.pdf",
        "hr/employee-handbook.pdf",
    ]
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name="Most pages").click()
    first = page.locator(".st-key-documents button").first
    expect(first).to_contain_text("hr/employee-handbook.pdf")

    first.click()
    expect(page.get_by_role("heading", name="Employee handbook")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("1")
    assert marked(picture(page)) == 0
    page.get_by_text("Outline", exact=True).click()
    page.get_by_role("button", name="2.1 Annual leave").click()
    expect(page.get_by_role("spinbutton", name="Page of 8")).to_have_value("5")
    assert marked(picture(page)) > 500
    page.get_by_text("Chunks", exact=True).click()
    expect(page.get_by_text("Chunk 1, page 1")).to_be_visible()
    page.get_by_role("button", name="Chunk 2, page").click()
    expect(page.get_by_role("img", name=re.compile("Page .* marked: "))).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Employee handbook")).to_be_visible()
    page.get_by_role("button", name="All documents").click()
    expect(page.get_by_text("14 documents, 32 pages")).to_be_visible()


def test_a_document_is_removed_once_that_is_confirmed(
    serve: Serve, examples: Path, tmp_path: Path, visitors: Visitors
) -> None:
    here = serve(shutil.copytree(examples, tmp_path / "a.kb"))
    page = visitors.arrive(f"{here.url}documents")
    page.get_by_role("button", name="it/helpdesk.html").click()
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("it/helpdesk.html")
    expect(dialog).to_contain_text("Its file is not deleted")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("13 documents")).to_be_visible()
    expect(page.get_by_role("button", name="it/helpdesk.html")).to_have_count(0)
    assert (EXAMPLES / "it" / "helpdesk.html").exists()


# -- search and overview -------------------------------------------------------------------------


def test_a_search_shows_hits_their_ranking_and_their_pages(
    shared: Served, visitors: Visitors
) -> None:
    page = visitors.arrive(f"{shared.url}search")
    page.get_by_label("Query").fill("annual leave")
    page.get_by_label("Query").press("Enter")
    hit = page.get_by_role("button", name="1 hr/employee-handbook.pdf, page 5 (printed 2)")
    expect(hit).to_be_visible()
    expect(page.locator("[class*='st-key-hit-box-']")).to_have_count(10)
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    table = page.get_by_role("region", name="All candidates with their scores, best first")
    expect(table.locator("canvas").first).to_be_visible()
    hit.click()
    assert marked(picture(page)) > 500
    go_to(page, "Documents")
    go_to(page, "Search")
    expect(page.get_by_label("Query")).to_have_value("annual leave")


def test_the_overview_counts_what_was_asked(
    serve: Serve, examples: Path, tmp_path: Path, ollama: FakeOllama, visitors: Visitors
) -> None:
    here = serve(shutil.copytree(examples, tmp_path / "a.kb"), ollama.url)
    page = visitors.arrive(f"{here.url}overview")
    expect(page.get_by_text("No questions in conversations yet")).to_be_visible()
    go_to(page, "Ask")
    answer = ask(page, "How many days of annual leave do I get from the 15th year of service?")
    answer.get_by_role("radio", name="Thumbs up").click()
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    ask(page, "Who won the football world cup in 1998?")
    go_to(page, "Overview")
    metrics = page.get_by_test_id("stMetric")
    for name, value in (
        ("Documents", "14"),
        ("Asked", "2"),
        ("Answered", "50.0 %"),
        ("Abstained", "50.0 %"),
        ("Thumbs up", "1"),
        ("Thumbs down", "0"),
    ):
        metric = metrics.filter(has=page.get_by_text(name, exact=True))
        expect(metric.get_by_test_id("stMetricValue")).to_have_text(value)
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(4)
    for chart in charts.all():
        expect(chart.locator("canvas, svg").first).to_be_visible()
