from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from ragkit import AskOptions, Config, Filter, KnowledgeBase, Receipt
from ragkit.errors import SourceError, StoreError
from ragkit.governance import read_receipt
from ragkit.maintenance import repair_kb, restore_kb
from ragkit.store.database import connect
from tests.support import damage
from tests.support.hashing import HashingEmbedder

SECRET = "Ana Zwickelmeier earns 91,234 euros a year and lives in Lindenweg 7, Kranzmoor-Nord. "
LATER = "Ana Zwickelmeier earns 95,000 euros a year and lives in Lindenweg 7, Kranzmoor-Nord. "
QUESTION = "What does Ana Zwickelmeier earn a year?"
GONE = (b"Zwickelmeier", b"zwickelmeier", b"91,234", b"95,000", b"Lindenweg", b"ana-salary")
NOBODY = Config(ollama_host="http://127.0.0.1:9")


@dataclass
class Note:
    """A document that is no file."""

    id_: str
    text: str

    @property
    def metadata(self) -> dict[str, str]:
        return {"file_path": self.id_}


@pytest.fixture
def kb(docs: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    """A base with a document about somebody, and twenty others."""
    (docs / "ana-salary.txt").write_text(SECRET * 3)
    for number in range(20):
        text = f"Pump {number} weighs {3 * number} kilograms and stands in hall {number % 4}. "
        (docs / f"pump-{number}.txt").write_text(text * 3)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=NOBODY) as opened:
        opened.ingest(docs)
        yield opened


def left_in(kb: KnowledgeBase) -> list[tuple[str, bytes]]:
    """Which words of the document stand in which file of the base."""
    files = [path for path in kb.path.rglob("*") if path.is_file()]
    return [(str(path), word) for path in files for word in GONE if word in path.read_bytes()]


def test_what_is_erased_is_in_no_byte_of_the_base(kb: KnowledgeBase, docs: Path) -> None:
    assert left_in(kb)
    receipt = kb.erase("ana-salary.txt", reason="request 7")
    assert left_in(kb) == []
    assert all("Zwickel" not in hit.text for hit in kb.search(QUESTION))
    assert receipt.searched["places"] > 5
    assert receipt.searched["found"] == 0
    assert receipt.searched["vectors"] == receipt.searched["words"] == 20
    assert len(list(kb.dump())) == 21
    assert (docs / "ana-salary.txt").exists()


def test_older_versions_and_the_answers_from_them_are_erased_too(
    kb: KnowledgeBase, docs: Path
) -> None:
    talk = kb.conversation()
    other = kb.conversation()
    other.ask("How many kilograms does pump 3 weigh?", AskOptions(k=1))
    assert "91,234" in talk.ask(QUESTION).text
    (docs / "ana-salary.txt").write_text(LATER * 3)
    kb.ingest(docs)
    talk.ask("How many kilograms does pump 4 weigh?", AskOptions(k=1))
    plan = kb.erasure_plan("ana-salary.txt")
    assert (plan.sources, plan.turns, plan.conversations) == (("ana-salary.txt",), 2, 1)
    receipt = kb.erase("ana-salary.txt", reason="request 7")
    assert left_in(kb) == []
    assert len(receipt.digests) == 2
    assert [found.id for found in kb.conversations()] == [other.id]
    assert len(other.turns()) == 1


def test_a_document_that_was_removed_before_is_erased_by_its_name(kb: KnowledgeBase) -> None:
    kb.remove("ana-salary.txt")
    assert left_in(kb)
    plan = kb.erasure_plan("ana-salary.txt")
    assert (plan.sources, plan.former) == ((), ("ana-salary.txt",))
    kb.erase("ana-salary.txt", reason="request 7")
    assert left_in(kb) == []


def test_a_document_is_erased_with_the_name_that_it_had(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "ana-salary.txt").rename(docs / "pay.txt")
    kb.ingest(docs)
    kb.erase("pay.txt", reason="request 7")
    assert left_in(kb) == []


