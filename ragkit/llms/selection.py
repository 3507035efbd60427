"""Which model answers: the one that is named, or the best one that fits this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.config import Config, load_config
from ragkit.errors import ModelError, ModelNotFound, ModelUnreachable
from ragkit.hardware import measure_memory
from ragkit.llms.base import InstalledModel, LanguageModel, ModelServer
from ragkit.llms.ollama import OllamaServer
from ragkit.llms.openai import OpenAIServer

_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def model_server(config: Config) -> ModelServer:
    """The OpenAI-compatible server if one is set, else Ollama's."""
    if config.openai_url:
        return OpenAIServer(
            config.openai_url,
            config.openai_key,
            num_ctx=config.num_ctx,
            num_predict=config.num_predict,
        )
    return OllamaServer(config.ollama_host, num_ctx=config.num_ctx, num_predict=config.num_predict)


def installed_models(
    config: Config | None = None, *, server: ModelServer | None = None
) -> list[InstalledModel]:
    """The models that could answer, with all that their server says of them, in its order.

    Without a `config` the settings in force hold, and without a `server` the one that is set.
    Raises ModelUnreachable if none answers, ModelFailed if what answers is something else.
    """
    server = server or model_server(config or load_config())
    return [_described(model, server) or model for model in server.models()]


def choose_model(
    wanted: str | LanguageModel,
    config: Config,
    *,
    reasoning: bool = False,
    server: ModelServer | None = None,
    models: Sequence[InstalledModel] | None = None,
) -> tuple[LanguageModel, str]:
    """The named model, or for "auto" the best that fits; and why it was taken, "" if named.

    A model that is one already stays as it is.

    Best is the one with the most parameters; of equals the one that the server lists first, and
    so it is where nobody knows what fits. `server` takes the place of the one that is set, and
    `models` are what installed_models gave, if it was asked before. For "auto" raises
    ModelUnreachable without a server and ModelNotFound without a model on it.
    """
    if not isinstance(wanted, str):
        return wanted, ""
    server, name, why = server or model_server(config), wanted, ""
    if name == "auto":
        name, why = _best(server.models() if models is None else models, server)
    return server.model(name, reasoning=reasoning), why


def _best(models: Sequence[InstalledModel], server: ModelServer) -> tuple[str, str]:
    if not models:
        raise ModelNotFound(
            f"the server at {server.url} has no model; give it one (Ollama: ollama pull llama3.2)"
        )
    if len(models) == 1:
        return models[0].name, "the only model there"
    ranked = sorted(models, key=_parameters, reverse=True)
    for model in ranked:
        found = _described(model, server)
        if found is None:  # such a one hides no other
            continue
        if found.fits is None:
            return models[0].name, "the first that the server lists"
        if found.fits:
            room, kind = measure_memory()
            sizes = f"{_gb(found.memory)} of {_gb(room)} GB of {kind}"
            return model.name, f"the largest of {len(models)} models that fits ({sizes})"
    kind = measure_memory()[1]
    return ranked[-1].name, f"the smallest of {len(models)} models, none of which fits into {kind}"


def _described(model: InstalledModel, server: ModelServer) -> InstalledModel | None:
    """A model with all that its server says of it; None for one that it cannot describe."""
    if model.memory:  # it has been described
        return model
    try:
        return server.describe(model)
    except ModelUnreachable:
        raise
    except ModelError:
        return None


def _parameters(model: InstalledModel) -> float:
    """How many parameters "3.2B" says; the file's size, where nothing is said, tells as much."""
    found = re.fullmatch(r"([\d.]+)([KMBT])", model.parameters)
    return float(found[1]) * _UNITS[found[2]] if found else model.size * 1.6


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f}"
