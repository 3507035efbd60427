from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from ragkit import Config
from ragkit.config import ollama_url
from ragkit.errors import (
    ContextOverflow,
    ModelBusy,
    ModelError,
    ModelFailed,
    ModelLoadFailed,
    ModelNotFound,
    ModelRefused,
    ModelUnreachable,
    PromptTruncated,
    StreamBroken,
)
from ragkit.llms.base import Event, LanguageModel, Message, ModelLimits, Reasoning, Usage
from ragkit.llms.errors import explain_ollama_error, explain_openai_error, explain_stream_error
from ragkit.llms.ollama import OllamaModel, OllamaServer
from ragkit.llms.openai import OpenAIModel, OpenAIServer
from ragkit.llms.selection import installed_models
from ragkit.llms.transport import Timeouts
from tests.llms.conftest import ANSWER, MESSAGES, NOBODY, PROMPT, entry, listed, text_of
from tests.support.fake_ollama import BEHAVIOURS, GOOD, FakeOllama, rewritten

READ = sum(len(message.content) for message in MESSAGES) // 4  # tokens, as the double counts them
HASTY = Timeouts(first=0.5, between=0.5, short=0.5)

Made = Callable[[FakeOllama, str], LanguageModel]


def ollama(server: FakeOllama, name: str) -> LanguageModel:
    return OllamaModel(name, server.url)


def openai(server: FakeOllama, name: str) -> LanguageModel:
    return OpenAIModel(name, f"{server.url}/v1")


both = pytest.mark.parametrize("made", [ollama, openai])


def chat(server: FakeOllama, name: str) -> list[Event]:
    return list(OllamaModel(name, server.url).chat(MESSAGES))


def until_error(model: LanguageModel) -> tuple[str, ModelError]:
    """What came before the answer broke off, and how it did."""
    pieces: list[Event] = []
    with pytest.raises(ModelError) as caught:
        pieces.extend(model.chat(MESSAGES))
    return text_of(pieces), caught.value


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


@pytest.mark.parametrize(
    ("host", "here"),
    [("", True), ("localhost", True), ("[::1]", True), ("10.0.0.7", False), ("gpu.local", False)],
)
def test_only_a_server_on_this_machine_has_its_memory(host: str, here: bool) -> None:
    assert OllamaServer(host).server.is_here is here


@both
def test_answer_comes_in_pieces_and_then_what_it_took(made: Made, server: FakeOllama) -> None:
    *pieces, usage = made(server, GOOD).chat(MESSAGES)
    assert len(pieces) > 3
    assert text_of(pieces) == ANSWER
    assert isinstance(usage, Usage)
    assert usage.finish == "stop"
    assert usage.prompt_tokens == READ


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


def test_model_without_a_template_is_given_one_text_to_continue(own_server: FakeOllama) -> None:
    assert text_of(chat(own_server, "continues")) == ANSWER
    (body,) = own_server.chats
    assert body["raw"] is True
    assert body["prompt"] == f"Be brief.\n\n{PROMPT}\nAnswer:"
    assert "Question:" in body["options"]["stop"][1]
    assert (body["truncate"], body["shift"]) == (False, False)


def test_reasoning_is_asked_for_or_switched_off_and_never_an_answer(
    own_server: FakeOllama,
) -> None:
    assert text_of(chat(own_server, "thinks")) == ANSWER
    events = list(OllamaModel("thinks", own_server.url, reasoning=True).chat(MESSAGES))
    assert text_of(events) == ANSWER
    thoughts = [event.text for event in events if isinstance(event, Reasoning)]
    assert "".join(thoughts) == "Well, let me see."
    assert [body["think"] for body in own_server.chats] == [False, True]
    chat(own_server, GOOD)
    assert "think" not in own_server.chats[-1]  # a model that cannot would refuse


def test_reasoning_of_an_openai_compatible_server_is_no_answer_either(server: FakeOllama) -> None:
    events = list(OpenAIModel("only-thinks", f"{server.url}/v1").chat(MESSAGES))
    assert events[:2] == [Reasoning("Well, "), Reasoning("let me see.")]
    assert text_of(events) == ""