def test_a_document_that_has_another_name_now_is_not_erased_by_its_old_one(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / "pump-1.txt").rename(docs / "old-pump.txt")
    kb.ingest(docs)
    (docs / "pump-1.txt").write_text("The new pump weighs 12 kilograms.")
    kb.ingest(docs)
    assert kb.erasure_plan("pump-1.txt").sources == ("pump-1.txt",)


def test_a_folder_and_a_pattern_mean_also_what_was_removed(kb: KnowledgeBase) -> None:
    kb.remove("pump-1.txt")
    plan = kb.erasure_plan("pump-1*.txt")
    assert len(plan.sources) == 10  # 10 to 19
    assert plan.former == ("pump-1.txt",)


def test_the_log_still_fits_and_has_no_names_of_what_was_erased(kb: KnowledgeBase) -> None:
    kb.erase("ana-salary.txt", reason="request 7")
    assert kb.audit.verify().intact
    records = kb.audit.records()
    added = next(record for record in records if record.object == "document:1")
    assert (added.action, added.names) == ("document.add", None)
    (erased,) = [record for record in records if record.action == "document.erase"]
    assert erased.detail["documents"] == ["document:1"]
    assert erased.names == {"reason": "request 7"}


def test_a_question_that_was_answered_from_it_leaves_the_log(tmp_path: Path, docs: Path) -> None:
    (docs / "ana-salary.txt").write_text(SECRET * 3)
    (docs / "pump.txt").write_text("The pump weighs 31 kilograms.")
    config = Config(ollama_host="http://127.0.0.1:9", audit_questions="text")
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb:
        kb.ingest(docs)
        kb.search(QUESTION, k=1)
        kb.search("How much does the pump weigh?", k=1)
        kb.erase("ana-salary.txt", reason="request 7")
        asked = [record.names for record in kb.audit.records(action="search")]
        assert asked == [None, {"question": "How much does the pump weigh?"}]
        assert left_in(kb) == []


def test_an_erased_file_does_not_come_back_unless_it_is_to(kb: KnowledgeBase, docs: Path) -> None:
    kb.erase("ana-salary.txt", reason="request 7")
    report = kb.ingest(docs)
    assert [(one.source, one.reason) for one in report.failed] == [("ana-salary.txt", "erased")]
    assert report.added == []
    assert left_in(kb) == []
    assert kb.status().file_errors == ()
    assert kb.ingest(docs, allow_erased=True).added == ["ana-salary.txt"]
    assert "91,234" in kb.ask(QUESTION).text
    assert kb.ingest(docs).failed == []


@pytest.fixture
def copied(kb: KnowledgeBase, docs: Path) -> KnowledgeBase:
    """A base from which a file was erased whose copy, since deleted, stayed in it."""
    (docs / "copies").mkdir()
    (docs / "copies" / "pay.txt").write_text(SECRET * 3)
    kb.ingest(docs)
    kb.access.label("copies/pay.txt", "board")
    kb.erase("ana-salary.txt", reason="request 7")
    (docs / "copies" / "pay.txt").unlink()
    return kb


def test_an_erased_file_does_not_come_back_as_the_new_name_of_a_copy(
    copied: KnowledgeBase, docs: Path
) -> None:
    report = copied.ingest(docs)
    assert [(one.source, one.reason) for one in report.failed] == [("ana-salary.txt", "erased")]
    assert (report.renamed, report.removed) == ([], ["copies/pay.txt"])
    assert all("Zwickel" not in hit.text for hit in copied.search(QUESTION))


def test_an_erased_file_that_is_to_come_back_may_be_a_renamed_copy(
    copied: KnowledgeBase, docs: Path
) -> None:
    report = copied.ingest(docs, allow_erased=True)
    assert (report.renamed, report.failed) == ([("copies/pay.txt", "ana-salary.txt")], [])
    assert [one.source for one in copied.documents(where=Filter(label=["board"]))] == [
        "ana-salary.txt"
    ]
    assert [record.action for record in copied.audit.records()][-2:] == [
        "document.allow-erased",
        "document.rename",
    ]
    (docs / "ana-salary.txt").rename(docs / "pay.txt")
    assert copied.ingest(docs).renamed == [("ana-salary.txt", "pay.txt")]


