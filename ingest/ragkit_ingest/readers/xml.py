"""XML of any vocabulary: its texts without tags, and its attributes and fields with their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoded import describe_removed, remove_encoded

_TITLES = {"title", "head", "heading"}  # as DocBook, DITA and JATS call them
_MAX_LEVEL = 6
_MAX_FIELDS = 100  # of one paragraph


def read_xml(data: bytes, source: str) -> Document:
    """Read XML. What is damaged is left out, with a warning; no entity or file is ever loaded.

    Text that is no XML at all is read as plain text.
    """
    root, damaged = parse_xml(data)
    if root is None:
        plain = read_text(data, source)
        return replace(plain, warnings=(*plain.warnings, "not valid XML; read as text"))
    writer = _Writer()
    writer.write(root)
    warnings = describe_removed(writer.removed)
    if damaged:
        warnings = (*warnings, "the XML is damaged; some of its text may be missing")
    return Document("xml", (writer.builder.build(),), title=writer.title, warnings=warnings)


def parse_xml(data: bytes) -> tuple[Any, bool]:
    """Return the root element, None without one, and whether the XML is damaged."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, recover=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return None, True
    harmless = ("WARNING", "NAMESPACE")  # a prefix without a declaration loses no text
    log = parser.error_log
    return root, any({each.level_name, each.domain_name}.isdisjoint(harmless) for each in log)


class _Writer:
    """Writes elements as paragraphs.

    Libxml2 limits the depth of elements to 256, so recursion is safe.
    """

    def __init__(self) -> None:
        self.builder = PageBuilder()
        self.title = ""
        self.removed = 0
        self._fields: list[str] = []

    def write(self, element: Any, level: int = 1) -> None:
        """Write an element with text as a paragraph, one with fields as lines "name: value"."""
        name = _local_name(element)
        for key, value in element.attrib.items():
            if not key.startswith("{") and value.strip():
                self._add_field(key, value)
        children = list(element)
        own_text = any((text or "").strip() for text in (element.text, *(c.tail for c in children)))
        if name in _TITLES and (own_text or children):
            self._add_heading(_join_text(element), level)
        elif own_text and children:
            self._end_fields()
            self.builder.add(BlockKind.PARAGRAPH, self._shorten(_join_text(element)))
        elif own_text:
            self._add_field(name, element.text)
        for child in () if own_text or name in _TITLES else children:
            if isinstance(child.tag, str):
                self.write(child, min(level + 1, _MAX_LEVEL))
        if children:
            self._end_fields()

    def _add_heading(self, text: str, level: int) -> None:
        self._end_fields()
        self.title = self.title or one_line(text)
        self.builder.add(BlockKind.HEADING, self._shorten(text), level=level)

    def _add_field(self, name: str, value: str) -> None:
        value = self._shorten(one_line(value))
        if value:
            self._fields.append(f"{name}: {value}")
        if len(self._fields) >= _MAX_FIELDS:
            self._end_fields()

    def _end_fields(self) -> None:
        self.builder.add(BlockKind.PARAGRAPH, "\n".join(self._fields))
        self._fields.clear()

    def _shorten(self, text: str) -> str:
        text, removed = remove_encoded(text)
        self.removed += removed
        return text


def _local_name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _join_text(element: Any) -> str:
    return one_line("".join(_iter_text(element)))


def _iter_text(element: Any) -> Iterator[str]:
    yield from (str(text) for text in element.itertext())
