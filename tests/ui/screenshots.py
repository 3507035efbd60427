"""The pictures of the page for the documentation: python -m tests.ui.screenshots docs

A double of a model server gives scripted answers about the example documents.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from ragkit import Config, KnowledgeBase
from tests.support import fake_ollama
from tests.ui.browser import Served, Visitors, ask, chromium, go_to, picture, served, still

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
NO_SERVER = "127.0.0.1:11434"  # Ollama's own address: none may run while the pictures are taken
SIZE = {"width": 1280, "height": 760}
LEAVE = "How many days of annual leave do I get from the 15th year of service?"
ANSWERS = {  # question -> (words of the cited passage, answer)
    LEAVE: (
        "from the 15th year",
        "From the 15th year of service you get **32 days** of annual leave. {cite}",
    ),
    "How long must a password be?": (
        "14 characters",
        "A password has at least 14 characters. {cite}",
    ),
    "Who takes calls outside the hours of the helpdesk?": (
        "on-call technician",
        "An on-call technician takes calls for priority 1 only. {cite}",
    ),
}


def write_answer(behaviour: str, body: dict[str, object]) -> str:
    """Return the scripted answer to a prompt, citing the passage with the expected words."""
    question, passages = fake_ollama.parts(fake_ollama._prompt(body))
    words, answer = ANSWERS.get(question, ("", ""))
    for number, text in passages:
        if words and words in text:
            return answer.format(cite=f"[{number}]")
    return "NOT IN THE DOCUMENTS"


def main(folder: Path) -> None:
    fake_ollama._text = write_answer
    with (
        tempfile.TemporaryDirectory() as directory,
        fake_ollama.fake_ollama() as model_server,
        chromium() as browser,
    ):
        kb_path = Path(directory) / "examples.kb"
        with KnowledgeBase(kb_path, config=Config()) as kb:
            kb.ingest(EXAMPLES)
        visitors = Visitors(browser)
        with served(Path(directory), kb_path, NO_SERVER) as server:
            take_quote(visitors, server, folder / "page-ask.png")
        with served(Path(directory), kb_path, model_server.url) as server:
            take_search(visitors, server, folder / "page-search.png")
            take_overview(visitors, server, folder / "page-overview.png")
            visitors.leave()


def take_quote(visitors: Visitors, server: Served, path: Path) -> None:
    """A quoted table row without a model, and beside it the page with the row highlighted."""
    page = visitors.arrive(server.url, viewport=SIZE)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    answer = ask(page, LEAVE)
    answer.locator("button.source").first.click()
    picture(page)
    save(page, path)


def take_search(visitors: Visitors, server: Served, path: Path) -> None:
    """Hits in the dark theme, and beside them the page of the first one."""
    page = visitors.arrive(f"{server.url}search", viewport=SIZE, color_scheme="dark")
    page.get_by_label("Query").fill("revenue and operating result of the first quarter")
    page.get_by_label("Query").press("Enter")
    page.get_by_role("button", name="finance/quarterly-report-2025-q1.pdf").first.click()
    picture(page)
    save(page, path)


def take_overview(visitors: Visitors, server: Served, path: Path) -> None:
    """Documents and questions in numbers."""
    page = visitors.arrive(server.url, viewport={**SIZE, "height": 1300})
    for question in (*ANSWERS, "Who won the football world cup in 1998?"):
        page.get_by_role("button", name="New conversation").click()
        expect(page.get_by_text("What would you like to know?")).to_be_visible()
        answer = ask(page, question)
        if question in ANSWERS:
            answer.get_by_role("radio", name="Thumbs up").click()
            still(page)
    go_to(page, "Overview")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)
    save(page, path)


def save(page: Page, path: Path) -> None:
    still(page)
    page.mouse.move(SIZE["width"] // 2, SIZE["height"] - 100)
    page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)")
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(1000)  # charts and transitions
    page.screenshot(path=path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
