"""What an index finds: chunks and their scores, as two arrays of the same length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def best_of(found: Sequence[tuple[Ids, Scores]], k: int | None = None) -> tuple[Ids, Scores]:
    """The best `k` of several lists, or all, best first; of equal scores the older chunk first."""
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    ids = np.concatenate([part[0] for part in found])
    scores = np.concatenate([part[1] for part in found])
    order = np.lexsort((ids, -scores))[:k]
    return ids[order], scores[order]
