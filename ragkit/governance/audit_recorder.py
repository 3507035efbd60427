"""Records in the audit log what a principal asks, finds, gets as an answer and opens."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ragkit.answers import Answer
from ragkit.config import Config
from ragkit.errors import RagkitError, StoreError
from ragkit.generation.streaming import StreamObserver
from ragkit.retrieval.hits import Hit
from ragkit.store.access import Principal
from ragkit.store.audit import current_user
from ragkit.store.filters import Filter
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

logger = logging.getLogger(__name__)

SearchRecord = dict[str, Any]


class Recorder:
    """Records what one principal does. Each record is on disk when the call returns.

    A record holds keyed digests of questions and answers and the ids of passages. It holds the
    words of a question only with the setting `audit_questions = "text"`. If a record cannot be
    written, the call raises StoreError and nothing is shown; with `audit = "optional"` it logs a
    warning instead.
    """

    def __init__(self, store: Store, who: Principal, config: Config) -> None:
        self._store = store
        self._who = who
        self._keeps_words = config.audit_questions == "text"
        self._is_optional = config.audit == "optional"

    def record_search(self, query: str, found: SearchRecord, where: Filter | None = None) -> None:
        """Record a search, its filter and what it found."""
        self._question("search", query, found, where)

    def record_question(
        self, question: str, found: SearchRecord, where: Filter | None = None
    ) -> int:
        """Record a question, its filter and what was found; return the record's number, or 0."""
        return self._question("ask", question, found, where)

    def record_answer(self, record: int, answer: Answer) -> None:
        """Record the answer to the question with this record number."""
        outcome = answer.abstention or ("incomplete" if answer.incomplete else "whole")
        cited = [[c.number, c.document, c.page_ordinal, c.start, c.end] for c in answer.citations]
        detail = {
            "question": record,
            "outcome": outcome,
            "model": answer.model or "",
            "model_digest": answer.model_digest,
            "citations": cited,
        }
        self._write("answer", "answer", detail, text=answer.text)

    def record_open(self, document: int, uid: int | None, **detail: Any) -> None:
        """Record that a document's text or file was opened, or without a uid, refused."""
        what = "open" if uid is not None else "refuse"
        target = f"document:{uid}" if uid is not None else "document"
        self._write(what, target, {"document": document, **detail})

    def record_conversation(self, what: str, id: int) -> None:
        """Record an action on a conversation: "open", "rename", "rate" or "delete"."""
        self._write(f"conversation.{what}", f"conversation:{id}", {})

    def record_dump(self) -> None:
        """Record that all content is exported."""
        self._write("kb.dump", "kb", {})

    def record_refusal(self, error: RagkitError, object: str = "kb") -> None:
        """Record that access was refused."""
        self._write("refuse", object, {"error": type(error).__name__})

    @contextmanager
    def record_failure(self, record: int) -> Iterator[None]:
        """Record that the question with this record number failed, if the block raises."""
        try:
            yield
        except RagkitError as error:
            self.record_end(record, type(error).__name__)
            raise

    def record_end(self, record: int, outcome: str) -> None:
        """Record that an answer ended early. Does not raise: nothing more is shown."""
        with suppress(StoreError):
            self._write("answer", "answer", {"question": record, "outcome": outcome})

    def _question(
        self, action: str, text: str, detail: dict[str, Any], where: Filter | None
    ) -> int:
        if where is not None:
            detail = {**detail, "filter": self._describe_filter(where)}
        names = {"question": text} if self._keeps_words else {}
        return self._write(action, "question", detail, names, text)

    def _describe_filter(self, where: Filter) -> dict[str, Any]:
        """Return a filter's fields; names of folders, files and labels only as keyed digests.

        A document may be named there, and an erasure has to leave no name of it.
        """
        named = {"folder": where.folders, "label": where.labels, "path": where.paths}
        key = self._store.key()
        described = {
            "kind": None if where.kinds is None else list(where.kinds),
            "modified_after": where.modified_since,
            **{
                name: None if values is None else key.digest("\n".join(values))
                for name, values in named.items()
            },
        }
        return {name: value for name, value in described.items() if value is not None}

    def _write(
        self,
        action: str,
        object: str,
        detail: dict[str, Any],
        names: dict[str, str] | None = None,
        text: str | None = None,
    ) -> int:
        """Append a record, with a keyed digest of `text`; return its number, or 0."""
        account = current_user()
        actor = self._who.name
        if self._who.groups:
            detail = {**detail, "groups": sorted(self._who.groups)}
        if actor != account:
            detail = {**detail, "account": account}
        try:
            if text is not None:
                detail = {**detail, "digest": self._store.key().digest(text)}
            with self._store.recorder() as writer:
                return writer.record(actor, action, object, detail, names)
        except StoreError as error:
            if not self._is_optional:
                raise StoreError(
                    f"this cannot be recorded, so nothing is shown: {error}; to answer without a "
                    'record, set audit = "optional" in ragkit.toml, or RAGKIT_AUDIT=optional'
                ) from error
            logger.warning("not recorded: %s", error)
            return 0


class QuestionRecord(StreamObserver):
    """Records how the answer to a question ended, before the answer is given out."""

    def __init__(self, recorder: Recorder, record: int) -> None:
        self._recorder = recorder
        self._number = record

    def on_answer(self, answer: Answer) -> Answer:
        """Record the whole answer. Raises StoreError if that fails, so it is not given out."""
        self._recorder.record_answer(self._number, answer)
        return answer

    def on_error(self, error: RagkitError) -> None:
        """Record which error ended the answer."""
        self._recorder.record_end(self._number, type(error).__name__)

    def on_stop(self) -> None:
        """Record that the answer was stopped."""
        self._recorder.record_end(self._number, "stopped")


def describe_search(k: int, hits: Sequence[Hit], snapshot: Snapshot) -> SearchRecord:
    """Return what a search found as ids, and the ids of the readable labels, None for all."""
    return {
        "k": k,
        "seq": snapshot.seq,
        "labels": None if snapshot.readable_labels is None else sorted(snapshot.readable_labels),
        "found": [[hit.document, *hit.chunks] for hit in hits],
    }
