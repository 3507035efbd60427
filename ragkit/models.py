"""The language model: one seam, and Ollama behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ragkit.errors import ModelFailed, ModelMissing, ModelRefused, ModelUnreachable

if TYPE_CHECKING:
    import httpx

_DEFAULT_HOST = "http://127.0.0.1:11434"
_CONNECT_SECONDS = 3.0
_FIRST_BYTE_SECONDS = 600.0  # a server sends nothing at all while it loads a model


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; `role` is system, user or assistant."""

    role: str
    content: str


class LanguageModel(Protocol):
    """What ragkit needs of a language model; bring your own by passing an object with these.

    `chat` yields the answer's text in pieces and raises ModelError if it cannot be completed.
    """

    @property
    def name(self) -> str: ...
    def chat(self, messages: list[Message]) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on the server; `size` in bytes."""

    name: str
    size: int
    family: str
    parameters: str
    quantisation: str
    digest: str


def ollama_url(host: str) -> str:
    """The base URL for a value of OLLAMA_HOST, by the rules of Ollama's own clients."""
    host = host.strip().strip("\"'").rstrip("/")
    if not host:
        return _DEFAULT_HOST
    scheme, found, rest = host.rpartition("://")
    port = {"http": 80, "https": 443}.get(scheme, 11434) if found else 11434
    scheme = scheme or "http"
    address, _, path = rest.partition("/")
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+))?", address)
    if match is None:
        return _DEFAULT_HOST
    name = match.group(1) or "127.0.0.1"
    if name in ("0.0.0.0", "[::]"):  # noqa: S104  a bind address: connect to this machine
        name = "127.0.0.1"
    number = int(match.group(2) or port)
    if number > 65535:
        number = port
    return f"{scheme}://{name}:{number}" + (f"/{path}" if path else "")


class OllamaModel:
    """A model served by Ollama, through its native protocol.

    The context is never cut behind our back: truncate and shift are off, so a prompt that is too
    long is an error (ollama/ollama server/routes.go, read at v0.33.0-rc2).
    """

    def __init__(self, name: str, host: str = "", *, num_ctx: int = 8192, num_predict: int = 1024):
        if name.endswith(":cloud") or name.partition(":")[2].endswith("-cloud"):
            raise _elsewhere(name)
        self.name = name
        self.url = ollama_url(host)
        self._options = {"num_ctx": num_ctx, "num_predict": num_predict, "temperature": 0}

    def chat(self, messages: list[Message]) -> Iterator[str]:
        """Yield the answer's text as it comes. Raises ModelError, also in the middle of it."""
        import httpx

        body = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": "10m",
            "options": self._options,
        }
        with _client(self.url) as client:
            try:
                with client.stream("POST", "/api/chat", json=body) as response:
                    if response.status_code != 200:
                        response.read()
                        raise _refusal(self.name, self.url, response)
                    yield from self._pieces(response)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
                raise unreachable(self.url) from error
            except httpx.ReadTimeout as error:
                raise ModelFailed(
                    f"{self.name} sent nothing for {_FIRST_BYTE_SECONDS:.0f} s; "
                    "look at the server's log, or choose a smaller model"
                ) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ModelFailed(
                    f"the answer of {self.name} broke off ({error}); ask again"
                ) from error

    def _pieces(self, response: httpx.Response) -> Iterator[str]:
        for line in response.iter_lines():
            if not line.strip():
                continue
            event = _event(line, self.url)
            if "error" in event:
                raise ModelFailed(f"{self.name} failed while answering: {event['error']}")
            message = event.get("message")
            piece = message.get("content") if isinstance(message, dict) else None
            if isinstance(piece, str) and piece:
                yield piece
            if event.get("done"):
                if event.get("done_reason") == "length":
                    raise ModelFailed(
                        f"{self.name} reached the longest answer allowed; raise num_predict"
                    )
                return
        raise ModelFailed(f"the answer of {self.name} ended without its closing line; ask again")


