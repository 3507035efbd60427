"""What the web page adds, in Debian's Chromium: the first paint, a question, a cited page.

First paint: from the start of the navigation to the moment at which one can type a question, each
time in a browser profile that knows nothing of the page; the base has been searched before.

A question: from Enter to the finished answer in the page, with the double of a model server that
answers at once, against the same questions put to `kb.conversation().ask` in a process of its own.

A cited page: from the click on a citation to the moment at which the page of the PDF is drawn.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from ragkit import KnowledgeBase
from tests.benchmarks.common import eval_folder, prepared_base
from tests.benchmarks.retrieval import questions
from tests.support.fake_ollama import fake_ollama
from tests.ui.browser import Visitors, answers, chromium, served

PAINTS, QUESTIONS = 7, 9
EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
ASKED = (
    "How many days of annual leave do I get from the 15th year of service?",
    "When are salaries paid?",
    "How long is the probationary period?",
)

# Seconds that each question takes in a process that has asked one before.
_LIBRARY = """
import sys, time
from ragkit import Config, KnowledgeBase
with KnowledgeBase(sys.argv[1], config=Config(ollama_host=sys.argv[2])) as kb:
    kb.conversation().ask(sys.argv[3])
    for question in sys.argv[3:]:
        started = time.monotonic()
        kb.conversation().ask(question)
        print(time.monotonic() - started)
"""


def main(arguments: list[str], workdir: Path) -> None:
    kb, texts = _base(workdir)
    kb.close()
    asked = [texts[n % len(texts)] for n in range(QUESTIONS)]
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_ollama() as fake,
        chromium() as browser,
        served(Path(folder), kb.path.absolute(), fake.url) as here,
    ):
        visitors = Visitors(browser)
        page = visitors.arrive(here.url)
        _asked(page, asked[0])
        print(f"{here.base.name}: in milliseconds")
        _row("first paint", [_painted(visitors, here.url) for _ in range(PAINTS)])
        whole, shown = [], []
        for question in asked:
            _begin(page)
            whole.append(_asked(page, question))
            page.wait_for_timeout(500)
            if answers(page).locator("button.cite").count():
                shown.append(_cited(page))
        command = [sys.executable, "-c", _LIBRARY, str(kb.path), fake.url, *asked]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        library = [float(line) for line in said.split()]
        _row("a question at the page", whole)
        _row("the same in the library", library)
        over = statistics.median(whole) - statistics.median(library)
        print(f"  {'the page adds':28} {over * 1000:6.0f}")
        _row("click to cited page, first", shown[:1])
        _row("click to cited page, others", shown[1:])
        visitors.leave()


def _base(workdir: Path) -> tuple[KnowledgeBase, list[str]]:
    """The financial filings where there are evaluation sets, else the examples."""
    if "EVAL_SETS" in os.environ:
        eval_folder()
        return prepared_base("finance", workdir), [each.text for each in questions("finance")]
    kb = KnowledgeBase(workdir / "examples.kb")
    kb.ingest(EXAMPLES)
    return kb, list(ASKED)


# When one can type a question, in milliseconds since the navigation began.
_PAINTED = """window.painted = new Promise(resolve => {
  new MutationObserver(() => {
    if (document.querySelector("[data-testid=stChatInput] textarea:not([disabled])"))
      requestAnimationFrame(() => resolve(performance.now()));
  }).observe(document, { subtree: true, childList: true, attributes: true });
})"""


def _painted(visitors: Visitors, url: str) -> float:
    page = visitors.arrive(url, _PAINTED)
    return float(page.evaluate("() => window.painted")) / 1000


def _begin(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    page.wait_for_timeout(500)  # the rest of the page is still being drawn


# Resolves to the time at which something is first there; asking every now and then from outside,
# as `wait_for` does, adds up to half a second.
_WHEN = """([selector, text]) => new Promise(resolve => {
  const look = () => {
    const found = [...document.querySelectorAll(selector)];
    const there = found.some(each => text ? each.textContent.includes(text) : each.complete
      && each.naturalWidth > 0);
    if (there) { resolve(Date.now()); clearInterval(timer); }
  };
  const timer = setInterval(look, 4);
})"""


def _until(page: Page, act: Callable[[], object], selector: str, text: str = "") -> float:
    """Seconds from the beginning of an act in the browser until something is to be seen."""
    page.evaluate(f"(asked) => {{ window.seen = ({_WHEN})(asked); }}", [selector, text])
    started = time.time()
    act()
    return float(page.evaluate("() => window.seen")) / 1000 - started


def _asked(page: Page, question: str) -> float:
    box = page.get_by_placeholder("Ask the documents")
    box.fill(question)
    return _until(page, lambda: box.press("Enter"), "main, .stMain", "Details")


def _cited(page: Page) -> float:
    chip = answers(page).locator("button.cite").first
    return _until(page, chip.click, ".sheet img")


def _row(label: str, seconds: list[float]) -> None:
    found = sorted(value * 1000 for value in seconds)
    if found:
        median = statistics.median(found)
        print(f"  {label:28} {median:6.0f} ({found[0]:.0f} to {found[-1]:.0f})", flush=True)
