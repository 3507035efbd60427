"""Compiles a cross-encoder for the CPU with OpenVINO; only safetensors weights need torch."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ragkit.embedders.compile import expand_attention, write_compiled
from ragkit.embedders.openvino import (
    MODEL,
    QUANTIZED,
    import_openvino,
    write_facts,
)
from ragkit.embedders.quantize import Floats, calibration_texts, quantize
from ragkit.errors import MissingExtra, RerankerError
from ragkit.network import hubs_offline
from ragkit.rerankers.base import RerankerScores
from ragkit.rerankers.cross_encoder import (
    MAX_TOKENS,
    CrossEncoder,
    CrossEncoderFacts,
    Inputs,
    PairTokenizer,
    pad_pairs,
    read_logits,
)
from ragkit.rerankers.dequantize import restore_floats
from ragkit.rerankers.discovery import RerankerSource

_PROBE = "Which pump fits the cooling circuit?"
_PROBES = (
    "The pump VX-20 fits the cooling circuit of all models since 2019.",
    "The committee met on 3 May 2021 and approved expenses of $1,250.75 for travel.",
    "A short one.",
)
_TOLERANCE = 0.05  # of a probe's score, as a share of the largest score (at least 1)
_MIN_CORRELATION = 0.995  # of the quantized model's scores with the model's own
_CALIBRATION_PAIRS = 32
_PAD_TOKENS = ("[PAD]", "<pad>")

_Scorer = Callable[[Inputs], RerankerScores]


def compile_reranker(source: RerankerSource, folder: Path) -> None:
    """Write the compiled form of a cross-encoder to `folder`, completely or not at all.

    Does nothing if it exists. Of several processes one compiles, and the others wait. Weights are
    stored as float32, and in a second file those of the products as 8-bit integers, if its scores
    have a correlation of at least 0.995 with the model's own. Before the folder gets its name, the
    scores of a few pairs are compared with those of the original.

    Raises MissingExtra if torch is needed and missing, and RerankerError if the files are damaged
    or are not a cross-encoder's, or if the folder cannot be written.
    """
    write_compiled(folder, lambda scratch: _write(source, scratch), RerankerError)


def _write(source: RerankerSource, folder: Path) -> None:
    graph, score = _read_onnx(source) if source.onnx else _convert_torch(source)
    _check_graph(graph, source)
    _save_tokenizer(source, folder)
    facts = _read_facts(source, graph, folder / "tokenizer.json")
    graph.reshape({at: [-1, -1] for at in range(len(graph.inputs))})
    import_openvino().save_model(graph, folder / MODEL, compress_to_fp16=False)
    pairs = PairTokenizer(folder / "tokenizer.json", facts.max_tokens)
    _quantize(folder, pairs, facts)
    write_facts(folder, facts)
    _compare(score, CrossEncoder(folder, is_exact=True), pairs)


@contextmanager
def _report_damage(path: Path, *errors: type[BaseException]) -> Iterator[None]:
    """Turn a library's error about a model's file into a RerankerError."""
    try:
        yield
    except errors as error:
        reason = str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error)
        raise RerankerError(
            f"{path} cannot be read ({reason}); expected the complete files of a cross-encoder; "
            "copy or download them again"
        ) from error


def _read_onnx(source: RerankerSource) -> tuple[Any, _Scorer]:
    """Return the graph of an ONNX file with products of floats, and a function that runs it."""
    assert source.onnx is not None
    core = import_openvino().Core()
    with _report_damage(source.onnx, RuntimeError):
        graph, original = core.read_model(source.onnx), core.read_model(source.onnx)
    restore_floats(graph)

    def score(inputs: Inputs) -> RerankerScores:
        model = core.compile_model(original, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return read_logits(model(inputs)[0])

    return graph, score


def _convert_torch(source: RerankerSource) -> tuple[Any, _Scorer]:
    """Return the graph of safetensors weights, and a function that runs the original model."""
    hubs_offline()
    try:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra(
            f"{source.name} must be compiled once, which needs sentence-transformers; install it "
            'with: pip install "ragkit[torch]" (or use a folder with model.onnx)'
        ) from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with _report_damage(source.folder, Exception):
        model = AutoModelForSequenceClassification.from_pretrained(
            str(source.folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()
    has_types = (getattr(model.config, "type_vocab_size", 0) or 0) > 1
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if has_types else [])]

    class Logits(torch.nn.Module):
        """The model from token ids to logits."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return self.model(input_ids=input_ids, attention_mask=attention_mask, **types).logits

    ones = torch.ones((2, 16), dtype=torch.int64)
    with torch.no_grad(), _report_damage(source.folder, RuntimeError):
        graph = import_openvino().convert_model(Logits(), example_input=dict.fromkeys(names, ones))
    expand_attention(graph)

    def score(inputs: Inputs) -> RerankerScores:
        with torch.no_grad():
            logits = Logits()(*(torch.from_numpy(array) for array in inputs))
        return read_logits(logits.float().numpy())

    return graph, score


