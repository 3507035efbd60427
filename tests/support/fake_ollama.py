"""A small server that speaks Ollama's protocol: enough for tests, and for a look without a model.

It answers from the passages in the prompt: the sentence that shares most words with the question,
with its passage's number, or a JSON value made of it where a schema is set. It rewrites a question
that follows others. A model's name says how it behaves, see BEHAVIOURS; the same models answer
under /v1 as an OpenAI-compatible server has them. Start one with
`python -m tests.support.fake_ollama [PORT]` and set OLLAMA_HOST to what it prints.
"""

from __future__ import annotations

import itertools
import json
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.fake_embeddings import answer_embed, answer_openai
from tests.support.fake_json import Found, Schema, filled, mistaken, unresolved

Event = dict[str, Any]

GOOD = "llama3.2:latest"
BEHAVIOURS = {
    "invents": "cites a passage that is not there",
    "renamed": "says that another model answers, as a server with one model does",
    "not-found": "finds nothing in the passages",
    "thinks": "reasons first when asked to, and says null where it says nothing",
    "only-thinks": "reasons until the longest answer allowed is used up",
    "continues": "a base model without a chat template",
    "silent": "an empty answer",
    "length": "reaches the longest answer allowed, in the middle of its JSON if it writes that",
    "no-json": "writes no JSON where a schema is set, as a server does that forgets the schema",
    "off-schema": "writes JSON with other types than the schema's",
    "half": "reads half of its context, as a server does that cuts the prompt",
    "forgets": "forgets the beginning while it answers",
    "split": "lines that come in several parts",
    "joined": "all lines at once",
    "breaks": "an error in the middle of the stream",
    "tells": "the same as vLLM has it, and under /v1 told and not lost",
    "cut": "the connection ends without a closing line",
    "no-end": "a clean end without a closing line",
    "not-done": "a closing line that says done: false",
    "rubbish": "a line that is not JSON",
    "listed": "a line that is JSON, but no object",
    "odd": "lines that hold values of other types than they should, before those of the answer",
    "huge": "a line of nine million bytes",
    "stalls": "says three words and then nothing",
    "trickles": "one byte every 50 ms",
    "slow": "headers come after a second",
    "endless": "goes on until it is left",
    "loops": "says the same again and again until it is left",
    "paced": "as a small model on a processor: after a second 60 words, 20 of them a second",
    "overflow": "400: the prompt is too long, as the engine says it",
    "overflow-plain": "400: the prompt is too long, as Ollama says it",
    "no-chat": "400: an embedder",
    "wrong-type": "400: a field of the request that the server reads otherwise",
    "crashed": "500: too little memory for the model",
    "foreign": "500: a model that this version does not know",
    "stalled": "500: the model did not load in time",
    "stopped": "500: the runner stopped",
    "engine": "500: an error of the engine, which Ollama passes on as it is",
    "busy": "503: too many requests wait",
    "soon": "503 the first time",
    "signed-out": "401: somebody else's account is needed",
    "gone": "404: removed since it was described",
    "cloudy": "403: cloud models are switched off",
    "forbidden": "403 without a word, for a wrong host name",
    "html": "502 with a page of HTML, as a proxy sends it",
}
LICENCE = "\n\nLLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nLlama 3.2 Version Release Date: ..."
MODEL_INFO = {
    "general.architecture": "llama",
    "llama.context_length": 131072,
    "llama.block_count": 28,
    "llama.embedding_length": 3072,
    "llama.attention.head_count": 24,
    "llama.attention.head_count_kv": 8,
}
NANOSECONDS_PER_TOKEN = 500_000  # in reading a prompt
_EOF = "an error was encountered while running the model: unexpected EOF"
_FULL = "server busy, please try again.  maximum pending requests exceeded"
REFUSALS = {
    "overflow": (
        400,
        '{"error":{"code":400,"message":"request (5210 tokens) exceeds the available context '
        'size (4096 tokens), try increasing it","type":"exceed_context_size_error",'
        '"n_prompt_tokens":5210,"n_ctx":4096}}',
    ),
    "overflow-plain": (
        400,
        "the prompt is longer than the context length currently available to the model; shorten "
        "the prompt, adjust the context length in settings, or use a model with a longer context "
        "length",
    ),
    "no-chat": (400, '"no-chat" does not support chat'),
    "wrong-type": (400, 'time: missing unit in duration "600"'),
    "signed-out": (401, "unauthorized"),
    "gone": (404, "model 'gone' not found"),
    "crashed": (500, "llama-server reported out-of-memory during startup: out of memory"),
    "foreign": (
        500,
        "llama-server process has terminated: exit status 1: error loading model: error loading "
        "model architecture: unknown model architecture: 'gptneo'",
    ),
    "stalled": (500, "timed out waiting for llama-server to start - progress 0.61"),
    "stopped": (500, "model runner has unexpectedly stopped, check ollama server logs"),
    "engine": (
        500,
        '{"error":{"code":500,"message":"the batch cannot be decoded","type":"server_error"}}',
    ),
    "busy": (503, _FULL),
    "cloudy": (403, "ollama cloud is disabled: remote model is unavailable"),
}
_PASSAGE = re.compile(r'^\[(\d+)\] [^\n]*\n("{3,})\n(.*?)\n\2$', re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"^Question: (.*)", re.MULTILINE)
_WORD = re.compile(r"\w{4,}")
_REWRITE = "Rewrite the follow-up"  # so begins the last message of a request for that
_TERM = re.compile(r"[^\W_][\w-]*")
_FUNCTION_WORDS = """
    a an and any are as at be by can do does each every for from get has have how i in is it many
    me much my not of on or our that the their there these this to was we were what when where
    which who why will with you your
"""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, fake: FakeOllama) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""


