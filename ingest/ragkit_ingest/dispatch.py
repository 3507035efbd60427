"""From a file's bytes to a document: what kind it is, and the reader for that kind."""

from __future__ import annotations

from collections.abc import Callable

from ragkit_ingest.detect import detect
from ragkit_ingest.model import Document, PageKind, ReadError, Reason
from ragkit_ingest.readers.docx import read_docx
from ragkit_ingest.readers.email import read_eml
from ragkit_ingest.readers.html import read_html
from ragkit_ingest.readers.json import read_json
from ragkit_ingest.readers.markdown import read_markdown
from ragkit_ingest.readers.pptx import read_pptx
from ragkit_ingest.readers.spreadsheet import read_csv, read_ods, read_tsv, read_xls, read_xlsx
from ragkit_ingest.readers.text import read_code, read_text


def read_document(data: bytes, name: str) -> Document:
    """Read a file; `name` is its name with its suffix.

    Raises ReadError, with a reason and a sentence, for a file that cannot become a document.
    """
    document = _READERS[detect(data, name)](data, name)
    if not any(page.text.strip() for page in document.pages):
        raise ReadError(Reason.NO_TEXT, _what_it_holds(document))
    return document


def _read_pdf(data: bytes, name: str) -> Document:
    from ragkit_ingest.readers.pdf import read_pdf

    return read_pdf(data, name)


def _read_eml(data: bytes, name: str) -> Document:
    return read_eml(data, name, read_document)


def _what_it_holds(document: Document) -> str:
    """Why a document has no text: "3 slides hold only pictures"."""
    count, kind = len(document.pages), document.pages[0].kind if document.pages else PageKind.TEXT
    what = "only pictures" if any(page.images for page in document.pages) else "no text"
    if kind in (PageKind.TEXT, PageKind.PART):
        return f"the file holds {what}"
    return f"{count} {kind}s hold {what}" if count > 1 else f"the one {kind} holds {what}"


_READERS: dict[str, Callable[[bytes, str], Document]] = {
    "pdf": _read_pdf,
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
    "eml": _read_eml,
}
