"""Word documents in one XML file: packed as the Office package that their readers know."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from collections.abc import Iterator
from typing import Any

from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.docx import read_docx
from ragkit_ingest.readers.pptx import read_pptx
from ragkit_ingest.readers.xml import parse_xml

_PACKAGE = "{http://schemas.microsoft.com/office/2006/xmlPackage}"
_OLD = "{http://schemas.microsoft.com/office/word/2003/wordml}"
_HINTS = "{http://schemas.microsoft.com/office/word/2003/auxHint}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_DAMAGED = "the XML of the document is damaged; save it as .docx"


def read_flat_package(data: bytes, source: str) -> Document:
    """Read Flat OPC, an Office package in one XML file (ECMA-376; [MS-DOCX] does not define it).

    Raises ReadError(CORRUPT) for damaged XML, and as the reader of the package does.
    """
    root = _parse(data)
    parts: dict[str, bytes] = {}
    types: dict[str, str] = {}
    for part in root.iter(f"{_PACKAGE}part"):
        name = part.get(f"{_PACKAGE}name", "").lstrip("/")
        types[name] = part.get(f"{_PACKAGE}contentType", "")
        parts[name] = _part_content(part)
    package = _pack(parts, types)
    read = read_pptx if "ppt/presentation.xml" in parts else read_docx
    return read(package, source)


def read_wordml(data: bytes, source: str) -> Document:
    """Read Word 2003 XML, whose elements are those of .docx under another namespace.

    Raises ReadError(CORRUPT) for damaged XML, and as the reader of .docx does.
    """
    root = _parse(data)
    body, styles = root.find(f"{_OLD}body"), root.find(f"{_OLD}styles")
    if body is None:
        raise ReadError(Reason.CORRUPT, _DAMAGED)
    parts = {"word/document.xml": _rename(body, "document")}
    types = {"word/document.xml": f"{_WORD_TYPE}document.main+xml"}
    if styles is not None:
        parts["word/styles.xml"] = _rename(styles, "")
        types["word/styles.xml"] = f"{_WORD_TYPE}styles+xml"
    parts["_rels/.rels"] = _relate("word/document.xml", "officeDocument")
    parts["word/_rels/document.xml.rels"] = _relate("styles.xml", "styles", styles is not None)
    return read_docx(_pack(parts, types), source)


def _parse(data: bytes) -> Any:
    root, damaged = parse_xml(data)
    if root is None or damaged:
        raise ReadError(Reason.CORRUPT, _DAMAGED)
    return root


def _part_content(part: Any) -> bytes:
    from lxml import etree

    binary = part.findtext(f"{_PACKAGE}binaryData")
    if binary is not None:
        try:
            return base64.b64decode(binary)
        except binascii.Error:
            return b""
    content = part.find(f"{_PACKAGE}xmlData/*")
    return b"" if content is None else etree.tostring(content)


def _rename(element: Any, wrapper: str) -> bytes:
    """Return an element of Word 2003 in the namespace of .docx, inside `wrapper` if one is named.

    Sections are unwrapped, and the numbers of list items, which the file gives, become text.
    """
    from lxml import etree

    for hint in list(element.iter(f"{_HINTS}sect", f"{_HINTS}sub-section")):
        parent = hint.getparent()
        at = parent.index(hint)
        parent[at : at + 1] = list(hint)
    for number, paragraph in list(_list_numbers(element)):
        run = etree.SubElement(paragraph, f"{_OLD}r")
        etree.SubElement(run, f"{_OLD}t").text = f"{number} "
        paragraph.insert(1, run)
    for inner in element.iter(etree.Element):
        inner.tag = inner.tag.replace(_OLD, _WORD)
        for key in [key for key in inner.attrib if key.startswith(_OLD)]:
            inner.set(key.replace(_OLD, _WORD), inner.attrib.pop(key))
    if wrapper:
        outer = etree.Element(f"{_WORD}{wrapper}")
        outer.append(element)
        element = outer
    return etree.tostring(element)


def _list_numbers(element: Any) -> Iterator[tuple[str, Any]]:
    """Yield the printed number of each list item, and its paragraph; bullets have none."""
    for paragraph in element.iter(f"{_OLD}p"):
        text = paragraph.find(f"{_OLD}pPr/{_OLD}listPr/{_HINTS}t")
        number = "" if text is None else text.get(f"{_HINTS}val", "")
        if any(map(str.isalnum, number)):
            yield number, paragraph


def _relate(target: str, kind: str, exists: bool = True) -> bytes:
    relationship = f'<Relationship Id="r1" Type="{_OFFICE}/{kind}" Target="{target}"/>'
    inner = relationship if exists else ""
    return f'<Relationships xmlns="{_RELATIONSHIPS}">{inner}</Relationships>'.encode()


def _pack(parts: dict[str, bytes], types: dict[str, str]) -> bytes:
    from xml.sax.saxutils import quoteattr

    overrides = "".join(
        f"<Override PartName={quoteattr('/' + name)} ContentType={quoteattr(kind)}/>"
        for name, kind in types.items()
        if not name.endswith(".rels")
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    content_types = (
        f'<Types xmlns="{_TYPES}"><Default Extension="rels" ContentType="{relations}"/>'
        f"{overrides}</Types>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("[Content_Types].xml", content_types)
        for name, content in parts.items():
            package.writestr(name, content)
    return buffer.getvalue()
