"""Mailboxes and web pages saved as mail, also under the names of other files."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind

MBOX = """From ann@x.org Mon May  4 09:00:00 2026
From: ann@x.org
Subject: Gate code

The gate code is on the intranet.
From here on, nobody needs a key.
>From the gate, turn left.

From ben@x.org Tue May  5 09:00:00 2026
From: ben@x.org
Subject: Forklift
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

VGhlIGZvcmtsaWZ0IGdvZXMgdG8gbWFpbnRlbmFuY2Ugb24gRnJpZGF5Lg==
"""
WEB_PAGE = """MIME-Version: 1.0
Subject: Exported
Content-Type: multipart/related; boundary="b"

This is a single file web page.
--b
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

<html><head><title>Lockout</title></head><body><h1>Lockout rules</h1><p>The leader =E2=80=
=93 nobody else.</p><img src=3D"a.png"></body></html>
--b
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--b--
"""


@pytest.mark.parametrize("name", ["archive.mbox", "archive", "archive.txt"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_message_of_a_mailbox_is_read(name: str, end: str) -> None:
    document = read_document(MBOX.replace("\n", end).encode(), name)
    assert [page.page_label for page in document.pages] == [
        "message 1, attachment: Gate code",
        "message 2, attachment: Forklift",
    ]
    first, second = (page.text for page in document.pages)
    assert first.endswith("From here on, nobody needs a key.\nFrom the gate, turn left.")
    assert second.endswith("The forklift goes to maintenance on Friday.")
    assert (document.kind, document.warnings) == ("mbox", ())


def test_one_message_with_an_envelope_is_mail() -> None:
    data = MBOX.partition("\n\nFrom ben")[0].encode()
    assert read_document(data, "a.eml").kind == "eml"
    assert read_document(data, "a.mbox").kind == "mbox"


def test_attachments_over_the_limit_are_counted_once() -> None:
    head = "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename="
    part = head + "a{}.txt\n\n{}\n"
    parts = "".join(part.format(number, number) for number in range(1005))
    start = "Subject: Scans\nContent-Type: multipart/mixed; boundary=b\n\n"
    document = read_document(f"{start}{parts}--b--\n".encode(), "a.eml")
    assert [page.text for page in document.pages][-1] == "999"
    assert document.warnings == (
        "5 attachments were not read: the limit is 1,000 attachments and 512 MB of them",
    )


def test_messages_over_the_limit_are_counted() -> None:
    message = "From a@x.org Mon May  4 09:00:00 2026\nFrom: a\n\nHello.\n\n"
    document = read_document((message * 902).encode(), "a.mbox")
    assert len(document.pages) == 900
    assert document.warnings == ("only 900 of 902 messages were read; split the mailbox",)


@pytest.mark.parametrize("name", ["rules.doc", "rules.mht", "rules.htm", "rules.docx", "rules"])
def test_a_web_page_saved_as_mail_is_read_as_a_page(name: str) -> None:
    document = read_document(WEB_PAGE.encode(), name)
    page = document.pages[0]
    assert [(b.kind, page.text[b.start : b.end]) for b in page.blocks] == [
        (BlockKind.HEADING, "Lockout rules"),
        (BlockKind.PARAGRAPH, "The leader – nobody else."),
    ]
    assert (document.kind, document.title, page.images) == ("mhtml", "Lockout", 1)


def test_a_message_with_a_page_is_mail() -> None:
    data = f"From: a@x.org\nTo: b@x.org\n{WEB_PAGE}".encode()
    assert read_document(data, "a.txt").kind == "eml"
