from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError, Reason

SECRET = "Quarterly revenue rose to 5120 euro"
CID = "".join(f"{ord(char) - 29:04X}" for char in SECRET)
CODES = {char: code for code, char in enumerate(dict.fromkeys(SECRET), 1)}
SIMPLE = "".join(f"{CODES[char]:02X}" for char in SECRET)
NAMES = "".join(f"/g{code}" for code in CODES.values())
FONTS = {
    "numbered glyphs": (
        "/Subtype/Type0/BaseFont/ABCDEF+Arial/Encoding/Identity-H/DescendantFonts[<</Type/Font"
        "/Subtype/CIDFontType2/BaseFont/ABCDEF+Arial/CIDSystemInfo<</Registry(Adobe)"
        "/Ordering(Identity)/Supplement 0>>/FontDescriptor<</Type/FontDescriptor"
        "/FontName/ABCDEF+Arial/Flags 4/FontBBox[0 0 999 999]/ItalicAngle 0/Ascent 900"
        "/Descent -200/CapHeight 700/StemV 80>>>>]",
        CID,
    ),
    "drawn glyphs": (
        "/Subtype/Type3/FontBBox[0 0 750 750]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 1"
        f"/LastChar 60/Widths[{'500 ' * 60}]/CharProcs<<>>"
        f"/Encoding<</Type/Encoding/Differences[1{NAMES}]>>",
        SIMPLE,
    ),
}


def make(font: str, codes: str, line: str = "") -> bytes:
    content = f"BT /F0 12 Tf 72 700 Td <{codes}> Tj ET BT /F1 12 Tf 72 600 Td ({line}) Tj ET"
    fonts = "/Font<</F0 5 0 R/F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    bodies = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<{fonts}>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        f"<</Type/Font{font}>>",
    ]
    objects = "".join(f"{at} 0 obj\n{body}\nendobj\n" for at, body in enumerate(bodies, 1))
    return f"%PDF-1.7\n{objects}trailer<</Root 1 0 R>>\n".encode()


@pytest.mark.parametrize(("font", "codes"), FONTS.values(), ids=FONTS)
def test_letters_that_no_font_explains_are_not_searched(font: str, codes: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_document(make(font, codes), "a.pdf")
    assert caught.value.reason is Reason.NO_TEXT
    assert caught.value.detail == (
        "its fonts do not say which letters they draw; run OCR on the file first"
    )
    document = read_document(make(font, codes, "Only this is readable."), "a.pdf")
    page = document.pages[0]
    assert [page.text[b.start : b.end] for b in page.blocks] == ["Only this is readable."]
    assert document.warnings[-1] == (
        "page 1 has text in fonts that do not say which letters they draw; run OCR on the file to "
        "search it"
    )


def test_a_few_symbols_are_no_garbage() -> None:
    font, codes = FONTS["numbered glyphs"]
    document = read_document(make(font, codes[:20], "Only this is readable."), "a.pdf")
    assert document.warnings[1:] == ()
