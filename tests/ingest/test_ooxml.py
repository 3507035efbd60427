"""Packages that are odd, as real programs write them, and packages that do harm."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document, ReadError, Reason
from tests.support.packages import (
    change_members,
    make_package,
    read_members,
    relationships,
    save_package,
)

TEXT = "Deliveries go to the car park behind building C."
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PARAGRAPH = f"<w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>"
SENTENCE = f'<w:document xmlns:w="{W}"><w:body>{PARAGRAPH}</w:body></w:document>'
SPACES = "http://schemas.openxmlformats.org/"
STRICT_SPACES = {
    f"{SPACES}wordprocessingml/2006/main": "http://purl.oclc.org/ooxml/wordprocessingml/main",
    f"{SPACES}presentationml/2006/main": "http://purl.oclc.org/ooxml/presentationml/main",
    f"{SPACES}drawingml/2006/main": "http://purl.oclc.org/ooxml/drawingml/main",
    f"{SPACES}officeDocument/2006/relationships": (
        "http://purl.oclc.org/ooxml/officeDocument/relationships"
    ),
}


def word_members(*links: tuple[str, str, str]) -> dict[str, str | bytes]:
    """The members of a small document whose main part has the given relationships."""
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relationships(("rId1", "officeDocument", "word/document.xml")),
        "word/document.xml": SENTENCE,
        "word/_rels/document.xml.rels": relationships(*links),
    }


def read_word(members: dict[str, str | bytes]) -> Document:
    return read_document(make_package(members), "a.docx")


def make_strict(name: str, content: bytes) -> bytes:
    for transitional, strict in STRICT_SPACES.items():
        content = content.replace(transitional.encode(), strict.encode())
    return content


def test_strict_documents_are_read() -> None:
    document = docx.Document()
    document.add_heading("Duty", 2)
    document.add_paragraph(TEXT)
    data = change_members(save_package(document), make_strict)
    assert b"purl.oclc.org/ooxml/wordprocessingml/main" in read_members(data)["word/document.xml"]
    assert read_document(data, "a.docx").pages[0].text == f"Duty\n\n{TEXT}"


@pytest.mark.parametrize(
    "target", ["NULL", "../NULL", "media/gone.png", "/word/media/gone.png", "file:///C:/gone.png"]
)
def test_a_picture_that_is_missing_harms_nothing(target: str) -> None:
    read = read_word(word_members(("rId1", "image", target)))
    assert (read.pages[0].text, read.warnings) == (TEXT, ())


def test_a_part_with_text_that_is_missing_is_reported() -> None:
    read = read_word(word_members(("rId1", "footnotes", "footnotes.xml")))
    assert read.pages[0].text == TEXT
    assert read.warnings == (
        "1 part is missing or damaged and could not be read: word/footnotes.xml",
    )


def test_a_damaged_part_beside_the_main_part_is_reported() -> None:
    members = word_members(("rId1", "footnotes", "footnotes.xml"), ("rId2", "styles", "styles.xml"))
    broken = {"word/footnotes.xml": "<w:footnotes", "word/styles.xml": "<!DOCTYPE a><a/>"}
    read = read_word(members | broken)
    assert read.pages[0].text == TEXT
    assert "2 parts are" in read.warnings[0]
    assert "word/footnotes.xml" in read.warnings[0]
    assert "word/styles.xml" in read.warnings[0]


@pytest.mark.parametrize(
    "target", ["footnotes.xml", "/word/footnotes.xml", "../WORD/Footnotes.XML", "foot%6eotes.xml#x"]
)
def test_targets_are_found_as_packages_name_them(target: str) -> None:
    members = word_members(("rId1", "footnotes", target))
    members["word/document.xml"] = SENTENCE.replace(
        "</w:r>", '<w:footnoteReference w:id="1"/></w:r>'
    )
    note = '<w:footnote w:id="1"><w:p><w:r><w:t>Ring twice.</w:t></w:r></w:p></w:footnote>'
    members["word/footnotes.xml"] = f'<w:footnotes xmlns:w="{W}">{note}</w:footnotes>'
    assert read_word(members).pages[0].text == f"{TEXT}\n\nFootnote: Ring twice."


@pytest.mark.parametrize("change", [str.upper, lambda name: name.replace("/", "\\")])
def test_member_names_may_differ_in_case_and_slashes(change: object) -> None:
    assert callable(change)
    members = {change(name): content for name, content in word_members().items()}
    assert read_word(members).pages[0].text == TEXT


def test_the_last_of_two_members_of_one_name_counts() -> None:
    buffer = io.BytesIO(make_package(word_members() | {"word/document.xml": "<old/>"}))
    with zipfile.ZipFile(buffer, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
        package.writestr("word/document.xml", SENTENCE)
    assert read_document(buffer.getvalue(), "a.docx").pages[0].text == TEXT


@pytest.mark.parametrize("name", ["[Content_Types].xml", "_rels/.rels"])
def test_the_main_part_is_found_without_a_sound_index(name: str) -> None:
    members = word_members()
    assert read_word(members | {name: "<broken"}).pages[0].text == TEXT
    del members[name]
    assert read_word(members).pages[0].text == TEXT


def test_only_the_branch_that_is_shown_is_read() -> None:
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    choice = f"<mc:Choice Requires='wps'>{PARAGRAPH.replace('park', 'barn')}</mc:Choice>"
    for choices in ("<mc:Choice Requires='x'/>", choice):
        branches = f"{choices}<mc:Fallback>{PARAGRAPH}</mc:Fallback>"
        alternate = f"<mc:AlternateContent {space}>{branches}</mc:AlternateContent>"
        body = SENTENCE.replace(PARAGRAPH, alternate)
        read = read_word(word_members() | {"word/document.xml": body})
        assert read.pages[0].text == (TEXT.replace("park", "barn") if "barn" in body else TEXT)


def test_members_that_are_never_unpacked_may_be_of_any_size() -> None:
    members = word_members(("rId1", "image", "media/image1.bmp"), ("rId2", "font", "f.odttf"))
    white = b"\xff" * 5_000_000
    read = read_word(members | {"word/media/image1.bmp": white, "word/f.odttf": white})
    assert read.pages[0].text == TEXT


def test_a_picture_with_a_wrong_checksum_harms_nothing() -> None:
    members = word_members(("rId1", "image", "media/image1.png")) | {
        "word/media/image1.png": b"pixel"
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:  # stored, so that its bytes can be found
        for name, content in members.items():
            package.writestr(name, content)
    read = read_document(buffer.getvalue().replace(b"pixel", b"pixie"), "a.docx")
    assert read.pages[0].text == TEXT


@pytest.mark.parametrize("declaration", ['<!DOCTYPE a [<!ENTITY b "c">]>', "<!DOCTYPE a>"])
def test_a_main_part_with_a_document_type_is_refused(declaration: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_word(word_members() | {"word/document.xml": declaration + SENTENCE})
    assert (caught.value.reason, caught.value.detail) == (
        Reason.CORRUPT,
        "the Word document is damaged: its main part declares a document type or entities, which "
        "Office files never do; open it in its own program and "
        "save it again",
    )


def test_a_part_that_grows_200_times_is_refused() -> None:
    with pytest.raises(ReadError) as caught:
        read_word(word_members() | {"word/document.xml": SENTENCE + " " * 5_000_000})
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("content", "what"),
    [("<broken", "cannot be parsed"), ("", "cannot be parsed"), (None, "is missing")],
)
def test_a_damaged_main_part_is_named_in_plain_words(content: str | None, what: str) -> None:
    members = word_members() | ({} if content is None else {"word/document.xml": content})
    if content is None:
        members["word/other.xml"] = members.pop("word/document.xml")
    with pytest.raises(ReadError) as caught:
        read_word(members)
    assert (caught.value.reason, caught.value.detail) == (
        Reason.CORRUPT,
        f"the Word document is damaged: its main part {what}; open it in its own program and "
        "save it again",
    )
