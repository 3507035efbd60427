"""Tells whether a file has changed: a cheap stamp, and a digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def file_stamp(path: Path) -> str:
    """Return a string that changes whenever the file is written to, copied or replaced.

    It contains the size, the times and the inode. The time of the last change (ctime) cannot be
    set back. A link is not followed. Raises OSError if there is no such file.
    """
    stat = os.stat(path, follow_symlinks=False)
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
