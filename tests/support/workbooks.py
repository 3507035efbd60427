"""Workbooks for tests, as XML and as records of Excel 97."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.support.packages import make_package, relationships

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def make_xlsx(
    rows: str = "",
    *,
    after: str = "",
    before: str = "",
    styles: str = "",
    strings: str = "",
    workbook: str = "",
    sheets: str = '<sheet name="Data" sheetId="1" r:id="rId1"/>',
    links: Sequence[tuple[str, str, str]] = (),
    sheet_links: Sequence[tuple[str, str, str]] = (),
    parts: Mapping[str, str] | None = None,
    main: str = MAIN,
) -> bytes:
    """Return a workbook with one sheet of the given rows (SpreadsheetML).

    `before` and `after` are elements around the rows; `links` are further relationships of the
    workbook, `sheet_links` those of the sheet, and `parts` further members.
    """
    root = f'xmlns="{main}" xmlns:r="{RELS}"'
    known = (
        ("rId1", "worksheet", "worksheets/sheet1.xml"),
        ("rId2", "styles", "styles.xml"),
        ("rId3", "sharedStrings", "sharedStrings.xml"),
    )
    return make_package(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relationships(("rId1", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f"<workbook {root}>{workbook}<sheets>{sheets}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relationships(*known, *links),
            "xl/styles.xml": f"<styleSheet {root}>{styles}</styleSheet>",
            "xl/sharedStrings.xml": f"<sst {root}>{strings}</sst>",
            "xl/worksheets/sheet1.xml": (
                f"<worksheet {root}>{before}<sheetData>{rows}</sheetData>{after}</worksheet>"
            ),
            "xl/worksheets/_rels/sheet1.xml.rels": relationships(*sheet_links),
            **(parts or {}),
        }
    )


def make_styles(*codes: str, fonts: str = "<font/>") -> str:
    """Return styles, one for each number format, from index 1 on."""
    formats = "".join(
        f'<numFmt numFmtId="{164 + at}" formatCode="{code}"/>' for at, code in enumerate(codes)
    )
    entries = "".join(f'<xf numFmtId="{164 + at}" fontId="0"/>' for at in range(len(codes)))
    return (
        f"<numFmts>{formats}</numFmts><fonts>{fonts}</fonts>"
        f'<cellXfs><xf numFmtId="0" fontId="0"/>{entries}</cellXfs>'
    )


def text_cell(name: str, text: str) -> str:
    """Return a cell with a text in it."""
    return f'<c r="{name}" t="inlineStr"><is><t>{text}</t></is></c>'


def make_xls(cells: Sequence[tuple[int, int, str | float]], code: str = "General") -> bytes:
    """Return the stream of an Excel 5 workbook with one sheet; numbers have the format `code`.

    Records are those of [MS-XLS] in the form of Excel 5, which needs no compound file around it.
    """
    globals_end = _record(0x0A)
    formats = _record(0x41E, struct.pack("<HB", 164, len(code)) + code.encode("latin-1"))
    font = _record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + b"\5Arial")
    styles = b"".join(
        _record(0xE0, struct.pack("<HHHHHHHH", 0, number, 1, 0, 0, 0, 0, 0)) for number in (0, 164)
    )
    start = _record(0x809, struct.pack("<HHHH", 0x500, 5, 0, 0))
    prefix = start + font + formats + styles
    length = len(prefix) + len(_record(0x85, b"\0" * 11)) + len(globals_end)
    sheet = _record(0x85, struct.pack("<IBB", length, 0, 0) + b"\4Data")
    body = _record(0x809, struct.pack("<HHHH", 0x500, 0x10, 0, 0))
    for row, column, value in cells:
        if isinstance(value, str):
            text = value.encode("latin-1")
            body += _record(0x204, struct.pack("<HHHH", row, column, 0, len(text)) + text)
        else:
            body += _record(0x203, struct.pack("<HHHd", row, column, 1, value))
    return prefix + sheet + globals_end + body + globals_end


def _record(number: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(content)) + content