def test_an_uploaded_file_is_deleted_with_its_document(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=NOBODY) as kb:
        (kb.uploads / "ana-salary.txt").write_text(SECRET)
        kb.ingest(kb.uploads)
        assert kb.erasure_plan("ana-salary.txt").files == ("ana-salary.txt",)
        kb.erase("ana-salary.txt", reason="request 7")
        assert list(kb.uploads.iterdir()) == []
        assert left_in(kb) == []


def test_of_an_upload_that_is_no_document_any_more_the_file_goes_too(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=NOBODY) as kb:
        file = kb.uploads / "Ana Zwickelmeier" / "ana-salary.txt"
        file.parent.mkdir()
        file.write_text(SECRET)
        kb.ingest(kb.uploads)
        file.write_bytes(b"\x00\x01\x02" * 100 + SECRET.encode())
        kb.ingest(kb.uploads)
        assert kb.documents() == []
        assert kb.erasure_plan(f"{file.parent.name}/{file.name}").files
        kb.erase(f"{file.parent.name}/{file.name}", reason="request 7")
        assert list(kb.uploads.iterdir()) == []
        assert left_in(kb) == []


def test_an_upload_of_another_document_with_the_same_name_stays(kb: KnowledgeBase) -> None:
    (kb.uploads / "ana-salary.txt").write_text("Of Bo.")
    kb.ingest(kb.uploads)
    mine = next(one.id for one in kb.documents() if one.source[:3] == "ana" and not one.uploaded)
    assert kb.erasure_plan(mine).files == ()
    kb.erase(mine, reason="request 7")
    assert [one.uploaded for one in kb.documents() if one.source == "ana-salary.txt"] == [True]
    assert (kb.uploads / "ana-salary.txt").read_text() == "Of Bo."


def test_no_file_outside_of_the_base_is_deleted_whatever_its_document_was_called(
    kb: KnowledgeBase, docs: Path
) -> None:
    kb.add_documents([Note(str(docs / "pump-1.txt"), SECRET)])
    kb.remove(str(docs / "pump-1.txt"))
    kb.add_documents([Note("../../docs/pump-2.txt", SECRET)])
    kb.remove("../../docs/pump-2.txt")
    for name in (str(docs / "pump-1.txt"), "../../docs/pump-2.txt"):
        assert kb.erasure_plan(name).files == ()
        kb.erase(name, reason="request 7")
    assert (docs / "pump-1.txt").exists()
    assert (docs / "pump-2.txt").exists()


def test_a_file_that_was_refused_leaves_no_name_behind(kb: KnowledgeBase, docs: Path) -> None:
    name = "zwickelmeier-warning-letter-of-may.txt"
    (docs / name).write_text("")
    kb.ingest(docs)
    (docs / name).write_text(SECRET.replace("euros", "francs"))
    kb.ingest(docs)
    kb.erase("ana-salary.txt", reason="request 7")
    receipt = kb.erase(name, reason="request 8")
    assert receipt.searched["shared"] == 0
    assert left_in(kb) == []


def test_a_file_that_never_was_a_document_is_erased_by_its_name(
    kb: KnowledgeBase, docs: Path
) -> None:
    kb.erase("ana-salary.txt", reason="request 7")
    (docs / "zwickelmeier.txt").write_text("")
    kb.ingest(docs)
    (docs / "zwickelmeier.txt").unlink()
    assert left_in(kb)
    assert kb.erase("zwickelmeier.txt", reason="request 8").documents == ()
    assert kb.status().file_errors == ()
    assert left_in(kb) == []


def test_a_number_means_a_document_and_no_name(kb: KnowledgeBase, docs: Path) -> None:
    for name in ("3", "3.txt"):
        (docs / name).write_text(f"Bo is called {name}.")
    kb.ingest(docs)
    kb.remove("3")
    source = kb.document(3).source
    plan = kb.erasure_plan(3)
    assert (plan.sources, plan.former) == ((source,), ())