def _check_graph(graph: Any, source: RerankerSource) -> None:
    """Raise RerankerError unless the graph takes pairs of texts and returns one or two logits."""
    where = source.onnx or source.folder
    inputs = {port.get_any_name() for port in graph.inputs}
    if (
        not {"input_ids", "attention_mask"}
        <= inputs
        <= {*("input_ids", "attention_mask", "token_type_ids")}
    ):
        raise RerankerError(
            f"{where} takes {', '.join(sorted(inputs))}; expected input_ids, attention_mask and "
            "maybe token_type_ids, as a cross-encoder has; name another model"
        )
    shape = graph.outputs[0].get_partial_shape()
    sizes = [str(size) for size in shape] if shape.rank.is_static else []
    if len(sizes) == 1 or (len(sizes) == 2 and sizes[1] in ("1", "2", "?")):
        return
    kind = (
        "vectors, as an embedder does"
        if len(sizes) == 3
        else f"{sizes[-1] if sizes else 'no'} classes"
    )
    raise RerankerError(
        f"{where} returns {kind}; expected one score for a pair of texts (or two, for no and "
        "yes), as a cross-encoder returns; name another model"
    )


def _save_tokenizer(source: RerankerSource, folder: Path) -> None:
    """Write tokenizer.json, converted from an older form if that is what the model has."""
    given = source.folder / "tokenizer.json"
    if given.is_file():
        shutil.copyfile(given, folder / "tokenizer.json")
    else:
        with _report_damage(source.folder, Exception):
            try:
                from transformers import AutoTokenizer
            except ImportError as error:
                raise MissingExtra(
                    f"{source.folder} has no tokenizer.json, and converting its tokenizer needs "
                    'transformers; install it with: pip install "ragkit[torch]"'
                ) from error
            loaded = AutoTokenizer.from_pretrained(str(source.folder), local_files_only=True)
            loaded.backend_tokenizer.save(str(folder / "tokenizer.json"))
    with _report_damage(source.folder, Exception):
        PairTokenizer(folder / "tokenizer.json", MAX_TOKENS).encode("a", ["b"])


def _read_facts(source: RerankerSource, graph: Any, tokenizer: Path) -> CrossEncoderFacts:
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(tokenizer))
    named = source.read_json("config.json").get("pad_token_id")
    pad = named if isinstance(named, int) else None
    for token in _PAD_TOKENS:
        pad = backend.token_to_id(token) if pad is None else pad
    return CrossEncoderFacts(
        name=source.name,
        digest=source.digest,
        max_tokens=_find_max_tokens(source, pad or 0),
        pad_id=pad or 0,
        inputs=tuple(port.get_any_name() for port in graph.inputs),
    )


def _find_max_tokens(source: RerankerSource, pad: int) -> int:
    """Return the most tokens of a pair: the least of the model's, its tokenizer's and MAX_TOKENS.

    Models of the RoBERTa family count positions from the id of their padding.
    """
    config = source.read_json("config.json")
    positions = config.get("max_position_embeddings")
    if "roberta" in str(config.get("model_type")) or config.get("model_type") == "camembert":
        positions = positions - pad - 1 if isinstance(positions, int) else None
    own = source.read_json("tokenizer_config.json").get("model_max_length")
    limits = [limit for limit in (positions, own) if isinstance(limit, int) and limit > 0]
    return min([MAX_TOKENS, *limits])


def _quantize(folder: Path, tokenizer: PairTokenizer, facts: CrossEncoderFacts) -> None:
    pairs = [pair for query, text in _calibration_pairs() for pair in tokenizer.encode(query, text)]
    samples = [pad_pairs([pair], len(pair.ids), facts) for pair in pairs]
    quantize(folder / MODEL, samples, folder / QUANTIZED, _are_correlated)


def _calibration_pairs() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the first sentence of a text with this text, and with one about something else."""
    texts = calibration_texts()
    for at in range(0, len(texts), max(1, 2 * len(texts) // _CALIBRATION_PAIRS)):
        query = re.split(r"(?<=[.!?])\s|\n", texts[at])[0][:100]
        yield query, (texts[at], texts[(at + len(texts) // 2) % len(texts)])


def _are_correlated(expected: Floats, found: Floats) -> bool:
    ours, theirs = (read_logits(logits).astype(np.float64) for logits in (found, expected))
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    size = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return size > 0 and float(ours @ theirs) / size >= _MIN_CORRELATION


def _compare(score: _Scorer, compiled: CrossEncoder, tokenizer: PairTokenizer) -> None:
    pairs = tokenizer.encode(_PROBE, _PROBES)
    longest = max(len(pair.ids) for pair in pairs)
    expected = score(pad_pairs(pairs, longest, compiled.facts))[: len(pairs)]
    found = compiled.score(_PROBE, _PROBES)
    limit = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(expected - found).max())
    if not difference <= limit:  # also for NaN
        raise RerankerError(
            f"the compiled {compiled.name} differs from the original by {difference:.3f}, expected "
            f"at most {limit:.3f}; use another model, and report this one"
        )
