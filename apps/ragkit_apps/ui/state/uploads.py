"""Files that visitors upload, and the folders they may ingest."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

MAX_NAME_BYTES = 200  # most file systems allow 255
MAX_SUFFIX_LENGTH = 16

# Names that an ingest ignores, or takes for a knowledge base.
_IGNORED_NAMES = {"ragkit.db", "thumbs.db", "desktop.ini", "__pycache__", "node_modules"}


def save_upload(folder: Path, name: str, content: BinaryIO, *, replace: bool = False) -> Path:
    """Write an uploaded file to a folder, completely or not at all, and return its path.

    If another file has the name, the new one gets a number; with `replace` it replaces the file.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-", delete=False) as file:
        try:
            while block := content.read(1 << 20):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            wanted = folder / clean_file_name(name)
            path = wanted if replace else _find_free_path(wanted, Path(file.name))
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return path


def _find_free_path(wanted: Path, new: Path) -> Path:
    """Return the first of "a.pdf", "a (2).pdf", ... that is free or has the same content."""
    path, number = wanted, 1
    while path.exists() and not _has_same_content(path, new):
        number += 1
        path = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    return path


def _has_same_content(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def clean_file_name(name: str) -> str:
    """Return a file name that every file system accepts and the scan of a folder does not skip."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    name = "".join(c if c.isprintable() else "_" for c in name)
    name = re.sub(r"^[.~$\s]+", "", name).strip()
    if name.lower() in _IGNORED_NAMES:
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > MAX_SUFFIX_LENGTH:
        stem, dot, suffix = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{suffix}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix or "file"


def is_allowed_folder(folder: Path, allowed: Sequence[Path]) -> bool:
    """Return True if a folder is one of the allowed folders or lies in one, links resolved."""
    real = os.path.realpath(folder)
    return any(Path(real).is_relative_to(os.path.realpath(parent)) for parent in allowed)
