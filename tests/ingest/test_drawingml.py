"""Charts, SmartArt and the text of shapes, which all Office formats share."""

from __future__ import annotations

import datetime
from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.chart.data import BubbleChartData, CategoryChartData, ChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE

from ragkit_ingest.model import BlockKind, Page, PageBuilder
from ragkit_ingest.readers.drawingml import TextTally, add_graphics, add_text
from ragkit_ingest.readers.ooxml import Package
from tests.support.packages import change_members, make_package, relationships, save_package

SPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:cx="http://schemas.microsoft.com/office/drawing/2014/chartex" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)
TITLE = (
    "<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales </a:t></a:r><a:r><a:t>by region</a:t></a:r></a:p>"
    "</c:rich></c:tx></c:title>"
)


def rows(page: Page) -> list[str]:
    return [page.text[block.start : block.end] for block in page.blocks]


def read_graphics(package: Package) -> Page:
    part = package.main if not package.part("ppt/slides/slide1.xml") else None
    part = part or package.part("ppt/slides/slide1.xml")
    assert part is not None
    builder = PageBuilder()
    add_graphics(builder, part, part.root)
    return builder.build()


def read_chart(kind: Any, data: Any, *changes: tuple[str, str]) -> Page:
    """Read a chart of python-pptx, in whose XML texts are replaced by others."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    slide.shapes.add_chart(kind, 0, 0, 99, 99, data)

    def change(name: str, content: bytes) -> bytes:
        for old, new in changes if name.startswith("ppt/charts/chart") else ():
            assert old.encode() in content
            content = content.replace(old.encode(), new.encode())
        return content

    return read_graphics(Package(change_members(save_package(deck), change), "presentation"))


def read_drawing(element: str, kind: str, part: str) -> Page:
    """Read a drawing whose graphic is in a part of its own."""
    members = {
        "_rels/.rels": relationships(("rId1", "officeDocument", "main.xml")),
        "main.xml": f"<main {SPACES}>{element}</main>",
        "_rels/main.xml.rels": relationships(("rId1", kind, "graphic.xml")),
        "graphic.xml": part,
    }
    return read_graphics(Package(make_package(members), "presentation"))


def categories(number_format: str = "General") -> CategoryChartData:
    data = ChartData(number_format=number_format)
    data.categories = ["North", "South"]
    data.add_series("2024", (0.125, 388))
    data.add_series("2025", (410, None))
    return data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c:barChart", "c:bar3DChart"),
        ("c:barChart", "c:surface3DChart"),
        ("c:barChart", "c:stockChart"),
        ("c:barChart", "c:ofPieChart"),
        ("c:barChart", "c:kindOfTheFutureChart"),
    ],
)
def test_every_kind_of_chart_is_a_table_of_its_values(old: str, new: str) -> None:
    page = read_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, categories(), (old, new))
    assert rows(page) == ["| 2024 | 2025", "North | 0.125 | 410", "South | 388"]
    assert (page.blocks[1].columns, page.blocks[1].label) == (("", "2024", "2025"), "North")


def test_titles_of_a_chart_and_its_axes_are_read() -> None:
    values = TITLE.replace("Sales ", "in EUR ").replace("by region", "thousand")
    names = TITLE.replace("Sales ", "Region").replace("by region", "")
    page = read_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED,
        categories(),
        ("<c:plotArea>", f"{TITLE}<c:plotArea>"),
        ('<c:axPos val="l"/>', f'<c:axPos val="l"/>{values}'),
        ('<c:axPos val="b"/>', f'<c:axPos val="b"/>{names}'),
    )
    assert rows(page)[:2] == ["Sales by region (in EUR thousand)", "Region | 2024 | 2025"]
    assert page.blocks[2].unit == "in EUR thousand"


@pytest.mark.parametrize(
    ("own", "labels", "axis", "shown"),
    [
        ("0%", "", "", "13%"),
        ("General", "&quot;€&quot;0.00", "", "€0.13"),
        ("0%", "0.0%", "", "12.5%"),
        ("General", "", "0%", "12.5%"),
        ("0.00", "", "0%", "0.13"),
    ],
)
def test_values_are_shown_by_their_number_format(
    own: str, labels: str, axis: str, shown: str
) -> None:
    label_format = f'<c:numFmt formatCode="{labels}" sourceLinked="0"/><c:showVal val="1"/>'
    axis_format = f'<c:numFmt formatCode="{axis or "General"}" sourceLinked="0"/>'
    page = read_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED,
        categories(own),
        ("<c:cat>", f"<c:dLbls>{label_format}</c:dLbls><c:cat>" if labels else "<c:cat>"),
        ('<c:axPos val="l"/>', f'<c:axPos val="l"/>{axis_format}'),
    )
    assert rows(page)[1].split(" | ")[1] == shown


def test_shares_that_a_pie_shows_are_read() -> None:
    labels = '<c:dLbls><c:showVal val="0"/><c:showPercent val="1"/></c:dLbls><c:cat>'
    data = ChartData()
    data.categories = ["Hydro", "Wind"]
    data.add_series("GWh", (30, 10))
    page = read_chart(XL_CHART_TYPE.PIE, data, ("<c:cat>", labels))
    assert rows(page) == ["| GWh | GWh (%)", "Hydro | 30 | 75%", "Wind | 10 | 25%"]


def test_dates_that_head_a_chart_are_shown_as_dates() -> None:
    data = CategoryChartData()
    data.categories = [datetime.date(2026, 3, 31), datetime.date(2026, 6, 30)]
    data.add_series("Sales", (1, 2))
    page = read_chart(XL_CHART_TYPE.LINE, data)
    assert rows(page)[1:] == ["2026-03-31 | 1", "2026-06-30 | 2"]


def test_levels_of_categories_are_joined() -> None:
    data = CategoryChartData()
    for year in ("2024", "2025"):
        category = data.add_category(year)
        category.add_sub_category("Q1")
        category.add_sub_category("Q2")
    data.add_series("Tonnes", (1, 2, 3, 4))
    page = read_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, data)
    assert rows(page)[1:] == ["2024, Q1 | 1", "2024, Q2 | 2", "2025, Q1 | 3", "2025, Q2 | 4"]


def test_points_of_scatter_and_bubble_charts_are_rows() -> None:
    points = XyChartData()
    series = points.add_series("Pump A")
    series.add_data_point(1.5, 30)
    series.add_data_point(2.5, 40)
    other = points.add_series("Pump B")
    other.add_data_point(9, 90)
    page = read_chart(XL_CHART_TYPE.XY_SCATTER, points)
    assert rows(page) == ["| Pump A", "1.5 | 30", "2.5 | 40", "| Pump B", "9 | 90"]
    bubbles = BubbleChartData()
    bubbles.add_series("Sites").add_data_point(1, 2, 30)
    page = read_chart(XL_CHART_TYPE.BUBBLE, bubbles)
    assert rows(page) == ["| Sites | Sites (size)", "1 | 2 | 30"]


def test_charts_of_2016_are_read() -> None:
    levels = (
        '<cx:lvl ptCount="2"><cx:pt idx="0">Costs</cx:pt><cx:pt idx="1">Sales</cx:pt></cx:lvl>'
        '<cx:lvl ptCount="2"><cx:pt idx="0">2025</cx:pt></cx:lvl>'
    )
    values = (
        '<cx:lvl formatCode="0%"><cx:pt idx="0">-0.4</cx:pt><cx:pt idx="1">0.9</cx:pt></cx:lvl>'
    )
    chart = (
        f'<cx:chartSpace {SPACES}><cx:chartData><cx:data id="0"><cx:strDim type="cat">{levels}'
        f'</cx:strDim><cx:numDim type="val">{values}</cx:numDim></cx:data></cx:chartData><cx:chart>'
        "<cx:title><cx:tx><cx:txData><cx:v>Bridge</cx:v></cx:txData></cx:tx></cx:title>"
        '<cx:plotArea><cx:plotAreaRegion><cx:series layoutId="waterfall"><cx:tx><cx:txData>'
        '<cx:f>A1</cx:f><cx:v>Change</cx:v></cx:txData></cx:tx><cx:dataId val="0"/></cx:series>'
        "</cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>"
    )
    page = read_drawing('<cx:chart r:id="rId1"/>', "chartEx", chart)
    assert rows(page) == ["Bridge", "| Change", "2025, Costs | -40%", "2025, Sales | 90%"]


def test_smart_art_is_read_in_its_order() -> None:
    def point(key: str, text: str) -> str:
        body = f"<dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t>"
        return f'<dgm:pt modelId="{key}">{body}</dgm:pt>'

    def link(source: str, target: str, place: int) -> str:
        return f'<dgm:cxn srcId="{source}" destId="{target}" srcOrd="{place}"/>'

    model = (
        f'<dgm:dataModel {SPACES}><dgm:ptLst><dgm:pt modelId="0" type="doc"/>'
        f"{point('3', 'Night shift')}{point('1', 'Works')}{point('2', 'Day shift')}</dgm:ptLst>"
        f"<dgm:cxnLst>{link('1', '3', 1)}{link('1', '2', 0)}{link('0', '1', 0)}{link('2', '1', 0)}"
        "</dgm:cxnLst></dgm:dataModel>"
    )
    page = read_drawing('<dgm:relIds r:dm="rId1"/>', "diagramData", model)
    assert rows(page) == ["Works", "Day shift", "Night shift"]
    assert [block.label for block in page.blocks] == ["", "Works", "Works"]


def read_shape(*paragraphs: str) -> tuple[Page, TextTally]:
    builder, tally = PageBuilder(), TextTally()
    add_text(builder, etree.fromstring(f"<body {SPACES}>{''.join(paragraphs)}</body>"), tally)
    return builder.build(), tally


def numbered(text: str, style: str, attributes: str = "", level: int = 0) -> str:
    properties = f'<a:pPr lvl="{level}"><a:buAutoNum type="{style}" {attributes}/></a:pPr>'
    return f"<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>"


def test_automatic_numbers_are_part_of_the_text() -> None:
    page, _ = read_shape(
        numbered("Check", "arabicPeriod"),
        "<a:p/>",
        numbered("hook", "alphaLcParenR", level=1),
        numbered("rope", "alphaLcParenR", level=1),
        numbered("Lift", "arabicPeriod"),
        numbered("wind", "alphaLcParenR", level=1),
        "<a:p><a:r><a:t>Then:</a:t></a:r></a:p>",
        numbered("Lower", "arabicPeriod"),
        numbered("Rest", "romanUcPeriod", 'startAt="4"'),
        numbered("Log", "romanUcPeriod", 'startAt="4"'),
        numbered("Sign", "arabicParenBoth"),
        numbered("Seal", "circleNumDbPlain"),
    )
    assert rows(page) == [
        *("1. Check", "a) hook", "b) rope", "2. Lift", "a) wind", "Then:", "1. Lower", "IV. Rest"),
        *("V. Log", "(1) Sign", "1. Seal"),
    ]
    assert [block.kind for block in page.blocks].count(BlockKind.PARAGRAPH) == 1


def test_shifted_text_is_told_from_digits_beside_it() -> None:
    runs = (
        "<a:r><a:t>30 m</a:t></a:r><a:r><a:rPr baseline='30000'/><a:t>2</a:t></a:r>"
        "<a:r><a:t> of CO</a:t></a:r><a:r><a:rPr baseline='-25%'/><a:t>2</a:t></a:r>"
    )
    assert read_shape(f"<a:p>{runs}</a:p>")[0].text == "30 m² of CO₂"


def test_struck_out_text_is_left_out_and_counted() -> None:
    struck = "<a:r><a:rPr strike='sngStrike'/><a:t>18 </a:t></a:r>"
    runs = f"<a:r><a:t>At most </a:t></a:r>{struck}{struck}<a:r><a:t>25 tonnes</a:t></a:r>"
    page, tally = read_shape(f"<a:p>{runs}</a:p>")
    assert (page.text, tally.struck) == ("At most 25 tonnes", 1)
