"""Web pages: what a browser displays, at once or after a click, is what is read."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, Page


def read(html: str, name: str = "page.html") -> Document:
    return read_document(html.encode(), name)


def page(html: str) -> Page:
    return read(html).pages[0]


def lines(html: str) -> list[str]:
    return [line for line in page(html).text.split("\n") if line]


@pytest.mark.parametrize(
    ("html", "numbered"),
    [
        ("<ol start=3><li>a<li>b</ol>", ["3. a", "4. b"]),
        ("<ol reversed><li>a<li>b<li>c</ol>", ["3. a", "2. b", "1. c"]),
        ("<ol><li>a<li value=7>b<li>c</ol>", ["1. a", "7. b", "8. c"]),
        ("<ol type=a><li>x<li>y</ol>", ["a. x", "b. y"]),
        ("<ol type=I start=4><li>x</ol>", ["IV. x"]),
        ("<ol style='list-style-type: lower-roman'><li>x<li>y</ol>", ["i. x", "ii. y"]),
        ("<ol style='list-style:none'><li>x</ol>", ["x"]),
        (
            "<ol><li>a<ol type=a><li>x<li>y</ol>more<li>b</ol>",
            ["1. a", "a. x", "b. y", "more", "2. b"],
        ),
        ("<ol><li><p>a</p><p>b</p><li><h3>c</h3></ol>", ["1. a", "b", "2. c"]),
        ("<ul><li>a<li>b</ul>", ["a", "b"]),
        (
            "<table><tr><td>x<td><ol><li>a<li>b</ol><tr><td>y<td>z</table>",
            ["x | 1. a 2. b", "y | z"],
        ),
    ],
)
def test_items_have_their_numbers(html: str, numbered: list[str]) -> None:
    assert lines(html) == numbered


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("45<sup>2</sup> euro", "45² euro"),
        ("10<sup>−6</sup> m<sup>3</sup>", "10⁻⁶ m³"),
        ("45<sup><a href='#n2'>2</a></sup> euro", "45 ² euro"),
        ("45<a href='#n2'><sup>[2]</sup></a> euro", "45 [²] euro"),
        ("45<sup class=footnote-ref>12</sup> euro", "45 ¹² euro"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("2<sup>k+1</sup> bits", "2^(k+1) bits"),
        ("CO<sub>2</sub>", "CO₂"),
        ("5<span style='vertical-align: super'>3</span> kg", "5³ kg"),
        ("<style>.c3{vertical-align:super;font-size:6pt}</style>5<span class=c3>3</span>", "5³"),
        (
            "<style><!-- span.Note {vertical-align: super} --></style>"
            "5<a href='#f1'><span class=Note>[1]</span></a>",
            "5 [¹]",
        ),
        ("<math><mfrac><mi>a</mi><mn>2</mn></mfrac></math>", "a/2"),
        (
            "<math><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mn>1</mn></mrow>"
            "<annotation encoding='application/x-tex'>x^2+1</annotation></semantics></math>",
            "x²+1",
        ),
        (
            "<ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp></ruby><ruby>京<rt>きょう</rt></ruby>",
            "東京(とうきょう)",
        ),
        ("<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>を", "漢字(かんじ)を"),
        ("a<abbr title='long'>b</abbr><ins>c</ins>", "abc"),
    ],
)
def test_raised_and_small_letters_are_no_digits(html: str, text: str) -> None:
    assert page(f"<p>{html}</p>").text == text


def test_struck_out_text_is_left_out_and_counted() -> None:
    document = read(
        "<style>.c1, .c2{text-decoration:line-through}</style>"
        "<p>at <del>11:15</del> <ins>10:45</ins>"
        "<s>6.40</s> 7.90 <span class='x c2'>old</span></p><p style='text-decoration:line-through'>"
        "On Fridays</p><table><tr><td>a<td><strike>1</strike> 2<tr style='text-decoration: "
        "line-through'><td>b<td>3</table>"
    )
    assert document.pages[0].text == "at 10:45 7.90\n\na | 2"
    assert document.warnings == ("6 struck-out passages were left out",)


@pytest.mark.parametrize(
    "panel",
    [
        "<h3><button aria-expanded=false>Who pays?</button></h3><div hidden>The driver pays.</div>",
        "<button aria-controls=a>Who pays?</button>"
        "<div id=a aria-hidden=true>The driver pays.</div>",
        "<h3><a role=button href='#a'>Who pays?</a></h3><p>-</p>"
        "<div id=a style='display: none'>The driver pays.</div>",
        "<a data-toggle=collapse href='#b'>Who pays?</a><div id=b hidden>The driver pays.</div>",
        "<button class=accordion>Who pays?</button><div class=panel style='display:none'>"
        "The driver pays.</div>",
        "<div onclick=\"show('a')\">Who pays?</div><p>-</p><div id=a hidden>The driver pays.</div>",
        "<ul><li><a href='#a'>Who pays?</a></ul><div id=a style='display:none'>"
        "The driver pays.</div>",
        "<div id=accordion><p>Who pays?</p><div style='display:none'>The driver pays.</div></div>",
        "<h3>Who pays?</h3><div hidden>The driver pays.</div>",
        "<details><summary>Who pays?</summary>The driver pays.</details>",
        "<dl><dt><button>Who pays?</button><dd hidden>The driver pays.</dl>",
        "<ul role=tablist><li><button role=tab aria-controls=t>Who pays?</button></ul>"
        "<div role=tabpanel id=t hidden>The driver pays.</div>",
        "<div class=faq-question>Who pays?</div><div class='faq-answer' style='display:none'>"
        "The driver pays.</div>",
    ],
)
def test_what_a_click_unfolds_is_content(panel: str) -> None:
    found = read(f"<main><h1>FAQ</h1>{panel}</main>")
    text = found.pages[0].text
    assert 0 < text.find("Who pays?") < text.find("The driver pays.")
    assert not found.warnings


def test_the_name_of_a_tab_is_above_its_panel() -> None:
    html = (
        "<ul role=tablist><li><button role=tab data-bs-target='#a'>Sizes</button><li>"
        "<a role=tab href='#b'>Care</a></ul><div id=a class=tab-pane>S to XL</div>"
        "<div id=b class=tab-pane hidden>Wash at 30 degrees</div>"
    )
    assert lines(html) == ["Sizes", "S to XL", "Care", "Wash at 30 degrees"]


def test_a_page_behind_a_window_is_content() -> None:
    html = (
        "<div id=app aria-hidden=true><h1>Leave</h1><p>Thirty days.</div>"
        "<div class=modal aria-hidden=true><p>Accept all of them?</div>"
    )
    assert lines(html) == ["Leave", "Thirty days."]


def test_a_button_that_is_a_heading_names_what_is_below_it() -> None:
    block = page(
        "<h2>2 <button aria-expanded=false>Who pays?</button></h2><p hidden>We do."
    ).blocks[0]
    assert (block.kind, block.level, block.end) == (BlockKind.HEADING, 2, len("2 Who pays?"))


def test_menus_and_windows_stay_out_and_hidden_passages_are_counted() -> None:
    document = read(
        "<button aria-controls=m>Menu</button><ul id=m hidden><li><a href=/>Home page</a></ul>"
        "<p>The page itself says this much.</p>"
        "<div class=modal hidden><p>Subscribe to our news</div>"
        "<dialog>Really delete all of it?</dialog><p hidden>Not for you to see</p>"
        "<span aria-hidden=true>x</span><div id=cookie-banner>We use cookies</div>"
    )
    assert document.pages[0].text == "The page itself says this much."
    assert document.warnings == ("2 passages were left out: hidden on the page",)


@pytest.mark.parametrize("attribute", ["class='admonition warning'", "class=note", ""])
def test_an_aside_with_a_warning_is_content(attribute: str) -> None:
    note = "Never open the guard before it rests."
    html = f"<h1>Press</h1><p>Start it.</p><aside {attribute}>{note}</aside>"
    assert lines(html) == ["Press", "Start it.", note]


def test_sidebars_and_lists_of_links_stay_out() -> None:
    text = page(
        "<main><p>Text</p><aside><a href=a>Another page that you may like</a></aside>"
        "<aside class=sidebar>Sign up for the letter that we send</aside></main>"
    ).text
    assert text == "Text"


def test_form_values_are_read() -> None:
    html = (
        "<h1>Ticket</h1><form><label>Priority <select><option>low<option selected>critical</select>"
        "</label><p>Serial <input value='PX-22'><input type=hidden value=token><input type=submit "
        "value=Send></p><textarea>Pump 2 leaks.</textarea><p><input type=radio> yes "
        "<input type=radio checked> no</p><button>Save</button></form>"
    )
    assert (
        page(html).text
        == "Ticket\n\nPriority critical\n\nSerial PX-22\n\nPump 2 leaks.\n\n☐ yes ☒ no"
    )


def test_an_element_can_be_a_heading_by_its_role() -> None:
    blocks = page("<div role=heading aria-level=3><div>Scope</div></div><div>All.</div>").blocks
    assert [(block.kind, block.level) for block in blocks] == [
        (BlockKind.HEADING, 3),
        (BlockKind.PARAGRAPH, 0),
    ]


def test_xhtml_with_a_prefix_is_read() -> None:
    html = (
        "<?xml version='1.0'?><h:html xmlns:h='http://www.w3.org/1999/xhtml'><h:head><h:title/>"
        "</h:head><h:body><h:h1>Plan</h:h1><h:p>Hall 3</h:p></h:body></h:html>"
    )
    assert read(html, "plan.xhtml").title == "Plan"
    assert lines(html) == ["Plan", "Hall 3"]


def test_switches_without_text_and_links_to_headings_are_not_text() -> None:
    html = "<input type=checkbox id=menu><h2>Scope<a class=headerlink href='#s'>¶</a></h2><p>All."
    assert lines(html) == ["Scope", "All."]


def test_labels_are_apart_and_a_form_in_a_table_names_its_values() -> None:
    assert page("<p><label>Linux</label><label>Windows</label></p>").text == "Linux Windows"
    blocks = page(
        "<form><table><tr><td>Name:<td><input value='Anna Berg'><tr><td>Full time<td>"
        "<input type=checkbox checked></table></form>"
    ).blocks
    assert [(block.label, block.columns) for block in blocks] == [("Name", ()), ("Full time", ())]


def test_a_search_form_stays_out() -> None:
    html = (
        "<p>The text of the page.</p><form class=search><input value=x> <button>Go</button></form>"
    )
    assert page(html).text == "The text of the page."


def test_pictures_say_what_they_show() -> None:
    found = page(
        "<p>Press <img src=k.png alt='the green key'> twice<img alt=''><img alt='IMG_22.jpg'></p>"
        "<svg><title>Plan</title><text>Hall <tspan>3</tspan></text><text>Gate</text></svg>"
        "<a><svg><title>Share</title></svg></a><svg aria-label='Load by month of 2024'></svg>"
    )
    assert found.text == "Press the green key twice\n\nPlan Hall 3 Gate\n\nLoad by month of 2024"
    assert found.images == 3


def test_definitions_are_labelled_with_their_term() -> None:
    blocks = page("<dl><dt>Load<dd>5 t<dt>Reach<dd>12 m<dd>14 m</dl>").blocks
    assert [block.label for block in blocks] == ["", "Load", "", "Reach", "Reach"]


def test_other_ways_to_show_text() -> None:
    text = page(
        "<header id=title-block><h1>Policy</h1><p>Version 3</header><dialog open>Opened</dialog>"
        "<iframe srcdoc='&lt;p&gt;In a frame &lt;s&gt;no&lt;/s&gt;'>fallback</iframe>"
        f"<p>a data:image/png;base64,{'iVBORw0KGgo' * 9}</p>"
        "<blockquote>Q<footer>Ada</footer></blockquote>"
    ).text
    assert text.split("\n\n") == ["Policy", "Version 3", "Opened", "In a frame", "a", "Q", "Ada"]


def test_text_for_browsers_without_scripts_is_read_if_there_is_no_other() -> None:
    assert (
        page("<div id=app></div><noscript>The plan of hall 3</noscript>").text
        == "The plan of hall 3"
    )
    assert page("<p>Text</p><noscript>No</noscript>").text == "Text"


@pytest.mark.parametrize("name", ["page.xhtml", "page.html"])
def test_tags_that_xhtml_closes_by_themselves_swallow_nothing(name: str) -> None:
    html = (
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/>"
        "<script src=\"a.js?x=1/2>\" /><style/></head><body><h1>Plan<a id='top'/></h1>"
        "<textarea/><p/><div class='x'/><select/><p>The archive moves<br/>"
        "in <![CDATA[A & B]]>.</p></body></html>"
    )
    document = read(html, name)
    assert document.pages[0].text == "Plan\n\nThe archive moves\nin A & B."
    assert document.title == "Plan"


def test_heads_labels_and_units_of_tables() -> None:
    blocks = page(
        "<table><caption>Sales (in thousands of euros)</caption><thead><tr><td><th colspan=2>2024"
        "<tr><td><th>Q1<th>Q2<tbody><tr><th colspan=3>Europe<tr><th>Oslo<td>1,200<sup>3</sup><td>5"
        "<tr><td colspan=3>Asia<tr><th>Kyoto<td>7<td>8</table>"
    ).blocks
    rows = [(block.columns, block.label, block.unit) for block in blocks if block.label]
    columns = ("", "2024 Q1", "2024 Q2")
    caption, unit = "Sales (in thousands of euros)", "in thousands of euros"
    assert rows == [
        (columns, f"{caption}, Europe, Oslo", unit),
        (columns, f"{caption}, Asia, Kyoto", unit),
    ]


def test_bold_cells_are_heads_where_a_table_marks_none() -> None:
    blocks = page(
        "<table><tr><td><b>Name</b><td><b>Line 3</b><tr><td>Anna<td>12<tr><td>Bo<td>14</table>"
    ).blocks
    assert [block.columns for block in blocks] == [(), ("Name", "Line 3"), ("Name", "Line 3")]


def test_a_table_inside_a_cell_of_data_is_text_of_the_cell() -> None:
    html = (
        "<table><tr><th>Part<th>Sizes<tr><td>Bolt<td><table><tr><td>M6<td>M8</table>"
        "<tr><td rowspan=0>Nut<td>M6<tr><td>M8</table>"
    )
    assert lines(html) == ["Part | Sizes", "Bolt | M6 M8", "Nut | M6", "Nut | M8"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<table><tr>" + "<td colspan=10000 rowspan=10000>x" * 100 + "<tr>" * 1000 + "</table>",
        "<ol start=99999999999 type=i><li value=-5>x" + "<ol><li>" * 2000,
        "<math>" + "<mrow>" * 5000 + "x",
        "<html xmlns='http://www.w3.org/1999/xhtml'>x" + "<a b='" * 20000,
        "<iframe srcdoc='<p>x<iframe srcdoc=y>'></iframe>" * 1000 + "x",
        "<del>" * 5000 + "x</del>y",
        "<ruby>x<rt>" * 3000,
    ],
)
def test_hostile_markup_ends_soon(hostile: str) -> None:
    assert len(page("<p>first" + hostile).text) < 5_000_000
