"""HTTP to a model server: split time-outs, no proxy, lines, and its faults made ours."""

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

_LONGEST_LINE = 8_000_000  # bytes; Ollama's own client allows as many
_PAUSES = (0.5, 1.5)  # seconds before a busy server is asked again


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the first byte, between two lines of an answer, for a short one.

    A server sends nothing at all while it loads a model, and one that is left before it has
    loaded it begins anew the next time.
    """

    connect: float = 3.0
    first: float = 600.0
    between: float = 120.0
    short: float = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model server is, what it is called, and which setting names it.

    `key` is sent only if there is one.
    """

    url: str
    kind: str
    setting: str
    way_out: str
    key: str = ""
    timeouts: Timeouts = Timeouts()

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that our memory is its memory."""
        return on_this_machine(host_of(self.url))

    def unreachable(self) -> ModelUnreachable:
        return ModelUnreachable(f"no model server answers at {self.url}; {self.way_out}")

    def stranger(self) -> ModelFailed:
        return ModelFailed(
            f"{self.url} answers, but not as {self.kind} does; set {self.setting} to its address"
        )

    def unexplained(self, status: int) -> ModelFailed:
        return ModelFailed(
            f"{self.url} answered {status} without a reason; set {self.setting} to the address "
            f"of {self.kind}"
        )

    def late(self) -> ModelFailed:
        return ModelFailed(
            f"{self.url} does not answer within {self.timeouts.short:g} s; restart the server"
        )

    def busy(self) -> ModelBusy:
        return ModelBusy(f"{self.url} is busy; try again in a moment")

    def get(self, path: str) -> dict[str, Any] | httpx.Response:
        """The object at a path; a refusal is a response. Raises ModelUnreachable or ModelFailed."""
        return self._json("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | httpx.Response:
        """The object that a short request is answered with; all else as `get` has it."""
        return self._json("POST", path, body)

    def _json(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> dict[str, Any] | httpx.Response:
        import httpx

        try:
            timeout = httpx.Timeout(self.timeouts.short, connect=self.timeouts.connect)
            with (
                self._client() as client,
                client.stream(method, path, json=body, timeout=timeout) as streamed,
            ):
                response = self._whole(streamed)
            if response.status_code != 200:
                return response
            content = response.json()
        except httpx.ReadTimeout as error:
            raise self.late() from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.unreachable() from error
        except (httpx.HTTPError, ValueError) as error:
            raise self.stranger() from error
        if not isinstance(content, dict):
            raise self.stranger()
        return content

    @contextmanager
    def streaming(self, path: str, body: dict[str, Any], model: str) -> Iterator[httpx.Response]:
        """A response as soon as its headers are there; a busy server is asked up to three times.

        Leaving the block closes the connection, which ends the server's work.
        """
        import httpx

        with self._client() as client:
            try:
                for pause in (*_PAUSES, None):
                    with client.stream("POST", path, json=body) as response:
                        if response.status_code == 503 and pause is not None:
                            time.sleep(pause)
                            continue
                        refused = response.status_code != 200
                        yield self._whole(response) if refused else response
                        return
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
                raise self.unreachable() from error
            except httpx.InvalidURL as error:
                raise self.unreachable() from error
            except httpx.ReadTimeout as error:
                raise _silent(model, self.timeouts.first) from error
            except httpx.HTTPError as error:
                raise StreamBroken(
                    f"the answer of {model} broke off ({error}); ask again"
                ) from error

    def lines(self, response: httpx.Response, model: str) -> Iterator[str]:
        """The lines of a streamed answer; one that does not become whole in time is an error."""
        import httpx

        _limit(response, self.timeouts.between)
        rest = bytearray()
        last = time.monotonic()
        try:
            for part in response.iter_bytes():
                rest += part
                if b"\n" not in part:
                    if len(rest) > _LONGEST_LINE:
                        raise StreamBroken(f"{model} sent a line without an end; ask again")
                    if time.monotonic() - last > self.timeouts.between:
                        raise _silent(model, self.timeouts.between)
                    continue
                *whole, tail = bytes(rest).split(b"\n")
                rest = bytearray(tail)
                yield from (line.decode("utf-8", "replace") for line in whole if line.strip())
                last = time.monotonic()
        except httpx.ReadTimeout as error:
            raise _silent(model, self.timeouts.between) from error
        if rest.strip():
            yield rest.decode("utf-8", "replace")

    def _whole(self, response: httpx.Response) -> httpx.Response:
        """The response with all of its body; one that comes byte by byte is not waited for."""
        import httpx

        _limit(response, self.timeouts.short)
        ends = time.monotonic() + self.timeouts.short
        content = bytearray()
        try:
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > ends:
                    raise self.late()
        except httpx.ReadTimeout as error:
            raise self.late() from error
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


def _limit(response: httpx.Response, seconds: float) -> None:
    """Set how long a part of the body may take; httpcore looks here when it reads the first."""
    response.request.extensions["timeout"]["read"] = seconds


def _silent(model: str, seconds: float) -> ModelFailed:
    return StreamBroken(
        f"{model} sent nothing for {seconds:g} s; look at the server's log, "
        "or choose a smaller model"
    )


def as_object(text: str, server: Server) -> dict[str, Any]:
    """A line of a stream as the JSON object that it has to be."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise StreamBroken(
            f"{server.url} sent a line that is not JSON; is it {server.kind}?"
        ) from error
    if not isinstance(event, dict):
        raise server.stranger()
    return event


def one_line(text: object) -> str:
    """A server's own words, fit to stand in a message of ours."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", str(text)).strip()[:300]
