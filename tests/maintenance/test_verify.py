"""A check of a base finds every damage, names the file or the documents, and nothing else."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.maintenance import VerificationReport, verify_kb
from ragkit.store.database import connect
from ragkit.store.layout import Layout
from ragkit.store.store import Store
from tests.support import damage
from tests.support.hashing import HashingEmbedder
from tests.support.stored import put

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
PAGE = 4096


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of the example documents, one of them uploaded, which no test changes."""
    path = tmp_path_factory.mktemp("made") / "a.kb"
    with KnowledgeBase(path, embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=1)
        (kb.uploads / "note.txt").write_text("The canteen opens at half past eleven.")
        kb.ingest(kb.uploads)
        kb.conversation().ask("When does the canteen open?")
    return path


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Layout:
    shutil.copytree(made, tmp_path / "a.kb")
    return Layout(tmp_path / "a.kb")


def states(found: VerificationReport) -> dict[str, str]:
    """The worst state of each check that is not fine."""
    order = ("ok", "warn", "fail")
    worst = dict.fromkeys((one.name for one in found.checks), 0)
    for one in found.checks:
        worst[one.name] = max(worst[one.name], order.index(one.state))
    return {name: order[state] for name, state in worst.items() if state}


def named(found: VerificationReport, checked: str) -> tuple[str, ...]:
    (one,) = (one for one in found.checks if one.name == checked and one.state != "ok")
    assert one.fix
    return one.documents


def test_a_base_that_is_whole_has_nothing_but_good_findings(base: Layout) -> None:
    found = verify_kb(base.root)
    assert states(found) == {}
    assert found.intact
    assert [one.name for one in found.checks] == [
        "database", "documents", "journal", "audit log", "vector index", "word index", "uploads",
        "files",
    ]  # fmt: skip
    assert "15 documents" in found.checks[1].finding


def test_a_new_base_is_whole(tmp_path: Path) -> None:
    Store(tmp_path / "new.kb").close()
    assert states(verify_kb(tmp_path / "new.kb")) == {}


def test_a_check_while_others_write_finds_nothing_wrong(base: Layout, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    stop = threading.Event()

    def write() -> None:
        with KnowledgeBase(base.root, embedder=HashingEmbedder()) as kb:
            number = 0
            while not stop.is_set():
                number += 1
                (docs / f"{number % 7}.txt").write_text(f"Text {number}, and some words. " * 50)
                kb.ingest(docs, workers=1)
                if number % 5 == 0:
                    kb.remove(f"{number % 7}.txt")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(12):
            assert verify_kb(base.root).intact
    finally:
        stop.set()
        writing.join()
    assert states(verify_kb(base.root)) == {}


def test_an_index_that_is_behind_is_no_damage(base: Layout) -> None:
    store = Store(base.root)
    with store.writer() as writer:
        put(writer, "late.txt", ["A late word."])
        put(writer, "late.txt", ["Another late word."])
    store.close()
    assert states(verify_kb(base.root)) == {}


# -- the database ------------------------------------------------------------------------------


def pages_of(base: Layout, table: str) -> list[int]:
    """Where the leaves of a table are in the file, in order."""
    with closing(connect(base.database)) as database:
        rows = database.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
        ).fetchall()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return [(page - 1) * PAGE for (page,) in rows]


