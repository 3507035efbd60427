from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from ragkit import Filter, KnowledgeBase, PageImage
from ragkit.errors import SourceError, StoreError
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind
from tests.conftest import Opener
from tests.support.pdf_maker import Sheet, make_pdf

PUMPS = make_pdf(
    [
        Sheet(["The committee met in Kranzmoor.", "It went through the list of pumps."]),
        Sheet(["Most of the pumps had worn seals."]),
    ]
)


def ids(kb: KnowledgeBase) -> dict[str, int]:
    return {document.source: document.id for document in kb.documents()}


def refusal(call: Callable[..., object], *arguments: object, **named: object) -> str:
    with pytest.raises(SourceError) as caught:
        call(*arguments, **named)
    return str(caught.value)


@pytest.fixture
def pumps(kb: KnowledgeBase, docs: Path) -> int:
    """The id of a document of two pages."""
    (docs / "pumps.pdf").write_bytes(PUMPS)
    kb.ingest(docs)
    return ids(kb)["pumps.pdf"]


def children() -> set[int]:
    while True:
        listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        with suppress(OSError):  # a thread has just ended, and left its children to another one
            return {int(number) for path in listed for number in path.read_text().split()}


def child_of(kb: KnowledgeBase, document: int) -> int:
    """The process that draws the base's pages."""
    before = children()
    kb.page_image(document, 0)
    (child,) = children() - before
    return child


def test_a_citation_is_shown_on_its_page(kb: KnowledgeBase, pumps: int) -> None:
    citation = next(c for c in kb.ask("Where has the committee met?").citations)
    image = kb.page_image(
        citation.document,
        citation.page_ordinal,
        start=citation.start,
        end=citation.end,
        width=600,
    )
    drawn = Image.open(io.BytesIO(image.png))
    assert (drawn.format, drawn.size) == ("PNG", (image.width, image.height))
    assert (image.width, image.height) == (600, 849)
    assert len(image.boxes) == len(citation.quote.splitlines())
    assert all(0 < box.left < box.right < 1 and 0 < box.top < box.bottom < 1 for box in image.boxes)
    assert kb.page_image(pumps, 1).boxes == ()


def test_the_exact_words_of_a_citation_are_what_a_page_scrolls_to(
    kb: KnowledgeBase, pumps: int
) -> None:
    text = kb.pages(pumps)[0].text
    start, end = text.index("went through"), text.index("pumps.")
    passage = kb.page_image(pumps, 0, end=len(text))
    both = kb.page_image(pumps, 0, end=len(text), highlights=((start, end),))
    alone = kb.page_image(pumps, 0, start=start, end=end)
    assert both.boxes == alone.boxes != passage.boxes
    assert len({image.png for image in (passage, both, alone)}) == 3


def test_the_original_is_the_file_itself(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "deep").mkdir()
    (docs / "deep" / "notes.txt").write_text("The canteen opens at noon.")
    kb.ingest(docs)
    assert kb.original(ids(kb)["deep/notes.txt"]) == docs / "deep" / "notes.txt"


def test_a_changed_file_is_not_shown_and_is_again_once_it_is_ingested(
    kb: KnowledgeBase, docs: Path, pumps: int
) -> None:
    path = docs / "pumps.pdf"
    kb.original(pumps), kb.page_image(pumps, 0)
    path.write_bytes(PUMPS.replace(b"Kranzmoor", b"Kranzmuur"))  # as long as before
    os.utime(path, ns=(0, 0))
    text = (
        f"{path} changed since it was ingested; update the knowledge base with: "
        f"ragkit ingest {path}"
    )
    assert refusal(kb.original, pumps) == text
    assert refusal(kb.page_image, pumps, 0) == text
    path.write_bytes(b"%PDF-1.7 rubbish")
    assert refusal(kb.page_image, pumps, 0) == text
    path.write_bytes(PUMPS)
    assert kb.original(pumps) == path
    assert kb.page_image(pumps, 0).width == 1200
    path.write_bytes(PUMPS.replace(b"Kranzmoor", b"Kranzmuur"))
    kb.ingest(docs)
    assert kb.page_image(ids(kb)["pumps.pdf"], 0).width == 1200


def test_a_vanished_file_is_named(kb: KnowledgeBase, docs: Path, pumps: int) -> None:
    path = docs / "pumps.pdf"
    path.unlink()
    gone = f"{path} does not exist any more; put it back, or ingest"
    assert refusal(kb.original, pumps).startswith(gone)
    assert refusal(kb.page_image, pumps, 0).startswith(gone)
    os.mkfifo(path)
    assert "does not exist any more" in refusal(kb.original, pumps)


def test_a_link_out_of_the_folder_is_not_followed(
    kb: KnowledgeBase, docs: Path, tmp_path: Path, pumps: int
) -> None:
    path = docs / "pumps.pdf"
    path.rename(tmp_path / "elsewhere.pdf")
    path.symlink_to(tmp_path / "elsewhere.pdf")
    outside = f"{path} is now a link out of {docs}"
    assert refusal(kb.original, pumps).startswith(outside)
    assert refusal(kb.page_image, pumps, 0).startswith(outside)
    path.unlink()
    (docs / "moved.pdf").write_bytes(PUMPS)
    path.symlink_to(docs / "moved.pdf")  # such a link is ingested, too
    assert kb.original(pumps) == path


