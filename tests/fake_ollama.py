"""A small server that speaks Ollama's protocol: enough for tests, and for a look without a model.

It answers from the passages in the prompt: the sentences that share most words with the question,
each with its passage's number. A model's name says how it behaves, see BEHAVIOURS. Start one with
`python -m tests.fake_ollama [PORT]` and set OLLAMA_HOST to what it prints.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = dict[str, Any]

GOOD = "llama3.2:latest"
BEHAVIOURS = {
    "invents": "cites a passage that is not there",
    "not-found": "finds nothing in the passages",
    "breaks": "an error in the middle of the stream",
    "cut": "the connection ends without a closing line",
    "length": "reaches the longest answer allowed",
    "rubbish": "a line that is not JSON",
    "listed": "a line that is JSON, but no object",
    "thinks": "thinks first, and says null where it says nothing",
    "silent": "an empty answer",
    "overflow": "400: the prompt is too long",
    "crashed": "500: the model does not load",
    "busy": "503: too many requests wait",
    "html": "502 with a page of HTML, as a proxy sends it",
}
REFUSALS = {
    "overflow": (
        400,
        '{"error":{"code":400,"message":"request (5210 tokens) exceeds the available context '
        'size (4096 tokens), try increasing it","type":"exceed_context_size_error"}}',
    ),
    "crashed": (500, "llama-server reported out-of-memory during startup: out of memory"),
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
}
_PASSAGE = re.compile(r"^\[(\d+)\] [^\n]*\n(=+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w{4,}")


class FakeOllama:
    """A running server: `url` is its address, `chats` what it was asked."""

    def __init__(self, port: int = 0) -> None:
        self.chats: list[dict[str, Any]] = []
        self.models = [_model(GOOD), *(_model(f"{name}:latest") for name in BEHAVIOURS)]
        self.version = "0.33.0"
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
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


def answer_from(prompt: str) -> str:
    """The best sentence of the passage that fits the question best, with its number."""
    question = prompt.rpartition("\n")[2] if "\n" in prompt else prompt
    wanted = {word.lower() for word in _WORD.findall(question)}
    best, found = 0, ""
    for number, _, passage in _PASSAGE.findall(prompt):
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", passage):
            score = len(wanted & {word.lower() for word in _WORD.findall(sentence)})
            if score > best:
                best, found = score, f"{sentence} [{number}]"
    return found or "NOT IN THE DOCUMENTS"


def _model(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-08-22T09:15:04.101237+02:00",
        "size": 2_019_393_189,
        "digest": "a80c4f17acd5" + "0" * 52,
        "details": {
            "format": "gguf",
            "family": "llama",
            "families": None,
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        },
        "capabilities": ["completion", "tools"],
    }


def _events(behaviour: str, body: dict[str, Any]) -> Iterator[Event | bytes]:
    """The lines of a stream; bytes go out as they are."""
    text = answer_from(body["messages"][-1]["content"])
    closing: Event = {"message": {"role": "assistant", "content": ""}, "done": True}
    closing |= {"done_reason": "length" if behaviour == "length" else "stop", "eval_count": 4}
    if behaviour == "invents":
        text = f"{text} And much more besides [99]."
    elif behaviour == "not-found":
        text = "NOT IN THE DOCUMENTS"
    elif behaviour == "thinks":
        yield {"message": {"role": "assistant", "content": None, "thinking": "Well"}, "done": False}
        yield {"message": None, "done": False}
    elif behaviour == "silent":
        text = ""
    pieces = re.findall(r"\S+\s*", text)
    for at, piece in enumerate(pieces):
        if at == 3 and behaviour == "breaks":
            yield {"error": "an error was encountered while running the model: unexpected EOF"}
            return
        if at == 3 and behaviour in ("cut", "rubbish", "listed"):
            yield {"cut": b"", "rubbish": b"<html>\n", "listed": b"[1]\n"}[behaviour]
            return
        yield {"message": {"role": "assistant", "content": piece}, "done": False}
    yield closing


def _handler(fake: FakeOllama) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/api/tags":
                self._send(200, {"models": fake.models})
            elif self.path == "/api/version":
                self._send(200, {"version": fake.version})
            else:
                self._send_bytes(404, b"404 page not found", "text/plain")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/api/chat":
                self._send_bytes(404, b"404 page not found", "text/plain")
                return
            fake.chats.append(body)
            name = body["model"].partition(":")[0]
            if name in REFUSALS:
                status, text = REFUSALS[name]
                self._send(status, {"error": text})
            elif name == "html":
                self._send_bytes(502, b"<html>Bad Gateway</html>", "text/html")
            elif name not in {model["name"].partition(":")[0] for model in fake.models}:
                self._send(404, {"error": f"model '{body['model']}' not found"})
            else:
                self._stream(body, name)

        def _stream(self, body: dict[str, Any], name: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()
            for event in _events(name, body):
                if isinstance(event, bytes):
                    self.wfile.write(event)
                else:
                    line = {"model": body["model"], "created_at": "2026-08-22T09:15:04Z", **event}
                    self.wfile.write(json.dumps(line).encode() + b"\n")
                self.wfile.flush()

        def _send(self, status: int, content: dict[str, Any]) -> None:
            self._send_bytes(status, json.dumps(content).encode(), "application/json")

        def _send_bytes(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def main() -> None:
    fake = FakeOllama(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"OLLAMA_HOST={fake.url}", flush=True)
    try:
        fake.server.serve_forever()
    except KeyboardInterrupt:
        fake.server.server_close()


if __name__ == "__main__":
    main()
