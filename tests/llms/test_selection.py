"""Which models are listed, and which of them answers if none is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragkit import Config
from ragkit.errors import ModelFailed, ModelNotFound, ModelRefused, ModelUnreachable
from ragkit.llms.base import InstalledModel, LanguageModel
from ragkit.llms.ollama import OllamaModel, OllamaServer
from ragkit.llms.selection import choose_model, installed_models
from tests.llms.conftest import ANSWER, MESSAGES, NOBODY, entry, listed, text_of
from tests.support.fake_ollama import GOOD, FakeOllama


def test_installed_models_come_as_the_server_lists_them(server: FakeOllama) -> None:
    found = OllamaServer(server.url).models()
    assert found[0] == InstalledModel(
        name=GOOD,
        size=200_000_000,
        family="llama",
        parameters="3.2B",
        quantisation="Q4_K_M",
        digest="a80c4f17acd5" + "0" * 52,
    )


def test_models_that_run_elsewhere_or_cannot_answer_are_left_out(own_server: FakeOllama) -> None:
    embedding = {"name": "nomic-embed-text:latest", "capabilities": ["embedding"]}
    cloud = {"name": "renamed:latest", "remote_host": "https://ollama.com:443"}
    bare = {"name": "old:latest", "details": None}
    own_server.models = [embedding, cloud, bare]
    assert [model.name for model in listed(own_server.url)] == ["old:latest"]
    own_server.models = []
    assert listed(own_server.url) == []


@pytest.fixture
def eight_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("selection", "ollama"):
        name = f"ragkit.llms.{module}.measure_memory"
        monkeypatch.setattr(name, lambda: (8_000_000_000, "memory"))


@pytest.mark.usefixtures("eight_gb")
def test_auto_takes_the_largest_model_that_fits(own_server: FakeOllama) -> None:
    own_server.models = [
        entry("small:1b", "1.2B", 0.8e9),
        entry("large:70b", "70.6B", 43e9),
        entry("middle:8b", "8.0B", 4.9e9),
        entry("older:8b", "8.0B", 4.9e9),
    ]
    model, why = choose_model("auto", Config(ollama_host=own_server.url))
    assert model.name == "middle:8b"
    assert why == "the largest of 4 models that fits (6.6 of 8.0 GB of memory)"
    own_server.models = own_server.models[1:2] * 2
    model, why = choose_model("auto", Config(ollama_host=own_server.url))
    assert (model.name, why) == (
        "large:70b",
        "the smallest of 2 models, none of which fits into memory",
    )
    own_server.models = own_server.models[:1]
    _, why = choose_model("auto", Config(ollama_host=own_server.url))
    assert why == "the only model there"
    _, why = choose_model("large:70b", Config(ollama_host=own_server.url))
    assert why == ""


@pytest.mark.usefixtures("eight_gb")
def test_models_are_listed_with_what_the_server_says_of_them(own_server: FakeOllama) -> None:
    own_server.models = [entry("small:1b", "1.2B", 0.8e9), entry("large:70b", "70.6B", 43e9)]
    small, large = listed(own_server.url)
    assert small.context == 131072
    assert small.capabilities == ("completion",)
    assert small.licence == "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT"
    assert small.memory == 800_000_000 + 112 * 1024 * 8192 + 768 * 2**20
    assert (small.fits, large.fits) == (True, False)


class Shelf:
    """A back end of one's own: models of which it knows what they take, and one it cannot read."""

    url = "a shelf"

    def __init__(self, *models: InstalledModel, fits: bool | None = True) -> None:
        self.listed = list(models)
        self.fits = fits

    def models(self) -> list[InstalledModel]:
        return self.listed

    def describe(self, model: InstalledModel) -> InstalledModel:
        if model.name == "torn":
            raise ModelFailed("torn")
        return replace(model, context=512, memory=2 * model.size, fits=self.fits)

    def model(self, name: str, *, reasoning: bool = False) -> LanguageModel:
        return OllamaModel(name, NOBODY, reasoning=reasoning)


SMALL, LARGE, TORN = (
    InstalledModel("small", parameters="1B", size=1),
    InstalledModel("large", parameters="8B", size=8),
    InstalledModel("torn", parameters="70B", size=70),
)


def test_a_back_end_of_ones_own_is_listed_and_chosen_from_as_a_server_is() -> None:
    shelf = Shelf(SMALL, TORN, LARGE)
    models = installed_models(server=shelf)
    assert [(model.name, model.context) for model in models] == [
        ("small", 512),
        ("torn", 0),
        ("large", 512),
    ]
    for known in (None, models):
        model, why = choose_model("auto", Config(), server=shelf, models=known)
        assert model.name == "large"
        assert why.startswith("the largest of 3 models that fits (0.0 of ")
    assert choose_model("named", Config(), server=shelf)[0].name == "named"
    with pytest.raises(ModelNotFound, match="a shelf has no model"):
        choose_model("auto", Config(), server=Shelf())


def test_where_nobody_knows_what_fits_the_first_that_is_listed_answers() -> None:
    model, why = choose_model("auto", Config(), server=Shelf(SMALL, TORN, LARGE, fits=None))
    assert (model.name, why) == ("small", "the first that the server lists")


