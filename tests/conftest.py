from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.llms import speeds
from tests.support.hashing import HashingEmbedder
from tests.support.sealed_network import free

Opener = Callable[..., KnowledgeBase]


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own for what a user keeps, such as the audit key."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def speed_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of its own for the measured speeds of models."""
    file = tmp_path_factory.mktemp("cache") / "models" / "speeds.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speeds, "find_speed_file", lambda: file)
        yield file


@pytest.fixture(autouse=True)
def no_speeds(speed_file: Path) -> None:
    """No test measures what another one did."""
    speed_file.unlink(missing_ok=True)


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def free_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test restricts is free again after it."""
    free(monkeypatch)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


@pytest.fixture
def open_kb(tmp_path: Path, embedder: HashingEmbedder) -> Iterator[Opener]:
    """Opens a base by name, with the hashing embedder unless told otherwise."""
    opened: list[KnowledgeBase] = []

    def opener(name: str = "a.kb", **options: object) -> KnowledgeBase:
        kb = KnowledgeBase(tmp_path / name, **{"embedder": embedder, **options})
        opened.append(kb)
        return kb

    yield opener
    for kb in opened:
        kb.close()


@pytest.fixture
def kb(open_kb: Opener) -> KnowledgeBase:
    return open_kb()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    point = tmp_path / "mounted"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(point)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"cannot mount here: {made.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)
