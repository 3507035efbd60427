from __future__ import annotations

import base64
import binascii
import io
import quopri
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
    both = message("plain words\n")
    both.add_alternative("<p>plain <b>words</b>", subtype="html")
    only = message()
    only.set_content("<h2>Offer</h2><p hidden>x</p>", subtype="html")
    assert read(both).pages[0].text.endswith("plain words")
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


def alternatives(plain: str, html: str) -> str:
    mail = message(plain)
    mail.add_alternative(html, subtype="html")
    return read(mail).pages[0].text.partition("+0100\n\n")[2]


LONG = "<p>The twelve castings of order 7741 leave on 26 May and arrive in Halden on 28 May.</p>"


@pytest.mark.parametrize(
    "plain",
    [
        "This mail is HTML. Open it in a browser.\n",
        "\n \n-- \nSent from my phone, order 7741 of May, in Halden\n",
        "The castings: see below.\n",
    ],
)
def test_html_is_read_if_the_plain_text_lacks_most_of_its_words(plain: str) -> None:
    assert alternatives(plain, LONG).endswith("arrive in Halden on 28 May.")


def test_plain_text_that_says_as_much_as_the_html_is_read() -> None:
    plain = "The twelve castings of order 7741 leave on 26 May and arrive in Halden on 28 May!\n"
    assert alternatives(plain, LONG).endswith("28 May!")


def encode_forwarded(encoding: str, encoded: bytes) -> bytes:
    return (
        b'Subject: Fwd\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nSee below.\n--b\n'
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\n\n"
        + encoded
        + b"\n--b--\n"
    )


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_an_encoded_message_inside_a_message_is_read(encoding: str) -> None:
    inner = "From: otto@x.org\nSubject: Rebate\n\nDer Rabatt für Solvay = 4,5 %.\n".encode()
    codes = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    encoded = codes.get(encoding, bytes)(inner)
    page = read_document(encode_forwarded(encoding, encoded), "a.eml").pages[1]
    assert page.page_label == "attachment: Rebate"
    assert shown(page)[-1] == (BlockKind.PARAGRAPH, "Der Rabatt für Solvay = 4,5 %.")


def test_an_invitation_is_read_with_its_time_and_place() -> None:
    mail = message("Please join.\n")
    card = (
        "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nDTSTART:20260611T080000Z\n"
        "LOCATION:Room Elbe\nSUMMARY:Audit\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    mail.add_alternative(card, subtype="calendar")
    assert [text for _, text in shown(read(mail).pages[0])[-2:]] == [
        "Please join.",
        "Invitation: Audit\nStart: Thursday 2026-06-11 08:00 UTC\nPlace: Room Elbe",
    ]


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-8859-1", b"1.250 \x80 \x96 \x84Freitag\x93", "1.250 € – „Freitag“"),
        ("us-ascii", "Grüße".encode("cp1252"), "Grüße"),
        ("iso-8859-1", "Grüße".encode(), "Grüße"),
        ("gb2312", "公司朱镕基".encode("gb18030"), "公司朱镕基"),
        ("ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
        ("koi8-r", "Договор".encode("koi8_r"), "Договор"),
        ("iso-2022-jp", "請求書".encode("iso2022_jp"), "請求書"),
        ("hex", b"caf\xe9", "café"),
    ],
)
def test_a_body_is_decoded_as_programs_mean_its_charset(
    charset: str, data: bytes, text: str
) -> None:
    head = f"From: a\nContent-Type: text/plain; charset={charset}\n\n".encode()
    assert shown(read_document(head + data, "a.eml").pages[0])[-1][1] == text


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ("format=flowed", "One line that goes on.\n> quoted text\nEnd\n-- \nIda"),
        ("format=flowed; delsp=yes", "One line thatgoes on.\n> quotedtext\nEnd\n-- \nIda"),
        ("format=fixed", "One line that \ngoes on.\n> quoted \n> text\n End\n-- \nIda"),
    ],
)
def test_flowed_lines_are_joined(parameters: str, text: str) -> None:
    body = "One line that \ngoes on.\n> quoted \n> text\n End\n-- \nIda\n"
    data = f"From: a\nContent-Type: text/plain; {parameters}\n\n{body}".encode()
    assert shown(read_document(data, "a.eml").pages[0])[-1][1] == text


def test_uuencoded_and_unnamed_parts_are_read() -> None:
    code = "".join(binascii.b2a_uu(b"a,b\n1,2\n").decode())
    data = (
        "From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/csv\n"
        f"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a.csv\n{code} \nend\n--b--\n"
    )
    document = read_document(data.encode(), "a.eml")
    assert document.pages[1].page_label == "attachment: unnamed.csv"
    assert shown(document.pages[1])[1] == (BlockKind.ROW, "1 | 2")


def test_a_delivery_report_is_part_of_the_message() -> None:
    data = (
        "From: a\nContent-Type: multipart/report; boundary=b\n\n--b\n\nNot delivered.\n--b\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x.org\n\n"
        "Final-Recipient: rfc822; ida@x.org\nStatus: 5.1.1\n\n--b\n"
        "Content-Type: text/rfc822-headers\n\nSubject: Offer\nTo: ida@x.org\n--b--\n"
    )
    document = read_document(data.encode(), "a.eml")
    assert "Final-Recipient: rfc822; ida@x.org\nStatus: 5.1.1" in document.pages[0].text
    assert (len(document.pages), document.pages[1].page_label) == (2, "attachment: Offer")


def test_a_message_that_is_only_a_picture_is_reported() -> None:
    data = (
        "From: a\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n"
        '<img src="cid:1">\n--b\nContent-Type: image/png\nContent-ID: <1>\n\nx\n--b--\n'
    )
    document = read_document(data.encode(), "a.eml")
    assert document.warnings == ("the message is only a picture; its text was not read",)
    assert document.pages[0].images == 1


def test_an_envelope_of_outlook_and_an_encrypted_body_are_named() -> None:
    mail = message()
    attach(mail, b"\x78\x9f\x3e\x22\0\0", "winmail.dat")
    mail.add_attachment(b"\x30\x80\x06", maintype="application", subtype="pkcs7-mime")
    assert read(mail).warnings == (
        "the body is encrypted (S/MIME) and was not read",
        "attachment: winmail.dat: unsupported: an Outlook envelope (winmail.dat); "
        "send the message again as HTML",
    )


def wrap(tag: int, *content: bytes) -> bytes:
    """An element of DER."""
    data = b"".join(content)
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8)
    return (
        bytes([tag])
        + (bytes([len(data)]) if len(data) < 128 else bytes([128 + len(size)]) + size)
        + data
    )


@pytest.mark.parametrize("chunked", [False, True])
def test_what_a_signature_encloses_is_read(chunked: bool) -> None:
    inner = message("Signed words\n").as_bytes()
    content = wrap(4, inner)
    if chunked:  # as programs write that do not know the length in advance
        content = b"\x24\x80" + wrap(4, inner[:50]) + wrap(4, inner[50:]) + b"\0\0"
    data_id, signed_id = (bytes.fromhex(f"06092a864886f70d01070{n}") for n in (1, 2))
    signed = wrap(0x30, wrap(2, b"\1"), wrap(0x31), wrap(0x30, data_id, wrap(0xA0, content)))
    mail = message(subject="Outer")
    mail.set_content(
        wrap(0x30, signed_id, wrap(0xA0, signed)), "application", "pkcs7-mime", filename="smime.p7m"
    )
    document = read(mail)
    assert document.pages[0].text.endswith("Signed words")
    assert (document.title, document.warnings) == ("Outer", ())


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
