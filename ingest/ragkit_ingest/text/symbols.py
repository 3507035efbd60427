"""Characters of symbol fonts in Unicode: ticks, boxes, arrows, Greek letters and signs.

A symbol font shows a tick where the text says "ü" (0xFC); Office stores that code as it is or in
the private use area (0xF0FC). Pictures with no meaning in a text (a telephone) are left out.
Sources: the Unicode mappings of Adobe Symbol, Wingdings, Wingdings 2, Wingdings 3 and Webdings.
"""

from __future__ import annotations

from functools import partial

_SYMBOL = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
    "{|}∼"
)
_SYMBOL_HIGH = (  # from 0xA0
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"
    "\uf8ff〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
)
_WINGDINGS = {
    **dict(zip(range(0x80, 0x8B), "⓪①②③④⑤⑥⑦⑧⑨⑩", strict=True)),
    **dict(zip(range(0x8B, 0x96), "⓿❶❷❸❹❺❻❼❽❾❿", strict=True)),
    **dict(zip(range(0xD5, 0xF9), "⌫⌦⮘➢⮙⮛⮈⮊⮉⮋←→↑↓↖↗↙↘←→↑↓↖↗↙↘⇦⇨⇧⇩⇔⇕⇖⇗⇙⇘", strict=True)),
    **{0x43: "👍", 0x44: "👎", 0x45: "☜", 0x46: "☞", 0x47: "☝", 0x48: "☟", 0x4A: "☺", 0x4B: "😐"},
    **{0x4C: "☹", 0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "☐", 0x70: "☐", 0x71: "☐", 0x72: "☐"},
    **{0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖", 0x77: "⬥", 0x78: "☒", 0x9E: "·", 0x9F: "•"},
    **{0xA0: "▪", 0xA1: "○", 0xA2: "○", 0xA3: "○", 0xA4: "◉", 0xA5: "◎", 0xA7: "▪", 0xA8: "☐"},
    **{0xAB: "★", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"},
}
_WINGDINGS_2 = {
    **{0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0x55: "⊗", 0x56: "⊗"},
    **{0x58: "⊗", 0x98: "●", 0x99: "○", 0x9A: "◉", 0xA2: "■", 0xA3: "☐", 0xA4: "☐", 0xA5: "☐"},
    **{0xA6: "☐", 0x96: "•", 0x97: "•"},
    **dict(zip(range(0x69, 0x74), "⓪①②③④⑤⑥⑦⑧⑨⑩", strict=True)),
    **dict(zip(range(0x74, 0x7F), "⓿❶❷❸❹❺❻❼❽❾❿", strict=True)),
}
_WINGDINGS_3 = {
    **dict(zip(range(0x21, 0x29), "←→↑↓↖↗↙↘", strict=True)),
    **{0x66: "←", 0x67: "→", 0x68: "↑", 0x69: "↓", 0x6A: "↔", 0x6B: "↕", 0x70: "▲", 0x71: "▼"},
    **{0x72: "△", 0x73: "▽", 0x74: "◀", 0x75: "▶", 0x77: "▷", 0x7D: "▶", 0x7C: "◀"},
}
_WEBDINGS = {0x61: "✓", 0x63: "☐", 0x67: "■", 0x6E: "●", 0x72: "✗", 0x3D: "•"}
_WEBDINGS |= {0x33: "◀", 0x34: "▶", 0x35: "▲", 0x36: "▼"}
_FONTS = {
    "symbol": {
        **dict(enumerate(_SYMBOL, 0x20)),
        **dict(enumerate(_SYMBOL_HIGH, 0xA0)),
    },
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "wingdings 3": _WINGDINGS_3,
    "webdings": _WEBDINGS,
}


def is_symbol_font(font: str) -> bool:
    """Return whether the characters of a font are not those that its text says."""
    return font.lower() in _FONTS


def translate_symbols(text: str, font: str) -> str:
    """Return the characters that a symbol font shows for a text, in Unicode.

    Of other fonts, characters in the private use area are left out: nobody can tell what they show.
    """
    codes = _FONTS.get(font.lower())
    if codes is None:
        return "".join(letter for letter in text if not "\ue000" <= letter <= "\uf8ff")
    return "".join(map(partial(_translate, codes), text))


def _translate(codes: dict[int, str], letter: str) -> str:
    code = ord(letter)
    if letter.isspace() or (code > 0xFF and not 0xF000 <= code <= 0xF0FF):
        return letter
    return codes.get(code & 0xFF, "")
