"""Mail (eml): a page for the message; files and messages inside it are its attachments."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from ragkit_ingest.model import Attachment, BlockKind, Document, PageBuilder, PageKind
from ragkit_ingest.readers.html import add_html, decode_html
from ragkit_ingest.readers.ooxml import translate_errors
from ragkit_ingest.text.cleaning import clean_text, one_line
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.spans import find_paragraphs

MESSAGE = "message"  # the page label of the message itself
_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_METADATA_HEADERS = ("from", "to", "date", "subject", "message-id")
_ALTERNATIVES = ("text/plain", "text/html", "text/enriched", "text/calendar", "text/x-amp-html")
_SIGNATURES = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "pgp-encrypted")
_ENCRYPTED = ("pkcs7-mime", "x-pkcs7-mime")
# What the header parser of the standard library raises on broken headers.
_HEADER_ERRORS = (MessageError, ValueError, TypeError, AttributeError, IndexError, LookupError)


def read_email(data: bytes, source: str) -> Document:
    """Read a message. Raises ReadError(CORRUPT) for a message that cannot be parsed."""
    with translate_errors("message"):
        # the old policy never fails on a header; `_header` decodes them
        return _read_message(email.message_from_bytes(data, policy=policy.compat32))


def _read_message(message: Message) -> Document:
    builder = PageBuilder(PageKind.PART, page_label=MESSAGE)
    builder.add(BlockKind.HEADING, _header(message, "subject"), level=1)
    headers = (f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name)))
    builder.add(BlockKind.PARAGRAPH, "\n".join(headers))
    attachments: list[Attachment] = []
    warnings: list[str] = []
    for part in _iter_parts(message):
        if _is_body(part):
            warnings.extend(_add_body(builder, part))
        elif _is_picture(part):
            builder.images += 1
        elif part.get_content_subtype() in _ENCRYPTED:
            warnings.append("the body is encrypted or signed (S/MIME) and was not read")
        elif part.get_content_subtype() not in _SIGNATURES:
            attachments.append(_find_attachment(part))
    metadata = {key: value for key in _METADATA_HEADERS if (value := _header(message, key))}
    title = metadata.get("subject", "")
    pages = (builder.build(),)
    return Document("eml", pages, title, metadata, tuple(warnings), tuple(attachments))


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


def _find_attachment(part: Message) -> Attachment:
    name = one_line(_decode_words(part.get_filename() or ""))
    inner = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    message = inner[0] if isinstance(inner, list) and inner else None
    if isinstance(message, Message):
        return Attachment(name or _header(message, "subject"), message.as_bytes(), kind="eml")
    return Attachment(name, _attachment_bytes(part))


def _attachment_bytes(part: Message) -> bytes:
    """Return the bytes of an attachment, or the text of a delivery report, which is parsed."""
    inner = part.get_payload()
    if isinstance(inner, list):
        return "\n".join(str(message) for message in inner).encode("utf-8", "replace")
    return _part_bytes(part)


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
