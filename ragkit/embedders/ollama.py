"""An embedder that Ollama runs, identified by the digest of its model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.embedders.base import EmbedderFacts
from ragkit.embedders.discovery import cached_tokenizer
from ragkit.embedders.gguf_tokenizer import save_tokenizer
from ragkit.embedders.on_server import (
    OLLAMA_PREFIX,
    PROBE,
    SPECIAL_TOKENS,
    Rows,
    ServerEmbedder,
    TextTooLong,
    limit_tokens,
    read_dimension,
    translate_errors,
)
from ragkit.embedders.prompts import Prompts, find_prompts
from ragkit.errors import EmbedderError, EmbedderMissing
from ragkit.llms.errors import OLLAMA_OVERFLOW, cloud_model_error
from ragkit.llms.ollama import OllamaServer, is_cloud_name
from ragkit.llms.transport import RETRY_PAUSES, to_one_line
from ragkit_ingest.tokens import Tokenizer

if TYPE_CHECKING:
    import httpx
    import ollama


class OllamaEmbedder(ServerEmbedder):
    """A model of an Ollama server; `model` is its name there, such as "bge-m3".

    The server is told not to cut texts, so it refuses one that is too long. After each call the
    digest behind the name is compared with that of the beginning: vectors of a model that was
    replaced meanwhile are never returned. `prompts` are those of the model's family if left out.

    Raises EmbedderMissing if the server does not have the model, and EmbedderError if no server
    answers, or the model is a language model or runs elsewhere.
    """

    def __init__(self, model: str, server: OllamaServer, prompts: Prompts | None = None) -> None:
        model = shorten_name(model)
        self._model = model
        self._server = server
        with translate_errors(f"{OLLAMA_PREFIX}{model}"):
            if is_cloud_name(model):
                raise cloud_model_error(model)
            about = server.about(model)
            digest = server.digest(model)
        if about.capabilities and "embedding" not in about.capabilities:
            raise EmbedderError(
                f"{model} on {server.url} is a language model, expected an embedding model; get "
                "one with: ollama pull bge-m3"
            )
        if not digest:
            raise EmbedderError(
                f"{server.url} does not tell the digest of {model}, by which a knowledge base "
                "knows its embedder; update Ollama"
            )
        self._digest = digest
        prompts = find_prompts(model) if prompts is None else prompts
        probe = self._request([PROBE])
        dimension = read_dimension(probe.embeddings, model)
        tokenizer_file = self._find_tokenizer(probe.prompt_eval_count)
        tokenizer = Tokenizer(tokenizer_file) if tokenizer_file else None
        facts = EmbedderFacts(
            name=f"{OLLAMA_PREFIX}{model}",
            weights_sha256=digest,
            dimension=dimension,
            max_tokens=limit_tokens(about.context, prompts, tokenizer),
            query_prompt=prompts.query,
            document_prompt=prompts.document,
        )
        super().__init__(facts, server.url, tokenizer_file)
        self._check_model(is_query=False)

    def _find_tokenizer(self, counted: int | None) -> Path | None:
        """Return the tokenizer of the model, built of what the server shows and then cached.

        None if the server does not show it, or counts other tokens of PROBE than it.
        """
        file = cached_tokenizer(self._digest)
        if not file.is_file():
            body = {"model": self._model, "verbose": True}
            with translate_errors(f"{OLLAMA_PREFIX}{self._model}"):
                shown = self._server.server.post("/api/show", body)
            info = shown.get("model_info") if isinstance(shown, dict) else None
            if not isinstance(info, dict) or not save_tokenizer(info, file):
                return None
        try:
            (found,) = Tokenizer(file).counts([PROBE])
        except Exception:  # the library raises plain Exceptions for a file that is damaged
            return None
        return file if counted is not None and 0 <= counted - found <= SPECIAL_TOKENS else None

    def _embed_batch(self, texts: Sequence[str]) -> Rows:
        rows: Rows = self._request(texts).embeddings
        return rows

    def _request(self, texts: Sequence[str]) -> ollama.EmbedResponse:
        import httpx
        import ollama

        for pause in (*RETRY_PAUSES, None):
            try:
                with _open_client(self._server) as client:
                    response: ollama.EmbedResponse = client.embed(
                        self._model, list(texts), truncate=False
                    )
                    return response
            except ollama.ResponseError as error:
                if error.status_code == 503 and pause is not None:
                    time.sleep(pause)
                    continue
                raise self._explain(error.status_code, str(error.error or "")) from error
            except (ConnectionError, httpx.TransportError) as error:
                raise self._unreachable(error) from error
            except (httpx.HTTPError, ValueError, TypeError) as error:
                raise EmbedderError(str(self._server.server.wrong_server_error())) from error
        raise AssertionError("the last try returns or raises")

    def _explain(self, status: int, text: str) -> EmbedderError:
        """Return the error for a response of another status than 200."""
        model, url, text = self._model, self._server.url, to_one_line(text)
        if status == 404 and text.startswith("model"):
            return EmbedderMissing(f"{model} is not on {url}; get it with: ollama pull {model}")
        if OLLAMA_OVERFLOW.search(text):
            return TextTooLong(
                f"{model} on {url} refuses a text that is longer than it reads ({text}), expected "
                "shorter chunks; use an embedder with a longer context, such as ollama:bge-m3"
            )
        if "NaN" in text:
            return EmbedderError(
                f"{model} on {url} computed a vector with NaN or infinity, expected numbers; "
                "update Ollama, or use another embedder"
            )
        if status == 501 or "does not support" in text:
            return EmbedderError(
                f"{model} on {url} cannot embed ({text}), expected an embedding model; get one "
                "with: ollama pull bge-m3"
            )
        return EmbedderError(
            f"{url} answered {status} for the embedder {model}: {text or 'without a reason'}; look "
            "at its log, then run the command again"
        )

    def _unreachable(self, error: Exception) -> EmbedderError:
        import httpx

        if isinstance(error, httpx.ReadTimeout):
            return EmbedderError(
                f"{self._server.url} did not answer the embedder's request in "
                f"{self._server.server.timeouts.first:g} s; restart the server"
            )
        reason = self._server.server.unreachable_error()
        return EmbedderError(
            f"the embedder {OLLAMA_PREFIX}{self._model} cannot be reached: {reason}"
        )

    def _check_model(self, *, is_query: bool) -> None:
        """Compare the digest behind the name; for a question first with the models in memory.

        That is faster, but a model that was replaced can stay in memory beside the new one.
        """
        if is_query and self._digests_in_memory() == {self._digest}:
            return
        with translate_errors(self.name):
            found = self._server.fetch_digest(self._model)
        if found != self._digest:
            raise EmbedderError(
                f"{self._model} on {self._server.url} was replaced while it was in use: its digest "
                f"was {self._digest[:12]}, now it is {found[:12] or 'missing'}. Nothing of the new "
                "model was stored; restore the old one, or change the embedder with: ragkit "
                f"reembed --embedder {self.facts.name}"
            )

    def _digests_in_memory(self) -> set[str]:
        import httpx
        import ollama

        try:
            with _open_client(self._server) as client:
                loaded = client.ps().models
        except (ollama.ResponseError, ConnectionError, httpx.HTTPError, ValueError, TypeError):
            return set()
        return {
            (each.digest or "").removeprefix("sha256:")
            for each in loaded
            if shorten_name(each.name or each.model or "") == self._model
        }


def shorten_name(model: str) -> str:
    """Return a model's name in lower case and without the tag "latest", which means none."""
    return model.strip().casefold().removesuffix(":latest")


def _open_client(server: OllamaServer) -> ollama.Client:
    """Return the official client, held to this server: no proxy, no redirection, no key.

    By itself it would send OLLAMA_API_KEY, a key for ollama.com, to every server.
    """
    import httpx
    import ollama

    timeouts = server.server.timeouts
    key = server.server.key

    def set_key(request: httpx.Request) -> None:
        request.headers.pop("Authorization", None)
        if key:
            request.headers["Authorization"] = f"Bearer {key}"

    options: dict[str, Any] = {
        "timeout": httpx.Timeout(timeouts.first, connect=timeouts.connect, write=60.0),
        "trust_env": False,
        "event_hooks": {"request": [set_key]},
        "verify": server.url.startswith("https:"),
    }
    return ollama.Client(server.url, follow_redirects=False, **options)
