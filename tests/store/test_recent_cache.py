"""The cache of recent values: what it keeps, renews and drops."""

from __future__ import annotations

import threading
import time

import pytest

from ragkit.store.recent_cache import RecentCache


def value_of(cache: RecentCache[str, str], key: str, new: str) -> str:
    """The value that is kept, or the new one, which is kept then."""
    with cache.entry(key) as entry:
        entry.value = entry.value or new
        return entry.value


def test_a_value_is_kept_until_it_is_renewed() -> None:
    cache = RecentCache[str, str](2)
    assert value_of(cache, "a", "first") == "first"
    assert value_of(cache, "a", "second") == "first"
    with cache.entry("a") as entry:
        assert entry.value == "first"
        entry.value += " renewed"
    assert value_of(cache, "a", "third") == "first renewed"


def test_the_value_used_longest_ago_is_dropped() -> None:
    cache = RecentCache[str, str](2)
    for key in ("a", "b", "a", "c"):
        value_of(cache, key, "first")
    again = {key: value_of(cache, key, "again") for key in ("a", "c", "b")}
    assert again == {"a": "first", "c": "first", "b": "again"}


def test_an_error_keeps_no_value() -> None:
    cache = RecentCache[str, str](2)
    value_of(cache, "a", "first")
    with pytest.raises(ZeroDivisionError), cache.entry("a") as entry:
        entry.value = str(1 // 0)
    assert value_of(cache, "a", "second") == "second"


def test_several_threads_make_one_value() -> None:
    cache = RecentCache[str, str](2)
    made: list[int] = []

    def renew() -> None:
        with cache.entry("a") as entry:
            if entry.value is None:
                time.sleep(0.05)
                made.append(1)
                entry.value = "made"

    threads = [threading.Thread(target=renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
