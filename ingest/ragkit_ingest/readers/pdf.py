"""PDF: pages read by pdfium, with headings, table rows, running heads and hidden text."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ragkit_ingest.model import Document, Page, PageKind, ReadError, Reason
from ragkit_ingest.readers.pdf_layout import (
    Line,
    StyleLevels,
    drop_running_heads,
    find_running_heads,
    group_lines,
    heading_levels,
    plain_text,
    split_lines,
)
from ragkit_ingest.readers.pdf_text import PageText, Rectangle, to_pixels
from ragkit_ingest.text.cleaning import clean_text

_GARBAGE = re.compile("[\ufffd\ue000-\uf8ff]")
_JUNK_TITLE = re.compile(
    r"^[\d\W]*$|\.(?:docx?|pdf|indd|xlsx?)$|^(?:untitled|microsoft word)", re.I
)
_BOLD_WEIGHT = 600
_MIN_SIZE = 1.0  # points; smaller type is unreadable


@dataclass(slots=True)
class _RawPage:
    text: str
    lines: list[Line]
    number: int
    page_label: str
    images: int
    hidden: int
    headings: tuple[str, ...] = ()
    titles: dict[str, int] = field(
        default_factory=dict
    )  # bookmarks that are lines here -> their level


def read_pdf(data: bytes, source: str) -> Document:
    """Read a PDF. Damaged pages are left out, with a warning; pypdf reads what pdfium refuses.

    Raises ReadError: ENCRYPTED, CORRUPT, or NO_TEXT for a scan without OCR.
    """
    import pypdfium2 as pdfium

    try:
        pdf = pdfium.PdfDocument(data)
        page_count = len(pdf)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ReadError(
                Reason.ENCRYPTED, "the PDF needs a password; save a copy without one"
            ) from error
        return _read_with_pypdf(data)
    try:
        warnings: list[str] = []
        raw = list(_read_pages(pdf, page_count, warnings))
        outline = _read_outline(pdf)
        metadata = {key.lower(): value for key, value in pdf.get_metadata_dict().items() if value}
    finally:
        pdf.close()
    return _build_document(raw, outline, metadata, warnings)


def _read_pages(pdf: Any, page_count: int, warnings: list[str]) -> Iterator[_RawPage]:
    import pypdfium2 as pdfium

    for index in range(page_count):
        page_label = pdf.get_page_label(index) or ""
        try:
            page = pdf[index]
        except pdfium.PdfiumError:
            warnings.append(f"page {index + 1} is damaged and was left out")
            yield _RawPage("", [], index + 1, page_label, 0, 0)
            continue
        found = PageText(page)
        lines = split_lines(found.text)
        _set_typography(page, found, lines)
        hidden = found.removed + sum(line.end - line.start for line in lines if line.hidden)
        images = _count_images(page) if len(found.text.strip()) < 40 else 0
        yield _RawPage(found.text, lines, index + 1, page_label, images, hidden)
        found.textpage.close()
        page.close()


def _set_typography(page: Any, text: PageText, lines: list[Line]) -> None:
    """Set size, weight, position and visibility of each line, by its first character."""
    import pypdfium2.raw as c

    shown = Rectangle(*page.get_bbox())
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    textpage = text.textpage
    white: list[Line] = []
    for line in lines:
        at = text.character(line.start)
        if at < 0:
            continue
        line.size = c.FPDFText_GetFontSize(textpage, at)
        line.bold = c.FPDFText_GetFontWeight(textpage, at) >= _BOLD_WEIGHT or _is_bold(textpage, at)
        if c.FPDFText_GetCharBox(textpage, at, left, right, bottom, top):
            line.top, line.bottom = top.value, bottom.value
            outside = (
                right.value < shown.left
                or left.value > shown.right
                or top.value < shown.bottom
                or bottom.value > shown.top
            )
            line.hidden = outside or (
                0 < line.size < _MIN_SIZE and top.value - bottom.value < _MIN_SIZE
            )
        if c.FPDFText_GetFillColor(textpage, at, red, green, blue, alpha):
            faint = min(red.value, green.value, blue.value) > 245 or alpha.value < 10
            if faint and not line.hidden:
                white.append(line)
    if white:
        _mark_hidden(page, white, shown)


def _is_bold(textpage: Any, at: int) -> bool:
    """Return True if the font's name says so; a standard font has no weight if not embedded."""
    import pypdfium2.raw as c

    name = ctypes.create_string_buffer(128)
    length = c.FPDFText_GetFontInfo(textpage, at, name, len(name), ctypes.c_int())
    return length > 0 and b"bold" in name.value.lower()


def _mark_hidden(page: Any, lines: list[Line], shown: Rectangle) -> None:
    """Mark white lines as hidden if nothing dark is behind them on the rendered page."""
    pixels = page.render(scale=1, grayscale=True).to_numpy()
    height, width = pixels.shape
    for line in lines:
        strip = Rectangle(shown.left, line.bottom - 1, shown.right, line.top + 1)
        left, top, right, bottom = to_pixels(page, strip, width, height) or (0, 0, 0, 0)
        band = pixels[top:bottom, left:right]
        line.hidden = band.size == 0 or int(band.min()) > 235


