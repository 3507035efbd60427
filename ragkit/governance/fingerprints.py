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

_WORDS = 4  # of 8 bytes, in one fingerprint
WINDOW = 8 * _WORDS
_MOST = 8000  # fingerprints
_DISTINCT = 8  # bytes that a fingerprint needs, or it says nothing: rows of dots, zeros
_BITS = 20  # of what a fingerprint's first word gives, by which most places are passed over
_BLOCK = 1 << 20  # bytes, few enough to stay in a processor's cache
_SPAN = 1 << 25  # bytes of a file that one thread goes through

_SHIFT = np.uint64(64 - _BITS)

Prints = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints by which texts and vectors are known again; `factors` are the secret numbers.

    `first` are a few bits of what their first words give, to look twice at few places only.
    """

    factors: Prints
    prints: Prints
    first: Prints

    @classmethod
    def of(cls, contents: Iterable[bytes]) -> Fingerprints:
        """Fingerprints of everything in `contents` that is long enough, at most 8,000 in all."""
        random = np.frombuffer(secrets.token_bytes(WINDOW), np.uint64)
        none = np.empty(0, np.uint64)
        return cls(random | np.uint64(1), none, none).and_of(contents)

    def and_of(self, contents: Iterable[bytes]) -> Fingerprints:
        """These, and at most 8,000 fingerprints of more contents."""
        windows = [window for content in contents for window in _windows(content)]
        step = max(1, -(-len(windows) // _MOST))
        data = np.frombuffer(b"".join(windows[::step]), np.uint64).reshape(-1, _WORDS)
        prints = (data * self.factors).sum(axis=1, dtype=np.uint64)
        first = data[:, 0] * self.factors[0] >> _SHIFT
        return Fingerprints(
            self.factors, np.union1d(self.prints, prints), np.union1d(self.first, first)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprints:
        """What `to_bytes` gave."""
        numbers = np.frombuffer(data, np.uint64)
        count = int(numbers[0])
        factors, prints, first = np.split(numbers[1:], [_WORDS, _WORDS + count])
        return cls(factors, prints, first)

    def to_bytes(self) -> bytes:
        count = np.array([len(self.prints)], np.uint64)
        return np.concatenate([count, self.factors, self.prints, self.first]).tobytes()

    def only(self, prints: Prints) -> Fingerprints:
        """Those of these that are among some."""
        return Fingerprints(self.factors, np.intersect1d(self.prints, prints), self.first)

    def in_files(self, paths: Iterable[Path]) -> Prints:
        """The fingerprints of what stands anywhere in these files."""
        spans = [(path, at) for path in paths for at in range(0, path.stat().st_size, _SPAN)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets the others run meanwhile
            found = pool.map(lambda span: self._in_blocks(_read(*span)), spans)
            return np.unique(np.concatenate([self.prints[:0], *found]))

    def in_contents(self, contents: Iterable[bytes]) -> Prints:
        """The fingerprints of what stands in any of these."""
        return self._in_blocks(_gathered(contents))

    def _in_blocks(self, blocks: Iterable[bytes]) -> Prints:
        if not len(self.prints):
            return self.prints
        table, whole = np.zeros((2, 1 << _BITS), dtype=np.bool_)
        table[self.first] = True
        whole[self.prints >> _SHIFT] = True
        found, rest = np.zeros(len(self.prints), dtype=np.bool_), b""
        for block in blocks:
            data = rest + block
            for start in range(min(8, len(data) - WINDOW + 1)):
                part = data[start:]  # a copy, for numpy is slow where numbers are not aligned
                words = np.frombuffer(part, np.uint64, len(part) // 8)
                sums = words[: -_WORDS + 1] * self.factors[0]
                at = np.flatnonzero(_taken(table, sums))
                sums = sums[at]
                for n in range(1, _WORDS):
                    sums += words[at + n] * self.factors[n]
                sums = sums[_taken(whole, sums)]
                nearest = np.searchsorted(self.prints[1:], sums, side="right")
                found[nearest[self.prints[nearest] == sums]] = True
            if found.all():
                break
            rest = data[-WINDOW + 1 :]
        return self.prints[found]


def _taken(table: npt.NDArray[np.bool_], sums: Prints) -> npt.NDArray[np.bool_]:
    """What a table says of the first bits of each sum."""
    return table.take((sums >> _SHIFT).view(np.int64))


def _windows(content: bytes) -> Iterator[bytes]:
    """The content in pieces of 32 bytes, without those that could be anybody's."""
    for at in range(0, len(content) - WINDOW + 1, WINDOW):
        window = content[at : at + WINDOW]
        if len(set(window)) >= _DISTINCT:
            yield window


def _read(path: Path, at: int) -> Iterator[bytes]:
    """What stands in a file from there on, as far as something may that begins in the span."""
    left = _SPAN + WINDOW - 1
    with path.open("rb") as file:
        file.seek(at)
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            yield block
            left -= len(block)


def _gathered(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Contents one after the other, in large blocks; zeros between them."""
    batch: list[bytes] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if size >= _BLOCK:
            yield b"\0".join(batch)
            batch, size = [], 0
    yield b"\0".join(batch)
