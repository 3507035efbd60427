"""From a file's bytes to a document: finds the kind of the file and calls its reader.

`READERS` is the table of formats: `detect` names the kind, the table its reader, and each reader
is a function `read_xyz(data, source) -> Document` in a module of `readers`. Files inside a file are
its `attachments`; they are read here, within limits. To add a format, write its reader, add it to
`READERS`, and let `detect` return its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ragkit_ingest.detect import detect
from ragkit_ingest.model import Attachment, Document, Page, PageKind, ReadError, Reason
from ragkit_ingest.readers.cards import read_cards
from ragkit_ingest.readers.code import read_code
from ragkit_ingest.readers.csv import read_csv, read_tsv
from ragkit_ingest.readers.docx import read_docx
from ragkit_ingest.readers.email import MESSAGE, read_email
from ragkit_ingest.readers.html import read_html
from ragkit_ingest.readers.json import read_json
from ragkit_ingest.readers.mailbox import read_mbox, read_mhtml
from ragkit_ingest.readers.markdown import read_markdown
from ragkit_ingest.readers.ods import read_ods
from ragkit_ingest.readers.pdf import read_pdf
from ragkit_ingest.readers.pptx import read_pptx
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.readers.word_xml import read_flat_package, read_wordml
from ragkit_ingest.readers.xls import read_xls
from ragkit_ingest.readers.xlsx import read_xlsx
from ragkit_ingest.readers.xml import read_xml
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.counts import count_things

_MAX_DEPTH = 3  # files inside files
_MAX_ATTACHMENTS = 1000  # of one file, with those inside its attachments
_MAX_ATTACHED_BYTES = 512 << 20  # of them together

Reader = Callable[[bytes, str], Document]
"""Reads a file's bytes, given its source path. Raises ReadError if it cannot."""


def read_document(data: bytes, source: str) -> Document:
    """Read a file. `source` is its path or name; only the name with its suffix matters.

    Returns a document with at least one page that has text. Raises ReadError with any reason that
    `detect` or the reader gives, and NO_TEXT if all pages are blank.
    """
    reader = _AttachmentReader()
    document = reader.read(data, source)
    document = replace(document, warnings=(*document.warnings, *reader.describe_unread()))
    if not any(page.text.strip() for page in document.pages):
        raise ReadError(Reason.NO_TEXT, _describe_blank(document))
    return document


class _AttachmentReader:
    """Reads a file and the files inside it, at most so many and so large together."""

    def __init__(self) -> None:
        self._files = _MAX_ATTACHMENTS
        self._bytes = _MAX_ATTACHED_BYTES
        self._unread = 0

    def describe_unread(self) -> Iterator[str]:
        """Yield a warning about the attachments beyond the limits, if there are any."""
        if self._unread:
            yield (
                f"{count_things(self._unread, 'attachment', 'was')} not read: the limit is "
                f"{_MAX_ATTACHMENTS:,} attachments and {_MAX_ATTACHED_BYTES >> 20} MB of them"
            )

    def read(self, data: bytes, source: str, kind: str = "", depth: int = 0) -> Document:
        """Read a file; the pages and warnings of its attachments follow its own."""
        document = READERS[kind or detect(data, source)](data, source)
        pages, warnings = list(document.pages), list(document.warnings)
        for attachment in filter(self._takes, document.attachments):
            label = _attachment_label(attachment)
            try:
                found = self._read_attachment(attachment, depth + 1)
            except ReadError as exc:
                warnings.append(f"{label}: {exc}")
                continue
            pages += [_relabel(page, label) for page in found.pages if page.text.strip()]
            warnings += [f"{label}: {warning}" for warning in found.warnings]
        return replace(
            document,
            pages=tuple(pages),
            title=one_line(document.title),
            metadata={key: one_line(value) for key, value in document.metadata.items()},
            warnings=tuple(dict.fromkeys(warnings)),
            attachments=(),
        )

    def _takes(self, attachment: Attachment) -> bool:
        """Return True if an attachment is within the limits, and count it."""
        self._files -= 1
        self._bytes -= len(attachment.data)
        is_within = self._files >= 0 and self._bytes >= 0
        self._unread += not is_within
        return is_within

    def _read_attachment(self, attachment: Attachment, depth: int) -> Document:
        if depth > _MAX_DEPTH:
            found = f"files nested deeper than {_MAX_DEPTH}, which is the limit"
            raise ReadError(Reason.TOO_LARGE, found)
        return self.read(attachment.data, attachment.name, attachment.kind, depth)


def _attachment_label(attachment: Attachment) -> str:
    label = f"attachment: {attachment.name or 'unnamed'}"
    return f"{attachment.place}, {label}" if attachment.place else label


def _relabel(page: Page, label: str) -> Page:
    """Return the page as a part of the file; its number or name goes into the label."""
    places = {
        PageKind.PAGE: f"page {page.number}",
        PageKind.SLIDE: f"slide {page.number}",
        PageKind.SHEET: f"sheet {page.page_label}" if page.page_label else "",
        PageKind.PART: "" if page.page_label == MESSAGE else page.page_label,
        PageKind.TEXT: "",
    }
    place = places[page.kind]
    label = f"{label}, {place}" if place else label
    return replace(page, kind=PageKind.PART, number=None, page_label=label)


def _describe_blank(document: Document) -> str:
    """Say what a document without text holds ("3 slides hold only pictures"), and the warnings."""
    return "; ".join((_describe_blank_pages(document), *document.warnings))


def _describe_blank_pages(document: Document) -> str:
    count, kind = len(document.pages), document.pages[0].kind if document.pages else PageKind.TEXT
    what = "no text that can be read" if document.warnings else "no text"
    what = "only pictures" if any(page.images for page in document.pages) else what
    if kind in (PageKind.TEXT, PageKind.PART):
        return f"the file holds {what}"
    return f"{count} {kind}s hold {what}" if count > 1 else f"the one {kind} holds {what}"


READERS: dict[str, Reader] = {
    "pdf": read_pdf,
    "docx": read_docx,
    "pptx": read_pptx,
    "xlsx": read_xlsx,
    "xls": read_xls,
    "ods": read_ods,
    "csv": read_csv,
    "tsv": read_tsv,
    "html": read_html,
    "markdown": read_markdown,
    "json": read_json,
    "text": read_text,
    "code": read_code,
    "eml": read_email,
    "mbox": read_mbox,
    "mhtml": read_mhtml,
    "ics": read_cards,
    "vcf": read_cards,
    "xml": read_xml,
    "opc": read_flat_package,
    "wordml": read_wordml,
}
"""The reader of each kind that `detect` returns."""
