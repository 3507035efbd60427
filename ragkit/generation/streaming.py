"""Answers that arrive piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress

from ragkit.answers import Answer
from ragkit.errors import RagkitError, StreamBroken


class StreamObserver:
    """Follows an answer stream to its end; override the methods that you need."""

    def on_start(self) -> None:
        """Run before the first piece of text is given out."""

    def on_answer(self, answer: Answer) -> Answer:
        """Run before the whole answer is given out; returns the answer to give out."""
        return answer

    def on_error(self, error: RagkitError) -> None:
        """Run when the stream fails, before the error is raised."""

    def on_stop(self) -> None:
        """Run when the stream is closed before the answer is whole."""


class AnswerStream:
    """The text of an answer in pieces; `answer` is the whole answer once all are taken.

    `model` is the name of the model that writes, None for an extractive answer. `query` is what
    was searched for. Only `answer` is checked.

    `pieces` yields strings and then the answer. `close` stops whatever makes them; it may be
    called from any thread.
    """

    def __init__(
        self,
        pieces: Iterable[str | Answer],
        model: str | None,
        query: str,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.query = query
        self._pieces = iter(pieces)
        self._close = close
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Answer):
                self._answer = piece
            else:
                yield piece

    @property
    def answer(self) -> Answer:
        """The whole answer with its citations; takes the pieces that were not iterated over.

        Raises StreamBroken if the stream was closed or broke off before the answer was whole.
        """
        for _ in self:
            pass
        if self._answer is None:
            raise StreamBroken("the answer was stopped before it was whole; ask again")
        return self._answer

    def observe(self, observer: StreamObserver) -> AnswerStream:
        """Return this stream with an observer; closing the new stream closes both."""
        pieces = _observe(self._pieces, observer)

        def close() -> None:
            self.close()
            with suppress(ValueError):  # another thread is reading it
                pieces.close()

        return AnswerStream(pieces, self.model, self.query, close)

    def close(self) -> None:
        """Stop the answer, from any thread; the server ends its work at once.

        If another thread waits for the next piece, the stream ends with that piece.
        """
        self._close()


def _observe(pieces: Iterator[str | Answer], observer: StreamObserver) -> Generator[str | Answer]:
    """Pass on the pieces of a stream and tell the observer how it goes on."""
    answer: Answer | None = None
    has_started = False
    try:
        for piece in pieces:
            if isinstance(piece, Answer):
                answer = piece
                continue
            if not has_started:
                has_started = True
                observer.on_start()
            yield piece
    except RagkitError as error:
        observer.on_error(error)
        raise
    except GeneratorExit:
        observer.on_stop()
        raise
    if answer is None:  # another thread closed the stream
        observer.on_stop()
    else:
        yield observer.on_answer(answer)
