"""Finds out whether something is still on the disk, without keeping what it was.

What is to be gone is remembered as fingerprints of 32 bytes of it here and there: sums of products
with secret numbers, as a rolling hash has them. Every place in a file is compared with all of them.
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

_WORDS_PER_WINDOW = 4  # of 8 bytes, in one fingerprint
WINDOW_BYTES = 8 * _WORDS_PER_WINDOW
_MAX_FINGERPRINTS = 8000  # fingerprints
_MIN_DISTINCT_BYTES = 8  # bytes that a fingerprint needs, or it says nothing: rows of dots, zeros
_PREFIX_BITS = 20  # of what a fingerprint's first word gives, by which most places are passed over
_BLOCK_BYTES = 1 << 20  # bytes, few enough to stay in a processor's cache
_SPAN_BYTES = 1 << 25  # bytes of a file that one thread goes through

_SHIFT = np.uint64(64 - _PREFIX_BITS)

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints by which texts and vectors are known again; `factors` are the secret numbers.

    `prefixes` are a few bits of what their first words give, to look twice at few places only.
    """

    factors: Hashes
    hashes: Hashes
    prefixes: Hashes

    @classmethod
    def from_contents(cls, contents: Iterable[bytes]) -> Fingerprints:
        """Fingerprints of everything in `contents` that is long enough, at most 8,000 in all."""
        random = np.frombuffer(secrets.token_bytes(WINDOW_BYTES), np.uint64)
        none = np.empty(0, np.uint64)
        return cls(random | np.uint64(1), none, none).add(contents)

    def add(self, contents: Iterable[bytes]) -> Fingerprints:
        """These, and at most 8,000 fingerprints of more contents."""
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
        """What `to_bytes` gave."""
        numbers = np.frombuffer(data, np.uint64)
        count = int(numbers[0])
        factors, hashes, first = np.split(
            numbers[1:], [_WORDS_PER_WINDOW, _WORDS_PER_WINDOW + count]
        )
        return cls(factors, hashes, first)

    def to_bytes(self) -> bytes:
        count = np.array([len(self.hashes)], np.uint64)
        return np.concatenate([count, self.factors, self.hashes, self.prefixes]).tobytes()

    def intersect(self, hashes: Hashes) -> Fingerprints:
        """Those of these that are among some."""
        return Fingerprints(self.factors, np.intersect1d(self.hashes, hashes), self.prefixes)

    def find_in_files(self, paths: Iterable[Path]) -> Hashes:
        """The fingerprints of what stands anywhere in these files."""
        spans = [(path, at) for path in paths for at in range(0, path.stat().st_size, _SPAN_BYTES)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets the others run meanwhile
            found = pool.map(lambda span: self._find_in_blocks(_read_span(*span)), spans)
            return np.unique(np.concatenate([self.hashes[:0], *found]))

    def find_in_contents(self, contents: Iterable[bytes]) -> Hashes:
        """The fingerprints of what stands in any of these."""
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
                part = data[start:]  # a copy, for numpy is slow where numbers are not aligned
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
    """What a table says of the first bits of each sum."""
    return table.take((sums >> _SHIFT).view(np.int64))


def _split_windows(content: bytes) -> Iterator[bytes]:
    """The content in pieces of 32 bytes, without those that could be anybody's."""
    for at in range(0, len(content) - WINDOW_BYTES + 1, WINDOW_BYTES):
        window = content[at : at + WINDOW_BYTES]
        if len(set(window)) >= _MIN_DISTINCT_BYTES:
            yield window


def _read_span(path: Path, at: int) -> Iterator[bytes]:
    """What stands in a file from there on, as far as something may that begins in the span."""
    left = _SPAN_BYTES + WINDOW_BYTES - 1
    with path.open("rb") as file:
        file.seek(at)
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            yield block
            left -= len(block)


def _join_blocks(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Contents one after the other, in large blocks; zeros between them."""
    batch: list[bytes] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if size >= _BLOCK_BYTES:
            yield b"\0".join(batch)
            batch, size = [], 0
    yield b"\0".join(batch)
