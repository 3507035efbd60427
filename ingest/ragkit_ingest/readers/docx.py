"""Word documents: paragraphs, lists and tables in their order, as a reader would print them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder, first_heading
from ragkit_ingest.readers.ooxml import check_package, own_title, translate_errors
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    from docx.package import Package

    Element = Any  # an lxml element; lxml brings no types

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_IMAGE = "{urn:schemas-microsoft-com:vml}imagedata"
_MAIN_PARTS = (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
# Wrappers whose content is in the text: content controls, insertions, moved text where it went.
# `iter_inner_content` passes over them. Deletions (w:del, w:moveFrom) are in none of the lists.
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
class _Found:
    """What a paragraph or a cell holds: its text, and what hangs on it."""

    text: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def read_docx(data: bytes, source: str) -> Document:
    """Read a Word document: one page, without headers, footers, comments and deleted text."""
    check_package(data)
    with translate_errors("Word document"):
        package = _open(data)
        part: Any = package.main_document_part
        writer = _Writer(_styles(part.styles.element), _notes(part))
        writer.write(part.element.body)
        pages = (writer.builder.build(),)
        title, metadata = _properties(package)
    return Document("docx", pages, title=title or first_heading(pages), metadata=metadata)


def _open(data: bytes) -> Package:
    """Open a package; macro documents and templates are documents too, which `docx.Document`
    refuses (python-docx 1.2)."""
    from docx.opc.part import PartFactory
    from docx.package import Package
    from docx.parts.document import DocumentPart

    for content_type in _MAIN_PARTS:
        PartFactory.part_type_for.setdefault(content_type, DocumentPart)
    return Package.open(io.BytesIO(data))


def _properties(package: Package) -> tuple[str, dict[str, str]]:
    """Title and author. (`core_properties` would make a title up where the file has none.)"""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.parts.coreprops import CorePropertiesPart

    for relation in package.rels.values():
        if relation.reltype == RELATIONSHIP_TYPE.CORE_PROPERTIES:
            part = relation.target_part
            if isinstance(part, CorePropertiesPart):
                own = part.core_properties
                author = one_line(own.author or "")
                return own_title(own.title), {"author": author} if author else {}
    return "", {}


def _notes(part: Any) -> dict[tuple[str, str], Element]:
    """Footnotes and endnotes by their kind and id."""
    from docx.oxml.parser import parse_xml

    notes: dict[tuple[str, str], Element] = {}
    for relation in part.rels.values():
        for kind in ("Footnote", "Endnote"):
            if not relation.is_external and relation.reltype.endswith(f"/{kind.lower()}s"):
                for note in parse_xml(relation.target_part.blob):
                    notes[kind, note.get(f"{_W}id", "")] = note
    return notes


def _styles(root: Element) -> dict[str, _Style]:
    """What each style, with all it is based on, makes of a paragraph or run, by style id."""
    elements = {style.get(f"{_W}styleId"): style for style in root.iter(f"{_W}style")}
    styles: dict[str, _Style] = {}
    for style_id, style in elements.items():
        chain: list[Element] = []
        element = style
        while element is not None and element not in chain:
            chain.append(element)
            element = elements.get(_value(element, "basedOn"))
        levels = (_style_level(link) for link in chain)
        level = next((level for level in levels if level is not None), 0)
        is_item = any(_value(link, "pPr/numPr/numId", "0") != "0" for link in chain)
        styles[style_id] = _Style(level, is_item, any(_is_vanished(link) for link in chain))
    return styles


def _style_level(style: Element) -> int | None:
    """A style's own heading level: from its name, which Word keeps in English, or its outline."""
    name = _value(style, "name").lower()
    if name in ("title", "heading"):
        return 1
    if name.startswith("heading ") and name[8:].isdecimal():
        return int(name[8:])
    return _outline(style)


def _outline(element: Element) -> int | None:
    value = _value(element, "pPr/outlineLvl")
    return None if not value.isdecimal() else (int(value) + 1) % 10  # 9 stands for body text


def _value(element: Element, path: str, default: str = "") -> str:
    found = element.find("/".join(f"{_W}{tag}" for tag in path.split("/")))
    return default if found is None else found.get(f"{_W}val", default)


def _is_vanished(element: Element) -> bool:
    found = element.find(f"{_W}rPr/{_W}vanish")
    return found is not None and found.get(f"{_W}val", "1") not in ("0", "false", "off")


def _content(container: Element) -> Iterator[Element]:
    """The paragraphs and tables in a container, in their order."""
    for child in container:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _content(child)


