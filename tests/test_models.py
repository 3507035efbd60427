from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ragkit.errors import (
    ModelError,
    ModelFailed,
    ModelMissing,
    ModelRefused,
    ModelUnreachable,
)
from ragkit.models import (
    InstalledModel,
    Message,
    OllamaModel,
    choose_model,
    installed_models,
    ollama_url,
    server_version,
)
from tests.fake_ollama import GOOD, FakeOllama, fake_ollama

PROMPT = (
    "Passages:\n\n[1] leave.txt\n========\nEverybody has 28 days of annual leave.\n========\n\n"
    "Question: How many days of annual leave?"
)
MESSAGES = [Message("system", "Be brief."), Message("user", PROMPT)]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def own_server() -> Iterator[FakeOllama]:
    """One that a test may change."""
    with fake_ollama() as fake:
        yield fake


def chat(server: FakeOllama, name: str) -> list[str]:
    return list(OllamaModel(name, server.url).chat(MESSAGES))


def until_error(server: FakeOllama, name: str) -> tuple[str, ModelError]:
    """What came before the answer broke off, and how it did."""
    pieces: list[str] = []
    with pytest.raises(ModelError) as caught:
        pieces.extend(OllamaModel(name, server.url).chat(MESSAGES))
    return "".join(pieces), caught.value


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("example.com", "http://example.com:11434"),
        (":5000", "http://127.0.0.1:5000"),
        ("1.2.3.4:5000", "http://1.2.3.4:5000"),
        ("http://host", "http://host:80"),
        ("https://host", "https://host:443"),
        ("http://host:5000/", "http://host:5000"),
        ("host:5000/base/path", "http://host:5000/base/path"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::]:5000", "http://127.0.0.1:5000"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        ("host:99999", "http://host:11434"),
        ("host:port", "http://127.0.0.1:11434"),
    ],
)
def test_host_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url


def test_answer_comes_in_pieces(server: FakeOllama) -> None:
    pieces = chat(server, GOOD)
    assert len(pieces) > 3
    assert "".join(pieces) == "Everybody has 28 days of annual leave. [1]"


def test_request_leaves_nothing_to_the_servers_defaults(own_server: FakeOllama) -> None:
    list(OllamaModel(GOOD, own_server.url, num_ctx=4096, num_predict=100).chat(MESSAGES))
    assert own_server.chats == [
        {
            "model": GOOD,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": PROMPT},
            ],
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": "10m",
            "options": {"num_ctx": 4096, "num_predict": 100, "temperature": 0},
        }
    ]


def test_thinking_and_empty_pieces_are_no_answer(server: FakeOllama) -> None:
    assert "".join(chat(server, "thinks")) == "Everybody has 28 days of annual leave. [1]"
    assert chat(server, "silent") == []


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nope", ModelMissing, "ollama pull nope"),
        ("overflow", ModelRefused, "too long for overflow; raise num_ctx"),
        ("crashed", ModelFailed, "out of memory"),
        ("busy", ModelFailed, "busy; try again"),
        ("html", ModelFailed, "502"),
    ],
)
def test_refusal_says_what_to_do(
    server: FakeOllama, name: str, kind: type[ModelError], words: str
) -> None:
    before, error = until_error(server, name)
    assert before == ""
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("breaks", "failed while answering: an error was encountered"),
        ("cut", "ended without its closing line"),
        ("rubbish", "not JSON"),
        ("listed", "not as Ollama does"),
    ],
)
def test_stream_that_breaks_off_is_an_error_after_its_pieces(
    server: FakeOllama, name: str, words: str
) -> None:
    before, error = until_error(server, name)
    assert before == "Everybody has 28 "
    assert type(error) is ModelFailed
    assert words in str(error)


def test_answer_that_reaches_the_longest_allowed_is_an_error(server: FakeOllama) -> None:
    before, error = until_error(server, "length")
    assert before.endswith("leave. [1]")
    assert "raise num_predict" in str(error)


def test_no_server_is_named_with_its_address() -> None:
    for ask in (
        lambda: installed_models(NOBODY),
        lambda: server_version(NOBODY),
        lambda: list(OllamaModel(GOOD, NOBODY).chat(MESSAGES)),
        lambda: installed_models("http://a b"),
        lambda: installed_models("ftp://127.0.0.1"),
        lambda: list(OllamaModel(GOOD, "ftp://127.0.0.1").chat(MESSAGES)),
    ):
        with pytest.raises(ModelUnreachable, match="ollama serve"):
            ask()


def test_proxy_settings_do_not_reach_the_model_server(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    monkeypatch.setenv("ALL_PROXY", NOBODY)
    assert server_version(server.url) == "0.33.0"


def test_installed_models_come_as_the_server_lists_them(server: FakeOllama) -> None:
    found = installed_models(server.url)
    assert found[0] == InstalledModel(
        name=GOOD,
        size=2_019_393_189,
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
    assert [model.name for model in installed_models(own_server.url)] == ["old:latest"]
    own_server.models = []
    assert installed_models(own_server.url) == []


def test_auto_takes_the_model_installed_last(server: FakeOllama) -> None:
    assert choose_model("auto", server.url, num_ctx=4096, num_predict=100).name == GOOD


def test_auto_without_a_model_says_how_to_get_one(own_server: FakeOllama) -> None:
    own_server.models = []
    with pytest.raises(ModelMissing, match="ollama pull"):
        choose_model("auto", own_server.url, num_ctx=4096, num_predict=100)


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm:cloud", "renamed", "Renamed:latest"])
def test_models_of_other_peoples_computers_are_refused(own_server: FakeOllama, name: str) -> None:
    own_server.models = [{"name": "renamed:latest", "remote_host": "https://ollama.com:443"}]
    with pytest.raises(ModelRefused, match="private documents stay here"):
        choose_model(name, own_server.url, num_ctx=4096, num_predict=100)
    assert own_server.chats == []


@pytest.mark.parametrize("models", ["many", [1], [{"size": 3}], {"name": "x"}])
def test_server_that_speaks_something_else_is_no_ollama(
    own_server: FakeOllama, models: object
) -> None:
    own_server.models = models  # type: ignore[assignment]
    with pytest.raises(ModelFailed, match="not as Ollama does; set OLLAMA_HOST"):
        installed_models(own_server.url)


def test_page_of_html_is_no_ollama(server: FakeOllama) -> None:
    with pytest.raises(ModelFailed, match="not as Ollama does"):
        installed_models(f"{server.url}/wrong/path")
    with pytest.raises(ModelFailed, match="404 without a reason"):
        list(OllamaModel(GOOD, f"{server.url}/wrong/path").chat(MESSAGES))


def test_server_that_closes_without_a_word(server: FakeOllama) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ModelError):
            installed_models(url)
        with pytest.raises(ModelFailed, match="broke off"):
            list(OllamaModel(GOOD, url).chat(MESSAGES))
        thread.join()
