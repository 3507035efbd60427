"""What a server's errors mean, and what to do about each."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ragkit.errors import (
    ContextOverflow,
    ModelError,
    ModelFailed,
    ModelLoadFailed,
    ModelNotFound,
    ModelRefused,
    StreamBroken,
)
from ragkit.llms.transport import Server, one_line

if TYPE_CHECKING:
    import httpx

_OLLAMA_OVERFLOW = re.compile(
    "exceed_context_size_error|exceeds the available context size"
    "|longer than the context length|exceeds the context length"
)
_OPENAI_OVERFLOW = re.compile(
    "exceed_context_size|maximum context length|context (?:size|length|window)"
)
_LOADING = re.compile(
    "llama-server process has terminated|out-of-memory|out of memory|error loading model"
    "|waiting for llama-server|unsupported model format|incompatible with your version"
)
_SCHEMA = re.compile(
    r"json[ _]schema|response_format|grammar|Request\.format|invalid format", re.IGNORECASE
)


def said(found: object) -> str:
    """A server's own words, out of the shapes in which servers wrap them.

    Ollama passes its engine's error on as JSON inside a text.
    """
    if isinstance(found, str) and found.startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            return one_line(found)
    if isinstance(found, dict):
        return said(found.get("error") or found.get("message") or found.get("detail") or "")
    return one_line(found or "")


def broken(name: str, server: Server, error: object) -> ModelError:
    """What an error in the middle of an answer means.

    There a schema is refused, too: Ollama turns to it only when a model has done reasoning.
    """
    text = said(error)
    if _SCHEMA.search(text):
        return _schema_refusal(server, text)
    return StreamBroken(f"{name} failed while answering: {text}")


def _schema_refusal(server: Server, text: str) -> ModelRefused:
    old = "Request.format of type string" in text
    way_out = (
        "update Ollama to 0.5.0 or newer"
        if old
        else "write it with plain types and no patterns, or update the server"
    )
    return ModelRefused(
        f"{server.url} does not take the JSON schema of the answer ({text}); {way_out}"
    )


def elsewhere(name: str) -> ModelRefused:
    return ModelRefused(
        f"{name} runs on somebody else's computers; private documents stay here: "
        "choose a model that runs on this machine"
    )


def ollama_refusal(name: str, server: Server, response: httpx.Response) -> ModelError:
    """What a status of Ollama that is not 200 means."""
    status, url = response.status_code, server.url
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = ""
    text = said(error)
    if status == 403 and not text:
        return ModelRefused(
            f"{url} refuses requests under this host name (403); "
            "let the proxy before it send the header Host: localhost"
        )
    if not text:
        return server.unexplained(status)
    if status == 404:
        return ModelNotFound(f"{name} is not on {url}; get it with: ollama pull {name}")
    if _OLLAMA_OVERFLOW.search(str(error)):
        return ContextOverflow(
            f"the prompt is too long for {name}{_sizes(error)}; raise num_ctx, "
            "or ask for fewer passages"
        )
    if status == 503:
        return server.busy()
    if _SCHEMA.search(text):
        return _schema_refusal(server, text)
    if "does not support" in text:
        return ModelRefused(f"{name} cannot do this ({text}); choose a model that can chat")
    if status in (401, 403):
        return ModelRefused(f"{url} refuses {name}: {text}")
    if _LOADING.search(text):
        return ModelLoadFailed(f"{name} does not load: {text}; {_mend(name, text)}")
    return ModelFailed(f"{url} answered {status} for {name}: {text}")


def openai_refusal(name: str, server: Server, response: httpx.Response) -> ModelError:
    """What a status of an OpenAI-compatible server that is not 200 means."""
    status, url = response.status_code, server.url
    try:
        text = said(response.json())
    except ValueError:
        text = ""
    if status in (401, 403):
        return ModelRefused(f"{url} refuses the request ({status}); set openai_key to its key")
    if status == 503:
        return server.busy()
    if not text:
        return server.unexplained(status)
    if status == 404:
        return ModelNotFound(f"{name} is not on {url}: {text}; start the server with it")
    if status == 400 and _OPENAI_OVERFLOW.search(text):
        return ContextOverflow(
            f"the prompt is too long for {name} ({text}); lower num_ctx to the server's, "
            "or ask for fewer passages"
        )
    if _SCHEMA.search(text):
        return _schema_refusal(server, text)
    return ModelFailed(f"{url} answered {status} for {name}: {text}")


def _sizes(error: Any) -> str:
    """How long the prompt was, where the engine says so."""
    try:
        inner = json.loads(error)["error"]
        return f" ({int(inner['n_prompt_tokens'])} tokens, its context holds {int(inner['n_ctx'])})"
    except (ValueError, KeyError, TypeError):
        return ""


def _mend(name: str, text: str) -> str:
    if "memory" in text:
        return "choose a smaller model, or lower num_ctx"
    if "waiting" in text:
        return "try again, or give the server more time with OLLAMA_LOAD_TIMEOUT"
    return f"update Ollama, get the model again with: ollama pull {name}, or choose another"