def _rows(container: Element, tag: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row (`tag` "tr" or "tc"), without deleted rows."""
    for child in container:
        if child.tag == f"{_W}{tag}":
            if child.find(f"{_W}trPr/{_W}del") is None:
                yield child
        elif child.tag in _WRAPPERS:
            yield from _rows(child, tag)


class _Writer:
    """Writes paragraphs and tables to one page, each followed by its text boxes and notes."""

    def __init__(self, styles: dict[str, _Style], notes: dict[tuple[str, str], Element]) -> None:
        self.builder = PageBuilder()
        self._styles = styles
        self._note_elements = notes

    def write(self, container: Element) -> None:
        for element in _content(container):
            if element.tag == f"{_W}p":
                self._write_paragraph(element)
            else:
                self._write_table(element)

    def _write_paragraph(self, paragraph: Element) -> None:
        found = _Found()
        self._collect(paragraph, found)
        style = self._styles.get(_value(paragraph, "pPr/pStyle"), _Style(0, False, False))
        text = "".join(found.text)
        level = _outline(paragraph)
        level = style.level if level is None else level
        numbered = _value(paragraph, "pPr/numPr/numId", "" if style.is_item else "0")
        if style.is_hidden:
            self.builder.hidden += len(one_line(text))
        elif level:
            self.builder.add(BlockKind.HEADING, one_line(text), level=level)
        else:
            kind = BlockKind.ITEM if numbered != "0" else BlockKind.PARAGRAPH
            self.builder.add(kind, text)
        self._write_rest(found)

    def _write_rest(self, found: _Found) -> None:
        for box in found.boxes:
            self.write(box)
        for kind, number in found.notes:
            note = self._note_elements.get((kind, number))
            if note is not None:
                inner = _Found()
                self._collect_blocks(note, inner)
                text = one_line("".join(inner.text))
                self.builder.add(BlockKind.PARAGRAPH, f"{kind}: {text}" if text else "")

    def _write_table(self, table: Element) -> None:
        rows = [list(_rows(row, "tc")) for row in _rows(table, "tr")]
        if all(len(row) < 2 for row in rows):  # a frame around text
            for cell in (cell for row in rows for cell in row):
                self.write(cell)
            return
        header = ""
        for number, row in enumerate(rows):
            found = _Found()
            cells = [text for cell in row for text in self._cell(cell, found)]
            if any(cells):
                self.builder.add(BlockKind.ROW, " | ".join(cells), header=header)
            if number == 0 and all(cells):
                header = " | ".join(cells)
            self._write_rest(found)

    def _cell(self, cell: Element, found: _Found) -> list[str]:
        """A cell's text on one line, and empty cells for the columns it spans."""
        inner = _Found(boxes=found.boxes, notes=found.notes)
        self._collect_blocks(cell, inner)
        span = _value(cell, "tcPr/gridSpan", "1")
        extra = min(int(span), 64) - 1 if span.isdecimal() else 0
        return [one_line("".join(inner.text)), *[""] * extra]

    def _collect_blocks(self, container: Element, found: _Found) -> None:
        for element in _content(container):
            if element.tag == f"{_W}p":
                self._collect(element, found)
                found.text.append("\n")
            else:
                for row in _rows(element, "tr"):
                    for cell in _rows(row, "tc"):
                        self._collect_blocks(cell, found)

    def _collect(self, element: Element, found: _Found) -> None:
        """Gather the text of a paragraph's runs."""
        for child in element:
            if child.tag == f"{_W}r":
                self._collect_run(child, found)
            elif child.tag in _WRAPPERS:
                self._collect(child, found)
            elif child.tag in (f"{_M}oMath", f"{_M}oMathPara"):
                found.text.extend(text.text or "" for text in child.iter(f"{_M}t"))

    def _collect_run(self, run: Element, found: _Found) -> None:
        style = self._styles.get(_value(run, "rPr/rStyle"))
        if _is_vanished(run) or (style and style.is_hidden):
            texts = (text.text or "" for text in run.iter(f"{_W}t"))
            self.builder.hidden += len(one_line("".join(texts)))
            return
        for child in run:
            self._collect_item(child, found)

    def _collect_item(self, item: Element, found: _Found) -> None:
        if item.tag == f"{_W}t":
            found.text.append(item.text or "")
        elif item.tag in _CHARACTERS:
            found.text.append(_CHARACTERS[item.tag])
        elif item.tag in _NOTES:
            found.notes.append((_NOTES[item.tag], item.get(f"{_W}id", "")))
        elif item.tag in _DRAWINGS:
            self._collect_drawing(item, found)
        elif item.tag == f"{_MC}AlternateContent" and len(item):
            for child in item[0]:  # the others say the same for older programs
                self._collect_item(child, found)

    def _collect_drawing(self, drawing: Element, found: _Found) -> None:
        self.builder.images += sum(1 for _ in drawing.iter(_BLIP, _IMAGE))
        for box in drawing.iter(f"{_W}txbxContent"):
            if next(box.iterancestors(f"{_W}txbxContent", *_DRAWINGS), None) is drawing:
                found.boxes.append(box)
