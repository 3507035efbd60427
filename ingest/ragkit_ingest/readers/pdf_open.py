"""Opens PDFs with pdfium, damaged ones after a repair, and says why one cannot be opened."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.cleaning import clean_text

_OBJECT = re.compile(rb"(\d{1,8})\s+\d{1,5}\s+obj\b")
_CATALOG = re.compile(rb"/Type\s*/Catalog\b")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_OBJECT_STREAM = re.compile(rb"/Type\s*/ObjStm\b")
_MAX_DICTIONARY = 4096  # bytes between the start of an object and its type
_MAX_UNPACKED = 64 << 20  # bytes of all object streams
_ENCRYPTED = ReadError(Reason.ENCRYPTED, "the PDF needs a password; save a copy without one")
DAMAGED = "the PDF is damaged; export it again"
_REPAIRED = "the PDF is cut short or damaged; only the pages that were found in it are read"


def open_pdf(data: bytes) -> tuple[Any, list[str]]:
    """Open a PDF with pdfium, its form too; also return warnings.

    A file without its table of objects is read from the objects that are in it. Raises ReadError:
    ENCRYPTED, or CORRUPT if pdfium refuses the repaired file as well.
    """
    pdf, warnings = _load(data), []
    if pdf is None:
        pdf, warnings = next(filter(None, map(_load, _repair(data))), None), [_REPAIRED]
    if pdf is None:
        raise ReadError(Reason.CORRUPT, DAMAGED)
    pdf.init_forms()
    return pdf, warnings


def _load(data: bytes) -> Any:
    """Return the document, None if pdfium refuses it or finds no page."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as c

    try:
        pdf = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code in (c.FPDF_ERR_PASSWORD, c.FPDF_ERR_SECURITY):
            raise _ENCRYPTED from error
        return None
    if len(pdf):
        return pdf
    pdf.close()
    return None


def _repair(data: bytes) -> Iterator[bytes]:
    """Yield the objects of a file with a trailer that leads to its catalog, then to its pages.

    Objects in object streams (ISO 32000-1, 7.5.7) are unpacked. An encrypted file stays unreadable.
    """
    data = data[max(data.find(b"%PDF-"), 0) :]
    data += b"\nendstream endobj\n" + b"".join(unpack_object_streams(data))
    for catalog in list(_find_objects(data, _CATALOG))[-1:]:
        yield data + b"trailer<</Root %d 0 R>>\n" % catalog
    pages = list(dict.fromkeys(_find_objects(data, _PAGE)))
    tree = max((int(found[1]) for found in _OBJECT.finditer(data)), default=0) + 1
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    if pages:
        yield data + (
            b"%d 0 obj<</Type/Pages/Count %d/Kids[%b]>>endobj\n" % (tree, len(pages), kids)
            + b"%d 0 obj<</Type/Catalog/Pages %d 0 R>>endobj\n" % (tree + 1, tree)
            + b"trailer<</Root %d 0 R>>\n" % (tree + 1)
        )


def _find_objects(data: bytes, kind: re.Pattern[bytes]) -> Iterator[int]:
    """Yield the number of each object with such a type."""
    for found in kind.finditer(data):
        start = _find_start(data, found.start())
        if start is not None:
            yield int(start[1])


def _find_start(data: bytes, at: int) -> re.Match[bytes] | None:
    """Return the start of the object that holds a place, None if there is none just before it."""
    before = list(_OBJECT.finditer(data, max(at - _MAX_DICTIONARY, 0), at))
    return before[-1] if before and data.find(b"endobj", before[-1].end(), at) < 0 else None


def unpack_object_streams(data: bytes) -> Iterator[bytes]:
    """Yield each object in the object streams of a file (ISO 32000-1, 7.5.7), unless encrypted."""
    left = _MAX_UNPACKED
    for found in _OBJECT_STREAM.finditer(data):
        start = re.compile(rb"stream\r?\n").search(data, found.end(), found.end() + _MAX_DICTIONARY)
        if start is None:
            continue
        try:
            unpacked = zlib.decompressobj().decompress(data[start.end() :], left)
        except zlib.error:
            continue
        left -= len(unpacked)
        yield from _split_object_stream(unpacked)
        if left <= 0:
            return


def _split_object_stream(unpacked: bytes) -> Iterator[bytes]:
    """Yield each object of an object stream, which begins with pairs of number and place."""
    head = re.match(rb"[\d\s]+", unpacked)
    numbers = [int(number) for number in head[0].split()] if head else []
    first = head.end() if head else 0
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    ends = [place for _, place in pairs[1:]] + [len(unpacked) - first]
    for (number, place), end in zip(pairs, ends, strict=True):
        yield b"%d 0 obj " % number + unpacked[first + place : first + end] + b" endobj\n"


def extract_texts(data: bytes) -> list[tuple[str, int]]:
    """Return the text of each page as pypdf reads it, with the count of removed characters.

    It opens some files that pdfium refuses. Raises ReadError: ENCRYPTED or CORRUPT.
    """
    import io

    from pypdf import PdfReader

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise _ENCRYPTED
        return [clean_text(page.extract_text()) for page in reader.pages]
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # damaged files raise errors of every kind in pypdf
        raise ReadError(Reason.CORRUPT, DAMAGED) from error
