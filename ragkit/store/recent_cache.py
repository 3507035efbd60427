"""A cache of the values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class Entry(Generic[Value]):
    """The value of a key, None if none is kept."""

    value: Value | None


class RecentCache(Generic[Key, Value]):
    """Keeps at most `size` values, those that were used last; safe from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._guard = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    @contextmanager
    def entry(self, key: Key) -> Iterator[Entry[Value]]:
        """Give the entry of a key, and keep the value that is set in it.

        One thread at a time has an entry. After an error the key has no value.
        """
        with self._guard:
            entry = Entry(self._values.pop(key, None))
            yield entry
            if entry.value is not None:
                self._values[key] = entry.value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