class FakeOllama:
    """A running server: `url` is its address, `chats` what it was asked, `paths` where.

    `left` is set when a client hangs up before its answer is complete. The moments, by
    time.monotonic(), are those of the last chat: its request was there, the first line of its
    answer went out, the client was found gone.
    """

    def __init__(self, port: int = 0) -> None:
        self.instead: Any = None  # is sent in place of whatever is not streamed, if set
        self.trickles = False  # one byte every 50 ms, of all that is not streamed
        self.chats: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.undescribed: set[str] = set()  # models for which /api/show fails
        self.left = threading.Event()
        self.asked_at = self.first_at = self.left_at = 0.0
        self.models = [_model(GOOD), *(_model(f"{name}:latest") for name in BEHAVIOURS)]
        self.version = "0.33.0"
        self.other = False  # True: no Ollama, but another server with /v1
        self.native: Any = None  # the models of /api alone, where another server has /v1
        self.owner = "library"
        self.embeds: list[dict[str, Any]] = []  # the requests for vectors
        self.fault = ""  # how those fail, see fake_embeddings
        self.before_embed: Callable[[], None] = lambda: None
        self.loaded: list[dict[str, Any]] = []  # what /api/ps lists
        self.about: Any = None  # what /info says, as TEI has it
        self.deployments: Any = None  # what /model/info says, as LiteLLM has it
        self.server = _Server(port, self)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def fake_ollama() -> Iterator[FakeOllama]:
    """A server for the length of the block."""
    fake = FakeOllama()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        fake.server.server_close()
        thread.join()


def parts(prompt: str) -> tuple[str, list[tuple[int, str]]]:
    """The question that a prompt asks, and its passages with their numbers."""
    question = (_QUESTION.findall(prompt) or [prompt])[-1]
    return question, [(int(number), text) for number, _, text in _PASSAGE.findall(prompt)]


def find(prompt: str) -> Found:
    """The sentence of a passage that shares most words with the question."""
    question, passages = parts(prompt)
    wanted = {word.lower() for word in _WORD.findall(question)}
    best, found = 0, Found(question)
    for number, passage in passages:
        for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", passage):
            score = len(wanted & {word.lower() for word in _WORD.findall(sentence)})
            if score > best:
                best, found = score, Found(question, " ".join(sentence.split()), number)
    return found


