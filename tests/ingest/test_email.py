from __future__ import annotations

import io
from email.message import EmailMessage

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, Page, PageKind


def message(body: str = "Hello\n\nBye\n", *, subject: str = "Rechnung für März") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Jörg Müller <joerg@example.org>"
    mail["To"] = "Ann <ann@example.org>"
    mail["Subject"] = subject
    mail["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
    mail["Message-ID"] = "<1@example.org>"
    mail.set_content(body)
    return mail


def read(mail: EmailMessage) -> Document:
    return read_document(mail.as_bytes(), "mail.eml")


def shown(page: Page) -> list[tuple[BlockKind, str]]:
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def word(text: str) -> bytes:
    document = docx.Document()
    document.add_paragraph(text)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def attach(mail: EmailMessage, data: bytes, name: str) -> None:
    mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)


def test_message_is_subject_headers_and_paragraphs() -> None:
    document = read(message("Hello\n\n> quoted\n"))
    assert document.title == "Rechnung für März"
    assert document.metadata == {
        "from": "Jörg Müller <joerg@example.org>",
        "to": "Ann <ann@example.org>",
        "date": "Mon, 02 Mar 2026 10:00:00 +0100",
        "subject": "Rechnung für März",
        "message-id": "<1@example.org>",
    }
    page = document.pages[0]
    assert (page.kind, page.page_label, page.number) == (PageKind.PART, "message", None)
    assert shown(page) == [
        (BlockKind.HEADING, "Rechnung für März"),
        (
            BlockKind.PARAGRAPH,
            "From: Jörg Müller <joerg@example.org>\nTo: Ann <ann@example.org>\n"
            "Date: Mon, 02 Mar 2026 10:00:00 +0100",
        ),
        (BlockKind.PARAGRAPH, "Hello"),
        (BlockKind.PARAGRAPH, "> quoted"),
    ]


def test_plain_text_is_preferred_and_html_is_read_without_it() -> None:
    both = message("plain\n")
    both.add_alternative("<p>html</p>", subtype="html")
    only = message()
    only.set_content("<h2>Offer</h2><p hidden>x</p>", subtype="html")
    assert read(both).pages[0].text.endswith("plain")
    assert shown(read(only).pages[0])[-1] == (BlockKind.HEADING, "Offer")
    assert read(only).pages[0].hidden == 1


def test_attachments_are_pages_after_the_message() -> None:
    mail = message()
    attach(mail, word("Terms"), "Anhang Ä.docx")
    attach(mail, b"a,b\n1,2\n", "data.csv")
    mail.add_attachment(message("inner\n", subject="Old offer"))
    document = read(mail)
    assert [(page.page_label, page.kind) for page in document.pages] == [
        ("message", PageKind.PART),
        ("attachment: Anhang Ä.docx", PageKind.PART),
        ("attachment: data.csv", PageKind.PART),
        ("attachment: Old offer", PageKind.PART),
    ]
    assert document.pages[1].text == "Terms"
    assert document.pages[2].blocks[1].ref == "A2:B2"
    assert document.pages[3].text.endswith("inner")
    assert document.warnings == ()


def test_an_attachment_that_fails_is_a_warning() -> None:
    mail = message()
    attach(mail, b"\x89PNG\r\n\x1a\n\0", "scan.png")
    attach(mail, b"", "empty.txt")
    attach(mail, b"PK\x03\x04", "broken.docx")
    document = read(mail)
    assert len(document.pages) == 1
    assert document.warnings[:2] == (
        "attachment: scan.png: unsupported: a PNG image",
        "attachment: empty.txt: empty: the file has no bytes",
    )
    assert document.warnings[2].startswith("attachment: broken.docx: corrupt: ")


def test_a_picture_in_the_text_is_counted() -> None:
    mail = message()
    mail.add_alternative('<p>x</p><img src="cid:logo">', subtype="html")
    html = mail.get_payload()[1]
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", "image", "png", cid="<logo>", disposition="inline")
    document = read(mail)
    assert (document.pages[0].images, document.warnings) == (1, ())


def test_messages_are_read_three_deep() -> None:
    mail = message("deepest\n", subject="m0")
    for depth in range(1, 6):
        outer = message(subject=f"m{depth}")
        if depth % 2:
            outer.add_attachment(mail)
        else:
            attach(outer, mail.as_bytes(), f"m{depth - 1}.eml")
        mail = outer
    document = read(mail)
    assert [page.page_label.count("attachment") for page in document.pages] == [0, 1, 2, 3]
    assert "nested deeper than 3" in document.warnings[0]


@pytest.mark.parametrize(
    "head",
    [
        "From: =?utf-8?Q?broken",
        'From: "=?utf-8?Q?J=C3=B6rg?=" <a@b>',
        "From: \x00\x01@",
        "Content-Type: text/plain; charset=no-such-thing",
        "Content-Type: multipart/mixed",
        "Content-Type: ;;;=\nContent-Transfer-Encoding: base64",
        "Date: yesterday",
        "Subject: " + "x" * 5000,
        "Message-ID: <[broken@",
    ],
)
def test_broken_headers_never_fail(head: str) -> None:
    document = read_document(f"To: b\n{head}\n\nthe body of it\n".encode(), "a.eml")
    assert document.kind == "eml"
    assert document.metadata["to"] == "b"


def test_encoded_words_in_quotes_are_decoded() -> None:
    data = b'From: "=?utf-8?Q?J=C3=B6rg?=" <a@b.org>\n\nx'
    assert "Jörg" in read_document(data, "a.eml").metadata["from"]


def test_headers_and_bodies_in_a_bare_legacy_encoding_are_read() -> None:
    data = "From: Jörg\nSubject: Grüße\n\nSchöne Grüße".encode("cp1252")
    document = read_document(data, "a.eml")
    assert document.title == "Grüße"
    assert document.pages[0].text.endswith("Schöne Grüße")


PIECES = [
    "Content-Type: multipart/mixed; boundary=b\n",
    "--b\n",
    "--b--\n",
    "\n",
    "text\n",
    "To: a\n",
]


@given(st.lists(st.sampled_from([*PIECES, "Content-Transfer-Encoding: base64\n", "=?x?=\n"])))
def test_any_structure_gives_blocks_that_hold(pieces: list[str]) -> None:
    document = read_document(("From: a\n" + "".join(pieces)).encode(), "a.eml")
    for page in document.pages:
        at = 0
        for block in page.blocks:
            assert not page.text[at : block.start].strip()
            assert page.text[block.start : block.end].strip()
            at = block.end
