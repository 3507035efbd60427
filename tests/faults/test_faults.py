"""A sample of each sweep; tests/long runs the complete ones."""

from __future__ import annotations

import pytest

from tests.faults import disk, trap
from tests.faults.sweeping import sweep

WRITES = ("new", "changed", "publish", "remove")
needs_trap = pytest.mark.skipif(trap.unavailable() is not None, reason=str(trap.unavailable()))
needs_mounts = pytest.mark.skipif(disk.unavailable() is not None, reason=str(disk.unavailable()))


@needs_trap
def test_a_kill_at_any_call_leaves_whole_documents_and_the_next_run_ends_the_same() -> None:
    assert sweep("kill", *WRITES, points=12) == []


@needs_trap
def test_a_killed_erasure_is_finished_by_the_same_command() -> None:
    assert sweep("kill", "erase", points=12) == []


@needs_trap
@pytest.mark.parametrize("name", ["kill", "full", "error", "power"])
def test_a_change_of_the_embedder_is_done_or_not_done(name: str) -> None:
    assert sweep(name, "reembed", "undo", points=8) == []


@needs_trap
@pytest.mark.parametrize("name", ["kill", "full", "errors", "power"])
def test_a_backup_and_a_restore_are_done_or_not_done(name: str) -> None:
    assert sweep(name, "backup", "restore", points=8) == []


def test_a_kill_at_any_moment_does_so_with_all_formats() -> None:
    assert sweep("moments", points=4, seed=6) == []


@needs_trap
def test_a_disk_that_is_full_from_any_call_on_is_said_in_one_line() -> None:
    assert sweep("full", *WRITES, points=12) == []


@needs_trap
def test_a_call_that_fails_is_said_in_one_line() -> None:
    assert sweep("error", *WRITES, points=12) == []


@needs_mounts
def test_a_disk_that_fills_keeps_what_is_done_and_takes_the_rest_once_there_is_space() -> None:
    assert sweep("disk", points=6) == []


@needs_trap
def test_a_power_cut_loses_nothing_that_was_acknowledged() -> None:
    assert sweep("power", *WRITES, points=12) == []


def test_damage_is_found_or_harmless() -> None:
    assert sweep("damage", points=25) == []


def test_damage_after_a_kill_is_found_or_harmless() -> None:
    assert sweep("damage-killed", points=10) == []


@needs_mounts
def test_a_base_can_be_moved_copied_and_read_where_little_is_allowed() -> None:
    assert sweep("places") == []


def test_a_second_writer_is_refused_and_a_third_takes_over_from_a_killed_one() -> None:
    assert sweep("writers", points=4) == []


def test_readers_beside_ingests_see_whole_documents_of_one_version() -> None:
    assert sweep("readers", points=2) == []
