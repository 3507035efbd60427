"""Workbooks: collects the sheets of a file, and what it has to tell about them.

The readers of all formats of spreadsheets begin each sheet here, and note what they leave out or
what a reader of the file does not see; `WorkbookBuilder.build` says it in one warning each.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ragkit_ingest.model import (
    Attachment,
    BlockKind,
    Document,
    Page,
    PageBuilder,
    PageKind,
    ReadError,
    Reason,
)
from ragkit_ingest.readers.sheet import SheetRow, add_sheet, cell_name
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.counts import count_things, describe_struck

if TYPE_CHECKING:
    Element = Any  # an lxml element

MAX_CELLS = 5_000_000  # cells with text of all sheets together
_MAX_NAMES = 5  # that a warning lists


_HEADER_CODE = re.compile(r'&(?:(&)|"[^"]*"|\d+|K[0-9A-F]{6}|K\d\d[+-]\d{3}|.)', re.DOTALL)
_PAGE_NUMBER = re.compile("&[PN]")


class WorkbookBuilder:
    """Builds the pages of a workbook, one for each sheet."""

    def __init__(self) -> None:
        self.attachments: list[Attachment] = []
        self.warnings: list[str] = []
        self.struck = 0  # passages left out
        self._builders: list[PageBuilder] = []
        self._left = MAX_CELLS
        self._hidden_sheets: list[str] = []
        self._unread: dict[str, list[str]] = {}
        self._formulas: list[str] = []
        self._formula_count = 0
        self._headers: set[str] = set()
        self._hidden: dict[str, int] = {}
        self._hidden_in: dict[str, None] = {}

    @property
    def sheet_name(self) -> str:
        """The name of the sheet that is being read."""
        return self._builders[-1].page_label

    def start_sheet(self, name: str) -> PageBuilder:
        """Begin the page of the next sheet."""
        self._builders.append(PageBuilder(PageKind.SHEET, page_label=one_line(name)))
        return self._builders[-1]

    def note_hidden_sheet(self) -> None:
        """Note that the sheet begun last is hidden."""
        self._hidden_sheets.append(self.sheet_name)

    def add_rows(self, rows: Iterable[SheetRow]) -> None:
        """Add the rows of the sheet begun last. Raises ReadError(TOO_LARGE) for too many cells."""
        add_sheet(self._builders[-1], self._count_cells(rows))

    def add_text(self, text: str) -> None:
        """Add a text that is on the sheet begun last, but in no cell: of a shape or a header."""
        self._builders[-1].add(BlockKind.PARAGRAPH, text)

    def add_header(self, code: str) -> None:
        """Add the header or footer of the sheet begun last, once for all sheets that have it.

        `code` has the codes of ECMA-376 part 1, 18.3.1.39: sections, fonts, page numbers.
        """
        for section in re.split("&[LCR]", code):
            text = one_line(_HEADER_CODE.sub(lambda found: found[1] or " ", section))
            is_page_number = _PAGE_NUMBER.search(section) and not any(map(str.isdigit, text))
            if any(map(str.isalnum, text)) and not is_page_number and text not in self._headers:
                self._headers.add(text)
                self.add_text(text)

    def note_formula(self, row: int, column: int) -> None:
        """Note a formula whose value is not in the file."""
        self._formula_count += 1
        if len(self._formulas) < _MAX_NAMES:
            self._formulas.append(f"{self.sheet_name}!{cell_name(row, column)}")

    def note_hidden(self, what: str, count: int = 1) -> None:
        """Note hidden rows or columns ("row", "column") of the sheet begun last."""
        self._hidden[what] = self._hidden.get(what, 0) + count
        self._hidden_in[self.sheet_name] = None

    def note_unread(self, what: str, name: str) -> None:
        """Note something with a name that is not read: "macro sheet", "chart"."""
        self._unread.setdefault(what, []).append(name)

    def build(self, kind: str, title: str = "", metadata: dict[str, str] | None = None) -> Document:
        """Return the document with the pages and warnings so far."""
        pages: tuple[Page, ...] = tuple(builder.build() for builder in self._builders)
        warnings = (*self._describe(), *self.warnings)
        return Document(kind, pages, title, metadata or {}, warnings, tuple(self.attachments))

    def check_room(self, cells: int) -> None:
        """Raise ReadError(TOO_LARGE) if there is no room for so many more cells."""
        if cells > self._left:
            found = f"the file has over {MAX_CELLS:,} cells, which is the limit; split it"
            raise ReadError(Reason.TOO_LARGE, found)

    def _count_cells(self, rows: Iterable[SheetRow]) -> Iterator[SheetRow]:
        for row in rows:
            self.check_room(len(row.cells))
            self._left -= len(row.cells)
            yield row

    def _describe(self) -> Iterator[str]:
        """Yield the warnings, one for each kind of thing."""
        if len(self._hidden_sheets) == 1:
            yield f'sheet "{self._hidden_sheets[0]}" is hidden in the workbook'
        elif self._hidden_sheets:
            sheets = _list_names(self._hidden_sheets)
            yield f"{len(self._hidden_sheets)} sheets are hidden in the workbook: {sheets}"
        if self._hidden:
            counts = self._hidden.items()
            found = " and ".join(count_things(count, f"hidden {each}") for each, count in counts)
            sheets = "sheet" if len(self._hidden_in) == 1 else "sheets"
            yield f"{found} were read too ({sheets} {_list_names(list(self._hidden_in))})"
        if self._formula_count:
            yield self._describe_formulas()
        if self.struck:
            yield describe_struck(self.struck)
        for what, names in self._unread.items():
            yield f"{count_things(len(names), what, 'was')} not read: {_list_names(names)}"

    def _describe_formulas(self) -> str:
        count, cells = self._formula_count, ", ".join(self._formulas)
        subject = "1 cell holds a formula" if count == 1 else f"{count:,} cells hold formulas"
        cells += ", ..." if count > len(self._formulas) else ""
        advice = "open the file in a spreadsheet program and save it"
        return f"{subject} without a stored value ({cells}); {advice}"


def iterate_xml(
    data: bytes,
    *,
    tag: Sequence[str] | None = None,
    events: Sequence[Literal["start", "end"]] = ("end",),
) -> Any:
    """Return lxml's iterator over (event, element), whatever the size and damage of a part.

    `tag` are the names of the elements wanted, None for all. Entities are not resolved.
    """
    from lxml import etree

    return etree.iterparse(
        io.BytesIO(data),
        tag=tag,
        events=events,
        recover=True,
        huge_tree=True,
        resolve_entities=False,
        remove_comments=True,
        remove_pis=True,
    )


def drop_element(element: Element) -> None:
    """Free an element that a parser is done with, and those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _list_names(names: Sequence[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names[:_MAX_NAMES])
    return f"{listed}, ..." if len(names) > _MAX_NAMES else listed
