"""What a presentation shows is what is read."""

from __future__ import annotations

import io
from typing import Any

import docx
import pptx
import pytest
from lxml import etree
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.shapes import PROG_ID
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.util import Inches

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, Page
from tests.support.packages import OFFICE_RELS, change_members, save_package

SPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main" '
    'xmlns:p188="http://schemas.microsoft.com/office/powerpoint/2018/8/main"'
)
TITLE_AND_CONTENT, COMPARISON, TITLE_ONLY, BLANK = 1, 4, 5, 6  # layouts of the standard template


def texts(page: Page) -> list[str]:
    return [page.text[block.start : block.end] for block in page.blocks]


def read(deck: Any) -> Document:
    return read_document(save_package(deck), "deck.pptx")


def add_slide(deck: Any, layout: int = BLANK) -> Any:
    return deck.slides.add_slide(deck.slide_layouts[layout])


def add_box(slide: Any, text: str, *place: float) -> Any:
    """Add a text box; `place` is left, top, width and height in inches."""
    box = slide.shapes.add_textbox(*map(Inches, place))
    box.text_frame.text = text
    return box


def picture() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def add_part(slide: Any, kind: str, name: str, xml: str) -> None:
    """Relate a slide (or the presentation) to a new part."""
    part = slide.part
    new = Part(PackURI(f"/ppt/{name}.xml"), "application/xml", part.package, xml.encode())
    part.relate_to(new, f"{OFFICE_RELS}/{kind}")


def test_a_comparison_is_read_column_by_column() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck, COMPARISON)
    for place, text in enumerate(["Fleet", "Own", "Full control", "Hauliers", "No capital"]):
        slide.placeholders[place].text = text
    (page,) = read(deck).pages
    assert texts(page) == ["Fleet", "Own", "Full control", "Hauliers", "No capital"]
    assert [block.level for block in page.blocks] == [1, 2, 0, 2, 0]


@pytest.mark.parametrize("gap", [-0.1, 0, 0.5])
def test_text_boxes_in_columns_are_read_column_by_column(gap: float) -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    add_box(slide, "Three sites at a glance", 0.5, 0.2, 9, 0.6)
    for column, site in enumerate(["Brno", "Graz", "Linz"]):
        add_box(slide, f"Stock of {site}", 0.5 + 3 * column, 2 + gap, 2.8, 3)
        add_box(slide, site, 0.5 + 3 * column, 1, 2.8, 1)
    (page,) = read(deck).pages
    assert texts(page) == [
        *("Three sites at a glance", "Brno", "Stock of Brno", "Graz", "Stock of Graz", "Linz"),
        "Stock of Linz",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [("Sales", "4.2 million"), ("Costs", "31 %")],
        [("Site", "Staff", "Area"), ("Brno", "180", "4,200 m²"), ("Graz", "75", "1,900 m²")],
    ],
)
def test_names_and_values_are_read_row_by_row(rows: list[tuple[str, ...]]) -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    for number, row in enumerate(rows):
        for column, text in reversed(list(enumerate(row))):
            add_box(slide, text, 1 + 3 * column, 1 + number, 2, 0.5)
    (page,) = read(deck).pages
    assert texts(page) == [text for row in rows for text in row]


def test_labels_are_read_with_the_texts_beside_them() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    rows = [("Owner", "Ilse Brandt"), ("Approved by", "Jan Novak"), ("Valid in", "Austria")]
    for number, (label, text) in enumerate(rows):
        add_box(slide, text, 4, 1 + number, 5, 0.5)
        add_box(slide, label, 1, 1 + number, 2, 0.5)
    (page,) = read(deck).pages
    assert texts(page) == [text for row in rows for text in row]


def test_merged_cells_of_a_table_name_each_row() -> None:
    deck = pptx.Presentation()
    table = add_slide(deck).shapes.add_table(4, 3, 0, 0, Inches(6), Inches(2)).table
    content = ["Lathe", "Price", "", "", "2024", "2025", "L2", "310", "320", "", "865", "870"]
    for at, text in enumerate(content):
        table.cell(at // 3, at % 3).text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))
    (page,) = read(deck).pages
    assert texts(page)[2:] == ["L2 | 310 | 320", "L2 | 865 | 870"]
    assert page.blocks[3].columns == ("Lathe", "Price 2024", "Price 2025")


def test_charts_are_read_where_they_are() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("2025", (410, 388))
    add_box(slide, "Source: annual report", 0, 6, 9, 1)
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, Inches(6), Inches(5), data)
    found = read(deck)
    assert texts(found.pages[0]) == [
        "| 2025",
        "North | 410",
        "South | 388",
        "Source: annual report",
    ]
    assert (len(found.pages), found.warnings) == (
        1,
        (),
    )  # the workbook of the chart is no attachment


