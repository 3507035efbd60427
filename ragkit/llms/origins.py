"""Who runs the models behind an OpenAI-compatible address: that server, or another company.

Such an address can be Ollama's, whose list may hold models that ollama.com runs, or a gateway's,
which passes questions and passages on. A model that is known to run elsewhere is refused.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ragkit.errors import ModelError, ModelRefused
from ragkit.llms.errors import cloud_model_error, explain_ollama_error
from ragkit.llms.ollama import OllamaServer, is_cloud_entry, is_cloud_name
from ragkit.llms.transport import Server
from ragkit.network import host_of


class _Providers(NamedTuple):
    """Companies that run models for others; providers.toml says what the lists are."""

    names: frozenset[str]
    hosts: tuple[str, ...]
    owners: frozenset[str]


@cache
def _load_providers() -> _Providers:
    text = files("ragkit.llms").joinpath("providers.toml").read_text(encoding="utf-8")
    lists = {name: words.split() for name, words in tomllib.loads(text).items()}
    return _Providers(frozenset(lists["names"]), tuple(lists["hosts"]), frozenset(lists["owners"]))


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of /v1/models: the model's name, who owns it, and whether it runs elsewhere.

    `parameters` is the number of the model's parameters, which llama.cpp gives; 0 if unknown.
    """

    name: str
    owner: str
    is_remote: bool
    parameters: int = 0

    @classmethod
    def parse(cls, entry: dict[str, Any]) -> Listed:
        """Parse an entry that has an id."""
        meta = entry.get("meta")
        count = meta.get("n_params") if isinstance(meta, dict) else None
        return cls(
            str(entry["id"]),
            str(entry.get("owned_by") or ""),
            is_cloud_entry(entry),
            count if isinstance(count, int) else 0,
        )


class ModelOrigins:
    """What one OpenAI-compatible server says about who runs its models; asked for once."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @cached_property
    def ollama(self) -> OllamaServer | None:
        """The native interface, if the server is Ollama; None if it is not.

        Raises ModelUnreachable if no server answers, and ModelFailed if it is too slow.
        """
        if self._ollama_list is None:
            return None
        return OllamaServer(self._ollama_list[0], self._server.timeouts, key=self._server.key)

    @cached_property
    def _ollama_list(self) -> tuple[str, list[Any]] | None:
        """The address of Ollama's own interface and what it lists there; None without one.

        Other programs have a version at the same path, but not the list.
        """
        for url in self._roots:
            found = self._server.find(f"{url}/api/version")
            if found is None or not isinstance(found.get("version"), str):
                continue
            tags = self._server.find(f"{url}/api/tags")
            if tags is not None and isinstance(tags.get("models"), list):
                return url, tags["models"]
        return None

    @cached_property
    def deployments(self) -> dict[str, list[dict[str, Any]]]:
        """What a gateway such as LiteLLM passes each model on to; empty if it does not say."""
        found: dict[str, list[dict[str, Any]]] = {}
        for url in self._roots:
            content = self._server.find(f"{url}/model/info")
            entries = content.get("data") if content is not None else None
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict) and entry.get("model_name"):
                    found.setdefault(str(entry["model_name"]), []).append(entry)
            if found:
                break
        return found

    def describe(self) -> str:
        """Return a sentence for people: whether the server says who runs its models."""
        url = self._server.url
        if self.ollama is not None:
            return f"{url} is Ollama; models that it passes on to ollama.com are refused"
        if self.deployments:
            return f"{url} is a gateway; models that it passes on to other companies are refused"
        return (
            f"{url} does not say who runs its models; ask its administrator whether it passes "
            "questions and passages on"
        )

    def check_host(self) -> None:
        """Raise ModelRefused if the address itself is another company's."""
        if _is_provider_host(host_of(self._server.url)):
            raise ModelRefused(
                f"{self._server.url} belongs to a company that runs models for others; expected "
                "a server of your own. Change the setting openai_url"
            )

    def check(self, name: str) -> None:
        """Raise ModelRefused if a model is known to run elsewhere.

        Raises other ModelErrors if a server that can say it does not.
        """
        self.check_host()
        if is_cloud_name(name):
            raise cloud_model_error(name)
        if self.ollama is not None:
            self._check_ollama(self.ollama.server, name)
        elif provider := self._find_provider(name):
            raise ModelRefused(
                f"{self._server.url} passes {name} on to {provider}; ragkit only uses models on "
                "your own machines. List them with: ragkit models"
            )

    def is_remote(self, listed: Listed) -> bool:
        """Return True if the lists of the server say that a model runs elsewhere."""
        if listed.is_remote or is_cloud_name(listed.name):
            return True
        if self._ollama_list is not None:
            return any(
                isinstance(entry, dict)
                and entry.get("name") == listed.name
                and is_cloud_entry(entry)
                for entry in self._ollama_list[1]
            )
        return bool(self._find_provider(listed.name, listed.owner))

    def _check_ollama(self, server: Server, name: str) -> None:
        shown = server.post("/api/show", {"model": name})
        if isinstance(shown, dict):
            if is_cloud_entry(shown):
                raise cloud_model_error(name)
        elif shown.status_code != 404:  # a model that is missing is reported with the request
            raise explain_ollama_error(name, server, shown)

    def _find_provider(self, name: str, owner: str | None = None) -> str:
        """Return the company that a gateway passes a model on to, "" if none is known.

        Without an `owner` the server's list is asked for it.
        """
        if name in self.deployments:
            named = map(_name_provider, self.deployments[name])
            return next((provider for provider in named if provider), "")
        if owner is None:
            owners = (each.owner for each in self.list_models() if each.name == name)
            owner = next(owners, "")
        return owner if owner.casefold() in _load_providers().owners else ""

    def find_parameters(self, name: str) -> int:
        """Return the number of a model's parameters; 0 if the server does not say it."""
        try:
            self.check_host()
            if self.ollama is not None:
                return self.ollama.about(name).parameters
            found = (each.parameters for each in self.list_models() if each.name == name)
            return next(found, 0)
        except ModelError:
            return 0

    def list_models(self) -> list[Listed]:
        """Return what /v1/models lists; an empty list if the server does not have it."""
        found = self._server.find("/models")
        entries = found.get("data") if found is not None else None
        return [
            Listed.parse(entry)
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and entry.get("id")
        ]

    @property
    def _roots(self) -> list[str]:
        """The addresses that the interfaces beside /v1 can be at: below a path, or the host's."""
        parts = urlsplit(self._server.url)
        host = f"{parts.scheme}://{parts.netloc}"
        return list(dict.fromkeys([self._server.url.removesuffix("/v1"), host]))


def _name_provider(deployment: dict[str, Any]) -> str:
    """Return the company that runs a deployment of LiteLLM, "" if that is unknown or none."""
    found = deployment.get("litellm_params")
    settings: dict[str, Any] = found if isinstance(found, dict) else {}
    about = deployment.get("model_info")
    model = str(settings.get("model") or "")
    if is_cloud_name(model):
        return "ollama.com"
    base = host_of(str(settings.get("api_base") or settings.get("base_url") or ""))
    if base:
        return base if _is_provider_host(base) else ""
    provider = (
        settings.get("custom_llm_provider")
        or (about.get("litellm_provider") if isinstance(about, dict) else None)
        or model.partition("/")[0]
    )
    return str(provider) if str(provider).casefold() in _load_providers().names else ""


def _is_provider_host(host: str) -> bool:
    return any(host == known or host.endswith(f".{known}") for known in _load_providers().hosts)
