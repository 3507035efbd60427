"""Tells the kind of a text by how it begins: HTML, XML, mail, mailboxes, calendars and JSON."""

from __future__ import annotations

import re

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.json_values import parse_json

MAIL_HEAD = 8192  # bytes that hold the headers which tell a mail
_PROLOG = re.compile(r"\ufeff?\s*+(?:(?:<\?.*?\?>|<!--.*?-->)\s*+)*+", re.DOTALL)
_HTML = re.compile(r"<(?:!doctype\s+html|(?:\w+:)?html|head|body)\b", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z!]")
_NAMESPACE = re.compile(r"<[\w:.-]+\s[^>]*\bxmlns(?::\w+)?=")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>\s*", re.DOTALL)
_ROOTS = (  # the root element of an XML text, and its kind
    (re.compile(r"<(?:\w+:)?package\s[^>]*schemas\.microsoft\.com/office/2006/xmlPackage"), "opc"),
    (re.compile(r"<(?:\w+:)?Workbook\s[^>]*urn:schemas-microsoft-com:office:spreadsheet"), "xls"),
    (re.compile(r"<office:document\s[^>]*opendocument\.spreadsheet"), "ods"),
    (re.compile(r"<(?:\w+:)?wordDocument\s[^>]*office/word/2003/wordml"), "wordml"),
)
_FLAT_ODF = re.compile(r"<office:document\s[^>]*opendocument\.(text|presentation|graphics)")
_CARD = re.compile(r"BEGIN:(VCALENDAR|VCARD)\b", re.IGNORECASE)
_CARD_KINDS = {"VCALENDAR": "ics", "VCARD": "vcf"}
_ENVELOPE = re.compile(
    r"From \S.*\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*\d\d:\d\d.*\n[A-Za-z][A-Za-z0-9-]*:"
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?")
_MAIL_HEADERS = {
    *("from", "to", "cc", "subject", "date", "received", "return-path", "message-id"),
    *("mime-version", "delivered-to", "reply-to", "content-type", "dkim-signature", "sender"),
}
_DELIVERY_HEADERS = {"to", "cc", "bcc", "received", "return-path", "delivered-to"}


def detect_markup(head: str, suffix: str) -> str:
    """Return the kind that the beginning of a text tells beyond doubt, "" for any other text.

    Raises ReadError(UNSUPPORTED) for OpenDocument in one XML file.
    """
    found = _PROLOG.match(head)
    root = head[found.end() :] if found else head
    if _HTML.match(root):
        return "html"
    if card := _CARD.match(root):
        return _CARD_KINDS[card[1].upper()]
    root = root[doctype.end() :] if (doctype := _DOCTYPE.match(root)) else root
    if flat := _FLAT_ODF.match(root):
        detail = f"an OpenDocument {flat[1]} in one XML file; save it as .docx, .pptx or .pdf"
        raise ReadError(Reason.UNSUPPORTED, detail)
    if kind := next((kind for pattern, kind in _ROOTS if pattern.match(root)), ""):
        return kind
    declared = head.lstrip("\ufeff \r\n").startswith("<?xml") or _NAMESPACE.match(root)
    return "xml" if _TAG.match(root) and (declared or suffix == ".xml") else ""


def detect_mail(head: str, suffix: str) -> str:
    """Return "eml", "mbox" or "mhtml" for a text that begins with mail headers, else ""."""
    head = head.replace("\r\n", "\n").lstrip("\ufeff\n")
    if _ENVELOPE.match(head) and (suffix in (".mbox", ".mbx") or _count_envelopes(head) > 1):
        return "mbox"
    names = _header_names(head, strict=suffix != ".eml")
    known = names & _MAIL_HEADERS
    if {"mime-version", "content-type"} <= known or "snapshot-content-location" in names:
        web = re.search(r"^content-type:\s*(?:multipart/related|text/html)", head, re.I | re.M)
        if suffix in (".mht", ".mhtml") or (web and not names & _DELIVERY_HEADERS):
            return "mhtml"
        return "eml"
    if suffix == ".eml":
        return "eml" if known else ""
    return "eml" if len(known) >= 3 and known & {"from", "received"} else ""


def is_json(data: bytes) -> bool:
    """Return True for a JSON object, for an array that holds one, and for JSON Lines of them."""
    try:
        value = parse_json(decode(data)[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_nested, value)))


def _is_nested(value: object) -> bool:
    return isinstance(value, (dict, list))


def _count_envelopes(head: str) -> int:
    return len(re.findall(rf"(?:^|\n\n)(?={_ENVELOPE.pattern})", head))


def _header_names(head: str, *, strict: bool) -> set[str]:
    """Return the names of the headers that a text begins with, in small letters.

    With `strict`, there are none if another line comes before the blank line that ends them.
    """
    names: set[str] = set()
    rows = head.split("\n")
    for row in rows[1:] if rows[0].startswith("From ") else rows:
        header = _HEADER.match(row)
        if header:
            names.add(header[1].lower())
        elif not row.startswith((" ", "\t")) or not names:
            return set() if row.strip() and strict else names
    return names
