"""The store as one principal can read it; what the principal opens is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragkit.config import Config
from ragkit.errors import AccessDenied, SourceError
from ragkit.governance.audit_recorder import Recorder
from ragkit.store.access import Principal
from ragkit.store.filters import Filter
from ragkit.store.records import StoredDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

_OPEN_SECONDS = 600.0  # that a page counts as open
_MAX_OPENED_PAGES = 10_000  # remembered


class OpenedPages:
    """The pages that each principal opened in the last ten minutes; safe from several threads.

    Zooming, resizing and redrawing fetch a page again and again. The audit log needs one record of
    that. A principal with other groups opens a page anew, and so does everybody after ten minutes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[tuple[Principal, int, int], float] = {}

    def contains(self, principal: Principal, document: int, page: int) -> bool:
        """Return True if the principal opened this page in the last ten minutes."""
        opened = self._times.get((principal, document, page))
        return opened is not None and time.monotonic() - opened < _OPEN_SECONDS

    def add(self, principal: Principal, document: int, page: int) -> None:
        """Note that the principal opens a page now."""
        with self._lock:
            if len(self._times) >= _MAX_OPENED_PAGES:
                self._times.clear()  # the next openings are recorded once more than needed
            self._times[principal, document, page] = time.monotonic()


class GuardedStore:
    """Opens what one principal can read, and records which documents the principal opens.

    Access rights are looked up for each snapshot. Documents that the principal cannot access never
    appear in one.
    """

    def __init__(
        self, store: Store, principal: Principal, config: Config, opened_pages: OpenedPages
    ) -> None:
        self.principal = principal
        self.recorder = Recorder(store, principal, config)
        self._store = store
        self._opened_pages = opened_pages

    @property
    def path(self) -> Path:
        """The directory of the knowledge base."""
        return self._store.layout.root

    @contextmanager
    def open(self, where: Filter | None = None) -> Iterator[Snapshot]:
        """Open a consistent snapshot of what the principal can read.

        With `where`, it holds only documents that match the filter. Raises AccessDenied for the
        owner of a knowledge base with access control, and records that.
        """
        try:
            with self._store.view(self.principal, where) as snapshot:
                yield snapshot
        except AccessDenied as error:
            self.recorder.record_refusal(error)
            raise

    @contextmanager
    def open_list(self, where: Filter | None = None) -> Iterator[Snapshot]:
        """Open a snapshot of what the principal can list: for the owner, all documents."""
        if self.principal.is_owner:
            with self._store.snapshot() as snapshot:
                yield snapshot.narrow(where)
        else:
            with self.open(where) as snapshot:
                yield snapshot

    @contextmanager
    def open_document(self, id: int, where: Filter | None, what: str) -> Iterator[Snapshot]:
        """Open a snapshot, and record that the principal opens `what` of a document.

        Raises SourceError, and records that, if the principal cannot access the document.
        """
        with self.open(where) as snapshot:
            found = snapshot.documents.get(id)
            self.recorder.record_open(id, found.uid if found else None, what=what)
            self.find_document(snapshot, id)
            yield snapshot

    @contextmanager
    def open_page(self, id: int, page: int, where: Filter | None = None) -> Iterator[Snapshot]:
        """Open a snapshot, and record that the principal opens a page; `page` is its ordinal.

        A page that is opened again within ten minutes is not recorded again. Raises SourceError as
        `open_document` does.
        """
        if self._opened_pages.contains(self.principal, id, page):
            with self.open(where) as snapshot:
                if snapshot.documents.get(id) is not None:
                    yield snapshot
                    return
        with self.open_document(id, where, f"page {page}") as snapshot:
            self._opened_pages.add(self.principal, id, page)
            yield snapshot

    def find_document(self, snapshot: Snapshot, id: int) -> StoredDocument:
        """Return a document of a snapshot. Raises SourceError if there is none."""
        document = snapshot.documents.get(id)
        if document is None:  # the same message, whether it is missing or not accessible
            raise SourceError(
                f"there is no document {id} in {self.path}; list the documents with: "
                "ragkit status --documents"
            )
        return document

    def check_conversation(self, id: int) -> None:
        """Raise SourceError, and record that, if the principal has no conversation with this id."""
        with self.open() as snapshot:
            conversations = snapshot.conversations.all(self.principal.name)
        if all(known.id != id for known in conversations):
            error = SourceError(
                f"{self.principal.name} has no conversation {id} in {self.path}; list them with: "
                "ragkit conversations"
            )
            self.recorder.record_refusal(error, f"conversation:{id}")
            raise error
