"""The values of reading: documents of pages with text and blocks, and the errors of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ragkit_ingest.text.cleaning import clean_text, one_line

CELL_SEPARATOR = " | "


class Reason(StrEnum):
    """Why a file is not in the knowledge base; reports and JSON show the value.

    Readers raise EMPTY to TOO_LARGE, reader processes add TIMED_OUT to UNREADABLE, the scan adds
    NOT_A_FILE, and the ingest ERASED (the content must not come back) and ON_HOLD (the document
    must not change).
    """

    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    NO_TEXT = "no text"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too large"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "reader crashed"
    UNREADABLE = "unreadable"
    NOT_A_FILE = "not a regular file"
    ERASED = "erased"
    ON_HOLD = "on legal hold"


class ReadError(Exception):
    """Raised by readers for a file that cannot become a document.

    `reason` is for programs; `detail` tells people what was found and what to do. The ingest
    reports both in a `FileError`.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that is not in the knowledge base, and why.

    `source` is its path in its source folder, `reason` is for programs, `detail` for people.
    `digest` is the SHA-256 of its bytes, empty if they could not be read. `uploaded` is True for
    a file in the knowledge base's own upload folder; only the report and the status set it.
    """

    source: str
    reason: str
    detail: str = ""
    digest: bytes = b""
    uploaded: bool = False


class BlockKind(StrEnum):
    """What a block is; the chunker treats each kind differently.

    `ITEM` is a list item, and `ROW` a table row.
    """

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    ROW = "row"
    CODE = "code"


class PageKind(StrEnum):
    """What a page is in its format; citations name it accordingly.

    `PART` is a part of a mail, and `TEXT` the whole text of a format without pages.
    """

    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    PART = "part"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Block:
    """Characters [start, end) of a page's text that belong together.

    Blocks are in order and do not overlap; only white space is between them. `level` is that of
    a heading, from 1.

    The cells of a `ROW` are joined by " | ". `columns` are their heads: one for each cell (in a PDF
    all in one text), () if the table has none. `label` is what names the row ("Europe, Germany"),
    `unit` that of its numbers ("in thousands of euros"), and `ref` its cells in a spreadsheet
    ("A7:D7").
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    columns: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    ref: str = ""

    @property
    def header(self) -> str:
        """The column heads in one text ("Part | Price"), "" without any."""
        return CELL_SEPARATOR.join(self.columns).strip()


@dataclass(frozen=True, slots=True)
class Page:
    """One page, slide, sheet or mail part, or the whole text of a format without pages.

    `number` counts from 1 where people count (pages, slides), else it is None. `page_label` is the
    printed page label, sheet name, slide title or mail part. `headings` is the heading path at the
    start of the page, if the format knows it (the outline of a PDF).

    `images` counts pictures, and `garbage` characters that no font table explains. `hidden` counts
    characters that a reader of the printed page does not see. Zero-width characters and tags are
    never in `text`; whether other hidden text is depends on the reader.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    kind: PageKind = PageKind.TEXT
    number: int | None = None
    page_label: str = ""
    headings: tuple[str, ...] = ()
    images: int = 0
    hidden: int = 0
    garbage: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a file: attached to a mail or a PDF, or embedded in an Office document.

    `place` says where it is ("slide 3"), "" if it belongs to the whole document. `kind` is that of
    `detect`, "" if its bytes and name must tell.
    """

    name: str
    data: bytes
    place: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a file.

    `kind` is the kind that `detect` returned. `title` comes from the file's metadata or its first
    heading, "" if it has neither. `warnings` say what was guessed or left out, each with its place
    and count. A reader returns `attachments`, which `dispatch.read_document` reads in turn: what
    that returns has none.
    """

    kind: str
    pages: tuple[Page, ...]
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class PageBuilder:
    """Builds a page from blocks: joins their texts and records where each one starts and ends.

    `images` and `hidden` may be counted up while the page grows; `add` counts the invisible
    characters that it removes.
    """

    def __init__(
        self,
        kind: PageKind = PageKind.TEXT,
        *,
        number: int | None = None,
        page_label: str = "",
        headings: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.number = number
        self.page_label = one_line(page_label)
        self.headings = headings
        self.images = 0
        self.hidden = 0
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._given_columns: Sequence[str] = ()  # of the last block: rows of a table share them
        self._columns: tuple[str, ...] = ()

    def add(
        self,
        kind: BlockKind,
        text: str,
        *,
        level: int = 0,
        columns: Sequence[str] = (),
        label: str = "",
        unit: str = "",
        ref: str = "",
    ) -> None:
        """Clean a text and append it as a block; blank text is ignored.

        A row after a row and an item after an item begin on the next line, other blocks after a
        blank line. See `Block` for the other arguments.
        """
        text, hidden = clean_text(text)
        self.hidden += hidden
        text = text.rstrip().strip("\n") if kind is BlockKind.CODE else text.strip()
        if not text.strip():
            return
        if self._blocks:
            previous = self._blocks[-1].kind
            close = kind in (BlockKind.ROW, BlockKind.ITEM) and previous == kind
            separator = "\n" if close else "\n\n"
            self._parts.append(separator)
            self._length += len(separator)
        self._parts.append(text)
        start, self._length = self._length, self._length + len(text)
        if columns is not self._given_columns or not isinstance(columns, tuple):
            self._given_columns = columns
            self._columns = tuple(one_line(head) for head in columns)
        texts = (one_line(label) if label else "", one_line(unit) if unit else "", ref)
        self._blocks.append(Block(kind, start, self._length, level, self._columns, *texts))

    def build(self) -> Page:
        """Return the page with the blocks added so far."""
        return Page(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            kind=self.kind,
            number=self.number,
            page_label=self.page_label,
            headings=self.headings,
            images=self.images,
            hidden=self.hidden,
        )


def first_heading(pages: Sequence[Page]) -> str:
    """Return the text of a document's first heading on one line, "" if it has none."""
    for page in pages:
        for block in page.blocks:
            if block.kind is BlockKind.HEADING:
                return one_line(page.text[block.start : block.end])
    return ""
