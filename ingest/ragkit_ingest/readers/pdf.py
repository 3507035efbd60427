"""PDF: pages read by pdfium, with headings, table rows, running heads and hidden text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ragkit_ingest.model import Attachment, Document, Page, PageKind, ReadError, Reason
from ragkit_ingest.readers.pdf_attachments import is_portfolio_cover, read_attachments
from ragkit_ingest.readers.pdf_layout import (
    Line,
    StyleLevels,
    group_lines,
    heading_levels,
    plain_text,
    split_lines,
)
from ragkit_ingest.readers.pdf_notes import add_note_blocks
from ragkit_ingest.readers.pdf_open import extract_texts, open_pdf
from ragkit_ingest.readers.pdf_page import RawPage, join_words, name_pages, read_pages
from ragkit_ingest.readers.pdf_running import drop_running_heads
from ragkit_ingest.readers.pdf_words import mark_breaks
from ragkit_ingest.readers.pdf_xfa import is_dynamic_form, read_form_data
from ragkit_ingest.text.cleaning import clean_text

_GARBAGE = re.compile("[\ufffd\ue000-\uf8ff]")
_JUNK_TITLE = re.compile(
    r"^[\d\W]*$|\.(?:docx?|pdf|indd|xlsx?)$|^(?:untitled|microsoft word)", re.I
)


def read_pdf(data: bytes, source: str) -> Document:
    """Read a PDF. Damaged pages are left out, with a warning; pypdf reads what pdfium refuses.

    Raises ReadError: ENCRYPTED, CORRUPT, or NO_TEXT for a scan without OCR.
    """
    try:
        pdf, warnings = open_pdf(data)
    except ReadError as error:
        if error.reason is Reason.ENCRYPTED:
            raise
        return _read_with_pypdf(data)
    try:
        if is_dynamic_form(pdf):
            return _read_dynamic_form(pdf)
        raw = list(read_pages(pdf, data, warnings))
        join_words(raw)
        outline = _read_outline(pdf)
        metadata = {key.lower(): value for key, value in pdf.get_metadata_dict().items() if value}
        attachments = read_attachments(pdf, warnings)
        attachments += (file for page in raw for file in page.annotations.attachments)
    finally:
        pdf.close()
    return _build_document(raw, outline, metadata, warnings, attachments)


def _read_dynamic_form(pdf: Any) -> Document:
    page = read_form_data(pdf)
    if not page.text:
        found = "an XFA form without values, which Adobe programs alone show; print it to a PDF"
        raise ReadError(Reason.UNSUPPORTED, found)
    found = "the values of the XFA form are read, but not the words printed around them"
    return Document("pdf", (page,), warnings=(found,))


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
    raw: list[RawPage],
    outline: list[tuple[int, int, str]],
    metadata: dict[str, str],
    warnings: list[str],
    attachments: Sequence[Attachment] = (),
) -> Document:
    if not attachments and not any(page.lines or page.notes for page in raw):
        raise _explain_blank(raw)
    warnings += _describe_pages(raw)
    root, outline = _split_root(outline)
    _apply_outline(raw, outline)
    deepest_bookmark = max((level for page in raw for level in page.titles.values()), default=0)
    levels = heading_levels([page.lines for page in raw], deepest_bookmark)
    bodies, running_heads = drop_running_heads([page.lines for page in raw])
    warnings += filter(None, [running_heads])
    pages = tuple(
        _build_page(page, lines, levels.of_page(index))
        for index, (page, lines) in enumerate(zip(raw, bodies, strict=True))
    )
    title = _choose_title(metadata.get("title", ""), root)
    if attachments and is_portfolio_cover(pages):
        pages = (replace(pages[0], blocks=()),)
    return Document("pdf", pages, title, metadata, tuple(warnings), tuple(attachments))


def _explain_blank(raw: list[RawPage]) -> ReadError:
    pictures = sum(page.is_picture for page in raw)
    if pictures:
        found = f"{pictures} of {len(raw)} pages are pictures; run OCR on the file first"
    elif any(page.is_garbled for page in raw):
        found = "its fonts do not say which letters they draw; run OCR on the file first"
    elif any(page.is_drawing for page in raw):
        found = "its text is drawn as lines and curves; run OCR on the file first"
    else:
        found = f"none of its {len(raw)} pages has text"
    return ReadError(Reason.NO_TEXT, found)


def _describe_pages(raw: list[RawPage]) -> Iterator[str]:
    """Say which pages hold what is not searched, one warning for each kind of thing."""
    ocr = "; run OCR on the file to search"
    if pages := [page.number for page in raw if page.is_picture]:
        named = name_pages(pages, "is a picture", "are pictures")
        yield f"{named} with little or no text{ocr} {'them' if len(pages) > 1 else 'it'}"
    if pages := [page.number for page in raw if page.is_drawing]:
        yield f"{name_pages(pages, 'has', 'have')} lines and curves but no text{ocr} what they show"
    if pages := [page.number for page in raw if page.is_garbled]:
        named = name_pages(pages, "has", "have")
        yield f"{named} text in fonts that do not say which letters they draw{ocr} it"
    if pages := [page.number for page in raw if page.annotations.redactions]:
        yield f"{name_pages(pages, 'has', 'have')} marks for redaction; the text below is searched"
    if pages := [page.number for page in raw if page.annotations.struck]:
        yield f"{name_pages(pages, 'has', 'have')} struck-out text, which is searched as it is"
    if pages := [page.number for page in raw if page.hidden]:
        hidden = sum(page.hidden for page in raw)
        yield f"{hidden} characters on {name_pages(pages)} cannot be seen and are not searched"


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


def _apply_outline(raw: list[RawPage], outline: list[tuple[int, int, str]]) -> None:
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


def _build_page(page: RawPage, lines: list[Line], levels: StyleLevels) -> Page:
    return Page(
        text=page.text,
        blocks=tuple(
            add_note_blocks(group_lines(lines, levels, page.titles), page.text, page.notes)
        ),
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
    raw = []
    for number, (text, hidden) in enumerate(extract_texts(data), 1):
        marked, _ = mark_breaks(text) or (text, None)
        raw.append(RawPage(marked, split_lines(marked), number, "", hidden=hidden))
    join_words(raw)
    return _build_document(raw, [], {}, ["the PDF is damaged; its text was read without layout"])
