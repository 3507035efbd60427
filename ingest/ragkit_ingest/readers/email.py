"""Mail (eml): a page for the message, then the pages of its attachments."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from ragkit_ingest.detect import detect
from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind, ReadError, Reason
from ragkit_ingest.readers.html import add_html, decode_html
from ragkit_ingest.readers.ooxml import translate_errors
from ragkit_ingest.text.cleaning import clean_text, one_line
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.spans import find_paragraphs

Reader = Callable[[bytes, str], Document]

_MAX_DEPTH = 3  # messages inside messages
_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_METADATA_HEADERS = ("from", "to", "date", "subject", "message-id")
_ALTERNATIVES = ("text/plain", "text/html", "text/enriched", "text/calendar", "text/x-amp-html")
_SIGNATURES = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "pgp-encrypted")
_ENCRYPTED = ("pkcs7-mime", "x-pkcs7-mime")
# What the header parser of the standard library raises on broken headers.
_HEADER_ERRORS = (MessageError, ValueError, TypeError, AttributeError, IndexError, LookupError)


def read_email(data: bytes, source: str, read: Reader) -> Document:
    """Read a message. `read` reads an attachment, given its bytes and its name.

    An attachment that cannot be read becomes a warning that says why. Raises ReadError(CORRUPT)
    for a message that cannot be parsed.
    """
    with translate_errors("message"):
        return _read_message(_parse(data), read, 0)


def _parse(data: bytes) -> Message:
    """Parse a message. The old policy never fails on a header; `_header` decodes them."""
    return email.message_from_bytes(data, policy=policy.compat32)


def _read_message(message: Message, read: Reader, depth: int) -> Document:
    builder = PageBuilder(PageKind.PART, page_label="message")
    builder.add(BlockKind.HEADING, _header(message, "subject"), level=1)
    headers = (f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name)))
    builder.add(BlockKind.PARAGRAPH, "\n".join(headers))
    pages: list[Page] = []
    warnings: list[str] = []
    for part in _iter_parts(message):
        if _is_body(part):
            warnings.extend(_add_body(builder, part))
        elif _is_picture(part):
            builder.images += 1
        elif part.get_content_subtype() in _ENCRYPTED:
            warnings.append("the body is encrypted or signed (S/MIME) and was not read")
        elif part.get_content_subtype() not in _SIGNATURES:
            more, failed = _read_attachment(part, read, depth)
            pages.extend(more)
            warnings.extend(failed)
    metadata = {key: value for key in _METADATA_HEADERS if (value := _header(message, key))}
    title = metadata.get("subject", "")
    unique = tuple(dict.fromkeys(warnings))
    return Document("eml", (builder.build(), *pages), title, metadata, unique)


def _iter_parts(part: Message) -> Iterator[Message]:
    """Yield the parts with content, in order, and of alternative texts only one.

    A message inside the message is one part, whatever it holds.
    """
    inner = part.get_payload()
    if part.get_content_maintype() == "message" or not isinstance(inner, list):
        yield part
        return
    groups = [list(_iter_parts(below)) for below in inner if isinstance(below, Message)]
    chosen = _choose_alternative(groups) if part.get_content_subtype() == "alternative" else None
    for group in groups:
        for leaf in group:
            repeats = leaf.get_content_type() in _ALTERNATIVES and not leaf.get_filename()
            if chosen is None or group is chosen or not repeats:
                yield leaf


def _choose_alternative(groups: list[list[Message]]) -> list[Message] | None:
    """Return the plain text of a set of alternatives if it is not blank, else the HTML."""
    for kind in ("text/plain", "text/html"):
        for group in groups:
            if any(leaf.get_content_type() == kind and _part_bytes(leaf).strip() for leaf in group):
                return group
    return None


def _is_body(part: Message) -> bool:
    if part.get_content_disposition() == "attachment" or part.get_filename():
        return False
    return part.get_content_type() in ("text/plain", "text/html")


def _is_picture(part: Message) -> bool:
    """Return True for a picture inside the text, such as a logo, that is not an attachment."""
    if part.get_content_maintype() != "image":
        return False
    return part.get_content_disposition() != "attachment"


def _add_body(builder: PageBuilder, part: Message) -> tuple[str, ...]:
    """Add the blocks of a text part to the page; return warnings."""
    text, warnings = _decode_part(part)
    if part.get_content_type() == "text/html":
        add_html(builder, text)
        return warnings
    text, hidden = clean_text(text)
    builder.hidden += hidden
    for start, end in find_paragraphs(text):
        builder.add(BlockKind.PARAGRAPH, text[start:end])
    return warnings


def _decode_part(part: Message) -> tuple[str, tuple[str, ...]]:
    data = _part_bytes(part)
    try:
        return data.decode(part.get_content_charset("utf-8")), ()
    except (LookupError, ValueError):
        return decode_html(data) if part.get_content_subtype() == "html" else decode(data)


def _part_bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _read_attachment(part: Message, read: Reader, depth: int) -> tuple[list[Page], list[str]]:
    """Return the pages of an attachment, labelled with its name, and warnings."""
    inner = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    message = inner[0] if isinstance(inner, list) and inner else None
    name = one_line(_decode_words(part.get_filename() or ""))
    try:
        if isinstance(message, Message):
            name = name or _header(message, "subject")
            document = _read_inner(message, read, depth)
        else:
            document = _read_file(_attachment_bytes(part), name, read, depth)
    except ReadError as exc:
        return [], [f"attachment: {name or 'unnamed'}: {exc}"]
    label = f"attachment: {name or 'unnamed'}"
    pages = [_relabel(page, label) for page in document.pages if page.text.strip()]
    return pages, [f"{label}: {warning}" for warning in document.warnings]


def _read_file(data: bytes, name: str, read: Reader, depth: int) -> Document:
    if detect(data, name) == "eml":
        return _read_inner(_parse(data), read, depth)
    return read(data, name)


def _read_inner(message: Message, read: Reader, depth: int) -> Document:
    if depth >= _MAX_DEPTH:
        raise ReadError(
            Reason.UNSUPPORTED, f"messages nested deeper than {_MAX_DEPTH}, which is the limit"
        )
    return _read_message(message, read, depth + 1)


def _attachment_bytes(part: Message) -> bytes:
    """Return the bytes of an attachment, or the text of a delivery report, which is parsed."""
    inner = part.get_payload()
    if isinstance(inner, list):
        return "\n".join(str(message) for message in inner).encode("utf-8", "replace")
    return _part_bytes(part)


def _relabel(page: Page, label: str) -> Page:
    """Return the page as a part of the message; its number or name goes into the label."""
    places = {
        PageKind.PAGE: f"page {page.number}",
        PageKind.SLIDE: f"slide {page.number}",
        PageKind.SHEET: f"sheet {page.page_label}" if page.page_label else "",
        PageKind.PART: "" if page.page_label == "message" else page.page_label,
        PageKind.TEXT: "",
    }
    place = places[page.kind]
    label = f"{label}, {place}" if place else label
    return replace(page, kind=PageKind.PART, number=None, page_label=label)


def _header(message: Message, name: str) -> str:
    """Return a header on one line with encoded words decoded, or as it is if it is broken."""
    wanted = name.lower()
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == wanted), "")
    raw = one_line(decode(raw.encode("utf-8", "surrogateescape"))[0])
    try:
        return one_line(_decode_words(str(policy.default.header_factory(wanted, raw))))
    except _HEADER_ERRORS:
        return raw


def _decode_words(text: str) -> str:
    """Decode encoded words in places that the standard does not allow, such as quotes."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except _HEADER_ERRORS:
        return text
