"""What is on a PDF page beside its text: form fields, comments, typed notes, stamps and files."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ragkit_ingest.model import Attachment
from ragkit_ingest.readers.pdf_appearance import Appearances, has_drawn_text
from ragkit_ingest.readers.pdf_attachments import read_attachment, read_wide_text
from ragkit_ingest.readers.pdf_forms import Widget, read_widget, write_fields
from ragkit_ingest.readers.pdf_notes import Note
from ragkit_ingest.readers.pdf_text import PageText, Rectangle
from ragkit_ingest.text.cleaning import clean_text, one_line

_NOT_SHOWN = 2 | 32  # the flags Hidden and NoView (ISO 32000-1, table 165)
_TAG = re.compile(r"<[^>]*>")


@dataclass(slots=True)
class Annotations:
    """The notes of a page in its order of drawing, and what else its annotations hold.

    `redactions` counts areas that are only marked to be blacked out, and `struck` the marks that
    strike text out.
    """

    notes: list[Note] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    redactions: int = 0
    struck: int = 0


def read_annotations(pdf: Any, page: Any, index: int, text: PageText) -> Annotations:
    """Read the annotations of a page that pdfium opened; `index` counts pages from 0.

    Leaves out links, windows of comments, and what is hidden or not filled in.
    """
    import pypdfium2.raw as c

    found = Annotations()
    count = c.FPDFPage_GetAnnotCount(page)
    if not count:
        return found
    reader = _AnnotationReader(text.text, Appearances(pdf, index), found)
    widgets: list[Widget] = []
    ignored = (c.FPDF_ANNOT_LINK, c.FPDF_ANNOT_POPUP)
    for at in range(count):
        annotation = c.FPDFPage_GetAnnot(page, at)
        kind = c.FPDFAnnot_GetSubtype(annotation)
        if kind in ignored or c.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN:
            pass
        elif kind == c.FPDF_ANNOT_WIDGET:
            widgets += read_widget(pdf.formenv, annotation, _read_box(annotation), reader.drawn)
        else:
            reader.read(annotation, kind, f"page {index + 1}")
        c.FPDFPage_CloseAnnot(annotation)
    found.notes += write_fields(page, text.textpage, widgets)
    reader.drawn.close()
    return found


class _AnnotationReader:
    """Adds what each annotation holds to `found`."""

    def __init__(self, text: str, drawn: Appearances, found: Annotations) -> None:
        self.drawn = drawn
        self._found = found
        self._text = one_line(text)

    def read(self, annotation: Any, kind: int, place: str) -> None:
        import pypdfium2.raw as c

        box = _read_box(annotation)
        if kind == c.FPDF_ANNOT_FREETEXT:
            text = _read_contents(annotation) or self._read_drawn(annotation, box)
            self._found.notes.append(Note(text, box))
        elif kind in (c.FPDF_ANNOT_STAMP, c.FPDF_ANNOT_WATERMARK):
            self._found.notes += self._read_stamp(annotation, box, kind == c.FPDF_ANNOT_STAMP)
        elif kind == c.FPDF_ANNOT_FILEATTACHMENT:
            file = c.FPDFAnnot_GetFileAttachment(annotation)
            attachment = read_attachment(file, place) if file else None
            self._found.attachments += filter(None, [attachment])
            self._found.notes += _read_comment(annotation, box)
        elif kind == c.FPDF_ANNOT_REDACT:
            self._found.redactions += 1
        else:
            self._found.struck += kind == c.FPDF_ANNOT_STRIKEOUT
            self._found.notes += self._read_new_comment(annotation, box)

    def _read_drawn(self, annotation: Any, box: Rectangle) -> str:
        return self.drawn.text_in(box) if has_drawn_text(annotation) else ""

    def _read_stamp(self, annotation: Any, box: Rectangle, is_stamp: bool) -> Iterator[Note]:
        text = self._read_drawn(annotation, box)
        if not text and is_stamp:
            text = _read_contents(annotation) or _split_words(_read_text(annotation, b"Name"))
        if text:
            yield Note(f"Stamp: {text}" if is_stamp else text, box)

    def _read_new_comment(self, annotation: Any, box: Rectangle) -> Iterator[Note]:
        """Yield a comment, unless it only repeats the words that it marks."""
        if one_line(_read_contents(annotation)) not in self._text:
            yield from _read_comment(annotation, box)


def _read_comment(annotation: Any, box: Rectangle) -> Iterator[Note]:
    """Yield the words of a comment with its author; the state of a review is none."""
    import pypdfium2.raw as c

    text = _read_contents(annotation)
    if not text or c.FPDFAnnot_HasKey(annotation, b"StateModel"):
        return
    author = one_line(_read_text(annotation, b"T"))
    kind = "Reply" if c.FPDFAnnot_HasKey(annotation, b"IRT") else "Comment"
    yield Note(f"{kind} ({author}): {text}" if author else f"{kind}: {text}", box)


def _read_contents(annotation: Any) -> str:
    """Return the lines of an annotation's text, of its formatted one if it has no other."""
    text = _read_text(annotation, b"Contents")
    if not text:
        text = html.unescape(_TAG.sub(" ", _read_text(annotation, b"RC")))
    lines = (one_line(line) for line in clean_text(text)[0].split("\n"))
    return "\n".join(filter(None, lines))


def _read_text(annotation: Any, key: bytes) -> str:
    import pypdfium2.raw as c

    return read_wide_text(c.FPDFAnnot_GetStringValue, annotation, key)


def _read_box(annotation: Any) -> Rectangle:
    import pypdfium2.raw as c

    found = c.FS_RECTF()
    c.FPDFAnnot_GetRect(annotation, found)
    (left, right), (bottom, top) = (
        sorted((found.left, found.right)),
        sorted((found.bottom, found.top)),
    )
    return Rectangle(left, bottom, right, top)


def _split_words(name: str) -> str:
    """Return the words of a stamp's name: "#SBNotApproved" gives "Not Approved"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"^#?(?:SB|SH)?", "", name))
