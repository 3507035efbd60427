"""What a knowledge base contains."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ragkit.manifest import SpareRole, read_identity, read_spare
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.model import FileError


@dataclass(frozen=True, slots=True)
class EmbedderChange:
    """A change of the embedder that has not ended.

    `embedder` is not the one that serves: with the role "next" its vectors are being built, with
    "previous" they are kept to go back to it, and with "discarded" they are being deleted. It has
    vectors of `chunks_done` of `chunks_total` chunks.
    """

    role: SpareRole
    embedder: str
    dimension: int
    chunks_done: int
    chunks_total: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a knowledge base contains.

    `bytes` is its size on disk. `source_folders` are the folders of its files; `whole_folders` are
    those of them that were ingested as a whole, not file by file. `file_errors` are the files that
    could not be read. `embedder_change` is None unless the embedder is being changed.
    `language_warning` says in one line if many passages are in a language that the embedder does
    not know, and what to do; "" if not.

    For a principal who cannot read everything, only documents they can read are counted. Files,
    folders, the size on disk and a change of the embedder are left out.
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
    embedder_change: EmbedderChange | None = None
    language_warning: str = ""


def read_status(snapshot: Snapshot, layout: Layout) -> Status:
    """Return the status of a knowledge base, as far as the snapshot can list it."""
    documents, pages, chunks = snapshot.documents.counts()
    identity = read_identity(snapshot)
    sees_all = snapshot.sees_all
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
        embedder_change=_read_change(snapshot, chunks) if sees_all else None,
    )


def _read_change(snapshot: Snapshot, chunks: int) -> EmbedderChange | None:
    spare = read_spare(snapshot)
    if spare is None:
        return None
    facts = spare.identity.embedder
    done = snapshot.with_spare_vectors().vectors.count()
    return EmbedderChange(spare.role, facts.name, facts.dimension, done, chunks)


def _count_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a writer may be replacing it
            total += path.stat().st_size
    return total
