"""What happens while the embedder changes and afterwards, and is there before and after an undo."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import Access, KnowledgeBase
from ragkit.errors import (
    StoreLocked,
)
from ragkit.maintenance import ReembedProgress
from ragkit.store.database import connect
from tests.maintenance.reembedding.base import (
    TOPICS,
    fresh_dump,
    ingest_more,
    interrupt,
    new,
    old,
    open_kb,
    write,
)

Meanwhile = Callable[[KnowledgeBase, Path], object]


def ingest_changed(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, "pump", "valve", version=2)
    kb.ingest(docs, workers=1)


def rename(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "pump.txt").rename(docs / "the pump.txt")
    kb.ingest(docs, workers=1)


def remove(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "canteen.txt").unlink()
    kb.remove("canteen.txt")


def erase(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "canteen.txt").unlink()
    kb.erase("canteen.txt", reason="asked for")


def expire(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "canteen.txt").unlink()
    kb.access.label("canteen.txt", "short")
    kb.retention.keep("short", 1)
    with closing(connect(kb.path / "ragkit.db")) as database:
        database.execute(
            "UPDATE document SET added_at = '2020-01-01T00:00:00+00:00' "
            "WHERE source = 'canteen.txt'"
        )
    assert kb.retention.erase(clock_is_right=True).receipt is not None


MEANWHILE = (ingest_more, ingest_changed, rename, remove, erase, expire)


@pytest.mark.parametrize("stage", ["embed", "index"])
@pytest.mark.parametrize("change", MEANWHILE)
def test_documents_that_change_while_vectors_are_built_are_in_both_sets(
    kb: KnowledgeBase,
    docs: Path,
    tmp_path: Path,
    change: Meanwhile,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)
    interrupt(kb, stage)
    change(kb, docs)
    assert kb.verify().intact
    kb.reembedding.run(new())
    assert strip(kb.dump()) == strip(fresh_dump(tmp_path, docs, new()))
    assert kb.verify().intact
    kb.reembedding.undo()
    assert strip(kb.dump()) == strip(fresh_dump(tmp_path, docs, old()))


@pytest.mark.parametrize("change", MEANWHILE)
def test_documents_that_change_after_the_swap_are_there_after_an_undo(
    kb: KnowledgeBase, docs: Path, tmp_path: Path, change: Meanwhile
) -> None:
    kb.reembedding.run(new())
    change(kb, docs)
    assert kb.verify().intact
    assert strip(kb.dump()) == strip(fresh_dump(tmp_path, docs, new()))
    kb.reembedding.undo()
    assert strip(kb.dump()) == strip(fresh_dump(tmp_path, docs, old()))
    assert kb.verify().intact


def strip(dump: Iterable[str]) -> list[object]:
    """A dump without what a rename leaves: vectors of a chunk whose header has changed."""
    lines = [json.loads(line) for line in dump]
    for line in lines:
        if line.get("source") == "the pump.txt":
            line["vectors"] = len(line["vectors"])
    return lines


def test_documents_are_ingested_while_another_thread_embeds(
    path: Path, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No writer lock is held while vectors are built: an ingest is not refused."""
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 2)
    halfway, go_on = threading.Event(), threading.Event()

    def wait(progress: ReembedProgress) -> None:
        if progress.stage == "embed" and not go_on.is_set():
            halfway.set()
            assert go_on.wait(30)

    with open_kb(path) as kb, open_kb(path) as other:
        change = threading.Thread(
            target=kb.reembedding.run, args=(new(),), kwargs={"progress": wait}
        )
        change.start()
        assert halfway.wait(30)
        write(docs, "lathe")
        (docs / "valve.txt").unlink()
        other.ingest(docs, workers=1)
        other.erase("canteen.txt", reason="asked for")
        (docs / "canteen.txt").unlink()
        go_on.set()
        change.join()
        assert list(kb.dump()) == fresh_dump(tmp_path, docs, new())
        assert kb.verify().intact


def test_a_change_waits_for_another_writer(path: Path) -> None:
    waited = threading.Event()

    def note(progress: ReembedProgress) -> None:
        if progress.stage == "wait":
            waited.set()

    with open_kb(path) as kb, open_kb(path) as other:
        change = threading.Thread(
            target=kb.reembedding.run, args=(new(),), kwargs={"progress": note}
        )
        with other._store.writer():
            change.start()
            assert waited.wait(30)
            assert kb.status().embedder == "hashing-1"
            with pytest.raises(StoreLocked):
                kb.remove("pump.txt")
        change.join()
        assert kb.status().embedder == "hashing-2"


@pytest.mark.parametrize("done", ["built", "swapped"])
def test_an_erasure_finds_and_proves_both_vectors(
    kb: KnowledgeBase, path: Path, docs: Path, done: str
) -> None:
    kb.reembedding.run(new()) if done == "swapped" else interrupt(kb, "index")
    gone: list[bytes] = []
    with closing(connect(path / "ragkit.db", readonly=True)) as database:
        for table in ("vector", "spare_vector"):
            gone += [
                data
                for (data,) in database.execute(
                    f"SELECT v.data FROM {table} v JOIN chunk c ON c.id = v.chunk "
                    "JOIN document d ON d.id = c.document WHERE d.source = 'canteen.txt'"
                )
            ]
    assert len(gone) == 2
    receipt = kb.erase("canteen.txt", reason="asked for")
    assert receipt.searched["found"] == 0
    assert receipt.searched.get("spare vectors", 7) == 7
    kb.close()
    for file in (one for one in path.rglob("*") if one.is_file()):
        assert not any(vector in file.read_bytes() for vector in gone), file


def test_strict_access_searches_the_new_vectors_exactly(
    kb: KnowledgeBase, path: Path, docs: Path
) -> None:
    (docs / "secret").mkdir()
    (docs / "secret" / "pump.txt").write_text("The pump of the secret plan.")
    kb.ingest(docs / "secret", label="secret", workers=1)
    kb.access.set_mode(Access.STRICT)
    kb.access.grant("default", "user:ana")
    view = kb.as_principal("user:ana")
    interrupt(kb, "index")
    kb.reembedding.run(new())
    assert {hit.source for hit in view.search("pump plan", 20)} == {f"{t}.txt" for t in TOPICS}
    assert view.status().embedder_change is None
    kb.reembedding.undo()
    assert {hit.source for hit in view.search("pump plan", 20)} == {f"{t}.txt" for t in TOPICS}
