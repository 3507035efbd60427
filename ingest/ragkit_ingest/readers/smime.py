"""Takes the message out of an S/MIME signature, without checking it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # RFC 5652, 5.1
_OBJECT_ID, _OCTETS, _SEQUENCE, _CONTENT = 0x06, 0x04, 0x30, 0xA0
_CONSTRUCTED = 0x20
_MAX_DEPTH = 8


class _Element(NamedTuple):
    """An element of BER: its tag, and its content, which lies in [start, end)."""

    tag: int
    start: int
    end: int


def unwrap_signed(data: bytes) -> bytes:
    """Return the content that signed data encloses, b"" if it is encrypted or damaged."""
    try:
        outer = _find(data, _Element(0, 0, len(data)), _SEQUENCE)
        kind = _find(data, outer, _OBJECT_ID)
        if data[kind.start : kind.end] != _SIGNED_DATA:
            return b""
        signed = _find(data, _find(data, outer, _CONTENT), _SEQUENCE)
        content = _find(data, _find(data, signed, _SEQUENCE), _CONTENT)
        return b"".join(_iter_octets(data, content, 0))
    except (IndexError, LookupError):
        return b""


def _find(data: bytes, parent: _Element, tag: int) -> _Element:
    """Return the first element with a tag. Raises LookupError if there is none."""
    for element in _children(data, parent):
        if element.tag == tag:
            return element
    raise LookupError(tag)


def _children(data: bytes, parent: _Element) -> Iterator[_Element]:
    at = parent.start
    while at < parent.end:
        element, at = _read(data, at, parent.end, 0)
        if not element.tag:  # the end of an indefinite length
            return
        yield element


def _read(data: bytes, at: int, limit: int, depth: int) -> tuple[_Element, int]:
    """Return the element at an offset and the offset after it (X.690, 8.1)."""
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length == 0x80:
        return _read_indefinite(data, tag, start, limit, depth)
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size])
        start += size
    end = start + length
    if end > limit:
        raise LookupError(tag)
    return _Element(tag, start, end), end


def _read_indefinite(
    data: bytes, tag: int, start: int, limit: int, depth: int
) -> tuple[_Element, int]:
    if depth > _MAX_DEPTH:
        raise LookupError(tag)
    at = start
    while data[at : at + 2] != b"\0\0":
        _, at = _read(data, at, limit, depth + 1)
    return _Element(tag, start, at), at + 2


def _iter_octets(data: bytes, parent: _Element, depth: int) -> Iterator[bytes]:
    for element in _children(data, parent):
        if element.tag == _OCTETS:
            yield data[element.start : element.end]
        elif element.tag == _OCTETS | _CONSTRUCTED and depth < _MAX_DEPTH:
            yield from _iter_octets(data, element, depth + 1)