def _event(line: str, url: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError as error:
        raise ModelFailed(f"{url} sent a line that is not JSON; is it Ollama?") from error
    if not isinstance(event, dict):
        raise _not_ollama(url)
    return event


def installed_models(host: str = "") -> list[InstalledModel]:
    """Local models on the Ollama server, newest first; cloud models are left out.

    Raises ModelUnreachable if no server answers, ModelFailed if what answers is not Ollama.
    """
    return [
        _installed(entry)
        for entry in _tags(host)
        if not _is_remote(entry) and "completion" in (entry.get("capabilities") or ["completion"])
    ]


def server_version(host: str = "") -> str:
    """The Ollama server's version. Raises ModelUnreachable if none answers."""
    return str(_get(host, "/api/version", "version"))


def choose_model(name: str, host: str, *, num_ctx: int, num_predict: int) -> OllamaModel:
    """The named model, or for "auto" the one that was installed last.

    Raises ModelUnreachable without a server, ModelMissing without a model on it, and
    ModelRefused for one that another server runs, whatever it is called here.
    """
    if name == "auto":
        models = installed_models(host)
        if not models:
            raise ModelMissing(
                f"Ollama at {ollama_url(host)} has no model; get one with: ollama pull llama3.2"
            )
        return OllamaModel(models[0].name, host, num_ctx=num_ctx, num_predict=num_predict)
    model = OllamaModel(name, host, num_ctx=num_ctx, num_predict=num_predict)
    wanted = (name.lower(), f"{name.lower()}:latest")
    if any(_is_remote(entry) and entry["name"].lower() in wanted for entry in _tags(host)):
        raise _elsewhere(name)
    return model


def _installed(entry: dict[str, Any]) -> InstalledModel:
    found = entry.get("details")
    details: dict[str, Any] = found if isinstance(found, dict) else {}
    return InstalledModel(
        name=entry["name"],
        size=int(entry.get("size") or 0),
        family=details.get("family") or "",
        parameters=details.get("parameter_size") or "",
        quantisation=details.get("quantization_level") or "",
        digest=entry.get("digest") or "",
    )


def _is_remote(entry: dict[str, Any]) -> bool:
    return bool(entry.get("remote_host") or entry.get("remote_model"))


def _tags(host: str) -> list[dict[str, Any]]:
    """The server's entries, each with at least a name."""
    found = _get(host, "/api/tags", "models")
    if found is None:
        return []
    if isinstance(found, list) and all(isinstance(e, dict) and e.get("name") for e in found):
        return found
    raise _not_ollama(ollama_url(host))


def _get(host: str, path: str, key: str) -> Any:
    import httpx

    url = ollama_url(host)
    with _client(url) as client:
        try:
            response = client.get(path, timeout=httpx.Timeout(10, connect=_CONNECT_SECONDS))
            return response.json()[key]
        except httpx.ReadTimeout as error:
            raise ModelFailed(f"{url} does not answer within 10 s; restart the server") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(url) from error
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise _not_ollama(url) from error


def _client(url: str) -> httpx.Client:
    import httpx

    timeout = httpx.Timeout(_FIRST_BYTE_SECONDS, connect=_CONNECT_SECONDS, write=60.0, pool=5.0)
    return httpx.Client(base_url=url, timeout=timeout, trust_env=False)


def unreachable(url: str) -> ModelUnreachable:
    return ModelUnreachable(
        f"no model server answers at {url}; start one with: ollama serve "
        "(and get a model once with: ollama pull llama3.2)"
    )


def _not_ollama(url: str) -> ModelFailed:
    return ModelFailed(
        f"{url} answers, but not as Ollama does; set OLLAMA_HOST to the address of Ollama"
    )


def _elsewhere(name: str) -> ModelRefused:
    return ModelRefused(
        f"{name} runs on somebody else's computers; private documents stay here: "
        "choose a model that runs on this machine"
    )


def _refusal(name: str, url: str, response: httpx.Response) -> Exception:
    try:
        text = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return ModelFailed(
            f"{url} answered {response.status_code} without a reason; set OLLAMA_HOST to the "
            "address of Ollama"
        )
    if response.status_code == 404:
        return ModelMissing(f"{name} is not on {url}; get it with: ollama pull {name}")
    if response.status_code == 400 and "context" in text:
        return ModelRefused(
            f"the prompt is too long for {name}; raise num_ctx, or ask for fewer passages"
        )
    if response.status_code == 503:
        return ModelFailed(f"{url} is busy; try again in a moment")
    return ModelFailed(f"{url} answered {response.status_code} for {name}: {text}")