def test_another_folders_document_keeps_the_label_that_a_hand_gave_it(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for folder in (docs, other):
        (folder / "plan.txt").write_text(f"The plan in {folder.name} is secret.")
    kb.ingest(docs, other)
    kb.access.label(str(docs / "plan.txt"), "board")
    away = (docs / "plan.txt").rename(tmp_path / "plan.txt")
    kb.ingest(docs)
    kb.erase(str(other / "plan.txt"), reason="request 7")
    away.rename(docs / "plan.txt")
    kb.ingest(docs)
    assert [one.label for one in kb.documents() if one.source == "plan.txt"] == ["board"]


def test_what_was_shown_first_is_what_is_erased(kb: KnowledgeBase, docs: Path) -> None:
    plan = kb.erasure_plan("pump-1*.txt")
    (docs / "pump-100.txt").write_text("Another pump.")
    kb.ingest(docs)
    with pytest.raises(SourceError, match="has changed since the erasure was planned"):
        kb.erase("pump-1*.txt", reason="request 7", plan=plan)
    assert len(kb.documents()) == 22
    plan = kb.erasure_plan("pump-1*.txt")
    assert len(kb.erase("pump-1*.txt", reason="request 7", plan=plan).documents) == 12


def test_nothing_is_erased_without_a_reason_or_a_name(kb: KnowledgeBase) -> None:
    with pytest.raises(ValueError, match="the reason is empty"):
        kb.erase("ana-salary.txt", reason=" ")
    with pytest.raises(SourceError):
        kb.erase("", reason="request 7")
    assert len(kb.documents()) == 21


def test_a_base_that_a_repair_has_kept_is_named(kb: KnowledgeBase, tmp_path: Path) -> None:
    kb.close()
    damage.flip(kb.path / "ragkit.db", 2 * 4096 + 2000)
    kept = repair_kb(kb.path, NOBODY).kept
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=NOBODY) as again:
        receipt = again.erase("pump-2.txt", reason="request 7")
    assert any(str(kept) in what for what in receipt.remains)


def test_a_folder_is_erased_with_what_was_refused_in_it(kb: KnowledgeBase) -> None:
    folder = kb.uploads / "hr"
    folder.mkdir()
    (folder / "s.txt").write_text("Bo earns 70,000 francs.")
    (folder / "t.pdf").write_bytes(b"%PDF-1.4 of Bo, and broken")
    (kb.uploads / "other.pdf").write_bytes(b"%PDF-1.4 of others, and broken")
    kb.ingest(kb.uploads)
    assert kb.erasure_plan("hr").files == ("hr/s.txt", "hr/t.pdf")
    kb.erase("hr", reason="request 7")
    assert [path.name for path in kb.uploads.iterdir()] == ["other.pdf"]
    assert [one.source for one in kb.status().file_errors] == ["other.pdf"]


