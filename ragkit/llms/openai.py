"""Models on a server with an OpenAI-compatible interface: vLLM, llama.cpp, LM Studio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ragkit.errors import ModelNotFound, StreamBroken
from ragkit.llms.base import Event, InstalledModel, Message, ModelLimits, Reasoning, Usage
from ragkit.llms.errors import explain_openai_error, explain_stream_error
from ragkit.llms.origins import Listed, ModelOrigins
from ragkit.llms.transport import Server, Timeouts, parse_object

if TYPE_CHECKING:
    import httpx


class OpenAIServer:
    """The models of one server; `url` is the part before /models, "http://127.0.0.1:8000/v1"."""

    def __init__(
        self,
        url: str,
        key: str = "",
        timeouts: Timeouts | None = None,
        *,
        num_ctx: int = 8192,
        num_predict: int = 1024,
    ) -> None:
        self._limits = ModelLimits(num_ctx, num_predict)
        self.server = Server(
            url.rstrip("/"),
            "an OpenAI-compatible server",
            "openai_url",
            "start it, or change the setting openai_url",
            key,
            timeouts or Timeouts(),
        )
        self.origins = ModelOrigins(self.server)

    @property
    def url(self) -> str:
        """The server's address."""
        return self.server.url

    def models(self) -> list[InstalledModel]:
        """Return the server's models in its order; most servers give only names.

        Models that are known to run elsewhere are left out. Raises ModelRefused if the address is
        another company's.
        """
        self.origins.check_host()
        found = self.server.get("/models")
        if not isinstance(found, dict):
            if found.status_code in (401, 403):
                raise explain_openai_error("the list of models", self.server, found)
            raise self.server.wrong_server_error()
        entries = found.get("data")
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and entry.get("id") for entry in entries
        ):
            raise self.server.wrong_server_error()
        return [
            InstalledModel(str(entry["id"]), context=_parse_count(entry, "max_model_len") or 0)
            for entry in entries
            if not self.origins.is_remote(Listed.parse(entry))
        ]

    def describe(self, model: InstalledModel) -> InstalledModel:
        """Return the entry, with what the model can do if the server is Ollama.

        Raises ModelRefused if it runs elsewhere.
        """
        self.origins.check(model.name)
        ollama = self.origins.ollama
        if ollama is None:
            return model
        try:
            about = ollama.about(model.name)
        except ModelNotFound:  # of another server on the same host
            return model
        return replace(model, capabilities=about.capabilities)

    def model(self, name: str, *, reasoning: bool = False) -> OpenAIModel:
        """Return the model of this name; the server's own settings decide whether it reasons."""
        server = self.server
        return OpenAIModel(
            name,
            server.url,
            key=server.key,
            num_ctx=self._limits.context,
            num_predict=self._limits.output,
            timeouts=server.timeouts,
            origins=self.origins,
        )


class OpenAIModel:
    """A model behind an OpenAI-compatible interface."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        key: str = "",
        num_ctx: int = 8192,
        num_predict: int = 1024,
        timeouts: Timeouts | None = None,
        origins: ModelOrigins | None = None,
    ) -> None:
        self.name = name
        self._tokens = (num_ctx, num_predict)
        self.digest = ""  # the interface does not give one
        server = OpenAIServer(url, key, timeouts)
        self._server = server.server
        self._origins = origins or server.origins

    @cached_property
    def limits(self) -> ModelLimits:
        """The context and output of the settings, and the size of the model."""
        return ModelLimits(*self._tokens, self._origins.find_parameters(self.name))

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        """Yield the answer as it arrives; with a `schema`, JSON of this schema.

        The messages must ask for JSON, too. Raises ModelError, also in the middle of the answer,
        and before anything is sent if the model is known to run elsewhere.
        """
        self._origins.check(self.name)
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": self._tokens[1],
            "temperature": 0,
        }
        if schema is not None:
            named = {"name": "answer", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        with self._server.streaming("/chat/completions", body, self.name) as response:
            if response.status_code != 200:
                raise explain_openai_error(self.name, self._server, response)
            yield from self._events(response)

    def _events(self, response: httpx.Response) -> Iterator[Event]:
        finish = answering = ""
        counts: dict[str, Any] = {}
        timings: dict[str, Any] = {}
        for line in self._server.lines(response, self.name):
            field, _, data = line.partition(":")
            data = data.strip()
            if field != "data":  # a comment that keeps the connection open, or an event's name
                continue
            if data == "[DONE]":
                if not finish:
                    break
                yield replace(_parse_usage(finish, counts, timings), model=answering)
                return
            event = parse_object(data, self._server)
            if event.get("error"):
                raise explain_stream_error(self.name, self._server, event["error"])
            counts = event.get("usage") or counts
            answering = str(event.get("model") or answering)
            timings = event.get("timings") or timings
            for choice in _filter_objects(event.get("choices")):
                yield from _parse_choice(choice)
                finish = str(choice.get("finish_reason") or finish)
        raise StreamBroken(f"the answer of {self.name} ended without its closing line; ask again")


def _filter_objects(found: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; anything else that a server sends is ignored."""
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _parse_choice(choice: dict[str, Any]) -> Iterator[Event]:
    (delta,) = _filter_objects([choice.get("delta")]) or [{}]
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thought, str) and thought:
        yield Reasoning(thought)
    piece = delta.get("content")
    if isinstance(piece, str) and piece:
        yield piece


def _parse_usage(finish: str, counts: Any, timings: Any) -> Usage:
    """Return the counts of an answer; the time of reading and the cached tokens if they are there.

    `timings` are those of llama.cpp.
    """
    details = counts.get("prompt_tokens_details") if isinstance(counts, dict) else None
    read = timings.get("prompt_ms") if isinstance(timings, dict) else None
    return Usage(
        "length" if finish == "length" else "stop",
        _parse_count(counts, "prompt_tokens"),
        _parse_count(counts, "completion_tokens"),
        read_seconds=read / 1000 if isinstance(read, int | float) and read > 0 else None,
        cached_tokens=_parse_count(details, "cached_tokens"),
    )


def _parse_count(counts: Any, key: str) -> int | None:
    value = counts.get(key) if isinstance(counts, dict) else None
    return value if isinstance(value, int) else None
