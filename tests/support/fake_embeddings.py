"""The embeddings of the double of Ollama: words hashed into the signed buckets of each model."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import numpy as np

Answer = tuple[int, Any]


def embedder_entry(
    name: str = "minilm:latest",
    digest: str = "e" * 64,
    *,
    dimension: int = 64,
    context: int = 512,
    **more: Any,
) -> dict[str, Any]:
    """An embedding model as a server of 0.33 has it: its list says that it can complete."""
    info = {
        "general.architecture": "bert",
        "bert.context_length": context,
        "bert.embedding_length": dimension,
        "bert.pooling_type": 1,
    }
    return {
        "name": name,
        "model": name,
        "size": 46_000_000,
        "digest": digest,
        "details": {"family": "bert", "parameter_size": "22.6M"},
        "capabilities": ["completion"],
        "shown": {"capabilities": ["embedding"], "model_info": info},
        **more,
    }


def count_tokens(text: str) -> int:
    """The tokens of a text, with the two special ones around them."""
    return len(re.findall(r"\w+|[^\w\s]", text)) + 2


def embed_text(entry: dict[str, Any], text: str) -> list[float]:
    """The vector of a text, of length 1; another digest gives other vectors."""
    dimension = entry["shown"]["model_info"]["bert.embedding_length"]
    vector = np.full(dimension, 0.01)
    for word in re.findall(r"\w+", text.casefold()):
        hashed = hashlib.blake2b(f"{entry['digest']} {word}".encode(), digest_size=8)
        value = int.from_bytes(hashed.digest())
        vector[value % dimension] += 1 if value >> 63 else -1
    vector /= np.linalg.norm(vector)
    return vector.tolist()


def answer_embed(entry: dict[str, Any] | None, body: dict[str, Any], fault: str) -> Answer:
    """What POST /api/embed answers."""
    name, texts = body["model"], body["input"]
    texts = [texts] if isinstance(texts, str) else texts
    if entry is None:
        return 404, {"error": f'model "{name}" not found, try pulling it first'}
    if "bert.pooling_type" not in entry.get("shown", {}).get("model_info", {}):
        return 501, {"error": '{"error":{"code":501,"message":"This server does not support '
                              'embeddings. Start it with `--embeddings`","type":"x"}}'}  # fmt: skip
    context = entry["shown"]["model_info"]["bert.context_length"]
    if body.get("truncate", True) is False and any(count_tokens(t) > context for t in texts):
        return 400, {"error": "the input length exceeds the context length"}
    if fault == "nan":
        return 400, {"error": "embedding contains NaN or Inf values"}
    if fault == "busy":
        return 503, {"error": "server busy, please try again.  maximum pending requests exceeded"}
    if fault == "broken":
        return 500, {"error": "an error was encountered while running the model: unexpected EOF"}
    rows = spoil([embed_text(entry, text) for text in texts], fault)
    counted = sum(map(entry.get("count", count_tokens), texts))
    return 200, {"model": name, "embeddings": rows, "prompt_eval_count": counted}


def answer_openai(entry: dict[str, Any] | None, body: dict[str, Any], fault: str) -> Answer:
    """What POST /v1/embeddings answers, as vLLM, llama.cpp and TEI do."""
    status, content = answer_embed(entry, {**body, "truncate": False}, fault)
    if status == 400 and "exceeds" in content["error"]:
        content = {"error": "This model's maximum context length is 512 tokens. However, you "
                            "requested 700 tokens"}  # fmt: skip
    if status != 200:
        return status, {"error": {"message": content["error"], "type": "x"}}
    entries = [
        {"object": "embedding", "index": at, "embedding": row}
        for at, row in enumerate(content["embeddings"])
    ]
    if fault == "base64":
        for each in entries:
            each["embedding"] = base64.b64encode(np.array(each["embedding"], "<f4")).decode()
    if fault == "shuffled":
        entries.reverse()
    if fault == "twice":
        entries = entries[:1] * len(entries)
    return 200, {"object": "list", "data": entries, "model": body["model"]}


def spoil(rows: list[list[float]], fault: str) -> list[Any]:
    """The rows with the fault of a server."""
    if fault == "fewer":
        return rows[:-1] if len(rows) > 1 else rows
    if fault == "none":
        return []
    if fault == "longer" and len(rows) > 1:
        return [*rows[:-1], [*rows[-1], 0.5]]
    if fault == "infinite" and len(rows) > 1:
        return [[float("inf"), *rows[0][1:]], *rows[1:]]
    if fault == "words" and len(rows) > 1:
        return ["words", *rows[1:]]
    return list(rows)
