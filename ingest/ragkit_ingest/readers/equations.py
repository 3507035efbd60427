"""Equations of Office documents as text on one line: "x^2", "(a+b)/c", "√(x)".

Source: ISO/IEC 29500-1, 22.1 (Office Math Markup Language).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Element = Any  # an lxml element

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TEXTS = (f"{_M}t", f"{_W}t")
_LEFT_OUT = (f"{_W}del", f"{_W}moveFrom", f"{_W}rPr", f"{_M}oMathParaPr")


def write_equation(element: Element) -> str:
    """Return the text of an element of an equation, or of a run in one."""
    tag = element.tag
    if tag in _TEXTS:
        return element.text or ""
    writer = _WRITERS.get(tag)
    if writer is not None:
        return writer(element)
    if tag in _LEFT_OUT:
        return ""
    return ("\n" if tag == f"{_M}oMathPara" else "").join(map(write_equation, element))


def _write_child(element: Element, name: str) -> str:
    child = element.find(f"{_M}{name}")
    return "" if child is None else write_equation(child).strip()


def _group(text: str) -> str:
    """Return a text in parentheses unless it is one name, number or group."""
    is_one = len(text) < 2 or text.isalpha() or text.replace(".", "").replace(",", "").isdecimal()
    return text if is_one or _is_group(text) else f"({text})"


def _is_group(text: str) -> bool:
    """Return whether the first parenthesis of a text is closed by its last character."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at > 0 and at == len(text) - 1
    return False


def _property(element: Element, name: str, default: str) -> str:
    found = element.find(f"{_M}{element.tag.rpartition('}')[2]}Pr/{_M}{name}")
    return default if found is None else str(found.get(f"{_M}val", ""))


def _write_fraction(element: Element) -> str:
    over, under = _write_child(element, "num"), _write_child(element, "den")
    if _property(element, "type", "bar") == "noBar":  # a binomial coefficient
        return f"{over} over {under}"
    return f"{_group(over)}/{_group(under)}"


def _write_scripts(element: Element) -> str:
    text = _write_child(element, "e")
    under, over = _write_child(element, "sub"), _write_child(element, "sup")
    shifted = (f"_{_group(under)}" if under else "") + (f"^{_group(over)}" if over else "")
    return shifted + text if element.tag == f"{_M}sPre" else text + shifted


def _write_root(element: Element) -> str:
    degree, text = _write_child(element, "deg"), _write_child(element, "e")
    if degree and degree != "2":
        return f"root {degree} of ({text})"
    return f"√({text})"


def _write_operator(element: Element) -> str:
    sign = _property(element, "chr", "∫")
    under, over = _write_child(element, "sub"), _write_child(element, "sup")
    limits = (f"_{_group(under)}" if under else "") + (f"^{_group(over)}" if over else "")
    return f"{sign}{limits} {_write_child(element, 'e')}"


def _write_delimiters(element: Element) -> str:
    parts = [write_equation(part).strip() for part in element.findall(f"{_M}e")]
    inner = _property(element, "sepChr", "|").join(parts)
    return f"{_property(element, 'begChr', '(')}{inner}{_property(element, 'endChr', ')')}"


def _write_function(element: Element) -> str:
    name, text = _write_child(element, "fName"), _write_child(element, "e")
    return f"{name}{text}" if text.startswith(("(", "[")) else f"{name} {text}"


def _write_limit(element: Element) -> str:
    sign = "_" if element.tag == f"{_M}limLow" else "^"
    return f"{_write_child(element, 'e')}{sign}({_write_child(element, 'lim')})"


def _write_matrix(element: Element) -> str:
    rows = (
        ", ".join(write_equation(cell).strip() for cell in row.findall(f"{_M}e"))
        for row in element.findall(f"{_M}mr")
    )
    return "; ".join(rows)


def _write_lines(element: Element) -> str:
    return "; ".join(write_equation(line).strip() for line in element.findall(f"{_M}e"))


def _write_accent(element: Element) -> str:
    return _write_child(element, "e") + _property(element, "chr", "\u0302")


_WRITERS: dict[str, Callable[[Any], str]] = {
    f"{_M}f": _write_fraction,
    f"{_M}sSup": _write_scripts,
    f"{_M}sSub": _write_scripts,
    f"{_M}sSubSup": _write_scripts,
    f"{_M}sPre": _write_scripts,
    f"{_M}rad": _write_root,
    f"{_M}nary": _write_operator,
    f"{_M}d": _write_delimiters,
    f"{_M}func": _write_function,
    f"{_M}limLow": _write_limit,
    f"{_M}limUpp": _write_limit,
    f"{_M}m": _write_matrix,
    f"{_M}eqArr": _write_lines,
    f"{_M}acc": _write_accent,
}
