"""The files that documents were read from, and pictures of their pages."""

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
"""Opens what somebody may read."""

_SECONDS = 10  # for one page
_MEMORY = 1_000_000_000  # bytes
_DIGESTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as PNG, `width` by `height` pixels.

    `boxes` say where the highlighted passage is, line by line, or its exact words if they were
    given. There are none where no passage was asked for, where nothing of it can be seen on the
    page, and where the page's text did not come from ragkit's own reader.
    """

    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


class SourceFiles:
    """Finds the files of a base's documents and draws their pages; safe from several threads.

    Pages are drawn in a child process, as files are read. The first page starts it, and it is kept
    with the one thread that drives it: Linux ends a child together with the thread that started
    it (PR_SET_PDEATHSIG, prctl(2)), which may therefore not be a caller's.
    """

    def __init__(self, layout: Layout, max_bytes: int) -> None:
        self._layout = layout
        limits = FileLimits(max_bytes=max_bytes, seconds=_SECONDS, memory=_MEMORY)
        self._reader = ReaderProcess(limits)
        self._thread = ThreadPoolExecutor(1, "ragkit-pages")
        self._digests: dict[FileState, bytes] = {}

    def path(self, view: Viewing, document: int) -> Path:
        """See View.original."""
        with view as snapshot:
            found, path = self._find(snapshot, document)
        if self._digest(path) != found.digest:
            raise _changed(path)
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
        """See View.page_image."""
        with view as snapshot:
            found, path = self._find(snapshot, document)
            _check_page(found, path, page)
            text = snapshot.pages.text(document, page)
        if not 0 <= start <= end <= len(text):
            raise SourceError(
                f"page {page + 1} of {found.source} has {len(text)} characters, so there is no "
                f"passage from {start} to {end}; ask again if the document was changed"
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
            drawn = task.result()
        except CancelledError as error:
            raise SourceError("the base was closed before the page was drawn") from error
        if drawn.digest and drawn.digest != found.digest:
            raise _changed(path)
        if isinstance(drawn, FileError):
            raise SourceError(
                f"page {page + 1} of {found.source} cannot be shown: {drawn.reason} "
                f"({drawn.detail}); open the file itself: {path}"
            )
        picture = drawn.picture
        return PageImage(picture.png, picture.width, picture.height, picture.boxes)

    def close(self) -> None:
        """End the child; a page that is being drawn is refused."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._reader.kill()
        self._thread.shutdown()
        self._reader.close()

    def _find(self, snapshot: Snapshot, document: int) -> tuple[StoredDocument, Path]:
        """A document that may be read, and the path of its file, which is there."""
        found = snapshot.documents.get(document)
        if found is None:
            raise SourceError(
                f"there is no document {document} in {self._layout.root} that may be read; "
                "list what is with: ragkit status --documents"
            )
        folder = next(
            path for id, path, _ in snapshot.source_folders.all() if id == found.source_folder
        )
        if folder == DOCUMENTS_FOLDER:
            raise SourceError(
                f"{found.source} was added without a file, so there is none to show; its text is "
                "in the base"
            )
        folder = self._layout.folder_path(folder)
        path = Path(folder, found.source)
        if not path.is_file():
            raise SourceError(
                f"{path} is not there any more; put it back, or ingest again, which finds what was "
                "moved and removes what is gone"
            )
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
            raise SourceError(
                f"{path} is now a link out of {folder}; put the file back in its place"
            )
        return found, path

    def _digest(self, path: Path) -> bytes:
        """SHA-256 of a file that is there, remembered while the file is not written to."""
        try:
            state = file_state(str(path))
            digest = self._digests.get(state) or digest_file(str(path))
            if digest is None or file_state(str(path)) != state:
                raise SourceError(f"{path} cannot be read now; check its mode, or try again")
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        if len(self._digests) >= _DIGESTS_KEPT:
            self._digests.clear()
        self._digests[state] = digest
        return digest


def _check_page(found: StoredDocument, path: Path, page: int) -> None:
    if found.kind != "pdf":
        raise SourceError(
            f"{found.source} is no PDF ({found.kind}), and only pages of a PDF can be shown; open "
            f"the file itself: {path}"
        )
    if not 0 <= page < found.pages:
        raise SourceError(
            f"{found.source} has {found.pages} pages, so there is no page {page}; they are counted "
            "from 0"
        )


def _check_highlights(highlights: Sequence[tuple[int, int]], start: int, end: int) -> None:
    for first, last in highlights:
        if not start <= first <= last <= end:
            raise SourceError(
                f"the highlight from {first} to {last} is not in the passage from {start} to "
                f"{end}; pass start, end and highlights of one citation"
            )


def _changed(path: Path) -> SourceError:
    return SourceError(
        f"{path} was changed since it was ingested; bring the base up to date with: "
        f"ragkit ingest {path}"
    )
