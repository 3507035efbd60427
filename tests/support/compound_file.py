"""Compound files ([MS-CFB]), as old Office programs write them, made for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def make_compound_file(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file with streams in its root, none of them in the small sectors."""
    sectors: list[bytes] = []
    table: list[int] = []
    entries = [_entry("Root Entry", 5, _END, 0, child=1 if streams else _FREE)]
    for at, (name, content) in enumerate(streams.items(), start=1):
        following = at + 1 if at < len(streams) else _FREE
        padded = content.ljust(4096, b"\0")  # shorter streams would be in the small sectors
        entries.append(_entry(name, 2, len(sectors), len(padded), sibling=following))
        _append(sectors, table, padded)
    first_directory = len(sectors)
    _append(sectors, table, b"".join(entries))
    first_table = len(sectors)
    count = -(-(len(table) + 1) // (_SECTOR // 4 - 1))
    table += [_FAT] * count
    packed = struct.pack(f"<{len(table)}I", *table)
    sectors += _split(packed, b"\xff")
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, count),
        *(first_directory, 0, 4096, _END, 0, _END, 0),
    )
    header += struct.pack(f"<{count}I", *range(first_table, first_table + count))
    return header.ljust(_SECTOR, b"\xff") + b"".join(sectors)


def _append(sectors: list[bytes], table: list[int], content: bytes) -> None:
    """Append a chain of sectors."""
    added = _split(content, b"\0")
    table += [*range(len(sectors) + 1, len(sectors) + len(added)), _END]
    sectors += added


def _split(content: bytes, filler: bytes) -> list[bytes]:
    starts = range(0, len(content), _SECTOR)
    return [content[start : start + _SECTOR].ljust(_SECTOR, filler) for start in starts]


def _entry(
    name: str, kind: int, start: int, size: int, *, sibling: int = _FREE, child: int = _FREE
) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16sIQQIQ",
        *(encoded, len(encoded), kind, 1, _FREE, sibling, child, b"", 0, 0, 0, start, size),
    )
