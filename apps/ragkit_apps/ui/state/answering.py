"""A question that is being answered: in a thread of its own, so that it outlives a redraw."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ragkit import Answer, AnswerStream, AskOptions, Conversation, RagkitError

_UNSEEN = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked, and how it is to be answered."""

    question: str
    options: AskOptions | None = None


class Answering:
    """Asks a question in a conversation; `text` grows until `done`.

    Then `answer` is there, or `error` says why not; after `stop` there is neither, and `told` says
    whether people have seen how far it came. When nobody has waited for it for ten minutes it is
    stopped.
    """

    def __init__(self, conversation: Conversation, wanted: Wanted) -> None:
        self.conversation = conversation
        self.wanted = wanted
        self.began = time.monotonic()
        self.text = ""
        self.model: str | None = None
        self.answer: Answer | None = None
        self.error: RagkitError | OSError | None = None
        self.stopped = False
        self.told = False
        self._stream: AnswerStream | None = None
        self._seen = self.began
        self._news = threading.Condition()
        self._ended = False
        threading.Thread(target=self._run, daemon=True, name="ragkit-answer").start()

    @property
    def done(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._ended or self.stopped

    def wait(self, known: int, seconds: float) -> None:
        """Wait until there is more than `known` characters of text, or the end."""
        self._seen = time.monotonic()
        with self._news:
            self._news.wait_for(lambda: self.done or len(self.text) > known, seconds)

    def stop(self) -> None:
        """End it where it is; what was written so far stays in `text`."""
        if self.done:
            return
        with self._news:
            self.stopped = True
            self._news.notify_all()
        if self._stream is not None:
            self._stream.close()

    def _run(self) -> None:
        try:
            self._answer()
        except (RagkitError, OSError) as error:
            if not self.stopped:  # a stream that was closed says that it is not whole
                self.error = error
        except Exception as error:  # a page that waits for ever would be worse
            self.error = RagkitError(f"{type(error).__name__}: {error}")
            raise
        finally:
            with self._news:
                self._ended = True
                self._news.notify_all()

    def _answer(self) -> None:
        stream = self.conversation.stream(self.wanted.question, self.wanted.options)
        self._stream, self.model = stream, stream.model
        if self.stopped:  # while the passages were looked for
            stream.close()
            return
        for piece in stream:
            if time.monotonic() - self._seen > _UNSEEN:
                self.stop()
            if self.stopped:
                break
            with self._news:
                self.text += piece
                self._news.notify_all()
        if self.stopped:
            stream.close()
        else:
            self.answer = stream.answer
