"""Office files for measurements, made of text: Word, PowerPoint, Excel and HTML tables.

A table is text: one line a row, cells between " | ". A cell "<" is one with that on its left, a
cell "^" one with that above, and "" is empty. `x^2^` has a superscript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import escape
from pathlib import Path

from docx import Document
from docx.text.paragraph import Paragraph
from pptx import Presentation
from pptx.util import Inches

from tests.support.workbooks import make_styles, make_xlsx, text_cell

_SUPERSCRIPT = re.compile(r"\^([^^]+)\^")
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class Span:
    """A cell and how many rows and columns it takes, both at least 1."""

    row: int
    column: int
    rows: int
    columns: int
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text. `heads` is the number of its head rows."""

    text: str
    heads: int = 1

    @property
    def rows(self) -> list[list[str]]:
        return [
            [cell.strip() for cell in line.split("|")] for line in self.text.strip().splitlines()
        ]

    def spans(self) -> Iterator[Span]:
        """Yield the cells that others are not part of."""
        rows = self.rows
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                if text in ("<", "^"):
                    continue
                right = column + 1
                while right < len(cells) and cells[right] == "<":
                    right += 1
                below = row + 1
                while below < len(rows) and rows[below][column] == "^":
                    below += 1
                yield Span(row, column, below - row, right - column, text)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: lines above a table, the table, and the number formats of its columns by letter."""

    name: str
    grid: Grid
    above: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide: title, then bullets or a table, and the speaker's notes."""

    title: str
    body: str | Grid
    notes: str = ""


def write_word(path: Path, *blocks: str | Grid) -> None:
    """Write a Word document; "# " and "## " begin headings, "- " list items, the rest is text."""
    document = Document()
    for block in blocks:
        if isinstance(block, Grid):
            _add_word_table(document, block)
        elif block.startswith("#"):
            marks, _, text = block.partition(" ")
            document.add_heading(text, len(marks))
        elif block.startswith("- "):
            for item in block.splitlines():
                _add_runs(document.add_paragraph(style="List Bullet"), item[2:])
        else:
            _add_runs(document.add_paragraph(), " ".join(block.split()))
    document.save(str(path))


def _add_word_table(document: Document, grid: Grid) -> None:
    rows = grid.rows
    table = document.add_table(len(rows), len(rows[0]), style="Table Grid")
    for span in grid.spans():
        cell = table.cell(span.row, span.column)
        if span.rows > 1 or span.columns > 1:
            last = table.cell(span.row + span.rows - 1, span.column + span.columns - 1)
            cell = cell.merge(last)
        _add_runs(cell.paragraphs[0], span.text)


def _add_runs(paragraph: Paragraph, text: str) -> None:
    for number, part in enumerate(_SUPERSCRIPT.split(text)):
        if part:
            paragraph.add_run(part).font.superscript = number % 2 == 1 or None


def write_slides(path: Path, *slides: Slide) -> None:
    """Write a presentation."""
    presentation = Presentation()
    for slide in slides:
        page = presentation.slides.add_slide(presentation.slide_layouts[1])
        page.shapes.title.text = slide.title
        if isinstance(slide.body, Grid):
            rows = slide.body.rows
            place = Inches(1), Inches(2), Inches(8), Inches(4)
            table = page.shapes.add_table(len(rows), len(rows[0]), *place).table
            for span in slide.body.spans():
                cell = table.cell(span.row, span.column)
                cell.text = span.text
                if span.rows > 1 or span.columns > 1:
                    last = span.row + span.rows - 1, span.column + span.columns - 1
                    cell.merge(table.cell(*last))
        else:
            page.placeholders[1].text = slide.body
        if slide.notes:
            page.notes_slide.notes_text_frame.text = slide.notes
    presentation.save(str(path))


def write_html(path: Path, title: str, *blocks: str | Grid) -> None:
    """Write a web page; strings are HTML."""
    body = "\n".join(_html_table(each) if isinstance(each, Grid) else each for each in blocks)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    path.write_text(f"<!DOCTYPE html><html><head>{head}</head><body>\n{body}\n</body></html>\n")


def _html_table(grid: Grid) -> str:
    lines: list[str] = [""] * len(grid.rows)
    for span in grid.spans():
        tag = "th" if span.row < grid.heads else "td"
        text = _SUPERSCRIPT.sub(r"<sup>\1</sup>", escape(span.text))
        size = f' rowspan="{span.rows}"' * (span.rows > 1)
        size += f' colspan="{span.columns}"' * (span.columns > 1)
        lines[span.row] += f"<{tag}{size}>{text}</{tag}>"
    rows = [f"<tr>{line}</tr>" for line in lines]
    head, body = "".join(rows[: grid.heads]), "\n".join(rows[grid.heads :])
    return f"<table><thead>{head}</thead><tbody>\n{body}\n</tbody></table>"


def write_sheets(path: Path, *sheets: Sheet) -> None:
    """Write an Excel workbook."""
    codes = sorted({code for sheet in sheets for code in sheet.formats.values()})
    entries = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{n}" r:id="{"rId1" if n == 1 else f"s{n}"}"/>'
        for n, sheet in enumerate(sheets, 1)
    )
    rows, after = _sheet_xml(sheets[0], codes)
    others = {
        f"worksheets/sheet{n}.xml": _sheet_xml(sheet, codes)
        for n, sheet in enumerate(sheets[1:], 2)
    }
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    content = make_xlsx(
        rows,
        after=after,
        sheets=entries,
        styles=make_styles(*map(escape, codes)),
        links=[(f"s{n}", "worksheet", name) for n, name in enumerate(others, 2)],
        parts={
            f"xl/{name}": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>{after}'
            "</worksheet>"
            for name, (rows, after) in others.items()
        },
    )
    path.write_bytes(content)


def _sheet_xml(sheet: Sheet, codes: list[str]) -> tuple[str, str]:
    """Return the rows of a sheet and what follows them."""
    lines = [f'<row r="{n}">{_cell(f"A{n}", text)}</row>' for n, text in enumerate(sheet.above, 1)]
    top = len(sheet.above) + 1
    cells: dict[int, str] = {}
    merged = []
    for span in sheet.grid.spans():
        letter, row = chr(ord("A") + span.column), top + span.row
        code = sheet.formats.get(letter, "")
        style = codes.index(code) + 1 if code else 0
        cells[row] = cells.get(row, "") + _cell(f"{letter}{row}", span.text, style)
        if span.rows > 1 or span.columns > 1:
            last = chr(ord(letter) + span.columns - 1) + str(row + span.rows - 1)
            merged.append(f'<mergeCell ref="{letter}{row}:{last}"/>')
    lines += [f'<row r="{row}">{inner}</row>' for row, inner in cells.items()]
    return "".join(lines), f"<mergeCells>{''.join(merged)}</mergeCells>" if merged else ""


def _cell(name: str, text: str, style: int = 0) -> str:
    """Return a cell: of a number, a day in ISO form, or text."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text = str((date.fromisoformat(text) - _EXCEL_DAY_ZERO).days)
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return f'<c r="{name}" s="{style}"><v>{text}</v></c>'
    return text_cell(name, escape(text)) if text else ""
