"""Finds the files of a cross-encoder on this machine; nothing is downloaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.config import cache_folder
from ragkit.embedders.discovery import find_in_hub_cache
from ragkit.errors import RerankerError, RerankerMissing

_ONNX_FILES = ("model.onnx", "onnx/model.onnx")
_TOKENIZER_FILES = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model"),
    "tokenizer.model",
)
_EXPECTED = (
    "expected a sentence-transformers CrossEncoder (config.json, model.safetensors, tokenizer.json)"
    " or its ONNX form (model.onnx, tokenizer.json)"
)


@dataclass(frozen=True, slots=True)
class RerankerSource:
    """The files of a cross-encoder on this machine.

    `onnx` is the file of its ONNX form; None if it has to be compiled from safetensors. `digest` is
    the SHA-256 of everything that its scores depend on.
    """

    name: str
    folder: Path
    onnx: Path | None
    digest: str

    def read_json(self, name: str) -> dict[str, Any]:
        """Return a JSON object of the folder, {} if there is none. Raises RerankerError."""
        return _read_json(self.folder, name)


def find_reranker(name: str) -> RerankerSource:
    """Look for a cross-encoder: as a folder, then in the Hugging Face cache.

    Raises RerankerMissing with the command that downloads it, and RerankerError if the folder holds
    something else: an embedder, a language model, pickled weights, no tokenizer.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        cached = find_in_hub_cache(name, "cross-encoder")
        if cached is None:
            raise RerankerMissing(_explain_missing(name))
        folder = cached
    else:
        folder = folder.resolve()
        name = folder.name
    onnx, weights = _find_weights(folder)
    if not any((folder / file).is_file() for file in _TOKENIZER_FILES):
        raise RerankerError(
            f"{folder} has no tokenizer; {_EXPECTED}; copy or download the whole folder"
        )
    _check_kind(folder)
    used = [*weights, folder / "config.json", *(folder / file for file in _TOKENIZER_FILES)]
    return RerankerSource(name, folder, onnx, _hash_files(used))


def _explain_missing(name: str) -> str:
    if os.path.lexists(Path(name).expanduser()) or name.startswith((".", "~", os.sep)):
        return f"{name} is not a folder; {_EXPECTED}; correct the setting reranker"
    return (
        f"the reranker {name} is not on this machine, and ragkit never downloads models by itself; "
        f"get it with: hf download {name}. Without a network, copy the model's folder from another "
        "machine and pass it as --reranker FOLDER"
    )


def _find_weights(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the ONNX file, if one is to be used, and all files with weights.

    ONNX with floats needs no torch, so it comes before safetensors; quantized ONNX comes last.
    """
    onnx = [folder / file for file in _ONNX_FILES if (folder / file).is_file()]
    safe = sorted(folder.glob("*.safetensors"))
    if not onnx and not safe:
        onnx = sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])
    if onnx:
        data = sorted({*onnx[0].parent.glob("*.onnx_data*"), *onnx[0].parent.glob("*.onnx.data")})
        return onnx[0], [onnx[0], *data]
    if safe:
        return None, safe
    if any(folder.glob("*.gguf")):
        raise RerankerError(f"{folder} holds a language model (GGUF); {_EXPECTED}")
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth")):
        raise RerankerError(
            f"{folder} holds pickled weights only, and ragkit loads none, because that can run "
            "code; expected model.safetensors or model.onnx; save the model with "
            "CrossEncoder.save_pretrained()"
        )
    raise RerankerError(
        f"{folder} holds no model; {_EXPECTED}; name another folder in the setting reranker"
    )


def _check_kind(folder: Path) -> None:
    """Raise RerankerError unless the configuration, if there is one, is that of a cross-encoder."""
    config = _read_json(folder, "config.json")
    names = config.get("architectures") or []
    names = [str(name) for name in names] if isinstance(names, list) else []
    shown = ", ".join(names)
    if (folder / "modules.json").is_file() and not _is_classifier(names):
        kind = "an embedding model"
    elif not names or _is_classifier(names):
        return
    elif any("CausalLM" in name or "ConditionalGeneration" in name for name in names):
        kind = "a language model"
    else:
        kind = "not a cross-encoder"
    raise RerankerError(
        f"{folder} is {kind}{f' ({shown})' if shown else ''}; expected a model that scores pairs "
        "of texts (...ForSequenceClassification), such as cross-encoder/ms-marco-MiniLM-L12-v2; "
        "name its folder in the setting reranker"
    )


def _is_classifier(architectures: Sequence[str]) -> bool:
    return any(name.endswith("ForSequenceClassification") for name in architectures)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RerankerError(
            f"{file} is damaged ({error}); expected JSON; copy or download the folder again"
        ) from error
    return content if isinstance(content, dict) else {}


def _hash_files(files: Sequence[Path]) -> str:
    """Return the SHA-256 over the names and contents of those files that exist."""
    digest = hashlib.sha256()
    for path in filter(Path.is_file, files):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def reranker_folder(digest: str) -> Path:
    """Return the folder for the compiled form of these files, which may not exist yet."""
    return cache_folder("rerankers") / f"{digest[:32]}-v1"
