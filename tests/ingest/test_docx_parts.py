"""Word documents are more than their body: headers, notes, comments, imports, pictures, tables."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Block, Document, Page, ReadError, Reason
from tests.support.word_maker import WordMaker, cell, make_word, paragraph, row, run, table

PAGE_FIELD = f'<w:fldSimple w:instr=" PAGE ">{run("3")}</w:fldSimple>'


def read(word: WordMaker, *body: str) -> Document:
    return read_document(word.make(*body), "a.docx")


def rows_of(page: Page) -> list[tuple[str, Block]]:
    return [(page.text[block.start : block.end], block) for block in page.blocks]


def section(*references: tuple[str, str, str], inner: str = "") -> str:
    found = "".join(f'<w:{kind}Reference w:type="{use}" r:id="{key}"/>'
                    for kind, use, key in references)  # fmt: skip
    return f"<w:sectPr>{found}{inner}</w:sectPr>"


def picture(width: int, height: int) -> str:
    return (
        f'<w:r><w:drawing><wp:inline><wp:extent cx="{width}" cy="{height}"/>'
        '<a:graphic><a:blip r:embed="rId9"/></a:graphic></wp:inline></w:drawing></w:r>'
    )


def test_headers_and_footers_are_read_once_without_page_numbers() -> None:
    word = WordMaker()
    head = word.add_story("header", "hdr", paragraph("QM-114, revision 7"))
    same = word.add_story("header", "hdr", paragraph("QM-114, revision 7"))
    foot = word.add_story("footer", "ftr", paragraph(run("Owner: Ilse")) + paragraph(
        run("Page ") + PAGE_FIELD + run(" of ") + PAGE_FIELD))  # fmt: skip
    first = section(("header", "default", head), ("footer", "default", foot))
    document = read(
        word,
        paragraph("Body", first),
        section(("header", "default", same), ("footer", "default", foot)),
    )
    assert [page.text for page in document.pages] == ["QM-114, revision 7\n\nOwner: Ilse", "Body"]
    assert document.pages[0].page_label == "header and footer"


def test_headers_of_first_and_even_pages_are_read_where_they_are_shown() -> None:
    word = WordMaker()
    keys = [word.add_story("header", "hdr", paragraph(text)) for text in ("first", "even")]
    references = [("header", "first", keys[0]), ("header", "even", keys[1])]
    assert [p.text for p in read(word, paragraph("Body"), section(*references)).pages] == ["Body"]
    word.add_story("settings", "settings", "<w:evenAndOddHeaders/>")
    shown = read(word, paragraph("Body"), section(*references, inner="<w:titlePg/>"))
    assert shown.pages[0].text == "first\n\neven"


def test_a_section_without_a_header_has_that_of_the_section_before() -> None:
    word = WordMaker()
    key = word.add_story("header", "hdr", paragraph("first"))
    document = read(
        word,
        paragraph("One", section(("header", "first", key))),
        paragraph("Two"),
        section(inner="<w:titlePg/>"),
    )
    assert document.pages[0].text == "first"


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [("Page 3 of 7", False), ("- 3 -", False), ("第 3 页", False), ("4711-22", True),
     ("1 May 2026", True), ("Page 3, QM-114", True)],
)  # fmt: skip
def test_typed_page_numbers_are_left_out(text: str, is_kept: bool) -> None:
    word = WordMaker()
    key = word.add_story("footer", "ftr", paragraph(text))
    document = read(word, paragraph("Body"), section(("footer", "default", key)))
    assert (len(document.pages) == 2) == is_kept


def test_a_watermark_and_a_table_in_a_header_are_read() -> None:
    word = WordMaker()
    mark = '<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>'
    inner = table(row("Document", "QM-114")) + paragraph(mark)
    key = word.add_story("header", "hdr", inner)
    document = read(word, paragraph("Body"), section(("header", "default", key)))
    assert document.pages[0].text == "Document | QM-114\n\nDRAFT"


def test_a_document_may_be_all_header() -> None:
    word = WordMaker()
    key = word.add_story("header", "hdr", paragraph("Letterhead"))
    assert [p.text for p in read(word, section(("header", "default", key))).pages] == ["Letterhead"]


def test_notes_and_comments_follow_their_paragraph() -> None:
    word = WordMaker()
    word.add_story("footnotes", "footnotes",
                   f'<w:footnote w:id="2">{paragraph("Net of tax.")}</w:footnote>')  # fmt: skip
    word.add_story("comments", "comments",
                   f'<w:comment w:id="0" w:author="Jana Weiss">{paragraph("Six months?")}'
                   f"{paragraph('Ask Legal.')}</w:comment>"
                   f'<w:comment w:id="1">{paragraph("unreferenced")}</w:comment>')  # fmt: skip
    document = read(
        word,
        paragraph(
            run("costs 4,500")
            + '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>'
            + run(" euro")
        ),
        paragraph("End"),
    )
    assert document.pages[0].text.split("\n\n") == [
        "costs 4,500 euro",
        "Footnote: Net of tax.",
        "Comment (Jana Weiss): Six months? Ask Legal.",
        "End",
    ]


def test_damaged_notes_are_reported_and_the_text_read() -> None:
    word = WordMaker()
    word.add_part("footnotes", "footnotes.xml", "<w:footnotes")
    document = read(word, paragraph(run("Text") + '<w:r><w:footnoteReference w:id="2"/></w:r>'))
    assert document.pages[0].text == "Text"
    assert "word/footnotes.xml" in document.warnings[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", "<h1>Minutes</h1><p>480,000 EUR</p>"),
        ("a.xhtml", "<html xmlns='http://www.w3.org/1999/xhtml'><p>480,000 EUR</p></html>"),
        ("a.txt", "480,000 EUR"),
        ("a.docx", make_word(paragraph("480,000 EUR"))),
        ("a.mht", "MIME-Version: 1.0\nContent-Type: text/html\n\n<p>480,000 EUR</p>\n"),
    ],
)
def test_imported_parts_are_read_in_their_place(name: str, content: str | bytes) -> None:
    word = WordMaker()
    key = word.add_part("aFChunk", name, content)
    document = read(word, paragraph("Cover"), f'<w:altChunk r:id="{key}"/>', paragraph("End"))
    blocks = document.pages[0].text.split("\n\n")
    assert (blocks[0], blocks[-2], blocks[-1]) == ("Cover", "480,000 EUR", "End")


def test_an_import_in_a_cell_is_read() -> None:
    word = WordMaker()
    key = word.add_part("aFChunk", "a.html", "<p>480,000 EUR</p>")
    imported = f'<w:altChunk r:id="{key}"/><w:p/>'
    assert "480,000 EUR" in read(word, table(row("Total", cell(imported)))).pages[0].text


def test_an_import_that_is_not_read_is_reported() -> None:
    word = WordMaker()
    key = word.add_part("aFChunk", "a.rtf", "{\\rtf1 480,000 EUR}")
    import_ = f'<w:altChunk r:id="{key}"/>'
    assert "a.rtf" in read(word, paragraph("Cover"), import_).warnings[0]
    with pytest.raises(ReadError) as caught:
        read(word, import_)
    assert caught.value.reason is Reason.NO_TEXT
    assert "RTF" in caught.value.detail
    assert "a.rtf" in caught.value.detail


def test_subdocuments_are_reported() -> None:
    word = WordMaker()
    key = word.add_link("subDocument", "chapter-2.docx")
    document = read(word, paragraph("Cover"), f'<w:subDoc r:id="{key}"/>')
    assert document.pages[0].text == "Cover"
    assert document.warnings == (
        "parts of the document are in other files and were not read: chapter-2.docx",
    )


def test_a_damaged_import_is_reported() -> None:
    word = WordMaker()
    key = word.add_part("aFChunk", "a.docx", make_word(paragraph("lost"))[:200])
    document = read(word, paragraph("Cover"), f'<w:altChunk r:id="{key}"/>', paragraph("End"))
    assert document.pages[0].text == "Cover\n\nEnd"
    assert document.warnings[0].startswith("imported text was not read: a.docx: corrupt")


def test_a_missing_import_is_left_out() -> None:
    document = read_document(make_word(paragraph("Cover"), '<w:altChunk r:id="rId7"/>'), "a.docx")
    assert document.pages[0].text == "Cover"


def test_imports_in_imports_end_and_are_read_once() -> None:
    data = make_word(paragraph("deep"))
    for _ in range(20):
        word = WordMaker()
        key = word.add_part("aFChunk", "a.docx", data)
        data = word.make(paragraph("level"), f'<w:altChunk r:id="{key}"/>' * 100)
    document = read_document(data, "a.docx")
    assert document.pages[0].text == "\n\n".join(["level"] * 4)
    assert len(document.pages) == 4
    assert "nested deeper" in document.warnings[0]


def test_a_scan_beneath_one_line_is_reported() -> None:
    scan = read_document(
        make_word(paragraph("Scan of the deed"), paragraph(picture(5_486_400, 7_543_800))), "a.docx"
    )
    assert scan.warnings == ("1 large picture may hold text that was not read",)
    text = "The deed of 1 May says that the land is sold for 40,000 euros. " * 5
    for body in (
        [paragraph("Our logo"), paragraph(picture(1_000_000, 1_000_000))],
        [paragraph(text), paragraph(picture(5_486_400, 7_543_800))],
    ):
        assert read_document(make_word(*body), "a.docx").warnings == ()


def test_embedded_files_are_read_as_attachments() -> None:
    word = WordMaker()
    key = word.add_part("package", "embeddings/prices.docx", make_word(paragraph("Spindle SP-77")))
    icon = f'<w:r><w:object><o:OLEObject Type="Embed" r:id="{key}"/></w:object></w:r>'
    document = read(word, paragraph("Prices are in the table."), paragraph(icon))
    assert [page.text for page in document.pages] == ["Prices are in the table.", "Spindle SP-77"]
    assert document.pages[1].page_label == "attachment: prices.docx"


def test_many_embedded_objects_are_reported_in_one_line() -> None:
    word = WordMaker()
    for number in range(1, 8):
        word.add_part("oleObject", f"embeddings/o{number}.bin", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    names = "; ".join(f"o{number}.bin" for number in range(1, 6))
    assert read(word, paragraph("Equations")).warnings == (
        f"7 embedded objects were not read: {names}; ...",
    )


def test_charts_are_read_after_their_paragraph() -> None:
    word = WordMaker()
    points = "".join(f'<c:pt idx="{at}"><c:v>{{{at}}}</c:v></c:pt>' for at in range(2))
    series = (
        f"<c:cat><c:strRef><c:strCache>{points.format('North', 'South')}</c:strCache></c:strRef>"
        f"</c:cat><c:val><c:numRef><c:numCache>{points.format(410, 388)}</c:numCache></c:numRef>"
        "</c:val>"
    )
    space = "http://schemas.openxmlformats.org/drawingml/2006/chart"
    key = word.add_part("chart", "chart1.xml", (
        f'<c:chartSpace xmlns:c="{space}"><c:chart><c:plotArea><c:barChart><c:ser>{series}</c:ser>'
        "</c:barChart></c:plotArea></c:chart></c:chartSpace>"
    ))  # fmt: skip
    drawing = f'<w:r><w:drawing><c:chart xmlns:c="{space}" r:id="{key}"/></w:drawing></w:r>'
    page = read(word, paragraph(run("Sales rose.") + drawing), paragraph("End")).pages[0]
    assert page.text.startswith("Sales rose.")
    assert "North | 410" in page.text
    assert page.text.endswith("End")


def test_text_in_a_drawing_canvas_is_read() -> None:
    body = "<a:txBody><a:p><a:r><a:t>Gate 6</a:t></a:r></a:p></a:txBody>"
    page = read_document(
        make_word(paragraph(f"<w:r><w:drawing>{body}</w:drawing></w:r>")), "a.docx"
    ).pages[0]
    assert page.text == "Gate 6"


def test_alternate_content_is_read_once_at_every_level() -> None:
    def choose(xml: str) -> str:
        return (
            f'<mc:AlternateContent><mc:Choice Requires="wps">{xml}</mc:Choice>'
            f"<mc:Fallback>{xml}</mc:Fallback></mc:AlternateContent>"
        )

    body = [
        choose(paragraph("block")),
        paragraph(choose(run("run")) + f"<w:r>{choose('<w:t>child</w:t>')}</w:r>"),
        f"<w:tbl>{choose(row('a', 'b'))}</w:tbl>",
        choose(table(row("c", "d"))),
    ]
    page = read_document(make_word(*body), "a.docx").pages[0]
    assert page.text == "block\n\nrunchild\n\na | b\nc | d"


def test_merged_cells_are_repeated_in_each_row_they_cover() -> None:
    restart, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    body = table(
        row("Region", "Country", "Sales", properties="<w:tblHeader/>"),
        row(cell("Europe", restart), "Germany", "10"),
        row(cell("", goes_on), "France", "20"),
        row("Asia", "Japan", "30"),
    )
    page = read_document(make_word(body), "a.docx").pages[0]
    assert page.text.splitlines() == [
        "Region | Country | Sales",
        "Europe | Germany | 10",
        "Europe | France | 20",
        "Asia | Japan | 30",
    ]
    assert page.blocks[2].columns == ("Region", "Country", "Sales")
    assert page.blocks[2].label == "Europe, France"


def test_several_head_rows_are_joined() -> None:
    head = "<w:tblHeader/>"
    wide = '<w:gridSpan w:val="2"/>'
    body = table(
        row("Region", cell("2024", wide), properties=head),
        row("", "Q1", "Q2", properties=head),
        row("Europe", "10", "20"),
        row("30", "40", properties='<w:gridBefore w:val="1"/>'),
    )
    rows = rows_of(read_document(make_word(body), "a.docx").pages[0])
    assert rows[2][0] == "Europe | 10 | 20"
    assert rows[2][1].columns == ("Region", "2024 Q1", "2024 Q2")
    assert rows[3][0] == "| 30 | 40"


def test_a_caption_above_a_table_names_its_rows() -> None:
    styles = (
        '<w:style w:type="paragraph" w:styleId="Beschriftung"><w:name w:val="caption"/></w:style>'
    )
    body = [
        paragraph("Prices (in EUR)", '<w:pStyle w:val="Beschriftung"/>'),
        table(row("Part", "Price"), row("Bolt", "1"), row("Nut", "2")),
    ]
    rows = rows_of(read_document(make_word(*body, styles=styles), "a.docx").pages[0])
    assert rows[0][0] == "Prices (in EUR)"
    assert rows[2][1].label.endswith("Bolt")
    assert rows[2][1].unit == "in EUR"


def test_tables_in_cells_keep_their_rows() -> None:
    inner = table(row("Part", "Price"), row("Bolt", "1"))
    body = table(row("Left", cell(paragraph("Right") + inner + paragraph(""))))
    assert read_document(make_word(body), "a.docx").pages[0].text.splitlines() == [
        "Left | Right",
        "Part | Price",
        "Bolt | 1",
    ]


def test_deleted_rows_and_cells_are_left_out() -> None:
    body = table(
        row("a", "b"),
        row("old", "row", properties="<w:del/>"),
        row("c", "d", cell("gone", "<w:cellDel/>")),
    )
    assert read_document(make_word(body), "a.docx").pages[0].text == "a | b\nc | d"


def test_very_deep_nesting_ends() -> None:
    deep = paragraph("deep")
    for _ in range(60):
        deep = table(row("x", cell(deep)))
    assert "deep" in read_document(make_word(deep), "a.docx").pages[0].text
    for _ in range(60):
        deep = table(row("x", cell(deep)))
    with pytest.raises(ReadError) as caught:
        read_document(make_word(deep), "a.docx")
    assert caught.value.reason is Reason.CORRUPT
