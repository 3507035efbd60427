"""Checks the files of a tantivy index: tantivy reads damaged ones without a word, or panics."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MAGIC = 1337  # ends each file, after the length of the JSON that holds the checksum of the rest
_STAMPS = "stamps.json"
_BLOCK = 1 << 20
_SEGMENT_FILE = re.compile(r"[0-9a-f]{32}\.")


def first_damaged(folder: Path) -> str | None:
    """The name of a segment file that is not what tantivy wrote, or None if all are.

    A file with a noted stamp is taken as read. Raises ValueError or OSError if the index cannot
    be read at all.
    """
    noted = _noted(folder)
    for path in _live_files(folder):
        if noted.get(path.name) != _stamp(path) and not _is_intact(path):
            return path.name
    return None


def note_stamps(folder: Path, tmp: Path) -> None:
    """Note what the files look like now, to spare reading them at every start."""
    fresh = tmp / _STAMPS
    fresh.write_text(json.dumps({path.name: _stamp(path) for path in _live_files(folder)}))
    fresh.rename(folder / _STAMPS)


def delete_leftovers(folder: Path) -> None:
    """Delete what a killed writer left: tantivy fails where a file that it wants to write exists.

    The writer lock must be held.
    """
    for path in folder.glob(".tmp*"):
        path.unlink()
    try:
        live = {path.name for path in _live_files(folder)}
    except (FileNotFoundError, ValueError):
        return  # no index, or none that can be read: it is made anew
    for path in folder.glob("*.*"):
        if _SEGMENT_FILE.match(path.name) and path.name not in live:
            path.unlink()


def _noted(folder: Path) -> dict[str, str]:
    try:
        noted = json.loads((folder / _STAMPS).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _live_files(folder: Path) -> Iterator[Path]:
    """The files of the last commit; a killed writer may have left others."""
    meta: Any = json.loads((folder / "meta.json").read_bytes())
    try:
        deletes = {s["segment_id"].replace("-", ""): s["deletes"] for s in meta["segments"]}
        names = {s: f"{s}.{d['opstamp']}.del" for s, d in deletes.items() if d}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("meta.json is not tantivy's") from error
    for path in sorted(folder.iterdir()):
        segment = path.name.partition(".")[0]
        if segment in deletes and (path.suffix != ".del" or path.name == names.get(segment)):
            yield path


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"


def _is_intact(path: Path) -> bool:
    """Whether a file's content has the checksum that stands in its footer."""
    size = path.stat().st_size
    if size < 8:
        return False
    with path.open("rb") as file:
        file.seek(size - 8)
        length, magic = struct.unpack("<II", file.read())
        body = size - 8 - length
        if magic != _MAGIC or body < 0:
            return False
        file.seek(body)
        try:
            footer = json.loads(file.read(length))
        except ValueError:
            return False
        file.seek(0)
        found = 0
        while body > 0 and (block := file.read(min(body, _BLOCK))):
            found = zlib.crc32(block, found)
            body -= len(block)
    return isinstance(footer, dict) and footer.get("crc") == found
