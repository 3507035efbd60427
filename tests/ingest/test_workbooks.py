"""Workbooks of all formats: what a sheet shows, and what is told of the rest."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError, Reason
from tests.support.packages import make_package
from tests.support.workbooks import make_styles, make_xls, make_xlsx, text_cell

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_ODS_NAMES = " ".join(
    f'xmlns:{name}="{_OASIS}:{name}:1.0"' for name in ("office", "table", "text", "style")
)
_SS = "urn:schemas-microsoft-com:office:spreadsheet"


def read_texts(data: bytes, name: str = "a.xlsx") -> list[str]:
    return [page.text for page in read_document(data, name).pages]


def fods(rows: str, styles: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><office:document {_ODS_NAMES} '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f'<office:spreadsheet><table:table table:name="Data">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document>"
    ).encode()


def ods_cell(text: str, attributes: str = "", kind: str = "string") -> str:
    return (
        f'<table:table-cell office:value-type="{kind}" {attributes}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )


def excel_xml(rows: str, styles: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="{_SS}" '
        f'xmlns:ss="{_SS}"><Styles>{styles}</Styles><Worksheet ss:Name="Data"><Table>{rows}'
        "</Table></Worksheet></Workbook>"
    ).encode()


def test_numbers_have_the_format_of_their_cell() -> None:
    styles = make_styles("0.0%", "[h]:mm", "0000", "#,##0.00&quot; NOK&quot;")
    cells = "".join(
        f'<c r="{name}" s="{style}"><v>{value}</v></c>'
        for name, style, value in (
            ("B1", 1, "0.125"),
            ("C1", 2, "1.3125"),
            ("D1", 3, "815"),
            ("E1", 4, "80000"),
            ("F1", 0, "0.30000000000000004"),
        )
    )
    data = make_xlsx(f'<row r="1">{text_cell("A1", "Dahl")}{cells}</row>', styles=styles)
    assert read_texts(data) == ["Dahl | 12.5% | 31:30 | 0815 | 80,000.00 NOK | 0.3"]


def test_truth_values_errors_and_dates_are_shown_as_such() -> None:
    rows = (
        '<row r="1"><c t="b"><v>1</v></c><c t="e"><v>#REF!</v></c>'
        '<c t="d"><v>2026-01-31T08:30:00</v></c><c s="1"><v>43538</v></c></row>'
    )
    data = make_xlsx(rows, styles=make_styles("d/m/yyyy"), workbook='<workbookPr date1904="true"/>')
    assert read_texts(data) == ["TRUE | #REF! | 2026-01-31 08:30:00 | 2023-03-15"]


def test_formulas_without_a_value_are_shown_and_reported() -> None:
    rows = (
        f'<row r="1">{text_cell("A1", "Total")}<c r="B1"><f>SUM(B2:B3)</f><v></v></c>'
        '<c r="C1"><f>1+1</f><v>2</v></c><c r="D1" t="str"><f>""</f><v></v></c></row>'
    )
    document = read_document(make_xlsx(rows), "a.xlsx")
    assert document.pages[0].text == "Total | =SUM(B2:B3) | 2"
    assert document.warnings == (
        "1 cell holds a formula without a stored value (Data!B1); open the file in a spreadsheet "
        "program and save it",
    )


def test_a_zero_of_a_workbook_that_was_never_computed_is_no_value() -> None:
    rows = f'<row r="1">{text_cell("A1", "Total")}<c r="B1"><f>B2+B3</f><v>0</v></c></row>'
    computed = make_xlsx(rows)
    never = make_xlsx(rows, workbook='<calcPr fullCalcOnLoad="1"/>')
    assert read_texts(computed) == ["Total | 0"]
    assert read_texts(never) == ["Total | =B2+B3"]


def test_raised_struck_and_phonetic_characters_are_told_apart() -> None:
    strings = (
        "<si><r><t>300</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>2</t></r>"
        "<r><t xml:space='preserve'> kg</t></r></si>"
        "<si><r><rPr><strike/></rPr><t>250</t></r>"
        "<r><rPr><strike val='0'/></rPr><t>400</t></r></si>"
        "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
    )
    rows = '<row r="1">' + "".join(f'<c t="s"><v>{at}</v></c>' for at in (0, 1, 2, 9)) + "</row>"
    document = read_document(make_xlsx(rows, strings=strings), "a.xlsx")
    assert document.pages[0].text == "300² kg | 400 | 東京"
    assert document.warnings == ("1 struck-out passage was left out",)


def test_struck_out_cells_are_left_out() -> None:
    styles = "<fonts><font/><font><strike/></font></fonts><cellXfs><xf/><xf fontId='1'/></cellXfs>"
    rows = '<row r="1"><c><v>1</v></c><c s="1"><v>2</v></c><c><v>3</v></c></row>'
    document = read_document(make_xlsx(rows, styles=styles), "a.xlsx")
    assert document.pages[0].text == "1 | 3"
    assert document.warnings == ("1 struck-out passage was left out",)


def test_merged_values_are_in_each_row_and_head_that_they_cover() -> None:
    def cells(number: int, *texts: str) -> str:
        named = zip("ABCDE", texts, strict=False)
        inner = "".join(text_cell(f"{name}{number}", text) for name, text in named if text)
        return f'<row r="{number}">{inner}</row>'

    rows = (
        cells(1, "Plant", "Part", "2024", "", "2025")
        + cells(2, "", "", "Q1", "Q2", "Q1")
        + cells(3, "Ribe", "pump", "1", "2", "3")
        + cells(4, "", "valve", "4", "5", "6")
    )
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in ("A1:A2", "B1:B2", "C1:D1", "A3:A4"))
    page = read_document(make_xlsx(rows, after=f"<mergeCells>{merges}</mergeCells>"), "a.xlsx")
    block = page.pages[0].blocks[-1]
    assert page.pages[0].text.endswith("Ribe | valve | 4 | 5 | 6")
    assert block.columns == ("Plant", "Part", "2024 Q1", "2024 Q2", "2025 Q1")
    assert (block.label, block.ref) == ("Ribe, valve", "A4:E4")


def test_tables_on_a_sheet_have_their_own_heads() -> None:
    text = "Sales\nin EUR million\n\n,2021,2022\nOslo,1,2\n\n\nStaff\n,2023,2024\nOslo,7,8\n"
    blocks = read_document(text.encode(), "a.csv").pages[0].blocks
    rows = [(block.columns, block.label, block.unit, block.ref) for block in blocks if block.label]
    assert rows == [
        (("", "2021", "2022"), "Sales, Oslo", "in EUR million", "A5:C5"),
        (("", "2023", "2024"), "Staff, Oslo", "", "A10:C10"),
    ]


def test_rows_far_below_the_heads_are_named_by_them() -> None:
    body = "".join(f"r{at},{at}\n" for at in range(2500))
    blocks = read_document(f"Part,Price\nEurope,\n{body}".encode(), "a.csv").pages[0].blocks
    assert blocks[-1].columns == ("Part", "Price")
    assert (blocks[-1].label, blocks[-1].ref) == ("Europe, r2499", "A2502:B2502")


def test_heads_and_rows_with_empty_rows_between_are_one_table() -> None:
    blocks = read_document(b"Part,Price\n\nBolt,1\n\nNut,2\n", "a.csv").pages[0].blocks
    assert [block.columns for block in blocks] == [(), ("Part", "Price"), ("Part", "Price")]


def test_comments_follow_their_row() -> None:
    comments = (
        '<comments xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><authors>'
        "<author>QA</author><author>tc={1}</author></authors><commentList>"
        '<comment ref="B2" authorId="0"><text><r><t>QA:\nthree late deliveries</t></r></text>'
        '</comment><comment ref="A1" authorId="1"><text><t>[Threaded comment]</t></text></comment>'
        '<comment ref="C9" authorId="0"><text><t>unused</t></text></comment>'
        "</commentList></comments>"
    )
    threads = (
        '<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/'
        'threadedcomments"><threadedComment ref="A1" personId="{p}"><text>renamed?</text>'
        "</threadedComment></ThreadedComments>"
    )
    people = '<personList><person displayName="Ida Berg" id="{p}"/></personList>'
    rows = "".join(
        f'<row r="{at}">{text_cell(f"A{at}", f"a{at}")}{text_cell(f"B{at}", f"b{at}")}</row>'
        for at in (1, 2, 3)
    )
    data = make_xlsx(
        rows,
        links=[("rId8", "person", "persons/person.xml")],
        sheet_links=[
            ("rId1", "comments", "../comments1.xml"),
            ("rId2", "threadedComment", "../threadedComments/threadedComment1.xml"),
        ],
        parts={
            "xl/comments1.xml": comments,
            "xl/threadedComments/threadedComment1.xml": threads,
            "xl/persons/person.xml": people,
        },
    )
    assert read_texts(data) == [
        "a1 | b1\n\nComment (Ida Berg) on A1: renamed?\n\n"
        "a2 | b2\n\nComment (QA) on B2: three late deliveries\n\n"
        "a3 | b3\n\nComment (QA) on C9: unused"
    ]


def test_text_boxes_check_boxes_and_headers_are_read() -> None:
    drawing = (
        '<wsDr xmlns="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><sp><txBody><a:p><a:r>'
        "<a:t>Prices are frozen.</a:t></a:r></a:p></txBody></sp></wsDr>"
    )
    shape = (
        "<v:shape><v:textbox><div>{}</div></v:textbox><x:ClientData ObjectType='Checkbox'>"
        "<x:Checked>{}</x:Checked></x:ClientData></v:shape>"
    )
    controls = (
        "<xml xmlns:v='urn:schemas-microsoft-com:vml' xmlns:x='urn:schemas-microsoft-com:office:"
        f"excel'>{shape.format('Paid', 1)}{shape.format('Sent', 0)}</xml>"
    )
    header = "<headerFooter><oddHeader>&amp;LQM-4711 Rev. C&amp;RPage &amp;P of &amp;N</oddHeader>"
    data = make_xlsx(
        f'<row r="1">{text_cell("A1", "a")}</row>',
        after=f"{header}</headerFooter>",
        sheet_links=[
            ("rId1", "drawing", "../drawings/drawing1.xml"),
            ("rId2", "vmlDrawing", "../drawings/vml1.vml"),
        ],
        parts={"xl/drawings/drawing1.xml": drawing, "xl/drawings/vml1.vml": controls},
    )
    assert read_texts(data) == ["a\n\nQM-4711 Rev. C\n\nPrices are frozen.\n\n☒ Paid\n\n☐ Sent"]


def test_sheets_without_cells_and_missing_ones_are_reported() -> None:
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>'
        for name, at in (("Data", 1), ("Macro", 8), ("Chart", 9), ("Gone", 10))
    )
    links = [
        ("rId8", "xlMacrosheet", "macrosheets/sheet1.xml"),
        ("rId9", "chartsheet", "chartsheets/sheet1.xml"),
        ("rId10", "worksheet", "worksheets/gone.xml"),
    ]
    data = make_xlsx(f'<row r="1">{text_cell("A1", "a")}</row>', sheets=sheets, links=links)
    document = read_document(data, "a.xlsm")
    assert [page.text for page in document.pages] == ["a"]
    assert document.warnings[:3] == (
        '1 macro sheet was not read: "Macro"',
        '1 chart sheet was not read: "Chart"',
        '1 damaged sheet was not read: "Gone"',
    )


def test_hidden_rows_and_columns_are_read_and_reported() -> None:
    rows = (
        '<row r="1"><c><v>1</v></c><c><v>2</v></c></row><row r="2" hidden="1"><c><v>3</v></c></row>'
    )
    cols = '<cols><col min="2" max="9" hidden="1"/></cols>'
    document = read_document(make_xlsx(rows, before=cols), "a.xlsx")
    assert document.pages[0].text == "1 | 2\n3"
    assert document.warnings == ('1 hidden row and 1 hidden column were read too (sheet "Data")',)


def test_strict_workbooks_are_read() -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    data = make_xlsx('<row r="1"><c><v>530</v></c></row>', main=strict)
    assert read_texts(data) == ["530"]


def test_a_damaged_sheet_is_read_as_far_as_it_goes() -> None:
    document = read_document(make_xlsx('<row r="1"><c><v>1</v></c></row><row', after=""), "a.xlsx")
    assert document.pages[0].text == "1"
    assert document.warnings == ('1 part of a damaged sheet was not read: "Data"',)


def test_excel_97_numbers_have_the_format_of_their_cell() -> None:
    cells: list[tuple[int, int, str | float]] = [(0, 0, "Part"), (0, 1, "Share")]
    data = make_xls([*cells, (1, 0, "Bolt"), (1, 1, 0.175), (16383, 255, "far")], "0.0%")
    page = read_document(data, "a.xls").pages[0]
    assert page.text == "Part | Share\nBolt | 17.5%\nfar"
    assert [block.ref for block in page.blocks] == ["A1:B1", "A2:B2", "IV16384:IV16384"]


def test_xml_spreadsheets_are_read_whatever_their_name() -> None:
    styles = (
        '<Style ss:ID="p"><NumberFormat ss:Format="Percent"/></Style>'
        '<Style ss:ID="d"><NumberFormat ss:Format="Short Date"/></Style>'
        '<Style ss:ID="x"><Font ss:StrikeThrough="1"/></Style>'
    )
    rows = (
        '<Row><Cell ss:MergeDown="1"><Data ss:Type="String">Bolt</Data></Cell>'
        '<Cell ss:StyleID="p"><Data ss:Type="Number">0.175</Data></Cell>'
        '<Cell ss:StyleID="d"><Data ss:Type="DateTime">2026-01-31T00:00:00.000</Data></Cell>'
        '<Cell ss:Index="5"><Data ss:Type="String">5 m<Sup>2</Sup></Data>'
        '<Comment ss:Author="QA"><ss:Data>net</ss:Data></Comment></Cell></Row>'
        '<Row><Cell ss:Index="2" ss:Formula="=1+1"/><Cell ss:StyleID="x"><Data ss:Type="String">no'
        "</Data></Cell></Row>"
    )
    for name in ("orders.xls", "orders.xml", "orders"):
        document = read_document(excel_xml(rows, styles), name)
        assert document.kind == "xls"
        assert document.pages[0].text == (
            "Bolt | 17.50% | 2026-01-31 | 5 m²\n\nComment (QA) on E1: net\n\nBolt | =1+1"
        )
        assert document.warnings == (
            "1 cell holds a formula without a stored value (Data!B2); open the file in a "
            "spreadsheet program and save it",
            "1 struck-out passage was left out",
        )


def test_opendocument_cells_show_their_text() -> None:
    styles = (
        '<style:style style:name="up"><style:text-properties style:text-position="super 58%"/>'
        '</style:style><style:style style:name="out"><style:text-properties '
        'style:text-line-through-style="solid"/></style:style>'
    )
    rows = (
        "<table:table-row>"
        + ods_cell("Bolt", 'table:number-rows-spanned="2"')
        + ods_cell("17,50 %", 'office:value="0.175"', "percentage")
        + ods_cell("31.01.26", 'office:date-value="2026-01-31"', "date")
        + ods_cell("Jan 26", 'office:date-value="2026-01-31"', "date")
        + ods_cell('5 m<text:span text:style-name="up">2</text:span>')
        + ods_cell("old", 'table:style-name="out"')
        + '<table:table-cell office:value-type="currency" office:value="5" office:currency="EUR"/>'
        + "</table:table-row><table:table-row><table:covered-table-cell/>"
        + '<table:table-cell table:formula="of:=SUM([.B1:.B2])"><office:annotation>'
        + "<dc:creator>QA</dc:creator><text:p>net</text:p></office:annotation></table:table-cell>"
        + '</table:table-row><table:table-row table:number-rows-repeated="1048000"/>'
    )
    document = read_document(fods(rows, styles), "a.fods")
    assert document.pages[0].text == (
        "Bolt | 17,50 % | 2026-01-31 | Jan 26 | 5 m² | 5 EUR\n"
        "Bolt | =SUM(B1:B2)\n\nComment (QA) on B2: net"
    )
    assert document.warnings == (
        "1 cell holds a formula without a stored value (Data!B2); open the file in a spreadsheet "
        "program and save it",
        "1 struck-out passage was left out",
    )


def test_an_opendocument_package_needs_no_mimetype_but_its_password() -> None:
    manifest = (
        '<manifest><file-entry full-path="/" '
        'media-type="application/vnd.oasis.opendocument.spreadsheet"/>{}</manifest>'
    )
    content = fods(f"<table:table-row>{ods_cell('Kiel')}</table:table-row>")
    members = {"content.xml": content, "META-INF/manifest.xml": manifest.format("")}
    assert read_texts(make_package(members), "a.ods") == ["Kiel"]
    members["META-INF/manifest.xml"] = manifest.format("<encryption-data/>")
    with pytest.raises(ReadError) as caught:
        read_document(make_package(members), "a.ods")
    assert caught.value.reason is Reason.ENCRYPTED


@pytest.mark.parametrize(
    "data",
    [
        b"<table border=1><tr><th>Part</th><th>Price</th></tr><tr><td>Bolt</td><td>1</td></table>",
        "Part\tPrice\nBolt\t1\n".encode("utf-16"),
        b"Part;Price\nBolt;1\n",
        b"sep=;\nPart;Price\nBolt;1\n",
    ],
)
def test_other_tables_named_xls_are_read_by_their_content(data: bytes) -> None:
    (page,) = read_document(data, "export.xls").pages
    assert page.text == "Part | Price\nBolt | 1"


def test_lines_above_the_heads_of_delimited_text_are_no_cells() -> None:
    text = 'Report, made by hand\n\nYear;2021;2022\n"a\nb";1,5;2,5\n'
    page = read_document(text.encode(), "a.csv").pages[0]
    assert page.text == "Report, made by hand\n\nYear | 2021 | 2022\na b | 1,5 | 2,5"
    assert page.blocks[-1].columns == ("Year", "2021", "2022")


def test_a_cell_with_an_odd_name_is_read() -> None:
    assert read_texts(make_xlsx('<row r="1"><c r="\u003d1"><v>7</v></c></row>')) == ["7"]
