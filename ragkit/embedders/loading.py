"""Gives the embedder of a base, or of a name: compiled already, or compiled now."""

from __future__ import annotations

from pathlib import Path

from ragkit.embedders.base import Embedder, EmbedderFacts, facts_of
from ragkit.embedders.discovery import compiled_folder, find
from ragkit.embedders.openvino import FACTS_FILE, OpenVINOEmbedder
from ragkit.errors import EmbedderMissing, StoreMismatch


def load_by_name(name: str, device: str = "cpu") -> Embedder:
    """Load an embedder by model name, model folder or compiled folder.

    Raises EmbedderMissing if it is not on this machine.
    """
    folder = Path(name).expanduser()
    if (folder / FACTS_FILE).is_file():
        return _on_device(OpenVINOEmbedder(folder), device)
    source = find(name)
    folder = compiled_folder(source.weights_sha256)
    if not (folder / FACTS_FILE).is_file():
        from ragkit.embedders.compile import compile_model

        compile_model(source, folder)
    return _on_device(OpenVINOEmbedder(folder), device)


def _on_device(compiled: OpenVINOEmbedder, device: str) -> Embedder:
    """The compiled model, or for documents the same one on the GPU, where there is one."""
    from ragkit.embedders.sentence_transformers import SentenceTransformersEmbedder, cuda_available

    if device == "cuda" or (device == "auto" and cuda_available()):
        return SentenceTransformersEmbedder(compiled)
    return compiled


def load_for_kb(facts: EmbedderFacts, name: str | None, device: str = "cpu") -> Embedder:
    """Load the embedder that a base was built with; `name` is what the user asked for, if at all.

    Raises StoreMismatch if that is another model.
    """
    if name is None and not facts.weights_sha256:
        raise EmbedderMissing(
            f"this base was built with an embedder of your own, {facts.name!r}; "
            "open it with KnowledgeBase(path, embedder=...)"
        )
    folder = compiled_folder(facts.weights_sha256)
    if name is None and (folder / FACTS_FILE).is_file():
        embedder = _on_device(OpenVINOEmbedder(folder), device)
    else:
        embedder = load_by_name(name or facts.name, device)
    check_same(facts_of(embedder), facts)
    return embedder


def check_same(found: EmbedderFacts, expected: EmbedderFacts) -> None:
    """Raise StoreMismatch unless both are the same model."""
    if found == expected:
        return
    same_name = (
        f" with weights {expected.weights_sha256[:12]}" if found.name == expected.name else ""
    )
    raise StoreMismatch(
        f"this base was built with the embedder {expected.name}{same_name}, not with {found.name}; "
        "leave the embedder setting out to use the base's own, or ingest into a new base"
    )
