"""The commands that look after a base."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from tests.cli.conftest import Command
from tests.support import damage
from tests.support.hashing import HashingEmbedder

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
HEAVY = ("faiss", "numpy", "openvino", "tantivy", "apsw", "ragkit.knowledge_base")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "a.kb"
    with KnowledgeBase(path, embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=1)
    return path


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "a.kb"))


def flip_a_document(base: Path) -> None:
    damage.flip(base / "ragkit.db", 40 * 4096 + 3000)


def test_verify_says_of_each_part_that_it_is_whole(ragkit: Command, base: Path) -> None:
    done = ragkit("verify", "--kb", base)
    assert done.code == 0
    assert all(line.startswith("ok  ") for line in done.out.splitlines())
    assert "14 documents" in done.out


def test_verify_names_what_is_damaged_and_what_to_do(ragkit: Command, base: Path) -> None:
    damage.flip(next((base / "index").glob("*.faiss")), -9)
    done = ragkit("verify", "--kb", base)
    assert done.code == 1
    (at,) = (n for n, line in enumerate(done.out.splitlines()) if line.startswith("FAIL"))
    finding, fix = done.out.splitlines()[at : at + 2]
    assert ".faiss" in finding
    assert "ragkit repair" in fix


def test_verify_gives_programs_the_same(ragkit: Command, base: Path) -> None:
    flip_a_document(base)
    done = ragkit("verify", "--kb", base, "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert not found["intact"]
    (documents,) = (
        one for one in found["checks"] if one["name"] == "documents" and one["documents"]
    )
    assert documents["state"] == "fail"


def test_verify_of_no_base_is_one_line(ragkit: Command, tmp_path: Path) -> None:
    done = ragkit("verify", "--kb", tmp_path / "none.kb")
    assert done.code == 1
    assert "there is no knowledge base" in done.error


def test_repair_says_what_it_did_and_what_is_lost(ragkit: Command, base: Path) -> None:
    assert ragkit("repair", "--kb", base).out == "nothing to repair\n"
    shutil.rmtree(base / "index")
    done = ragkit("repair", "--kb", base)
    assert (done.code, done.out.count("done: rebuilt")) == (0, 2)
    flip_a_document(base)
    done = ragkit("repair", "--kb", base)
    assert done.code == 3
    assert "lost until the next ingest: " in done.out
    assert f"kept in {base}.damaged-" in done.out
    assert ragkit("verify", "--kb", base).code == 0


def test_repair_gives_programs_the_same(ragkit: Command, base: Path) -> None:
    flip_a_document(base)
    done = ragkit("repair", "--kb", base, "--json")
    report = json.loads(done.out)
    assert report["lost"]
    assert report["after"]["intact"]
    assert Path(report["kept"]).is_dir()


def test_equal_bases_have_equal_dumps(ragkit: Command, base: Path, tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "b.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(EXAMPLES, workers=2)
        kb.remove("it")
        kb.ingest(EXAMPLES, workers=1)
    one = ragkit("dump", "--kb", base).out
    assert len(one.splitlines()) == 15
    assert ragkit("dump", "--kb", tmp_path / "b.kb").out == one


def test_a_backup_is_made_and_restored(ragkit: Command, base: Path, tmp_path: Path) -> None:
    before = ragkit("dump", "--kb", base).out
    done = ragkit("backup", tmp_path / "backup", "--kb", base)
    assert done.code == 0
    assert "14 documents" in done.out
    assert "anyone who can read it can read everything" in done.out
    assert "audit.key" in done.out
    assert "already exists" in ragkit("backup", tmp_path / "backup", "--kb", base).error
    assert "--replace" in ragkit("restore", tmp_path / "backup", "--kb", base).error
    with KnowledgeBase(base, embedder=HashingEmbedder()) as kb:
        kb.remove("hr")
    done = ragkit("restore", tmp_path / "backup", "--kb", base, "--replace")
    assert done.code == 0
    assert "audit records of the replaced knowledge base are not in its log" in done.out
    assert ragkit("dump", "--kb", base).out == before
    made = json.loads(ragkit("backup", tmp_path / "again", "--kb", base, "--json").out)
    assert made["manifest"]["documents"] == 14
    done = ragkit("restore", tmp_path / "again", "--kb", tmp_path / "b.kb", "--json")
    assert json.loads(done.out)["after"]["intact"]


def test_what_is_no_backup_is_one_line(ragkit: Command, base: Path, tmp_path: Path) -> None:
    done = ragkit("restore", base, "--kb", tmp_path / "b.kb")
    assert done.code == 1
    assert "is not a backup" in done.error


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom ragkit_apps.cli import main as cli\n"
        "try:\n    cli.cli.main(['repair', '--help'], prog_name='ragkit')\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Exit code 3" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_receipt_that_somebody_wrote_draws_nothing_on_a_terminal(
    ragkit: Command, base: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    source = "hr/onboarding.md"
    erase = ("erase", source, "--reason", "request 7", "--yes", "--receipt", receipt)
    assert ragkit(*erase, "--kb", base).code == 0
    content = json.loads(receipt.read_text())
    content["documents"] = ["document:1\x1b[2J\nok    signed with the key"]
    receipt.write_text(json.dumps(content))
    done = ragkit("verify-receipt", receipt)
    assert done.code == 1
    assert done.out.startswith("FAIL  the receipt was changed after it was signed")
    assert "\x1b" not in done.out
    assert "\nok " not in done.out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"searched": {}}, "its searched is {}"),
        ({"extra": 1}, "it has other fields"),
        ({"format": "another"}, "it has another format"),
    ],
)
def test_what_is_no_receipt_is_said_in_one_line(
    ragkit: Command, base: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    receipt = tmp_path / "receipt.json"
    erase = ("erase", "hr/onboarding.md", "--reason", "request 7", "--yes", "--receipt", receipt)
    ragkit(*erase, "--kb", base)
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), **change}))
    done = ragkit("verify-receipt", receipt)
    assert (done.code, done.out) == (1, "")
    assert told in done.error


def test_an_empty_file_is_no_checkpoint(ragkit: Command, base: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("\n")
    done = ragkit("audit", "verify", "--checkpoint", tmp_path / "checkpoints", "--kb", base)
    assert done.code == 1
    assert "the file is empty" in done.error


def test_a_grant_is_not_taken_back_by_the_name_of_no_label(ragkit: Command, base: Path) -> None:
    done = ragkit("revoke", "hrr", "group:hr", "--kb", base)
    assert done.code == 1
    assert "no document and no rule has the label 'hrr'" in done.error


def test_who_does_not_confirm_erases_nothing(
    ragkit: Command, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = ragkit("erase", "hr/onboarding.md", "--reason", "request 7", "--kb", base)
    assert done.code == 1
    assert done.err.rstrip().endswith("nothing was erased")
    assert ragkit("status", "--documents", "--kb", base).out.count("onboarding.md") == 1


def test_the_log_shows_a_file_that_was_refused(ragkit: Command, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bad.pdf").write_bytes(b"%PDF-1.4 garbage" * 20)
    ragkit("ingest", tmp_path / "docs", "--kb", tmp_path / "b.kb")
    done = ragkit("audit", "show", "--document", "bad.pdf", "--kb", tmp_path / "b.kb")
    assert "document.refuse" in done.out
    done = ragkit("audit", "show", "--action", "serach", "--kb", tmp_path / "b.kb")
    assert (done.code, done.out, done.err) == (0, "", "no matching audit records\n")
