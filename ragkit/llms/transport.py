"""HTTP requests to a model server: split timeouts, no proxy, and errors as ModelError."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit.errors import ModelBusy, ModelFailed, ModelUnreachable, StreamBroken
from ragkit.network import host_of, on_this_machine

if TYPE_CHECKING:
    import httpx

_MAX_LINE_BYTES = 8_000_000  # bytes; Ollama's own client allows as many
RETRY_PAUSES = (0.5, 1.5)  # seconds before a busy server is asked again


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to connect, to the first byte, between two lines of an answer, and for a short reply.

    A server sends nothing while it loads a model. If the client leaves before, the server starts
    from the beginning with the next request.
    """

    connect: float = 3.0
    first: float = 600.0
    between: float = 120.0
    short: float = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A model server: its address, its kind, the setting that names it, and advice for errors.

    `key` is sent if it is not empty.
    """

    url: str
    kind: str
    setting: str
    advice: str
    key: str = ""
    timeouts: Timeouts = Timeouts()

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this machine, and so has this machine's memory."""
        return on_this_machine(host_of(self.url))

    def unreachable_error(self) -> ModelUnreachable:
        """Return the error for a server that does not answer."""
        return ModelUnreachable(f"no model server answers at {self.url}; {self.advice}")

    def wrong_server_error(self) -> ModelFailed:
        """Return the error for an answer that another kind of server gives."""
        return ModelFailed(
            f"{self.url} answers, but not as {self.kind} does; set {self.setting} to its address"
        )

    def unexplained_error(self, status: int) -> ModelFailed:
        """Return the error for a status without a message."""
        return ModelFailed(
            f"{self.url} answered {status} without a reason; set {self.setting} to the address "
            f"of {self.kind}"
        )

    def timeout_error(self) -> ModelFailed:
        """Return the error for a short reply that takes too long."""
        return ModelFailed(
            f"{self.url} does not answer within {self.timeouts.short:g} s; restart the server"
        )

    def busy_error(self) -> ModelBusy:
        """Return the error for status 503."""
        return ModelBusy(f"{self.url} is busy; try again in a moment")

    def get(self, path: str) -> dict[str, Any] | httpx.Response:
        """Return the JSON object at a path, or the response if its status is not 200.

        Raises ModelUnreachable or ModelFailed.
        """
        return self._json("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | httpx.Response:
        """Send a short request; returns and raises what `get` does."""
        return self._json("POST", path, body)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return the JSON object at a path or URL; None if the server has none there.

        Raises ModelUnreachable, and ModelFailed if the answer takes too long.
        """
        response = self._request("GET", path, None)
        try:
            content = response.json() if response.status_code == 200 else None
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    def _json(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> dict[str, Any] | httpx.Response:
        response = self._request(method, path, body)
        if response.status_code != 200:
            return response
        try:
            content = response.json()
        except ValueError as error:
            raise self.wrong_server_error() from error
        if not isinstance(content, dict):
            raise self.wrong_server_error()
        return content

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Send a short request. Raises ModelUnreachable or ModelFailed."""
        import httpx

        try:
            timeout = httpx.Timeout(self.timeouts.short, connect=self.timeouts.connect)
            with (
                self._client() as client,
                client.stream(method, path, json=body, timeout=timeout) as streamed,
            ):
                return self._read_body(streamed)
        except httpx.ReadTimeout as error:
            raise self.timeout_error() from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.unreachable_error() from error
        except httpx.HTTPError as error:
            raise self.wrong_server_error() from error

    @contextmanager
    def streaming(self, path: str, body: dict[str, Any], model: str) -> Iterator[httpx.Response]:
        """Open a streamed response; a busy server is asked up to three times.

        Leaving the block closes the connection, which ends the server's work.
        """
        import httpx

        with self._client() as client:
            try:
                for pause in (*RETRY_PAUSES, None):
                    with client.stream("POST", path, json=body) as response:
                        if response.status_code == 503 and pause is not None:
                            time.sleep(pause)
                            continue
                        refused = response.status_code != 200
                        yield self._read_body(response) if refused else response
                        return
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
                raise self.unreachable_error() from error
            except httpx.InvalidURL as error:
                raise self.unreachable_error() from error
            except httpx.ReadTimeout as error:
                raise _silence_error(model, self.timeouts.first) from error
            except httpx.HTTPError as error:
                reason = _explain_break(error)
                raise StreamBroken(
                    f"the answer of {model} broke off ({reason}); ask again"
                ) from error

    def lines(self, response: httpx.Response, model: str) -> Iterator[str]:
        """Yield the lines of a streamed answer. Raises StreamBroken if one is late or too long."""
        import httpx

        _set_read_timeout(response, self.timeouts.between)
        rest = bytearray()
        last = time.monotonic()
        try:
            for part in response.iter_bytes():
                rest += part
                if b"\n" not in part:
                    if len(rest) > _MAX_LINE_BYTES:
                        raise StreamBroken(f"{model} sent a line without an end; ask again")
                    if time.monotonic() - last > self.timeouts.between:
                        raise _silence_error(model, self.timeouts.between)
                    continue
                *whole, tail = bytes(rest).split(b"\n")
                rest = bytearray(tail)
                yield from (line.decode("utf-8", "replace") for line in whole if line.strip())
                last = time.monotonic()
        except httpx.ReadTimeout as error:
            raise _silence_error(model, self.timeouts.between) from error
        if rest.strip():
            yield rest.decode("utf-8", "replace")

    def _read_body(self, response: httpx.Response) -> httpx.Response:
        """Return the response with its whole body. Raises ModelFailed if it takes too long."""
        import httpx

        _set_read_timeout(response, self.timeouts.short)
        ends = time.monotonic() + self.timeouts.short
        content = bytearray()
        try:
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > ends:
                    raise self.timeout_error()
        except httpx.ReadTimeout as error:
            raise self.timeout_error() from error
        return httpx.Response(response.status_code, content=bytes(content))

    def _client(self) -> httpx.Client:
        import httpx

        timeouts = self.timeouts
        timeout = httpx.Timeout(timeouts.first, connect=timeouts.connect, write=60.0, pool=5.0)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        secure = self.url.startswith("https:")  # else loading the authorities is 15 ms for nothing
        return httpx.Client(
            base_url=self.url, timeout=timeout, trust_env=False, headers=headers, verify=secure
        )


def _set_read_timeout(response: httpx.Response, seconds: float) -> None:
    """Set the seconds for each part of the body; httpcore reads this with the first part."""
    response.request.extensions["timeout"]["read"] = seconds


def _explain_break(error: httpx.HTTPError) -> str:
    """Return why a stream ended early, without the terms of the protocol."""
    import httpx

    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return "the model server closed the connection"
    return str(error)


def _silence_error(model: str, seconds: float) -> ModelFailed:
    return StreamBroken(
        f"{model} sent nothing for {seconds:g} s; look at the server's log, "
        "or choose a smaller model"
    )


def parse_object(text: str, server: Server) -> dict[str, Any]:
    """Parse a line of a stream as a JSON object. Raises StreamBroken or ModelFailed."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise StreamBroken(
            f"{server.url} sent a line that is not JSON; is it {server.kind}?"
        ) from error
    if not isinstance(event, dict):
        raise server.wrong_server_error()
    return event


def to_one_line(text: object) -> str:
    """Return a server's text on one line of at most 300 characters, for an error message."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", str(text)).strip()[:300]
