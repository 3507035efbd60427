from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import StoreDamaged, StoreError, StoreLocked
from ragkit.store.database import FORMAT, connect
from ragkit.store.locks import WriterLock
from ragkit.store.store import Store
from tests.support.hashing import HashingEmbedder

HERE = Path(__file__).parent
FORMAT_2 = HERE / "format-2.sql"  # two documents and a conversation of two turns
FORMAT_3 = HERE / "format-3.sql"  # one document replaced, one renamed, a turn after each, a problem


def written(path: Path, script: Path) -> Path:
    path.mkdir()
    with closing(connect(path / "ragkit.db")) as database:
        database.execute(script.read_text())
        database.execute("PRAGMA journal_mode = WAL")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A base as the ragkit of format 2 left it."""
    return written(tmp_path / "a.kb", FORMAT_2)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A base as the ragkit of format 3 left it."""
    return written(tmp_path / "b.kb", FORMAT_3)


def columns(path: Path) -> set[tuple[object, ...]]:
    """Every column of every table, and every table that another one refers to."""
    with closing(connect(path / "ragkit.db")) as database:
        return {
            (name, *row)
            for (name,) in database.execute("SELECT name FROM sqlite_master").fetchall()
            for pragma in ("table_info", "foreign_key_list")
            for row in database.execute(f"PRAGMA {pragma}({name})").fetchall()
        }


def stored_format(path: Path) -> str:
    with closing(connect(path / "ragkit.db")) as database:
        (found,) = database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    return str(found)


def test_a_base_of_format_2_is_brought_to_this_one_with_all_that_is_in_it(old: Path) -> None:
    config = Config(ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(old, embedder=HashingEmbedder(), config=config) as kb:
        documents = {d.source: (d.pages, d.readable_pages, d.metadata) for d in kb.documents()}
        assert documents == {"leave": (2, 1, {"author": "Ana"}), "pumps": (1, 1, {})}
        assert kb.search("annual leave")[0].source == "leave"
        (found,) = kb.as_principal("user:ana").conversations()
        assert found.title == "How many days of annual leave does everybody have?"
        talk = kb.as_principal("user:ana").conversation(found.id)
        talk.rename("Leave")
        talk.ask("And the pump?")
        talk.rate(1, up=True)
        turns = talk.turns()
        assert [(turn.number, turn.seconds > 0, bool(turn.rating)) for turn in turns] == [
            (1, False, True), (2, False, False), (3, True, False),
        ]  # fmt: skip
        assert "28 days" in turns[0].answer.text
        assert kb.remove("pumps") == ["pumps"]
        assert kb.audit.verify().intact
    assert stored_format(old) == "4"


def test_a_base_that_was_upgraded_is_like_a_new_one(old: Path, newer: Path, tmp_path: Path) -> None:
    Store(tmp_path / "new.kb").close()
    for path in (old, newer):
        Store(path).close()
        assert columns(path) == columns(tmp_path / "new.kb")


def test_a_base_of_format_3_is_sealed_and_knows_its_documents_through_their_versions(
    newer: Path,
) -> None:
    with KnowledgeBase(newer, embedder=HashingEmbedder()) as kb:
        assert kb.audit.verify().intact
        lines = [(line.action, line.object, line.names) for line in kb.audit.lines()]
        assert kb.search("annual leave at Christmas")[0].source == "leave.txt"
    assert lines == [
        ("document.add", "document:1", {"source": "leave.txt"}),
        ("document.add", "document:3", {"source": "pumps.txt"}),
        ("document.replace", "document:1", {"source": "leave.txt"}),
        ("document.rename", "document:3", {"source": "cellar.txt", "from": "pumps.txt"}),
        ("document.refuse", "file", {"source": "empty.txt"}),
        ("base.upgrade", "base", {}),
    ]
    with closing(connect(newer / "ragkit.db")) as database:
        origins = database.execute("SELECT id, origin FROM document ORDER BY id").fetchall()
        turns = database.execute("SELECT ordinal, origin FROM turn_origin").fetchall()
    assert origins == [(3, 3), (6, 1)]
    assert sorted(turns) == [(1, 1), (1, 3), (2, 1), (2, 3)]


def test_the_log_of_an_upgraded_base_is_that_of_no_other(newer: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "c.kb", FORMAT_3)
    for path in (newer, other):
        Store(path).close()
    with closing(connect(newer / "ragkit.db")) as database:
        database.execute("ATTACH ? AS other", (str(other / "ragkit.db"),))
        for table in ("audit", "audit_names"):
            database.execute(
                f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM other.{table}"
            )
    with KnowledgeBase(newer, embedder=HashingEmbedder()) as kb:
        assert kb.audit.verify().chain.broken == 1


def test_a_turn_of_an_older_base_rests_on_the_turns_before_it_too(old: Path) -> None:
    """Its model was shown them: whoever may not read what they are from may not read it."""
    passages = "UPDATE turn SET answer = json_set(answer, '$.passages', json(?)) WHERE ordinal = ?"
    with closing(connect(old / "ragkit.db")) as database:
        documents = database.execute("SELECT id FROM document ORDER BY id").fetchall()
        for ordinal, (document,) in enumerate(documents, 1):
            database.execute(passages, (f"[[[{document + 1}], 0, 0, 0]]", ordinal))
    with KnowledgeBase(old, embedder=HashingEmbedder()) as kb:
        kb.access.label("pumps", "plant")
        kb.access.grant("plant", "user:ana")
        kb.access.govern("on")
        view = kb.as_principal("user:ana")
        first, second = view.conversation(view.conversations()[0].id).turns()
        kb.access.govern("off")
        _, after = view.conversation(view.conversations()[0].id).turns()
    assert (first.withheld, second.withheld) == (True, True)
    assert [hit.source for hit in second.answer.passages] == ["pumps"]
    assert second.origins == ()
    assert after.origins == tuple(document for (document,) in documents)


def test_a_base_that_was_upgraded_notices_a_flipped_bit(newer: Path) -> None:
    Store(newer).close()
    database = newer / "ragkit.db"
    content = bytearray(database.read_bytes())
    content[content.index(b"at Christmas") + 3] ^= 1
    database.write_bytes(content)
    with (
        pytest.raises(StoreDamaged, match="not what was written"),
        KnowledgeBase(newer, embedder=HashingEmbedder()) as kb,
    ):
        kb.search("annual leave")


def test_a_base_is_not_upgraded_under_somebody_who_writes(old: Path) -> None:
    with (
        WriterLock(old / "writer.lock"),
        pytest.raises(StoreLocked, match="is being written by process"),
    ):
        Store(old)
    assert stored_format(old) == "2"
    Store(old).close()


def test_an_upgrade_that_fails_changes_nothing(old: Path) -> None:
    with closing(connect(old / "ragkit.db")) as database:
        database.execute("CREATE TABLE rating (x)")  # in the way of the last step but one
    before = columns(old)
    with pytest.raises(StoreError, match="already exists"):
        Store(old)
    assert (stored_format(old), columns(old)) == ("2", before)


def test_an_upgrade_that_was_killed_in_the_file_itself_is_taken_back_and_done_again(
    old: Path,
) -> None:
    """SQLite's journal of it is left, and only who may write can roll it back."""
    child = os.fork()
    if child == 0:
        database = connect(old / "ragkit.db")
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE")
        database.execute("CREATE TABLE half AS SELECT zeroblob(4000) FROM page, page, page")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (old / "ragkit.db-journal").stat().st_size
    Store(old).close()
    assert stored_format(old) == FORMAT
    assert not (old / "ragkit.db-journal").exists()
