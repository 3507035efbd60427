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
        (b'<?xml version="1.0"?><order/>', "order.xml", "xml"),
        (b"# Title", "a.MD", "markdown"),
        (b'{"a": 1}', "a", "json"),
        (b'{"a": 1}\n{"a": 2}\n', "log", "json"),
        (b"{not json}", "a", "text"),
        (b'{"a": 1}', "a.txt", "json"),
        (b'["a", 1]', "a.txt", "text"),
        (b"[section]\na=1", "a.log", "text"),
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
        (package("[Content_Types].xml", "word/document.xml"), "a.doc", "docx"),
        (b"<html><body>x", "a.docx", "html"),
        (b'<div class="page">x', "a.doc", "html"),
        (b'<?xml version="1.0"?>\n<?xml-stylesheet href="a"?><!-- x --><html>', "a.xml", "html"),
        (b"plain words", "a.doc", "text"),
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
        (package("FixedDocSeq.fdseq", "1.fpage"), "a.xps", Reason.UNSUPPORTED, "an XPS document"),
        (
            package("[Content_Types].xml", "Documents/1/Pages/1.fpage"),
            "a.zip",
            Reason.UNSUPPORTED,
            "an XPS document; save it as .pdf",
        ),
        (package("Index/Slide-1.iwa"), "a.key", Reason.UNSUPPORTED, "a Keynote presentation"),
        (package("Index/Slide-1.iwa"), "a", Reason.UNSUPPORTED, "a Keynote presentation"),
        (package("Index/Document.iwa"), "a.numbers", Reason.UNSUPPORTED, "a Numbers spreadsheet"),
        (package("Index/Document.iwa"), "a.pages", Reason.UNSUPPORTED, "a Pages document"),
        (package("index.xml"), "old.pages", Reason.UNSUPPORTED, "a Pages document"),
        (package("index.apxl"), "old.key", Reason.UNSUPPORTED, "a Keynote presentation"),
        (package("visio/document.xml"), "a.vsdx", Reason.UNSUPPORTED, "a Visio drawing"),
        (
            package("mimetype", mimetype="application/vnd.oasis.opendocument.graphics"),
            "a.odg",
            Reason.UNSUPPORTED,
            "an OpenDocument drawing",
        ),
        (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\0", "a.one", Reason.UNSUPPORTED, "OneNote"),
        (b"!BDN\0\0", "a.pst", Reason.UNSUPPORTED, "Outlook data file"),
        (b"AC1027\0\0\0", "a.dwg", Reason.UNSUPPORTED, "CAD drawing (DWG)"),
        (b"8BPS\0\1", "a.psd", Reason.UNSUPPORTED, "Photoshop"),
        (b"\xff\x57\x50\x43\0", "a.wpd", Reason.UNSUPPORTED, "WordPerfect"),
        (b"\0\1\0\0Standard ACE DB\0", "a.accdb", Reason.UNSUPPORTED, "Access database"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.eps", Reason.UNSUPPORTED, "an EPS drawing"),
        (b"AT&TFORM\0\0", "a.djvu", Reason.UNSUPPORTED, "a DjVu scan"),
        (b"\0\0\0\x18ftypheic", "a.heic", Reason.UNSUPPORTED, "a HEIC image"),
        (b"ITSF\3\0\0\0", "a.chm", Reason.UNSUPPORTED, "compiled help"),
        (ole(), "a.mpp", Reason.UNSUPPORTED, "a Project plan; save it as .pdf"),
        (ole("Quill"), "a.pub", Reason.UNSUPPORTED, "a Publisher file"),
        (
            ole("EncryptedPackage", "DRMEncryptedTransform"),
            "a.docx",
            Reason.ENCRYPTED,
            "rights management",
        ),
        (b"{\\rtf1 hello}", "a.doc", Reason.UNSUPPORTED, "an RTF text; save it as .docx"),
        (b"\x89PNG\r\n\x1a\n\0", "a.docx", Reason.UNSUPPORTED, "PNG image"),
        (b"\1\2\0\3" * 50, "a.docx", Reason.CORRUPT, "named .docx"),
        (
            b'<?xml version="1.0"?><office:document '
            b'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            b'office:mimetype="application/vnd.oasis.opendocument.text">',
            "a.fodt",
            Reason.UNSUPPORTED,
            "OpenDocument text in one XML file",
        ),
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
