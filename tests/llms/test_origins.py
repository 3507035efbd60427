"""No text goes to a model that is known to run at another company, whatever the address is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit import Config, KnowledgeBase, Message
from ragkit.errors import ModelError, ModelNotFound, ModelRefused, ModelUnreachable
from ragkit.llms import choose_model, installed_models
from ragkit.llms.openai import OpenAIModel, OpenAIServer
from ragkit.llms.origins import ModelOrigins
from ragkit.llms.transport import Timeouts
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder

MESSAGES = [Message("user", "Question: who?")]
ELSEWHERE = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
PRIVATE = "/v1/chat/completions"


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


def config(server: FakeOllama, **more: Any) -> Config:
    return Config(ollama_host="http://127.0.0.1:9", openai_url=f"{server.url}/v1", **more)


def listed(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": 1, "details": {"family": "llama"}, **more}


def ask(server: FakeOllama, name: str, path: str = "/v1") -> None:
    list(OpenAIModel(name, f"{server.url}{path}").chat(MESSAGES))


# -- Ollama behind the address of an OpenAI-compatible server ------------------------------------


@pytest.mark.parametrize(
    "forwarding",
    [
        listed("helper:latest", **ELSEWHERE),
        listed("helper:latest", remote_host="https://ollama.com:443"),
        listed("helper:latest", shown=ELSEWHERE),  # which the list does not say
        listed("gpt-oss:120b-cloud"),
        listed("helper:Cloud"),
        listed("helper:CLOUD", **ELSEWHERE),
    ],
)
def test_forwarding_model_is_neither_listed_nor_chosen_nor_asked(
    server: FakeOllama, forwarding: dict[str, Any]
) -> None:
    server.models = [forwarding, listed("small:1b")]
    assert [model.name for model in installed_models(config(server))] == ["small:1b"]
    assert choose_model("auto", config(server))[0].name == "small:1b"
    with pytest.raises(ModelRefused, match="is a cloud model; ragkit only uses local models"):
        ask(server, forwarding["name"])
    server.models = [forwarding]
    assert installed_models(config(server)) == []
    with pytest.raises(ModelNotFound):
        choose_model("auto", config(server))
    assert PRIVATE not in server.paths


def test_address_of_ollama_below_a_path_or_beside_one_is_known(server: FakeOllama) -> None:
    server.models = [listed("helper:latest", **ELSEWHERE)]
    for path in ("/v1", "/v1/", "/elsewhere/v1"):
        with pytest.raises(ModelRefused, match="is a cloud model"):
            ask(server, "helper", path)
    assert PRIVATE not in server.paths


def test_local_models_of_ollama_answer_through_the_address(server: FakeOllama) -> None:
    model, why = choose_model("auto", config(server))
    assert (model.name, why) == (GOOD, "the first that the server lists")
    list(model.chat(MESSAGES))
    assert server.paths.count(PRIVATE) == 1


def test_models_of_another_server_on_the_host_of_ollama_answer(server: FakeOllama) -> None:
    server.models = [listed("small:1b"), listed(GOOD)]
    server.native = [listed("helper:latest", **ELSEWHERE)]
    names = [model.name for model in installed_models(config(server))]
    assert names == ["small:1b", GOOD]
    model, why = choose_model("auto", config(server))
    assert (model.name, why) == ("small:1b", "the first that the server lists")
    ask(server, GOOD)


def test_embedders_of_ollama_are_not_taken_for_language_models_there(server: FakeOllama) -> None:
    server.models = [listed("minilm", shown={"capabilities": ["embedding"]}), listed("small:1b")]
    assert [model.name for model in installed_models(config(server))] == ["small:1b"]
    assert choose_model("auto", config(server))[0].name == "small:1b"


def test_a_question_of_a_knowledge_base_does_not_leave(server: FakeOllama, docs: Path) -> None:
    (docs / "fees.txt").write_text("The parking fee is 4 euros a day.")
    server.models = [listed("helper:latest", **ELSEWHERE)]
    with KnowledgeBase(
        docs.parent / "a.kb", embedder=HashingEmbedder(), config=config(server)
    ) as kb:
        kb.ingest(docs)
        assert kb.ask("What is the parking fee a day?").is_extractive
        kb.model = "helper"
        with pytest.raises(ModelRefused, match="helper is a cloud model"):
            kb.ask("What is the parking fee a day?")
    assert PRIVATE not in server.paths


def test_server_that_does_not_say_who_runs_its_models_is_not_asked_for_an_answer(
    server: FakeOllama,
) -> None:
    server.undescribed = {"torn"}
    server.models = [listed("torn")]
    with pytest.raises(ModelError, match="invalid file magic"):
        ask(server, "torn")
    server.trickles = True
    origins = ModelOrigins(OpenAIServer(f"{server.url}/v1", timeouts=Timeouts(short=0.3)).server)
    with pytest.raises(ModelError, match="does not answer within"):
        origins.check("torn")
    with pytest.raises(ModelUnreachable, match="openai_url"):
        list(OpenAIModel("torn", "http://127.0.0.1:9/v1").chat(MESSAGES))
    assert PRIVATE not in server.paths


# -- gateways -----------------------------------------------------------------------------------


def deployment(name: str, model: str, **settings: str) -> dict[str, Any]:
    """What LiteLLM says of a model at /model/info."""
    return {"model_name": name, "litellm_params": {"model": model, **settings}, "model_info": {}}


OUTSIDE = [
    (deployment("helper", "openai/gpt-4o"), "openai"),
    (deployment("helper", "azure/gpt-4o", api_base="https://us.openai.azure.com"), "us.openai"),
    (deployment("helper", "openai/x", api_base="https://api.mistral.ai/v1"), "api.mistral.ai"),
    (deployment("helper", "anthropic/claude-sonnet-4-5"), "anthropic"),
    (deployment("helper", "Bedrock/meta.llama3"), "Bedrock"),
    (deployment("helper", "x", custom_llm_provider="groq"), "groq"),
    ({**deployment("helper", "gpt-4o"), "model_info": {"litellm_provider": "openai"}}, "openai"),
    (deployment("helper", "ollama/gpt-oss:120b-cloud", api_base="http://10.0.0.7:11434"), "ollama"),
]
INSIDE = [
    deployment("helper", "ollama/llama3.2", api_base="http://10.0.0.7:11434"),
    deployment("helper", "ollama/llama3.2"),
    deployment("helper", "openai/llama", api_base="http://gpu.corp.example:8000/v1"),
    deployment("helper", "hosted_vllm/llama", api_base="http://127.0.0.1:8000/v1"),
    deployment("helper", "mistral/small", api_base="http://localhost:8000/v1"),
    {"model_name": "helper", "litellm_params": None, "model_info": None},
]


@pytest.mark.parametrize(("outside", "company"), OUTSIDE)
@pytest.mark.parametrize("beside", [[], INSIDE[:1]])
def test_model_that_a_gateway_passes_on_is_refused(
    server: FakeOllama, outside: dict[str, Any], company: str, beside: list[dict[str, Any]]
) -> None:
    server.other, server.owner = True, "openai"
    server.models = [listed("helper"), listed(GOOD)]
    server.deployments = [*beside, outside, deployment(GOOD, "ollama/llama3.2")]
    assert [model.name for model in installed_models(config(server))] == [GOOD]
    assert choose_model("auto", config(server))[0].name == GOOD
    with pytest.raises(ModelRefused, match=f"passes helper on to {company}"):
        ask(server, "helper")
    assert PRIVATE not in server.paths
    assert "is a gateway; models" in OpenAIServer(f"{server.url}/v1").origins.describe()


@pytest.mark.parametrize("inside", INSIDE)
def test_model_that_a_gateway_runs_on_your_own_machines_answers(
    server: FakeOllama, inside: dict[str, Any]
) -> None:
    server.other, server.owner = True, "openai"
    server.models = [listed(GOOD)]
    server.deployments = [{**inside, "model_name": GOOD}]
    assert [model.name for model in installed_models(config(server))] == [GOOD]
    ask(server, GOOD)
    assert server.paths.count(PRIVATE) == 1


@pytest.mark.parametrize("owner", ["anthropic", "Groq", "openrouter"])
def test_owner_that_the_list_names_is_enough(server: FakeOllama, owner: str) -> None:
    server.other = True
    server.models = [listed("helper", owner=owner), listed(GOOD, owner="vllm")]
    assert [model.name for model in installed_models(config(server))] == [GOOD]
    with pytest.raises(ModelRefused, match=f"passes helper on to {owner}"):
        ask(server, "helper")
    assert PRIVATE not in server.paths


@pytest.mark.parametrize(
    "owner", ["vllm", "llamacpp", "organization_owner", "openai", "mistral", ""]
)
def test_servers_that_run_their_models_themselves_answer(server: FakeOllama, owner: str) -> None:
    server.other, server.owner = True, owner
    ask(server, GOOD)
    assert server.paths.count(PRIVATE) == 1
    origins = OpenAIServer(f"{server.url}/v1").origins
    assert "does not say who runs its models" in origins.describe()


@pytest.mark.parametrize(
    "url",
    [
        "https://us.ai.azure.com/v1",
        "https://api.openai.com/v1",
        "https://openrouter.ai/api/v1",
        "https://company.openai.azure.com/openai/v1",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "https://ollama.com/v1",
    ],
)
def test_address_of_another_company_is_not_asked_at_all(url: str) -> None:
    server = OpenAIServer(url)
    for use in (server.models, lambda: list(server.model("m").chat(MESSAGES))):
        with pytest.raises(ModelRefused, match="belongs to a company that runs models for others"):
            use()


def test_hosts_are_compared_by_whole_names(server: FakeOllama) -> None:
    ModelOrigins(OpenAIServer("https://notopenai.com/v1").server).check_host()


# -- the server's own reason ---------------------------------------------------------------------


def test_refusal_gives_the_servers_own_reason(server: FakeOllama) -> None:
    with pytest.raises(ModelRefused) as caught:
        ask(server, "cloudy")
    assert str(caught.value) == (
        f"{server.url}/v1 refuses cloudy (403): ollama cloud is disabled: remote model is "
        "unavailable"
    )
    with pytest.raises(ModelRefused, match=r"\(401\): unauthorized; set openai_key to its key"):
        ask(server, "signed-out")
    with pytest.raises(ModelRefused, match=r"refuses the request \(403\); set openai_key"):
        ask(server, "forbidden")
