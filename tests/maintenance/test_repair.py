"""A repair brings back all that can be read, names what is lost, and the next ingest heals it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import StoreDamaged, StoreError, StoreLocked
from ragkit.maintenance import RepairReport, repair_kb, verify_kb
from ragkit.store.database import connect
from ragkit.store.keys import load_or_create_key
from ragkit.store.layout import Layout
from ragkit.store.store import Store
from tests.support import damage
from tests.support.hashing import HashingEmbedder
from tests.support.logged import changes

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
PAGE = 4096
QUESTION = "first day notebook VX-4410-31 annual leave"


def opened(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of the example documents, with a label, a conversation and an upload."""
    path = tmp_path_factory.mktemp("made") / "a.kb"
    with opened(path) as kb:
        kb.ingest(EXAMPLES, workers=1)
        (kb.uploads / "note.txt").write_text("The canteen opens at half past eleven. " * 400)
        kb.ingest(kb.uploads, label="hr")
        kb.conversation().ask("When does the canteen open?")
    return path


@pytest.fixture(scope="module")
def content(made: Path) -> list[str]:
    with opened(made) as kb:
        return list(kb.dump())


@pytest.fixture(scope="module")
def talkative(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose log has several pages, and several of names."""
    path = tmp_path_factory.mktemp("talkative") / "a.kb"
    shutil.copytree(made, path)
    store = Store(path)
    with store.recorder() as writer:
        for number in range(60):
            writer.record("user:ana", "test", "kb", {"number": number}, {"name": f"{number} " * 50})
    store.close()
    return path


@pytest.fixture
def logged(talkative: Path, tmp_path: Path) -> Layout:
    shutil.copytree(talkative, tmp_path / "a.kb")
    return Layout(tmp_path / "a.kb")


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Layout:
    shutil.copytree(made, tmp_path / "a.kb")
    return Layout(tmp_path / "a.kb")


def heal(base: Layout) -> list[str]:
    """What the base holds once the files of lost documents were read again."""
    with opened(base.root) as kb:
        kb.ingest(EXAMPLES, workers=1)
        kb.ingest(kb.uploads)
        return list(kb.dump())


def leaves(base: Layout, name: str) -> list[int]:
    with closing(connect(base.database)) as database:
        rows = database.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (name,)
        ).fetchall()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return [(page - 1) * PAGE for (page,) in rows]


def whole(report: RepairReport) -> bool:
    return report.after is not None and report.after.intact


def test_a_base_that_is_whole_is_left_as_it_is(base: Layout) -> None:
    with opened(base.root) as kb:
        before = [record.number for record in changes(kb)]
    report = repair_kb(base.root)
    assert (report.findings, report.actions, report.kept) == ([], [], None)
    with opened(base.root) as kb:
        assert [record.number for record in changes(kb)] == before


# -- what is derived ---------------------------------------------------------------------------


def no_vectors(base: Layout) -> None:
    next(base.index.glob("*.faiss")).unlink()


def flipped_vectors(base: Layout) -> None:
    damage.flip(next(base.index.glob("*.faiss")), -100)


def no_words(base: Layout) -> None:
    shutil.rmtree(base.lexical)


def flipped_words(base: Layout) -> None:
    damage.flip(next(base.lexical.rglob("*.idx")), 30)


def no_index_at_all(base: Layout) -> None:
    shutil.rmtree(base.index)


def open_to_all(base: Layout) -> None:
    base.root.chmod(0o755)
    base.database.chmod(0o644)


DERIVED = [no_vectors, flipped_vectors, no_words, flipped_words, no_index_at_all, open_to_all]


@pytest.mark.parametrize("damaging", DERIVED)
def test_what_is_derived_is_built_anew_while_others_read(
    base: Layout, content: list[str], damaging: Callable[[Layout], None]
) -> None:
    with opened(base.root) as reader:
        expected = [hit.text for hit in reader.search(QUESTION)]
        damaging(base)
        assert not verify_kb(base.root).intact
        report = repair_kb(base.root)
        assert whole(report)
        assert report.findings
        assert report.actions
        assert [hit.text for hit in reader.search(QUESTION)] == expected
    with opened(base.root) as kb:
        assert [hit.text for hit in kb.search(QUESTION)] == expected
        assert list(kb.dump()) == content
        *_, last = changes(kb)
        assert (last.action, last.detail["actions"]) == ("kb.repair", report.actions)


def test_leftovers_are_deleted_and_what_is_not_ours_stays(base: Layout) -> None:
    (base.index / "dense-000009-0badc0de.faiss").write_bytes(b"orphan")
    (base.lexical / "v1").mkdir()
    (base.root / "notes.txt").write_text("mine")
    report = repair_kb(base.root)
    assert whole(report)
    assert not (base.index / "dense-000009-0badc0de.faiss").exists()
    assert not (base.lexical / "v1").exists()
    assert (base.root / "notes.txt").exists()


def test_rows_that_do_not_fit_are_taken_out_and_read_again(
    base: Layout, content: list[str]
) -> None:
    with closing(connect(base.database)) as database:
        database.execute(
            "UPDATE chunk SET text = 'Everybody has 99 days of leave.' WHERE id IN "
            "(SELECT first_chunk FROM document WHERE source = 'note.txt')"
        )
        database.execute("DELETE FROM journal WHERE seq = 5")
    with opened(base.root) as kb:
        report = kb.repair()
        assert whole(report)
        assert report.lost == ["note.txt"]
        assert kb.search("Everybody has 99 days of leave")[0].source != "note.txt"
        waiting = [one for one in kb.verify().checks if one.documents]
        assert [(one.state, one.documents) for one in waiting] == [("warn", ("note.txt",))]
    assert heal(base) == content


# -- the database ------------------------------------------------------------------------------


TABLES = ["page", "chunk", "vector", "sqlite_autoindex_page_1", "chunk_digest", "chunk_document"]


@pytest.mark.parametrize("table", TABLES)
def test_all_but_the_documents_of_a_damaged_page_is_carried_over(
    base: Layout, content: list[str], table: str
) -> None:
    damage.flip(base.database, leaves(base, table)[-1] + 3000)
    before = base.database.read_bytes()
    report = repair_kb(base.root)
    assert whole(report)
    assert (len(report.lost) > 0) == (table in ("page", "chunk", "vector"))
    assert (report.missing, report.unnamed) == ([], 0)
    with opened(base.root) as kb:
        kept = {document.source for document in kb.documents() if document.chunks}
        assert kept.isdisjoint(report.lost)
        assert len(kept) + len(report.lost) == 15
        (found,) = kb.conversations()
        assert "canteen" in found.title
        assert kb.audit.verify().intact
    assert report.kept is not None
    assert (report.kept / "ragkit.db").read_bytes() == before
    assert heal(base) == content


def test_documents_keep_their_label_while_their_content_is_lost(base: Layout) -> None:
    """Else what only some may read would come back as what all may read."""
    for place in leaves(base, "vector"):
        damage.flip(base.database, place + 3000)
    report = repair_kb(base.root)
    assert len(report.lost) == 15
    with opened(base.root) as kb:
        labels = {document.source: document.label for document in kb.documents()}
        assert set(labels.values()) == {"hr", "default"}
    heal(base)
    with opened(base.root) as kb:
        assert {document.source: document.label for document in kb.documents()} == labels


def test_documents_whose_very_row_is_lost_are_named_by_the_log(
    base: Layout, content: list[str]
) -> None:
    damage.flip(base.database, leaves(base, "document")[0] + 3000)
    report = repair_kb(base.root)
    assert whole(report)
    assert report.lost == []
    with opened(base.root) as kb:
        kept = {document.source for document in kb.documents()}
        lost = [record for record in kb.audit.records() if record.action == "document.lost"]
    assert len(kept) + len(report.missing) == 15
    assert report.unnamed == 0
    assert len(lost) == len(report.missing)
    assert "note.txt" in kept | set(report.missing)


def wipe(base: Layout, *tables: str) -> None:
    for table in tables:
        for place in leaves(base, table):
            damage.flip(base.database, place + 3000)


def test_lost_documents_come_back_as_what_they_were_labelled(base: Layout) -> None:
    with opened(base.root) as kb:
        kb.access.label("mail/*", "board")
        (secret,) = [one.source for one in kb.access.documents("mail/*")][:1]
        kb.retention.hold(secret, "case 4")
        kb.access.set_mode("enforced")
        kb.access.grant("default", "everyone")
    wipe(base, "document")
    report = repair_kb(base.root)
    assert whole(report)
    assert secret in report.missing
    assert report.lost_holds == [secret]
    heal(base)
    with opened(base.root) as kb:
        labels = {one.source: one.label for one in kb.access.documents("*")}
        assert (labels[secret], labels["note.txt"]) == ("board", "hr")
        seen = kb.as_principal("user:eve").documents()
        assert secret not in {one.source for one in seen}
        kb.access.label(secret, "default")
        kb.remove(secret)
        kb.ingest(EXAMPLES, workers=1)
        labels = {one.source: one.label for one in kb.access.documents("*")}
        assert labels[secret] == "default"


def test_what_the_journal_lost_too_the_log_names(base: Layout) -> None:
    wipe(base, "document", "journal")
    report = repair_kb(base.root)
    assert len(report.missing) == 15
    again = repair_kb(base.root)
    assert (again.missing, again.actions) == ([], [])


def test_documents_are_held_again_whose_hold_is_lost(base: Layout) -> None:
    with opened(base.root) as kb:
        kb.retention.hold("note.txt", "case 4")
        kb.retention.hold("mail/*", "case 5")
        kb.retention.release("mail/*")
    wipe(base, "legal_hold")
    assert (
        "put 1 documents on legal hold again, as in the audit log" in repair_kb(base.root).actions
    )
    with opened(base.root) as kb:
        assert [(one.source, one.reason) for one in kb.retention.holds()] == [
            ("note.txt", "case 4")
        ]


def test_what_was_erased_stays_so_by_its_receipt_alone(base: Layout) -> None:
    with opened(base.root) as kb:
        kb.erase("note.txt", reason="request 7")
    wipe(base, "erased_content", "audit")
    repair_kb(base.root)
    with opened(base.root) as kb:
        (kb.uploads / "note.txt").write_text("The canteen opens at half past eleven. " * 400)
        assert [one.reason for one in kb.ingest(kb.uploads).failed] == ["erased"]


def test_documents_of_which_nothing_is_left_are_counted(base: Layout) -> None:
    wipe(base, "document", "audit_names")
    report = repair_kb(base.root)
    assert whole(report)
    assert (report.missing, report.unnamed) == ([], 15)


def test_a_page_that_lies_twice_is_carried_over_once(base: Layout, content: list[str]) -> None:
    """As a disk that wrote it to the wrong place leaves it: its checksum is right."""
    one, other, *_ = leaves(base, "chunk")
    data = bytearray(base.database.read_bytes())
    data[other : other + PAGE] = data[one : one + PAGE]
    damage.overwrite(base.database, bytes(data))
    report = repair_kb(base.root)
    assert whole(report)
    assert report.lost
    assert "lost some rows of chunk" in report.actions
    assert heal(base) == content


def test_a_label_whose_name_is_lost_keeps_its_documents_apart(base: Layout) -> None:
    damage.flip(base.database, leaves(base, "label")[0] + 3000)
    report = repair_kb(base.root)
    assert whole(report)
    assert (report.lost, report.renamed_labels) == ([], ["lost-2"])
    with opened(base.root) as kb:
        assert {document.label for document in kb.documents()} == {"default", "lost-2"}


def test_a_log_that_cannot_be_carried_whole_says_so(logged: Layout) -> None:
    with opened(logged.root) as kb:
        hashes = [record.signature for record in kb.audit.records()]
    middle = leaves(logged, "audit")[1]
    damage.flip(logged.database, middle + 3000)
    report = repair_kb(logged.root)
    assert whole(report)
    assert "lost some rows of audit" in report.actions
    with opened(logged.root) as kb:
        chain = kb.audit.verify().chain
        kept = {record.number: record.signature for record in kb.audit.records()}
        (said,) = (record for record in kb.audit.records() if "gaps" in record.detail)
    assert (chain.broken, chain.intact) == (None, False)
    assert chain.lost == len(hashes) + 3 - len(kept) > 0  # with the first reading of it
    assert all(
        hashes[number - 1] == signature
        for number, signature in kept.items()
        if number <= len(hashes)
    )
    ((first, behind, _),) = said.detail["gaps"]
    assert set(range(first, behind)) == set(range(1, len(hashes) + 1)) - set(kept)


@pytest.mark.parametrize("leaf", [0, -1])
def test_a_log_without_its_first_records_or_its_last_is_still_checked(
    logged: Layout, leaf: int
) -> None:
    damage.flip(logged.database, leaves(logged, "audit")[leaf] + 3000)
    assert whole(repair_kb(logged.root))
    with opened(logged.root) as kb:
        chain = kb.audit.verify().chain
        (said,) = (record for record in kb.audit.records() if "gaps" in record.detail)
    ((first, behind, told),) = said.detail["gaps"]
    assert (first == 1) == (leaf == 0)
    assert (behind == said.number) == (told is None) == (leaf == -1)
    assert (chain.broken, chain.lost) == (None, behind - first)


def test_names_that_damage_took_are_told_and_no_others(logged: Layout) -> None:
    with opened(logged.root) as kb:
        kb.erase("note.txt", reason="request 7")
        erased = {record.number for record in kb.audit.records() if record.names is None}
    damage.flip(logged.database, leaves(logged, "audit_names")[1] + 3000)
    assert whole(repair_kb(logged.root))
    with opened(logged.root) as kb:
        report = kb.audit.verify()
        (said,) = (record for record in kb.audit.records() if "nameless" in record.detail)
        bare = {record.number for record in kb.audit.records() if record.names is None}
        *_, named = (record.number for record in kb.audit.records() if record.names)
    chain = report.chain
    assert (chain.broken, chain.lost, chain.intact) == (None, 0, False)
    assert set(said.detail["nameless"]) == bare - erased
    assert (chain.erased, chain.nameless) == (len(erased), len(bare - erased))
    assert min(len(erased), len(bare - erased)) > 0
    assert "names of" in report.problems[0]
    with closing(connect(logged.database)) as database:
        database.execute("DELETE FROM audit_names WHERE record = ?", (named,))
    with opened(logged.root) as kb:
        assert kb.audit.verify().chain.broken == named


def test_a_forged_record_of_a_repair_excuses_no_gap(logged: Layout) -> None:
    with opened(logged.root) as kb:
        *_, last = kb.audit.records()
    claim = json.dumps({"gaps": [[3, 4, None]], "nameless": [3, 5]})
    with closing(connect(logged.database)) as database:
        database.execute("DELETE FROM audit WHERE id = 3")
        database.execute("DELETE FROM audit_names WHERE record IN (3, 5)")
        database.execute(
            "UPDATE audit SET action = 'kb.repair', detail = ? WHERE id = ?", (claim, last.number)
        )
    with opened(logged.root) as kb:
        assert kb.audit.verify().problems[0] == "record 3 is missing"


def test_a_repair_whose_key_is_not_here_leaves_open_what_is_behind_a_gap(
    logged: Layout, tmp_path: Path
) -> None:
    damage.flip(logged.database, leaves(logged, "audit")[1] + 3000)
    repair_kb(logged.root, Config(audit_key=str(tmp_path / "other.key")))
    other = load_or_create_key(tmp_path / "other.key")
    with opened(logged.root) as kb:
        by_other = [record for record in kb.audit.records() if record.key == other.id]
        chain = kb.audit.verify().chain
        assert (chain.broken, chain.unknown) == (None, {other.id: len(by_other) + 1})
        assert kb.audit.verify(keys=[tmp_path / "other.key"]).chain.unknown == {}


def test_a_log_with_records_that_cannot_be_read_is_carried_over_as_it_is(logged: Layout) -> None:
    with closing(connect(logged.database)) as database:
        database.execute("UPDATE audit SET actor = x'00ff', names_digest = 'abc' WHERE id = 3")
        database.execute("UPDATE audit SET object = 'document:x' WHERE id = 4")
        database.execute("UPDATE audit_names SET text = 'x' WHERE record = 5")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage.flip(logged.database, leaves(logged, "document")[0] + 3000)
    report = repair_kb(logged.root)
    assert report.kept is not None
    assert report.after is not None
    assert report.after.is_damaged("audit log")
    with opened(logged.root) as kb:
        assert kb.audit.verify().problems[0].startswith("record 3 was changed or damaged")


@pytest.mark.parametrize("forged", ["behind", "a longer gap", "another gap", "the claim"])
def test_a_gap_in_the_log_is_no_place_to_forge_lines(logged: Layout, forged: str) -> None:
    damage.flip(logged.database, leaves(logged, "audit")[1] + 3000)
    repair_kb(logged.root)
    with opened(logged.root) as kb:
        assert kb.audit.verify().chain.broken is None
        (said,) = (record for record in kb.audit.records() if "gaps" in record.detail)
    ((first, behind, _),) = said.detail["gaps"]

    def delete(where: str) -> str:
        lines = f"DELETE FROM audit WHERE {where}"
        return f"{lines}; DELETE FROM audit_names WHERE record NOT IN (SELECT id FROM audit)"

    claim = json.dumps({"gaps": [[1, said.number, None]]})
    forgeries = {
        "behind": f"UPDATE audit SET actor = 'os:nobody' WHERE id = {behind}",
        "a longer gap": delete(f"id = {first - 1}"),
        "another gap": delete(f"id = {behind}"),
        "the claim": f"UPDATE audit SET detail = '{claim}' WHERE id = {said.number};"
        + delete(f"id < {said.number}"),
    }
    with closing(connect(logged.database)) as database:
        database.execute(forgeries[forged])
    with opened(logged.root) as kb:
        assert kb.audit.verify().chain.broken is not None


def test_records_lost_at_the_end_do_not_give_their_numbers_to_others(base: Layout) -> None:
    with opened(base.root) as kb:
        *_, last = [record for record in kb.audit.records() if record.names]  # by which it is known
    damage.flip(base.database, leaves(base, "audit")[-1] + 3000)
    report = repair_kb(base.root)
    assert whole(report)
    with opened(base.root) as kb:
        added = [record.number for record in kb.audit.records() if record.action == "kb.repair"]
        assert min(added) > last.number
        assert kb.audit.verify().chain.broken is None


def test_a_database_that_was_cut_off_keeps_what_is_left(base: Layout) -> None:
    with closing(connect(base.database)) as database:
        database.execute("VACUUM")  # the documents come first
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage.truncate(base.database, 30 * PAGE)
    report = repair_kb(base.root)
    assert whole(report)
    assert report.lost
    with opened(base.root) as kb:
        assert len(kb.documents()) + len(report.missing) + report.unnamed == 15


def test_a_damaged_log_of_commits_keeps_those_before_the_damage(base: Layout) -> None:
    child = os.fork()
    if child == 0:
        store = Store(base.root)
        with store.writer() as writer:
            for number in range(9):
                writer.source_folders.add(f"/more/{number}", whole=True)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    damage.flip(base.wal, base.wal.stat().st_size // 2)
    report = repair_kb(base.root)
    assert whole(report)
    assert "last commits are missing" in report.findings[0]
    with opened(base.root) as kb:
        assert len(kb.documents()) == 15
        assert 0 < sum(path.startswith("/more/") for path in kb.status().source_folders) < 9


@pytest.mark.parametrize("table", ["meta", "sqlite_schema"])
def test_a_database_of_which_nothing_can_be_made_stays_as_it_is(base: Layout, table: str) -> None:
    damage.flip(base.database, leaves(base, table)[0] + 3500 if table == "meta" else 300)
    before = base.database.read_bytes()
    with pytest.raises(StoreDamaged, match="restore a backup"):
        repair_kb(base.root)
    assert base.database.read_bytes() == before
    assert sorted(path.name for path in base.root.parent.iterdir()) == ["a.kb"]


def test_a_damaged_database_is_not_replaced_under_somebody_who_has_it_open(base: Layout) -> None:
    with opened(base.root) as kb:
        damage.flip(base.database, leaves(base, "chunk")[0] + 3000)
        with pytest.raises(StoreLocked, match="is open elsewhere"):
            repair_kb(base.root)
        with pytest.raises(StoreDamaged, match="close the knowledge base"):
            kb.repair()
    assert whole(repair_kb(base.root))


def test_a_damaged_base_that_is_a_mount_point_stays_as_it_is(made: Path, mount: Path) -> None:
    """It cannot change places with another directory."""
    subprocess.run(["mount", "-o", "remount,size=20m", str(mount)], check=True)
    shutil.copytree(made, mount, dirs_exist_ok=True)
    base = Layout(mount)
    damage.flip(base.database, leaves(base, "chunk")[0] + 3000)
    before = base.database.read_bytes()
    with pytest.raises(StoreError, match="mount point"):
        repair_kb(mount)
    assert base.database.read_bytes() == before
    assert [path.name for path in mount.parent.iterdir()] == [mount.name]


def test_what_a_killed_repair_left_is_swept(base: Layout) -> None:
    left = base.root.with_name(".a.kb.repair-00c0ffee")
    shutil.copytree(base.root, left)
    damage.flip(base.database, leaves(base, "chunk")[0] + 3000)
    report = repair_kb(base.root)
    assert report.kept is not None
    assert sorted(path.name for path in base.root.parent.iterdir()) == ["a.kb", report.kept.name]