def _conversation(body: dict[str, Any]) -> str:
    """All messages, or the text to continue."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n\n".join(message["content"] for message in body["messages"])


def rewritten(conversation: str) -> str:
    """The follow-up, with those content words of the question before it that it lacks."""
    history, _, follow_up = conversation.rpartition("\n\nFollow-up: ")
    follow_up = follow_up.partition("\n")[0]
    asked = re.findall(r"^(.*\?)$", history, re.MULTILINE)[-1:]
    known = {term.lower() for term in _TERM.findall(_FUNCTION_WORDS + follow_up)}
    terms = dict.fromkeys(_TERM.findall(" ".join(asked)))
    more = [term for term in terms if term.lower() not in known]
    return " ".join([follow_up.rstrip("?"), *more]) + "?"


def _model(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-08-22T09:15:04.101237+02:00",
        "size": 200_000_000,  # so that it fits wherever tests run
        "digest": "a80c4f17acd5" + "0" * 52,
        "details": {
            "format": "gguf",
            "family": "llama",
            "families": None,
            "parameter_size": "3.2B" if name == GOOD else "1.0B",
            "quantization_level": "Q4_K_M",
        },
        "capabilities": ["completion", "tools"],
    }


def _description(entry: dict[str, Any]) -> dict[str, Any]:
    """What /api/show says of a model; "shown" is what it says otherwise than /api/tags.

    A None there is left out, as older servers leave out what they do not know.
    """
    name = entry["name"].partition(":")[0]
    thinking = ["thinking"] if "thinks" in name else []
    description = {
        "template": "{{ .Prompt }}" if name == "continues" else "{{ range .Messages }}...{{ end }}",
        "details": entry.get("details"),
        "license": LICENCE,
        "model_info": entry.get("model_info", MODEL_INFO),
        "capabilities": [*entry.get("capabilities", ["completion"]), *thinking],
        **{key: entry[key] for key in ("remote_host", "remote_model") if key in entry},
        **entry.get("shown", {}),
    }
    return {key: value for key, value in description.items() if value is not None}


def _list(models: Any) -> Any:
    """What /api/tags says of the models: all but what "/api/show" alone says."""
    if not isinstance(models, list) or not all(isinstance(entry, dict) for entry in models):
        return models
    hidden = ("shown", "model_info", "openai", "vocab", "count")
    return [{key: entry[key] for key in entry if key not in hidden} for entry in models]


def _prompt(body: dict[str, Any]) -> str:
    return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


def _schema(body: dict[str, Any]) -> Schema | None:
    """The JSON schema that the answer has to be of."""
    wrapped = body.get("response_format") or {}
    found: Schema | None = body.get("format") or wrapped.get("json_schema", {}).get("schema")
    return found


def _text(behaviour: str, body: dict[str, Any]) -> str:
    """All that a model writes."""
    if behaviour in ("silent", "only-thinks"):
        return ""
    if _REWRITE in _conversation(body):
        return rewritten(_conversation(body))
    found = find(_prompt(body))
    if behaviour == "not-found":
        found = Found(found.question)
    schema = _schema(body)
    if schema and behaviour != "no-json":
        return _json(behaviour, schema, found)
    text = f"{found.sentence} [{found.number}]" if found.sentence else "NOT IN THE DOCUMENTS"
    return f"{text} And much more besides [99]." if behaviour == "invents" else text


def _json(behaviour: str, schema: Schema, found: Found) -> str:
    value = filled(schema, found)
    if behaviour == "invents" and "citations" in value:
        value["citations"].append(99)
    if behaviour == "off-schema":
        value = mistaken(value)
    text = json.dumps(value, ensure_ascii=False)
    return text[: len(text) // 2] if behaviour == "length" else text


def _events(behaviour: str, body: dict[str, Any]) -> Iterator[Event | bytes]:
    """The lines of a stream; bytes go out as they are."""
    pieces = re.findall(r"\S+\s*", _text(behaviour, body))
    if behaviour == "only-thinks" or (behaviour == "thinks" and body.get("think")):
        yield {"message": {"role": "assistant", "content": None, "thinking": "Well, "}}
        yield {"message": {"role": "assistant", "content": "", "thinking": "let me see."}}
        yield {"message": None}
    if behaviour == "paced":
        time.sleep(0.95)
        tokens = re.findall(r"\s*\S+", "".join(pieces))  # with the blank in front, as they have it
        pieces = [*tokens, *(f" word{n}" for n in range(len(tokens), 60))][:60]
    for at, piece in enumerate(pieces):
        if behaviour == "paced":
            time.sleep(0.05)
        if at == 3 and behaviour == "breaks":
            yield {"error": _EOF}
            return
        if at == 3 and behaviour == "tells":
            yield {"error": {"message": _EOF, "type": "InternalServerError", "code": 500}}
            return
        if at == 3 and behaviour in ("cut", "rubbish", "listed"):
            yield {"cut": b"", "rubbish": b"<html>\n", "listed": b"[1]\n"}[behaviour]
            return
        if at == 3 and behaviour == "huge":
            yield b"x" * 9_000_000
        if at == 3 and behaviour == "stalls":
            time.sleep(5)
        yield {"message": {"role": "assistant", "content": piece}}
    for number in itertools.count() if behaviour == "endless" else ():
        time.sleep(0.02)
        yield {"message": {"role": "assistant", "content": f"and{number} "}}
    while behaviour == "loops":
        time.sleep(0.005)
        yield from ({"message": {"role": "assistant", "content": piece}} for piece in pieces)
    if behaviour != "no-end":
        yield _closing(behaviour, body, len(pieces))


def _odd_events() -> Iterator[Event]:
    """Of both interfaces at once, since each looks at keys of its own."""
    yield {"message": "text", "choices": "text", "usage": "text"}
    for value in (None, 5, True, [], [None], ["text"], {}, {"content": 5}):
        yield {"message": value, "response": value, "choices": value, "usage": value}
        yield {"message": {"content": value, "thinking": value}, "choices": [value]}
        yield {"choices": [{"delta": value}, {"delta": {"content": value, "reasoning": value}}]}


def _closing(behaviour: str, body: dict[str, Any], pieces: int) -> Event:
    options = body.get("options", {})
    texts = [body["prompt"]] if "prompt" in body else [m["content"] for m in body["messages"]]
    read = sum(map(len, texts)) // 4
    cut = behaviour in ("length", "only-thinks")
    wrote = (options.get("num_predict") or body.get("max_tokens")) if cut else pieces
    if behaviour == "half":
        read = options["num_ctx"] - (options["num_ctx"] - 4) // 2
    if behaviour == "forgets":
        wrote = options["num_ctx"]
    if behaviour == "not-done":
        return {"message": {"role": "assistant", "content": ""}, "done": False}
    return {
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "length" if cut else "stop",
        "total_duration": 4_883_583_458,
        "load_duration": 1_104_117_291,
        "prompt_eval_count": read,
        "prompt_eval_duration": read * NANOSECONDS_PER_TOKEN,
        **({"eval_count": wrote, "eval_duration": wrote * 10_000_000} if wrote else {}),
    }


def _as_generate(event: Event) -> Event:
    """An event of /api/chat as /api/generate has it."""
    message = event.pop("message", None) or {}
    return {"response": message.get("content") or "", **event} if "error" not in event else event


def _as_openai(event: Event, model: str) -> list[str]:
    """An event as the lines of a server-sent stream; Ollama's own errors are lost there."""
    if isinstance(event.get("error"), dict):
        return [json.dumps(event), "[DONE]"]
    if "error" in event:
        return [json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": None}]})]
    message = event.get("message") or {}
    delta = {"content": message.get("content") or ""}
    if message.get("thinking"):
        delta["reasoning"] = message["thinking"]
    if not event.get("done"):
        return [json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})]
    counts = {"prompt_tokens": "prompt_eval_count", "completion_tokens": "eval_count"}
    usage = {name: event.get(own, 0) for name, own in counts.items()}
    return [
        json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": event["done_reason"]}]}),
        json.dumps({"model": model, "choices": [], "usage": usage}),
        "[DONE]",
    ]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    @property
    def _fake(self) -> FakeOllama:
        return self.server.fake

    def do_GET(self) -> None:
        self._fake.paths.append(self.path)
        if self.path == "/model/info" and self._fake.deployments is not None:
            self._send(200, {"data": self._fake.deployments})
        elif self.path == "/info" and self._fake.about is not None:
            self._send(200, self._fake.about)
        elif self._fake.other and not self.path.startswith("/v1"):
            self._send_bytes(404, b"404 page not found", "text/plain")
        elif self.path == "/api/tags":
            native = self._fake.native
            self._send(200, {"models": _list(self._fake.models if native is None else native)})
        elif self.path == "/api/ps":
            self._send(200, {"models": _list(self._fake.loaded)})
        elif self.path == "/api/version":
            self._send(200, {"version": self._fake.version})
        elif self.path == "/v1/models":
            owner = self._fake.owner
            entries = [
                {
                    "id": model["name"],
                    "object": "model",
                    "owned_by": model.get("owner", owner),
                    **model.get("openai", {}),
                }
                for model in self._fake.models
            ]
            self._send(200, {"object": "list", "data": entries})
        else:
            self._send_bytes(404, b"404 page not found", "text/plain")

    def do_POST(self) -> None:
        self._fake.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/show" and not self._fake.other:
            self._show(body["model"], verbose=bool(body.get("verbose")))
            return
        if self.path == "/v1/embeddings" or (self.path == "/api/embed" and not self._fake.other):
            self._embed(body)
            return
        if self.path not in ("/api/chat", "/api/generate", "/v1/chat/completions"):
            self._send_bytes(404, b"404 page not found", "text/plain")
            return
        self._fake.asked_at = time.monotonic()
        self._fake.chats.append(body)
        self._fake.headers.append(dict(self.headers))
        self._answer(body, body["model"].partition(":")[0])

    def _embed(self, body: dict[str, Any]) -> None:
        self._fake.before_embed()
        self._fake.embeds.append(body)
        self._fake.headers.append(dict(self.headers))
        entry = self._entry(body["model"])
        answer = answer_openai if self.path.startswith("/v1") else answer_embed
        status, content = answer(entry, body, self._fake.fault)
        if status == 200 and entry is not None:
            others = [each for each in self._fake.loaded if each["digest"] != entry["digest"]]
            self._fake.loaded = [*others, entry]
        self._send(status, content)

    def _answer(self, body: dict[str, Any], name: str) -> None:
        if name == "slow":
            time.sleep(1)
        if name in REFUSALS:
            self._refuse(*REFUSALS[name])
        elif refusal := self._schema_refusal(body):
            self._refuse(*refusal)
        elif name == "soon" and len(self._fake.chats) == 1:
            self._refuse(503, _FULL)
        elif name == "forbidden":
            self._send_bytes(403, b"", "text/plain")
        elif name == "html":
            self._send_bytes(502, b"<html>Bad Gateway</html>", "text/html")
        elif self._entry(body["model"]) is None:
            self._refuse(404, f"model '{body['model']}' not found")
        else:
            with suppress(OSError):
                self._stream(body, name)
                return
            self._fake.left_at = time.monotonic()
            self._fake.left.set()
            self.close_connection = True

    def _schema_refusal(self, body: dict[str, Any]) -> tuple[int, str] | None:
        if "format" in body and self._fake.version.startswith("0.4."):
            kind = "Chat" if self.path == "/api/chat" else "Generate"
            field = f"Go struct field {kind}Request.format of type string"
            return 400, f"json: cannot unmarshal object into {field}"
        ref = unresolved(_schema(body) or {})
        message = f"JSON schema conversion failed:\nError resolving ref {ref}"
        error = {"code": 400, "message": message, "type": "invalid_request_error"}
        return (400, json.dumps({"error": error})) if ref else None

    def _entry(self, name: str) -> dict[str, Any] | None:
        wanted = name.lower().partition(":")[0]
        found = (m for m in self._fake.models if m["name"].lower().partition(":")[0] == wanted)
        return next(found, None)

    def _show(self, name: str, *, verbose: bool) -> None:
        entry = self._entry(name)
        if entry is None or (self._fake.native is not None and entry not in self._fake.native):
            self._send(404, {"error": f"model '{name}' not found"})
        elif name in self._fake.undescribed:
            self._send(500, {"error": "invalid file magic"})
        else:
            description = _description(entry)
            if verbose:
                description["model_info"] = {**description["model_info"], **entry.get("vocab", {})}
            self._send(200, description)

    def _refuse(self, status: int, text: str) -> None:
        if self.path.startswith("/v1"):
            self._send(status, {"error": {"message": text, "type": "api_error"}})
        else:
            self._send(status, {"error": text})

    def _stream(self, body: dict[str, Any], name: str) -> None:
        self.send_response(200)
        kind = "text/event-stream" if self.path.startswith("/v1") else "application/x-ndjson"
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = self._lines(body, name)
        parts = {"joined": _joined, "split": _split, "trickles": _trickled}.get(name, iter)(lines)
        for number, part in enumerate(parts):
            if number == 0:
                self._fake.first_at = time.monotonic()
            self._chunk(part)
        if name in ("cut", "rubbish", "listed"):
            self.close_connection = True  # without the last chunk: the connection drops
        else:
            self._chunk(b"")

    def _lines(self, body: dict[str, Any], name: str) -> Iterator[bytes]:
        if name == "odd":
            mark = "data: " if self.path.startswith("/v1") else ""
            yield from (f"{mark}{json.dumps(event)}\n".encode() for event in _odd_events())
        for event in _events(name, body):
            if isinstance(event, bytes):
                yield from [event] if event else []  # an empty chunk would be a clean end
            elif self.path.startswith("/v1"):
                served = "other" if name == "renamed" else body["model"]
                yield from (f"data: {data}\n\n".encode() for data in _as_openai(event, served))
            else:
                stamp = {"model": body["model"], "created_at": "2026-08-22T09:15:04Z"}
                shaped = event if self.path == "/api/chat" else _as_generate(event)
                line = shaped if "error" in shaped else {**stamp, "done": False, **shaped}
                yield json.dumps(line).encode() + b"\n"

    def _chunk(self, data: bytes) -> None:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable:  # nothing more is expected: the client has hung up
            raise ConnectionResetError
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send(self, status: int, content: Any) -> None:
        content = content if self._fake.instead is None else self._fake.instead
        self._send_bytes(status, json.dumps(content).encode(), "application/json")

    def _send_bytes(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for part in _trickled(iter([content])) if self._fake.trickles else [content]:
            self.wfile.write(part)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    yield b"".join(lines)


def _split(lines: Iterator[bytes]) -> Iterator[bytes]:
    data = b"".join(lines)
    for at in range(0, len(data), 37):
        yield data[at : at + 37]


def _trickled(lines: Iterator[bytes]) -> Iterator[bytes]:
    for byte in b"".join(lines):
        time.sleep(0.05)
        yield bytes([byte])


def main() -> None:
    fake = FakeOllama(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"OLLAMA_HOST={fake.url}", flush=True)
    try:
        fake.server.serve_forever()
    except KeyboardInterrupt:
        fake.server.server_close()


if __name__ == "__main__":
    main()
