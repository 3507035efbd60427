"""Files made to harm a reader: bombs, deep nesting, and lies about sizes."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator

from tests.fuzz.originals import find_originals

_DEEP = 100_000
_CUTS = (0.02, 0.3, 0.6, 0.9, 0.99)  # of a file's length


def find_cut_files() -> Iterator[tuple[str, bytes]]:
    """Yield every original cut short at several places."""
    for name, data in find_originals():
        for cut in _CUTS:
            yield f"{cut:.0%}-{name}", data[: int(len(data) * cut)]


def find_hostile_files() -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of bombs and of deeply nested files, of each kind that can be one."""
    yield from _find_nested()
    yield from _find_packed()
    yield from _find_tables()
    yield "bomb.pdf", _make_pdf_bomb()


def _find_nested() -> Iterator[tuple[str, bytes]]:
    yield "deep.html", b"<div>" * 20_000 + b"text"
    yield "deep-table.html", b"<table><tr><td>" * 3_000 + b"text"
    yield "deep-list.html", b"<ol><li>" * 10_000 + b"text"
    yield "deep-quote.md", b">" * _DEEP + b" text"
    yield "deep-list.md", b"".join(b" " * n + b"- x\n" for n in range(2_000))
    yield "deep.json", b"[" * _DEEP + b"]" * _DEEP
    yield "deep-object.json", b'{"a":' * _DEEP + b"1" + b"}" * _DEEP
    yield "deep.xml", b"<a>" * _DEEP + b"text" + b"</a>" * _DEEP
    yield "deep.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml">' + b"<b>" * _DEEP
    yield "deep.eml", _nest_mail(300)
    yield "brackets.md", b"[" * 50_000 + b"text"
    yield "quotes.csv", b'"' * 500_001 + b",b\n"
    yield "one-line.csv", b"a," * 1_000_000
    yield "spaces.txt", b" " * 2_000_000 + b"x"
    yield "laughs.xml", _laughs()
    yield "laughs.xhtml", _laughs()


def _nest_mail(depth: int) -> bytes:
    mail = b"Subject: inner\n\ntext\n"
    for _ in range(depth):
        mail = b"Subject: outer\nFrom: a@b.example\nContent-Type: message/rfc822\n\n" + mail
    return mail


def _laughs() -> bytes:
    names = "abcdefghij"
    entities = "".join(
        f'<!ENTITY {name} "{f"&{below};" * 10}">'
        for name, below in zip(names[1:], names, strict=False)
    )
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">{entities}]><r>&j;</r>'.encode()


def _find_packed() -> Iterator[tuple[str, bytes]]:
    for name, folder in (("docx", "word"), ("pptx", "ppt"), ("xlsx", "xl")):
        main = {"docx": "document", "pptx": "presentation", "xlsx": "workbook"}[name]
        part = f"{folder}/{main}.xml"
        yield f"bomb.{name}", _zip({part: b"<a>" + b" " * 300_000_000 + b"</a>"})
        yield f"deep.{name}", _zip({part: b"<a>" * _DEEP + b"</a>" * _DEEP})
        yield f"laughs.{name}", _zip({part: _laughs()})
        yield (
            f"many.{name}",
            _zip({part: b"<a/>", **{f"{folder}/{n}.xml": b"" for n in range(12_000)}}),
        )
        yield f"empty.{name}", _zip({part: b""})
    yield "bomb.ods", _zip({"content.xml": b" " * 300_000_000}, "spreadsheet")
    yield "deep.ods", _zip({"content.xml": b"<a>" * _DEEP}, "spreadsheet")


def _zip(members: dict[str, bytes], opendocument: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        if opendocument:
            package.writestr("mimetype", f"application/vnd.oasis.opendocument.{opendocument}")
        else:
            package.writestr("[Content_Types].xml", b"<Types/>")
        for name, content in members.items():
            package.writestr(name, content)
    return buffer.getvalue()


def _find_tables() -> Iterator[tuple[str, bytes]]:
    wide = b"<td colspan=99999 rowspan=99999>x</td>"
    yield "spans.html", b"<table>" + (b"<tr>" + wide * 50 + b"</tr>") * 50 + b"</table>"
    rows = (
        '<table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p>'
        "</table:table-cell></table:table-row>"
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = f"<office:document-content{names}><office:body><office:spreadsheet><table:table>"
    content += rows + "</table:table></office:spreadsheet></office:body></office:document-content>"
    yield "repeated.ods", _zip({"content.xml": content.encode()}, "spreadsheet")
    yield "keys.json", json.dumps([{f"k{n}": n} for n in range(3_000)]).encode()


def _make_pdf_bomb() -> bytes:
    """A page whose content unpacks to 500 MB of spaces and one word."""
    content = b" " * 500_000_000 + b"BT /F1 9 Tf (word) Tj ET"
    packed = zlib.compress(content, 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(packed), packed),
    ]
    body = b"%PDF-1.4\n"
    for number, content in enumerate(objects, 1):
        body += b"%d 0 obj%b endobj\n" % (number, content)
    return body + b"trailer<</Root 1 0 R/Size 5>>\n%%EOF"