SCHEMA = {
    "type": "object",
    "properties": {
        "found": {"type": "boolean"},
        "answer": {"type": "integer"},
        "citations": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["found", "answer", "citations"],
}


@both
def test_answer_to_a_schema_is_json_of_it(made: Made, server: FakeOllama) -> None:
    text = text_of(made(server, GOOD).chat(MESSAGES, schema=SCHEMA))
    assert json.loads(text) == {"found": True, "answer": 28, "citations": [1]}
    text = text_of(made(server, "not-found").chat(MESSAGES, schema=SCHEMA))
    assert json.loads(text) == {"found": False, "answer": 0, "citations": []}


def test_schema_goes_where_each_interface_has_it(own_server: FakeOllama) -> None:
    for model in (
        OllamaModel(GOOD, own_server.url),
        OllamaModel("continues", own_server.url),
        OpenAIModel(GOOD, f"{own_server.url}/v1"),
    ):
        list(model.chat(MESSAGES))
        list(model.chat(MESSAGES, schema=SCHEMA))
    chats = ("/api/chat", "/api/generate", "/v1/chat/completions")
    assert [path for path in own_server.paths if path in chats] == sorted(2 * chats)
    plain, chat, plain_base, base, plain_openai, openai = own_server.chats
    assert chat == {**plain, "format": SCHEMA}
    named = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert openai == {
        **plain_openai,
        "response_format": {"type": "json_schema", "json_schema": named},
    }
    del plain_base["options"]["stop"]
    assert base == {**plain_base, "format": SCHEMA}


def test_reasoning_goes_with_a_schema(server: FakeOllama) -> None:
    events = list(OllamaModel("thinks", server.url, reasoning=True).chat(MESSAGES, schema=SCHEMA))
    assert events[0] == Reasoning("Well, ")
    assert json.loads(text_of(events))["answer"] == 28


@both
def test_what_a_server_makes_of_a_schema_is_not_always_json_of_it(
    made: Made, server: FakeOllama
) -> None:
    assert text_of(made(server, "no-json").chat(MESSAGES, schema=SCHEMA)) == ANSWER
    text = text_of(made(server, "off-schema").chat(MESSAGES, schema=SCHEMA))
    assert json.loads(text) == {"found": [True], "answer": [28], "citations": [[1]]}
    *pieces, usage = made(server, "length").chat(MESSAGES, schema=SCHEMA)
    assert text_of(pieces) == '{"found": true, "answer'
    assert isinstance(usage, Usage)
    assert usage.finish == "length"


@pytest.mark.parametrize("name", [GOOD, "continues"])
def test_server_that_knows_no_schemas_yet_is_to_be_updated(
    own_server: FakeOllama, name: str
) -> None:
    own_server.version = "0.4.7"
    with pytest.raises(ModelRefused, match=r"type string\); update Ollama to 0\.5\.0"):
        list(OllamaModel(name, own_server.url).chat(MESSAGES, schema=SCHEMA))


@both
def test_schema_that_the_server_cannot_follow_is_refused(made: Made, server: FakeOllama) -> None:
    model = made(server, GOOD)
    with pytest.raises(ModelRefused) as caught:
        list(model.chat(MESSAGES, schema={"$ref": "#/$defs/Price"}))
    assert "(JSON schema conversion failed: Error resolving ref #/$defs/Price)" in str(caught.value)
    assert "write it with plain types" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "invalid JSON schema in format",
        'invalid format: "5"; expected "json" or a valid JSON Schema object',
        '{"error":{"code":400,"message":"Failed to initialize samplers: failed to parse grammar"}}',
        "The provided JSON schema contains features not supported by xgrammar.",
        'Grammar error: Unimplemented keys: ["propertyNames"]',
        'response_format type must be one of "text" or "json_object", but got: json_schema',
    ],
)
def test_refusals_of_a_schema_are_known_by_their_words(text: str) -> None:
    server = OllamaServer().server
    error = explain_stream_error("m", server, text)
    assert type(error) is ModelRefused
    for status in (400, 422, 500):
        response = httpx.Response(status, json={"error": text})
        for refusal in (explain_ollama_error, explain_openai_error):
            assert str(refusal("m", server, response)) == str(error)


