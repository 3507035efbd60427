"""Word documents (docx): one page with paragraphs, lists and tables in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder, first_heading
from ragkit_ingest.readers.ooxml import Package, Part, translate_errors
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element; lxml brings no types

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_IMAGE = "{urn:schemas-microsoft-com:vml}imagedata"
# Wrappers whose content is in the text: content controls, insertions, moved text where it went.
# python-docx's `iter_inner_content` skips them. Deletions (w:del, w:moveFrom) are in no list here.
_WRAPPERS = {
    f"{_W}{tag}"
    for tag in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "hyperlink")
} | {f"{_W}{tag}" for tag in ("fldSimple", "dir", "bdo", "ruby", "rubyBase")}
_CHARACTERS = {f"{_W}tab": "\t", f"{_W}ptab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n"}
_CHARACTERS[f"{_W}noBreakHyphen"] = "-"
_DRAWINGS = {f"{_W}drawing", f"{_W}pict", f"{_W}object"}
_NOTES = {f"{_W}footnoteReference": "Footnote", f"{_W}endnoteReference": "Endnote"}


@dataclass(frozen=True, slots=True)
class _Style:
    level: int  # as a heading, 0 if none
    is_item: bool
    is_hidden: bool


@dataclass(slots=True)
class _Content:
    """The content of a paragraph or cell: its text, text boxes and references to notes."""

    text: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def read_docx(data: bytes, source: str) -> Document:
    """Read a Word document, without headers, footers, comments and deleted text.

    Notes follow the paragraph that refers to them. Raises ReadError: CORRUPT, ENCRYPTED or
    TOO_LARGE.
    """
    with translate_errors("Word document"):
        package = Package(data, "Word document")
        part = package.main
        writer = _Writer(_read_styles(part), _read_notes(part))
        for body in part.root.iterchildren(f"{_W}body"):
            writer.write(body)
        pages = (writer.builder.build(),)
        title, metadata = package.read_properties()
    warnings = package.describe_unread_parts()
    return Document("docx", pages, title or first_heading(pages), metadata, warnings)


def _read_notes(part: Part) -> dict[tuple[str, str], Element]:
    """Return footnotes and endnotes by kind and id."""
    notes: dict[tuple[str, str], Element] = {}
    for kind in ("Footnote", "Endnote"):
        for root in part.find_roots(f"{kind.lower()}s"):
            for note in root:
                notes[kind, note.get(f"{_W}id", "")] = note
    return notes


def _read_styles(part: Part) -> dict[str, _Style]:
    """Return each style by its id, with what it inherits."""
    roots = part.find_roots("styles")
    elements = {
        style.get(f"{_W}styleId"): style for root in roots for style in root.iter(f"{_W}style")
    }
    styles: dict[str, _Style] = {}
    for style_id, style in elements.items():
        chain: list[Element] = []
        element = style
        while element is not None and element not in chain:
            chain.append(element)
            element = elements.get(_attribute(element, "basedOn"))
        levels = (_style_level(link) for link in chain)
        level = next((level for level in levels if level is not None), 0)
        is_item = any(_attribute(link, "pPr/numPr/numId", "0") != "0" for link in chain)
        styles[style_id] = _Style(level, is_item, any(_is_vanished(link) for link in chain))
    return styles


def _style_level(style: Element) -> int | None:
    """Return a style's heading level, by its name (English in every Word) or its outline."""
    name = _attribute(style, "name").lower()
    if name in ("title", "heading"):
        return 1
    if name.startswith("heading ") and name[8:].isdecimal():
        return int(name[8:])
    return _outline_level(style)


def _outline_level(element: Element) -> int | None:
    value = _attribute(element, "pPr/outlineLvl")
    return None if not value.isdecimal() else (int(value) + 1) % 10  # 9 stands for body text


def _attribute(element: Element, path: str, default: str = "") -> str:
    content = element.find("/".join(f"{_W}{tag}" for tag in path.split("/")))
    return default if content is None else content.get(f"{_W}val", default)


def _is_vanished(element: Element) -> bool:
    content = element.find(f"{_W}rPr/{_W}vanish")
    return content is not None and content.get(f"{_W}val", "1") not in ("0", "false", "off")


def _iter_blocks(container: Element) -> Iterator[Element]:
    """Yield the paragraphs and tables in a container, in order."""
    for child in container:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _iter_blocks(child)


def _iter_rows(container: Element, tag: str) -> Iterator[Element]:
    """Yield the rows of a table or the cells of a row (`tag` "tr" or "tc"), except deleted rows."""
    for child in container:
        if child.tag == f"{_W}{tag}":
            if child.find(f"{_W}trPr/{_W}del") is None:
                yield child
        elif child.tag in _WRAPPERS:
            yield from _iter_rows(child, tag)


