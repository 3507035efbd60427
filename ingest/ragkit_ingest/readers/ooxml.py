"""Office packages: checks that a ZIP is safe to open, and translates the errors of libraries."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from ragkit_ingest.model import ReadError, Reason

_MAX_UNPACKED = 512 * 1024 * 1024  # bytes a package may unpack to
_MAX_MEMBERS = 10_000
_MAX_RATIO = 200  # times its packed size that a member above 1 MB may unpack to
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_STANDARD_TITLES = {"word document", "powerpoint presentation", "untitled", "presentation1"}


def check_package(data: bytes, *, xml: bool = True) -> None:
    """Refuse a package that unpacks to too much or, with `xml`, declares types or entities.

    Raises ReadError: TOO_LARGE (512 MB unpacked, 10,000 members, or a member packed more than 200
    times), ENCRYPTED or CORRUPT.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check_sizes(package.infolist())
            if xml:
                _check_xml(package)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as exc:
        found = f"the file is a damaged ZIP package ({exc}); save it again"
        raise ReadError(Reason.CORRUPT, found) from exc


@contextmanager
def translate_errors(kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into ReadError(CORRUPT).

    `kind` names the file in the message ("workbook"). ReadError and MemoryError pass.
    """
    try:
        yield
    except (ReadError, MemoryError):
        raise
    except Exception as exc:
        found = f"{type(exc).__name__}: {exc}"[:300]
        raise ReadError(Reason.CORRUPT, f"the {kind} cannot be read ({found})") from exc


def own_title(title: str | None) -> str:
    """Return a title that somebody wrote, "" for the default titles of programs."""
    title = " ".join((title or "").split())
    return "" if title.lower() in _STANDARD_TITLES else title


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MAX_MEMBERS:
        raise ReadError(
            Reason.TOO_LARGE,
            f"the package has {len(members):,} members and the limit is {_MAX_MEMBERS:,}",
        )
    total = sum(member.file_size for member in members)
    if total > _MAX_UNPACKED:
        raise ReadError(
            Reason.TOO_LARGE,
            f"it unpacks to {total >> 20} MB and the limit is {_MAX_UNPACKED >> 20} MB; split it",
        )
    for member in members:
        if member.flag_bits & 1:
            found = "the ZIP package needs a password; save it without one"
            raise ReadError(Reason.ENCRYPTED, found)
        if member.file_size > max(1 << 20, _MAX_RATIO * member.compress_size):
            raise ReadError(
                Reason.TOO_LARGE,
                f"{member.filename} unpacks to over {_MAX_RATIO} times its packed size, which is "
                "the limit; remove it or recompress it",
            )


def _check_xml(package: zipfile.ZipFile) -> None:
    """Refuse parts with a document type (ECMA-376 part 2, 9.1.4): entities grow and read files.

    Zero bytes are removed first, for a part in UTF-16.
    """
    for member in package.infolist():
        if member.filename.lower().endswith((".xml", ".rels", ".vml")):
            part = package.read(member)
            if _DECLARATION.search(part) or _DECLARATION.search(part[:4096].replace(b"\0", b"")):
                found = f"{member.filename} declares a document type or entities"
                raise ReadError(Reason.CORRUPT, f"{found}, which Office files never do")
