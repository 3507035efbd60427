"""A sentence-transformers model compiled for the CPU: no torch at run time."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragkit.embedders.base import EmbedderFacts, Vectors
from ragkit.errors import EmbedderError
from ragkit.hardware import cores
from ragkit_ingest.tokens import Tokenizer

FACTS_FILE = "ragkit.json"
MODEL = "model.xml"
QUANTIZED = "model-int8.xml"  # not there if it would not be as good
_STEP = 8  # tokens; a shape that the CPU plug-in has not seen costs it about 10 ms of compiling


class _Way(Enum):
    """How the cores share the work; each is compiled when it is first needed."""

    TOGETHER = "all at one batch: soonest done"
    DIVIDED = "several questions on half of the cores: the others search for those before"
    DOCUMENTS = "large batches side by side: an eighth more texts done"


_STREAMS = min(cores(), 8)  # batches side by side; each holds some 20 MB
_HALF = max(1, cores() // 2)
_CONFIG: dict[_Way, dict[str, Any]] = {
    _Way.TOGETHER: {"PERFORMANCE_HINT": "LATENCY"},
    # Not bound to a core each, which another thread of this process may want just then.
    _Way.DIVIDED: {
        "NUM_STREAMS": _HALF,
        "INFERENCE_NUM_THREADS": _HALF,
        "ENABLE_CPU_PINNING": False,
    },
    # The plug-in joins each attention into one generated kernel. For a batch of documents that is
    # 4 to 15 % slower than its parts, for questions faster (bf16, OpenVINO 2026.4).
    # It also keeps the code that it generates for each product and shape, by default 5,000 times;
    # batches of like lengths follow each other, so that a few are as fast and save 50 MB.
    _Way.DOCUMENTS: {
        "NUM_STREAMS": _STREAMS,
        "INFERENCE_NUM_THREADS": cores(),
        "SNIPPETS_MODE": "DISABLE",
        "CPU_RUNTIME_CACHE_CAPACITY": 32,
    },
}
_BATCH_TOKENS = 1024  # the most in a batch
_FEW_TOKENS = 1536  # of documents, which are not worth compiling the model another way


_FIRST = threading.Lock()


def import_openvino() -> Any:
    """The openvino module, without its telemetry.

    OpenVINO reports each import over the network where its companion package can be imported
    (openvino/tools/ovc/__init__.py, 2026.4); with that blocked it takes its own silent stub.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    # The first array makes tables of number types under a lock of C++, in which Python's own lock
    # is given away: two threads that bring the first one together wait for each other for ever.
    with _FIRST:
        _ = openvino.Tensor(np.zeros(1, dtype=np.float32)).data
    return openvino


class OpenVINOEmbedder:
    """Embeds with a folder of a model in two forms (.xml and .bin), tokenizer.json and ragkit.json.

    A processor with instructions for bf16 also has those for products of integers, which are
    another half faster: there the model is the one with such products, if it has been made.

    Safe from several threads: each has its own inference request. Vectors are float32 of shape
    (n, dimension) with length 1. Raises EmbedderError if the folder's files are not the ones
    that were compiled.
    """

    def __init__(self, folder: Path) -> None:
        openvino = import_openvino()
        self.facts, self._special_tokens, files = verified_facts(folder)
        self.tokenizer_file = folder / "tokenizer.json"
        self._tokenizer = Tokenizer(self.tokenizer_file)
        self._core = openvino.Core()
        self._folder = folder
        bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._floats = "bf16" if bf16 else "f32"
        self._file = folder / (QUANTIZED if bf16 and QUANTIZED in files else MODEL)
        self._models: dict[_Way, Any] = {}
        self._compiling = threading.Lock()
        self._pool = ThreadPoolExecutor(_STREAMS, thread_name_prefix="embed")
        self._local = threading.local()
        self._guard = threading.Lock()
        self._asking = 0  # threads that embed a question just now

    def _model(self, way: _Way) -> Any:
        with self._compiling:
            if way not in self._models:
                config = {
                    "INFERENCE_PRECISION_HINT": self._floats,
                    "CACHE_DIR": str(self._folder / "cache"),
                    "CACHE_MODE": "OPTIMIZE_SIZE",  # weights stay in one file, mapped once
                    **_CONFIG[way],
                }
                file = str(self._file)
                try:
                    self._models[way] = self._core.compile_model(file, "CPU", config)
                except RuntimeError:  # another version may not know the internal settings
                    for internal in ("SNIPPETS_MODE", "CPU_RUNTIME_CACHE_CAPACITY"):
                        config.pop(internal, None)
                    self._models[way] = self._core.compile_model(file, "CPU", config)
            return self._models[way]

    @property
    def precision(self) -> str:
        """Of what numbers its products are: "int8", "bf16" or "f32"."""
        return "int8" if self._file.name == QUANTIZED else self._floats

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def dimension(self) -> int:
        return self.facts.dimension

    @property
    def max_tokens(self) -> int:
        return self.facts.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._tokenizer.counts(texts)

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed questions; one that is longer than the model can read is cut at its end.

        A question alone gets all cores; several that are asked at the same time share them.
        """
        with self._guard:
            self._asking += 1
            alone = self._asking == 1
        try:
            tokens = self._tokenizer.ids([self.facts.query_prompt + text for text in texts])
            limit = self.max_tokens + self._special_tokens
            last = self._special_tokens // 2  # the closing special token stays
            cut = [t if len(t) <= limit else t[: limit - last] + t[-last:] for t in tokens]
            return self._infer(cut, _Way.TOGETHER if alone else _Way.DIVIDED)
        finally:
            with self._guard:
                self._asking -= 1

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        """Embed texts of documents. Raises EmbedderError for one that is too long to be read."""
        tokens = self._tokenizer.ids([self.facts.document_prompt + text for text in texts])
        limit = self.max_tokens + self._special_tokens
        longest = max(map(len, tokens), default=0)
        if longest > limit:
            raise EmbedderError(f"{self.name} reads {limit} tokens, a text has {longest}")
        few = sum(map(len, tokens)) <= _FEW_TOKENS and _Way.DOCUMENTS not in self._models
        return self._infer(tokens, _Way.TOGETHER if few else _Way.DOCUMENTS)

    def _infer(self, tokens: list[list[int]], way: _Way) -> Vectors:
        model = self._model(way)
        out = np.empty((len(tokens), self.dimension), dtype=np.float32)

        def run(batch: tuple[list[int], int]) -> None:
            rows, length = batch
            inputs = padded([tokens[row] for row in rows], length)
            request = self._request(model)
            try:  # a thread of its own takes the next one up without waiting for Python's lock
                request.start_async(inputs, share_inputs=True)
            finally:  # also when interrupted: it reads the inputs, and cannot be started twice
                request.wait()
            out[rows] = request.get_output_tensor().data[: len(rows)]

        several = list(batches([len(ids) for ids in tokens], _BATCH_TOKENS))
        side_by_side = way is not _Way.TOGETHER and len(several) > 1
        for _ in (self._pool.map if side_by_side else map)(run, several):
            pass
        return out

    def _request(self, model: Any) -> Any:
        """This thread's own request: one cannot run twice at a time."""
        requests = self._local.__dict__.setdefault("requests", {})
        if id(model) not in requests:
            requests[id(model)] = model.create_infer_request()
        return requests[id(model)]


