"""Checks the files of a tantivy index, because tantivy reads damaged ones silently, or panics.

Each segment file ends with a checksum, but nothing says that the file belongs where it is, and
meta.json has no checksum at all. So the writer notes what it has written. Files that a killed
writer has not noted are compared with their own checksums alone.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ragkit.index.checksums import file_stamp

_MAGIC = 1337  # ends each file, after the length of the JSON that holds the checksum of the rest
_BLOCK = 1 << 20  # bytes
_SEGMENT_FILE = re.compile(r"[0-9a-f]{32}\.")

Notes = dict[str, Any]
"""What was written, as JSON: the stamp and checksum of each file in `files`, the number of records
and the deletions of each segment in `segments`, and the schema and settings in `rest`."""


def find_damage(folder: Path, notes: Notes, *, trust_stamps: bool = True) -> str | None:
    """Return the name of the first file that differs from what was written, None if none does.

    A file whose stamp is the noted one is not read, unless `trust_stamps` is false. Raises
    ValueError or OSError if the index cannot be read at all.
    """
    meta = _read_meta(folder)
    if not _agrees(meta, notes):
        return "meta.json"
    files = notes.get("files", {})
    live = list(_live_files(folder, meta))
    present = {path.name for path in live}
    for name in files:
        if _segment_of(name) in _segments(meta) and name not in present and name[-4:] != ".del":
            return str(name)
    for path in live:
        stamp, checksum = files.get(path.name, (None, None))
        if trust_stamps and stamp == file_stamp(path):
            continue
        found = _checksum(path)
        if found is None or checksum not in (None, found):
            return path.name
    return None


def describe_files(folder: Path, known: Notes) -> Notes:
    """Return notes of the files as they are now; those with a known stamp are not read again.

    The writer lock must be held, and `known`, the earlier notes, must have been checked.
    """
    meta = _read_meta(folder)
    files = {}
    for path in _live_files(folder, meta):
        stamp, checksum = known.get("files", {}).get(path.name, (None, None))
        if stamp != file_stamp(path) or checksum is None:
            checksum = _checksum(path)
        if checksum is not None:
            files[path.name] = [file_stamp(path), checksum]
    return {"files": files, "segments": _segments(meta), "rest": _settings(meta)}


def count_records(notes: Notes) -> int:
    """Return how many records were written, deleted ones included."""
    return sum(records for records, _ in notes["segments"].values())


def find_unlisted_files(folder: Path) -> list[Path]:
    """Return the files that a killed writer left: those that meta.json does not name.

    If meta.json cannot be read, only temporary files are returned.
    """
    found = list(folder.glob(".tmp*"))
    try:
        live = {path.name for path in _live_files(folder, _read_meta(folder))}
    except (FileNotFoundError, ValueError):
        return found  # the whole index will be rebuilt
    return found + [
        path
        for path in folder.glob("*.*")
        if _SEGMENT_FILE.match(path.name) and path.name not in live
    ]


def _read_meta(folder: Path) -> dict[str, Any]:
    """Read meta.json, which describes the last commit. Raises ValueError if it is damaged."""
    meta = json.loads((folder / "meta.json").read_bytes())
    try:
        _segments(meta)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("meta.json was not written by tantivy") from error
    return dict(meta)


def _segments(meta: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return [records, deletions] by the name of each segment; deletions are None or [stamp, n]."""
    found = {}
    for segment in meta["segments"]:
        name = segment["segment_id"].replace("-", "").lower()
        deletes = segment["deletes"]
        deleted = [deletes["opstamp"], deletes["num_deleted_docs"]] if deletes else None
        found[name] = [int(segment["max_doc"]), deleted]
    return found


def _settings(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays the same for the life of an index: its schema and settings."""
    return {key: meta[key] for key in meta if key not in ("segments", "opstamp")}


def _agrees(meta: Mapping[str, Any], notes: Mapping[str, Any]) -> bool:
    """Return True if meta.json has the noted segments unchanged, but for later deletions."""
    if not notes:
        return True
    if notes["rest"] != _settings(meta):
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
    """Yield the files of the last commit; a killed writer may have left others."""
    segments = _segments(meta)
    deletions = {s: f"{s}.{deleted[0]}.del" for s, (_, deleted) in segments.items() if deleted}
    for path in sorted(folder.iterdir()):
        segment = _segment_of(path.name)
        if segment in segments and (path.suffix != ".del" or path.name == deletions.get(segment)):
            yield path


def _segment_of(name: str) -> str:
    return name.partition(".")[0]


def _checksum(path: Path) -> int | None:
    """Return the CRC-32 of a file's content, None if the file's own footer has another one."""
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
