"""Keeps what a test restricts to that test."""

from __future__ import annotations

import pytest

from ragkit import network


def free(patch: pytest.MonkeyPatch) -> None:
    """Let this process reach everything, and do so again after the test, whatever it restricts."""
    for name in network._OFFLINE:
        patch.setenv(name, "0")
    patch.setattr(network._fence, "hosts", None)
    patch.setattr(network._fence, "addresses", set())
