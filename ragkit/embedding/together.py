"""Embeds what several threads ask for at the same time in one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragkit.embedding import Vectors


@dataclass(slots=True)
class _Call:
    texts: Sequence[str]
    result: Vectors | None = None
    error: BaseException | None = None


class Together:
    """Calls `encode` for one thread at a time, with the texts of all that wait for it.

    Whoever comes while a batch runs waits; the first of them then runs the next batch for all.
    One thread alone is served at once.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Vectors]) -> None:
        self._encode = encode
        self._running = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Call] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        call = _Call(texts)
        with self._guard:
            self._waiting.append(call)
        with self._running:
            if call.result is None and call.error is None:
                with self._guard:
                    calls, self._waiting = self._waiting, []
                self._serve(calls)
        if call.error is not None:
            raise call.error
        assert call.result is not None
        return call.result

    def _serve(self, calls: list[_Call]) -> None:
        try:
            vectors = self._encode([text for call in calls for text in call.texts])
        except BaseException as error:
            for call in calls:
                call.error = error
            return
        at = 0
        for call in calls:
            call.result = vectors[at : at + len(call.texts)]
            at += len(call.texts)