def test_embedded_files_are_read_and_their_previews_are_no_pictures() -> None:
    contract = docx.Document()
    contract.add_paragraph("The penalty is 0.2 percent.")
    deck = pptx.Presentation()
    slide = add_slide(deck)
    add_box(slide, "See the contract", 0, 0, 5, 1)
    slide.shapes.add_ole_object(io.BytesIO(save_package(contract)), PROG_ID.DOCX, 0, 0)
    found = read(deck)
    assert [page.images for page in found.pages] == [0, 0]
    assert found.pages[1].text == "The penalty is 0.2 percent."
    assert found.pages[1].page_label.startswith("slide 1, attachment: ")


def test_comments_name_their_author() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    add_box(slide, "Budget", 0, 0, 5, 1)
    names = f'<p:cmAuthorLst {SPACES}><p:cmAuthor id="0" name="Ilse"/></p:cmAuthorLst>'
    add_part(deck, "commentAuthors", "commentAuthors", names)
    add_part(deck, "authors", "authors", f'<l {SPACES}><p188:author id="{{A}}" name="Jan"/></l>')
    old = f'<p:cmLst {SPACES}><p:cm authorId="0"><p:text>Too high?</p:text></p:cm></p:cmLst>'
    add_part(slide, "comments", "comments/comment1", old)
    said = "<p188:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p188:txBody>"
    new = (
        f'<p188:cmLst {SPACES}><p188:cm authorId="{{A}}"><p188:replyLst>'
        '<p188:reply authorId="{B}">'
        f"{said.format('Yes.')}</p188:reply></p188:replyLst>{said.format('Agreed?')}</p188:cm>"
        "</p188:cmLst>"
    )
    add_part(slide, "comments", "comments/comment2", new)
    assert texts(read(deck).pages[0]) == [
        *("Budget", "Comment (Ilse): Too high?", "Comment (Jan): Agreed?", "Comment: Yes."),
    ]


def test_what_all_slides_show_is_read_once() -> None:
    deck = pptx.Presentation()
    layout = deck.slide_layouts[TITLE_ONLY]
    fixed = deck.slides.add_slide(layout)
    shape = add_box(fixed, "QM-114, revision 7", 0, 7, 3, 0.4)._element
    layout.shapes._spTree.append(shape)
    for number, title in enumerate(["Scope", "Terms"]):
        slide = fixed if number == 0 else deck.slides.add_slide(layout)
        slide.shapes.title.text = title
        for holder in layout.placeholders:
            if holder.placeholder_format.type.name in ("FOOTER", "DATE", "SLIDE_NUMBER"):
                slide.shapes.clone_placeholder(holder)
                slide.placeholders[holder.placeholder_format.idx].text = (
                    "Owner: Brandt" if holder.placeholder_format.type.name == "FOOTER" else "17"
                )
    found = read(deck)
    assert [page.text for page in found.pages] == [
        "Scope",
        "Terms",
        "Owner: Brandt\n\nQM-114, revision 7",
    ]
    assert found.pages[2].page_label == "header and footer"


def test_slides_that_are_pictures_are_reported() -> None:
    deck = pptx.Presentation()
    add_box(add_slide(deck), "Minutes of the board", 0, 0, 5, 1)
    for _ in range(2):
        scanned = add_slide(deck)
        scanned.shapes.add_picture(picture(), 0, 0, Inches(9), Inches(7))
        add_box(scanned, "COPY", 8, 7, 1, 0.4)
    photo = add_slide(deck)
    photo.shapes.add_picture(picture(), 0, 0, Inches(2), Inches(2))
    add_box(photo, "Our new hall", 3, 0, 5, 1)
    assert read(deck).warnings == (
        "2 slides are pictures with little or no text: 2, 3 (text in pictures is not read)",
    )


def test_bullets_that_are_pictures_and_films_are_no_pictures() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    box = add_box(slide, "Ask first", 0, 0, 9, 7)
    bullet = f"<a:buBlip {SPACES}><a:blip/></a:buBlip>"
    box.text_frame.paragraphs[0]._p.get_or_add_pPr().append(etree.fromstring(bullet))
    slide.shapes.add_movie(io.BytesIO(b"film"), 0, 0, Inches(9), Inches(7), picture())
    found = read(deck)
    assert (found.pages[0].images, found.pages[0].blocks[0].kind) == (0, BlockKind.ITEM)
    assert found.warnings == ("sound and video were not read (slide 1)",)


