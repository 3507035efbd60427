"""Delimited text (CSV, TSV): one page, a block for each row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace

from ragkit_ingest.model import Document
from ragkit_ingest.readers.sheet import SheetRow
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.readers.workbook import WorkbookBuilder
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.plain import load_text

_DELIMITER_LINE = re.compile(r"\ufeff?sep=([,;\t|])[ \t]*\n")
_DELIMITERS = ",;\t|"
_SAMPLE = 16384  # characters that the delimiter is chosen by


def read_csv(data: bytes, source: str) -> Document:
    """Read delimited text with commas, semicolons, tabs or bars, whichever fits best.

    Text that no delimiter fits is read as plain text, with a warning. Raises ReadError(TOO_LARGE)
    for more than 5 million cells.
    """
    return _read_delimited(data, source, "csv")


def read_tsv(data: bytes, source: str) -> Document:
    """Read delimited text as `read_csv` does; the delimiter is a tab unless another fits better."""
    return _read_delimited(data, source, "tsv")


def _read_delimited(data: bytes, source: str, kind: str) -> Document:
    text, hidden, warnings = load_text(data)
    delimiter = _choose_delimiter(text, kind)
    if named := _DELIMITER_LINE.match(text):  # as Excel writes and reads it
        delimiter, text = named[1], text[named.end() :]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        workbook = WorkbookBuilder()
        workbook.start_sheet("")
        try:
            workbook.add_rows(_parse_rows(text, delimiter, quoting))
        except csv.Error:
            warnings = (*warnings, "a quote is never closed; quotes are read as letters")
            continue
        (page,) = workbook.build(kind).pages
        return Document(kind, (replace(page, hidden=hidden),), warnings=warnings)
    plain = read_text(data, source)
    return replace(plain, warnings=(*plain.warnings, f"not a {kind} table; read as text"))


def _parse_rows(text: str, delimiter: str, quoting: int) -> Iterator[SheetRow]:
    lines = io.StringIO(text, newline="")
    # quoting is one of csv's own constants, which typeshed narrows to literals
    rows = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    for number, row in enumerate(rows, start=1):
        yield SheetRow(
            number, {at: cell for at, text in enumerate(row) if (cell := one_line(text))}
        )


def _choose_delimiter(text: str, kind: str) -> str:
    """Return the delimiter that splits most of the first lines into equally many cells.

    One that does so from an earlier line on wins over the others: a comma in every row but the head
    is a decimal comma.
    """
    sample = text[:_SAMPLE].rpartition("\n")[0] or text[:_SAMPLE]
    best, best_score = "\t" if kind == "tsv" else ",", (-_SAMPLE, 0.0)
    for delimiter in _DELIMITERS:
        try:
            rows = csv.reader(io.StringIO(sample), delimiter=delimiter)
            widths = [len(row) for row in rows if row] or [1]
        except csv.Error:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        score = widths.count(usual) / len(widths) * (1 - 1 / usual)
        if score and (-widths.index(usual), score) > best_score:
            best, best_score = delimiter, (-widths.index(usual), score)
    return best
