"""The files inside a PDF: embedded in the document, or attached to a place on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ragkit_ingest.model import Attachment, Page
from ragkit_ingest.text.cleaning import one_line

_COVER = re.compile(r"\b(?:Acrobat|Adobe Reader)\b")
_MAX_COVER = 600  # characters on the page that asks for a program that shows portfolios


def read_attachments(pdf: Any, warnings: list[str]) -> list[Attachment]:
    """Return the files embedded in a document that pdfium opened, those of a portfolio too.

    Warns of files whose bytes cannot be read.
    """
    import pypdfium2.raw as c

    attachments = []
    lost = []
    for index in range(c.FPDFDoc_GetAttachmentCount(pdf)):
        handle = c.FPDFDoc_GetAttachment(pdf, index)
        attachment = read_attachment(handle) if handle else None
        if attachment is None:
            lost.append(attachment_name(handle) or "unnamed")
        else:
            attachments.append(attachment)
    if lost:
        warnings.append(f"attached files that cannot be read: {', '.join(lost[:8])}")
    return attachments


def read_attachment(handle: Any, place: str = "") -> Attachment | None:
    """Return the file of one of pdfium's attachments, None if it has no bytes."""
    import ctypes

    import pypdfium2.raw as c

    size = ctypes.c_ulong()
    c.FPDFAttachment_GetFile(handle, None, 0, size)
    if not size.value:
        return None
    buffer = (ctypes.c_char * size.value)()
    if not c.FPDFAttachment_GetFile(handle, buffer, size.value, size):
        return None
    return Attachment(attachment_name(handle), bytes(buffer), place)


def attachment_name(handle: Any) -> str:
    """Return the name of one of pdfium's attachments without folders, "" without one."""
    import pypdfium2.raw as c

    name = read_wide_text(c.FPDFAttachment_GetName, handle) if handle else ""
    return one_line(re.split(r"[/\\]", name)[-1])


def read_wide_text(function: Any, *arguments: Any) -> str:
    """Return what a function of pdfium writes as UTF-16 into a buffer, given last with its size."""
    import ctypes

    import pypdfium2.raw as c

    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = (c.FPDF_WCHAR * (size // 2 + 1))()
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(c.FPDF_WCHAR)), size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def is_portfolio_cover(pages: Sequence[Page]) -> bool:
    """Return True for the one page that asks to open a portfolio in a program that shows it.

    Programs write it in the language of their user, so it is told by the name of the program.
    """
    if len(pages) != 1 or len(pages[0].text) > _MAX_COVER:
        return False
    return "PDF" in pages[0].text and _COVER.search(pages[0].text) is not None
