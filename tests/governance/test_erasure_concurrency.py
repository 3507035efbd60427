"""Erasing while others ask, read and back up, and what came before and after it."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ragkit import AskOptions, Config, Filter, KnowledgeBase
from ragkit.errors import SourceError, StoreDamaged, StoreError, StoreLocked
from ragkit.governance import erasure_proof, read_receipt
from ragkit.governance.audit_recorder import Recorder
from ragkit.governance.fingerprints import Fingerprints
from ragkit.maintenance import backup as backing_up
from ragkit.maintenance import restore_kb
from ragkit.store.database import connect
from ragkit.store.erasure_writer import ErasureWriter
from ragkit.store.retention import RetentionWriter
from tests.support.hashing import HashingEmbedder

SECRET = "Ana Zwickelmeier earns 91,234 euros a year and lives in Lindenweg 7, Kranzmoor-Nord. "
QUESTION = "What does Ana Zwickelmeier earn a year?"
GONE = (b"Zwickelmeier", b"zwickelmeier", b"91,234", b"Lindenweg", b"ana.txt")
WORDS = Config(ollama_host="http://127.0.0.1:9", audit_questions="text")
BROKEN = b"%PDF-1.4 garbage" * 20


def opened(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder(), config=WORDS)


@pytest.fixture
def kb(docs: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    """A base whose log keeps the words of questions, of somebody and twenty pumps."""
    (docs / "ana.txt").write_text(SECRET * 3)
    for number in range(20):
        text = f"Pump {number} weighs {3 * number} kilograms and stands in hall {number % 4}. "
        (docs / f"pump-{number}.txt").write_text(text * 3)
    with opened(tmp_path / "a.kb") as base:
        base.ingest(docs)
        yield base


def left_in(kb: KnowledgeBase) -> list[tuple[str, bytes]]:
    """Which words of the document stand in which file of the base."""
    files = [path for path in kb.path.rglob("*") if path.is_file()]
    return [(str(path), word) for path in files for word in GONE if word in path.read_bytes()]


def before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], Any]) -> None:
    """Do something once, right before a function is called."""
    real = getattr(owner, name)
    pending = [act]

    def called(*arguments: Any, **named: Any) -> Any:
        if pending:
            pending.pop()()
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, called)


# -- people who ask ------------------------------------------------------------------------------


def test_what_is_asked_while_a_document_is_being_erased_is_erased_too(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(kb.path) as other:

        def ask() -> None:
            assert "91,234" in other.conversation().ask(QUESTION).text
            other.search(QUESTION, k=1)
            other.access.label("ana.txt", "hr")

        before(monkeypatch, ErasureWriter, "begin", ask)
        receipt = kb.erase("ana.txt", reason="request 7")
        assert kb.conversations() == []
    assert left_in(kb) == []
    assert receipt.searched["elsewhere"] == 0
    assert kb.audit.verify().intact


def test_a_question_that_is_recorded_after_its_document_was_erased_has_no_words(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(kb.path) as other:
        before(
            monkeypatch, Recorder, "record_search", lambda: kb.erase("ana.txt", reason="request 7")
        )
        assert other.search(QUESTION, k=1)
        other.search("How many kilograms does pump 3 weigh?", k=1)
    *_, about_ana, about_pump = kb.audit.records(action="search")
    assert (about_ana.names, about_pump.names is not None) == ({}, True)
    assert left_in(kb) == []


def test_what_followed_in_a_conversation_leaves_the_log_too(kb: KnowledgeBase) -> None:
    """The later question was not answered from the document, but says what stands in it."""
    talk = kb.conversation()
    talk.ask(QUESTION, AskOptions(k=1))
    pump = "Is 91,234 more than pump 3 weighs, kilograms, and stands pump 3 in hall 3?"
    answer = talk.ask(pump, AskOptions(where=Filter(path="pump-*")))
    assert answer.passages
    kb.erase("ana.txt", reason="request 7")
    assert left_in(kb) == []


def test_what_people_write_of_themselves_stays_and_is_counted(kb: KnowledgeBase) -> None:
    kb.search(SECRET, where=Filter(label=["none"]))
    searched = kb.erase("ana.txt", reason="request 7").searched
    assert (searched["found"], searched["shared"]) == (0, 0)
    assert searched["elsewhere"] > 0


def test_a_hold_that_comes_with_the_erasure_holds_nothing(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(kb.path) as other:
        before(
            monkeypatch, RetentionWriter, "hold", lambda: kb.erase("ana.txt", reason="request 7")
        )
        assert other.retention.hold("ana.txt", "case of Ana Zwickelmeier") == []
    assert left_in(kb) == []


# -- readers, backups, killed processes ----------------------------------------------------------


def test_one_that_reads_meanwhile_does_not_keep_the_receipt_back(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_proof, "_WAL_TIMEOUT", 0.1)
    monkeypatch.setattr("ragkit.store.database.BUSY_TIMEOUT", 100)
    with opened(kb.path) as other:
        reading = other._store.snapshot()
        before(monkeypatch, erasure_proof, "_search_files", reading.__enter__)
        receipt = kb.erase("ana.txt", reason="request 7")
        reading.__exit__(None, None, None)
    assert receipt.verify()
    assert kb.verify().intact


def test_who_asks_again_gets_the_same_receipt(kb: KnowledgeBase) -> None:
    receipt = kb.erase("ana.txt", reason="request 7")
    assert kb.erase("ana.txt", reason="request 8") == receipt
    with pytest.raises(SourceError, match="nor in its audit log"):
        kb.erase("bo.txt", reason="request 8")


class Killed(BaseException):
    pass


def test_a_killed_erasure_gives_backups_and_people_one_receipt(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    saved = kb.backup(tmp_path / "saved").path
    with monkeypatch.context() as patched:
        patched.setattr(ErasureWriter, "end", killed)
        with pytest.raises(Killed):
            kb.erase("ana.txt", reason="request 7")
    receipt = kb.erase("ana.txt", reason="request 7")
    (line,) = (saved / "erasures.jsonl").read_text().splitlines()
    assert read_receipt(line) == receipt
    assert kb.audit.holds(receipt)


def test_a_backup_is_whole_whatever_is_erased_while_it_is_made_and_after(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(kb.path) as other:
        before(
            monkeypatch,
            backing_up,
            "_copy_uploads",
            lambda: other.erase("ana.txt", reason="request 7"),
        )
        saved = kb.backup(tmp_path / "saved").path
    kb.erase("pump-3.txt", reason="request 8")
    report = restore_kb(saved, tmp_path / "again.kb", config=WORDS)
    assert report.erased == 2
    assert not (report.path / "erasures.jsonl").exists()
    with opened(report.path) as again:
        assert len(again.documents()) == 19
        assert left_in(again) == []


def test_a_ledger_that_was_cut_off_is_named(kb: KnowledgeBase, tmp_path: Path) -> None:
    registry = kb.backup(tmp_path / "saved").path / "erasures.jsonl"
    kb.erase("ana.txt", reason="request 7")
    registry.write_bytes(registry.read_bytes()[:-40])
    with pytest.raises(StoreDamaged, match=r"erasures\.jsonl is damaged"):
        restore_kb(tmp_path / "saved", tmp_path / "again.kb", config=WORDS)


def test_a_receipt_has_its_digests_also_where_a_later_erasure_took_the_same_content(
    kb: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_proof, "_WAL_TIMEOUT", 0.1)
    monkeypatch.setattr("ragkit.store.database.BUSY_TIMEOUT", 100)
    (docs / "copy.txt").write_text(SECRET * 3)
    kb.ingest(docs)
    with opened(kb.path) as other, other._store.snapshot():
        for source in ("ana.txt", "copy.txt"):
            with pytest.raises(StoreLocked):
                kb.erase(source, reason="request 7")
    first, second = (kb.erase(source, reason="again") for source in ("ana.txt", "copy.txt"))
    assert first.digests == second.digests != ()


def test_what_somebody_must_see_to_first_is_tried_again_by_no_ingest(
    kb: KnowledgeBase, docs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stray = kb.uploads / "stray.bin"
    stray.write_text(SECRET * 3)
    with pytest.raises(StoreError, match="stray"):
        kb.erase("ana.txt", reason="request 7")
    index_version = [path.name for path in (kb.path / "index").glob("dense-*")]
    with caplog.at_level(logging.WARNING):
        kb.ingest(docs)
    assert "is not finished; for the reason run: ragkit verify" in caplog.text
    assert [path.name for path in (kb.path / "index").glob("dense-*")] == index_version
    stray.unlink()
    kb.retention.erase()
    assert kb.receipt(1).searched["found"] == 0


# -- names and files -----------------------------------------------------------------------------


def test_a_file_that_was_away_for_a_while_is_erased_with_its_earlier_stay(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    kb.conversation().ask(QUESTION, AskOptions(k=1))
    away = (docs / "ana.txt").rename(tmp_path / "away.txt")
    kb.ingest(docs)
    away.rename(docs / "ana.txt")
    kb.ingest(docs)
    (found,) = [one.id for one in kb.documents() if one.source == "ana.txt"]
    assert len(kb.erase(found, reason="request 7").documents) == 2
    assert kb.conversations() == []
    assert left_in(kb) == []


def test_another_document_keeps_its_label_though_it_has_a_former_name_of_what_is_erased(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    (docs / "pump-1.txt").rename(docs / "old.txt")
    kb.ingest(docs)
    (docs / "pump-1.txt").write_text("The new pump is secret.")
    kb.ingest(docs)
    kb.access.label("pump-1.txt", "board")
    away = (docs / "pump-1.txt").rename(tmp_path / "away.txt")
    kb.ingest(docs)
    kb.erase("old.txt", reason="request 7")
    away.rename(docs / "pump-1.txt")
    kb.ingest(docs)
    assert [one.label for one in kb.documents() if one.source == "pump-1.txt"] == ["board"]


@pytest.mark.parametrize("was_document", [False, True])
def test_an_erased_file_that_cannot_be_read_leaves_no_name_when_it_is_met_again(
    kb: KnowledgeBase, docs: Path, was_document: bool
) -> None:
    if not was_document:
        kb.erase("ana.txt", reason="request 6")
    (docs / "ana.txt").write_bytes(BROKEN)
    kb.ingest(docs)
    assert kb.erase("ana.txt", reason="request 7").digests
    assert [one.reason for one in kb.ingest(docs).failed] == ["erased"]
    assert left_in(kb) == []


@pytest.mark.parametrize("name", ["ana.txt", "hr/ana.txt"])
def test_a_refused_file_is_erased_by_its_name_before_and_after_its_folder_grew(
    tmp_path: Path, docs: Path, name: str
) -> None:
    (docs / "hr").mkdir()
    (docs / "hr" / "ana.txt").write_bytes(BROKEN)
    with opened(tmp_path / "a.kb") as kb:
        kb.ingest(docs / "hr")
        kb.ingest(docs)
        assert [one.source for one in kb.status().file_errors] == ["hr/ana.txt"]
        assert kb.erase(name, reason="request 7").digests
        assert kb.status().file_errors == ()
        assert left_in(kb) == []


def test_a_name_is_meant_however_its_umlauts_are_stored(kb: KnowledgeBase, docs: Path) -> None:
    stored = unicodedata.normalize("NFD", "Müller.txt")
    (docs / stored).write_text("Mr Müller is called so.")
    kb.ingest(docs)
    typed = unicodedata.normalize("NFC", "Müller.txt")
    assert kb.retention.hold(typed, "case 4") == [stored]
    assert kb.erase(typed, reason="request 7").documents


def test_no_lock_keeps_a_name_that_a_program_was_called_with(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/srv/erase_one.py", "ana.txt"])
    kb.erase("ana.txt", reason="request 7")
    assert "(erase_one.py)" in (kb.path / "writer.lock").read_text()
    assert left_in(kb) == []


# -- a log that somebody wrote into ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        ("kb.backup", '{"backup": []}'),
        ("kb.repair", '{"kept": "../b.kb"}'),
        ("document.add", '{"digest": 5}'),
        ("search", '{"found": 5}'),
        ("answer", '{"citations": [["a"]]}'),
        ("document.erase", "{}"),
    ],
)
def test_a_line_of_another_form_is_named_and_prevents_nothing(
    kb: KnowledgeBase, action: str, detail: str
) -> None:
    kb.close()
    with closing(connect(kb.path / "ragkit.db")) as database:
        database.execute("UPDATE audit SET action = ?, detail = ? WHERE id = 4", (action, detail))
    with opened(kb.path) as again:
        assert again.audit.verify().chain.broken == 4
        assert again.erase("ana.txt", reason="request 7").searched["found"] == 0
        assert left_in(again) == []


# -- fingerprints ------------------------------------------------------------------------------


def test_traces_of_more_contents_are_added() -> None:
    fingerprints = Fingerprints.from_contents([SECRET.encode()]).add([QUESTION.encode()])
    assert len(fingerprints.find_in_contents([SECRET.encode(), QUESTION.encode()])) == len(
        fingerprints.hashes
    )
    assert 0 < len(fingerprints.find_in_contents([SECRET.encode()])) < len(fingerprints.hashes)


def test_a_former_name_leads_to_the_one_that_a_document_has_now(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / "ana.txt").rename(docs / "pay.txt")
    kb.ingest(docs)
    with pytest.raises(
        SourceError, match=r"ana\.txt is now called pay\.txt: erase it by that name"
    ):
        kb.erase("ana.txt", reason="request 7")


def test_the_receipt_of_a_killed_erasure_names_the_files_outside(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(erasure_proof, "_rewrite_files", killed)
        with pytest.raises(Killed):
            kb.erase("ana.txt", reason="request 7")
    remains = kb.erase("ana.txt", reason="request 7").remains
    assert "1 files outside the knowledge base, from which it was ingested" in remains
