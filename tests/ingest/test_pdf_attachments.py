from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import PageKind, ReadError, Reason
from ragkit_ingest.readers.pdf import read_pdf
from tests.support.pdf_maker import Sheet, make_pdf

CRANE = make_pdf([Sheet(["The crane must not lift more than 8 tonnes."])])
COVER = "For the best experience, open this PDF portfolio in Acrobat X or Adobe Reader X, or later."


def test_files_in_a_pdf_are_read_as_parts_under_their_names() -> None:
    data = make_pdf([Sheet(["See the files."])], files=[("crane.pdf", CRANE), ("a.txt", b"Oil.")])
    own, crane, text = read_document(data, "a.pdf").pages
    assert own.text == "See the files."
    assert (crane.kind, crane.page_label) == (PageKind.PART, "attachment: crane.pdf, page 1")
    assert crane.text == "The crane must not lift more than 8 tonnes."
    assert (text.page_label, text.text) == ("attachment: a.txt", "Oil.")


@pytest.mark.parametrize(
    "cover",
    [
        COVER,
        "Öffnen Sie dieses PDF-Portfolio in Acrobat X oder Adobe Reader X oder höher.",
        "Pour une expérience optimale, ouvrez ce porte-documents PDF dans Adobe Reader X.",
    ],
)
def test_cover_of_a_portfolio_is_not_searched(cover: str) -> None:
    document = read_document(make_pdf([Sheet([cover])], files=[("crane.pdf", CRANE)]), "a.pdf")
    assert [bool(page.blocks) for page in document.pages] == [False, True]
    assert read_document(make_pdf([Sheet([cover])]), "a.pdf").pages[0].blocks


def test_page_of_a_document_with_files_is_searched() -> None:
    sheets = [Sheet([COVER]), Sheet(["The crane."])]
    document = read_document(make_pdf(sheets, files=[("crane.pdf", CRANE)]), "a.pdf")
    assert all(page.blocks for page in document.pages)


def test_blank_page_with_files_is_read_for_them() -> None:
    document = read_document(make_pdf([Sheet()], files=[("crane.pdf", CRANE)]), "a.pdf")
    assert "8 tonnes" in document.pages[1].text


def test_empty_and_unknown_files_are_named() -> None:
    files = [("empty.txt", b""), ("../folder/logo.png", b"\x89PNG\r\n\x1a\n" + bytes(90))]
    document = read_document(make_pdf([Sheet(["See the files."])], files=files), "a.pdf")
    assert len(document.pages) == 1
    first, second = document.warnings
    assert first == "attached files that cannot be read: empty.txt"
    assert second.startswith("attachment: logo.png: unsupported: ")


def test_portfolio_of_nothing_readable_has_no_text() -> None:
    with pytest.raises(ReadError) as caught:
        read_document(make_pdf([Sheet()], files=[("logo.png", bytes(90))]), "a.pdf")
    assert caught.value.reason is Reason.NO_TEXT


def test_reader_returns_files_without_reading_them() -> None:
    (attachment,) = read_pdf(make_pdf([Sheet(["x"])], files=[("b.bin", b"12")]), "").attachments
    assert (attachment.name, attachment.data, attachment.place) == ("b.bin", b"12", "")
