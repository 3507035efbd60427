"""Which model answers: the one that is named, or the best one that fits this machine."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from ragkit.config import Config, load_config
from ragkit.errors import ModelError, ModelMissing, ModelUnreachable
from ragkit.models.base import InstalledModel, LanguageModel
from ragkit.models.memory import needed_bytes, usable_bytes
from ragkit.models.ollama import OllamaModel, OllamaServer
from ragkit.models.openai import OpenAIModel, OpenAIServer

_HERE = re.compile(r"localhost|.*\.localhost|127(\.\d+){3}|::1")
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def model_server(config: Config) -> OllamaServer | OpenAIServer:
    """The OpenAI-compatible server if one is set, else Ollama's."""
    if config.openai_url:
        return OpenAIServer(config.openai_url, config.openai_key)
    return OllamaServer(config.ollama_host)


def installed_models(config: Config | None = None) -> list[InstalledModel]:
    """The models that could answer, with all that their server says of them; newest first.

    Without a `config` the settings in force hold. Raises ModelUnreachable if no server answers,
    ModelFailed if what answers is something else.
    """
    config = config or load_config()
    server = model_server(config)
    models = server.models()
    if isinstance(server, OpenAIServer):
        return models
    return [_detailed(model, server, config) for model in models]


def choose_model(name: str, config: Config, *, think: bool = False) -> tuple[LanguageModel, str]:
    """The named model, or for "auto" the best that fits; and why it was taken, "" if named.

    Best is the one with the most parameters; of equals the one that was installed last. For
    "auto" raises ModelUnreachable without a server and ModelMissing without a model on it.
    """
    server, why = model_server(config), ""
    if name == "auto":
        name, why = _best(server, config)
    if isinstance(server, OpenAIServer):
        key, longest = config.openai_key, config.num_predict
        return OpenAIModel(name, config.openai_url, key=key, num_predict=longest), why
    return OllamaModel(
        name,
        config.ollama_host,
        num_ctx=config.num_ctx,
        num_predict=config.num_predict,
        think=think,
    ), why


def _best(server: OllamaServer | OpenAIServer, config: Config) -> tuple[str, str]:
    models = server.models()
    if not models:
        raise ModelMissing(
            f"{server.server.kind} at {server.url} has no model; get one with: ollama pull llama3.2"
        )
    if len(models) == 1:
        return models[0].name, "the only model there"
    if isinstance(server, OpenAIServer):
        return models[0].name, "the first that the server lists"
    if not _is_here(server.url):
        return models[0].name, "the one that was installed last"
    ranked = sorted(models, key=_parameters, reverse=True)
    room, kind = usable_bytes()
    for model in ranked:
        found = _detailed(model, server, config)
        if found.fits:
            sizes = f"{_gb(found.memory)} of {_gb(room)} GB of {kind}"
            return model.name, f"the largest of {len(models)} models that fits ({sizes})"
    smallest = ranked[-1].name
    return smallest, f"the smallest of {len(models)} models, none of which fits into {kind}"


def _detailed(model: InstalledModel, server: OllamaServer, config: Config) -> InstalledModel:
    try:
        about = server.describe(model.name)
    except ModelUnreachable:
        raise
    except ModelError:  # one model that the server cannot describe hides no other
        return model
    num_ctx = min(config.num_ctx, about.context or config.num_ctx)
    memory = needed_bytes(model.size, about.per_token, num_ctx)
    return replace(
        model,
        context=about.context,
        capabilities=about.capabilities,
        licence=about.licence,
        memory=memory,
        fits=memory <= usable_bytes()[0] if _is_here(server.url) else None,
    )


def _is_here(url: str) -> bool:
    """Whether a server runs on this machine, so that our memory is its memory."""
    return bool(_HERE.fullmatch(urlsplit(url).hostname or ""))


def _parameters(model: InstalledModel) -> float:
    """How many parameters "3.2B" says; the file's size, where nothing is said, tells as much."""
    found = re.fullmatch(r"([\d.]+)([KMBT])", model.parameters)
    return float(found[1]) * _UNITS[found[2]] if found else model.size * 1.6


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f}"
