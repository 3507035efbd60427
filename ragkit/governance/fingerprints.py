"""Fingerprints of erased content, to search the disk for it without storing it.

A fingerprint is a hash of 32 bytes: the sum of four words times secret factors, as in a rolling
hash. A search compares every position in a file with all fingerprints.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ragkit.store.file_blocks import read_blocks

_WORDS_PER_WINDOW = 4  # of 8 bytes
WINDOW_BYTES = 8 * _WORDS_PER_WINDOW
_MAX_FINGERPRINTS = 8000  # for each call
_MIN_DISTINCT_BYTES = 8  # with fewer a window says nothing: rows of dots, zeros
_PREFIX_BITS = 20  # of the first product; they rule out most positions early
_BLOCK_BYTES = 1 << 20  # fits into a processor's cache
_SPAN_BYTES = 1 << 25  # of a file for one thread

_SHIFT = np.uint64(64 - _PREFIX_BITS)

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints that recognize texts and vectors.

    `factors` holds the 4 secret factors, `hashes` the sorted fingerprints, and `prefixes` the
    first 20 bits of the first product of each, sorted; all are uint64 arrays of one dimension.
    """

    factors: Hashes
    hashes: Hashes
    prefixes: Hashes

    @classmethod
    def from_contents(cls, contents: Iterable[bytes]) -> Fingerprints:
        """Take fingerprints of all contents of at least 32 bytes, at most 8,000 in all."""
        random = np.frombuffer(secrets.token_bytes(WINDOW_BYTES), np.uint64)
        none = np.empty(0, np.uint64)
        return cls(random | np.uint64(1), none, none).add(contents)

    def add(self, contents: Iterable[bytes]) -> Fingerprints:
        """Return these fingerprints with those of more contents, at most 8,000 of them."""
        windows = [window for content in contents for window in _split_windows(content)]
        step = max(1, -(-len(windows) // _MAX_FINGERPRINTS))
        data = np.frombuffer(b"".join(windows[::step]), np.uint64).reshape(-1, _WORDS_PER_WINDOW)
        hashes = (data * self.factors).sum(axis=1, dtype=np.uint64)
        first = data[:, 0] * self.factors[0] >> _SHIFT
        return Fingerprints(
            self.factors, np.union1d(self.hashes, hashes), np.union1d(self.prefixes, first)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprints:
        """Read what `to_bytes` returned."""
        numbers = np.frombuffer(data, np.uint64)
        count = int(numbers[0])
        factors, hashes, first = np.split(
            numbers[1:], [_WORDS_PER_WINDOW, _WORDS_PER_WINDOW + count]
        )
        return cls(factors, hashes, first)

    def to_bytes(self) -> bytes:
        """Return the fingerprints in binary form; they do not reveal the content."""
        count = np.array([len(self.hashes)], np.uint64)
        return np.concatenate([count, self.factors, self.hashes, self.prefixes]).tobytes()

    def intersect(self, hashes: Hashes) -> Fingerprints:
        """Return the fingerprints that are among these hashes."""
        return Fingerprints(self.factors, np.intersect1d(self.hashes, hashes), self.prefixes)

    def find_in_files(self, paths: Iterable[Path]) -> Hashes:
        """Return the hashes of the fingerprints that occur anywhere in these files."""
        spans = [(path, at) for path in paths for at in range(0, path.stat().st_size, _SPAN_BYTES)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy releases the GIL
            found = pool.map(lambda span: self._find_in_blocks(_read_span(*span)), spans)
            return np.unique(np.concatenate([self.hashes[:0], *found]))

    def find_in_contents(self, contents: Iterable[bytes]) -> Hashes:
        """Return the hashes of the fingerprints that occur in any of these contents."""
        return self._find_in_blocks(_join_blocks(contents))

    def _find_in_blocks(self, blocks: Iterable[bytes]) -> Hashes:
        if not len(self.hashes):
            return self.hashes
        table, whole = np.zeros((2, 1 << _PREFIX_BITS), dtype=np.bool_)
        table[self.prefixes] = True
        whole[self.hashes >> _SHIFT] = True
        found, rest = np.zeros(len(self.hashes), dtype=np.bool_), b""
        for block in blocks:
            data = rest + block
            for start in range(min(8, len(data) - WINDOW_BYTES + 1)):
                part = data[start:]  # a copy: NumPy is slow on unaligned numbers
                words = np.frombuffer(part, np.uint64, len(part) // 8)
                sums = words[: -_WORDS_PER_WINDOW + 1] * self.factors[0]
                at = np.flatnonzero(_look_up(table, sums))
                sums = sums[at]
                for n in range(1, _WORDS_PER_WINDOW):
                    sums += words[at + n] * self.factors[n]
                sums = sums[_look_up(whole, sums)]
                nearest = np.searchsorted(self.hashes[1:], sums, side="right")
                found[nearest[self.hashes[nearest] == sums]] = True
            if found.all():
                break
            rest = data[-WINDOW_BYTES + 1 :]
        return self.hashes[found]


def _look_up(table: npt.NDArray[np.bool_], sums: Hashes) -> npt.NDArray[np.bool_]:
    """Return the table's entries for the first bits of each sum."""
    return table.take((sums >> _SHIFT).view(np.int64))


def _split_windows(content: bytes) -> Iterator[bytes]:
    """Split content into windows of 32 bytes; skip those with too few distinct bytes."""
    for at in range(0, len(content) - WINDOW_BYTES + 1, WINDOW_BYTES):
        window = content[at : at + WINDOW_BYTES]
        if len(set(window)) >= _MIN_DISTINCT_BYTES:
            yield window


def _read_span(path: Path, at: int) -> Iterator[bytes]:
    """Read a span of a file in blocks, up to the end of a window that begins in the span."""
    return read_blocks(path, at, _SPAN_BYTES + WINDOW_BYTES - 1, _BLOCK_BYTES)


def _join_blocks(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Join contents to large blocks, with a zero byte between them."""
    batch: list[bytes] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if size >= _BLOCK_BYTES:
            yield b"\0".join(batch)
            batch, size = [], 0
    yield b"\0".join(batch)
