"""Mail (eml): a page for the message; files and messages inside it are its attachments."""

from __future__ import annotations

import email
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from ragkit_ingest.model import Attachment, BlockKind, Document, PageBuilder, PageKind
from ragkit_ingest.readers.cards import add_cards
from ragkit_ingest.readers.html import add_html
from ragkit_ingest.readers.mail_parts import (
    decode_part,
    inner_message,
    iter_parts,
    join_flowed,
    part_bytes,
    part_name,
)
from ragkit_ingest.readers.ooxml import translate_errors
from ragkit_ingest.readers.smime import unwrap_signed
from ragkit_ingest.text.cleaning import clean_text, one_line
from ragkit_ingest.text.encoded import describe_removed, remove_encoded
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.spans import find_paragraphs

MESSAGE = "message"  # the page label of the message itself
_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_METADATA_HEADERS = ("from", "to", "date", "subject", "message-id")
_BODIES = ("text/plain", "text/html", "text/enriched", "text/calendar")
_REPORTS = ("message/delivery-status", "message/disposition-notification")
_MESSAGES = ("message/rfc822", "message/global", "text/rfc822-headers")
_SIGNATURES = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "pgp-encrypted")
_SMIME = ("pkcs7-mime", "x-pkcs7-mime")
# What the header parser of the standard library raises on broken headers.
_HEADER_ERRORS = (MessageError, ValueError, TypeError, AttributeError, IndexError, LookupError)


def read_email(data: bytes, source: str) -> Document:
    """Read a message. Raises ReadError(CORRUPT) for a message that cannot be parsed."""
    with translate_errors("message"):
        return _MessageReader(parse_message(data)).read()


def parse_message(data: bytes) -> Message:
    """Parse a message. The old policy never fails on a header; `find_header` decodes them."""
    return email.message_from_bytes(data, policy=policy.compat32)


def find_header(message: Message, name: str) -> str:
    """Return a header on one line with encoded words decoded, or as it is if it is broken."""
    wanted = name.lower()
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == wanted), "")
    raw = one_line(decode(raw.encode("utf-8", "surrogateescape"))[0])
    try:
        return one_line(_decode_words(str(policy.default.header_factory(wanted, raw))))
    except _HEADER_ERRORS:
        return raw


class _MessageReader:
    """Reads one message into a page, attachments and warnings."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.builder = PageBuilder(PageKind.PART, page_label=MESSAGE)
        self.attachments: list[Attachment] = []
        self.warnings: list[str] = []

    def read(self) -> Document:
        message, builder = self.message, self.builder
        builder.add(BlockKind.HEADING, find_header(message, "subject"), level=1)
        shown = ((name, find_header(message, name)) for name in _SHOWN_HEADERS)
        lines = [f"{name}: {value}" for name, value in shown if value]
        builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
        head = builder.build().text
        self._add_parts(message)
        if builder.images and builder.build().text == head and not self.attachments:
            self.warnings.append("the message is only a picture; its text was not read")
        metadata = {key: value for key in _METADATA_HEADERS if (value := find_header(message, key))}
        title, warnings = metadata.get("subject", ""), tuple(self.warnings)
        return Document(
            "eml", (builder.build(),), title, metadata, warnings, tuple(self.attachments)
        )

    def _add_parts(self, message: Message) -> None:
        for part in iter_parts(message):
            subtype = part.get_content_subtype()
            if subtype in _SMIME or (part.get_filename() or "").lower().endswith(".p7m"):
                self._add_signed(part)
            elif _is_body(part):
                self._add_body(part)
            elif part.get_content_type() in _REPORTS:
                self._add_report(part)
            elif _is_picture(part):
                self.builder.images += 1
            elif subtype not in _SIGNATURES:
                self.attachments.append(_find_attachment(part))

    def _add_signed(self, part: Message) -> None:
        """Add what an S/MIME signature encloses (RFC 8551, 3.5.2)."""
        content = unwrap_signed(part_bytes(part))
        if content:
            self._add_parts(parse_message(content))
        else:
            self.warnings.append("the body is encrypted (S/MIME) and was not read")

    def _add_body(self, part: Message) -> None:
        text, warnings = decode_part(part)
        self.warnings += warnings
        if part.get_content_type() == "text/html":
            images = self.builder.images
            self.warnings += add_html(self.builder, text).warnings
            self.builder.images = images  # those of the page are parts of the message
        elif part.get_content_type() == "text/calendar":
            add_cards(self.builder, text)
        else:
            if str(part.get_param("format", "")).lower() == "flowed":
                deletes_space = str(part.get_param("delsp", "")).lower() == "yes"
                text = join_flowed(text, deletes_space=deletes_space)
            self._add_text(text)

    def _add_text(self, text: str) -> None:
        text, hidden = clean_text(text)
        self.builder.hidden += hidden
        text, removed = remove_encoded(text)
        self.warnings += describe_removed(removed)
        for start, end in find_paragraphs(text):
            self.builder.add(BlockKind.PARAGRAPH, text[start:end])

    def _add_report(self, part: Message) -> None:
        """Add a delivery report, which the parser takes for messages of headers."""
        inner = part.get_payload()
        groups = inner if isinstance(inner, list) else [inner]
        for group in groups:
            self._add_text(str(group))


def _is_body(part: Message) -> bool:
    if part.get_content_maintype() == "multipart":  # one that has no parts
        return True
    if part.get_content_disposition() == "attachment" or part.get_filename():
        return False
    return part.get_content_type() in _BODIES


def _is_picture(part: Message) -> bool:
    """Return True for a picture inside the text, such as a logo, that is not an attachment."""
    if part.get_content_maintype() != "image":
        return False
    return part.get_content_disposition() != "attachment"


def _find_attachment(part: Message) -> Attachment:
    name = one_line(_decode_words(part.get_filename() or ""))
    if part.get_content_type() in _MESSAGES:
        data = inner_message(part)
        return Attachment(name or find_header(parse_message(data), "subject"), data, kind="eml")
    return Attachment(name or part_name(part), part_bytes(part))


def _decode_words(text: str) -> str:
    """Decode encoded words in places that the standard does not allow, such as quotes."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except _HEADER_ERRORS:
        return text
