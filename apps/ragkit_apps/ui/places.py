"""How the page names a place in a document."""

from __future__ import annotations

from ragkit import Citation, Hit


def format_place(result: Citation | Hit) -> str:
    """Return the document and the place in it: "handbook.pdf, page 5 (printed 2)"."""
    return f"{result.source}, {result.place}" if result.place else result.source
