from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ragkit.store.atomic import open_synced, publish_file, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("scratch", [None, "a.new"])
def test_a_file_is_replaced_and_nothing_is_left_beside_it(
    tmp_path: Path, scratch: str | None
) -> None:
    target = tmp_path / "a.json"
    target.write_bytes(b"old")
    target.chmod(0o644)
    if scratch:
        (tmp_path / scratch).write_bytes(b"left by a killed process")
        (tmp_path / scratch).chmod(0o666)
    write_atomic(target, b"new", scratch=tmp_path / scratch if scratch else None)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(tmp_path) == ["a.json"]


def test_an_existing_file_can_be_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "audit.key"
    write_atomic(target, b"first", replace=False)
    write_atomic(target, b"second", replace=False)
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["audit.key"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failure_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "a.json"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


def test_content_is_synced_before_the_rename_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, rename = os.fsync, os.rename

    def note_sync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        calls.append("sync directory" if stat.S_ISDIR(mode) else "sync file")
        sync(descriptor)

    def note_rename(source: Path, target: Path) -> None:
        calls.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "rename", note_rename)
    expected = ["sync file", "rename", "sync directory"]
    write_atomic(tmp_path / "a.json", b"new")
    assert calls == expected
    with open_synced(tmp_path / "b.new") as file:
        file.write(b"new")
    publish_file(tmp_path / "b.new", tmp_path / "b")
    assert calls == 2 * expected