def test_a_refused_upload_does_not_come_back_with_a_backup(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    kb.erase("ana-salary.txt", reason="request 6")
    (kb.uploads / "ana.pdf").write_bytes(b"%PDF-1.4 Zwickelmeier, and broken")
    kb.ingest(kb.uploads)
    backup = kb.backup(tmp_path / "backup").path
    assert kb.erase("ana.pdf", reason="request 7").digests
    report = restore_kb(backup, tmp_path / "b.kb", config=NOBODY)
    assert report.erased == 1
    with KnowledgeBase(report.path, embedder=HashingEmbedder(), config=NOBODY) as restored:
        assert left_in(restored) == []
        assert restored.status().file_errors == ()


@pytest.mark.parametrize("gone", ["the file", "the folder", "a folder is there instead"])
def test_an_upload_that_somebody_has_deleted_is_erased_all_the_same(
    kb: KnowledgeBase, gone: str
) -> None:
    file = kb.uploads / "hr" / "s.txt"
    file.parent.mkdir()
    file.write_text("Bo earns 70,000 francs.")
    kb.ingest(kb.uploads)
    file.unlink()
    if gone == "the folder":
        file.parent.rmdir()
    elif gone != "the file":
        file.mkdir()
    assert kb.erase("hr/s.txt", reason="request 7").searched["found"] == 0
    assert file.is_dir() or not file.parent.exists()


def test_nothing_is_deleted_through_a_link_among_the_uploads(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("Somebody else's.")
    (docs / "link").mkdir()
    (docs / "link" / "a.txt").write_text("Bo earns 70,000 francs.")
    kb.ingest(docs)
    kb.remove("link/a.txt")
    (kb.uploads / "link").symlink_to(outside)
    assert kb.erasure_plan("link/a.txt").files == ()
    kb.erase("link/a.txt", reason="request 7")
    assert (outside / "a.txt").exists()


def test_the_folder_of_an_upload_has_a_name_that_goes_too(kb: KnowledgeBase) -> None:
    file = kb.uploads / "Zwickelmeier" / "s.txt"
    file.parent.mkdir()
    file.write_text("Bo earns 70,000 francs.")
    kb.ingest(kb.uploads)
    kb.remove("Zwickelmeier/s.txt")
    assert list(kb.uploads.iterdir()) == []


def test_a_damaged_line_of_the_log_does_not_prevent_erasing(kb: KnowledgeBase) -> None:
    kb.close()
    with closing(connect(kb.path / "ragkit.db")) as database:
        database.execute("UPDATE audit SET detail = 'x' WHERE id = 3")
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=NOBODY) as again:
        receipt = again.erase("ana-salary.txt", reason="request 7")
        assert (receipt.searched["found"], left_in(again)) == (0, [])
        assert "1 audit records that cannot be read, and the names in them" in receipt.remains


@pytest.mark.parametrize("table", ["erasure", "erased_document", "erased_content"])
def test_what_a_repair_cannot_read_of_erasures_the_log_still_knows(
    kb: KnowledgeBase, docs: Path, tmp_path: Path, table: str
) -> None:
    backup = kb.backup(tmp_path / "backup").path
    kb.erase("ana-salary.txt", reason="request 7")
    kb.close()
    with closing(connect(kb.path / "ragkit.db")) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    damage.flip(kb.path / "ragkit.db", (page - 1) * 4096 + 4080)
    assert repair_kb(kb.path, NOBODY).kept
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=NOBODY) as again:
        assert [one.reason for one in again.ingest(docs).failed] == ["erased"]
    (backup / "erasures.jsonl").unlink()
    assert restore_kb(backup, kb.path, replace=True, config=NOBODY).erased == 1
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=NOBODY) as again:
        assert left_in(again) == []


# -- where it cannot be finished -------------------------------------------------------------------


