"""Mailboxes (mbox), each message of which is an attachment, and web pages saved as mail (MHTML)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragkit_ingest.model import Attachment, Document, PageBuilder, first_heading
from ragkit_ingest.readers.email import find_header, parse_message
from ragkit_ingest.readers.html import add_html
from ragkit_ingest.readers.mail_parts import decode_part, iter_parts
from ragkit_ingest.readers.ooxml import translate_errors

_MAX_MESSAGES = 900
_ENVELOPE = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S[^\n]*\d\d:\d\d[^\n]*\n(?=[A-Za-z-]+:)"
)
_ESCAPE = re.compile(rb"^>(>*From )", re.MULTILINE)


def read_mbox(data: bytes, source: str) -> Document:
    """Read the first 900 messages of a mailbox; a warning counts the others."""
    attachments = []
    count = 0
    with translate_errors("mailbox"):
        for message in _split_messages(data):
            count += 1
            if count <= _MAX_MESSAGES:
                name = find_header(parse_message(message), "subject") or "no subject"
                attachments.append(Attachment(name, message, f"message {count}", "eml"))
    warnings: tuple[str, ...] = ()
    if count > _MAX_MESSAGES:
        warnings = (f"only {_MAX_MESSAGES} of {count:,} messages were read; split the mailbox",)
    return Document("mbox", (), warnings=warnings, attachments=tuple(attachments))


def _split_messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages between the lines "From ADDRESS DATE" (RFC 4155)."""
    starts = [found.span() for found in _ENVELOPE.finditer(data)]
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for (_, start), end in zip(starts, ends, strict=True):
        yield _ESCAPE.sub(rb"\1", data[start:end])


def read_mhtml(data: bytes, source: str) -> Document:
    """Read a web page with its frames; pictures are only counted."""
    builder = PageBuilder()
    title = ""
    warnings: list[str] = []
    with translate_errors("web page"):
        message = parse_message(data)
        for part in iter_parts(message):
            if part.get_content_type() in ("text/html", "application/xhtml+xml"):
                text, found = decode_part(part)
                warnings += found
                images = builder.images
                content = add_html(builder, text)
                title = title or content.title
                warnings += content.warnings
                builder.images = images  # they are parts of their own
            elif part.get_content_maintype() == "image":
                builder.images += 1
    pages = (builder.build(),)
    title = title or first_heading(pages)
    return Document("mhtml", pages, title=title, warnings=tuple(dict.fromkeys(warnings)))