FOLLOWED = [
    Message("system", "You answer questions."),
    Message("user", "Who repairs the pumps?"),
    Message("assistant", "Hall 2 does."),
    Message(
        "user",
        "How many days of annual leave does an engineer on the VX-4420 have, or how many a CEO?",
    ),
    Message("assistant", "28 days."),
    Message(
        "user",
        "Rewrite the follow-up so that it stands alone.\n\n"
        "Follow-up: And after ten years of annual work?",
    ),
]


def test_double_rewrites_a_question_that_follows_others(server: FakeOllama) -> None:
    for model in (
        OllamaModel(GOOD, server.url),
        OllamaModel("continues", server.url),
        OpenAIModel(GOOD, f"{server.url}/v1"),
    ):
        text = text_of(model.chat(FOLLOWED))
        assert text == "And after ten years of annual work days leave engineer VX-4420 CEO?"


def test_double_leaves_a_question_alone_that_follows_none() -> None:
    assert rewritten("You answer.\n\nRewrite the follow-up.\n\nFollow-up: Who?") == "Who?"


@both
def test_empty_answer_is_empty(made: Made, server: FakeOllama) -> None:
    (usage,) = made(server, "silent").chat(MESSAGES)
    assert isinstance(usage, Usage)


@both
@pytest.mark.parametrize("name", ["length", "only-thinks"])
def test_answer_that_reaches_the_longest_allowed_says_so(
    made: Made, server: FakeOllama, name: str
) -> None:
    *_, usage = made(server, name).chat(MESSAGES)
    assert isinstance(usage, Usage)
    assert usage.finish == "length"


@both
def test_lines_of_odd_shapes_are_passed_over(made: Made, server: FakeOllama) -> None:
    *pieces, usage = made(server, "odd").chat(MESSAGES)
    assert text_of(pieces) == ANSWER
    assert isinstance(usage, Usage)
    assert (usage.finish, usage.prompt_tokens) == ("stop", READ)


@both
@pytest.mark.parametrize("name", ["split", "joined"])
def test_lines_may_come_in_parts_or_together(made: Made, server: FakeOllama, name: str) -> None:
    assert text_of(made(server, name).chat(MESSAGES)) == ANSWER


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nope", ModelNotFound, "ollama pull nope"),
        ("gone", ModelNotFound, "ollama pull gone"),
        ("overflow", ContextOverflow, "(5210 tokens, its context holds 4096); raise num_ctx"),
        ("overflow-plain", ContextOverflow, "too long for overflow-plain; raise num_ctx"),
        ("no-chat", ModelRefused, "choose a model that can chat"),
        ("wrong-type", ModelFailed, "answered 400 for wrong-type: time: missing unit"),
        ("signed-out", ModelRefused, "refuses signed-out: unauthorized"),
        ("crashed", ModelLoadFailed, "choose a smaller model, or lower num_ctx"),
        ("foreign", ModelLoadFailed, "update Ollama"),
        ("stalled", ModelLoadFailed, "OLLAMA_LOAD_TIMEOUT"),
        ("stopped", ModelFailed, "unexpectedly stopped"),
        ("engine", ModelFailed, "answered 500 for engine: the batch cannot be decoded"),
        ("cloudy", ModelRefused, "cloud is disabled"),
        ("forbidden", ModelRefused, "Host: localhost"),
        ("html", ModelFailed, "502"),
    ],
)
def test_refusal_says_what_to_do(
    server: FakeOllama, name: str, kind: type[ModelError], words: str
) -> None:
    before, error = until_error(OllamaModel(name, server.url))
    assert before == ""
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nope", ModelNotFound, "start the server with it"),
        ("overflow", ContextOverflow, "lower num_ctx"),
        ("overflow-plain", ContextOverflow, "lower num_ctx"),
        ("crashed", ModelFailed, "out of memory"),
        ("engine", ModelFailed, "answered 500 for engine: the batch cannot be decoded"),
        ("busy", ModelBusy, "busy; try again"),
        ("forbidden", ModelRefused, "openai_key"),
        ("html", ModelFailed, "502"),
    ],
)
def test_refusal_of_an_openai_compatible_server_says_what_to_do(
    server: FakeOllama, name: str, kind: type[ModelError], words: str
) -> None:
    before, error = until_error(OpenAIModel(name, f"{server.url}/v1"))
    assert before == ""
    assert type(error) is kind
    assert words in str(error)


