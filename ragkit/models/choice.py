"""Which model answers: the one that is named, or one that is there."""

from __future__ import annotations

from ragkit.config import Config, load_config
from ragkit.errors import ModelMissing
from ragkit.models.base import InstalledModel, LanguageModel
from ragkit.models.ollama import OllamaModel, OllamaServer
from ragkit.models.openai import OpenAIModel, OpenAIServer


def installed_models(config: Config | None = None) -> list[InstalledModel]:
    """The models that could answer: an OpenAI-compatible server's if one is set, else Ollama's.

    Without a `config` the settings in force hold.

    Raises ModelUnreachable if no server answers, ModelFailed if what answers is something else.
    """
    return _server(config or load_config()).models()


def choose_model(name: str, config: Config, *, think: bool = False) -> LanguageModel:
    """The named model, or for "auto" the first that the server lists: Ollama's newest.

    For "auto" raises ModelUnreachable without a server and ModelMissing without a model on it.
    """
    server = _server(config)
    if name == "auto":
        models = server.models()
        if not models:
            raise ModelMissing(
                f"{server.server.kind} at {server.url} has no model; "
                "get one with: ollama pull llama3.2"
            )
        name = models[0].name
    if isinstance(server, OpenAIServer):
        return OpenAIModel(
            name, config.openai_url, key=config.openai_key, num_predict=config.num_predict
        )
    return OllamaModel(
        name,
        config.ollama_host,
        num_ctx=config.num_ctx,
        num_predict=config.num_predict,
        think=think,
    )


def _server(config: Config) -> OllamaServer | OpenAIServer:
    if config.openai_url:
        return OpenAIServer(config.openai_url, config.openai_key)
    return OllamaServer(config.ollama_host)
