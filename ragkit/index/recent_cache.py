"""A cache of the values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentCache(Generic[Key, Value]):
    """Keeps at most `size` values, those that were used last; safe from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._guard = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def renew(self, key: Key, renew: Callable[[Value | None], Value]) -> Value:
        """Return what `renew` makes of the value that is known, or of None, and keep it.

        While that value is still right, `renew` returns it. One thread at a time is in it.
        """
        with self._guard:
            value = self._values[key] = renew(self._values.pop(key, None))
            if len(self._values) > self._size:
                self._values.popitem(last=False)
            return value