def test_server_that_is_busy_for_a_moment_is_asked_again(own_server: FakeOllama) -> None:
    assert text_of(chat(own_server, "soon")) == ANSWER
    assert len(own_server.chats) == 2


def test_server_that_stays_busy_is_asked_three_times(own_server: FakeOllama) -> None:
    _, error = until_error(OllamaModel("busy", own_server.url))
    assert type(error) is ModelBusy
    assert "busy; try again" in str(error)
    assert len(own_server.chats) == 3


@both
@pytest.mark.parametrize(
    "name", ["breaks", "tells", "cut", "no-end", "not-done", "rubbish", "listed", "huge"]
)
def test_stream_that_breaks_off_is_an_error_after_its_pieces(
    made: Made, server: FakeOllama, name: str
) -> None:
    before, error = until_error(made(server, name))
    assert before.startswith("Everybody has 28 ")
    assert isinstance(error, ModelFailed)
    assert "\n" not in str(error)


@both
def test_error_in_the_middle_of_a_stream_is_told_in_the_servers_words(
    made: Made, server: FakeOllama
) -> None:
    _, error = until_error(made(server, "tells"))
    assert type(error) is StreamBroken
    assert str(error).startswith("tells failed while answering: an error was encountered")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("breaks", "failed while answering: an error was encountered"),
        ("cut", "broke off (the model server closed the connection); ask again"),
        ("no-end", "ended without its closing line"),
        ("not-done", "ended without its closing line"),
        ("rubbish", "not JSON"),
        ("huge", "a line without an end"),
    ],
)
def test_how_a_stream_broke_off_is_told(server: FakeOllama, name: str, words: str) -> None:
    _, error = until_error(OllamaModel(name, server.url))
    assert type(error) is StreamBroken
    assert words in str(error)


@pytest.mark.parametrize("name", ["slow", "stalls", "trickles"])
def test_server_that_falls_silent_is_not_waited_for_without_end(
    server: FakeOllama, name: str
) -> None:
    started = time.monotonic()
    _, error = until_error(OllamaModel(name, server.url, timeouts=HASTY))
    assert type(error) is StreamBroken
    assert "sent nothing for 0.5 s" in str(error)
    assert time.monotonic() - started < 4


def test_short_answer_that_comes_byte_by_byte_is_not_waited_for(own_server: FakeOllama) -> None:
    own_server.trickles = True
    for ask in (
        lambda: OllamaServer(own_server.url, HASTY).models(),
        lambda: OpenAIServer(f"{own_server.url}/v1", timeouts=HASTY).models(),
        lambda: list(OllamaModel(GOOD, own_server.url, timeouts=HASTY).chat(MESSAGES)),
        lambda: list(OpenAIModel("crashed", f"{own_server.url}/v1", timeouts=HASTY).chat(MESSAGES)),
    ):
        started = time.monotonic()
        with pytest.raises(ModelFailed, match=r"does not answer within 0\.5 s; restart"):
            ask()
        assert time.monotonic() - started < 2