def test_what_cannot_be_finished_names_why_and_holds_nothing_up(
    kb: KnowledgeBase, docs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody has put the same text among the uploads, and it is in no document yet."""
    stray = kb.uploads / "stray.bin"
    stray.write_bytes(SECRET.encode() * 3)
    with pytest.raises(StoreError, match=r"uploads/stray.bin .* ingest or delete those files"):
        kb.erase("ana-salary.txt", reason="request 7")
    (docs / "pump-99.txt").write_text("Pump 99 is new.")
    assert kb.ingest(docs).added == ["pump-99.txt"]
    assert "erasure 1 is not finished" in caplog.text
    assert [one.finding for one in kb.verify().checks if "is not finished" in one.finding]
    kb.erase("pump-3.txt", reason="request 8")
    with pytest.raises(StoreError, match=r"stray\.bin"):
        kb.erase("ana-salary.txt", reason="request 7")
    stray.unlink()
    receipt = kb.erase("ana-salary.txt", reason="request 9")
    assert (receipt.erasure, receipt.reason, receipt.verify()) == (1, "request 7", True)
    assert left_in(kb) == []
    assert not [one.finding for one in kb.verify().checks if "is not finished" in one.finding]


def test_a_name_that_is_none_is_not_answered_with_the_receipt_of_another(
    kb: KnowledgeBase, docs: Path
) -> None:
    stray = kb.uploads / "stray.bin"
    stray.write_bytes(SECRET.encode() * 3)
    with pytest.raises(StoreError, match="stray"):
        kb.erase("ana-salary.txt", reason="request 7")
    stray.unlink()
    with pytest.raises(SourceError, match="nor in its audit log"):
        kb.erase("bo-salary.txt", reason="request 8")
    assert kb.receipt(1).verify()


def test_a_link_among_the_uploads_is_not_looked_through(kb: KnowledgeBase, docs: Path) -> None:
    (kb.uploads / "link.txt").symlink_to(docs / "ana-salary.txt")
    assert kb.erase("ana-salary.txt", reason="request 7").searched["found"] == 0


# -- words that stand elsewhere ------------------------------------------------------------------


def test_an_erased_file_that_is_uploaded_again_is_deleted_at_once(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=NOBODY) as kb:
        (kb.uploads / "ana-salary.txt").write_text(SECRET)
        kb.ingest(kb.uploads)
        kb.erase("ana-salary.txt", reason="request 7")
        (kb.uploads / "pay.txt").write_text(SECRET)
        (kb.uploads / "pump.txt").write_text("The pump weighs 31 kilograms.")
        report = kb.ingest(kb.uploads)
        (refused,) = report.failed
        assert (refused.source, refused.reason) == ("pay.txt", "erased")
        assert "nothing of it is stored" in refused.detail
        assert [path.name for path in kb.uploads.iterdir()] == ["pump.txt"]
        assert left_in(kb) == []
        (kb.uploads / "pay.txt").write_text(SECRET)
        assert kb.ingest(kb.uploads, allow_erased=True).added == ["pay.txt"]


def test_what_also_stands_elsewhere_stays_there(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "copy.txt").write_text(f"Of the board: {SECRET * 3}")
    kb.ingest(docs)
    receipt = kb.erase("ana-salary.txt", reason="request 7")
    assert receipt.searched["shared"] > 0
    assert kb.search(QUESTION)[0].source == "copy.txt"


def test_each_receipt_has_all_that_its_documents_held(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "copy.txt").write_text(SECRET * 3)
    kb.ingest(docs)
    first = kb.erase("ana-salary.txt", reason="request 7")
    second = kb.erase("copy.txt", reason="request 8")
    assert len(first.digests) == 1
    assert first.digests == second.digests
    assert left_in(kb) == []


def test_an_answer_that_comes_after_is_not_kept(kb: KnowledgeBase) -> None:
    talk = kb.conversation()
    stream = talk.stream(QUESTION)
    kb.erase("ana-salary.txt", reason="request 7")
    assert "erased meanwhile" in stream.answer.notice
    assert kb.conversations() == []
    assert left_in(kb) == []


def test_what_was_never_there_cannot_be_erased(kb: KnowledgeBase) -> None:
    with pytest.raises(SourceError, match="nor in its audit log"):
        kb.erase("nothing.txt", reason="request 7")
    assert kb.audit.records(action="document.erase") == []


# -- receipts ----------------------------------------------------------------------------------


@pytest.fixture
def receipt(kb: KnowledgeBase) -> Receipt:
    return kb.erase("ana-salary.txt", reason="request 7")


def test_a_receipt_is_checked_without_the_base(receipt: Receipt) -> None:
    again = read_receipt(receipt.to_json())
    assert again == receipt
    assert again.verify()


@pytest.mark.parametrize("name", [field.name for field in fields(Receipt)])
def test_whatever_is_changed_in_a_receipt_is_noticed(receipt: Receipt, name: str) -> None:
    content = json.loads(receipt.to_json())
    before = content[name]
    if isinstance(before, list):
        content[name] = before[:-1]
    elif isinstance(before, dict):
        content[name] = {**before, "places": 0}
    elif isinstance(before, bool):
        content[name] = not before
    elif isinstance(before, int):
        content[name] = before + 1
    else:
        content[name] = ("0" if before[0] != "0" else "1") + before[1:]
    assert not read_receipt(json.dumps(content)).verify()


def test_the_log_has_the_receipts_records(kb: KnowledgeBase, receipt: Receipt) -> None:
    assert kb.audit.holds(receipt)
    assert not kb.audit.holds(replace(receipt, reason="another"))
    assert not kb.audit.holds(replace(receipt, kb="0" * 32))
    assert kb.receipt(receipt.erasure) == receipt


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x"}', '"ragkit"'])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="not a receipt of an erasure"):
        read_receipt(text)


def test_a_receipt_has_no_name_in_it(receipt: Receipt) -> None:
    assert not re.search("zwickel|ana-salary", receipt.to_json(), re.IGNORECASE)


# -- backups -----------------------------------------------------------------------------------


@pytest.fixture
def backup(kb: KnowledgeBase, tmp_path: Path) -> Path:
    return kb.backup(tmp_path / "backup").path


def test_what_was_erased_is_not_brought_back_by_an_older_backup(
    kb: KnowledgeBase, backup: Path, tmp_path: Path, docs: Path
) -> None:
    receipt = kb.erase("ana-salary.txt", reason="request 7")
    (told,) = [what for what in receipt.remains if str(backup) in what]
    assert "restoring it repeats the erasure" in told
    report = restore_kb(backup, tmp_path / "b.kb")
    assert report.erased == 1
    with KnowledgeBase(tmp_path / "b.kb", embedder=HashingEmbedder(), config=NOBODY) as restored:
        assert left_in(restored) == []
        assert len(restored.documents()) == 20
        assert [one.reason for one in restored.ingest(docs).failed] == ["erased"]
        assert restored.audit.verify().intact
        assert restored.verify().intact


@pytest.mark.parametrize("by", ["the base that is replaced", "the receipt"])
def test_a_backup_that_was_away_is_told_when_it_is_restored(
    kb: KnowledgeBase, backup: Path, tmp_path: Path, by: str
) -> None:
    away = backup.rename(tmp_path / "away")
    receipt = kb.erase("ana-salary.txt", reason="request 7")
    assert any("restore it with this receipt" in what for what in receipt.remains)
    kb.close()
    (tmp_path / "receipt.json").write_text(receipt.to_json())
    if by == "the receipt":
        path = tmp_path / "b.kb"
        report = restore_kb(away, path, receipts=[tmp_path / "receipt.json"])
    else:
        path = kb.path
        report = restore_kb(away, path, replace=True)
    assert report.erased == 1
    with KnowledgeBase(path, embedder=HashingEmbedder(), config=NOBODY) as restored:
        assert left_in(restored) == []


def test_a_receipt_that_was_changed_erases_nothing(
    kb: KnowledgeBase, backup: Path, tmp_path: Path
) -> None:
    kb.erase("ana-salary.txt", reason="request 7")
    registry = backup / "erasures.jsonl"
    registry.write_text(registry.read_text().replace('document:1"', 'document:3"'))
    with pytest.raises(StoreError, match="was changed after it was signed"):
        restore_kb(backup, tmp_path / "b.kb")
    assert not (tmp_path / "b.kb").exists()


# -- a process that is killed --------------------------------------------------------------------

KILLED = """
import os, signal, sys
from ragkit import Config, KnowledgeBase
from tests.support.hashing import HashingEmbedder

left = int(sys.argv[2])
begun = False

def watch(event, arguments):
    global left
    if begun and event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "fcntl.flock"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
config = Config(ollama_host="http://127.0.0.1:9")
kb = KnowledgeBase(sys.argv[1], embedder=HashingEmbedder(), config=config)
begun = True
kb.erase("ana-salary.txt", reason="request 7")
begun = False
print("done")
"""


def test_a_killed_erasure_is_finished_by_whatever_writes_next(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    kb.close()
    killed = finished = 0
    for point in range(0, 1000, 4):
        path = tmp_path / f"{point}.kb"
        subprocess.run(["cp", "-a", tmp_path / "a.kb", path], check=True)
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(point)],
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        killed += 1
        with KnowledgeBase(path, embedder=HashingEmbedder(), config=NOBODY) as again:
            erased = not any(d.source == "ana-salary.txt" for d in again.documents())
            found = [hit for hit in again.search(QUESTION) if "Zwickel" in hit.text]
            assert bool(found) is not erased
            again.ingest(docs, keep_missing=True)
            if erased:
                finished += 1
                assert left_in(again) == []
                assert again.receipt(1).verify()
            assert again.audit.verify().intact
    assert ended.stdout == "done\n"
    assert killed > finished > 4
