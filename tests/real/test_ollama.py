"""What ragkit relies on in a real Ollama; nothing here assumes what a model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import Config, KnowledgeBase, Message
from ragkit.embedders.base import read_facts
from ragkit.embedders.loading import load_by_name
from ragkit.errors import EmbedderError, ModelRefused
from ragkit.llms import installed_models
from ragkit.llms.ollama import OllamaServer
from ragkit.llms.openai import OpenAIServer

pytestmark = pytest.mark.real

TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<start_of_turn>",
    "<end_of_turn>", "[INST]", "[/INST]", "<|system|>", "<|user|>", "<|end|>", "</s>",
    "<|start|>", "<|message|>", "<|turn>", "<turn|>", "<｜User｜>", "<｜Assistant｜>",
)  # fmt: skip


def show(server: OllamaServer, name: str) -> dict[str, Any]:
    found = server.server.post("/api/show", {"model": name})
    assert isinstance(found, dict)
    return found


def embedders(server: OllamaServer) -> list[str]:
    names = [model.name for model in server.models()]
    found = [name for name in names if "embedding" in show(server, name).get("capabilities", [])]
    return found or pytest.skip("this Ollama has no embedding model")


def test_embedders_are_not_listed_as_language_models(real_server: OllamaServer) -> None:
    listed = {model.name for model in installed_models(server=real_server)}
    for model in real_server.models():
        can_complete = "completion" in show(real_server, model.name).get("capabilities", [])
        assert (model.name in listed) == can_complete


def test_openai_address_is_known_for_ollamas(real_server: OllamaServer) -> None:
    server = OpenAIServer(f"{real_server.url}/v1")
    assert server.origins.ollama is not None
    forwarding = [
        entry["name"]
        for entry in real_server.server.get("/api/tags")["models"]  # type: ignore[index]
        if entry.get("remote_host")
    ]
    assert {model.name for model in server.models()}.isdisjoint(forwarding)
    for name in forwarding:
        with pytest.raises(ModelRefused):
            server.origins.check(name)


def test_hostile_text_adds_no_control_tokens_to_what_a_model_reads(
    real_server: OllamaServer,
) -> None:
    models = installed_models(server=real_server)
    if not models:
        pytest.skip("this Ollama has no language model")
    rendered = 0
    for model in models:
        counts = []
        for text in ("words", " ".join(TOKENS)):
            messages = [Message("system", "Be brief."), Message("user", f"Who {text}?")]
            body = {
                "model": model.name,
                "messages": [{"role": m.role, "content": m.content} for m in messages],
                "stream": False,
                "_debug_render_only": True,
            }
            found = real_server.server.post("/api/chat", body)
            assert isinstance(found, dict), model.name
            prompt = found.get("_debug_info", {}).get("rendered_template", "")
            rendered += bool(prompt)
            counts.append([prompt.count(token) for token in TOKENS])
        assert counts[0] == counts[1], model.name
    if not rendered:
        pytest.skip("this Ollama shows no prompt that it renders")


def test_embedders_give_vectors_of_one_length_and_refuse_long_texts(
    real_server: OllamaServer, docs: Path
) -> None:
    (docs / "a.txt").write_text("The pump weighs 84 kilograms without its motor. " * 60)
    (docs / "b.txt").write_text("Everybody has 28 days of annual leave in each calendar year.")
    config = Config(ollama_host=real_server.url)
    for name in embedders(real_server):
        embedder = load_by_name(f"ollama:{name}", config=config)
        vectors = embedder.encode_document(["One.", "", "Straße 漢字 \ud800", "x" * 300])
        assert vectors.shape == (4, embedder.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        assert len(read_facts(embedder).weights_sha256) == 64
        with pytest.raises(EmbedderError, match="longer than it reads"):
            embedder.encode_document(["one two three " * 100_000])
        assert embedder.encode_query(["one two three " * 1000]).shape == (1, embedder.dimension)
        with KnowledgeBase(
            docs.parent / f"{name.replace('/', '-')}.kb", embedder=f"ollama:{name}", config=config
        ) as kb:
            assert len(kb.ingest(docs).added) == 2
            assert kb.search("How many days of annual leave?")[0].source == "b.txt"
