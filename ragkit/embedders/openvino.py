"""An embedder that runs a compiled sentence-transformers model on the CPU, without torch."""

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

from ragkit.embedders.base import EmbedderFacts, FactsEmbedder, Vectors
from ragkit.errors import EmbedderError, RagkitError
from ragkit.hardware import count_cores
from ragkit_ingest.tokens import Tokenizer

FACTS_FILE = "ragkit.json"
MODEL = "model.xml"
QUANTIZED = "model-int8.xml"  # missing if it would not be as good
_LENGTH_STEP = 8  # tokens; the plug-in compiles about 10 ms for each shape that is new to it


class _Schedule(Enum):
    """How the cores share the work; the model is compiled for each when it is first needed."""

    SINGLE = "all cores work on one batch, which is done soonest"
    SHARED = "several questions at once on half of the cores; the rest search for earlier ones"
    DOCUMENTS = "large batches in parallel, which embed an eighth more texts per second"


_CORES = count_cores()
_STREAMS = min(_CORES, 8)  # parallel batches; each takes about 20 MB
_HALF_THE_CORES = max(1, _CORES // 2)
_CONFIG: dict[_Schedule, dict[str, Any]] = {
    _Schedule.SINGLE: {"PERFORMANCE_HINT": "LATENCY"},
    # Not pinned to cores, which other threads of this process may need at that moment.
    _Schedule.SHARED: {
        "NUM_STREAMS": _HALF_THE_CORES,
        "INFERENCE_NUM_THREADS": _HALF_THE_CORES,
        "ENABLE_CPU_PINNING": False,
    },
    # The plug-in joins each attention into one generated kernel. That is faster for questions, but
    # 4 to 15 % slower for a batch of documents (bf16, OpenVINO 2026.4).
    # It also caches the code that it generates for each product and shape, by default 5,000 times.
    # Batches of similar lengths follow each other, so 32 are as fast and save 50 MB.
    _Schedule.DOCUMENTS: {
        "NUM_STREAMS": _STREAMS,
        "INFERENCE_NUM_THREADS": _CORES,
        "SNIPPETS_MODE": "DISABLE",
        "CPU_RUNTIME_CACHE_CAPACITY": 32,
    },
}
_MAX_BATCH_TOKENS = 1024
_MIN_TOKENS_TO_COMPILE = 1536  # of documents; fewer are not worth compiling for DOCUMENTS


_FIRST_ARRAY = threading.Lock()


def import_openvino() -> Any:
    """Return the openvino module, with its telemetry disabled.

    OpenVINO reports each import over the network if its companion package can be imported
    (openvino/tools/ovc/__init__.py, 2026.4). If that is blocked, it uses its own silent stub.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    # The first array builds tables of number types under a C++ lock that gives up Python's lock.
    # Two threads that bring the first array at the same time would deadlock.
    with _FIRST_ARRAY:
        _ = openvino.Tensor(np.zeros(1, dtype=np.float32)).data
    return openvino


class OpenVINOEmbedder(FactsEmbedder):
    """Embeds texts with a folder written by `compile_model`.

    The folder holds the model in one or two forms (.xml and .bin), tokenizer.json and ragkit.json.
    A processor with instructions for bf16 also has those for products of integers, which are 50 %
    faster. There the quantized form is used, if there is one.

    Safe from several threads: each has its own inference request. Vectors are float32 of shape
    (n, dimension) and of length 1. Raises EmbedderError if a file differs from what was compiled.
    """

    def __init__(self, folder: Path) -> None:
        openvino = import_openvino()
        self.facts, self._special_tokens, files = verify_folder(folder)
        self.tokenizer_file = folder / "tokenizer.json"
        self._tokenizer = Tokenizer(self.tokenizer_file)
        self._core = openvino.Core()
        self._folder = folder
        bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._floats = "bf16" if bf16 else "f32"
        self._file = folder / (QUANTIZED if bf16 and QUANTIZED in files else MODEL)
        self._models: dict[_Schedule, Any] = {}
        self._compiling = threading.Lock()
        self._pool = ThreadPoolExecutor(_STREAMS, thread_name_prefix="embed")
        self._local = threading.local()
        self._guard = threading.Lock()
        self._active_questions = 0  # threads that are embedding a question

    def _model(self, schedule: _Schedule) -> Any:
        with self._compiling:
            if schedule not in self._models:
                config = {
                    "INFERENCE_PRECISION_HINT": self._floats,
                    "CACHE_DIR": str(self._folder / "cache"),
                    "CACHE_MODE": "OPTIMIZE_SIZE",  # weights stay in one file, mapped once
                    **_CONFIG[schedule],
                }
                file = str(self._file)
                try:
                    self._models[schedule] = self._core.compile_model(file, "CPU", config)
                except RuntimeError:  # another version may not know the internal settings
                    for internal in ("SNIPPETS_MODE", "CPU_RUNTIME_CACHE_CAPACITY"):
                        config.pop(internal, None)
                    self._models[schedule] = self._core.compile_model(file, "CPU", config)
            return self._models[schedule]

    @property
    def precision(self) -> str:
        """The numbers that its products are computed with: "int8", "bf16" or "f32"."""
        return "int8" if self._file.name == QUANTIZED else self._floats

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        return self._tokenizer.counts(texts)

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed questions; one that is longer than `max_tokens` is cut off.

        A single question gets all cores; questions from several threads share them.
        """
        with self._guard:
            self._active_questions += 1
            is_alone = self._active_questions == 1
        try:
            tokens = self._tokenizer.ids([self.facts.query_prompt + text for text in texts])
            limit = self.max_tokens + self._special_tokens
            last = self._special_tokens // 2  # the closing special token stays
            cut = [t if len(t) <= limit else t[: limit - last] + t[-last:] for t in tokens]
            return self._infer(cut, _Schedule.SINGLE if is_alone else _Schedule.SHARED)
        finally:
            with self._guard:
                self._active_questions -= 1

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks. Raises EmbedderError if one is longer than `max_tokens`."""
        tokens = self._tokenizer.ids([self.facts.document_prompt + text for text in texts])
        limit = self.max_tokens + self._special_tokens
        longest = max(map(len, tokens), default=0)
        if longest > limit:
            raise EmbedderError(
                f"{self.name} reads {limit} tokens, a text has {longest}; split the text"
            )
        is_small = sum(map(len, tokens)) <= _MIN_TOKENS_TO_COMPILE
        if is_small and _Schedule.DOCUMENTS not in self._models:
            return self._infer(tokens, _Schedule.SINGLE)
        return self._infer(tokens, _Schedule.DOCUMENTS)

    def _infer(self, tokens: list[list[int]], schedule: _Schedule) -> Vectors:
        model = self._model(schedule)
        out = np.empty((len(tokens), self.dimension), dtype=np.float32)

        def run(batch: tuple[list[int], int]) -> None:
            rows, length = batch
            inputs = pad_batch([tokens[row] for row in rows], length)
            request = self._request(model)
            try:  # asynchronous: the next batch starts without waiting for Python's lock
                request.start_async(inputs, share_inputs=True)
            finally:  # also after an interrupt: it reads the inputs, and cannot be started twice
                request.wait()
            out[rows] = request.get_output_tensor().data[: len(rows)]

        batches = list(split_batches([len(ids) for ids in tokens], _MAX_BATCH_TOKENS))
        is_parallel = schedule is not _Schedule.SINGLE and len(batches) > 1
        for _ in (self._pool.map if is_parallel else map)(run, batches):
            pass
        return out

    def _request(self, model: Any) -> Any:
        """Return this thread's inference request, which runs one batch at a time."""
        requests = self._local.__dict__.setdefault("requests", {})
        if id(model) not in requests:
            requests[id(model)] = model.create_infer_request()
        return requests[id(model)]


def split_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[tuple[list[int], int]]:
    """Yield batches of at most `max_tokens` tokens, but at least one row, longest rows first.

    Each is the row numbers and their padded length. Rows of similar length come together, and there
    are few distinct shapes.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    at = 0
    while at < len(order):
        length = -(-lengths[order[at]] // _LENGTH_STEP) * _LENGTH_STEP
        size = 1 << (max(1, max_tokens // length).bit_length() - 1)
        yield order[at : at + size], length
        at += size


def pad_batch(tokens: list[list[int]], length: int) -> list[npt.NDArray[np.int64]]:
    """Return token ids and attention mask, each int64 of shape (next power of two, length)."""
    count = 1 << (len(tokens) - 1).bit_length()
    ids = np.zeros((count, length), dtype=np.int64)
    mask = np.zeros((count, length), dtype=np.int64)
    mask[:, 0] = 1  # so that pooling does not divide by zero in the rows that only fill the batch
    for row, entry in enumerate(tokens):
        ids[row, : len(entry)] = entry
        mask[row, : len(entry)] = 1
    return [ids, mask]


def write_facts(folder: Path, facts: Any, **more: int) -> None:
    """Write ragkit.json: the model's facts (a dataclass) and the SHA-256 of the compiled files."""
    models = (folder / name for name in (MODEL, QUANTIZED))
    parts = [part for model in models for part in (model, model.with_suffix(".bin"))]
    here = [part.name for part in (*parts, folder / "tokenizer.json") if part.is_file()]
    content = {
        "facts": asdict(facts),
        **more,
        "files": {name: _sha256(folder / name) for name in here},
    }
    (folder / FACTS_FILE).write_text(json.dumps(content, indent=1) + "\n")


def verify_folder(folder: Path) -> tuple[EmbedderFacts, int, frozenset[str]]:
    """Compare a compiled embedder's files with their SHA-256; see `verify_files`.

    Returns the facts, the number of special tokens and the names of the files.
    """
    content = verify_files(folder)
    try:
        facts = EmbedderFacts(**content["facts"])
        return facts, int(content["special_tokens"]), frozenset(content["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damage_error(folder, error, EmbedderError) from error


def verify_files(folder: Path, error_type: type[RagkitError] = EmbedderError) -> dict[str, Any]:
    """Compare a compiled model's files with their SHA-256; returns the content of ragkit.json.

    A stamp of times, sizes and inodes in the folder spares reading the weights at every start.
    Raises `error_type` if a file differs.
    """
    try:
        content: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text())
        stamp = _stamp(folder, content["files"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _damage_error(folder, error, error_type) from error
    stamp_file = folder / "verified"
    if not stamp_file.is_file() or stamp_file.read_text() != stamp:
        for name, digest in content["files"].items():
            if _sha256(folder / name) != digest:
                raise error_type(
                    f"{folder / name} is not the file that was compiled; "
                    f"delete {folder} and run the command again"
                )
        stamp_file.write_text(stamp)
    return content


def _damage_error(folder: Path, error: Exception, error_type: type[RagkitError]) -> RagkitError:
    return error_type(
        f"the compiled model in {folder} is damaged ({error}); "
        "delete that folder and run the command again"
    )


def _stamp(folder: Path, names: Sequence[str]) -> str:
    stats = [(name, (folder / name).stat()) for name in sorted(names)]
    return " ".join(f"{n}:{s.st_size}:{s.st_mtime_ns}:{s.st_ino}" for n, s in stats)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