def batches(lengths: Sequence[int], most: int) -> Iterator[tuple[list[int], int]]:
    """Row numbers and padded length of each batch of at most `most` tokens, one row at least.

    Like lengths come together, in few distinct shapes.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    at = 0
    while at < len(order):
        length = -(-lengths[order[at]] // _STEP) * _STEP
        size = 1 << (max(1, most // length).bit_length() - 1)
        yield order[at : at + size], length
        at += size


def padded(tokens: list[list[int]], length: int) -> list[npt.NDArray[np.int64]]:
    """Ids and mask, each of shape (the next power of two, length)."""
    count = 1 << (len(tokens) - 1).bit_length()
    ids = np.zeros((count, length), dtype=np.int64)
    mask = np.zeros((count, length), dtype=np.int64)
    mask[:, 0] = 1  # rows that only fill the batch up must not divide by zero
    for row, entry in enumerate(tokens):
        ids[row, : len(entry)] = entry
        mask[row, : len(entry)] = 1
    return [ids, mask]


def write_facts(folder: Path, facts: EmbedderFacts, special_tokens: int) -> None:
    """Write ragkit.json: the model's facts and the digests of the compiled files."""
    models = (folder / name for name in (MODEL, QUANTIZED))
    parts = [part for model in models for part in (model, model.with_suffix(".bin"))]
    here = [part.name for part in (*parts, folder / "tokenizer.json") if part.is_file()]
    files = {name: _sha256(folder / name) for name in here}
    content = {
        "facts": asdict(facts),
        "special_tokens": special_tokens,
        "files": files,
    }
    (folder / FACTS_FILE).write_text(json.dumps(content, indent=1) + "\n")


def verified_facts(folder: Path) -> tuple[EmbedderFacts, int, frozenset[str]]:
    """The facts, the number of special tokens and the files, whose digests were compared.

    A stamp of times, sizes and inodes beside them spares reading the weights at every start.
    """
    try:
        content = json.loads((folder / FACTS_FILE).read_text())
        facts, special_tokens = EmbedderFacts(**content["facts"]), int(content["special_tokens"])
        stamp = _stamp(folder, content["files"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise EmbedderError(
            f"the compiled model in {folder} is damaged ({error}); "
            "delete that folder and run the command again"
        ) from error
    stamp_file = folder / "verified"
    if not stamp_file.is_file() or stamp_file.read_text() != stamp:
        for name, digest in content["files"].items():
            if _sha256(folder / name) != digest:
                raise EmbedderError(
                    f"{folder / name} is not the file that was compiled; "
                    f"delete {folder} and run the command again"
                )
        stamp_file.write_text(stamp)
    return facts, special_tokens, frozenset(content["files"])


def _stamp(folder: Path, names: Sequence[str]) -> str:
    stats = [(name, (folder / name).stat()) for name in sorted(names)]
    return " ".join(f"{n}:{s.st_size}:{s.st_mtime_ns}:{s.st_ino}" for n, s in stats)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
