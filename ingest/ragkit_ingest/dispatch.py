"""From a file's bytes to a document: finds the kind of the file and calls its reader.

`READERS` is the table of formats: `detect` names the kind, the table its reader, and each reader
is a function `read_xyz(data, source) -> Document` in a module of `readers`. To add a format, write
its reader, add it to `READERS`, and let `detect` return its kind.
"""

from __future__ import annotations

from collections.abc import Callable

from ragkit_ingest.detect import detect
from ragkit_ingest.model import Document, PageKind, ReadError, Reason
from ragkit_ingest.readers.code import read_code
from ragkit_ingest.readers.csv import read_csv, read_tsv
from ragkit_ingest.readers.docx import read_docx
from ragkit_ingest.readers.email import read_email
from ragkit_ingest.readers.html import read_html
from ragkit_ingest.readers.json import read_json
from ragkit_ingest.readers.markdown import read_markdown
from ragkit_ingest.readers.pdf import read_pdf
from ragkit_ingest.readers.pptx import read_pptx
from ragkit_ingest.readers.spreadsheet import read_ods, read_xls, read_xlsx
from ragkit_ingest.readers.text import read_text

Reader = Callable[[bytes, str], Document]
"""Reads a file's bytes, given its source path. Raises ReadError if it cannot."""


def read_document(data: bytes, source: str) -> Document:
    """Read a file. `source` is its path or name; only the name with its suffix matters.

    Returns a document with at least one page that has text. Raises ReadError with any reason that
    `detect` or the reader gives, and NO_TEXT if all pages are blank.
    """
    document = READERS[detect(data, source)](data, source)
    if not any(page.text.strip() for page in document.pages):
        raise ReadError(Reason.NO_TEXT, _describe_blank(document))
    return document


def _read_email(data: bytes, source: str) -> Document:
    return read_email(data, source, read_document)  # which reads what is attached


def _describe_blank(document: Document) -> str:
    """Say what a document without text holds: "3 slides hold only pictures"."""
    count, kind = len(document.pages), document.pages[0].kind if document.pages else PageKind.TEXT
    what = "only pictures" if any(page.images for page in document.pages) else "no text"
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
    "eml": _read_email,
}
"""The reader of each kind that `detect` returns."""