def test_a_slide_whose_background_is_a_picture_is_reported() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    fill = "<p:bgPr><a:blipFill><a:blip/></a:blipFill></p:bgPr>"
    slide._element.cSld.insert(0, etree.fromstring(f"<p:bg {SPACES}>{fill}</p:bg>"))
    add_box(slide, "3", 9, 7, 1, 0.4)
    assert "1 slide is a picture" in read(deck).warnings[0]


@pytest.mark.parametrize(
    ("description", "is_read"),
    [
        ("Site plan: gate 6 is closed at night", True),
        ("image1.png", False),
        ("C:\\pictures\\site plan.png", False),
        ("Picture 3", False),
        ("A map Description automatically generated", False),
        ("Ein Plan. KI-generierte Inhalte können fehlerhaft sein.", False),
    ],
)
def test_alternative_texts_that_people_wrote_are_read(description: str, is_read: bool) -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    add_box(slide, "Gates", 0, 0, 5, 1)
    shape = slide.shapes.add_picture(picture(), 0, Inches(2), Inches(1), Inches(1))
    shape._element.nvPicPr.cNvPr.set("descr", description)
    assert texts(read(deck).pages[0])[1:] == ([f"Picture: {description}"] if is_read else [])


def test_hidden_shapes_and_shapes_beside_the_slide_are_counted() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck)
    add_box(slide, "seen", 0, 0, 5, 1)
    add_box(slide, "beside", 11, 0, 5, 1)
    add_box(slide, "off", 0, 3, 5, 1)._element.nvSpPr.cNvPr.set("hidden", "1")
    (page,) = read(deck).pages
    assert (page.text, page.hidden) == ("seen", len("beside") + len("off"))


def test_lists_inherit_their_bullets_and_numbers() -> None:
    deck = pptx.Presentation()
    slide = add_slide(deck, TITLE_AND_CONTENT)
    slide.shapes.title.text = "Rules"
    slide.placeholders[1].text = "Check\nLift"
    layout = deck.slide_layouts[TITLE_AND_CONTENT].placeholders[1]._element
    style = f'<a:lvl1pPr {SPACES}><a:buAutoNum type="alphaUcPeriod"/></a:lvl1pPr>'
    layout.txBody.find(f"{{{layout.nsmap['a']}}}lstStyle").append(etree.fromstring(style))
    (page,) = read(deck).pages
    assert texts(page) == ["Rules", "A. Check", "B. Lift"]
    assert page.blocks[1].kind is BlockKind.ITEM


def test_sections_head_their_slides() -> None:
    deck = pptx.Presentation()
    for title in ("Prices", "Dates"):
        add_slide(deck, TITLE_ONLY).shapes.title.text = title
    ids = [entry.id for entry in deck.slides._sldIdLst]
    sections = "".join(
        f'<p14:section name="{name}"><p14:sldIdLst><p14:sldId id="{key}"/></p14:sldIdLst>'
        "</p14:section>"
        for name, key in zip(["Germany", "Austria"], ids, strict=True)
    )
    deck.part._element.append(
        etree.fromstring(f"<p14:sectionLst {SPACES}>{sections}</p14:sectionLst>")
    )
    found = read(deck)
    assert [(page.headings, page.text) for page in found.pages] == [
        (("Germany",), "Prices"),
        (("Austria",), "Dates"),
    ]
    assert found.pages[0].blocks[0].level == 2


def test_what_is_left_out_is_reported_once_with_its_slides() -> None:
    deck = pptx.Presentation()
    for number in range(3):
        slide = add_slide(deck)
        add_box(slide, f"Rule {number}", 0, 0, 5, 1)
        frame = add_box(slide, "", 0, 2, 5, 1).text_frame
        frame.paragraphs[0].add_run().text = "old"
        frame.paragraphs[0].runs[0]._r.get_or_add_rPr().set("strike", "dblStrike")
        slide._element.set("show", "0" if number else "1")
    assert read(deck).warnings == (
        "slides 2, 3 are hidden in the presentation",
        "3 struck-out passages were left out (slides 1, 2, 3)",
    )


def test_a_damaged_slide_is_reported_and_the_others_are_read() -> None:
    deck = pptx.Presentation()
    for text in ("one", "two"):
        add_box(add_slide(deck), text, 0, 0, 5, 1)

    def damage(name: str, content: bytes) -> bytes:
        return content[:-20] if name == "ppt/slides/slide1.xml" else content

    found = read_document(change_members(save_package(deck), damage), "deck.pptx")
    assert [(page.number, page.text) for page in found.pages] == [(2, "two")]
    assert found.warnings == (
        "1 part is missing or damaged and could not be read: ppt/slides/slide1.xml",
    )
