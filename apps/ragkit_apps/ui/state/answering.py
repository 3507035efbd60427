"""An answer that is generated in its own thread, so that it survives redraws of the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from ragkit import Answer, AnswerStream, AskOptions, Conversation, Hit, RagkitError
from ragkit_apps.answer_parts import describe_found

ABANDONED_AFTER = 600.0  # seconds without a waiting page


class PendingAnswer:
    """A question of a conversation whose answer is being generated.

    `text` grows until `is_done`; before it, `stage` says what the question waits for. Then there is
    an `answer`, or an `error`, or neither if it was stopped. `was_shown` says whether the page has
    drawn the text of a stopped or failed answer. Generation stops after ten minutes in which no
    page waits for it.
    """

    def __init__(
        self, conversation: Conversation, question: str, options: AskOptions | None = None
    ) -> None:
        self.conversation = conversation
        self.question = question
        self.options = options
        self.started_at = time.monotonic()
        self.stage = "Searching"
        self.text = ""
        self.model: str | None = None
        self.answer: Answer | None = None
        self.error: RagkitError | OSError | None = None
        self.was_shown = False
        self._is_stopped = False
        self._stream: AnswerStream | None = None
        self._last_wait = self.started_at
        self._changed = threading.Condition()
        self._has_ended = False
        threading.Thread(target=self._run, daemon=True, name="ragkit-answer").start()

    @property
    def is_done(self) -> bool:
        """Whether the text will not grow any more."""
        return self._has_ended or self._is_stopped

    def wait(self, known: int, seconds: float) -> None:
        """Wait until there are more than `known` characters of text, or the end."""
        self._last_wait = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self.is_done or len(self.text) > known, seconds)

    def stop(self) -> None:
        """Stop generating; `text` keeps what is there."""
        if self.is_done:
            return
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._stream is not None:
            self._stream.close()

    def _show_found(self, hits: Sequence[Hit]) -> None:
        self.stage = describe_found(hits)

    def _run(self) -> None:
        try:
            self._generate()
        except (RagkitError, OSError) as error:
            if not self._is_stopped:  # a closed stream raises that it is incomplete
                self.error = error
        except Exception as error:  # without an error the page would wait forever
            self.error = RagkitError(f"{type(error).__name__}: {error}")
            raise
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _generate(self) -> None:
        options = replace(self.options or AskOptions(), on_found=self._show_found)
        stream = self.conversation.stream(self.question, options)
        self._stream, self.model = stream, stream.model
        if self._is_stopped:  # during retrieval
            stream.close()
            return
        for piece in stream:
            if time.monotonic() - self._last_wait > ABANDONED_AFTER:
                self.stop()
            if self._is_stopped:
                break
            with self._changed:
                self.text += piece
                self._changed.notify_all()
        if self._is_stopped:
            stream.close()
        else:
            self.answer = stream.answer
