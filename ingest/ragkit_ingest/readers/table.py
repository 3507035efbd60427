"""Tables as blocks: shared by the readers of all formats that have tables.

Each row becomes one block. Its text is its cells joined by " | ", and its `columns` are the heads
of the columns, () if there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragkit_ingest.model import CELL_SEPARATOR, BlockKind, PageBuilder
from ragkit_ingest.readers.grid import Cell, TableRow, arrange_rows


def add_table(builder: PageBuilder, rows: Sequence[Sequence[Cell]], *, caption: str = "") -> None:
    """Add a table to a page, a block for each row.

    Titles become paragraphs. Rows have the heads of all columns, a label and a unit: see
    `grid.arrange_rows`. `caption` is a title that the page has already; it becomes part of the
    labels and may state the unit.
    """
    for row in arrange_rows(rows, caption=caption):
        add_row(builder, row)


def add_row(builder: PageBuilder, row: TableRow, *, ref: str = "") -> None:
    """Add an arranged row as a block; `ref` names its cells in a spreadsheet."""
    builder.add(
        BlockKind.PARAGRAPH if row.is_caption else BlockKind.ROW,
        CELL_SEPARATOR.join(row.texts),
        columns=row.columns,
        label=row.label,
        unit=row.unit,
        ref=ref,
    )
