"""Loads the reranker that a setting names, and compiles it first if necessary."""

from __future__ import annotations

from pathlib import Path

from ragkit.embedders.openvino import FACTS_FILE
from ragkit.rerankers.base import Reranker
from ragkit.rerankers.cross_encoder import CrossEncoder
from ragkit.rerankers.discovery import find_reranker, reranker_folder


def load_reranker(name: str) -> Reranker:
    """Load a cross-encoder by model name, model folder or compiled folder.

    Raises RerankerMissing if it is not on this machine, and RerankerError or MissingExtra if it
    cannot be compiled.
    """
    folder = Path(name).expanduser()
    if (folder / FACTS_FILE).is_file():
        return CrossEncoder(folder)
    source = find_reranker(name)
    folder = reranker_folder(source.digest)
    if not (folder / FACTS_FILE).is_file():
        from ragkit.rerankers.compile import compile_reranker

        compile_reranker(source, folder)
    return CrossEncoder(folder)
