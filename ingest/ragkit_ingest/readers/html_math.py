"""MathML as a line of text: "(a+b)/2", "x²", "√(y)"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_MAX_DEPTH = 40  # deeper formulas are their text
_ANNOTATIONS = {"annotation", "annotation-xml", "none", "mprescripts", "mphantom"}
_WORDS = {"mtext", "ms"}


def write_math(node: LexborNode) -> str:
    """Return a formula in one line, or its `alttext` if it has no content."""
    text = one_line(_write(node, 0))
    return f" {text or one_line(node.attributes.get('alttext') or '')} "


def _write(node: LexborNode, depth: int) -> str:
    tag = node.tag or ""
    if tag in _ANNOTATIONS:
        return ""
    inner = [child for child in node.iter() if child.tag not in _ANNOTATIONS]
    if not inner or depth > _MAX_DEPTH:
        text = one_line(node.text())
        return f" {text} " if tag in _WORDS else text
    parts = [_write(child, depth + 1) for child in inner]
    if tag in ("mfrac", "msup", "msub", "mover", "munder") and len(parts) == 2:
        return _join_two(tag, *parts)
    if tag in ("msubsup", "munderover") and len(parts) == 3:
        base, low, high = parts
        return f"{base}{lower_text(low)}{raise_text(high)}"
    if tag == "mroot" and len(parts) == 2:
        return f"{raise_text(parts[1])}√({parts[0]})"
    if tag == "msqrt":
        return f"√({''.join(parts)})"
    if tag == "mfenced":
        return f"({', '.join(parts)})"
    separator = {"mtr": " ", "mtable": "; "}.get(tag, "")
    return separator.join(parts)


def _join_two(tag: str, first: str, second: str) -> str:
    if tag == "mfrac":
        return f"{_bracket(first)}/{_bracket(second)}"
    if tag in ("msup", "mover"):
        return f"{first}{raise_text(second)}"
    return f"{first}{lower_text(second)}"


def _bracket(text: str) -> str:
    return text if text.isalnum() else f"({text})"
