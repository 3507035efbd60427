"""A backup is of one commit and checked, and a base made of it is whole, or is not made."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.errors import NotAKnowledgeBase, StoreDamaged, StoreError, StoreLocked, StoreMissing
from ragkit.maintenance import restore_kb, verify_kb
from ragkit.store.layout import Layout
from ragkit.store.store import Store
from tests.support import damage
from tests.support.hashing import HashingEmbedder
from tests.support.killing import killed_everywhere
from tests.support.logged import changes
from tests.support.stored import put

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
PAGE = 4096


def opened(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "a.kb"
    with opened(path) as kb:
        kb.ingest(EXAMPLES, workers=1)
        (kb.uploads / "more").mkdir()
        (kb.uploads / "more" / "note.txt").write_text("The canteen opens at half past eleven.")
        kb.ingest(kb.uploads)
        kb.conversation().ask("When does the canteen open?")
    return path


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "a.kb"))


@pytest.fixture(scope="module")
def saved(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup that no test changes."""
    folder = tmp_path_factory.mktemp("saved")
    shutil.copytree(made, folder / "a.kb")
    with opened(folder / "a.kb") as kb:
        return kb.backup(folder / "backup").path


@pytest.fixture
def backup(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "backup"))


def content(path: Path) -> list[str]:
    with opened(path) as kb:
        return list(kb.dump())


def beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


# -- backing up --------------------------------------------------------------------------------


def test_a_base_that_fits_in_no_cache_is_saved_whole_with_its_last_commits(
    base: Path, tmp_path: Path
) -> None:
    with Store(base).writer() as writer:
        writer.connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) "
            "INSERT INTO meta SELECT 'filler ' || i, hex(zeroblob(1500)) FROM n"
        )
    with opened(base) as kb:
        kb.conversation().ask("When does the canteen open?")  # it is in the log, and not moved yet
        saved = kb.backup(tmp_path / "saved")
    assert saved.bytes > 24_000_000
    assert verify_kb(restore_kb(saved.path, tmp_path / "again.kb").path).intact


