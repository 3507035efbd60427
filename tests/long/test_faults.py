"""Every sweep from its first point to its last: an hour and a half."""

from __future__ import annotations

import os

import pytest

from tests.faults import disk, trap
from tests.faults.sweeping import sweep

pytestmark = pytest.mark.long


def test_no_moment_of_a_kill_tears_a_document_or_changes_the_end() -> None:
    assert sweep("moments", points=int(os.environ.get("KILL_POINTS", "1000"))) == []


@pytest.mark.skipif(trap.unavailable() is not None, reason=str(trap.unavailable()))
@pytest.mark.parametrize("name", ["kill", "full", "error", "errors", "power"])
def test_no_call_at_which_a_command_is_stopped_harms_a_base(name: str) -> None:
    assert sweep(name) == []


@pytest.mark.skipif(disk.unavailable() is not None, reason=str(disk.unavailable()))
@pytest.mark.parametrize("name", ["disk", "places"])
def test_no_size_of_a_disk_and_no_limit_harms_a_base(name: str) -> None:
    assert sweep(name) == []


@pytest.mark.parametrize("name", ["damage", "damage-killed"])
def test_no_damage_goes_unseen(name: str) -> None:
    assert sweep(name) == []


@pytest.mark.parametrize("name", ["writers", "readers"])
def test_writers_and_readers_do_each_other_no_harm(name: str) -> None:
    """Readers ask for ten minutes."""
    assert sweep(name) == []
