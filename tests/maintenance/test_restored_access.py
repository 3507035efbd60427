"""A knowledge base that replaces another keeps the access rules of that one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import StoreError
from ragkit.maintenance import RestoreReport, restore_kb
from ragkit.store.database import connect
from tests.support import damage
from tests.support.hashing import HashingEmbedder

NOBODY = Config(ollama_host="http://127.0.0.1:9")


def opened(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder(), config=NOBODY)


@pytest.fixture
def base(docs: Path, tmp_path: Path) -> Path:
    for name in ("ana", "bo"):
        (docs / f"{name}.txt").write_text(f"What {name} earns is a secret.")
    with opened(tmp_path / "a.kb") as kb:
        kb.ingest(docs)
        kb.access.label("bo.txt", "hr")
        kb.access.grant("hr", "user:eve")
        kb.retention.keep("hr", 100)
        kb.retention.hold("bo.txt", "case 3")
        kb.backup(tmp_path / "saved")
    return tmp_path / "a.kb"


def changed(base: Path, change: Callable[[KnowledgeBase], object]) -> RestoreReport:
    """What a restore says that comes after a change."""
    with opened(base) as kb:
        change(kb)
    return restore_kb(base.parent / "saved", base, replace=True, config=NOBODY)


def test_what_was_closed_since_the_backup_stays_closed(base: Path) -> None:
    def close(kb: KnowledgeBase) -> None:
        kb.access.label("ana.txt", "board")
        kb.access.grant("board", "user:boss")
        kb.access.revoke("hr", "user:eve")
        kb.access.set_mode("enforced")

    report = changed(base, close)
    assert report.access_rules == (
        "access control is enforced again",
        "user:eve may no longer read hr",
        "user:boss may read board again",
        "ana.txt is labeled board again",
    )
    with opened(base) as kb:
        assert kb.as_principal("user:eve").documents() == []
        assert [one.source for one in kb.as_principal("user:boss").documents()] == ["ana.txt"]
        assert kb.audit.verify().intact


def test_what_is_held_and_kept_stays_so(base: Path) -> None:
    def decide(kb: KnowledgeBase) -> None:
        kb.retention.hold("ana.txt", "case 4")
        kb.retention.release("bo.txt")
        kb.retention.keep("default", 30)
        kb.retention.keep("hr", None)

    changed(base, decide)
    with opened(base) as kb:
        assert [(one.source, one.reason) for one in kb.retention.holds()] == [("ana.txt", "case 4")]
        assert kb.retention.rules() == {"default": 30}


def test_what_is_held_and_not_in_the_backup_is_not_replaced(base: Path, docs: Path) -> None:
    (docs / "cy.txt").write_text("What cy earns is a secret.")

    def hold(kb: KnowledgeBase) -> None:
        kb.ingest(docs)
        kb.retention.hold("cy.txt", "case 5")

    with pytest.raises(
        StoreError, match=r"cy\.txt: on legal hold in the knowledge base to be replaced"
    ):
        changed(base, hold)
    with opened(base) as kb:
        assert len(kb.documents()) == 3
        kb.retention.release("cy.txt")
    assert changed(base, lambda kb: None).documents == 2


def test_numbers_of_another_base_made_of_the_same_backup_mean_nothing(
    base: Path, docs: Path, tmp_path: Path
) -> None:
    """Both go on from the same backup, and give the next number to different documents."""
    restore_kb(tmp_path / "saved", tmp_path / "b.kb", config=NOBODY)
    ruled = Config(ollama_host="http://127.0.0.1:9", labels={"secret.txt": "board"})
    with KnowledgeBase(base, embedder=HashingEmbedder(), config=ruled) as kb:
        (docs / "secret.txt").write_text("What the board decided is secret.")
        kb.ingest(docs)
        kb.backup(tmp_path / "later")
        (secret,) = [one.id for one in kb.documents() if one.source == "secret.txt"]
    (docs / "secret.txt").unlink()
    with opened(tmp_path / "b.kb") as kb:
        kb.retention.release("bo.txt")
        (docs / "menu.txt").write_text("There is soup on Fridays.")
        kb.ingest(docs)
        assert [one.id for one in kb.documents() if one.source == "menu.txt"] == [secret]
    restore_kb(tmp_path / "later", tmp_path / "b.kb", replace=True, config=NOBODY)
    with opened(tmp_path / "b.kb") as kb:
        assert [one.label for one in kb.documents() if one.id == secret] == ["board"]


def test_a_damaged_base_holds_up_no_restore(base: Path) -> None:
    with opened(base) as kb:
        kb.access.set_mode("enforced")
        rows = kb._store.layout.database
    with closing(connect(rows)) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'legal_hold'"
        ).fetchone()
    damage.flip(rows, (page - 1) * 4096 + 4000)
    assert not restore_kb(
        base.parent / "saved", base, replace=True, config=NOBODY
    ).access_rules_known


def test_where_nothing_was_changed_nothing_is_said(base: Path) -> None:
    report = changed(base, lambda kb: None)
    assert (report.access_rules, report.access_rules_known) == ((), True)


def test_a_base_that_cannot_be_read_governs_no_other(base: Path) -> None:
    damage.flip(base / "ragkit.db", 2000)
    report = restore_kb(base.parent / "saved", base, replace=True, config=NOBODY)
    assert (report.access_rules, report.access_rules_known) == ((), False)


def test_a_backup_is_not_replaced_by_what_is_made_of_it(base: Path) -> None:
    saved = base.parent / "saved"
    with pytest.raises(StoreError, match="which would be replaced"):
        restore_kb(saved, saved, replace=True, config=NOBODY)
    assert (saved / "manifest.json").exists()