def test_what_may_not_be_read_is_as_unknown_as_what_is_not_there(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / "pay.pdf").write_bytes(PUMPS)
    kb.ingest(docs, label="board")
    pay = ids(kb)["pay.pdf"]
    assert kb.original(pay, where=Filter(label=["board"])) == docs / "pay.pdf"
    assert kb.page_image(pay, 0, where=Filter(label=["staff", "board"])).width == 1200
    for labels in (["staff"], []):
        for arguments in ((kb.original, pay), (kb.page_image, pay, 0)):
            hidden = refusal(*arguments, where=Filter(label=labels))
            for unknown in (pay + 1, -1, 10**30):
                call, _, *page = arguments
                absent = refusal(call, unknown, *page, where=Filter(label=labels))
                assert hidden == absent.replace(f"document {unknown}", f"document {pay}")
    (docs / "pay.pdf").unlink()  # nor does its fate tell
    assert "no document" in refusal(kb.original, pay, where=Filter(label=["staff"]))


@dataclass
class Note:
    text: str
    doc_id: str
    metadata: dict[str, str] = field(default_factory=dict)


def test_what_is_no_file_or_no_pdf_is_said_to_be_so(kb: KnowledgeBase, docs: Path) -> None:
    kb.add_documents([Note("The canteen opens at 11:30.", "wiki/canteen")])
    (docs / "notes.txt").write_text("The canteen opens at noon.")
    kb.ingest(docs)
    known = ids(kb)
    assert "was added without a file" in refusal(kb.original, known["wiki/canteen"])
    assert "was added without a file" in refusal(kb.page_image, known["wiki/canteen"], 0)
    assert refusal(kb.page_image, known["notes.txt"], 0) == (
        "notes.txt is not a PDF (text), and only pages of PDFs can be shown; open the file itself: "
        f"{docs / 'notes.txt'}"
    )


def test_a_page_or_passage_that_is_not_there_is_an_error(kb: KnowledgeBase, pumps: int) -> None:
    for page in (-1, 2, 10**30):
        assert refusal(kb.page_image, pumps, page) == (
            f"invalid page {page}: pumps.pdf has 2 pages, and they count from 0"
        )
    for start, end in ((-1, 3), (3, 2), (0, 10**6)):
        text = refusal(kb.page_image, pumps, 0, start=start, end=end)
        assert text.startswith(f"invalid passage {start} to {end}: page 1 of pumps.pdf has ")
    for first, last in ((0, 4), (6, 9), (7, 6)):
        assert refusal(
            kb.page_image, pumps, 0, start=5, end=8, highlights=[(5, 6), (first, last)]
        ) == (
            f"the highlight from {first} to {last} is not in the passage from 5 to 8; "
            "pass start, end and highlights of one citation"
        )


def test_text_that_came_from_elsewhere_is_not_highlighted(open_kb: Opener, docs: Path) -> None:
    def reader(data: bytes, source: str) -> Document:
        text = "What a scanner made of it."
        block = Block(BlockKind.PARAGRAPH, 0, len(text))
        return Document("pdf", (Page(text, (block,), PageKind.PAGE, 1),))

    (docs / "scan.pdf").write_bytes(PUMPS)
    kb = open_kb(readers={".pdf": reader})
    kb.ingest(docs)
    assert kb.page_image(ids(kb)["scan.pdf"], 0, start=0, end=4).boxes == ()


def test_a_reader_that_dies_is_an_error_and_the_next_page_is_drawn(
    kb: KnowledgeBase, pumps: int
) -> None:
    child = child_of(kb, pumps)
    os.kill(child, signal.SIGSTOP)

    def crash() -> None:
        os.kill(child, signal.SIGSEGV)
        os.kill(child, signal.SIGCONT)

    threading.Timer(0.2, crash).start()
    text = refusal(kb.page_image, pumps, 0)
    assert text.startswith(
        "page 1 of pumps.pdf cannot be shown: reader crashed (the reader process ended:"
    )
    assert kb.page_image(pumps, 0).width == 1200


def test_a_page_whose_shape_is_absurd_is_refused(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "thread.pdf").write_bytes(make_pdf([Sheet(["x"], media=(50, 0, 110, 14_400))]))
    kb.ingest(docs)
    (thread,) = ids(kb).values()
    assert refusal(kb.page_image, thread, 0) == (
        "page 1 of thread.pdf cannot be shown: unsupported (the page measures 60 by 14400 "
        f"points, which is too long to draw); open the file itself: {docs / 'thread.pdf'}"
    )


def test_threads_share_one_child_that_outlives_them(kb: KnowledgeBase, pumps: int) -> None:
    before = children()

    def draw(page: int) -> PageImage:
        return kb.page_image(pumps, page % 2, width=200)

    def in_a_thread(pages: Sequence[int]) -> list[PageImage]:
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(draw, pages))

    images = in_a_thread(range(16))
    (child,) = children() - before
    time.sleep(0.1)  # the threads are gone
    assert images[:2] * 8 == images == in_a_thread(range(16))
    assert children() - before == {child}


def test_closing_the_base_ends_the_child_and_what_it_draws(kb: KnowledgeBase, pumps: int) -> None:
    child = child_of(kb, pumps)
    os.kill(child, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as threads:
        drawn = [threads.submit(kb.page_image, pumps, 0) for _ in range(2)]
        time.sleep(0.2)
        kb.close()
        assert [type(task.exception()) for task in drawn] == [SourceError, SourceError]
    assert child not in children()
    with pytest.raises(StoreError, match="this knowledge base is closed"):
        kb.page_image(pumps, 0)