def test_model_that_cannot_be_described_hides_no_other(own_server: FakeOllama) -> None:
    fine, broken = entry("small:1b", "1.2B", 0.8e9), entry("broken:8b", "8.0B", 4.9e9)
    own_server.models = [broken, fine]
    own_server.undescribed = {"broken:8b"}
    assert [model.context for model in listed(own_server.url)] == [0, 131072]
    assert choose_model("auto", Config(ollama_host=own_server.url))[0].name == "small:1b"


BERT_INFO = {
    "general.architecture": "bert",
    "bert.context_length": 512,
    "bert.embedding_length": 384,
    "bert.pooling_type": 1,
}
EMBEDDERS: dict[str, dict[str, object]] = {
    "as a server of 0.33 says of one that ollama create made": {
        "capabilities": ["completion"],
        "shown": {"capabilities": ["embedding"], "model_info": BERT_INFO},
    },
    "as it says of one from its library": {
        "capabilities": ["embedding"],
        "shown": {"model_info": BERT_INFO},
    },
    "as a server before 0.6.4 says": {
        "shown": {"capabilities": None, "model_info": BERT_INFO},
    },
    "as one before 0.3 says": {
        "details": {"family": "nomic-bert", "parameter_size": "137M"},
        "shown": {"capabilities": None, "model_info": None},
    },
    "with many parameters": {
        "capabilities": ["completion"],
        "details": {"family": "qwen3", "parameter_size": "99B"},
        "shown": {
            "capabilities": ["embedding"],
            "model_info": {"general.architecture": "qwen3", "qwen3.pooling_type": 3},
        },
    },
}


@pytest.mark.parametrize("said", list(EMBEDDERS))
def test_embedder_is_known_by_its_description_and_never_answers(
    own_server: FakeOllama, said: str
) -> None:
    embedder = {"name": "minilm:latest", "size": 46_000_000, **EMBEDDERS[said]}
    config = Config(ollama_host=own_server.url)
    own_server.models = [embedder, entry("small:1b", "1.2B", 0.8e9)]
    assert [model.name for model in installed_models(config)] == ["small:1b"]
    assert choose_model("auto", config)[0].name == "small:1b"
    own_server.models = [embedder]
    assert installed_models(config) == []
    with pytest.raises(ModelNotFound, match="has no language model that runs there; get one"):
        choose_model("auto", config)
    model, _ = choose_model("minilm", config)
    for use in (lambda: list(model.chat(MESSAGES)), lambda: model.limits):
        with pytest.raises(ModelRefused, match="minilm is an embedding model and cannot answer"):
            use()
    assert own_server.chats == []


def test_language_model_is_known_by_its_description_too(own_server: FakeOllama) -> None:
    own_server.models = [
        {
            **entry("odd:1b", "1.2B", 0.8e9, capabilities=["embedding"]),
            "shown": {"capabilities": ["completion"]},
        }
    ]
    config = Config(ollama_host=own_server.url)
    assert [model.name for model in installed_models(config)] == ["odd:1b"]
    assert text_of(choose_model("auto", config)[0].chat(MESSAGES)) == ANSWER


def test_model_of_an_old_server_answers_though_nothing_says_that_it_can(
    own_server: FakeOllama,
) -> None:
    old = {"name": "old:latest", "shown": {"capabilities": None}}
    own_server.models = [{**old, "details": {"family": "llama"}}]
    assert [model.name for model in installed_models(Config(ollama_host=own_server.url))] == [
        "old:latest"
    ]
    assert text_of(OllamaModel("old", own_server.url).chat(MESSAGES)) == ANSWER


def test_auto_without_a_model_says_how_to_get_one(own_server: FakeOllama) -> None:
    own_server.models = []
    with pytest.raises(ModelNotFound, match="ollama pull"):
        choose_model("auto", Config(ollama_host=own_server.url))


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm:cloud", "renamed", "Renamed:latest"])
def test_models_of_other_peoples_computers_are_refused(own_server: FakeOllama, name: str) -> None:
    own_server.models = [{"name": "renamed:latest", "remote_host": "https://ollama.com:443"}]
    with pytest.raises(ModelRefused, match="is a cloud model; ragkit only uses local models"):
        list(choose_model(name, Config(ollama_host=own_server.url))[0].chat(MESSAGES))
    assert own_server.chats == []


def test_an_openai_compatible_server_takes_the_place_of_ollama(own_server: FakeOllama) -> None:
    config = Config(ollama_host=NOBODY, openai_url=f"{own_server.url}/v1", num_predict=100)
    assert installed_models(config)[0].name == GOOD
    model, why = choose_model("auto", config)
    assert why == "the first that the server lists"
    assert text_of(model.chat(MESSAGES)) == ANSWER
    (body,) = own_server.chats
    assert body["max_tokens"] == 100
    assert body["temperature"] == 0
    with pytest.raises(ModelUnreachable, match="openai_url"):
        installed_models(Config(openai_url=NOBODY))
    with pytest.raises(ModelFailed, match="not as an OpenAI-compatible server does"):
        installed_models(Config(openai_url=own_server.url))
