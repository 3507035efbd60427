"""HTML tables: which ones hold data, and their cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragkit_ingest.readers.grid import Cell
from ragkit_ingest.readers.html_inline import InlineReader
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_GROUPS = ("thead", "tbody", "tfoot")
_TO_THE_END = 100_000  # rows, for rowspan="0"
_BOLD = "b, strong, [style*='font-weight:bold'], [style*='font-weight: bold']"
_HEAD_SEARCH_ROWS = 3  # rows whose bold cells may be heads, where a table marks none


def is_data_table(table: LexborNode) -> bool:
    """Return True if a table holds data: several columns, no headings, and heads or no tables."""
    if table.attributes.get("role") == "presentation" or table.css("h1, h2, h3, pre"):
        return False
    rows = [_children(row, ("td", "th")) for row in _iter_rows(table)]
    if not any(len(row) > 1 for row in rows):
        return False
    has_inner = any(inner.mem_id != table.mem_id for inner in table.css("table"))
    return not has_inner or any(cell.tag == "th" for row in rows for cell in row)


def read_table(table: LexborNode, reader: InlineReader) -> tuple[str, list[list[Cell]]]:
    """Return a table's caption and the cells of its rows, without those of tables inside it."""
    captions = [reader.read_line(caption) for caption in _children(table, ("caption",))]
    rows: list[list[Cell]] = []
    is_marked = table.css_first("th, thead") is not None
    for row in _iter_rows(table):
        if reader.show(row) is not None:  # struck out
            continue
        is_head = row.parent is not None and row.parent.tag == "thead"
        finds_bold = not is_marked and len(rows) < _HEAD_SEARCH_ROWS
        cells = [
            _read_cell(cell, reader, is_head=is_head, finds_bold=finds_bold)
            for cell in _children(row, ("td", "th"))
        ]
        rows.append(cells)
    return " ".join(filter(None, captions)), rows


def _iter_rows(table: LexborNode) -> Iterator[LexborNode]:
    for child in table.iter():
        if child.tag == "tr":
            yield child
        elif child.tag in _GROUPS:
            yield from _children(child, ("tr",))


def _children(node: LexborNode, tags: tuple[str, ...]) -> list[LexborNode]:
    return [child for child in node.iter() if child.tag in tags]


def _read_cell(cell: LexborNode, reader: InlineReader, *, is_head: bool, finds_bold: bool) -> Cell:
    text = "" if reader.show(cell) is not None else reader.read_line(cell)
    attributes = cell.attributes
    is_head = is_head or cell.tag == "th" or attributes.get("scope") in ("row", "col", "colgroup")
    if finds_bold and text and not is_head:
        is_head = "".join(one_line(bold.text()) for bold in cell.css(_BOLD)) == text
    return Cell(
        text,
        is_head,
        _parse_span(attributes.get("colspan")),
        _parse_span(attributes.get("rowspan")) or _TO_THE_END,
    )


def _parse_span(span: str | None) -> int:
    return min(int(span), _TO_THE_END) if span and span.isascii() and span.isdigit() else 1
