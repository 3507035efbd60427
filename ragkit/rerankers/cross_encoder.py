"""A reranker that runs a compiled cross-encoder on the CPU, without torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit.embedders.openvino import (
    MODEL,
    QUANTIZED,
    import_openvino,
    split_batches,
    verify_files,
)
from ragkit.errors import RerankerError
from ragkit.rerankers.base import RerankerScores

MAX_TOKENS = 512  # of a query and a passage together
_MAX_BATCH_TOKENS = 2048

Inputs = list[npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class CrossEncoderFacts:
    """What identifies a compiled cross-encoder, stored in its folder.

    `max_tokens` counts special tokens. `inputs` are the names of the model's inputs, in order.
    """

    name: str
    digest: str
    max_tokens: int
    pad_id: int
    inputs: tuple[str, ...]


class Pair(NamedTuple):
    """The tokens of a query and a text: their ids, and 0 or 1 for what belongs to the text."""

    ids: list[int]
    types: list[int]


class PairTokenizer:
    """Tokenizes a query with each of many texts, by a tokenizer.json. Thread-safe.

    A pair that is too long loses the end of its text. A query keeps half of the tokens at most.
    """

    def __init__(self, file: Path, max_tokens: int) -> None:
        from tokenizers import Tokenizer as Backend

        self._backend = Backend.from_file(str(file))
        self._backend.no_truncation()
        self._backend.no_padding()
        self._max_tokens = max_tokens

    def encode(self, query: str, texts: Sequence[str]) -> list[Pair]:
        """Return the tokens of the query with each text, at most `max_tokens`."""
        query = self._cut_query(_clean(query))
        found = self._backend.encode_batch([(query, _clean(text)) for text in texts])
        return [self._cut_text(encoding) for encoding in found]

    def _cut_query(self, query: str) -> str:
        limit = self._max_tokens // 2
        encoding = self._backend.encode(query, add_special_tokens=False)
        if len(encoding.ids) <= limit:
            return query
        return query[: encoding.offsets[limit - 1][1]]

    def _cut_text(self, encoding: Any) -> Pair:
        excess = len(encoding.ids) - self._max_tokens
        if excess <= 0:
            return Pair(encoding.ids, encoding.type_ids)
        own = [at for at, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        first, last = own[-min(excess, len(own))], own[-1] + 1
        return Pair(*(ids[:first] + ids[last:] for ids in (encoding.ids, encoding.type_ids)))


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which have no UTF-8."""
    return text.encode("utf-8", "replace").decode()


class CrossEncoder:
    """Scores pairs with a folder written by `compile_reranker`; the scores are logits.

    With `is_exact` it computes in float32; otherwise in bf16 and with products of integers where
    the processor has instructions for them and they are as good. Safe from several threads: each
    has its own inference request. Raises RerankerError if a file differs from what was compiled.
    """

    score_range = 16.0
    """From surely wrong to surely right: of a logistic loss, odds of 1 : 3000 to 3000 : 1."""

    def __init__(self, folder: Path, *, is_exact: bool = False) -> None:
        openvino = import_openvino()
        content = verify_files(folder, RerankerError)
        try:
            facts = content["facts"]
            self.facts = CrossEncoderFacts(**{**facts, "inputs": tuple(facts["inputs"])})
        except (KeyError, TypeError) as error:
            raise RerankerError(
                f"{folder} is not a compiled reranker; expected the folder of a cross-encoder; "
                "correct the setting reranker"
            ) from error
        self.folder = folder
        self._tokenizer = PairTokenizer(folder / "tokenizer.json", self.facts.max_tokens)
        core = openvino.Core()
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") and not is_exact
        is_quantized = bf16 and QUANTIZED in content["files"]
        self.precision = "int8" if is_quantized else "bf16" if bf16 else "f32"
        self._model = core.compile_model(
            str(folder / (QUANTIZED if is_quantized else MODEL)),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
                "PERFORMANCE_HINT": "LATENCY",
                "CACHE_DIR": str(folder / "cache"),
                "CACHE_MODE": "OPTIMIZE_SIZE",
            },
        )
        self._local = threading.local()

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.facts.name

    def score(self, query: str, texts: Sequence[str]) -> RerankerScores:
        """Return the logit of each text for the query, float32 of shape (len(texts),)."""
        pairs = self._tokenizer.encode(query, texts)
        scores = np.empty(len(pairs), dtype=np.float32)
        request = self._request()
        for rows, padded in split_batches([len(pair.ids) for pair in pairs], _MAX_BATCH_TOKENS):
            length = min(padded, self.facts.max_tokens)
            inputs = pad_pairs([pairs[row] for row in rows], length, self.facts)
            try:  # see OpenVINOEmbedder
                request.start_async(inputs, share_inputs=True)
            finally:
                request.wait()
            scores[rows] = read_logits(request.get_output_tensor().data)[: len(rows)]
        return scores

    def _request(self) -> Any:
        """Return this thread's inference request."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        return self._local.request


def pad_pairs(pairs: Sequence[Pair], length: int, facts: CrossEncoderFacts) -> Inputs:
    """Return a model's inputs for pairs, each int64 of shape (next power of two, length)."""
    count = 1 << (len(pairs) - 1).bit_length()
    arrays = {name: np.zeros((count, length), dtype=np.int64) for name in facts.inputs}
    arrays["input_ids"][:] = facts.pad_id
    arrays["attention_mask"][:, 0] = 1  # so that nothing divides by zero in rows without a pair
    for row, pair in enumerate(pairs):
        size = len(pair.ids)
        arrays["input_ids"][row, :size] = pair.ids
        arrays["attention_mask"][row, :size] = 1
        if "token_type_ids" in arrays:
            arrays["token_type_ids"][row, :size] = pair.types
    return list(arrays.values())


def read_logits(output: npt.NDArray[np.float32]) -> RerankerScores:
    """Return one score per row: its logit; of two logits, those of no and yes, the difference.

    The difference orders pairs as the softmax does. `output` has shape (rows, 1 or 2) or (rows,).
    """
    logits = output.reshape(len(output), -1)
    scores: RerankerScores = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
    return scores.astype(np.float32)
