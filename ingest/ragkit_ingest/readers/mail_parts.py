"""The parts of a MIME message: their bytes, texts and names, and which alternative says most."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import quopri
import re
from collections.abc import Iterator
from email.message import Message

from ragkit_ingest.model import PageBuilder
from ragkit_ingest.readers.html import add_html, decode_html
from ragkit_ingest.text.encoding import decode, decode_declared

_ALTERNATIVES = ("text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html")
_MIN_SHARE = 0.5  # of the words of the HTML that a plain text must have to stand for it
_SIGNATURE = re.compile(r"^-- ?$.*", re.MULTILINE | re.DOTALL)  # RFC 3676, 4.3
_QUOTES = re.compile(r">*")


def iter_parts(part: Message) -> Iterator[Message]:
    """Yield the parts with content, in order, and of alternative texts only one.

    A message inside the message is one part, whatever it holds.
    """
    inner = part.get_payload()
    if part.get_content_maintype() == "message" or not isinstance(inner, list):
        yield part
        return
    groups = [list(iter_parts(below)) for below in inner if isinstance(below, Message)]
    chosen = _choose_alternative(groups) if part.get_content_subtype() == "alternative" else None
    for group in groups:
        for leaf in group:
            repeats = leaf.get_content_type() in _ALTERNATIVES and not leaf.get_filename()
            if chosen is None or group is chosen or not repeats:
                yield leaf


def _choose_alternative(groups: list[list[Message]]) -> list[Message] | None:
    """Return the plain text of a set of alternatives, or the HTML if that says more.

    A plain text may be blank, a signature, or the advice to use a program that shows HTML.
    """
    plain, html = (_find_group(groups, kind) for kind in ("text/plain", "text/html"))
    if plain is None or html is None:
        return plain or html
    said = _find_words(_SIGNATURE.sub("", _join_texts(plain, "text/plain")))
    builder = PageBuilder()
    add_html(builder, _join_texts(html, "text/html"))
    shown = _find_words(builder.build().text)
    return plain if len(said & shown) >= _MIN_SHARE * len(shown) and said else html


def _find_group(groups: list[list[Message]], kind: str) -> list[Message] | None:
    for group in groups:
        if any(leaf.get_content_type() == kind and part_bytes(leaf).strip() for leaf in group):
            return group
    return None


def _join_texts(group: list[Message], kind: str) -> str:
    return "\n".join(decode_part(leaf)[0] for leaf in group if leaf.get_content_type() == kind)


def _find_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def part_bytes(part: Message) -> bytes:
    """Return the decoded content of a part, b"" for a part with parts."""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def decode_part(part: Message) -> tuple[str, tuple[str, ...]]:
    """Return the text of a part and warnings; a wrong or missing charset is guessed."""
    data = part_bytes(part)
    text = decode_declared(data, part.get_content_charset(""))
    if text is None:
        return decode_html(data) if part.get_content_subtype() == "html" else decode(data)
    return text, ()


def part_name(part: Message) -> str:
    """Return a name for a part without one, by its type: "unnamed.pdf"."""
    return f"unnamed{mimetypes.guess_extension(part.get_content_type()) or ''}"


def inner_message(part: Message) -> bytes:
    """Return a message inside a message; some programs encode it, against RFC 2046, 5.2.1."""
    inner = part.get_payload()
    message = inner[0] if isinstance(inner, list) and inner else None
    data = message.as_bytes() if isinstance(message, Message) else part_bytes(part)
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding == "base64":
        try:
            return base64.b64decode(data)
        except binascii.Error:
            return data
    return data


def join_flowed(text: str, *, deletes_space: bool) -> str:
    """Return a text of format=flowed with its paragraphs on one line each (RFC 3676, 4)."""
    lines: list[str] = []
    flows, depth = False, 0
    for line in text.replace("\r\n", "\n").split("\n"):
        quotes = _QUOTES.match(line)
        level = quotes.end() if quotes else 0
        content = line[level:].removeprefix(" ")
        if flows and level == depth and content != "-- ":
            lines[-1] += content
        else:
            lines.append(f"{'>' * level} {content}" if level else content)
        flows, depth = content.endswith(" ") and content != "-- ", level
        if flows and deletes_space:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)
