from __future__ import annotations

import os

import pytest

from tests.test_kill import sweep


@pytest.mark.long
def test_no_moment_of_a_kill_tears_a_document_or_changes_the_end() -> None:
    points = int(os.environ.get("KILL_POINTS", "1000"))
    assert sweep(points=points, seed=1) == []
