"""The text in the drawings of annotations, which is what a program shows of them."""

from __future__ import annotations

from typing import Any

from ragkit_ingest.readers.pdf_text import Rectangle
from ragkit_ingest.text.cleaning import clean_text, one_line


def has_drawn_text(annotation: Any) -> bool:
    """Return True if the drawing of an annotation may hold text."""
    import pypdfium2.raw as c

    kinds = (c.FPDF_PAGEOBJ_TEXT, c.FPDF_PAGEOBJ_FORM)
    objects = (
        c.FPDFAnnot_GetObject(annotation, at)
        for at in range(c.FPDFAnnot_GetObjectCount(annotation))
    )
    return any(c.FPDFPageObj_GetType(drawn) in kinds for drawn in objects)


class Appearances:
    """The drawings of a page's annotations without the page; made when they are first asked for."""

    def __init__(self, pdf: Any, index: int) -> None:
        self._pdf = pdf
        self._index = index
        self._copy: Any = None
        self._textpage: Any = None

    def text_in(self, box: Rectangle) -> str:
        """Return the text that annotations draw in a box, line by line."""
        if self._textpage is None:
            self._copy, self._textpage = _draw_alone(self._pdf, self._index)
        text = self._textpage.get_text_bounded(*box, errors="replace")
        lines = (one_line(line) for line in clean_text(text)[0].split("\n"))
        return "\n".join(filter(None, lines))

    def close(self) -> None:
        """Close the copy of the page."""
        if self._copy is not None:
            self._copy.close()


def _draw_alone(pdf: Any, index: int) -> tuple[Any, Any]:
    """Return a copy of a page that holds only the drawings of its annotations, and its text."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as c

    copy = pdfium.PdfDocument.new()
    copy.import_pages(pdf, [index])
    page = copy[0]
    for at in reversed(range(c.FPDFPage_CountObjects(page))):
        drawn = c.FPDFPage_GetObject(page, at)
        c.FPDFPage_RemoveObject(page, drawn)
        c.FPDFPageObj_Destroy(drawn)
    c.FPDFPage_GenerateContent(page)
    c.FPDFPage_Flatten(page, c.FLAT_NORMALDISPLAY)
    page.close()
    return copy, copy[0].get_textpage()
