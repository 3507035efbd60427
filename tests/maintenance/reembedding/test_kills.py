"""A change of the embedder that is killed, or whose files are damaged."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.maintenance import ReembedProgress, restore_kb, verify_kb
from ragkit.store.database import connect
from tests.maintenance.reembedding.base import (
    TOPICS,
    count_spare,
    found_by,
    interrupt,
    new,
    old,
    open_kb,
)
from tests.support import damage
from tests.support.killing import killed_everywhere


def is_finished(path: Path) -> bool:
    with closing(connect(path / "ragkit.db", readonly=True)) as database:
        return not database.execute("SELECT 1 FROM meta WHERE key = 'spare'").fetchone()


@pytest.mark.parametrize("step", ["run", "undo", "finish"])
def test_a_kill_at_any_step_leaves_one_embedder_that_serves(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)
    with open_kb(path) as kb:
        first = list(kb.dump())
        if step != "run":
            kb.reembedding.run(new())
        before = list(kb.dump())
    start = path.with_name("start.kb")
    shutil.copytree(path, start)

    def work() -> None:
        with open_kb(path) as kb:
            if step == "run":
                kb.reembedding.run(new())
            elif step == "undo":
                kb.reembedding.undo()
            else:
                kb.reembedding.finish()

    with open_kb(path) as kb:
        kb.reembedding.run(new()) if step == "run" else getattr(kb.reembedding, step)()
        after = list(kb.dump())
    assert (step == "undo") == (after == first)

    def check() -> None:
        swapped_back = step == "finish" and is_finished(path)
        with open_kb(path, new() if swapped_back else old()) as kb:
            assert list(kb.dump()) in (before, after)
            assert all(found_by(kb, topic) == f"{topic}.txt" for topic in TOPICS)
            assert kb.verify().intact
            if step == "run":
                kb.reembedding.run(new())
            elif not is_finished(path):
                getattr(kb.reembedding, step)()
            assert list(kb.dump()) == after
            assert (step == "run") == (count_spare(path)[2] == 1)
        shutil.rmtree(path)
        shutil.copytree(start, path)

    shutil.rmtree(path)
    shutil.copytree(start, path)
    killed_everywhere(work, check, points=12)


def test_damaged_files_of_either_set_are_found_and_rebuilt(path: Path) -> None:
    with open_kb(path) as kb:
        kb.reembedding.run(new())
    for file in sorted(path.glob("index/*.faiss")):
        damage.flip(file, file.stat().st_size // 2)
        found = verify_kb(path)
        (failed,) = (one for one in found.checks if one.state == "fail")
        assert failed.file == f"index/{file.name}"
        with open_kb(path) as kb:
            assert found_by(kb) == "pump.txt"
            kb.repair()
            assert kb.verify().intact
    with open_kb(path) as kb:
        assert kb.reembedding.undo() == "hashing-1"
        assert found_by(kb) == "pump.txt"


def test_a_damaged_file_of_the_next_embedder_is_rebuilt_before_the_swap(path: Path) -> None:
    with open_kb(path) as kb:
        first = set(path.glob("index/*.faiss"))
        seen: list[str] = []

        def stop(progress: ReembedProgress) -> None:
            seen.append(progress.stage)
            if seen.count("index") == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kb.reembedding.run(new(), progress=stop)
        (file,) = {*path.glob("index/*.faiss")} - first
        damage.truncate(file, 100)
        kb.reembedding.run(new())
        assert kb.verify().intact


SPARE_DAMAGES = (
    "UPDATE spare_vector SET data = zeroblob(128) WHERE chunk = (SELECT min(chunk) FROM vector)",
    "UPDATE spare_vector SET data = x'00' WHERE chunk = (SELECT min(chunk) FROM vector)",
    "UPDATE spare_vector SET data = 'a word' WHERE chunk = (SELECT max(chunk) FROM vector)",
    "DELETE FROM spare_vector WHERE chunk = (SELECT max(chunk) FROM vector)",
    "DELETE FROM spare_vector WHERE chunk = (SELECT min(chunk) FROM vector)",
    "DELETE FROM meta WHERE key = 'spare'",
    "UPDATE meta SET value = '{' WHERE key = 'spare'",
    "UPDATE meta SET value = replace(value, 'previous', 'unheard-of') WHERE key = 'spare'",
)


@pytest.mark.parametrize("change", SPARE_DAMAGES)
def test_damage_of_the_second_set_is_found_and_repaired(path: Path, change: str) -> None:
    with open_kb(path) as kb:
        before = list(kb.dump())
        kb.reembedding.run(new())
    with closing(connect(path / "ragkit.db")) as database:
        database.execute(change)
    failed = {one.name for one in verify_kb(path).checks if one.state == "fail"}
    assert failed
    assert failed <= {"spare vectors", "spare vector index"}
    with open_kb(path, new()) as kb:
        assert found_by(kb) == "pump.txt"
        kb.repair()
        assert kb.verify().intact
        if "meta" not in change:
            assert kb.reembedding.undo() == "hashing-1"
            assert list(kb.dump()) == before


def test_a_backup_of_a_half_built_change_can_be_continued(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)
    with open_kb(path) as kb:
        interrupt(kb, "embed")
        kb.backup(tmp_path / "half")
        kb.reembedding.run(new())
        kb.backup(tmp_path / "swapped")
    for name in ("half", "swapped"):
        report = restore_kb(tmp_path / name, tmp_path / f"{name}.kb")
        assert report.after.intact
        with open_kb(tmp_path / f"{name}.kb") as kb:
            assert found_by(kb) == "pump.txt"
            assert kb.reembedding.run(new()).chunks == (5 if name == "half" else 0)
            assert found_by(kb) == "pump.txt"
            assert kb.reembedding.undo() == "hashing-1"
            assert kb.verify().intact


def test_each_step_is_in_the_audit_log(kb: KnowledgeBase) -> None:
    interrupt(kb, "embed")
    kb.reembedding.undo()
    kb.reembedding.run(new())
    kb.reembedding.undo()
    kb.reembedding.run(new())
    kb.reembedding.finish()
    actions = [one.action for one in kb.audit.records() if one.action.startswith("kb.reembed")]
    assert actions == [
        "kb.reembed", "kb.reembed-undo",
        "kb.reembed", "kb.reembed-swap", "kb.reembed-undo",
        "kb.reembed", "kb.reembed-swap", "kb.reembed-finish",
    ]  # fmt: skip
    (swapped, _) = (one for one in kb.audit.records() if one.action == "kb.reembed-swap")
    assert (swapped.detail["from"], swapped.detail["to"]) == ("hashing-1", "hashing-2")
