"""The intact files that are damaged: the examples, small files of other kinds, and a folder."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import xlsxwriter

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
FOLDER = os.environ.get("RAGKIT_FUZZ_FILES", "")
_MAX_BYTES = 400_000

_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="Stock"><table:table-row>'
    '<table:table-cell office:value-type="string"><text:p>Valve</text:p></table:table-cell>'
    '<table:table-cell office:value-type="float" office:value="19"><text:p>19</text:p>'
    "</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>"
    "</office:document-content>"
)

_MHTML = (
    b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n"
    b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
    b"<h1>Rules</h1><p>Oil =E2=80=93 HLP 46</p>\n--b--\n"
)
_SIGNED = (  # a message that its S/MIME signature encloses
    b"From: a@x\nContent-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n"
    b"MIAGCSqGSIb3DQEHAqCAMIACAQExADCABgkqhkiG9w0BBwGggCSABAhGcm9tOiBhCgQFCkhpLgoAAAAAAAAAAAAAAAA=\n"
)


def find_originals() -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes: every kind that is read, and what RAGKIT_FUZZ_FILES holds."""
    paths = [path for path in sorted(EXAMPLES.rglob("*.*")) if path.is_file()]
    if FOLDER:
        paths += [path for path in sorted(Path(FOLDER).rglob("*.*")) if path.is_file()]
    for path in paths:
        if path.stat().st_size <= _MAX_BYTES:
            yield path.name, path.read_bytes()
    yield "shifts.tsv", b"Name\tHall\nBerg\t2\nLund\t3\n"
    yield "stock.ods", _make_ods()
    yield "prices.xlsx", _make_xlsx()
    yield "forecast.ipynb", _make_notebook()
    yield "pump.py", b'"""Pumps."""\n\n\ndef start(pump: str) -> None:\n    print(pump)\n'
    yield "chat.jsonl", b'{"from": "Berg", "text": "Oil HLP 46"}\n{"from": "Lund", "text": "ok"}\n'
    yield "config.xml", b'<?xml version="1.0"?><pump id="7"><oil>HLP 46</oil></pump>'
    mail = b"From a@x Mon May  4 09:00:00 2026\nFrom: a@x\nSubject: Oil\n\nHLP 46\n\n"
    yield "archive.mbox", mail * 2
    yield "audit.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Audit\nEND:VEVENT\nEND:VCALENDAR\n"
    yield "berg.vcf", b"BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:B=65rg\nTEL:+47 1\nEND:VCARD\n"
    yield "rules.mht", _MHTML
    yield "signed.eml", _SIGNED


def _make_ods() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", _ODS, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _make_xlsx() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("Prices")
        sheet.write_row(0, 0, ["Part", "Price", "Discount"])
        sheet.write_row(1, 0, ["Bolt", 1.5])
        sheet.write(1, 2, 0.125, book.add_format({"num_format": "0.0%"}))
        sheet.write_formula(2, 1, "=B2*2", None, 3)
        sheet.write_comment(1, 1, "since May")
        sheet.merge_range(3, 0, 4, 0, "Nut")
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Prices!$B$2:$B$3"})
        sheet.insert_chart("E2", chart)
    return buffer.getvalue()


def _make_notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# Scrap\n", "3.2 percent"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"image/png": "AAAA" * 40}}]},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()
