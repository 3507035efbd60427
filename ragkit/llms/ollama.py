"""Ollama's native protocol (ollama/ollama server/routes.go, read at v0.33.0-rc2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ragkit.config import ollama_url
from ragkit.errors import ModelError, PromptTruncated, StreamBroken
from ragkit.hardware import estimate_cache_bytes, estimate_model_bytes, measure_memory
from ragkit.llms.base import (
    Event,
    InstalledModel,
    Message,
    ModelLimits,
    Reasoning,
    Usage,
)
from ragkit.llms.errors import (
    cloud_model_error,
    embedding_model_error,
    explain_ollama_error,
    explain_stream_error,
)
from ragkit.llms.ollama_replies import (
    find_capabilities,
    find_parameters,
    is_cut,
    parse_count,
    parse_entry,
    parse_license_name,
)
from ragkit.llms.transport import Server, Timeouts, parse_object

if TYPE_CHECKING:
    import httpx

_COUNTING_VERSION = "0.30.1"
_EMPTY_TEMPLATES = ("", "{{ .Prompt }}")
_STOP_SEQUENCES = ["\n\n", "\nQuestion:"]  # after them, a base model has answered


def is_older(found: str, floor: str) -> bool:
    """Return True if a version is below `floor`; development builds (0.0.0) never are."""
    try:
        parts = [int(part) for part in found.partition("-")[0].split(".")]
    except ValueError:
        return False
    return any(parts) and parts < [int(part) for part in floor.split(".")]


@dataclass(frozen=True, slots=True)
class Description:
    """What a server says about a model; `context` is in tokens, `per_token` in bytes.

    `chats` is False for a base model: it has no chat template and only continues a text. `counts`
    is False if the server does not count the cached part of a prompt.
    """

    capabilities: tuple[str, ...]
    chats: bool
    counts: bool
    context: int
    per_token: int
    licence: str
    parameters: int


class OllamaServer:
    """The models of one Ollama server, run with `num_ctx` tokens of context.

    The description of a model is fetched once, since one question needs it several times.
    """

    def __init__(
        self,
        host: str = "",
        timeouts: Timeouts | None = None,
        *,
        num_ctx: int = 8192,
        num_predict: int = 1024,
        key: str = "",
    ) -> None:
        self._num_ctx, self._num_predict = num_ctx, num_predict
        self._known: dict[str, Description] = {}
        self._digests: dict[str, str] = {}
        self.server = Server(
            ollama_url(host),
            "Ollama",
            "OLLAMA_HOST",
            "start one with: ollama serve (and get a model once with: ollama pull llama3.2)",
            key,
            timeouts or Timeouts(),
        )

    @property
    def url(self) -> str:
        """The server's address."""
        return self.server.url

    def version(self) -> str:
        """Return the server's version. Raises ModelUnreachable if no server answers."""
        return str(self._fetch_field("/api/version", "version"))

    @cached_property
    def _counts(self) -> bool:
        return not is_older(self.version(), _COUNTING_VERSION)

    def models(self) -> list[InstalledModel]:
        """Return the local models, newest first, without cloud models.

        The list gives wrong capabilities for some models, so `describe` tells embedders. Raises
        ModelUnreachable if no server answers, ModelFailed if what answers is not Ollama.
        """
        return [parse_entry(entry) for entry in self._fetch_entries() if not is_cloud_entry(entry)]

    def describe(self, model: InstalledModel) -> InstalledModel:
        """Return the entry with its context, capabilities, licence and memory.

        Raises ModelError if the server cannot describe it.
        """
        about = self.about(model.name)
        num_ctx = min(self._num_ctx, about.context or self._num_ctx)
        memory = estimate_model_bytes(model.size, about.per_token, num_ctx)
        return replace(
            model,
            context=about.context,
            capabilities=about.capabilities,
            licence=about.licence,
            memory=memory,
            fits=memory <= measure_memory()[0] if self.server.is_here else None,
        )

    def model(self, name: str, *, reasoning: bool = False) -> OllamaModel:
        """Return the model of this name. Raises ModelRefused for a cloud model."""
        return OllamaModel(
            name,
            self.url,
            num_ctx=self._num_ctx,
            num_predict=self._num_predict,
            reasoning=reasoning,
            server=self,
        )

    def about(self, name: str) -> Description:
        """Return what the server says about a model.

        Raises ModelNotFound if it does not have the model, and ModelRefused if another server runs
        it, whatever its name is here.
        """
        if name not in self._known:
            self._known[name] = self._fetch_description(name)
        return self._known[name]

    def _fetch_description(self, name: str) -> Description:
        found = self.server.post("/api/show", {"model": name})
        if not isinstance(found, dict):
            raise explain_ollama_error(name, self.server, found)
        if is_cloud_entry(found):
            raise cloud_model_error(name)
        info = found.get("model_info")
        facts: dict[str, Any] = info if isinstance(info, dict) else {}
        return Description(
            capabilities=find_capabilities(found, facts),
            chats=str(found.get("template") or "").strip() not in _EMPTY_TEMPLATES,
            counts=self._counts,
            context=parse_count(facts, f"{facts.get('general.architecture')}.context_length") or 0,
            per_token=estimate_cache_bytes(facts),
            licence=parse_license_name(str(found.get("license") or "")),
            parameters=find_parameters(found, facts),
        )

    def digest(self, name: str) -> str:
        """Return the current digest of a model; "" if the server does not list the model."""
        if not self._digests:
            self._digests = _parse_digests(self._fetch_entries())
        return _find_digest(self._digests, name)

    def fetch_digest(self, name: str) -> str:
        """Return what `digest` does, asked for again."""
        return _find_digest(_parse_digests(self._fetch_entries()), name)

    def _fetch_entries(self) -> list[dict[str, Any]]:
        """Return the server's entries, each with at least a name."""
        found = self._fetch_field("/api/tags", "models")
        if found is None:
            return []
        if isinstance(found, list) and all(isinstance(e, dict) and e.get("name") for e in found):
            return found
        raise self.server.wrong_server_error()

    def _fetch_field(self, path: str, key: str) -> Any:
        content = self.server.get(path)
        if not isinstance(content, dict) or key not in content:
            raise self.server.wrong_server_error()
        return content[key]


