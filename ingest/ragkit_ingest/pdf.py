"""PDF: text by pdfium, with headings, table rows, running heads and hidden text told apart."""

from __future__ import annotations

import ctypes
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ragkit_ingest.cleaning import clean_text
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind, ReadError, Reason

_GARBAGE = re.compile("[\ufffd\ue000-\uf8ff]")
_NUMBER = re.compile(r"[($€£+-]*\d[\d,.]*[)%]*|[—–-]+%?|N/?A", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_DATE_WORDS = re.compile(
    r"\b(?:(?:19|20)\d\d|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|months?|years?|quarter|ended|in (?:thousands|millions|billions))\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_JUNK_TITLE = re.compile(
    r"^[\d\W]*$|\.(?:docx?|pdf|indd|xlsx?)$|^(?:untitled|microsoft word)", re.I
)
_BOLD = 600
_TINY = 1.0  # points; nobody can read it
_LEAST_LEVEL = 6
_HEAD_LINES = 4  # lines at the top or bottom of a page that may be a running head


@dataclass(slots=True)
class _Line:
    """One line of a page: characters [start, end) of the cleaned text, and how it is set."""

    start: int
    end: int
    text: str
    size: float = 0.0
    bold: bool = False
    top: float = 0.0
    bottom: float = 0.0
    hidden: bool = False


@dataclass(slots=True)
class _RawPage:
    text: str
    lines: list[_Line]
    number: int
    label: str
    images: int
    hidden: int
    headings: tuple[str, ...] = ()


def read_pdf(data: bytes, name: str) -> Document:
    """Read a PDF from its bytes. Raises ReadError: encrypted, corrupt, or no text in it."""
    import pypdfium2 as pdfium

    try:
        pdf = pdfium.PdfDocument(data)
        page_count = len(pdf)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ReadError(
                Reason.ENCRYPTED, "a password is needed to open it; save a copy without one"
            ) from error
        return _read_with_pypdf(data)
    try:
        warnings: list[str] = []
        raw = list(_raw_pages(pdf, page_count, warnings))
        outline = _outline(pdf)
        metadata = {key.lower(): value for key, value in pdf.get_metadata_dict().items() if value}
    finally:
        pdf.close()
    return _document(raw, outline, metadata, warnings)


def _raw_pages(pdf: Any, page_count: int, warnings: list[str]) -> Iterator[_RawPage]:
    import pypdfium2 as pdfium

    for index in range(page_count):
        label = pdf.get_page_label(index) or ""
        try:
            page = pdf[index]
        except pdfium.PdfiumError:
            warnings.append(f"page {index + 1} is damaged and was left out")
            yield _RawPage("", [], index + 1, label, 0, 0)
            continue
        textpage = page.get_textpage()
        raw = textpage.get_text_range()
        text, removed = clean_text(raw)
        lines = _lines(text)
        if len(text) == len(raw.replace("\r\n", "\n")):  # nothing removed: offsets still agree
            _set_type(page, textpage, raw, lines)
        hidden = removed + sum(line.end - line.start for line in lines if line.hidden)
        images = _count_images(page) if len(text.strip()) < 40 else 0
        yield _RawPage(text, lines, index + 1, label, images, hidden)
        textpage.close()
        page.close()


def _lines(text: str) -> list[_Line]:
    lines = []
    position = 0
    for piece in text.split("\n"):
        stripped = piece.strip()
        if stripped:
            start = position + piece.index(stripped[0])
            lines.append(_Line(start, start + len(stripped), stripped))
        position += len(piece) + 1
    return lines


def _set_type(page: Any, textpage: Any, raw: str, lines: list[_Line]) -> None:
    """Fill in size, weight, box and visibility of each line from its first character.

    pdfium's text has "\\r\\n" where the stored text has "\\n", and its character index counts
    characters that have no text: both are bridged here.
    """
    import pypdfium2.raw as c

    width, height = page.get_size()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    breaks = 0  # "\r\n" passed so far
    position = 0
    white: list[_Line] = []
    for line in lines:
        while True:
            found = raw.find("\r\n", position)
            if found < 0 or found - breaks >= line.start:
                break
            position = found + 2
            breaks += 1
        at = c.FPDFText_GetCharIndexFromTextIndex(textpage, line.start + breaks)
        if at < 0:
            continue
        line.size = c.FPDFText_GetFontSize(textpage, at)
        line.bold = c.FPDFText_GetFontWeight(textpage, at) >= _BOLD
        if c.FPDFText_GetCharBox(textpage, at, left, right, bottom, top):
            line.top, line.bottom = top.value, bottom.value
            outside = (
                right.value < 0 or left.value > width or top.value < 0 or bottom.value > height
            )
            line.hidden = outside or (0 < line.size < _TINY and top.value - bottom.value < _TINY)
        if c.FPDFText_GetFillColor(textpage, at, red, green, blue, alpha):
            faint = min(red.value, green.value, blue.value) > 245 or alpha.value < 10
            if faint and not line.hidden:
                white.append(line)
    if white:
        _mark_unseen(page, white, height)


def _mark_unseen(page: Any, lines: list[_Line], height: float) -> None:
    """White text is hidden only where nothing dark lies behind it: look at the rendered page."""
    pixels = page.render(scale=1, grayscale=True).to_numpy()
    for line in lines:
        top, bottom = int(height - line.top) - 1, int(height - line.bottom) + 2
        band = pixels[max(top, 0) : max(bottom, 0)]
        line.hidden = band.size == 0 or int(band.min()) > 235


def _count_images(page: Any) -> int:
    import pypdfium2.raw as c

    return sum(1 for _ in page.get_objects(filter=[c.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _outline(pdf: Any) -> list[tuple[int, int, str]]:
    """The bookmarks as (page index, level from 0, title), in reading order."""
    entries = []
    for item in pdf.get_toc(max_depth=6):
        target = item.get_dest()
        index = target.get_index() if target is not None else None
        title = " ".join(clean_text(item.get_title())[0].split())
        if index is not None and title:
            entries.append((index, item.level, title[:120]))
    return sorted(entries, key=lambda entry: entry[0])


def _document(
    raw: list[_RawPage],
    outline: list[tuple[int, int, str]],
    metadata: dict[str, str],
    warnings: list[str],
) -> Document:
    if not any(page.lines for page in raw):
        pictures = sum(1 for page in raw if page.images)
        raise ReadError(
            Reason.NO_TEXT,
            f"{pictures} of {len(raw)} pages are pictures; they need OCR before ingest"
            if pictures
            else f"none of its {len(raw)} pages holds text",
        )
    blank = [page.number for page in raw if not page.lines and page.images]
    if blank:
        shown = ", ".join(map(str, blank[:8])) + (" ..." if len(blank) > 8 else "")
        warnings.append(f"{len(blank)} pages are pictures without text: {shown}")
    hidden = sum(page.hidden for page in raw)
    if hidden:
        warnings.append(f"{hidden} characters cannot be seen on the printed page")
    _carry_outline(raw, outline)
    running = _running_heads(raw)
    levels = _heading_levels(raw)
    seen: set[str] = set()
    pages = tuple(_page(page, running, seen, levels) for page in raw)
    title = " ".join(clean_text(metadata.get("title", ""))[0].split())
    if len(title) < 4 or _JUNK_TITLE.search(title):
        title = ""
    return Document("pdf", pages, title, metadata, tuple(warnings))


def _carry_outline(raw: list[_RawPage], outline: list[tuple[int, int, str]]) -> None:
    path: list[str] = []
    entries = iter(outline)
    entry = next(entries, None)
    for index, page in enumerate(raw):
        while entry is not None and entry[0] <= index:
            path = [*path[: entry[1]], entry[2]]
            entry = next(entries, None)
        page.headings = tuple(path)


def _shape(line: _Line) -> str:
    return re.sub(r"\d+", "#", line.text)


def _running_heads(raw: list[_RawPage]) -> set[str]:
    """Lines that stand at the top or bottom of at least every third page, numbers aside."""
    counts = Counter(
        shape for page in raw for shape in {_shape(line) for line in _edges(page.lines)}
    )
    least = max(3, len(raw) // 3)
    return {shape for shape, count in counts.items() if count >= least}


def _edges(lines: list[_Line]) -> list[_Line]:
    return lines if len(lines) <= 2 * _HEAD_LINES else lines[:_HEAD_LINES] + lines[-_HEAD_LINES:]


def _heading_levels(raw: list[_RawPage]) -> dict[tuple[int, bool], int]:
    """Which (size in half points, bold) are headings, and of which level, by the body's type."""
    styles: Counter[tuple[int, bool]] = Counter()
    for page in raw:
        for line in page.lines:
            styles[_style(line)] += len(line.text)
    if not styles:
        return {}
    body_size, body_bold = styles.most_common(1)[0][0]
    total = sum(styles.values())
    heads = [
        style
        for style, count in styles.items()
        if style[0] > 0
        and count < total * 0.2
        and (style[0] > body_size * 1.12 or (style[1] and not body_bold and style[0] >= body_size))
    ]
    heads.sort(key=lambda style: (-style[0], not style[1]))
    return {style: min(rank + 1, _LEAST_LEVEL) for rank, style in enumerate(heads)}


def _style(line: _Line) -> tuple[int, bool]:
    size = line.size
    if size <= 1.5 and line.top > line.bottom:  # scaled by the text matrix: use the glyph's height
        size = (line.top - line.bottom) * 1.4
    return round(size * 2), line.bold


def _page(
    page: _RawPage, running: set[str], seen: set[str], levels: dict[tuple[int, bool], int]
) -> Page:
    kept = []
    edges = {id(line) for line in _edges(page.lines)}
    for line in page.lines:
        shape = _shape(line)
        if id(line) in edges and shape in running:
            if shape in seen or not _WORD.search(line.text):
                continue
            seen.add(shape)
        kept.append(line)
    return Page(
        text=page.text,
        blocks=tuple(_blocks(kept, levels)),
        kind=PageKind.PAGE,
        number=page.number,
        label=page.label,
        headings=page.headings,
        images=page.images,
        hidden=page.hidden,
        garbage=len(_GARBAGE.findall(page.text)),
    )


def _is_row(text: str) -> bool:
    """A table row: a label and then at least two figures, or figures alone."""
    words = text.split()
    figures = 0
    for word in reversed(words):
        if _NUMBER.fullmatch(word) or word in "$€£%()":
            figures += word not in "$€£%()"
        else:
            break
    leader = "...." in text
    if figures == 1:
        return len(words) > 1 and (leader or "$" in words)
    return figures >= 2 and (leader or len(text) < 130)


def _is_heading(line: _Line) -> bool:
    text = line.text
    return (
        len(text) < 120
        and _WORD.search(text) is not None
        and text[0] not in "(•●-–*"
        and not text.endswith((".", ",", ";"))
        and len(_DATE_WORDS.sub("", text)) > 6
    )


def _blocks(lines: list[_Line], levels: dict[tuple[int, bool], int]) -> Iterator[Block]:
    """Group a page's lines into headings, table rows and paragraphs."""
    pending: list[_Line] = []  # lines of the paragraph at hand
    head: list[str] = []  # the column heads of the table at hand
    recent: deque[str] = deque(maxlen=4)  # lines that may be the column heads of a table to come
    in_table = False
    previous: _Line | None = None
    for line in lines:
        level = levels.get(_style(line)) or (_LEAST_LEVEL if _is_capitals(line.text) else 0)
        if _is_row(line.text) and not _is_years(line.text):
            if not in_table:
                head = [text for text in recent if _is_column_head(text)]
            yield from _flush(pending)
            in_table = True
            yield Block(BlockKind.ROW, line.start, line.end, header=" ".join(head))
        elif level and _is_heading(line):
            yield from _flush(pending)
            in_table = False
            recent.clear()
            yield Block(BlockKind.HEADING, line.start, line.end, level=level)
        else:
            in_table = in_table and len(line.text) <= 90 and not _is_column_head(line.text)
            if pending and previous is not None and _is_gap(previous, line):
                yield from _flush(pending)
            pending.append(line)
            recent.append(line.text)
        previous = line
    yield from _flush(pending)


def _is_years(text: str) -> bool:
    """Column heads such as "As of December 31, 2017 2016", which look like a row of figures."""
    rest = re.sub(r"\b(?:as of|of|and|at|the|\d{1,2})\b", "", _DATE_WORDS.sub("", text), flags=re.I)
    return len(rest.strip(" ,.()$%:;")) < 4 and len(_YEAR.findall(text)) >= 2


def _is_capitals(text: str) -> bool:
    return text.isupper() and len(_WORD.findall(text)) >= 2


def _is_column_head(text: str) -> bool:
    return len(text) < 90 and _DATE_WORDS.search(text) is not None


def _is_gap(above: _Line, below: _Line) -> bool:
    """More white between two lines than the type needs: a new paragraph."""
    height = max(above.top - above.bottom, 4.0)
    return above.bottom - below.top > height * 1.1 or below.top > above.top + height


def _flush(pending: list[_Line]) -> Iterator[Block]:
    if pending:
        yield Block(BlockKind.PARAGRAPH, pending[0].start, pending[-1].end)
        pending.clear()


def _read_with_pypdf(data: bytes) -> Document:
    """The second engine, for files that pdfium refuses."""
    import io

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ReadError(
                Reason.ENCRYPTED, "a password is needed to open it; save a copy without one"
            )
        raw = []
        for number, page in enumerate(reader.pages, 1):
            text, hidden = clean_text(page.extract_text())
            raw.append(_RawPage(text, _lines(text), number, "", 0, hidden))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError(Reason.CORRUPT, f"not a readable PDF ({error})") from error
    return _document(raw, [], {}, ["read by the second engine, without layout"])
