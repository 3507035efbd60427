"""The cache of recent values: what it keeps, renews and drops."""

from __future__ import annotations

import threading
import time

import pytest

from ragkit.index.recent_cache import RecentCache


def test_values_are_made_once_and_renewed_from_the_known_one() -> None:
    cache = RecentCache[str, list[int]](2)
    given: list[list[int] | None] = []

    def renew(known: list[int] | None) -> list[int]:
        given.append(known)
        return known if known is not None else [len(given)]

    first = cache.renew("a", renew)
    assert cache.renew("a", renew) is first
    assert given == [None, [1]]
    assert cache.renew("a", lambda known: [*(known or ()), 2]) == [1, 2]
    assert cache.renew("a", renew) == [1, 2]


def test_the_value_used_longest_ago_is_dropped() -> None:
    cache = RecentCache[str, str](2)
    for key in ("a", "b", "a", "c"):
        cache.renew(key, lambda known: known or "first")
    again = {key: cache.renew(key, lambda known: known or "again") for key in ("a", "c", "b")}
    assert again == {"a": "first", "c": "first", "b": "again"}


def test_an_error_keeps_no_value() -> None:
    cache = RecentCache[str, int](2)
    cache.renew("a", lambda _: 1)
    with pytest.raises(ZeroDivisionError):
        cache.renew("a", lambda known: 1 // 0)
    assert cache.renew("a", lambda known: 2 if known is None else known) == 2


def test_several_threads_make_one_value() -> None:
    cache = RecentCache[str, int](2)
    made: list[int] = []

    def renew(known: int | None) -> int:
        if known is None:
            time.sleep(0.05)
            made.append(1)
        return 1

    threads = [threading.Thread(target=cache.renew, args=("a", renew)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
