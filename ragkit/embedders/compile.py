"""Compiles a sentence-transformers model for the CPU with OpenVINO; this needs torch, once."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ragkit.embedders.base import EmbedderFacts
from ragkit.embedders.discovery import ModelSource
from ragkit.embedders.openvino import (
    FACTS_FILE,
    MODEL,
    QUANTIZED,
    OpenVINOEmbedder,
    import_openvino,
    pad_batch,
    write_facts,
)
from ragkit.embedders.quantize import calibration_texts, quantize
from ragkit.errors import EmbedderError, MissingExtra, RagkitError
from ragkit.network import hubs_offline
from ragkit_ingest.tokens import Tokenizer

_PROBES = (
    "Which pump fits the cooling circuit?",
    "The committee met on 3 May 2021 and approved expenses of $1,250.75 for travel.",
    "A short one.",
)
_MIN_COSINE = 0.995  # of the compiled model's vectors with the original ones


def compile_model(source: ModelSource, folder: Path) -> None:
    """Write the compiled form of a model to `folder`, completely or not at all.

    Does nothing if it exists. Of several processes one compiles, and the others wait. The model
    keeps its pooling, projection and prompts. Weights are stored as float16, and in a second file
    those of the products as 8-bit integers. Before the folder gets its name, the vectors of a few
    texts are compared with those of sentence-transformers.

    Raises MissingExtra without sentence-transformers, and EmbedderError if the folder cannot be
    written or a cosine is below 0.995.
    """
    hubs_offline()
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra(
            f"{source.name} must be compiled once, which needs sentence-transformers; install it "
            'with: pip install "ragkit[torch]" (or copy a compiled folder from another machine to '
            f"{folder})"
        ) from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]

    def write(scratch: Path) -> None:
        model = SentenceTransformer(str(source.folder), device="cpu", local_files_only=True)
        _write(model, source, scratch)
        _compare(model, OpenVINOEmbedder(scratch))

    write_compiled(folder, write, EmbedderError)


def write_compiled(
    folder: Path, write: Callable[[Path], None], error_type: type[RagkitError]
) -> None:
    """Let `write` fill an empty folder, which then gets its name; do nothing if it exists.

    Of several processes one writes, and the others wait. Raises `error_type` if the folder cannot
    be written to.
    """
    with _lock_folder(folder, error_type) as is_locked:
        if (folder / FACTS_FILE).is_file():  # another process has just compiled it
            return
        unfinished = f".compiling-{folder.name}-"
        if is_locked:  # then any unfinished folder is of a killed process
            for left in folder.parent.glob(f"{unfinished}*"):
                shutil.rmtree(left, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=unfinished, dir=folder.parent))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(scratch)
            try:
                scratch.rename(folder)
            except OSError:
                if not folder.is_dir():  # without locks another process may have been faster
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _lock_folder(folder: Path, error_type: type[RagkitError]) -> Iterator[bool]:
    """Wait for the lock of this folder, which the system frees when its process ends.

    Yields False if the file system has no locks. Raises `error_type` if the folder cannot be
    written to.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = folder.with_name(f".{folder.name}.lock")
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise error_type(
            f"the compiled model cannot be written to {folder.parent} ({error.strerror}); "
            "set XDG_CACHE_HOME to a folder that can be written to"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            is_locked = True
        except OSError:
            is_locked = False
        yield is_locked
    finally:
        os.close(descriptor)


def _write(model: Any, source: ModelSource, folder: Path) -> None:
    import torch

    openvino = import_openvino()

    class WholeModel(torch.nn.Module):
        """All modules of the model, from token ids to one vector of length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            features = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            return torch.nn.functional.normalize(features["sentence_embedding"], p=2, dim=1)

    ones = torch.ones((2, 16), dtype=torch.int64)
    with torch.no_grad():
        graph = openvino.convert_model(
            WholeModel().eval(), example_input={"input_ids": ones, "attention_mask": ones}
        )
    graph.reshape({0: [-1, -1], 1: [-1, -1]})
    expand_attention(graph)
    openvino.save_model(graph, folder / MODEL, compress_to_fp16=True)
    tokenizer = model.tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    special = tokenizer.num_special_tokens_to_add(False)
    query, document = _read_prompts(model)
    longest = max(_count_tokens(tokenizer, query), _count_tokens(tokenizer, document))
    facts = EmbedderFacts(
        name=source.name,
        weights_sha256=source.weights_sha256,
        dimension=int(model.get_embedding_dimension()),
        max_tokens=int(model.max_seq_length or 512) - special - longest,
        query_prompt=query,
        document_prompt=document,
    )
    _quantize(folder, facts, special + longest)
    write_facts(folder, facts, special_tokens=special + longest)


def _quantize(folder: Path, facts: EmbedderFacts, special_tokens: int) -> None:
    tokenizer = Tokenizer(folder / "tokenizer.json")
    prompts = dict.fromkeys((facts.query_prompt, facts.document_prompt))
    texts = [prompt + text for prompt in prompts for text in calibration_texts()]
    tokens = [ids[: facts.max_tokens + special_tokens] for ids in tokenizer.ids(texts)]
    samples = [pad_batch([ids], len(ids)) for ids in tokens]
    quantize(folder / MODEL, samples, folder / QUANTIZED)


def expand_attention(graph: Any) -> None:
    """Replace each attention with a boolean mask by two products and a softmax.

    The CPU plug-in would do the same, but with a separate step that transposes the keys, which is
    5 % slower (OpenVINO 2026.4).
    """
    from openvino import opset13

    masks: dict[str, Any] = {}
    for node in graph.get_ops():
        if node.get_type_name() != "ScaledDotProductAttention" or len(node.inputs()) < 5:
            continue
        query, key, value, mask, scale = (node.input_value(at) for at in range(5))
        if node.get_attributes()["causal"] or mask.get_element_type().to_string() != "boolean":
            continue
        name = str(mask)
        if name not in masks:
            visible, hidden = opset13.constant(np.float32(0)), opset13.constant(np.float32(-1e30))
            masks[name] = opset13.select(mask, visible, hidden)
        scores = opset13.matmul(opset13.multiply(query, scale), key, False, True)
        weights = opset13.softmax(opset13.add(scores, masks[name]), -1)
        node.output(0).replace(opset13.matmul(weights, value, False, False).output(0))
    graph.validate_nodes_and_infer_types()


def _count_tokens(tokenizer: Any, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids) if text else 0


def _read_prompts(model: Any) -> tuple[str, str]:
    """Return the model's own prompts for queries and for documents, "" where it has none."""
    prompts = model.prompts or {}
    default = prompts.get(model.default_prompt_name or "", "")
    query = prompts.get("query") or default
    document = prompts.get("document") or prompts.get("passage") or default
    return query, document


def _compare(model: Any, compiled: OpenVINOEmbedder) -> None:
    expected = model.encode_document(list(_PROBES), normalize_embeddings=True)
    cosines = (np.asarray(expected) * compiled.encode_document(_PROBES)).sum(axis=1)
    if float(cosines.min()) < _MIN_COSINE:
        raise EmbedderError(
            f"the compiled {compiled.name} differs from the original (cosine "
            f"{float(cosines.min()):.4f}, expected at least {_MIN_COSINE}); use another model, and "
            "report this one"
        )
