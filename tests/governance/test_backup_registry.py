"""What was erased stays erased in every base that is made of a backup."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import StoreDamaged, StoreError
from ragkit.maintenance import RestoreReport, backup, repair_kb, restore_kb
from ragkit.store.atomic_directory import publish_directory
from ragkit.store.database import connect
from tests.support import damage
from tests.support.hashing import HashingEmbedder

SECRET = "Ana Zwickelmeier earns 91,234 euros a year and lives in Lindenweg 7, Kranzmoor-Nord. "
OTHER = "The thesis on turtles and tides was printed in Kranzmoor in an edition of ninety copies. "
NOBODY = Config(ollama_host="http://127.0.0.1:9")
REGISTRY = "erasures.jsonl"


def opened(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder(), config=NOBODY)


@pytest.fixture
def base(docs: Path, tmp_path: Path) -> Path:
    """A base with a document about somebody, and one about a pump."""
    (docs / "ana.txt").write_text(SECRET * 3)
    (docs / "pump.txt").write_text("The pump weighs 31 kilograms.")
    with opened(tmp_path / "a.kb") as kb:
        kb.ingest(docs)
    return tmp_path / "a.kb"


def saved(base: Path, name: str = "saved") -> Path:
    with opened(base) as kb:
        return kb.backup(base.parent / name).path


def erase_document(base: Path, source: str = "ana.txt", reason: str = "request 7") -> list[str]:
    """Erase a document; returns what the receipt says of backups."""
    with opened(base) as kb:
        remains = kb.erase(source, reason=reason).remains
    return [text for text in remains if "backup" in text]


def restored(folder: Path, name: str = "again.kb") -> list[str]:
    """What is in a base that is made of a backup."""
    report = restore_kb(folder, folder.parent / name, config=NOBODY)
    with opened(report.path) as kb:
        return [document.source for document in kb.documents()]


def test_a_base_that_was_restored_knows_the_backup_that_it_is_of(base: Path) -> None:
    folder = saved(base)
    shutil.rmtree(base)
    restore_kb(folder, base, config=NOBODY)
    (noted,) = erase_document(base)
    assert str(folder) in noted
    assert restored(folder) == ["pump.txt"]


def test_what_is_erased_while_a_backup_is_made_is_noted_in_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = backup._copy_uploads

    def erase_meanwhile(uploads: Path, target: Path) -> None:
        (noted,) = erase_document(base)
        assert ".saved.backup-" in noted
        copied(uploads, target)

    monkeypatch.setattr(backup, "_copy_uploads", erase_meanwhile)
    assert restored(saved(base)) == ["pump.txt"]


class Killed(BaseException):
    pass


def test_a_backup_that_was_killed_once_it_had_its_place_is_one_all_the_same(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(fresh: Path, target: Path) -> None:
        publish_directory(fresh, target)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(backup, "publish_directory", killed)
        with pytest.raises(Killed):
            saved(base)
    (noted,) = erase_document(base)
    assert noted.startswith("the backup of ")
    assert restored(base.parent / "saved") == ["pump.txt"]


@pytest.mark.parametrize("reason", ["request 17\u2028of Ana", "one\u0085two", "\ud800", "ümläut"])
def test_whatever_the_reason_says_the_backup_can_be_restored(base: Path, reason: str) -> None:
    folder = saved(base)
    erase_document(base, reason=reason)
    assert restored(folder) == ["pump.txt"]


def test_two_erasures_are_two_lines_of_which_none_is_ever_torn(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(base)
    erase_document(base)

    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if target.name == REGISTRY:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(StoreError, match="no space left"):
            erase_document(base, "pump.txt")
    assert len((folder / REGISTRY).read_text().splitlines()) == 1
    erase_document(base, "pump.txt")
    assert len((folder / REGISTRY).read_text().splitlines()) == 2
    assert restored(folder) == []


def test_another_bases_backup_in_the_same_place_is_left_alone(base: Path, docs: Path) -> None:
    folder = saved(base)
    shutil.rmtree(folder)
    with opened(base.parent / "b.kb") as kb:
        kb.ingest(docs)
        kb.backup(folder)
    (noted,) = erase_document(base)
    assert "not reachable now" in noted
    assert not (folder / REGISTRY).exists()
    assert restored(folder) == ["ana.txt", "pump.txt"]


def test_a_backup_that_became_a_file_stops_nothing(base: Path, docs: Path) -> None:
    folder = saved(base)
    shutil.rmtree(folder)
    folder.write_text("an archive of it")
    (noted,) = erase_document(base)
    assert "restore it with this receipt" in noted
    with opened(base) as kb:
        assert kb.ingest(docs).failed[0].reason == "erased"


def test_a_note_that_is_none_any_more_stops_nothing_but_its_backup(base: Path, docs: Path) -> None:
    folder = saved(base)
    (folder / REGISTRY).write_bytes(b"\xff\xfe\n")
    erase_document(base)
    with opened(base) as kb:
        assert kb.ingest(docs).failed[0].reason == "erased"
    with pytest.raises(StoreDamaged, match=r"is damaged .* so later erasures are not known"):
        restored(folder)


def test_where_damage_took_lines_of_the_log_a_document_is_known_by_its_number(
    base: Path, docs: Path
) -> None:
    """The line that has the digest of its first version is gone, and that version is saved."""
    folder = saved(base)
    folder = folder.rename(folder.with_name("moved"))
    with closing(connect(base / "ragkit.db")) as database:
        database.execute("DELETE FROM audit_names WHERE record <= 3")
        database.execute("DELETE FROM audit WHERE id <= 3 AND object LIKE 'document:1'")
    damage.flip(base / "ragkit.db", 4096 * 3 + 2000)
    assert repair_kb(base, NOBODY).kept
    (docs / "ana.txt").write_text(SECRET * 4)
    with opened(base) as kb:
        kb.ingest(docs)
        receipt = kb.erase("ana.txt", reason="request 7")
        assert not receipt.complete
    (base.parent / "r.json").write_text(receipt.to_json())
    report = restore_kb(folder, base.parent / "b.kb", receipts=[base.parent / "r.json"])
    with opened(report.path) as kb:
        assert [one.source for one in kb.documents()] == ["pump.txt"]


def test_a_number_that_two_bases_gave_to_different_documents_erases_no_other(
    base: Path, docs: Path
) -> None:
    folder = saved(base)
    twin = restore_kb(folder, base.parent / "twin.kb", config=NOBODY).path
    (docs / "bo.txt").write_text(SECRET.replace("Ana", "Bo") * 3)
    with opened(base) as kb:
        kb.ingest(docs)
        receipt = kb.erase("bo.txt", reason="request 8")
    (docs / "bo.txt").unlink()
    (docs / "thesis.txt").write_text(OTHER * 3)
    with opened(twin) as kb:
        kb.ingest(docs)
        (thesis,) = [one.id for one in kb.documents() if one.source == "thesis.txt"]
        later = kb.backup(base.parent / "later").path
    assert receipt.documents == (f"document:{thesis}",)
    told = base.parent / "receipt.json"
    told.write_text(receipt.to_json())
    report = restore_kb(later, base.parent / "c.kb", receipts=[told], config=NOBODY)
    with opened(report.path) as kb:
        assert [one.source for one in kb.documents()] == ["ana.txt", "pump.txt", "thesis.txt"]
        (docs / "bo.txt").write_text(SECRET.replace("Ana", "Bo") * 3)
        assert [one.reason for one in kb.ingest(docs).failed] == ["erased"]


def test_what_gets_a_number_that_an_erased_one_had_is_erased_whole(base: Path, docs: Path) -> None:
    folder = saved(base)
    (docs / "bo.txt").write_text(SECRET.replace("Ana", "Bo") * 3)
    with opened(base) as kb:
        kb.ingest(docs)
        kb.erase("bo.txt", reason="request 8")
    (docs / "bo.txt").unlink()
    restore_kb(folder, base, replace=True, config=NOBODY)
    (docs / "thesis.txt").write_text(OTHER * 3)
    with opened(base) as kb:
        kb.ingest(docs)
        answer = kb.conversation().ask("Where was the thesis on turtles printed?")
        assert answer.notice.count("Not kept") == 0
        receipt = kb.erase("thesis.txt", reason="request 9")
        assert len(receipt.documents) == 1
        assert receipt.searched["words"] == 2
    assert all(b"turtl" not in path.read_bytes() for path in base.rglob("*") if path.is_file())


def replaced(base: Path, folder: Path) -> RestoreReport:
    return restore_kb(folder, base, replace=True, config=NOBODY)


def test_where_the_replaced_base_cannot_be_read_whole_the_restore_says_so(base: Path) -> None:
    folder = saved(base)
    moved = folder.rename(folder.with_name("moved"))
    erase_document(base)
    damage.flip(base / "ragkit.db", 2000)
    report = replaced(base, moved)
    assert (report.records_lost, report.erasures_known) == (None, False)


@pytest.mark.parametrize("page", range(1, 40, 3))
def test_a_replaced_base_that_is_damaged_anywhere_stops_no_restore(base: Path, page: int) -> None:
    folder = saved(base)
    moved = folder.rename(folder.with_name("moved"))
    erase_document(base)
    if page * 4096 < (base / "ragkit.db").stat().st_size:
        damage.flip(base / "ragkit.db", page * 4096 + 2000)
    report = replaced(base, moved)
    with opened(base) as kb:
        names = [document.source for document in kb.documents()]
    assert names == ["pump.txt"] or not report.erasures_known


def test_a_base_that_is_named_by_a_link_is_replaced_itself(base: Path) -> None:
    folder = saved(base)
    link = base.with_name("link.kb")
    link.symlink_to(base)
    report = replaced(link, folder)
    assert report.path == base
    assert link.is_symlink()
    assert sorted(entry.name for entry in base.parent.iterdir()) == [
        "a.kb", "docs", "link.kb", "saved",
    ]  # fmt: skip


def test_no_backup_is_made_in_the_base_itself_however_its_place_is_named(base: Path) -> None:
    with opened(base) as kb, pytest.raises(StoreError, match="is inside the knowledge base"):
        kb.backup(base / ".." / "a.kb" / "inner")


def broken_registry(folder: Path) -> None:
    (folder / REGISTRY).write_bytes(b"\xff\n")


def manifest_of(files: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"] = files
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return write


@pytest.mark.parametrize(
    "spoil",
    [
        broken_registry,
        manifest_of({"a\0b": [1, "x"]}),
        manifest_of({"\ud83d": [1, "x"]}),
        lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
    ],
)
def test_a_backup_that_is_no_longer_one_is_refused_in_one_line(
    base: Path, spoil: Callable[[Path], None]
) -> None:
    folder = saved(base)
    spoil(folder)
    with pytest.raises(StoreDamaged) as refused:
        restored(folder)
    assert "\n" not in str(refused.value)
    assert os.listdir(base.parent).count("again.kb") == 0
