"""What the errors of model servers mean, and what to do about each."""

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
from ragkit.llms.transport import Server, to_one_line

if TYPE_CHECKING:
    import httpx

OLLAMA_OVERFLOW = re.compile(
    "exceed_context_size_error|exceeds the available context size"
    "|longer than the context length|exceeds the context length"
)
OPENAI_OVERFLOW = re.compile(
    "exceed_context_size|maximum context length|context (?:size|length|window)"
    "|must have less than \\d+ tokens|too large to process"
)
_LOAD_ERROR = re.compile(
    "llama-server process has terminated|out-of-memory|out of memory|error loading model"
    "|waiting for llama-server|unsupported model format|incompatible with your version"
)
_SCHEMA_ERROR = re.compile(
    r"json[ _]schema|response_format|grammar|Request\.format|invalid format", re.IGNORECASE
)

_KEY = re.compile(r"\b(?:key|token|credential|auth\w*)", re.IGNORECASE)


def extract_message(found: object) -> str:
    """Return the text of a server's error, from whatever structure it is wrapped in.

    Ollama passes on the error of its engine as JSON inside a text.
    """
    if isinstance(found, str) and found.startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            return to_one_line(found)
    if isinstance(found, dict):
        return extract_message(
            found.get("error") or found.get("message") or found.get("detail") or ""
        )
    return to_one_line(found or "")


def explain_stream_error(name: str, server: Server, error: object) -> ModelError:
    """Return the error for a failure in the middle of an answer.

    A schema can be refused there, too: Ollama applies it only after a model's reasoning.
    """
    text = extract_message(error)
    if _SCHEMA_ERROR.search(text):
        return _schema_refusal(server, text)
    return StreamBroken(f"{name} failed while answering: {text}")


def _schema_refusal(server: Server, text: str) -> ModelRefused:
    old = "Request.format of type string" in text
    advice = (
        "update Ollama to 0.5.0 or newer"
        if old
        else "write it with plain types and no patterns, or update the server"
    )
    return ModelRefused(
        f"{server.url} does not take the JSON schema of the answer ({text}); {advice}"
    )


def cloud_model_error(name: str) -> ModelRefused:
    """Return the error for a model that does not run on the model server itself."""
    return ModelRefused(
        f"{name} is a cloud model; ragkit only uses local models. List them with: ragkit models"
    )


def embedding_model_error(name: str) -> ModelRefused:
    """Return the error for an embedding model that is named as a language model."""
    return ModelRefused(
        f"{name} is an embedding model and cannot answer; expected a language model. List them "
        "with: ragkit models"
    )


def explain_ollama_error(name: str, server: Server, response: httpx.Response) -> ModelError:
    """Return the error for a response of Ollama with another status than 200."""
    status, url = response.status_code, server.url
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = ""
    text = extract_message(error)
    if status == 403 and not text:
        return ModelRefused(
            f"{url} refuses requests under this host name (403); "
            "let the proxy in front of it send the header Host: localhost"
        )
    if not text:
        return server.unexplained_error(status)
    if status == 404:
        return ModelNotFound(f"{name} is not on {url}; get it with: ollama pull {name}")
    if OLLAMA_OVERFLOW.search(str(error)):
        return ContextOverflow(
            f"the prompt is too long for {name}{_describe_sizes(error)}; raise num_ctx, "
            "or ask for fewer passages"
        )
    if status == 503:
        return server.busy_error()
    if _SCHEMA_ERROR.search(text):
        return _schema_refusal(server, text)
    if "does not support" in text:
        return ModelRefused(f"{name} cannot do this ({text}); choose a model that can chat")
    if status in (401, 403):
        return ModelRefused(f"{url} refuses {name}: {text}")
    if _LOAD_ERROR.search(text):
        return ModelLoadFailed(f"{name} does not load: {text}; {_advise_on_load(name, text)}")
    return ModelFailed(f"{url} answered {status} for {name}: {text}")


def explain_openai_error(name: str, server: Server, response: httpx.Response) -> ModelError:
    """Return the error for a response of another status than 200, of another server."""
    status, url = response.status_code, server.url
    try:
        text = extract_message(response.json())
    except ValueError:
        text = ""
    if status in (401, 403):
        if not text:
            return ModelRefused(f"{url} refuses the request ({status}); set openai_key to its key")
        advice = "" if status == 403 and not _KEY.search(text) else "; set openai_key to its key"
        return ModelRefused(f"{url} refuses {name} ({status}): {text}{advice}")
    if status == 503:
        return server.busy_error()
    if not text:
        return server.unexplained_error(status)
    if status == 404:
        return ModelNotFound(f"{name} is not on {url}: {text}; start the server with it")
    if status == 400 and OPENAI_OVERFLOW.search(text):
        return ContextOverflow(
            f"the prompt is too long for {name} ({text}); lower num_ctx to the server's, "
            "or ask for fewer passages"
        )
    if _SCHEMA_ERROR.search(text):
        return _schema_refusal(server, text)
    return ModelFailed(f"{url} answered {status} for {name}: {text}")


def _describe_sizes(error: Any) -> str:
    """Return the size of the prompt and of the context, if the engine gives them."""
    try:
        inner = json.loads(error)["error"]
        return f" ({int(inner['n_prompt_tokens'])} tokens, its context holds {int(inner['n_ctx'])})"
    except (ValueError, KeyError, TypeError):
        return ""


def _advise_on_load(name: str, text: str) -> str:
    if "memory" in text:
        return "choose a smaller model, or lower num_ctx"
    if "waiting" in text:
        return "try again, or give the server more time with OLLAMA_LOAD_TIMEOUT"
    return f"update Ollama, get the model again with: ollama pull {name}, or choose another"
