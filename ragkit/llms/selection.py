"""Chooses the model that answers: the named one, or the best one that fits this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragkit.config import Config, load_config
from ragkit.errors import ModelError, ModelNotFound, ModelRefused, ModelUnreachable
from ragkit.hardware import measure_memory
from ragkit.llms.base import InstalledModel, LanguageModel, ModelServer, parse_parameters
from ragkit.llms.ollama import OllamaServer
from ragkit.llms.openai import OpenAIServer

_ELSEWHERE = "runs elsewhere"  # in place of what a model can do


def model_server(config: Config) -> ModelServer:
    """Return the OpenAI-compatible server if one is configured, else Ollama."""
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
    """Return the models that can answer, with all that their server says about them.

    Without a `config` the current settings apply; without a `server`, the configured one is asked.
    Raises ModelUnreachable if no server answers, and ModelFailed if it is not a model server.
    """
    server = server or model_server(config or load_config())
    found = (_try_describe(model, server) or model for model in server.models())
    return [model for model in found if model.can_answer]


def choose_model(
    wanted: str | LanguageModel,
    config: Config,
    *,
    reasoning: bool = False,
    server: ModelServer | None = None,
    models: Sequence[InstalledModel] | None = None,
) -> tuple[LanguageModel, str]:
    """Return the named model, or for "auto" the best one that fits, and the reason for the choice.

    The reason is "" for a named model. A model object is returned as it is. The best model has the
    most parameters; among equals, or if it is unknown what fits, the server's first one is taken.
    `server` replaces the configured server, and `models` a call of `installed_models`. For "auto",
    raises ModelUnreachable without a server and ModelNotFound without a model on it.
    """
    if not isinstance(wanted, str):
        return wanted, ""
    server, name, why = server or model_server(config), wanted, ""
    if name == "auto":
        name, why = _choose_best(server.models() if models is None else models, server)
    return server.model(name, reasoning=reasoning), why


def _choose_best(models: Sequence[InstalledModel], server: ModelServer) -> tuple[str, str]:
    """Return the name of the best model and why; models are described until one is good."""
    answering = sorted(models, key=_count_parameters, reverse=True)
    for model in list(answering):
        found = _try_describe(model, server)
        if found is None:  # the next one may be fine
            continue
        if not found.can_answer:
            answering.remove(model)
        elif len(answering) > 1 and found.fits is None:
            return _find_first_answering(models, server), "the first that the server lists"
        elif len(answering) > 1 and found.fits:
            room, kind = measure_memory()
            sizes = f"{_format_gb(found.memory)} of {_format_gb(room)} GB of {kind}"
            return model.name, f"the largest of {len(answering)} models that fits ({sizes})"
    if not answering:
        lacking = "no language model that runs there" if models else "no model"
        raise ModelNotFound(
            f"the server at {server.url} has {lacking}; get one that answers (Ollama: ollama pull "
            "llama3.2)"
        )
    if len(answering) == 1:
        return answering[0].name, "the only model there"
    kind = measure_memory()[1]
    count = len(answering)
    return answering[-1].name, f"the smallest of {count} models, none of which fits into {kind}"


def _find_first_answering(models: Sequence[InstalledModel], server: ModelServer) -> str:
    described = ((model, _try_describe(model, server)) for model in models)
    return next(model.name for model, found in described if found is not None and found.can_answer)


def _try_describe(model: InstalledModel, server: ModelServer) -> InstalledModel | None:
    """Return a model with its server's description; None if the server cannot describe it.

    A model that another company runs is described as one that cannot answer.
    """
    if model.memory:  # it was described before
        return model
    try:
        return server.describe(model)
    except ModelUnreachable:
        raise
    except ModelRefused:
        return replace(model, capabilities=(_ELSEWHERE,))
    except ModelError:
        return None


def _count_parameters(model: InstalledModel) -> float:
    """Return the number of parameters in "3.2B", or an estimate from the file's size."""
    return parse_parameters(model.parameters) or model.size * 1.6


def _format_gb(size: int) -> str:
    return f"{size / 1e9:.1f}"
