"""The fields of a PDF form: what is typed, chosen or ticked on a page, with its label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ragkit_ingest.readers.pdf_appearance import Appearances, has_drawn_text
from ragkit_ingest.readers.pdf_attachments import read_wide_text
from ragkit_ingest.readers.pdf_notes import GRID, Note, is_same_row
from ragkit_ingest.readers.pdf_text import Pixels, Rectangle, to_pixels
from ragkit_ingest.text.cleaning import clean_text, one_line

TICKED, NOT_TICKED = "\N{BALLOT BOX WITH X}", "\N{BALLOT BOX}"
_PASSWORD = 1 << 13  # the flag of a field that shows no letters (ISO 32000-1, table 228)
_MAX_LABEL = 100  # characters
_LABEL_HEIGHT = 250  # steps of the grid above a field in which its label may be
_FILLING = " \t\n:.…_*"  # around a label
_NUMBER = re.compile(r"[\d.,+\-/: ]+")


@dataclass(frozen=True, slots=True)
class Widget:
    """A field where it is on a page; `value` is "" if it is not filled in.

    `is_ticked` is None for a field that is not a check box or radio button. `tooltip` and `name`
    are its labels in the file.
    """

    box: Rectangle
    value: str
    is_ticked: bool | None
    tooltip: str
    name: str


def read_widget(form: Any, annotation: Any, box: Rectangle, drawn: Appearances) -> Iterator[Widget]:
    """Yield the field that an annotation shows; none for a button or a password.

    `form` is pdfium's form environment, None if the file has no form. Fields are then read from
    their drawings.
    """
    import pypdfium2.raw as c

    if not form:
        if has_drawn_text(annotation):
            yield Widget(box, drawn.text_in(box), None, "", "")
        return
    kind = c.FPDFAnnot_GetFormFieldType(form, annotation)
    tooltip = one_line(read_wide_text(c.FPDFAnnot_GetFormFieldAlternateName, form, annotation))
    name = one_line(read_wide_text(c.FPDFAnnot_GetFormFieldName, form, annotation)).split(".")[-1]
    if kind in (c.FPDF_FORMFIELD_CHECKBOX, c.FPDF_FORMFIELD_RADIOBUTTON):
        ticked = bool(c.FPDFAnnot_IsChecked(form, annotation))
        export = read_wide_text(c.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        yield Widget(box, one_line(export), ticked, tooltip, name)
    elif kind in (c.FPDF_FORMFIELD_COMBOBOX, c.FPDF_FORMFIELD_LISTBOX):
        yield Widget(box, _read_choice(form, annotation), None, tooltip, name)
    elif kind == c.FPDF_FORMFIELD_TEXTFIELD:
        if not c.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
            value = _read_typed(form, annotation, box, drawn)
            yield Widget(box, value, None, tooltip, name)
    elif kind == c.FPDF_FORMFIELD_SIGNATURE and c.FPDFAnnot_HasKey(annotation, b"V"):
        value = drawn.text_in(box) if has_drawn_text(annotation) else ""
        yield Widget(box, value or "signed", None, tooltip, name)


def _read_choice(form: Any, annotation: Any) -> str:
    """Return the options that are chosen as they are shown, or what was typed instead."""
    import pypdfium2.raw as c

    chosen = [
        one_line(read_wide_text(c.FPDFAnnot_GetOptionLabel, form, annotation, at))
        for at in range(c.FPDFAnnot_GetOptionCount(form, annotation))
        if c.FPDFAnnot_IsOptionSelected(form, annotation, at)
    ]
    typed = one_line(read_wide_text(c.FPDFAnnot_GetFormFieldValue, form, annotation))
    return ", ".join(filter(None, chosen)) or typed


def _read_typed(form: Any, annotation: Any, box: Rectangle, drawn: Appearances) -> str:
    """Return the text of a field, as it is drawn if it is a number or a date, or only drawn."""
    import pypdfium2.raw as c

    typed = clean_text(read_wide_text(c.FPDFAnnot_GetFormFieldValue, form, annotation))[0]
    typed = "\n".join(filter(None, map(one_line, typed.split("\n"))))
    if typed and not _NUMBER.fullmatch(typed):
        return typed
    shown = drawn.text_in(box) if has_drawn_text(annotation) else ""
    is_spaced = shown.replace(" ", "") == typed.replace(" ", "")  # each digit in a box of its own
    return typed if is_spaced else shown or typed


def write_fields(page: Any, textpage: Any, widgets: list[Widget]) -> Iterator[Note]:
    """Yield the fields that are filled in as "Label: value", and those to tick with their state."""
    placed = [(to_pixels(page, widget.box, GRID, GRID), widget) for widget in widgets]
    boxes = [box for box, _ in placed if box]
    for box, widget in placed:
        if box is None:
            continue
        labels = _Labels(page, textpage, box, boxes)
        if widget.is_ticked is not None:
            label = labels.of_box(widget.tooltip or widget.value or widget.name)
            yield Note(f"{TICKED if widget.is_ticked else NOT_TICKED} {label}", widget.box)
        elif widget.value:
            label = widget.tooltip or labels.left() or labels.above() or labels.row() or widget.name
            yield Note(f"{label.strip(_FILLING)}: {widget.value}".lstrip(": "), widget.box)


class _Labels:
    """The words around a field, up to the other fields."""

    def __init__(self, page: Any, textpage: Any, box: Pixels, others: list[Pixels]) -> None:
        self._page = page
        self._textpage = textpage
        self._box = box
        left, top, right, bottom = box
        row = (left, top, right, min(bottom, top + _LABEL_HEIGHT))
        self._row = row
        self._beside = [other for other in others if other != box and is_same_row(other, row)]
        self._above = [other for other in others if other[0] < right and other[2] > left]

    def of_box(self, name: str) -> str:
        """Return the label of a box to tick: to the right, if words end its row, else to the left.

        In a table of boxes it is that of the row, with the name of the box.
        """
        ends = [self._box, *self._beside]
        after = self._read((max(end[2] for end in ends), self._row[1], GRID, self._row[3]))
        label = self.right() if after or not self.row() else self.left()
        if label:
            return label
        row = self.row() or self.above()
        return f"{row} ({name})" if row else name

    def left(self) -> str:
        start = max((other[2] for other in self._beside if other[2] <= self._box[0] + 9), default=0)
        return self._read((start, self._row[1], self._box[0], self._row[3]))

    def right(self) -> str:
        start = self._box[2]
        end = min((other[0] for other in self._beside if other[0] >= start - 9), default=GRID)
        return self._read((start, self._row[1], end, self._row[3]))

    def above(self) -> str:
        left, top, right, _ = self._box
        lowest = max((other[3] for other in self._above if other[3] <= top), default=0)
        return self._read((left, max(lowest, top - _LABEL_HEIGHT), right, top), last=True)

    def row(self) -> str:
        """Return the words at the start of the row, before its first field."""
        first = min((other[0] for other in self._beside), default=self._box[0])
        return self._read((0, self._row[1], min(first, self._box[0]), self._row[3]))

    def _read(self, area: Pixels, *, last: bool = False) -> str:
        """Return the words in an area, those of the last line alone with `last`."""
        if area[0] >= area[2] or area[1] >= area[3]:
            return ""
        text = self._textpage.get_text_bounded(*_to_page(self._page, area), errors="replace")
        lines = [line for line in map(one_line, clean_text(text)[0].split("\n")) if line]
        label = " ".join(lines[-1:] if last else lines).strip(_FILLING)
        return label if len(label) <= _MAX_LABEL else f"... {label[-_MAX_LABEL:].split(' ', 1)[-1]}"


def _to_page(page: Any, area: Pixels) -> Rectangle:
    """Return a part of the page as it is shown in points, the inverse of `to_pixels`."""
    import ctypes

    import pypdfium2.raw as c

    x, y = ctypes.c_double(), ctypes.c_double()
    corners = []
    for corner in (area[:2], area[2:]):
        c.FPDF_DeviceToPage(page, 0, 0, GRID, GRID, 0, *corner, x, y)
        corners.append((x.value, y.value))
    (left, right), (bottom, top) = (sorted(values) for values in zip(*corners, strict=True))
    return Rectangle(left, bottom, right, top)