def test_slow_headers_are_waited_for_while_a_model_may_load(server: FakeOllama) -> None:
    patient = Timeouts(first=5, between=0.5)
    assert text_of(OllamaModel("slow", server.url, timeouts=patient).chat(MESSAGES)) == ANSWER


def test_the_model_that_answered_is_taken_from_the_stream(server: FakeOllama) -> None:
    for name, answering in (("renamed", "other"), (GOOD, GOOD)):
        *_, usage = OpenAIModel(name, f"{server.url}/v1").chat(MESSAGES)
        assert isinstance(usage, Usage)
        assert usage.model == answering


def test_count_of_a_server_that_leaves_out_what_it_knows_is_not_taken(
    own_server: FakeOllama,
) -> None:
    own_server.version = "0.29.4"
    *_, usage = chat(own_server, GOOD)
    assert isinstance(usage, Usage)
    assert (usage.finish, usage.prompt_tokens, usage.answer_tokens) == ("stop", None, 8)


def test_context_that_was_shifted_is_an_error(server: FakeOllama) -> None:
    _, error = until_error(OllamaModel("forgets", server.url))
    assert type(error) is PromptTruncated
    assert "exceeded its context window (" in str(error)


@both
def test_leaving_an_answer_ends_the_servers_work(made: Made, own_server: FakeOllama) -> None:
    pieces = made(own_server, "endless").chat(MESSAGES)
    for _ in range(12):
        next(pieces)
    assert not own_server.left.is_set()
    pieces.close()  # type: ignore[attr-defined]
    assert own_server.left.wait(1)


def test_key_is_sent_only_where_one_is_set(own_server: FakeOllama) -> None:
    url = f"{own_server.url}/v1"
    for key in ("", "s3cret"):
        list(OpenAIModel(GOOD, url, key=key).chat(MESSAGES))
    chat(own_server, GOOD)
    keys = [headers.get("Authorization") for headers in own_server.headers]
    assert keys == [None, "Bearer s3cret", None]
    assert "s3cret" not in repr(Config(openai_url=url, openai_key="s3cret"))


def test_every_behaviour_of_the_double_ends_with_its_count_or_an_error(server: FakeOllama) -> None:
    for name in BEHAVIOURS.keys() - {"endless", "loops", "busy", "paced"}:
        for model in (
            OllamaModel(name, server.url, timeouts=HASTY),
            OpenAIModel(name, f"{server.url}/v1", timeouts=HASTY),
        ):
            started = time.monotonic()
            with suppress(ModelError):
                assert isinstance(list(model.chat(MESSAGES))[-1], Usage), name
            assert time.monotonic() - started < 5, name


def test_no_server_is_named_with_its_address() -> None:
    for ask in (
        lambda: listed(NOBODY),
        lambda: OllamaServer(NOBODY).version(),
        lambda: list(OllamaModel(GOOD, NOBODY).chat(MESSAGES)),
        lambda: listed("http://a b"),
        lambda: listed("ftp://127.0.0.1"),
        lambda: list(OllamaModel(GOOD, "ftp://127.0.0.1").chat(MESSAGES)),
    ):
        with pytest.raises(ModelUnreachable, match="ollama serve"):
            ask()