class _Writer:
    """Writes paragraphs and tables to one page, each followed by its text boxes and notes."""

    def __init__(self, styles: dict[str, _Style], notes: dict[tuple[str, str], Element]) -> None:
        self.builder = PageBuilder()
        self._read_styles = styles
        self._note_elements = notes

    def write(self, container: Element) -> None:
        """Write the content of an element: a body, a cell or a text box."""
        for element in _iter_blocks(container):
            if element.tag == f"{_W}p":
                self._write_paragraph(element)
            else:
                self._write_table(element)

    def _write_paragraph(self, paragraph: Element) -> None:
        content = _Content()
        self._collect(paragraph, content)
        style = self._read_styles.get(_attribute(paragraph, "pPr/pStyle"), _Style(0, False, False))
        text = "".join(content.text)
        level = _outline_level(paragraph)
        level = style.level if level is None else level
        numbered = _attribute(paragraph, "pPr/numPr/numId", "" if style.is_item else "0")
        if style.is_hidden:
            self.builder.hidden += len(one_line(text))
        elif level:
            self.builder.add(BlockKind.HEADING, one_line(text), level=level)
        else:
            kind = BlockKind.ITEM if numbered != "0" else BlockKind.PARAGRAPH
            self.builder.add(kind, text)
        self._write_boxes_and_notes(content)

    def _write_boxes_and_notes(self, content: _Content) -> None:
        for box in content.boxes:
            self.write(box)
        for kind, number in content.notes:
            note = self._note_elements.get((kind, number))
            if note is not None:
                inner = _Content()
                self._collect_blocks(note, inner)
                text = one_line("".join(inner.text))
                self.builder.add(BlockKind.PARAGRAPH, f"{kind}: {text}" if text else "")

    def _write_table(self, table: Element) -> None:
        rows = [list(_iter_rows(row, "tc")) for row in _iter_rows(table, "tr")]
        if all(len(row) < 2 for row in rows):  # a table of one column frames text
            for cell in (cell for row in rows for cell in row):
                self.write(cell)
            return
        heads: list[str] = []
        for number, row in enumerate(rows):
            content = _Content()
            cells = [text for cell in row for text in self._cell_texts(cell, content)]
            if any(cells):
                self.builder.add(BlockKind.ROW, " | ".join(cells), columns=heads)
            if number == 0 and all(cells):
                heads = cells
            self._write_boxes_and_notes(content)

    def _cell_texts(self, cell: Element, content: _Content) -> list[str]:
        """Return a cell's text on one line, with an empty cell for each further column it spans."""
        inner = _Content(boxes=content.boxes, notes=content.notes)
        self._collect_blocks(cell, inner)
        span = _attribute(cell, "tcPr/gridSpan", "1")
        extra = min(int(span), 64) - 1 if span.isdecimal() else 0
        return [one_line("".join(inner.text)), *[""] * extra]

    def _collect_blocks(self, container: Element, content: _Content) -> None:
        for element in _iter_blocks(container):
            if element.tag == f"{_W}p":
                self._collect(element, content)
                content.text.append("\n")
            else:
                for row in _iter_rows(element, "tr"):
                    for cell in _iter_rows(row, "tc"):
                        self._collect_blocks(cell, content)

    def _collect(self, element: Element, content: _Content) -> None:
        """Collect the text of a paragraph's runs."""
        for child in element:
            if child.tag == f"{_W}r":
                self._collect_run(child, content)
            elif child.tag in _WRAPPERS:
                self._collect(child, content)
            elif child.tag in (f"{_M}oMath", f"{_M}oMathPara"):
                content.text.extend(text.text or "" for text in child.iter(f"{_M}t"))

    def _collect_run(self, run: Element, content: _Content) -> None:
        style = self._read_styles.get(_attribute(run, "rPr/rStyle"))
        if _is_vanished(run) or (style and style.is_hidden):
            texts = (text.text or "" for text in run.iter(f"{_W}t"))
            self.builder.hidden += len(one_line("".join(texts)))
            return
        for child in run:
            self._collect_item(child, content)

    def _collect_item(self, item: Element, content: _Content) -> None:
        if item.tag == f"{_W}t":
            content.text.append(item.text or "")
        elif item.tag in _CHARACTERS:
            content.text.append(_CHARACTERS[item.tag])
        elif item.tag in _NOTES:
            content.notes.append((_NOTES[item.tag], item.get(f"{_W}id", "")))
        elif item.tag in _DRAWINGS:
            self._collect_drawing(item, content)

    def _collect_drawing(self, drawing: Element, content: _Content) -> None:
        self.builder.images += sum(1 for _ in drawing.iter(_BLIP, _IMAGE))
        for box in drawing.iter(f"{_W}txbxContent"):
            if next(box.iterancestors(f"{_W}txbxContent", *_DRAWINGS), None) is drawing:
                content.boxes.append(box)
