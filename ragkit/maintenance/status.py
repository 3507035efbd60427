"""What a knowledge base contains."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ragkit.manifest import read_identity
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.model import FileError


@dataclass(frozen=True, slots=True)
class Status:
    """What a knowledge base contains.

    `bytes` is its size on disk. `source_folders` are the folders of its files; `whole_folders` are
    those of them that were ingested as a whole, not file by file. `file_errors` are the files that
    could not be read.

    For a principal who cannot read everything, only documents they can read are counted. Files,
    folders and the size on disk are left out.
    """

    path: Path
    documents: int
    pages: int
    chunks: int
    bytes: int
    embedder: str
    dimension: int
    source_folders: tuple[str, ...]
    whole_folders: tuple[str, ...]
    file_errors: tuple[FileError, ...]


def read_status(snapshot: Snapshot, layout: Layout) -> Status:
    """Return the status of a knowledge base, as far as the snapshot can list it."""
    documents, pages, chunks = snapshot.documents.counts()
    identity = read_identity(snapshot)
    sees_all = snapshot.readable_labels is None
    folders = [
        (layout.folder_path(name), whole)
        for _, name, whole in snapshot.source_folders.all()
        if sees_all
    ]
    return Status(
        path=layout.root,
        documents=documents,
        pages=pages,
        chunks=chunks,
        bytes=_count_bytes(layout.root) if sees_all else 0,
        embedder=identity.embedder.name if identity else "",
        dimension=identity.embedder.dimension if identity else 0,
        source_folders=tuple(path for path, _ in folders),
        whole_folders=tuple(path for path, whole in folders if whole),
        file_errors=tuple(snapshot.file_errors.all() if sees_all else ()),
    )


def _count_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a writer may be replacing it
            total += path.stat().st_size
    return total