class OllamaModel:
    """A model served by Ollama.

    The server never cuts a prompt: truncate and shift are off, so a prompt that is too long is an
    error. With `reasoning` the model reasons first, if it can. Base models, which have no chat
    template, get one text to continue.
    """

    def __init__(
        self,
        name: str,
        host: str = "",
        *,
        num_ctx: int = 8192,
        num_predict: int = 1024,
        reasoning: bool = False,
        timeouts: Timeouts | None = None,
        server: OllamaServer | None = None,
    ) -> None:
        if is_cloud_name(name):
            raise cloud_model_error(name)
        self.name = name
        self._ollama = server or OllamaServer(host, timeouts)
        self._server = self._ollama.server
        self._reasoning = reasoning
        self._limits = ModelLimits(num_ctx, num_predict)

    @property
    def limits(self) -> ModelLimits:
        """The context and output that were asked for, or less if the model was made for less.

        A server cuts the context down by itself and says nothing. In a smaller context than asked
        for, the output is at most a quarter of it.
        """
        asked = self._limits
        about = self._about()
        context = min(asked.context, about.context or asked.context)
        output = asked.output if context == asked.context else min(asked.output, context // 4)
        return ModelLimits(context, output, about.parameters)

    @property
    def digest(self) -> str:
        """The digest of the weights and settings behind the name; "" if the server gives none."""
        try:
            return self._ollama.digest(self.name)
        except ModelError:
            return ""

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        """Yield the answer as it arrives; with a `schema`, JSON of this schema.

        The messages must ask for JSON, too: a model that does not expect it may write spaces
        without end. Raises ModelError, also in the middle of the answer.
        """
        path, body = self._request(messages, schema)
        with self._server.streaming(path, body, self.name) as response:
            if response.status_code != 200:
                raise explain_ollama_error(self.name, self._server, response)
            size = sum(len(each.content.encode("utf-8", "replace")) for each in messages)
            yield from self._events(response, size)

    def _about(self) -> Description:
        """Return the model's description. Raises ModelRefused for an embedding model."""
        about = self._ollama.about(self.name)
        if "embedding" in about.capabilities and "completion" not in about.capabilities:
            raise embedding_model_error(self.name)
        return about

    def _request(
        self, messages: list[Message], schema: Mapping[str, Any] | None
    ) -> tuple[str, dict[str, Any]]:
        about, limits = self._about(), self.limits
        options: dict[str, Any] = {
            "num_ctx": limits.context,
            "num_predict": limits.output,
            "temperature": 0,
        }
        body: dict[str, Any] = {
            "model": self.name,
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": "10m",
            "options": options,
        }
        if schema is not None:
            body["format"] = dict(schema)
        if not about.chats:
            text = "\n\n".join(message.content for message in messages) + "\nAnswer:"
            if schema is None:  # JSON ends by itself, and may hold blank lines
                options["stop"] = _STOP_SEQUENCES
            return "/api/generate", {**body, "prompt": text, "raw": True}
        if "thinking" in about.capabilities:
            body["think"] = self._reasoning
        body["messages"] = [{"role": m.role, "content": m.content} for m in messages]
        return "/api/chat", body

    def _events(self, response: httpx.Response, size: int) -> Iterator[Event]:
        for line in self._server.lines(response, self.name):
            event = parse_object(line, self._server)
            if "error" in event:
                raise explain_stream_error(self.name, self._server, event["error"])
            message = event.get("message")
            found = message if isinstance(message, dict) else event
            thought = found.get("thinking")
            if isinstance(thought, str) and thought:
                yield Reasoning(thought)
            piece = found.get("content") or found.get("response")
            if isinstance(piece, str) and piece:
                yield piece
            if event.get("done"):
                yield self._usage(event, size)
                return
        raise StreamBroken(f"the answer of {self.name} ended without its closing line; ask again")

    def _usage(self, event: dict[str, Any], size: int) -> Usage:
        """Return the counts of the last event, the answer to a prompt of `size` bytes."""
        duration = parse_count(event, "prompt_eval_duration")
        usage = Usage(
            finish="length" if event.get("done_reason") == "length" else "stop",
            prompt_tokens=parse_count(event, "prompt_eval_count") if self._about().counts else None,
            answer_tokens=parse_count(event, "eval_count"),
            read_seconds=duration / 1e9 if duration else None,
        )
        tokens = (usage.prompt_tokens or 0) + (usage.answer_tokens or 0)
        context = self.limits.context
        if tokens > context:
            raise PromptTruncated(
                f"{self.name} exceeded its context window ({tokens:,} of {context:,} tokens): part "
                "of the prompt was dropped; update Ollama or raise num_ctx"
            )
        if is_cut(usage.prompt_tokens, context, size):
            raise PromptTruncated(
                f"{self.name} read {usage.prompt_tokens:,} tokens of a prompt of {size:,} bytes: "
                "its server cut the passages; update Ollama, raise num_ctx, or ask for fewer "
                "passages"
            )
        return usage


def _parse_digests(entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the digests of models by their names in lower case."""
    return {entry["name"].casefold(): str(entry.get("digest") or "") for entry in entries}


def _find_digest(digests: Mapping[str, str], name: str) -> str:
    name = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return digests.get(name.casefold(), "").removeprefix("sha256:")


def is_cloud_name(name: str) -> bool:
    """Return True for a name with which Ollama passes a request on (its internal/modelref)."""
    tag = name.casefold().rpartition(":")[2] if ":" in name else ""
    return tag == "cloud" or tag.endswith("-cloud")


def is_cloud_entry(entry: dict[str, Any]) -> bool:
    """Return True if what /api/tags, /api/show or a list says of a model names another host."""
    return bool(entry.get("remote_host") or entry.get("remote_model"))
