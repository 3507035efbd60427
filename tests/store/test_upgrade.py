from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase, StoreError, StoreLocked
from ragkit.store import Store
from ragkit.store.lock import WriterLock
from tests.hashing import HashingEmbedder

FORMAT_2 = Path(__file__).parent / "format-2.sql"  # two documents and a conversation of two turns


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A base as the ragkit of format 2 left it."""
    path = tmp_path / "a.kb"
    path.mkdir()
    with closing(sqlite3.connect(path / "ragkit.db")) as database:
        database.executescript(FORMAT_2.read_text())
        database.execute("PRAGMA journal_mode = WAL")
    return path


def columns(path: Path) -> set[tuple[object, ...]]:
    """Every column of every table, and every table that another one refers to."""
    with closing(sqlite3.connect(path / "ragkit.db")) as database:
        return {
            (name, *row)
            for (name,) in database.execute("SELECT name FROM sqlite_master").fetchall()
            for pragma in ("table_info", "foreign_key_list")
            for row in database.execute(f"PRAGMA {pragma}({name})").fetchall()
        }


def stored_format(path: Path) -> str:
    with closing(sqlite3.connect(path / "ragkit.db")) as database:
        (found,) = database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    return str(found)


def test_a_base_of_format_2_is_brought_to_this_one_with_all_that_is_in_it(old: Path) -> None:
    config = Config(ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(old, embedder=HashingEmbedder(), config=config) as kb:
        documents = {d.source: (d.pages, d.readable_pages, d.metadata) for d in kb.documents()}
        assert documents == {"leave": (2, 1, {"author": "Ana"}), "pumps": (1, 1, {})}
        assert kb.search("annual leave")[0].source == "leave"
        (found,) = kb.conversations(who="user:ana")
        assert found.title == "How many days of annual leave does everybody have?"
        talk = kb.conversation(found.id, who="user:ana")
        talk.rename("Leave")
        talk.ask("And the pump?")
        talk.rate(1, up=True)
        turns = talk.turns()
        assert [(turn.number, turn.seconds > 0, bool(turn.rating)) for turn in turns] == [
            (1, False, True), (2, False, False), (3, True, False),
        ]  # fmt: skip
        assert "28 days" in turns[0].answer.text
        assert kb.remove("pumps") == ["pumps"]
        assert kb.first_broken_audit_line() is None
    assert stored_format(old) == "3"


def test_a_base_that_was_upgraded_is_like_a_new_one(old: Path, tmp_path: Path) -> None:
    Store(old).close()
    Store(tmp_path / "new.kb").close()
    assert columns(old) == columns(tmp_path / "new.kb")


def test_a_base_is_not_upgraded_under_somebody_who_writes(old: Path) -> None:
    with (
        WriterLock(old / "writer.lock"),
        pytest.raises(StoreLocked, match="is being written by process"),
    ):
        Store(old)
    assert stored_format(old) == "2"
    Store(old).close()


def test_an_upgrade_that_fails_changes_nothing(old: Path) -> None:
    with closing(sqlite3.connect(old / "ragkit.db")) as database:
        database.execute("CREATE TABLE rating (x)")  # in the way of the last step but one
    before = columns(old)
    with pytest.raises(StoreError, match="already exists"):
        Store(old)
    assert (stored_format(old), columns(old)) == ("2", before)
