"""Files made to harm a reader: bombs, deep nesting, and lies about sizes."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from tests.fuzz.originals import find_originals

_DEEP = 100_000
_CUTS = (0.02, 0.3, 0.6, 0.9, 0.99)  # of a file's length


def find_cut_files(cuts: Sequence[float] = _CUTS) -> Iterator[tuple[str, bytes]]:
    """Yield every original cut short at several places."""
    for name, data in find_originals():
        for cut in cuts:
            yield f"{cut:.0%}-{name}", data[: int(len(data) * cut)]


def find_hostile_files(share: float = 1.0) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of bombs and of deeply nested files, of each kind that can be one.

    They are made this share of their full size.
    """
    yield from _find_nested(share)
    yield from _find_packed(share)
    yield from _find_tables(share)
    yield "bomb.pdf", _make_pdf_bomb(int(share * 500_000_000))


def _find_nested(share: float) -> Iterator[tuple[str, bytes]]:
    deep = int(share * _DEEP)
    yield "deep.html", b"<div>" * (deep // 5) + b"text"
    yield "deep-table.html", b"<table><tr><td>" * (deep // 30) + b"text"
    yield "deep-list.html", b"<ol><li>" * (deep // 10) + b"text"
    yield "deep-quote.md", b">" * deep + b" text"
    yield "deep-list.md", b"".join(b" " * n + b"- x\n" for n in range(deep // 50))
    yield "deep.json", b"[" * deep + b"]" * deep
    yield "deep-object.json", b'{"a":' * deep + b"1" + b"}" * deep
    yield "deep.xml", b"<a>" * deep + b"text" + b"</a>" * deep
    yield "deep.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml">' + b"<b>" * deep
    yield "deep.eml", _nest_mail(300)
    yield "brackets.md", b"[" * (deep // 2) + b"text"
    yield "quotes.csv", b'"' * (5 * deep + 1) + b",b\n"
    yield "one-line.csv", b"a," * (10 * deep)
    yield "spaces.txt", b" " * (20 * deep) + b"x"
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


def _find_packed(share: float) -> Iterator[tuple[str, bytes]]:
    deep, spaces = int(share * _DEEP), b" " * int(share * 300_000_000)
    for name, folder in (("docx", "word"), ("pptx", "ppt"), ("xlsx", "xl")):
        main = {"docx": "document", "pptx": "presentation", "xlsx": "workbook"}[name]
        part = f"{folder}/{main}.xml"
        yield f"bomb.{name}", _zip({part: b"<a>" + spaces + b"</a>"})
        yield f"deep.{name}", _zip({part: b"<a>" * deep + b"</a>" * deep})
        yield f"laughs.{name}", _zip({part: _laughs()})
        yield (
            f"many.{name}",
            _zip({part: b"<a/>", **{f"{folder}/{n}.xml": b"" for n in range(12_000)}}),
        )
        yield f"empty.{name}", _zip({part: b""})
    yield "bomb.ods", _zip({"content.xml": spaces}, "spreadsheet")
    yield "deep.ods", _zip({"content.xml": b"<a>" * deep}, "spreadsheet")


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


def _find_tables(share: float) -> Iterator[tuple[str, bytes]]:
    wide = b"<td colspan=99999 rowspan=99999>x</td>"
    yield (
        "spans.html",
        b"<table>" + (b"<tr>" + wide * 50 + b"</tr>") * int(share * 50) + b"</table>",
    )
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
    yield "keys.json", json.dumps([{f"k{n}": n} for n in range(int(share * 3_000))]).encode()


def _make_pdf_bomb(size: int) -> bytes:
    """A page whose content unpacks to so many spaces and one word."""
    content = b" " * size + b"BT /F1 9 Tf (word) Tj ET"
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