def test_a_backup_holds_what_is_not_derived_and_is_its_owners_alone(
    base: Path, tmp_path: Path
) -> None:
    with opened(base) as kb:
        made = kb.backup(tmp_path / "backup")
    files = {
        path.relative_to(made.path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (made.path, *made.path.rglob("*"))
    }
    assert files == {
        ".": 0o700, "manifest.json": 0o600, "ragkit.db": 0o600, "uploads": 0o700,
        "uploads/more": 0o700, "uploads/more/note.txt": 0o600,
    }  # fmt: skip
    assert made.manifest.documents == 15
    assert set(made.manifest.files) == {"ragkit.db", "uploads/more/note.txt"}
    assert made.key_file.name == "audit.key"


def test_the_log_has_the_backup_and_so_has_its_copy(base: Path, tmp_path: Path) -> None:
    with opened(base) as kb:
        made = kb.backup(tmp_path / "backup")
        *_, begun, done = kb.audit.records()
    assert (begun.action, begun.names) == ("kb.backup", {"target": str(tmp_path / "backup")})
    assert (begun.number, begun.signature) == (
        made.manifest.last_record,
        made.manifest.last_signature,
    )
    assert done.detail["backup"] == begun.detail["backup"] == made.manifest.id


def test_every_page_of_the_copy_is_checked_too(base: Path, tmp_path: Path) -> None:
    with opened(base) as kb:
        kb.backup(tmp_path / "backup")
    copy = tmp_path / "copy.kb"
    copy.mkdir(mode=0o700)
    shutil.copy(tmp_path / "backup" / "ragkit.db", copy)
    for page in range((copy / "ragkit.db").stat().st_size // PAGE):
        damage.flip(copy / "ragkit.db", page * PAGE + 2000)
        assert verify_kb(copy).is_damaged("database"), f"page {page}"
        damage.flip(copy / "ragkit.db", page * PAGE + 2000)
    assert not verify_kb(copy).is_damaged("database")


def test_a_backup_while_others_write_is_of_one_commit(base: Path, tmp_path: Path) -> None:
    """Documents come and go in pairs, each pair with one text."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        store = Store(base)
        try:
            number = 0
            while not stop.is_set():
                number += 1
                with store.writer() as writer:
                    put(writer, "one.txt", [f"text {number}"] * 40)
                    put(writer, "two.txt", [f"text {number}"] * 40)
        except BaseException as error:
            failed.append(error)
        finally:
            store.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        with opened(base) as kb:
            made = [kb.backup(tmp_path / f"backup {number}") for number in range(4)]
    finally:
        stop.set()
        writing.join()
    assert failed == []
    for number, report in enumerate(made):
        restored = restore_kb(report.path, tmp_path / f"{number}.kb")
        assert restored.after.intact
        with Store(tmp_path / f"{number}.kb").snapshot() as snapshot:
            assert snapshot.seq == report.manifest.seq
            texts = {
                document.source: snapshot.pages.text(document.id, 0)
                for document in snapshot.documents.all()
                if document.source in ("one.txt", "two.txt")
            }
        one, two = (int(texts.get(name, "text 0").split()[1]) for name in ("one.txt", "two.txt"))
        assert one - two in (0, 1)


@pytest.mark.parametrize("place", ["there already", "a file", "in the base"])
def test_a_backup_replaces_nothing(base: Path, tmp_path: Path, place: str) -> None:
    target = {"in the base": base / "backup"}.get(place, tmp_path / "backup")
    if place == "there already":
        target.mkdir()
    elif place == "a file":
        target.write_text("mine")
    with opened(base) as kb, pytest.raises(StoreError, match=r"expected a (new )?directory"):
        kb.backup(target)


def test_a_damaged_base_is_not_backed_up(base: Path, tmp_path: Path) -> None:
    size = (base / "ragkit.db").stat().st_size
    damage.flip(base / "ragkit.db", size // 2)
    with opened(base) as kb, pytest.raises(StoreDamaged, match="ragkit repair"):
        kb.backup(tmp_path / "backup")
    assert beside(tmp_path / "x") == ["a.kb"]


def test_a_killed_backup_is_none_and_the_next_one_sweeps_it(base: Path, tmp_path: Path) -> None:
    expected = content(base)

    def back_up() -> None:
        with opened(base) as kb:
            kb.backup(tmp_path / "backup")

    def check() -> None:
        if (tmp_path / "backup").exists():
            assert restore_kb(tmp_path / "backup", tmp_path / "b.kb").after.intact
            shutil.rmtree(tmp_path / "b.kb")
            shutil.rmtree(tmp_path / "backup")
        hidden = [name for name in beside(base) if name != "a.kb"]
        assert all(name.startswith(".backup.backup-") for name in hidden)
        assert len(hidden) <= 1

    assert killed_everywhere(back_up, check, points=12) > 8
    back_up()
    assert beside(base) == ["a.kb", "backup"]
    assert content(base) == expected
    assert verify_kb(base).intact


# -- restoring ---------------------------------------------------------------------------------


def test_a_restored_base_is_the_one_that_was_saved(
    made: Path, backup: Path, tmp_path: Path
) -> None:
    report = restore_kb(backup, tmp_path / "deep" / "b.kb")
    assert report.after.intact
    assert (report.replaced, report.records_lost) == (False, 0)
    assert content(report.path) == content(made)
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o700
    with opened(report.path) as kb, opened(made) as other:
        assert [h.text for h in kb.search("annual leave")] == [
            h.text for h in other.search("annual leave")
        ]
        note = next(d for d in kb.documents() if d.uploaded)
        assert kb.original(note.id).is_relative_to(report.path)
        assert len(kb.conversations()) == 1
        *_, last = changes(kb)
        assert last.action == "kb.restore"
        assert last.detail == {
            "backup": report.manifest.id,
            "seq": report.manifest.seq,
            "records_lost": 0,
            "erased": 0,
        }
        assert kb.ingest(EXAMPLES, workers=1).added == []
    assert beside(report.path) == ["b.kb"]


@pytest.mark.parametrize("how", ["flipped", "cut", "missing", "other upload", "head"])
def test_a_backup_that_is_not_what_was_written_is_not_restored(
    backup: Path, tmp_path: Path, how: str
) -> None:
    if how == "flipped":
        damage.flip(backup / "ragkit.db", 5 * PAGE + 100)
    elif how == "cut":
        damage.truncate(backup / "ragkit.db", 1)
    elif how == "missing":
        (backup / "ragkit.db").unlink()
    elif how == "other upload":
        (backup / "uploads" / "more" / "note.txt").write_text("something else")
    else:
        manifest = json.loads((backup / "manifest.json").read_text())
        manifest["last_record"] -= 1
        (backup / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreDamaged, match="restore another backup"):
        restore_kb(backup, tmp_path / "b.kb")
    assert beside(backup) == ["backup"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, StoreMissing),
        ("{", StoreDamaged),
        ("[]", StoreDamaged),
        ('{"version": 9}', NotAKnowledgeBase),
        ('{"version": 1}', StoreDamaged),
    ],
)
def test_what_is_no_backup_is_refused(
    backup: Path, tmp_path: Path, text: str | None, error: type[StoreError]
) -> None:
    (backup / "manifest.json").unlink()
    if text is not None:
        (backup / "manifest.json").write_text(text)
    with pytest.raises(error):
        restore_kb(backup, tmp_path / "b.kb")


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "uploads/../../outside"])
def test_a_backup_does_not_write_outside_of_the_base(
    backup: Path, tmp_path: Path, name: str
) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["files"][name] = [1, "00"]
    (backup / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreDamaged, match="outside"):
        restore_kb(backup, tmp_path / "b.kb")
    assert beside(backup) == ["backup"]


def test_another_base_is_replaced_only_on_request(base: Path, backup: Path) -> None:
    with opened(base) as kb:
        kb.remove("hr")
    before = content(base)
    with pytest.raises(StoreError, match="--replace"):
        restore_kb(backup, base)
    assert content(base) == before
    report = restore_kb(backup, base, replace=True)
    assert report.replaced
    assert len(content(base)) > len(before)
    assert beside(base) == ["a.kb", "backup"]


def test_a_folder_of_something_else_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mine.txt").write_text("mine")
    for replace in (False, True):
        with pytest.raises(NotAKnowledgeBase):
            restore_kb(backup, tmp_path / "docs", replace=replace)
    (tmp_path / "empty").mkdir()
    assert restore_kb(backup, tmp_path / "empty").after.intact


def test_a_mount_point_is_refused_in_one_line(backup: Path, mount: Path) -> None:
    with pytest.raises(StoreError, match="mount point"):
        restore_kb(backup, mount)
    assert list(mount.iterdir()) == []
    assert beside(mount) == sorted(["backup", mount.name])


def test_a_base_that_somebody_has_open_is_not_replaced(base: Path, backup: Path) -> None:
    with opened(base), pytest.raises(StoreLocked, match="is open elsewhere"):
        restore_kb(backup, base, replace=True)
    assert restore_kb(backup, base, replace=True).after.intact


def test_the_log_says_what_a_restore_took_away(base: Path, tmp_path: Path) -> None:
    with opened(base) as kb:
        backup = kb.backup(tmp_path / "backup").path
        kb.remove("hr")
        gone = len([record for record in changes(kb) if record.action == "document.remove"])
        last = kb.audit.checkpoint()
    report = restore_kb(backup, base, replace=True)
    assert report.records_lost == gone + 3  # the backup, a reading, and the checkpoint
    with opened(base) as kb:
        *_, said = changes(kb)
        assert said.detail["records_lost"] == report.records_lost
        assert said.detail["lost_head"] == last.record_signature
        assert kb.audit.verify().intact
        kb.remove("it")
    again = restore_kb(backup, base, replace=True)  # from a base that went another way since
    with opened(base) as kb:
        assert again.records_lost is not None
        assert again.records_lost > 1


def test_a_restore_over_another_base_says_that_all_its_records_are_gone(
    backup: Path, tmp_path: Path
) -> None:
    with opened(tmp_path / "b.kb") as kb:
        kb.ingest(EXAMPLES / "hr", workers=1)
        records = kb.audit.checkpoint().record
    assert restore_kb(backup, tmp_path / "b.kb", replace=True).records_lost == records


def test_a_base_that_is_beyond_repair_can_be_replaced(base: Path, backup: Path) -> None:
    damage.overwrite(base / "ragkit.db", b"\xff" * 100_000)
    report = restore_kb(backup, base, replace=True)
    assert report.records_lost is None
    assert report.after.intact


def test_a_killed_restore_leaves_the_old_base_or_the_new_one(base: Path, backup: Path) -> None:
    new = content(base)
    with opened(base) as kb:
        kb.remove("hr")
    old = content(base)
    shutil.copytree(base, base.with_name("kept"))
    found = set()

    def check() -> None:
        assert verify_kb(base).intact
        state = content(base)
        assert state in (old, new)
        found.add(state == new)
        if state == new:
            shutil.rmtree(base)
            shutil.copytree(base.with_name("kept"), base)

    def restore() -> None:
        restore_kb(backup, base, replace=True)

    assert killed_everywhere(restore, check, points=20) > 15
    assert found == {True, False}
    restore()
    assert beside(base) == ["a.kb", "backup", "kept"]


def test_a_backup_of_another_machine_is_restored_with_a_note(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    report = restore_kb(backup, tmp_path / "b.kb")
    assert report.after.intact
    notes = [one.name for one in report.after.checks if one.state == "warn"]
    assert notes == ["audit log"]


def test_a_moved_base_is_the_same_base(base: Path, tmp_path: Path) -> None:
    before = content(base)
    base.rename(tmp_path / "elsewhere")
    assert verify_kb(tmp_path / "elsewhere").intact
    assert content(tmp_path / "elsewhere") == before
    with opened(tmp_path / "elsewhere") as kb:
        assert kb.ingest(EXAMPLES, workers=1).added == []
        note = next(document for document in kb.documents() if document.uploaded)
        assert kb.original(note.id).exists()


def test_no_lock_of_a_base_is_left_behind(base: Path) -> None:
    """Descriptors on the directory are closed with the base."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with opened(base) as kb:
            kb.search("annual leave")
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert Layout(base).exists()
