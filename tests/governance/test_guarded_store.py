"""What a principal opens is recorded: documents each time, a page once in ten minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase, View
from ragkit.errors import AccessDenied, SourceError
from ragkit.governance import guarded_store
from tests.support.hashing import HashingEmbedder

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Everybody has 28 days of leave.")
    config = Config(ollama_host=NOBODY)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb:
        kb.ingest(tmp_path / "docs")
        yield kb


def opened(kb: KnowledgeBase) -> list[tuple[str, str]]:
    """Who opened what, as the audit log has it."""
    return [(r.actor, r.detail["what"]) for r in kb.audit.records() if r.action == "open"]


def look(view: View, id: int) -> None:
    """What a program does that shows a page, and draws it larger."""
    view.page(id, 0)
    view.chunks(id, page=0)
    for width in (100, 200):
        with pytest.raises(SourceError, match="is not a PDF"):
            view.page_image(id, 0, width=width)


def test_an_opened_page_is_recorded_once_by_whatever_it_is_fetched(kb: KnowledgeBase) -> None:
    (document,) = kb.documents()
    for _ in range(2):
        look(kb.as_principal("user:ana"), document.id)
    assert opened(kb) == [("user:ana", "page 0")]
    look(kb.as_principal("user:bob"), document.id)
    look(kb.as_principal("user:bob", ["hr"]), document.id)
    assert opened(kb)[1:] == [("user:bob", "page 0")] * 2


def test_a_page_is_recorded_again_after_ten_minutes(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    (document,) = kb.documents()
    now = guarded_store.time.monotonic()
    for seconds in (0, 599, 601, 1200, 1202):
        monkeypatch.setattr(guarded_store.time, "monotonic", lambda at=now + seconds: at)
        kb.page(document.id, 0)
    assert opened(kb) == [(kb.who, "page 0")] * 3


def test_a_document_is_recorded_each_time_and_a_question_for_its_file_never(
    kb: KnowledgeBase,
) -> None:
    (document,) = kb.documents()
    for _ in range(2):
        kb.pages(document.id)
        assert kb.has_original(document.id)
        kb.original(document.id)
    assert opened(kb) == [(kb.who, what) for what in ("pages", "original")] * 2
    (Path(kb.status().source_folders[0]) / "a.txt").unlink()
    assert not kb.has_original(document.id)


def test_a_page_that_was_opened_is_refused_once_it_cannot_be_read(kb: KnowledgeBase) -> None:
    (document,) = kb.documents()
    view = kb.as_principal("user:ana")
    view.page(document.id, 0)
    kb.page(document.id, 0)
    kb.access.set_mode("enforced")
    with pytest.raises(SourceError, match=f"there is no document {document.id}"):
        view.page(document.id, 0)
    with pytest.raises(AccessDenied, match="say who asks"):
        kb.page(document.id, 0)
    assert [r.action for r in kb.audit.records()][-2:] == ["refuse", "refuse"]
