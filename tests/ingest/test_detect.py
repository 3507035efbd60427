from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit_ingest.detect import _OFFICE_FOLDERS, KINDS_BY_SUFFIX, detect
from ragkit_ingest.dispatch import READERS
from ragkit_ingest.model import ReadError, Reason

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
MAIL = "From: a@example.org\nTo: b@example.org\nSubject: Invoice\n\nHello\n"


def package(*names: str, mimetype: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)  # always of 1980, so that tests have the same names
            archive.writestr(entry, mimetype if name == "mimetype" else "<x/>")
    return buffer.getvalue()


def ole(*streams: str) -> bytes:
    """A compound file's header sector and a directory with the given streams."""
    entries = (
        name.encode("utf-16-le").ljust(64, b"\0")
        + (2 * len(name) + 2).to_bytes(2, "little")
        + bytes(62)
        for name in ("Root Entry", *streams)
    )
    return OLE + b"".join(entries)


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7\n", "report.pdf", "pdf"),
        (b"%PDF-1.7\n", "report.txt", "pdf"),
        (b"junk before\n%PDF-1.4\n", "report.pdf", "pdf"),
        (b"A PDF begins with %PDF-1.4, they say.", "notes.md", "markdown"),
        (package("[Content_Types].xml", "word/document.xml"), "a.docx", "docx"),
        (package("[Content_Types].xml", "word/document.xml"), "a.bin", "docx"),
        (package("[Content_Types].xml", "ppt/presentation.xml"), "a.ppsx", "pptx"),
        (package("[Content_Types].xml", "xl/workbook.xml"), "a.xlsm", "xlsx"),
        (
            package("mimetype", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
            "a.ods",
            "ods",
        ),
        (ole("Workbook"), "a.xls", "xls"),
        (ole("WordDocument", "Workbook"), "with-embedded-word.xls", "xls"),
        (b"a;b\n1;2\n", "a.csv", "csv"),
        (b"a\tb\n", "a.tab", "tsv"),
        (b"<!DOCTYPE html><p>x", "page", "html"),
        (b"<html><table><tr><td>1", "export.xls", "html"),
        (b"<!-- a --><!-- b --><html>", "page.txt", "html"),
        (b'<?xml version="1.0"?><order/>', "order.xml", "text"),
        (b"# Title", "a.MD", "markdown"),
        (b'{"a": 1}', "a", "json"),
        (b'{"a": 1}\n{"a": 2}\n', "log", "json"),
        (b"{not json}", "a", "text"),
        (b'{"a": 1}', "a.txt", "text"),
        (b"def f(): ...", "a.py", "code"),
        (b"#!/bin/sh\nls", "run", "code"),
        (MAIL.encode(), "mail.txt", "eml"),
        (b"Subject: Invoice\n\nHello", "a.eml", "eml"),
        (b"no header at all", "a.eml", "text"),
        (MAIL.encode() + b"\0\1\2\3", "8bit.eml", "eml"),
        (b"From: Rome\nTo: Paris\nby train", "trip.txt", "text"),
        ("Grüße".encode("utf-16"), "a.txt", "text"),
        ("plain text without a mark\n".encode("utf-16-le"), "a.txt", "text"),
        ("Grüße".encode("cp1252"), "a.txt", "text"),
        (b"BM is how this text begins", "a.txt", "text"),
    ],
)
def test_kind_is_decided_by_content_then_by_suffix(data: bytes, name: str, kind: str) -> None:
    assert detect(data, name) == kind


@pytest.mark.parametrize(
    ("data", "name", "reason", "detail"),
    [
        (b"", "a.txt", Reason.EMPTY, "no bytes"),
        (b" \n\t\r\n", "a.txt", Reason.EMPTY, "white space"),
        (b"\xef\xbb\xbf\n", "a.txt", Reason.EMPTY, "white space"),
        (b"hello", "a.pdf", Reason.CORRUPT, "named .pdf but is not a PDF"),
        (b"hello", "a.docx", Reason.CORRUPT, "named .docx"),
        (package("readme.txt"), "a.xlsx", Reason.CORRUPT, "named .xlsx"),
        (package("word/document.xml")[:40], "a.docx", Reason.CORRUPT, "damaged"),
        (ole("EncryptedPackage", "EncryptionInfo"), "a.docx", Reason.ENCRYPTED, "password"),
        (ole("WordDocument"), "a.doc", Reason.UNSUPPORTED, "save it as .docx"),
        (ole("PowerPoint Document"), "a.ppt", Reason.UNSUPPORTED, "save it as .pptx"),
        (ole("__properties_version1.0"), "a.msg", Reason.UNSUPPORTED, "save it as .eml"),
        (ole(), "a.db", Reason.UNSUPPORTED, "compound"),
        (b"\x89PNG\r\n\x1a\n\0", "a.png", Reason.UNSUPPORTED, "PNG image"),
        (b"\xff\xd8\xff\xe0", "scan.jpg", Reason.UNSUPPORTED, "JPEG image"),
        (b"RIFF\0\0\0\0WAVE", "a.wav", Reason.UNSUPPORTED, "audio"),
        (b"\0\0\0\x18ftypmp42", "a.mp4", Reason.UNSUPPORTED, "video"),
        (b"MZ\x90\0\3\0", "a.exe", Reason.UNSUPPORTED, "program"),
        (package("a.txt"), "a.zip", Reason.UNSUPPORTED, "ZIP archive; unpack it"),
        (b"\x1f\x8b\x08", "a.gz", Reason.UNSUPPORTED, "gzip"),
        (b"{\\rtf1 hello}", "a.rtf", Reason.UNSUPPORTED, "RTF"),
        (
            package("mimetype", mimetype="application/epub+zip"),
            "a.epub",
            Reason.UNSUPPORTED,
            "EPUB",
        ),
        (b"SQLite format 3\0", "a.db", Reason.UNSUPPORTED, "SQLite"),
        (b"\x01\x02\0\x03" * 50, "a.txt", Reason.UNSUPPORTED, "binary data"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, reason: Reason, detail: str) -> None:
    with pytest.raises(ReadError) as caught:
        detect(data, name)
    assert caught.value.reason is reason
    assert detail in caught.value.detail


def kind_or_detail(data: bytes, name: str) -> str:
    try:
        return detect(data, name)
    except ReadError as error:
        return error.detail


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["a", "a.pdf", "a.xls", "a.eml", "a.docx"]))
def test_any_bytes_are_a_kind_or_a_read_error(data: bytes, name: str) -> None:
    for head in (b"", OLE, b"PK\x03\x04", b"%PDF-"):
        assert kind_or_detail(head + data, name)


def test_every_kind_has_a_reader() -> None:
    assert set(KINDS_BY_SUFFIX.values()) | {"pdf", "xls", "ods", "eml"} <= READERS.keys()
    assert set(_OFFICE_FOLDERS.values()) <= READERS.keys()
