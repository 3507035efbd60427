"""Numbers of things in warnings: "1 picture was", "1,200 pictures were"."""

from __future__ import annotations

_PLURALS = {"is": "are", "was": "were", "has": "have"}


def count_things(number: int, name: str, verb: str = "") -> str:
    """Return a number of things that one of them is named after, and "is", "was" or "has"."""
    if number == 1:
        return f"1 {name} {verb}".rstrip()
    return f"{number:,} {name}s {_PLURALS.get(verb, '')}".rstrip()


def describe_struck(number: int) -> str:
    """Return the warning about struck-out passages, which are left out in all formats."""
    return f"{count_things(number, 'struck-out passage', 'was')} left out"
