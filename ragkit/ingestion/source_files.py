"""The files of documents: finds them on disk and renders their pages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import SourceError
from ragkit.ingestion.adapters import DOCUMENTS_FOLDER
from ragkit.store.layout import Layout
from ragkit.store.records import StoredDocument
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.model import FileError
from ragkit_ingest.process.limits import FileLimits
from ragkit_ingest.process.pool import ReaderProcess
from ragkit_ingest.readers.pdf_image import Box
from ragkit_ingest.scan import FileState, digest_file, file_state

__all__ = ["Box", "PageImage", "SourceFiles"]

Viewing = AbstractContextManager[Snapshot]
"""Opens a snapshot of the documents that the caller can access."""

_PAGE_SECONDS = 10
_PAGE_MEMORY = 1_000_000_000  # bytes
_MAX_CACHED_DIGESTS = 1000


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as PNG, `width` by `height` pixels.

    `boxes` are the places of the highlighted passage, line by line, or of the highlights in it if
    the call named any. There are none without a passage, if nothing of it is visible on the page,
    and if another reader than ragkit's own read the page.
    """

    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


class SourceFiles:
    """Finds the files of documents and renders their pages. Thread-safe.

    A reader process renders the pages; the first page starts it. One thread of its own drives it:
    Linux ends a child with the thread that started it (PR_SET_PDEATHSIG, prctl(2)), and threads of
    callers may end at any time.
    """

    def __init__(self, layout: Layout, max_bytes: int) -> None:
        self._layout = layout
        limits = FileLimits(max_bytes=max_bytes, seconds=_PAGE_SECONDS, memory=_PAGE_MEMORY)
        self._reader = ReaderProcess(limits)
        self._thread = ThreadPoolExecutor(1, "ragkit-pages")
        self._digests: dict[FileState, bytes] = {}

    def path(self, view: Viewing, document: int) -> Path:
        """Return the path of a document's file; see `View.original`."""
        with view as snapshot:
            found, path = self._find(snapshot, document)
        if self._digest(path) != found.digest:
            raise _changed_error(path)
        return path

    def page_image(
        self,
        view: Viewing,
        document: int,
        page: int,
        start: int,
        end: int,
        width: int,
        highlights: Sequence[tuple[int, int]],
    ) -> PageImage:
        """Render a page of a document; see `View.page_image`."""
        with view as snapshot:
            found, path = self._find(snapshot, document)
            _check_page(found, path, page)
            text = snapshot.pages.text(document, page)
        if not 0 <= start <= end <= len(text):
            raise SourceError(
                f"invalid passage {start} to {end}: page {page + 1} of {found.source} has "
                f"{len(text)} characters; search again if the document changed"
            )
        _check_highlights(highlights, start, end)
        task = self._thread.submit(
            self._reader.draw_page,
            str(path),
            page,
            start=start,
            end=end,
            quote=text[start:end],
            width=width,
            highlights=highlights,
        )
        try:
            rendered = task.result()
        except CancelledError as error:
            raise SourceError(
                "the knowledge base was closed before the page was rendered; open it again"
            ) from error
        if rendered.digest and rendered.digest != found.digest:
            raise _changed_error(path)
        if isinstance(rendered, FileError):
            raise SourceError(
                f"page {page + 1} of {found.source} cannot be shown: {rendered.reason} "
                f"({rendered.detail}); open the file itself: {path}"
            )
        picture = rendered.picture
        return PageImage(picture.png, picture.width, picture.height, picture.boxes)

    def close(self) -> None:
        """End the reader process; a page that is being rendered raises SourceError."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._reader.kill()
        self._thread.shutdown()
        self._reader.close()

    def _find(self, snapshot: Snapshot, document: int) -> tuple[StoredDocument, Path]:
        """Return an accessible document and the path of its file, or raise SourceError."""
        found = snapshot.documents.get(document)
        if found is None:
            raise SourceError(
                f"there is no document {document} in {self._layout.root}; list the documents with: "
                "ragkit status --documents"
            )
        folder = next(
            path for id, path, _ in snapshot.source_folders.all() if id == found.source_folder
        )
        if folder == DOCUMENTS_FOLDER:
            raise SourceError(
                f"{found.source} was added without a file, so there is no file to show; its text "
                "is in the knowledge base"
            )
        folder = self._layout.folder_path(folder)
        path = Path(folder, found.source)
        if not path.is_file():
            raise SourceError(
                f"{path} does not exist any more; put it back, or ingest again to find moved files "
                "and remove missing ones"
            )
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
            raise SourceError(
                f"{path} is now a link out of {folder}, and such links are not followed; put the "
                "file itself there"
            )
        return found, path

    def _digest(self, path: Path) -> bytes:
        """Return the SHA-256 of an existing file, cached until the file is written to."""
        try:
            state = file_state(str(path))
            digest = self._digests.get(state) or digest_file(str(path))
            if digest is None or file_state(str(path)) != state:
                raise SourceError(f"{path} cannot be read now; check its permissions, or try again")
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror}; check its permissions"
            ) from error
        if len(self._digests) >= _MAX_CACHED_DIGESTS:
            self._digests.clear()
        self._digests[state] = digest
        return digest


def _check_page(found: StoredDocument, path: Path, page: int) -> None:
    if found.kind != "pdf":
        raise SourceError(
            f"{found.source} is not a PDF ({found.kind}), and only pages of PDFs can be shown; "
            f"open the file itself: {path}"
        )
    if not 0 <= page < found.pages:
        raise SourceError(
            f"invalid page {page}: {found.source} has {found.pages} pages, and they count from 0"
        )


def _check_highlights(highlights: Sequence[tuple[int, int]], start: int, end: int) -> None:
    for first, last in highlights:
        if not start <= first <= last <= end:
            raise SourceError(
                f"the highlight from {first} to {last} is not in the passage from {start} to "
                f"{end}; pass start, end and highlights of one citation"
            )


def _changed_error(path: Path) -> SourceError:
    return SourceError(
        f"{path} changed since it was ingested; update the knowledge base with: "
        f"ragkit ingest {path}"
    )