def test_every_flipped_page_of_the_database_is_found(base: Layout) -> None:
    with closing(connect(base.database)) as database:
        in_use = {page for (page,) in database.execute("SELECT pageno FROM dbstat").fetchall()}
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for page in range(1, base.database.stat().st_size // PAGE + 1):
        damage.flip(base.database, (page - 1) * PAGE + 2000, bit=page % 8)
        found = verify_kb(base.root)
        assert ("database" in states(found)) == (page in in_use), f"page {page}"
        damage.flip(base.database, (page - 1) * PAGE + 2000, bit=page % 8)
    assert verify_kb(base.root).intact


@pytest.mark.parametrize("table", ["page", "chunk", "vector"])
def test_the_documents_that_a_damaged_page_held_are_named(base: Layout, table: str) -> None:
    with closing(connect(base.database)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage.flip(base.database, pages_of(base, table)[2] + 3000)
    found = verify_kb(base.root)
    assert states(found)["documents"] == "fail"
    lost = named(found, "documents")
    assert 0 < len(lost) < 10
    with KnowledgeBase(base.root, embedder=HashingEmbedder(), create=False) as kb:
        assert set(lost) < {document.source for document in kb.documents()}


def test_two_pages_that_changed_places_are_found(base: Layout) -> None:
    """Each has its checksum, which does not say where it belongs."""
    first, second, *_ = pages_of(base, "chunk")
    content = bytearray(base.database.read_bytes())
    one, other = content[first : first + PAGE], content[second : second + PAGE]
    content[first : first + PAGE], content[second : second + PAGE] = other, one
    damage.overwrite(base.database, bytes(content))
    assert states(verify_kb(base.root))["database"] == "fail"


def test_what_cannot_be_opened_any_more_is_still_looked_into(base: Layout) -> None:
    with closing(connect(base.database)) as database:
        database.execute("VACUUM")  # the documents come first
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage.truncate(base.database, 30 * PAGE)
    found = verify_kb(base.root)
    assert found.seq == -1
    assert set(states(found)) == {"database", "documents"}
    assert "ragkit repair" in found.checks[0].fix
    assert named(found, "documents")


def test_a_database_of_nothing_is_only_said_to_be_damaged(base: Layout) -> None:
    damage.overwrite(base.database, b"\xff" * 50_000)
    found = verify_kb(base.root)
    assert set(states(found)) == {"database", "documents"}
    assert not found.intact


CONTENT_DAMAGES = {
    "UPDATE page SET text = ' ' || text WHERE rowid = (SELECT max(rowid) FROM page)": {"documents"},
    "UPDATE chunk SET text = replace(text, 'e', 'a') WHERE id = (SELECT max(id) FROM chunk)": {
        "documents"
    },
    "UPDATE chunk SET start = start + 1 WHERE id = (SELECT max(id) FROM chunk)": {"documents"},
    "DELETE FROM vector WHERE chunk = (SELECT max(id) FROM chunk)": {"documents", "journal"},
    "DELETE FROM chunk WHERE id = (SELECT max(id) FROM chunk)": {"documents", "journal"},
    "DELETE FROM page WHERE rowid = (SELECT max(rowid) FROM page)": {"documents"},
    "UPDATE page SET text = '' WHERE rowid = (SELECT max(rowid) FROM page)": {"documents"},
    "UPDATE vector SET data = zeroblob(128) WHERE chunk = 5": {"documents", "vector index"},
    "UPDATE vector SET data = zeroblob(64) WHERE chunk = 5": {"documents", "vector index"},
    "UPDATE vector SET data = (SELECT data FROM vector WHERE chunk = 6) WHERE chunk = 5": {
        "vector index"
    },
    "DELETE FROM document WHERE source LIKE '%onboarding.md'": {"database", "journal"},
    "DELETE FROM journal WHERE seq = 3": {"journal"},
    "INSERT INTO journal VALUES (1000, 'change', 1, 1)": {"journal"},
    "UPDATE document SET uid = 99 WHERE source LIKE '%onboarding.md'": {"journal"},
    "UPDATE meta SET value = '7' WHERE key = 'next_id'": {"journal"},
    "UPDATE meta SET value = '{' WHERE key = 'identity'": {"documents"},
    "INSERT INTO tombstone VALUES (5, 1000)": {"journal", "vector index"},
    "UPDATE document SET label = 77 WHERE source LIKE '%onboarding.md'": {"database"},
    "UPDATE audit SET actor = 'os:nobody' WHERE id = 3": {"audit log"},
    "UPDATE audit SET actor = x'00ff' WHERE id = 3": {"audit log"},
    "UPDATE audit SET action = 'kb.repair', detail = '[]' WHERE id = 3": {"audit log"},
    "DELETE FROM audit WHERE id = 3": {"audit log"},
    "DELETE FROM audit_names WHERE record = 3": {"audit log"},
    "DELETE FROM meta WHERE key = 'kb'": {"audit log"},
    "UPDATE audit SET names_digest = 'a word' WHERE id = 3": {"audit log"},
    "UPDATE chunk SET page = -1 WHERE id = (SELECT max(id) FROM chunk)": {"documents"},
    "UPDATE chunk SET start = 'a word' WHERE id = (SELECT max(id) FROM chunk)": {"documents"},
    "UPDATE chunk SET header = x'ff' WHERE id = (SELECT max(id) FROM chunk)": {"documents"},
    "UPDATE chunk SET sections = '[1]' WHERE id = (SELECT max(id) FROM chunk)": {"documents"},
    "UPDATE chunk SET sections = '[[0, [1]]]' WHERE id = 5": {"documents"},
    'UPDATE chunk SET rows = \'[[[], "", [["0", 1, "", ""]]]]\' WHERE id = 5': {"documents"},
    "UPDATE chunk SET rows = CAST(x'ff' AS TEXT) WHERE id = 5": {"documents"},
    "UPDATE document SET warnings = '[' WHERE id = 1": {"documents"},
    "UPDATE document SET warnings = '{}' WHERE id = 1": {"documents"},
    "UPDATE document SET metadata = '{\"pages\": 3}' WHERE id = 1": {"documents"},
    "UPDATE document SET metadata = '{}' || char(0) WHERE id = 1": {"documents"},
    "UPDATE document SET first_chunk = 'a word' WHERE id = 1": {"documents"},
    "UPDATE document SET source = x'ff' WHERE source = 'note.txt'": {"documents"},
    "UPDATE page SET text = x'ff' WHERE rowid = (SELECT max(rowid) FROM page)": {"documents"},
    "UPDATE page SET images = 'a word' WHERE rowid = (SELECT max(rowid) FROM page)": {"documents"},
    "UPDATE vector SET data = printf('%.128c', 'a') WHERE chunk = 5": {"documents"},
}


@pytest.mark.parametrize("change", CONTENT_DAMAGES)
def test_rows_that_are_not_what_was_written_are_found(base: Layout, change: str) -> None:
    """As by a hand, or a fault of ours: each page has the right checksum."""
    with closing(connect(base.database)) as database:
        database.execute(change)
    assert set(CONTENT_DAMAGES[change]) <= set(states(verify_kb(base.root)))


def test_a_document_that_no_list_could_show_is_named(base: Layout) -> None:
    with closing(connect(base.database)) as database:
        database.execute("UPDATE document SET warnings = '[' WHERE source LIKE '%onboarding.md'")
    (lost,) = named(verify_kb(base.root), "documents")
    assert lost.endswith("onboarding.md")
    with KnowledgeBase(base.root, embedder=HashingEmbedder()) as kb:
        kb.repair()
        kb.ingest(EXAMPLES, workers=1)
        assert any(document.source == lost for document in kb.documents())
        assert states(kb.verify()) == {}


# -- the indexes -------------------------------------------------------------------------------


def files_of(base: Layout) -> list[Path]:
    """Every file of the indexes that is read in a search."""
    own = {".tantivy-writer.lock", ".tantivy-meta.lock", ".managed.json", "stamps.json"}
    return [
        path for path in sorted(base.index.rglob("*")) if path.is_file() and path.name not in own
    ]


def test_a_flipped_bit_in_any_index_file_is_found_and_the_file_named(base: Layout) -> None:
    assert len(files_of(base)) >= 8
    for path in files_of(base):
        at = path.stat().st_size // 3
        damage.flip(path, at, bit=1)
        found = verify_kb(base.root)
        checked = "vector index" if path.suffix == ".faiss" else "word index"
        if path.name != "meta.json" or states(found):  # white space means nothing there
            assert states(found) == {checked: "fail"}, path.name
        assert found.intact == (states(found) == {})
        damage.flip(path, at, bit=1)
    assert verify_kb(base.root).intact


@pytest.mark.parametrize("how", ["truncated", "deleted", "emptied", "swapped", "another base's"])
def test_a_vector_file_that_is_not_the_one_is_found(base: Layout, how: str) -> None:
    (path,) = base.index.glob("*.faiss")
    if how == "truncated":
        damage.truncate(path, 1)
    elif how == "deleted":
        path.unlink()
    elif how == "emptied":
        damage.overwrite(path, b"")
    elif how == "swapped":
        damage.swap(path, base.database)
    else:
        other = base.root.with_name("other.kb")
        with KnowledgeBase(other, embedder=HashingEmbedder()) as kb:
            kb.ingest(EXAMPLES / "hr", workers=1)
        damage.overwrite(path, next((other / "index").glob("*.faiss")).read_bytes())
    found = verify_kb(base.root)
    assert not found.intact
    if how != "swapped":
        assert states(found) == {"vector index": "fail"}


def test_an_older_word_index_in_place_of_the_newer_one_is_only_behind(
    base: Layout, tmp_path: Path
) -> None:
    shutil.copytree(base.lexical, tmp_path / "older")
    with KnowledgeBase(base.root, embedder=HashingEmbedder()) as kb:
        kb.remove("note.txt")
    shutil.rmtree(base.lexical)
    shutil.copytree(tmp_path / "older", base.lexical)
    assert states(verify_kb(base.root)) == {}


def test_a_database_that_was_put_back_to_an_older_one_is_found(
    base: Layout, tmp_path: Path
) -> None:
    """Its documents are whole, but the indexes know what came later."""
    shutil.copy(base.database, tmp_path / "older.db")
    with KnowledgeBase(base.root, embedder=HashingEmbedder()) as kb:
        kb.remove("note.txt")
    for path in base.root.glob("ragkit.db*"):
        path.unlink()
    shutil.copy(tmp_path / "older.db", base.database)
    assert states(verify_kb(base.root)) == {"database": "fail"}
    shutil.copy(base.commit_lock.with_name("writer.lock"), base.commit_lock)  # no note of it
    assert states(verify_kb(base.root))["word index"] == "fail"


def test_records_of_the_word_index_that_the_base_has_not_are_found(base: Layout) -> None:
    """The mark fits, and each file: as if a fault of ours had let them grow apart."""
    with closing(connect(base.database)) as database:
        database.execute("UPDATE document SET label = 2 WHERE source LIKE '%onboarding.md'")
        database.execute("INSERT INTO label (id, name) VALUES (2, 'board')")
    assert states(verify_kb(base.root)) == {"word index": "fail"}


# -- what is around it -------------------------------------------------------------------------


def test_strays_are_named_and_only_our_own_are_called_leftovers(base: Layout) -> None:
    (base.index / "dense-000009-0badc0de.faiss").write_bytes(b"orphan")
    (base.index / "dense-000009-0badc0de.faiss").chmod(0o600)
    (base.tmp / "dense-000009").write_bytes(b"half")
    (base.root / "notes.txt").write_text("mine")
    (base.root / "link").symlink_to("/etc/passwd")
    found = verify_kb(base.root)
    assert found.intact
    notes = {one.file: one.finding for one in found.checks if one.state == "warn"}
    assert {name: text.split(" ", 1)[1].split(",")[0] for name, text in notes.items()} == {
        "index/dense-000009-0badc0de.faiss": "was left by a process that was killed",
        "tmp/dense-000009": "was left by a process that was killed",
        "notes.txt": "does not belong to the knowledge base",
        "link": "is a link",
    }


def test_what_a_writer_has_in_hand_is_not_left_over(base: Layout) -> None:
    store = Store(base.root)
    with store.writer():
        (base.tmp / "dense-000009").write_bytes(b"half")
        assert states(verify_kb(base.root)) == {}
    store.close()


@pytest.mark.parametrize(("name", "state"), [("", "fail"), ("ragkit.db", "warn")])
def test_a_base_that_others_can_read_is_found(base: Layout, name: str, state: str) -> None:
    (base.root / name).chmod(0o755)
    assert states(verify_kb(base.root)) == {"files": state}


def test_uploads_that_are_not_as_they_were_read_are_named(base: Layout) -> None:
    (base.uploads / "note.txt").write_text("Something else.")
    assert named(verify_kb(base.root), "uploads") == ("note.txt",)
    (base.uploads / "note.txt").unlink()
    assert named(verify_kb(base.root), "uploads") == ("note.txt",)


def test_uploads_that_nothing_else_speaks_of_are_named(base: Layout) -> None:
    (base.uploads / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    with KnowledgeBase(base.root, embedder=HashingEmbedder()) as kb:
        kb.ingest(kb.uploads)
        assert states(kb.verify()) == {}  # the broken one is listed as a problem
        (base.uploads / ".upload-7x").write_bytes(b"half")
        (base.uploads / "sub").mkdir()
        (base.uploads / "sub" / "later.txt").write_text("The canteen closes at two.")
        (note,) = (one for one in kb.verify().checks if one.state == "warn")
        assert note.finding.endswith(": .upload-7x; sub/later.txt")
        assert note.fix.startswith(f"ragkit ingest {kb.uploads}")
        kb.ingest(kb.uploads)
        (note,) = (one for one in kb.verify().checks if one.state == "warn")
        assert note.finding.endswith(": .upload-7x")


def test_a_log_that_was_sealed_elsewhere_is_checked_with_that_key(
    base: Layout, tmp_path: Path, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = data_home / "ragkit" / "audit.key"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    found = verify_kb(base.root)
    assert states(found) == {"audit log": "warn"}
    assert found.intact
    assert states(verify_kb(base.root, keys=[key])) == {}
