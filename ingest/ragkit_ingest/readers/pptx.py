"""PowerPoint presentations (pptx): a page for each slide, with its notes and comments last.

Text that many slides show, in footers and on the slide master, is a page of its own at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind, first_heading
from ragkit_ingest.readers.drawingml import A, TextTally, read_text
from ragkit_ingest.readers.embedded import EmbeddedFiles
from ragkit_ingest.readers.ooxml import (
    Package,
    Part,
    local_name,
    relationship_id,
    translate_errors,
)
from ragkit_ingest.readers.pptx_shapes import (
    Layout,
    P,
    Shape,
    find_placeholder_entry,
    find_shapes,
)
from ragkit_ingest.readers.pptx_slide import SlideWriter
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.counts import describe_struck

if TYPE_CHECKING:
    Element = Any  # an lxml element

FOOTERS = "header and footer"  # the page label of text that many slides show
_SECTION = "{http://schemas.microsoft.com/office/powerpoint/2010/main}section"
_SECTION_SLIDE = "{http://schemas.microsoft.com/office/powerpoint/2010/main}sldId"
_MAX_STAMP = 100  # characters of text up to which a slide with large pictures is a picture
_LARGE_PART = 1 / 3  # of a slide that pictures cover if they are its content


def read_pptx(data: bytes, source: str) -> Document:
    """Read a presentation; slides count from 1. Hidden slides are read too, with a warning.

    Charts and SmartArt are read as text, and embedded files are attachments. Raises ReadError:
    CORRUPT, ENCRYPTED or TOO_LARGE.
    """
    with translate_errors("presentation"):
        package = Package(data, "presentation")
        reader = _DeckReader(package)
        pages = tuple(reader.read_pages())
        title, metadata = package.read_properties()
        warnings = (*reader.findings.describe(), *package.describe_unread_parts())
    return Document(
        "pptx",
        pages,
        title=title or first_heading(pages),
        metadata=metadata,
        warnings=warnings,
        attachments=tuple(reader.findings.files.attachments),
    )


@dataclass(slots=True)
class _Findings:
    """The numbers of slides with what is left out or reported, and the embedded files."""

    hidden: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    struck: list[int] = field(default_factory=list)
    media: list[int] = field(default_factory=list)
    tally: TextTally = field(default_factory=TextTally)
    files: EmbeddedFiles = field(default_factory=EmbeddedFiles)

    def describe(self) -> Iterator[str]:
        """Yield the warnings, one for each kind."""
        if self.hidden:
            verb = "is" if len(self.hidden) == 1 else "are"
            yield f"{_list_slides(self.hidden)} {verb} hidden in the presentation"
        if self.pictures:
            count = len(self.pictures)
            what = "1 slide is a picture" if count == 1 else f"{count} slides are pictures"
            numbers = ", ".join(map(str, self.pictures))
            yield f"{what} with little or no text: {numbers} (text in pictures is not read)"
        if self.struck:
            yield f"{describe_struck(self.tally.struck)} ({_list_slides(self.struck)})"
        if self.media:
            yield f"sound and video were not read ({_list_slides(self.media)})"
        yield from self.files.describe_unread()


class _DeckReader:
    """Reads the slides of a presentation, and what they share."""

    def __init__(self, package: Package) -> None:
        self._part = package.main
        self.findings = _Findings()
        self._shared: dict[str, None] = {}  # texts of footers and masters
        self._layouts: dict[str, Layout] = {}
        self._authors = _read_authors(self._part)
        self._width, self._height = _read_size(self._part.root)

    def read_pages(self) -> Iterator[Page]:
        """Yield the slides in their order, then what they share."""
        sections = self._read_sections()
        for number, entry in enumerate(self._part.root.iterfind(f"{P}sldIdLst/{P}sldId"), start=1):
            slide = self._part.follow(relationship_id(entry))
            if slide is not None and slide.root is not None:
                yield self._read_slide(slide, number, sections.get(entry.get("id", ""), ""))
        builder = PageBuilder(PageKind.PART, page_label=FOOTERS)
        for text in self._shared:
            builder.add(BlockKind.PARAGRAPH, text)
        page = builder.build()
        if page.text:
            yield page

    def _read_slide(self, slide: Part, number: int, section: str) -> Page:
        layout = self._find_layout(slide)
        trees = slide.root.iterfind(f"{P}cSld/{P}spTree")
        shapes = [shape for tree in trees for shape in find_shapes(tree, layout)]
        writer = SlideWriter(slide, number, section, self.findings.tally)
        struck = self.findings.tally.struck
        writer.write([shape for shape in shapes if not self._is_outside(shape)])
        writer.builder.hidden += sum(len(s.text) for s in shapes if self._is_outside(s))
        self._shared |= dict.fromkeys(writer.footers)
        for shape in layout.find_fixed_shapes(slide.root):
            self._share(shape)
        if self._is_picture(slide, writer):
            self.findings.pictures.append(number)
        if slide.root.get("show") in ("0", "false"):
            self.findings.hidden.append(number)
        if writer.has_media:
            self.findings.media.append(number)
        self._write_notes(writer.builder, slide)
        self._write_comments(writer.builder, slide)
        if self.findings.tally.struck > struck:
            self.findings.struck.append(number)
        self.findings.files.collect(slide, f"slide {number}")
        return writer.builder.build()

    def _find_layout(self, slide: Part) -> Layout:
        found = next(iter(slide.find_related("slideLayout")), None)
        name = "" if found is None else found.name
        if name not in self._layouts:
            self._layouts[name] = Layout(found)
        return self._layouts[name]

    def _share(self, shape: Element) -> None:
        for body in shape.iterchildren(f"{P}txBody"):
            text = read_text(body, self.findings.tally)
            if text:
                self._shared[text] = None

    def _is_picture(self, slide: Part, writer: SlideWriter) -> bool:
        background = slide.root.find(f"{P}cSld/{P}bg/{P}bgPr/{A}blipFill")
        area = self._width * self._height
        covered = area if background is not None else writer.picture_area
        is_covered = covered > 0 and covered >= area * _LARGE_PART
        return is_covered and writer.text_length <= _MAX_STAMP

    def _is_outside(self, shape: Shape) -> bool:
        """Return True for a shape beside the slide, which the audience never sees."""
        left, top, width, height = shape.box
        if not (self._width and self._height and width and height):
            return False
        is_beside = left >= self._width or left + width <= 0
        return is_beside or top >= self._height or top + height <= 0

    def _write_notes(self, builder: PageBuilder, slide: Part) -> None:
        for notes in slide.find_roots("notesSlide"):
            for shape in notes.iter(f"{P}sp"):
                holder = find_placeholder_entry(shape)
                body = shape.find(f"{P}txBody")
                if body is not None and holder is not None and holder.get("type") == "body":
                    text = read_text(body, self.findings.tally)
                    builder.add(BlockKind.PARAGRAPH, f"Notes: {text}" if text else "")

    def _write_comments(self, builder: PageBuilder, slide: Part) -> None:
        """Write comments and replies; those of 2018 and later have elements of the same names."""
        for comments in slide.find_roots("comments"):
            for comment in comments.iter():
                if local_name(comment) not in ("cm", "reply"):
                    continue
                author = self._authors.get(comment.get("authorId", ""), "")
                label = f"Comment ({author})" if author else "Comment"
                text = "\n".join(filter(None, map(self._read_comment, comment)))
                builder.add(BlockKind.PARAGRAPH, f"{label}: {text}" if text else "")

    def _read_comment(self, element: Element) -> str:
        if local_name(element) == "txBody":
            return read_text(element, self.findings.tally)
        return str(element.text or "") if local_name(element) == "text" else ""

    def _read_sections(self) -> dict[str, str]:
        """Return the name of the section that each slide id is in, if there are several."""
        sections = list(self._part.root.iter(_SECTION))
        if len(sections) < 2:
            return {}
        return {
            slide.get("id", ""): one_line(section.get("name", ""))
            for section in sections
            for slide in section.iter(_SECTION_SLIDE)
        }


def _read_size(presentation: Element) -> tuple[int, int]:
    """Return the width and height of the slides, 0 if they are not stated."""
    size = presentation.find(f"{P}sldSz")
    numbers = ["", ""] if size is None else [size.get("cx", ""), size.get("cy", "")]
    width, height = (int(number) if number.isdecimal() else 0 for number in numbers)
    return width, height


def _read_authors(part: Part) -> dict[str, str]:
    """Return the names of the authors of comments, by their ids."""
    roots = [*part.find_roots("commentAuthors"), *part.find_roots("authors")]
    return {
        entry.get("id", ""): one_line(entry.get("name", "")) for root in roots for entry in root
    }


def _list_slides(numbers: Sequence[int]) -> str:
    return ("slide " if len(numbers) == 1 else "slides ") + ", ".join(map(str, numbers))
