"""Calendars and contacts."""

from __future__ import annotations

import base64

import pytest

from ragkit_ingest.dispatch import read_document

PHOTO = base64.b64encode(bytes(3000)).decode()
CONTACTS = f"""BEGIN:VCARD
VERSION:3.0
FN:Ida Berg
ORG:Halden;Stock
item1.TEL;TYPE=work:+47 1
PHOTO;ENCODING=b;TYPE=JPEG:{PHOTO}
NOTE:Two lines\\nin one\\, and a
  fold
END:VCARD
BEGIN:VCARD
VERSION:2.1
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg=
=20M=C3=BCller
END:VCARD
"""
CALENDAR = """BEGIN:VCALENDAR
METHOD:CANCEL
BEGIN:VTIMEZONE
BEGIN:STANDARD
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID=Europe/Berlin:20260611T080000
DTEND;VALUE=DATE:20260612
DURATION:PT1H30M
SUMMARY:Audit
LOCATION:Room\\, Elbe
ORGANIZER;CN="Ann: B":mailto:ann@x.org
ATTENDEE;RSVP=TRUE:MAILTO:ben@x.org
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("name", ["a.vcf", "a.txt", "a"])
def test_contacts_are_paragraphs_without_their_photos(name: str) -> None:
    document = read_document(CONTACTS.replace("\n", "\r\n").encode(), name)
    assert document.pages[0].text == (
        "Ida Berg\nOrganisation: Halden, Stock\nTelephone: +47 1\n"
        "Note: Two lines\nin one, and a fold\n\nJörg Müller"
    )
    assert (document.kind, document.pages[0].images) == ("vcf", 1)


def test_an_event_has_its_time_place_and_people() -> None:
    document = read_document(CALENDAR.encode(), "a.ics")
    assert document.pages[0].text == (
        "Cancelled: Audit\nStart: Thursday 2026-06-11 08:00 Europe/Berlin\n"
        "End: Friday 2026-06-12\nDuration: 1 hours, 30 minutes\nPlace: Room, Elbe\n"
        "Organiser: Ann: B <ann@x.org>\nAttendee: ben@x.org"
    )
    assert (document.kind, document.title) == ("ics", "Audit")


def test_times_that_are_none_are_kept_and_a_cut_file_is_read() -> None:
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261399\nSUMMARY:x\nDURATION:soon"
    found = read_document(text.encode(), "a.ics").pages[0].text
    assert found == "x\nStart: 20261399\nDuration: soon"
