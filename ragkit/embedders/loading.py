"""Loads the embedder of a name or of a knowledge base, and compiles it first if necessary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ragkit.config import Config, load_config
from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.discovery import compiled_folder, find_model
from ragkit.embedders.on_server import OLLAMA_PREFIX, OPENAI_PREFIX, translate_errors
from ragkit.embedders.openvino import FACTS_FILE, OpenVINOEmbedder
from ragkit.errors import EmbedderError, EmbedderMissing, StoreMismatch


def is_on_server(name: str) -> bool:
    """Return True for the name of an embedder on a model server, such as "ollama:bge-m3"."""
    return name.startswith((OLLAMA_PREFIX, OPENAI_PREFIX))


def load_by_name(name: str, device: str = "cpu", config: Config | None = None) -> Embedder:
    """Load an embedder by model name, model folder, compiled folder, or name on a server.

    "ollama:NAME" is a model of the Ollama that `config` names, "openai:NAME" one of its
    OpenAI-compatible server; without a `config` the current settings apply. `device` is "cpu",
    "cuda" or "auto", which uses a GPU if there is one. Raises EmbedderMissing if the model is not
    on this machine or the server, and EmbedderError or MissingExtra if it cannot be used.
    """
    if is_on_server(name):
        return _open_on_server(name, config or load_config(), None)
    folder = Path(name).expanduser()
    if (folder / FACTS_FILE).is_file():
        return _open(folder, device)
    source = find_model(name)
    folder = compiled_folder(source.weights_sha256)
    if not (folder / FACTS_FILE).is_file():
        from ragkit.embedders.compile import compile_model

        compile_model(source, folder)
    return _open(folder, device)


def _open(folder: Path, device: str) -> Embedder:
    """Open a compiled model; with a GPU, documents are embedded there."""
    from ragkit.embedders.sentence_transformers import (
        SentenceTransformersEmbedder,
        is_cuda_available,
    )

    compiled = OpenVINOEmbedder(folder)
    if device == "cuda" or (device == "auto" and is_cuda_available()):
        return SentenceTransformersEmbedder(compiled)
    return compiled


def _open_on_server(name: str, config: Config, expected: EmbedderFacts | None) -> Embedder:
    """Open a model on a server; with the prompts of a knowledge base's facts, if given.

    An "openai:" address that is Ollama's is used through Ollama's own interface, which tells the
    digest and can refuse texts that are too long.
    """
    from ragkit.embedders.ollama import OllamaEmbedder
    from ragkit.embedders.openai import OpenAIEmbedder
    from ragkit.embedders.prompts import Prompts
    from ragkit.llms.ollama import OllamaServer
    from ragkit.llms.openai import OpenAIServer

    model = name.partition(":")[2]
    if not model:
        raise EmbedderError(f"{name!r} names no model; expected {name}NAME, such as {name}bge-m3")
    prompts = None
    if expected is not None:
        prompts = Prompts(expected.query_prompt, expected.document_prompt)
    if name.startswith(OLLAMA_PREFIX):
        return OllamaEmbedder(model, OllamaServer(config.ollama_host), prompts)
    if not config.openai_url:
        raise EmbedderError(
            f"the embedder {name} needs the address of its server; set openai_url, for example to "
            "http://127.0.0.1:8000/v1"
        )
    server = OpenAIServer(config.openai_url, config.openai_key)
    with translate_errors(name):
        server.origins.check_host()
        ollama = server.origins.ollama
    if ollama is not None:
        return OllamaEmbedder(model, ollama, prompts)
    return OpenAIEmbedder(model, server, prompts)


def load_for_kb(
    facts: EmbedderFacts, name: str | None, device: str = "cpu", config: Config | None = None
) -> Embedder:
    """Load the embedder that a knowledge base was built with.

    `name` is the embedder that the user named, None if they named none. Raises StoreMismatch if it
    is another model, EmbedderMissing if an embedder of your own has to be passed, and what
    `load_by_name` raises.
    """
    wanted = name or facts.name
    if is_on_server(wanted):
        return _load_from_server(facts, wanted, config or load_config())
    if name is None and not facts.weights_sha256:
        raise EmbedderMissing(
            f"this knowledge base was built with an embedder of your own, {facts.name!r}; "
            "open it with KnowledgeBase(path, embedder=...)"
        )
    folder = compiled_folder(facts.weights_sha256)
    if name is None and (folder / FACTS_FILE).is_file():
        embedder = _open(folder, device)
    else:
        embedder = load_by_name(wanted, device)
    check_same(read_facts(embedder), facts)
    return embedder


def _load_from_server(facts: EmbedderFacts, name: str, config: Config) -> Embedder:
    """Load an embedder on a server, with the prompts of a knowledge base."""
    embedder = _open_on_server(name, config, facts if is_on_server(facts.name) else None)
    check_same(read_facts(embedder), facts)
    return embedder


def is_same(found: EmbedderFacts, expected: EmbedderFacts) -> bool:
    """Return True if both are the same model; a server may be set to another context by now."""
    if is_on_server(found.name):
        found = replace(found, max_tokens=expected.max_tokens)
    return found == expected


def check_same(found: EmbedderFacts, expected: EmbedderFacts) -> None:
    """Raise StoreMismatch unless both are the same model."""
    if is_same(found, expected):
        return
    if found.name == expected.name and is_on_server(found.name):
        raise StoreMismatch(_explain_replaced(found, expected))
    same_name = (
        f" with weights {expected.weights_sha256[:12]}" if found.name == expected.name else ""
    )
    raise StoreMismatch(
        f"this knowledge base was built with the embedder {expected.name}{same_name}, not with "
        f"{found.name}; leave out the embedder setting to use its own, or change it with: "
        f"ragkit reembed --embedder {found.name}"
    )


def _explain_replaced(found: EmbedderFacts, expected: EmbedderFacts) -> str:
    """Return the message for a model on a server that is not the one of that name any more."""
    if found.weights_sha256 != expected.weights_sha256:
        was, now = (facts.weights_sha256[:12] or "unknown" for facts in (expected, found))
        change = f"digest {was}, and the server has {now}"
    elif found.dimension != expected.dimension:
        change = f"vectors of length {expected.dimension}, and the server's have {found.dimension}"
    else:
        change = "other prompts"
    return (
        f"the model behind {found.name} was replaced: this knowledge base was built with {change}; "
        "restore the old model on the server, or change the embedder with: "
        f"ragkit reembed --embedder {found.name}"
    )