def _count_images(page: Any) -> int:
    import pypdfium2.raw as c

    return sum(1 for _ in page.get_objects(filter=[c.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _read_outline(pdf: Any) -> list[tuple[int, int, str]]:
    """Return the bookmarks as (page index, level from 0, title), in reading order."""
    entries = []
    for item in pdf.get_toc(max_depth=6):
        target = item.get_dest()
        index = target.get_index() if target is not None else None
        title = " ".join(clean_text(item.get_title())[0].split())
        if index is not None and title:
            entries.append((index, item.level, title[:120]))
    return sorted(entries, key=lambda entry: entry[0])


def _build_document(
    raw: list[_RawPage],
    outline: list[tuple[int, int, str]],
    metadata: dict[str, str],
    warnings: list[str],
) -> Document:
    if not any(page.lines for page in raw):
        pictures = sum(1 for page in raw if page.images)
        raise ReadError(
            Reason.NO_TEXT,
            f"{pictures} of {len(raw)} pages are pictures; run OCR on the file first"
            if pictures
            else f"none of its {len(raw)} pages has text",
        )
    blank = [page.number for page in raw if not page.lines and page.images]
    if blank:
        shown = ", ".join(map(str, blank[:8])) + (" ..." if len(blank) > 8 else "")
        many = "1 page is a picture" if len(blank) == 1 else f"{len(blank)} pages are pictures"
        warnings.append(f"{many} without text: {shown}")
    hidden = sum(page.hidden for page in raw)
    if hidden:
        warnings.append(f"{hidden} characters cannot be seen on the printed page")
    root, outline = _split_root(outline)
    _apply_outline(raw, outline)
    deepest_bookmark = max((level for page in raw for level in page.titles.values()), default=0)
    running = find_running_heads([page.lines for page in raw])
    levels = heading_levels([page.lines for page in raw], deepest_bookmark)
    seen: set[str] = set()
    pages = tuple(
        _build_page(page, running, seen, levels.of_page(index)) for index, page in enumerate(raw)
    )
    title = _choose_title(metadata.get("title", ""), root)
    return Document("pdf", pages, title, metadata, tuple(warnings))


def _choose_title(*titles: str) -> str:
    """Return the first title that a person wrote, "" if there is none."""
    for title in titles:
        line = " ".join(clean_text(title)[0].split())
        if len(line) >= 4 and not _JUNK_TITLE.search(line):
            return line
    return ""


_Bookmarks = list[tuple[int, int, str]]


def _split_root(outline: _Bookmarks) -> tuple[str, _Bookmarks]:
    """Return the one bookmark above all others, "" if there is none, and the others.

    It is the document's title. As a heading it would stand above every section.
    """
    if len(outline) < 3 or outline[0][1] != 0 or any(level == 0 for _, level, _ in outline[1:]):
        return "", outline
    return outline[0][2], [(index, level - 1, title) for index, level, title in outline[1:]]


def _apply_outline(raw: list[_RawPage], outline: list[tuple[int, int, str]]) -> None:
    """Set the heading path at the start of each page, and which lines are bookmarked headings.

    A bookmark whose words are not a line of its page applies from the top of the page.
    """
    path: list[str] = []
    entries = iter(outline)
    entry = next(entries, None)
    for index, page in enumerate(raw):
        lines = {plain_text(line.text) for line in page.lines}
        page.headings = tuple(path)
        while entry is not None and entry[0] <= index:
            path = [*path[: entry[1]], entry[2]]
            if plain_text(entry[2]) in lines:
                page.titles[plain_text(entry[2])] = len(path)
            elif not page.titles:
                page.headings = tuple(path)
            entry = next(entries, None)


def _build_page(page: _RawPage, running: set[str], seen: set[str], levels: StyleLevels) -> Page:
    lines = drop_running_heads(page.lines, running, seen)
    return Page(
        text=page.text,
        blocks=tuple(group_lines(lines, levels, page.titles)),
        kind=PageKind.PAGE,
        number=page.number,
        page_label=page.page_label,
        headings=page.headings,
        images=page.images,
        hidden=page.hidden,
        garbage=len(_GARBAGE.findall(page.text)),
    )


def _read_with_pypdf(data: bytes) -> Document:
    """Read a PDF that pdfium refuses with the second engine, which gives no layout."""
    import io

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ReadError(Reason.ENCRYPTED, "the PDF needs a password; save a copy without one")
        raw = []
        for number, page in enumerate(reader.pages, 1):
            text, hidden = clean_text(page.extract_text())
            raw.append(_RawPage(text, split_lines(text), number, "", 0, hidden))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError(Reason.CORRUPT, f"the PDF is damaged ({error}); export it again") from error
    return _build_document(raw, [], {}, ["read by the second engine, without layout"])
