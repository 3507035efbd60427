"""What one file may cost: bytes, characters, seconds and memory."""

from __future__ import annotations

from dataclasses import dataclass

from ragkit_ingest.model import ReadError, Reason

OUT_OF_MEMORY = "reading needs more memory than a file may use; split the file"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The limits of one file.

    `max_bytes` is the size of the file, `max_characters` that of its text. `seconds` limits both
    wall-clock and processor time, and `memory` (bytes) the data of the reader process.
    """

    max_bytes: int = 200_000_000
    max_characters: int = 20_000_000
    seconds: int = 120
    memory: int = 2_000_000_000


def too_large(size: int, limit: int) -> ReadError:
    """Return the error of a file with `size` bytes where `limit` are allowed."""
    return ReadError(
        Reason.TOO_LARGE,
        f"the file has {size / 1e6:.0f} MB and the limit is {limit / 1e6:.0f} MB; "
        "split it or raise max_file_mb",
    )
