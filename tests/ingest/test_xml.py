"""XML without a reader of its own, and Word documents in one XML file."""

from __future__ import annotations

import base64
import io
import re
import zipfile

import docx
import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, ReadError, Reason

WORD_2003 = (
    '<?xml version="1.0"?><?mso-application progid="Word.Document"?>'
    '<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"'
    ' xmlns:wx="http://schemas.microsoft.com/office/word/2003/auxHint">'
    '<w:styles><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    "</w:styles><w:body><wx:sect><wx:sub-section>"
    '<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r><w:t>Leave</w:t></w:r></w:p>'
    '<w:p><w:pPr><w:listPr><wx:t wx:val="3.2."/></w:listPr></w:pPr>'
    "<w:r><w:t>Thirty days</w:t></w:r></w:p>"
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Site</w:t></w:r></w:p></w:tc>"
    "<w:tc><w:p><w:r><w:t>Days</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    "<w:p><w:pict><w:binData>iVBORw0KGgo=</w:binData></w:pict></w:p>"
    "</wx:sub-section><w:sectPr/></wx:sect></w:body></w:wordDocument>"
)


def shown(document: Document) -> list[tuple[BlockKind, str]]:
    page = document.pages[0]
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def flatten(package: zipfile.ZipFile) -> str:
    """An Office package as Flat OPC, as Word saves it."""
    types = dict(
        re.findall(
            r'PartName="/([^"]+)" ContentType="([^"]+)"',
            package.read("[Content_Types].xml").decode(),
        )
    )
    parts = []
    for name in package.namelist():
        content = package.read(name)
        kind = types.get(name, "application/vnd.openxmlformats-package.relationships+xml")
        if name.endswith((".xml", ".rels")):
            inner = re.sub(r"<\?xml.*?\?>", "", content.decode())
            inner = f"<pkg:xmlData>{inner}</pkg:xmlData>"
        else:
            inner = f"<pkg:binaryData>{base64.b64encode(content).decode()}</pkg:binaryData>"
        if name != "[Content_Types].xml":
            parts.append(
                f'<pkg:part pkg:name="/{name}" pkg:contentType="{kind}">{inner}</pkg:part>'
            )
    namespace = "http://schemas.microsoft.com/office/2006/xmlPackage"
    return (
        f'<?xml version="1.0"?><pkg:package xmlns:pkg="{namespace}">{"".join(parts)}</pkg:package>'
    )


@pytest.mark.parametrize("name", ["a.xml", "a.doc", "a"])
def test_word_2003_xml_is_read_as_word(name: str) -> None:
    document = read_document(WORD_2003.encode(), name)
    assert shown(document) == [
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, "3.2. Thirty days"),
        (BlockKind.ROW, "Site | Days"),
    ]


@pytest.mark.parametrize("name", ["a.xml", "a.doc", "a.docx"])
def test_a_word_document_in_one_xml_file_is_read(name: str) -> None:
    word, buffer = docx.Document(), io.BytesIO()
    word.add_heading("Leave", 1)
    word.add_paragraph("Thirty days")
    word.save(buffer)
    document = read_document(flatten(zipfile.ZipFile(buffer)).encode(), name)
    assert shown(document) == [
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, "Thirty days"),
    ]


def test_damaged_word_xml_is_refused() -> None:
    with pytest.raises(ReadError) as caught:
        read_document(WORD_2003[:-300].encode(), "a.xml")
    assert (caught.value.reason, caught.value.detail) == (
        Reason.CORRUPT,
        "the XML of the document is damaged; save it as .docx",
    )


def test_fields_and_attributes_keep_their_names() -> None:
    text = (
        '<orders><order id="7"><customer>Solvay</customer><due>2026-01-02</due></order>'
        '<order id="8"><customer>BASF</customer></order></orders>'
    )
    assert shown(read_document(text.encode(), "orders.xml")) == [
        (BlockKind.PARAGRAPH, "id: 7\ncustomer: Solvay\ndue: 2026-01-02"),
        (BlockKind.PARAGRAPH, "id: 8\ncustomer: BASF"),
    ]


def test_prose_is_read_without_tags_and_entities_are_never_loaded() -> None:
    text = (
        '<!DOCTYPE book [<!ENTITY file SYSTEM "file:///etc/hostname">]><book><title>Guide</title>'
        "<chapter><title>Start</title><para>Press <b>F5</b> now&file;.</para></chapter></book>"
    )
    document = read_document(text.encode(), "a.xml")
    assert shown(document) == [
        (BlockKind.HEADING, "Guide"),
        (BlockKind.HEADING, "Start"),
        (BlockKind.PARAGRAPH, "Press F5 now&file;."),
    ]
    assert document.title == "Guide"


def test_damaged_xml_is_read_as_far_as_it_goes() -> None:
    document = read_document(b"<a><b>cut short", "a.xml")
    assert shown(document) == [(BlockKind.PARAGRAPH, "b: cut short")]
    assert document.warnings == ("the XML is damaged; some of its text may be missing",)
    assert read_document(b"no XML at all", "a.xml").kind == "text"


def test_pictures_in_xml_are_left_out() -> None:
    code = base64.b64encode(bytes(range(256))).decode()
    text = f'<svg xmlns="x"><text>Pump</text><image href="data:image/png;base64,{code}"/></svg>'
    document = read_document(text.encode(), "a.svg")
    assert document.pages[0].text == "text: Pump"
    assert document.warnings == ("1 piece of encoded data, such as base64, left out",)


def test_deep_xml_ends() -> None:
    with pytest.raises(ReadError, match="the XML is damaged"):
        read_document(b"<a>" * 5000 + b"x", "a.xml")