def test_proxy_settings_do_not_reach_the_model_server(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    monkeypatch.setenv("ALL_PROXY", NOBODY)
    assert OllamaServer(server.url).version() == "0.33.0"


class _Redirecting(BaseHTTPRequestHandler):
    """Sends whoever asks it to another server."""

    to = ""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(307)
        self.send_header("Location", self.to + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_a_server_that_sends_us_elsewhere_is_not_followed(
    own_server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Redirecting, "to", own_server.url)
    with HTTPServer(("127.0.0.1", 0), _Redirecting) as redirecting:
        thread = threading.Thread(target=redirecting.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{redirecting.server_port}"
        try:
            for server in (OllamaServer(url), OpenAIServer(f"{url}/v1")):
                with pytest.raises(ModelFailed, match=url):
                    server.models()
                with server.server.streaming("/api/chat", {}, GOOD) as response:
                    assert response.status_code == 307
        finally:
            redirecting.shutdown()
            thread.join()
    assert own_server.paths == []


def test_context_is_never_more_than_a_model_was_made_for(own_server: FakeOllama) -> None:
    info = {"general.architecture": "gpt2", "gpt2.context_length": 1024}
    own_server.models = [entry("gpt2:latest", "124M", 0.2e9, model_info=info)]
    model = OllamaModel("gpt2", own_server.url)
    assert model.limits == ModelLimits(1024, 256, 124_000_000)
    list(model.chat(MESSAGES))
    options = own_server.chats[0]["options"]
    assert (options["num_ctx"], options["num_predict"]) == (1024, 256)
    asked_for = OllamaModel("gpt2", own_server.url, num_ctx=1024, num_predict=900)
    assert asked_for.limits == ModelLimits(1024, 900, 124_000_000)


def test_odd_values_from_a_server_are_no_crash(own_server: FakeOllama) -> None:
    own_server.models = [
        {"name": "odd", "size": "big", "details": {"family": 3}, "capabilities": 5, "digest": None}
    ]
    (model,) = OllamaServer(own_server.url).models()
    assert (model.size, model.family, model.digest) == (0, "3", "")


@pytest.mark.parametrize("models", ["many", [1], [{"size": 3}], {"name": "x"}])
def test_server_that_speaks_something_else_is_no_ollama(
    own_server: FakeOllama, models: object
) -> None:
    own_server.models = models  # type: ignore[assignment]
    with pytest.raises(ModelFailed, match="not as Ollama does; set OLLAMA_HOST"):
        listed(own_server.url)


@pytest.mark.parametrize("content", [5, "text", True, [], [{"id": "m", "name": "m"}]])
def test_json_that_is_no_object_is_not_what_a_server_says(
    own_server: FakeOllama, content: object
) -> None:
    own_server.instead = content
    for ask in (
        lambda: listed(own_server.url),
        lambda: list(OllamaModel(GOOD, own_server.url).chat(MESSAGES)),
        lambda: installed_models(Config(openai_url=f"{own_server.url}/v1")),
    ):
        with pytest.raises(ModelFailed, match="answers, but not as"):
            ask()


def test_page_of_html_is_no_ollama(server: FakeOllama) -> None:
    with pytest.raises(ModelFailed, match="not as Ollama does"):
        listed(f"{server.url}/wrong/path")
    with pytest.raises(ModelFailed, match="404 without a reason; set OLLAMA_HOST"):
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
            listed(url)
        with pytest.raises(ModelError):
            list(OllamaModel(GOOD, url).chat(MESSAGES))
        thread.join()


@pytest.mark.parametrize("size", [2_000, 4_000])
def test_a_cut_prompt_is_told_by_what_was_read_and_its_length(
    server: FakeOllama, size: int
) -> None:
    events = OllamaModel("half", server.url, num_ctx=1024).chat([Message("user", "x" * size)])
    if size == 4_000:
        with pytest.raises(PromptTruncated, match="read 514 tokens of a prompt of 4,000 bytes"):
            list(events)
    else:
        *_, usage = events
        assert isinstance(usage, Usage)
        assert usage.prompt_tokens == 514


def test_a_server_says_how_long_it_read_and_how_large_the_model_is(
    own_server: FakeOllama,
) -> None:
    *_, usage = chat(own_server, GOOD)
    assert isinstance(usage, Usage)
    assert usage.read_seconds == pytest.approx((usage.prompt_tokens or 0) / 2000)
    assert OllamaModel(GOOD, own_server.url).limits.parameters == 3_200_000_000
    own_server.models[0]["openai"] = {"meta": {"n_params": 134_515_008}}
    own_server.other = True
    model = OpenAIModel(GOOD, f"{own_server.url}/v1")
    assert model.limits.parameters == 134_515_008
    assert OpenAIModel("nope", f"{own_server.url}/v1").limits.parameters == 0
