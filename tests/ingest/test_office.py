from __future__ import annotations

import io
from pathlib import Path

import docx
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image
from pptx.util import Inches

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, Page, PageKind, ReadError, Reason
from tests.support.packages import change_members, save_package

W = nsdecls("w")


def shown(page: Page) -> list[tuple[BlockKind, str]]:
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def read_word(*body: str) -> Document:
    """Read a document whose body is the given XML."""
    document = docx.Document()
    for xml in body:
        document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))
    return read_document(save_package(document), "a.docx")


def paragraph(inner: str) -> str:
    return f"<w:p {W}>{inner}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def picture() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def test_word_document_is_read_in_its_order() -> None:
    document = docx.Document()
    document.core_properties.title = "Travel policy"
    document.core_properties.author = "HR"
    document.add_heading("Scope", 2)
    document.add_paragraph("For everyone.")
    document.add_paragraph("by train", style="List Bullet")
    table = document.add_table(2, 2)
    for number, text in enumerate(["Class", "Limit", "Second", "1 000 km"]):
        table.cell(number // 2, number % 2).text = text
    document.add_paragraph("End")
    read = read_document(save_package(document), "policy.docx")
    page = read.pages[0]
    assert (read.title, read.metadata) == ("Travel policy", {"author": "HR"})
    assert shown(page) == [
        (BlockKind.HEADING, "Scope"),
        (BlockKind.PARAGRAPH, "For everyone."),
        (BlockKind.ITEM, "by train"),
        (BlockKind.ROW, "Class | Limit"),
        (BlockKind.ROW, "Second | 1 000 km"),
        (BlockKind.PARAGRAPH, "End"),
    ]
    assert page.blocks[0].level == 2
    assert page.blocks[4].header == "Class | Limit"


def test_insertions_are_read_and_deletions_are_not() -> None:
    read = read_word(
        paragraph(
            run("We pay ")
            + f'<w:ins w:id="1" w:author="a">{run("30")}</w:ins>'
            + '<w:del w:id="2" w:author="a"><w:r><w:delText>20</w:delText></w:r></w:del>'
            + run(" days.")
        )
    )
    assert read.pages[0].text == "We pay 30 days."


def test_content_controls_links_and_fields_are_read() -> None:
    read = read_word(
        f"<w:sdt {W}><w:sdtContent>{paragraph(run('In a control'))}</w:sdtContent></w:sdt>",
        paragraph(
            f"<w:hyperlink>{run('link')}</w:hyperlink><w:r><w:tab/></w:r>"
            f"<w:r><w:instrText>PAGE</w:instrText></w:r><w:fldSimple>{run('7')}</w:fldSimple>"
        ),
    )
    assert read.pages[0].text == "In a control\n\nlink\t7"


def test_hidden_text_is_left_out_and_counted() -> None:
    shown_again = '<w:vanish w:val="0"/>'
    read = read_word(paragraph(run("seen") + run("secret", "<w:vanish/>") + run(".", shown_again)))
    assert read.pages[0].text == "seen."
    assert read.pages[0].hidden == len("secret")


def test_heading_level_comes_through_the_style_it_is_based_on() -> None:
    document = docx.Document()
    own = document.styles.add_style("Kapitel", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = document.styles["Heading 3"]
    document.add_paragraph("One", style="Kapitel")
    outlined = document.add_paragraph("Two")
    outlined._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="1"/>'))
    page = read_document(save_package(document), "a.docx").pages[0]
    assert [(block.kind, block.level) for block in page.blocks] == [
        (BlockKind.HEADING, 3),
        (BlockKind.HEADING, 2),
    ]


def test_text_boxes_and_merged_cells_are_read_once() -> None:
    box = f"<w:txbxContent>{paragraph(run('In a box'))}</w:txbxContent>"
    choice = f"<mc:Choice Requires='wps'><w:drawing>{box}</w:drawing></mc:Choice>"
    fallback = f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    cell = f"<w:tc><w:p>{run('{}')}</w:p></w:tc>"
    wide = f'<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p>{run("wide")}</w:p></w:tc>'
    read = read_word(
        paragraph(
            run("Around")
            + f"<w:r><mc:AlternateContent {space}>{choice}{fallback}</mc:AlternateContent></w:r>"
        ),
        f"<w:tbl {W}><w:tr>{wide}{cell.format('c')}</w:tr></w:tbl>",
    )
    assert read.pages[0].text == "Around\n\nIn a box\n\nwide | c"


def test_pictures_in_a_word_document_are_counted() -> None:
    document = docx.Document()
    document.add_paragraph("Plan")
    document.add_picture(picture())
    assert read_document(save_package(document), "a.docx").pages[0].images == 1


def test_macro_documents_are_documents() -> None:
    def enable_macros(name: str, data: bytes) -> bytes:
        kind = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
        return data.replace(kind, b"application/vnd.ms-word.document.macroEnabled.main+xml")

    document = docx.Document()
    document.add_paragraph("Hello")
    data = change_members(save_package(document), enable_macros)
    assert read_document(data, "a.docm").pages[0].text == "Hello"


def test_slides_are_pages_in_reading_order() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Results 2026"
    slide.placeholders[1].text = "Sales grew\nCosts fell"
    low = slide.shapes.add_textbox(Inches(5), Inches(6), Inches(1), Inches(1))
    low.text_frame.text = "right"
    group = slide.shapes.add_group_shape([])
    left = group.shapes.add_textbox(Inches(1), Inches(6), Inches(1), Inches(1))
    left.text_frame.text = "left"
    table = slide.shapes.add_table(2, 2, 0, Inches(7), Inches(2), Inches(1)).table
    for number, text in enumerate(["Part", "Price", "Bolt", "1"]):
        table.cell(number // 2, number % 2).text = text
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    hidden = deck.slides.add_slide(deck.slide_layouts[6])
    hidden._element.set("show", "0")
    hidden.shapes.add_picture(picture(), 0, 0)
    read = read_document(save_package(deck), "results.pptx")
    assert read.title == "Results 2026"
    assert read.warnings == ("slide 2 is hidden in the presentation",)
    assert [(page.kind, page.number, page.page_label, page.images) for page in read.pages] == [
        (PageKind.SLIDE, 1, "Results 2026", 0),
        (PageKind.SLIDE, 2, "", 1),
    ]
    assert shown(read.pages[0]) == [
        (BlockKind.HEADING, "Results 2026"),
        (BlockKind.ITEM, "Sales grew"),
        (BlockKind.ITEM, "Costs fell"),
        (BlockKind.PARAGRAPH, "left"),
        (BlockKind.PARAGRAPH, "right"),
        (BlockKind.ROW, "Part | Price"),
        (BlockKind.ROW, "Bolt | 1"),
        (BlockKind.PARAGRAPH, "Notes: Say it slowly."),
    ]


def test_slides_of_pictures_have_no_text() -> None:
    deck = pptx.Presentation()
    for _ in range(3):
        deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(picture(), 0, 0)
    with pytest.raises(ReadError) as caught:
        read_document(save_package(deck), "scan.pptx")
    assert (caught.value.reason, caught.value.detail) == (
        Reason.NO_TEXT,
        "3 slides hold only pictures",
    )


def test_a_truncated_package_is_corrupt(tmp_path: Path) -> None:
    data = save_package(docx.Document())
    with pytest.raises(ReadError) as caught:
        read_document(data[: len(data) // 2], "a.docx")
    assert caught.value.reason is Reason.CORRUPT
