"""A pager for long lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

ENTRIES_PER_PART = 25
_Entry = TypeVar("_Entry")


def select_part(entries: Sequence[_Entry], key: str) -> Sequence[_Entry]:
    """Return the entries of the part that the visitor chose with the pager."""
    part = _get_part(len(entries), key)
    return entries[(part - 1) * ENTRIES_PER_PART : part * ENTRIES_PER_PART]


def draw_pager(count: int, key: str) -> None:
    """Draw a pager for a list of `count` entries, if it has several parts.

    The part is stored apart from the widget, whose state Streamlit drops while it is not drawn.
    """
    parts, part = _count_parts(count), _get_part(count, key)
    if parts > 1:
        widget = f"{key}-pager-{part}-{parts}"
        st.pagination(parts, default=part, key=widget, on_change=_set_part, args=(key, widget))


def reset_pager(key: str) -> None:
    """Go to the first part."""
    st.session_state[key] = 1


def _set_part(key: str, widget: str) -> None:
    st.session_state[key] = st.session_state[widget]


def _get_part(count: int, key: str) -> int:
    return int(min(st.session_state.get(key, 1), _count_parts(count)))


def _count_parts(count: int) -> int:
    return max(1, -(-count // ENTRIES_PER_PART))
