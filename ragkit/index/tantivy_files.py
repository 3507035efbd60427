"""Checks the files of a tantivy index: tantivy reads damaged ones without a word, or panics.

Each segment file ends with its own checksum, but nothing says that it belongs where it lies, and
meta.json has no checksum at all. So what was written is noted by whoever wrote it; what a killed
writer has not noted is held to the checksums alone.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_MAGIC = 1337  # ends each file, after the length of the JSON that holds the checksum of the rest
_BLOCK = 1 << 20
_SEGMENT_FILE = re.compile(r"[0-9a-f]{32}\.")

Notes = dict[str, Any]
"""What was written: the `files` with their stamps and checksums, the `segments`, and the `rest`."""


def first_damaged(folder: Path, notes: Notes, *, trusting: bool = True) -> str | None:
    """The name of a file that is not what was written, or None if all are.

    A file that looks as it did when it was noted is taken as read, unless `trusting` is false.
    Raises ValueError or OSError if the index cannot be read at all.
    """
    meta = _read_meta(folder)
    if not _is_as_noted(meta, notes):
        return "meta.json"
    files = notes.get("files", {})
    live = list(_live_files(folder, meta))
    present = {path.name for path in live}
    for name in files:
        if _segment_of(name) in _segments(meta) and name not in present and name[-4:] != ".del":
            return str(name)
    for path in live:
        stamp, checksum = files.get(path.name, (None, None))
        if trusting and stamp == file_stamp(path):
            continue
        found = _checksum(path)
        if found is None or checksum not in (None, found):
            return path.name
    return None


def notes_of(folder: Path, known: Notes) -> Notes:
    """What is written there now, and what it looks like, to spare reading it at every start.

    The writer lock must be held, and what was noted before, which is `known`, have been checked.
    """
    meta = _read_meta(folder)
    files = {}
    for path in _live_files(folder, meta):
        stamp, checksum = known.get("files", {}).get(path.name, (None, None))
        if stamp != file_stamp(path) or checksum is None:
            checksum = _checksum(path)
        if checksum is not None:
            files[path.name] = [file_stamp(path), checksum]
    return {"files": files, "segments": _segments(meta), "rest": _rest(meta)}


def records_in(notes: Notes) -> int:
    """How many records were written, with those that are deleted."""
    return sum(records for records, _ in notes["segments"].values())


def leftovers_of(folder: Path) -> list[Path]:
    """What a killed writer left in an index; of one that cannot be read nothing is known."""
    found = list(folder.glob(".tmp*"))
    try:
        live = {path.name for path in _live_files(folder, _read_meta(folder))}
    except (FileNotFoundError, ValueError):
        return found  # it is made anew
    return found + [
        path
        for path in folder.glob("*.*")
        if _SEGMENT_FILE.match(path.name) and path.name not in live
    ]


def file_stamp(path: Path) -> str:
    """Changes whenever the file is written to, copied or replaced.

    The time of the last change (ctime) is in it, which nobody can set back.
    """
    stat = os.stat(path, follow_symlinks=False)
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"


def _read_meta(folder: Path) -> dict[str, Any]:
    """What the last commit says of the index."""
    meta = json.loads((folder / "meta.json").read_bytes())
    try:
        _segments(meta)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("meta.json is not tantivy's") from error
    return dict(meta)


def _segments(meta: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Each segment by the name of its files, with its number of records and its deleted ones."""
    found = {}
    for segment in meta["segments"]:
        name = segment["segment_id"].replace("-", "").lower()
        deletes = segment["deletes"]
        deleted = [deletes["opstamp"], deletes["num_deleted_docs"]] if deletes else None
        found[name] = [int(segment["max_doc"]), deleted]
    return found


def _rest(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What never changes as long as the index lives: its schema and settings."""
    return {key: meta[key] for key in meta if key not in ("segments", "opstamp")}


def _is_as_noted(meta: Mapping[str, Any], notes: Mapping[str, Any]) -> bool:
    """Whether meta.json says of each segment that was noted what it said then."""
    if not notes:
        return True
    if notes["rest"] != _rest(meta):
        return False
    for segment, (records, deleted) in _segments(meta).items():
        known = notes["segments"].get(segment)
        if known is None:
            continue
        later = deleted and (known[1] is None or deleted[0] > known[1][0])
        if records != known[0] or not (later or deleted == known[1]):
            return False
    return True


def _live_files(folder: Path, meta: Mapping[str, Any]) -> Iterator[Path]:
    """The files of the last commit; a killed writer may have left others."""
    segments = _segments(meta)
    deletions = {s: f"{s}.{deleted[0]}.del" for s, (_, deleted) in segments.items() if deleted}
    for path in sorted(folder.iterdir()):
        segment = _segment_of(path.name)
        if segment in segments and (path.suffix != ".del" or path.name == deletions.get(segment)):
            yield path


def _segment_of(name: str) -> str:
    return name.partition(".")[0]


def _checksum(path: Path) -> int | None:
    """The checksum of a file's content; None if it is not the one that stands in its footer."""
    size = path.stat().st_size
    if size < 8:
        return None
    with path.open("rb") as file:
        file.seek(size - 8)
        length, magic = struct.unpack("<II", file.read())
        body = size - 8 - length
        if magic != _MAGIC or body < 0:
            return None
        file.seek(body)
        try:
            footer = json.loads(file.read(length))
        except ValueError:
            return None
        file.seek(0)
        found = 0
        while body > 0 and (block := file.read(min(body, _BLOCK))):
            found = zlib.crc32(block, found)
            body -= len(block)
    return found if isinstance(footer, dict) and footer.get("crc") == found else None
