"""Loads the embedder of a name or of a knowledge base, and compiles it first if necessary."""

from __future__ import annotations

from pathlib import Path

from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.discovery import compiled_folder, find_model
from ragkit.embedders.openvino import FACTS_FILE, OpenVINOEmbedder
from ragkit.errors import EmbedderMissing, StoreMismatch


def load_by_name(name: str, device: str = "cpu") -> Embedder:
    """Load an embedder by model name, model folder or compiled folder.

    `device` is "cpu", "cuda" or "auto", which uses a GPU if there is one. Raises EmbedderMissing if
    the model is not on this machine, and EmbedderError or MissingExtra if it cannot be compiled.
    """
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


def load_for_kb(facts: EmbedderFacts, name: str | None, device: str = "cpu") -> Embedder:
    """Load the embedder that a knowledge base was built with.

    `name` is the embedder that the user named, None if they named none. Raises StoreMismatch if it
    is another model, EmbedderMissing if an embedder of your own has to be passed, and what
    `load_by_name` raises.
    """
    if name is None and not facts.weights_sha256:
        raise EmbedderMissing(
            f"this knowledge base was built with an embedder of your own, {facts.name!r}; "
            "open it with KnowledgeBase(path, embedder=...)"
        )
    folder = compiled_folder(facts.weights_sha256)
    if name is None and (folder / FACTS_FILE).is_file():
        embedder = _open(folder, device)
    else:
        embedder = load_by_name(name or facts.name, device)
    check_same(read_facts(embedder), facts)
    return embedder


def check_same(found: EmbedderFacts, expected: EmbedderFacts) -> None:
    """Raise StoreMismatch unless both are the same model."""
    if found == expected:
        return
    same_name = (
        f" with weights {expected.weights_sha256[:12]}" if found.name == expected.name else ""
    )
    raise StoreMismatch(
        f"this knowledge base was built with the embedder {expected.name}{same_name}, not with "
        f"{found.name}; leave out the embedder setting to use its own, or ingest into a new "
        "knowledge base"
    )
