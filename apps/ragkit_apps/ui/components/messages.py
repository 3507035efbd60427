"""Headings, captions, notices and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from ragkit import RagkitError
from ragkit_apps.ui.components.markup import to_one_line


def draw_heading(text: str, level: int = 1) -> None:
    """Draw a heading; its text is not interpreted as Markdown."""
    st.html(f'<h{level} class="heading">{escape(to_one_line(text))}</h{level}>')


def draw_caption(text: str) -> None:
    """Draw a line of small, grey text."""
    st.html(f'<p class="quiet">{escape(text)}</p>')


def draw_notice(text: str, *, is_error: bool = False) -> None:
    """Draw a frame with a text, line by line; screen readers announce it, errors at once."""
    kind, role = ("bad", "alert") if is_error else ("good", "status")
    st.html(f'<div class="notice {kind}" role="{role}">{escape(text)}</div>')


def draw_error(error: Exception) -> None:
    """Draw an error's message; ragkit's messages say what to do."""
    draw_notice(str(error), is_error=True)


@contextmanager
def show_errors() -> Iterator[None]:
    """Draw the error that the block raises, instead of a traceback."""
    try:
        yield
    except (RagkitError, OSError) as error:
        draw_error(error)
