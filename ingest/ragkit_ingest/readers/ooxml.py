"""What every Office package goes through before a library opens it, and how its errors end."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from ragkit_ingest.model import ReadError, Reason

_TOTAL = 512 * 1024 * 1024  # bytes a package may unpack to
_MEMBERS = 10_000
_RATIO = 200  # how often its packed size a member above 1 MB may unpack to
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_STANDARD_TITLES = {"word document", "powerpoint presentation", "untitled", "presentation1"}


def check_package(data: bytes, *, xml: bool = True) -> None:
    """Refuse a package that unpacks to too much or, with `xml`, declares types or entities.

    Raises ReadError: TOO_LARGE, ENCRYPTED or CORRUPT.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check_sizes(package.infolist())
            if xml:
                _check_xml(package)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as exc:
        raise ReadError(Reason.CORRUPT, f"a damaged ZIP package ({exc})") from exc


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Turn whatever a foreign library raises on a damaged file into ReadError(CORRUPT)."""
    try:
        yield
    except (ReadError, MemoryError):
        raise
    except Exception as exc:
        found = f"{type(exc).__name__}: {exc}"[:300]
        raise ReadError(Reason.CORRUPT, f"the {kind} cannot be read ({found})") from exc


def own_title(title: str | None) -> str:
    """A title somebody wrote, "" for the ones that programs leave behind."""
    title = " ".join((title or "").split())
    return "" if title.lower() in _STANDARD_TITLES else title


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MEMBERS:
        raise ReadError(Reason.TOO_LARGE, f"{len(members)} members, at most {_MEMBERS}")
    total = sum(member.file_size for member in members)
    if total > _TOTAL:
        raise ReadError(Reason.TOO_LARGE, f"unpacks to {total >> 20} MB, at most {_TOTAL >> 20}")
    for member in members:
        if member.flag_bits & 1:
            raise ReadError(Reason.ENCRYPTED, "a ZIP package with a password")
        if member.file_size > max(1 << 20, _RATIO * member.compress_size):
            raise ReadError(Reason.TOO_LARGE, f"{member.filename} unpacks to over {_RATIO} times")


def _check_xml(package: zipfile.ZipFile) -> None:
    """No Office part may carry a document type (ECMA-376 part 2, 9.1.4): entities grow and read
    files. Zero bytes go first, for a part in UTF-16."""
    for member in package.infolist():
        if member.filename.lower().endswith((".xml", ".rels", ".vml")):
            part = package.read(member)
            if _DECLARATION.search(part) or _DECLARATION.search(part[:4096].replace(b"\0", b"")):
                found = f"{member.filename} declares a document type or entities"
                raise ReadError(Reason.CORRUPT, found)
