"""Reads and writes FAISS index files; the only module that imports faiss."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ragkit.errors import MissingExtra
from ragkit.index.base import Ids
from ragkit.index.checksums import file_stamp, sha256_of
from ragkit.store.atomic import open_synced
from ragkit.store.records import HalfVectors, IndexVersion


def import_faiss() -> Any:
    """Return the faiss module of whichever build is installed.

    Raises MissingExtra if none is.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra(
            'faiss is not installed; install it with: pip install "ragkit[cpu]" (or '
            '"ragkit[gpu]", never both)'
        ) from error
    return faiss


@dataclass(frozen=True, slots=True)
class InnerIndex:
    """The FAISS index that holds the vectors, and the wrapper that owns its memory.

    It must not be used after the wrapper is gone.
    """

    wrapper: Any
    inner: Any

    def half_vectors(self) -> HalfVectors:
        """Return the vectors of a flat index, float16 of shape (n, dimension), without a copy."""
        index = self.inner
        codes = import_faiss().rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size)
        vectors: HalfVectors = codes.view(np.float16).reshape(index.ntotal, index.d)
        return vectors


def map_index(path: Path) -> tuple[InnerIndex, Ids]:
    """Map an index file into memory; returns the index and the chunk at each position.

    Raises RuntimeError if the file is missing or is not a FAISS index.
    """
    faiss = import_faiss()
    wrapper = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    ids: Ids = faiss.vector_to_array(wrapper.id_map)
    return InnerIndex(wrapper, faiss.downcast_index(wrapper.index)), ids


def write_index(index: Any, path: Path) -> tuple[int, str]:
    """Write an index and sync it to disk; returns its size in bytes and its SHA-256.

    FAISS's own file writer neither syncs nor reports a full disk, so the bytes go through a Python
    file. Raises OSError if they cannot be written.
    """
    faiss = import_faiss()
    digest = hashlib.sha256()
    with open_synced(path) as file:

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        faiss.write_index(index, faiss.PyCallbackIOWriter(write))
        size = file.tell()
    return size, digest.hexdigest()


def is_intact(path: Path, version: IndexVersion) -> bool:
    """Return True if the file is the one that was published.

    An equal stamp is enough, which spares reading the file at every start. The stamp of a moved or
    copied knowledge base differs; then the SHA-256 decides.
    """
    try:
        if path.lstat().st_size != version.bytes:  # links are not followed: their size differs
            return False
        return file_stamp(path) == version.signature or sha256_of(path) == version.sha256
    except FileNotFoundError:
        return False
