r"""Fields of Word documents that have no result: Word shows them from their instruction.

`SYMBOL` is a character of a font. `EQ` draws fractions, roots, and characters over each other, such
as "\o\ac(○,1)" for a number in a circle. Source: ISO/IEC 29500-1, 17.16.5.
"""

from __future__ import annotations

import re

from ragkit_ingest.readers.docx_styles import to_int
from ragkit_ingest.text.superscripts import lower_text, raise_text
from ragkit_ingest.text.symbols import translate_symbols

_FONT = re.compile(r'\\f\s*(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_LOOKS = re.compile(r'\\\*\s*(?:"[^"]*"|\S+)')  # \* jc2 \* "Font:MS Mincho" \* hps10
_GUIDE = re.compile(r"\\s\\up\s*[\d.]*\s*\([^()]*\)\s*[,;]", re.IGNORECASE)
_GROUP = re.compile(r"((?:\\[a-z]+\s*[\d.]*\s*)+)\(((?:[^()\\]|\([^()\\]*\))*)\)", re.IGNORECASE)
_SIGN = re.compile(r"^[○□△◇〇]\s*[,;]\s*")  # around a character
_MAX_LENGTH = 500  # characters of an instruction


def is_number_field(instruction: str) -> bool:
    """Return whether a field counts paragraphs, so that its number is in no file."""
    return _name(instruction) in ("AUTONUM", "AUTONUMLGL", "AUTONUMOUT", "LISTNUM")


def write_field(instruction: str) -> str:
    """Return what a field without a result shows, "" for all but EQ and SYMBOL."""
    name = _name(instruction)
    if name == "SYMBOL":
        return _write_symbol(instruction)
    return _write_equation(instruction) if name == "EQ" and len(instruction) < _MAX_LENGTH else ""


def _name(instruction: str) -> str:
    return instruction.split(maxsplit=1)[0].upper() if instruction.strip() else ""


def _write_symbol(instruction: str) -> str:
    code = instruction.split()[1] if len(instruction.split()) > 1 else ""
    font = _FONT.search(instruction)
    letter = chr(min(to_int(code, 32), 0xFFFF))
    return translate_symbols(letter, (font[1] or font[2]) if font else "")


def _write_equation(instruction: str) -> str:
    """Write the groups from the inside out; a phonetic guide is left out of characters over it."""
    text = _LOOKS.sub("", instruction.strip()[2:])
    if re.search(r"\\o", text, re.IGNORECASE):
        text = _GUIDE.sub("", text)
    count = 1
    while count:
        text, count = _GROUP.subn(_write_group, text)
    return text.strip()


def _write_group(found: re.Match[str]) -> str:
    switches, text = found[1].lower(), _SIGN.sub("", found[2].strip())
    parts = [part.strip() for part in re.split("[,;]", text, maxsplit=1)]
    if switches.startswith("\\f") and len(parts) == 2:
        return "/".join(parts)
    if switches.startswith("\\r"):
        return f"√({parts[-1]})"
    if switches.startswith("\\s"):
        return lower_text(text) if "\\do" in switches else raise_text(text)
    return text
