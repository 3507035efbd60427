"""An embedder behind an OpenAI-compatible address: vLLM, llama.cpp, LM Studio, TEI."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.embedders.base import EmbedderFacts
from ragkit.embedders.on_server import (
    OPENAI_PREFIX,
    PROBE,
    Rows,
    ServerEmbedder,
    TextTooLong,
    limit_tokens,
    read_dimension,
    translate_errors,
)
from ragkit.embedders.prompts import Prompts, find_prompts
from ragkit.errors import EmbedderError, EmbedderMissing, ModelError
from ragkit.llms.errors import OPENAI_OVERFLOW, explain_openai_error, extract_message
from ragkit.llms.openai import OpenAIServer
from ragkit.llms.transport import RETRY_PAUSES

if TYPE_CHECKING:
    import httpx

_CONTEXT_FACTS = ("max_input_length", "max_model_len", "n_ctx", "n_ctx_train")
_BUSY = (429, 503)
_WEIGHT_FACTS = ("n_params", "size", "n_embd", "n_vocab", "model_sha")


class OpenAIEmbedder(ServerEmbedder):
    """A model of an OpenAI-compatible server; `model` is its name there.

    Most such servers tell no digest. What identifies the model is its name, the length of its
    vectors, and what the server tells of its weights: llama.cpp their size, TEI their revision.
    `prompts` are those of the model's family if left out.

    Raises EmbedderMissing if the server does not have the model, and EmbedderError if no server
    answers, or the model is known to run elsewhere.
    """

    def __init__(self, model: str, server: OpenAIServer, prompts: Prompts | None = None) -> None:
        self._model = model
        timeouts = replace(server.server.timeouts, short=server.server.timeouts.first)
        self._server = replace(server.server, timeouts=timeouts)
        with translate_errors(f"{OPENAI_PREFIX}{model}"):
            server.origins.check(model)
            told = _find_told_facts(server, model)
        prompts = find_prompts(model) if prompts is None else prompts
        dimension = read_dimension(self._embed_batch([PROBE]), model)
        weights = {key: told[key] for key in _WEIGHT_FACTS if told.get(key)}
        contexts = (told.get(key) for key in _CONTEXT_FACTS)
        context = next((each for each in contexts if isinstance(each, int)), 0)
        facts = EmbedderFacts(
            name=f"{OPENAI_PREFIX}{model}",
            weights_sha256=_hash_facts(weights) if weights else "",
            dimension=dimension,
            max_tokens=limit_tokens(context, prompts),
            query_prompt=prompts.query,
            document_prompt=prompts.document,
        )
        super().__init__(facts, server.url)

    def _embed_batch(self, texts: Sequence[str]) -> Rows:
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        with translate_errors(f"{OPENAI_PREFIX}{self._model}"):
            for pause in (*RETRY_PAUSES, 0.0):
                found = self._server.post("/embeddings", body)
                if isinstance(found, dict):
                    return _parse_rows(found, self._model, len(texts))
                if found.status_code not in _BUSY or not pause:
                    raise self._explain(found)
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _explain(self, response: httpx.Response) -> EmbedderError | ModelError:
        """Return the error for a response of another status than 200."""
        model, url, status = self._model, self._server.url, response.status_code
        try:
            text = extract_message(response.json())
        except ValueError:
            text = ""
        if status in (400, 413, 422, 500) and OPENAI_OVERFLOW.search(text):
            return TextTooLong(
                f"{model} on {url} refuses a text that is longer than it reads ({text}), expected "
                "shorter chunks; use an embedder with a longer context"
            )
        if status == 404:
            return EmbedderMissing(
                f"{url} does not embed with {model} ({text or 'it has no /embeddings'}), expected "
                "an embedding model; start the server with it"
            )
        return explain_openai_error(model, self._server, response)


def _find_told_facts(server: OpenAIServer, model: str) -> dict[str, Any]:
    """Return what the server tells of a model, from its list and from TEI's /info."""
    facts: dict[str, Any] = {}
    found = server.server.find("/models")
    entries = found.get("data") if found is not None else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("id") == model:
            meta = entry.get("meta")
            facts = {**(meta if isinstance(meta, dict) else {}), **entry}
    about = server.server.find(f"{server.url.removesuffix('/v1')}/info") or {}
    return {**facts, **about} if "max_input_length" in about else facts


def _hash_facts(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _parse_rows(content: dict[str, Any], model: str, count: int) -> Rows:
    """Return the vectors of a response in the order of their texts.

    Raises EmbedderError unless there is one for each text.
    """
    entries = content.get("data")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise EmbedderError(
            f"{model} answered without a list of vectors, expected one at /embeddings; set "
            "openai_url to the address of an OpenAI-compatible server"
        )
    places = [entry.get("index", at) for at, entry in enumerate(entries)]
    if sorted(map(str, places)) != sorted(map(str, range(count))):
        raise EmbedderError(
            f"{model} returned {len(entries)} vectors for {count} texts, expected one for each; "
            "update its server, or use another embedder"
        )
    rows: list[Sequence[float]] = [()] * count
    for place, entry in zip(places, entries, strict=True):
        rows[int(place)] = _parse_row(entry.get("embedding"), model)
    return rows


def _parse_row(found: Any, model: str) -> Sequence[float]:
    """Return one vector, from a list or from little-endian float32 in base64."""
    try:
        if isinstance(found, str):
            values: list[float] = np.frombuffer(base64.b64decode(found), "<f4").tolist()
            return values
        return [float(value) for value in found]
    except (TypeError, ValueError) as error:
        raise EmbedderError(
            f"{model} returned something else than a vector of numbers; use another embedder"
        ) from error
