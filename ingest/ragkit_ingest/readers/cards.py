"""Calendars (.ics) and contacts (.vcf): a paragraph for each event or person.

Both are lines "NAME;PARAMETER=x:value", of which long ones are folded (RFC 5545, RFC 6350).
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ragkit_ingest.model import BlockKind, Document, PageBuilder
from ragkit_ingest.text.encoding import decode

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r'(?:[\w-]+\.)?([A-Za-z][\w-]*)((?:;(?:"[^"]*"|[^":;])*)*):(.*)', re.DOTALL)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_DURATION = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:\d+S)?)?")
_ESCAPE = re.compile(r"\\([\\;,nN])")
_LABELS = {  # what a property is called; others are not for people
    **{"SUMMARY": "", "DTSTART": "Start", "DTEND": "End", "DUE": "Due", "DURATION": "Duration"},
    **{"LOCATION": "Place", "ORGANIZER": "Organiser", "ATTENDEE": "Attendee", "RRULE": "Repeats"},
    **{"STATUS": "Status", "DESCRIPTION": "", "COMMENT": "Comment", "CATEGORIES": "Categories"},
    **{"FN": "", "ORG": "Organisation", "TITLE": "Title", "ROLE": "Role", "TEL": "Telephone"},
    **{"EMAIL": "Email", "ADR": "Address", "BDAY": "Birthday", "NICKNAME": "Nickname"},
    **{"NOTE": "Note", "URL": "Web page", "EXDATE": "Except"},
}
_COMPONENTS = {"VEVENT", "VTODO", "VJOURNAL", "VCARD"}
_PICTURES = {"PHOTO", "LOGO"}
_METHODS = {"REQUEST": "Invitation", "CANCEL": "Cancelled", "REPLY": "Reply"}


class _Property(NamedTuple):
    name: str
    parameters: dict[str, str]
    value: str


def read_cards(data: bytes, source: str) -> Document:
    """Read a calendar or contacts: what each event or contact says; pictures are only counted."""
    text, warnings = decode(data)
    builder = PageBuilder()
    title = add_cards(builder, text)
    kind = "vcf" if "BEGIN:VCARD" in text.upper() else "ics"
    return Document(kind, (builder.build(),), title=title, warnings=warnings)


def add_cards(builder: PageBuilder, text: str) -> str:
    """Add a paragraph for each event, task or contact; return the name of the only one, or ""."""
    names: list[str] = []
    lines: list[str] = []
    component, method = [""], ""
    for name, parameters, value in _parse(text):
        if name == "BEGIN":
            component.append(value.strip().upper())
        elif name == "END":
            if component[-1] in _COMPONENTS:
                builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
                lines = []
            component = component[:-1] or [""]
        elif name == "METHOD":
            method = _METHODS.get(value.strip().upper(), "")
        elif component[-1] in _COMPONENTS:
            if name in _PICTURES:
                builder.images += 1
            elif name in _LABELS and (shown := _format(name, parameters, value)):
                if name in ("SUMMARY", "FN"):
                    names.append(shown)
                    lines.insert(0, f"{method}: {shown}" if method else shown)
                else:
                    lines.append(f"{_LABELS[name]}: {shown}" if _LABELS[name] else shown)
    builder.add(BlockKind.PARAGRAPH, "\n".join(lines))  # of a file that was cut short
    return names[0] if len(names) == 1 else ""


def _parse(text: str) -> Iterator[_Property]:
    """Yield the properties of unfolded lines; a vCard 2.1 folds quoted-printable with "="."""
    rows = iter(_FOLD.sub("", text).splitlines())
    for row in rows:
        found = _LINE.match(row)
        if not found:
            continue
        pairs = (each.partition("=") for each in found[2].split(";")[1:])
        parameters = {key.upper(): value.strip('"') for key, _, value in pairs}
        value = found[3]
        if "QUOTED-PRINTABLE" in (parameters.get("ENCODING", "").upper(), *parameters):
            while value.endswith("="):
                value = value[:-1] + next(rows, "")
            value, _ = decode(quopri.decodestring(value.encode()))
        yield _Property(found[1].upper(), parameters, value)


def _format(name: str, parameters: dict[str, str], value: str) -> str:
    if name in ("DTSTART", "DTEND", "DUE", "EXDATE", "BDAY"):
        return _format_time(value.strip(), parameters.get("TZID", ""))
    if name == "DURATION":
        return _format_duration(value.strip())
    if name in ("ORGANIZER", "ATTENDEE"):
        address = re.sub(r"^mailto:", "", value.strip(), flags=re.IGNORECASE)
        person = parameters.get("CN", "")
        return f"{person} <{address}>" if person and person != address else address
    if name == "RRULE":
        return value.strip().replace(";", ", ").replace("=", " ").lower()
    if name in ("ADR", "ORG", "N"):
        value = ", ".join(part.strip() for part in re.split(r"(?<!\\);", value) if part.strip())
    value = _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
    return re.sub(r"^(?:tel|mailto):", "", value.strip())


def _format_time(value: str, zone: str) -> str:
    """Return "20260611T080000Z" as "Thursday 2026-06-11 08:00 UTC"."""
    found = _TIME.fullmatch(value)
    if not found:
        return value
    year, month, day, hour, minute, _, utc = found.groups()
    try:
        weekday = datetime(int(year), int(month), int(day)).strftime("%A ")
    except ValueError:
        return value
    clock = f" {hour}:{minute}" if hour else ""
    zone = "UTC" if utc else zone
    return f"{weekday}{year}-{month}-{day}{clock}" + (f" {zone}" if clock and zone else "")


def _format_duration(value: str) -> str:
    found = _DURATION.fullmatch(value)
    if not found:
        return value
    units = zip(found.groups()[1:], ("weeks", "days", "hours", "minutes"), strict=True)
    return ", ".join(f"{int(count)} {unit}" for count, unit in units if count)
