"""Encoded data is never stored as text."""

from __future__ import annotations

import base64
import binascii
import random
import re

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.encoded import remove_encoded

BYTES = random.Random(7).randbytes(900)
CODE = base64.b64encode(BYTES).decode()
LINES = base64.encodebytes(BYTES).decode()
HEX_LINES = BYTES.hex(":", 1)
ARMOR = f"-----BEGIN CERTIFICATE-----\n{LINES}-----END CERTIFICATE-----"
SIGNATURE = (
    f"-----BEGIN PGP SIGNATURE-----\nVersion: 2\n\n{LINES}=Xy1z\n-----END PGP SIGNATURE-----"
)
UUENCODED = "".join(binascii.b2a_uu(BYTES[at : at + 45]).decode() for at in range(0, 900, 45))
PREFIX = "data:image/png;base64,"


@pytest.mark.parametrize(
    ("encoded", "left"),
    [
        (CODE, ""),
        (LINES.strip(), ""),
        ("> " + LINES.strip().replace("\n", "\n> "), ""),
        (ARMOR, ""),
        (SIGNATURE, ""),
        (f"begin 644 scan.png\n{UUENCODED}`\nend", ""),
        (BYTES.hex(), ""),
        (HEX_LINES, ""),
        (f"![Plan]({PREFIX}{CODE})", "![Plan]()"),
        (f'<img src="{PREFIX}{CODE}">', '<img src="">'),
        (f"[image1]: <{PREFIX}{CODE}>", ""),
        (f"ssh-rsa {CODE} ida@x", "ssh-rsa  ida@x"),
        ("url(data:image/svg+xml,%3Csvg%20viewBox=%220%200%2010%2010%22%3E)", "url()"),
    ],
)
def test_encoded_data_is_left_out_and_the_rest_stays(encoded: str, left: str) -> None:
    text = f"Before\n\n{encoded}\n\nAfter\n"
    found, count = remove_encoded(text)
    assert (re.split(r"\n{2,}", found), count) == (["Before", *filter(None, [left]), "After\n"], 1)


@pytest.mark.parametrize(
    "text",
    [
        "sha512 " + BYTES[:64].hex(),
        "https://x.org/" + "Shared/Documents/Projects/Halden/" * 8,
        "DonaudampfschifffahrtsgesellschaftskapitänMütze" * 6,
        "ACGT" * 90,
        "-" * 300,
        "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899" * 4,
        " ".join(f"{at % 90 + 10}" for at in range(300)),
        "A key starts with -----BEGIN CERTIFICATE----- and ends.",
        "begin 644 is how it starts\nand so it goes on\nend",
        "data:text/plain,short",
    ],
)
def test_words_names_and_numbers_stay(text: str) -> None:
    assert remove_encoded(text) == (text, 0)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "a.csv", "a.log"])
def test_blocks_around_encoded_data_are_exact(name: str) -> None:
    document = read_document(f"First, words\n\n{CODE}\n\nLast, words\n".encode(), name)
    page = document.pages[0]
    texts = [page.text[block.start : block.end] for block in page.blocks]
    assert (texts[0][:5], texts[-1][:4], len(texts)) == ("First", "Last", 2)
    assert CODE[:50] not in page.text
    assert document.warnings == ("1 piece of encoded data, such as base64, left out",)


def test_a_file_of_encoded_data_has_no_text() -> None:
    with pytest.raises(ReadError) as caught:
        read_document(ARMOR.encode(), "server.pem")
    assert caught.value.reason is Reason.NO_TEXT
    assert "certificate" in caught.value.detail
