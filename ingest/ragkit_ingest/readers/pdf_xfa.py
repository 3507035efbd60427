"""Forms of the XFA kind, which PDF pages only stand in for: the values filled into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragkit_ingest.model import BlockKind, Page, PageBuilder, PageKind
from ragkit_ingest.text.cleaning import one_line

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_MAX_PACKET = 16 << 20  # bytes


def is_dynamic_form(pdf: Any) -> bool:
    """Return True if the pages of a document only ask for a program that shows its form."""
    import pypdfium2.raw as c

    return bool(c.FPDF_GetFormType(pdf) == c.FORMTYPE_XFA_FULL)


def read_form_data(pdf: Any) -> Page:
    """Return the values of an XFA form as a page with a line for each, after its field's name.

    They are the leaves of the "datasets" packet (XFA Specification 3.3, "Data Description").
    """
    builder = PageBuilder(PageKind.PART, page_label="form data")
    for name, value in _read_values(_read_packet(pdf, "datasets")):
        builder.add(BlockKind.PARAGRAPH, f"{' '.join(_WORD_START.split(name)).strip()}: {value}")
    return builder.build()


def _read_packet(pdf: Any, name: str) -> bytes:
    import ctypes

    import pypdfium2.raw as c

    for at in range(c.FPDF_GetXFAPacketCount(pdf)):
        label = ctypes.create_string_buffer(64)
        c.FPDF_GetXFAPacketName(pdf, at, label, len(label))
        size = ctypes.c_ulong()
        c.FPDF_GetXFAPacketContent(pdf, at, None, 0, size)
        if label.value.decode("latin-1") == name and 0 < size.value <= _MAX_PACKET:
            content = ctypes.create_string_buffer(size.value)
            c.FPDF_GetXFAPacketContent(pdf, at, content, size.value, size)
            return content.raw
    return b""


def _read_values(packet: bytes) -> Iterator[tuple[str, str]]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(packet, parser) if packet.strip() else None
    for leaf in root.iter(etree.Element) if root is not None else ():
        value = one_line(leaf.text or "")
        if value and not len(leaf):
            yield etree.QName(leaf).localname, value
