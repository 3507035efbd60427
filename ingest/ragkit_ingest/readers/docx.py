"""Word documents (docx): one page with paragraphs, lists and tables in the order of the file.

Headers and footers are a page of their own before it, with each distinct text once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit_ingest.detect import detect
from ragkit_ingest.model import (
    Attachment,
    Block,
    BlockKind,
    Document,
    Page,
    PageBuilder,
    PageKind,
    ReadError,
    first_heading,
)
from ragkit_ingest.readers.docx_body import BodyWriter
from ragkit_ingest.readers.docx_drawings import read_drawing
from ragkit_ingest.readers.docx_headers import find_header_parts, is_page_number
from ragkit_ingest.readers.docx_numbering import Numbering
from ragkit_ingest.readers.docx_runs import Follower, RunReader, Tally
from ragkit_ingest.readers.docx_styles import Styles, W
from ragkit_ingest.readers.drawingml import add_graphics, add_text
from ragkit_ingest.readers.embedded import EmbeddedFiles
from ragkit_ingest.readers.html import read_html
from ragkit_ingest.readers.mailbox import read_mhtml
from ragkit_ingest.readers.ooxml import Package, Part, relationship_id, translate_errors
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.counts import count_things, describe_struck

if TYPE_CHECKING:
    Element = Any  # an lxml element

HEADERS = "header and footer"  # the page label of headers and footers
_NOTE_PARTS = {"Footnote": "footnotes", "Endnote": "endnotes", "Comment": "comments"}
_IMPORT_READERS = {"html": read_html, "mhtml": read_mhtml, "text": read_text}
_MAX_DEPTH = 3  # documents imported into documents
_MAX_CAPTION = 200  # characters for each large picture, up to which a document is a scan


def read_docx(data: bytes, source: str) -> Document:
    """Read a Word document. Deleted, struck-out and hidden text is left out and counted.

    Notes and comments follow the paragraph that refers to them. Raises ReadError: CORRUPT,
    ENCRYPTED or TOO_LARGE.
    """
    with translate_errors("Word document"):
        package = Package(data, "Word document")
        findings = _Findings()
        headers = PageBuilder(PageKind.PART, page_label=HEADERS)
        body = PageBuilder()
        reader = _DocumentReader(package, findings)
        reader.write_headers(headers)
        reader.write_body(body)
        title, metadata = package.read_properties()
    pages = tuple(page for page in (headers.build(), body.build()) if page.text) or (body.build(),)
    warnings = (*findings.describe(pages), *package.describe_unread_parts())
    return Document(
        "docx",
        pages,
        title=title or first_heading(pages[-1:]),
        metadata=metadata,
        warnings=warnings,
        attachments=(*findings.imports, *findings.embedded.attachments),
    )


@dataclass(slots=True)
class _Findings(Tally):
    """What was found besides text, and what was left out."""

    large_pictures: int = 0
    other_files: list[str] = field(default_factory=list)
    imports: list[Attachment] = field(default_factory=list)
    embedded: EmbeddedFiles = field(default_factory=EmbeddedFiles)
    warnings: list[str] = field(default_factory=list)

    def describe(self, pages: tuple[Page, ...]) -> list[str]:
        """Return the warnings about what was left out."""
        warnings = list(self.warnings)
        length = sum(len(page.text) for page in pages)
        if self.large_pictures and length < _MAX_CAPTION * self.large_pictures:
            pictures = count_things(self.large_pictures, "large picture")
            warnings.append(f"{pictures} may hold text that was not read")
        if self.struck:
            warnings.append(describe_struck(self.struck))
        if self.placeholders:
            fields = count_things(self.placeholders, "form field", "is")
            warnings.append(f"{fields} not filled in")
        if self.unnumbered:
            numbers = count_things(self.unnumbered, "automatic number", "was")
            warnings.append(f"{numbers} not read (fields AUTONUM and LISTNUM)")
        if self.controls:
            controls = count_things(self.controls, "ActiveX form control", "was")
            warnings.append(f"{controls} not read")
        if self.other_files:
            names = ", ".join(dict.fromkeys(self.other_files))
            warnings.append(f"parts of the document are in other files and were not read: {names}")
        return [*warnings, *self.embedded.describe_unread()]


class _DocumentReader:
    """Reads the stories of a Word document: body, headers and footers, notes and comments."""

    def __init__(self, package: Package, findings: _Findings, depth: int = 0) -> None:
        self._part = package.main
        self._findings = findings
        self._depth = depth
        self._styles = Styles(_root_of(self._part, "styles"))
        self._numbering = Numbering(_root_of(self._part, "numbering"), self._styles)
        self._imported: set[Part] = set()
        self._notes = {
            (kind, note.get(f"{W}id", "")): (note, part)
            for kind, name in _NOTE_PARTS.items()
            for part in self._part.find_related(name)
            if part.root is not None
            for note in part.root
        }

    def write_body(self, builder: PageBuilder) -> None:
        """Write the body to a page."""
        for body in self._part.root.iterchildren(f"{W}body"):
            self._write(builder, body, self._part)
        notes = [part for kind in _NOTE_PARTS.values() for part in self._part.find_related(kind)]
        for part in (self._part, *notes):
            self._findings.embedded.collect(part)
        builder.hidden += self._findings.hidden
        self._findings.hidden = 0

    def write_headers(self, builder: PageBuilder) -> None:
        """Write the headers and footers that are shown, each distinct text once."""
        written: set[str] = set()
        for part in find_header_parts(self._part):
            own = PageBuilder()
            self._write(own, part.root, part, skip_page_numbers=True)
            self._findings.embedded.collect(part)
            page = own.build()
            builder.images += page.images
            for block in page.blocks:
                text = page.text[block.start : block.end]
                if text not in written and not is_page_number(text):
                    written.add(text)
                    _copy_block(builder, page, block)

    def _write(
        self,
        builder: PageBuilder,
        container: Element,
        part: Part,
        *,
        skip_page_numbers: bool = False,
    ) -> None:
        runs = RunReader(self._styles, self._findings, skip_page_numbers=skip_page_numbers)
        BodyWriter(
            builder,
            self._styles,
            self._numbering,
            runs,
            self._findings,
            follow=lambda writer, follower: self._follow(writer, follower, part),
        ).write(container)

    def _follow(self, writer: BodyWriter, follower: Follower, part: Part) -> None:
        """Write what is anchored in a paragraph or imported."""
        if follower.kind == "drawing":
            self._write_drawing(writer, follower.element, part)
        elif follower.kind == "import":
            self._import_part(writer.builder, follower.element, part)
        elif (follower.kind, follower.id) in self._notes:
            note, note_part = self._notes.pop((follower.kind, follower.id))
            self._write_note(writer.builder, follower.kind, note, note_part)

    def _write_note(self, builder: PageBuilder, kind: str, note: Element, part: Part) -> None:
        own = PageBuilder()
        self._write(own, note, part)
        builder.hidden += own.hidden
        text = one_line(own.build().text)
        author = one_line(note.get(f"{W}author", ""))
        label = f"{kind} ({author})" if author else kind
        builder.add(BlockKind.PARAGRAPH, f"{label}: {text}" if text else "")

    def _write_drawing(self, writer: BodyWriter, element: Element, part: Part) -> None:
        drawing = read_drawing(element)
        writer.builder.images += drawing.pictures
        self._findings.large_pictures += drawing.large_pictures
        for text in drawing.texts:
            writer.builder.add(BlockKind.PARAGRAPH, text)
        for text_body in drawing.text_bodies:
            add_text(writer.builder, text_body, self._findings)
        for box in drawing.boxes:
            writer.write(box)
        add_graphics(writer.builder, part, element)

    def _import_part(self, builder: PageBuilder, element: Element, part: Part) -> None:
        """Write an imported part in its place, or pass it on as an attachment."""
        relationship = relationship_id(element)
        link = part.relationships.get(relationship)
        if link is not None and link.is_external:
            self._findings.other_files.append(link.target)
        imported = part.follow(relationship)
        if imported is None or imported in self._imported:
            return
        self._imported.add(imported)
        name = imported.name.rpartition("/")[2]
        try:
            self._read_import(builder, imported.read(), name)
        except ReadError as exc:
            self._findings.warnings.append(f"imported text was not read: {name}: {exc}")

    def _read_import(self, builder: PageBuilder, data: bytes, name: str) -> None:
        kind = detect(data, name)
        if kind == "docx" and self._depth < _MAX_DEPTH:
            package = Package(data, "imported document")
            _DocumentReader(package, self._findings, self._depth + 1).write_body(builder)
        elif kind in _IMPORT_READERS:
            document = _IMPORT_READERS[kind](data, name)
            self._findings.warnings.extend(document.warnings)
            for page in document.pages:
                builder.images += page.images
                builder.hidden += page.hidden
                for block in page.blocks:
                    _copy_block(builder, page, block)
        else:
            self._findings.imports.append(Attachment(name, data, "imported text", kind))


def _copy_block(builder: PageBuilder, page: Page, block: Block) -> None:
    builder.add(
        block.kind,
        page.text[block.start : block.end],
        level=block.level,
        columns=block.columns,
        label=block.label,
        unit=block.unit,
    )


def _root_of(part: Part, kind: str) -> Element | None:
    return next(iter(part.find_roots(kind)), None)
