from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Block, BlockKind, Page, ReadError, Reason


def read(html: str) -> Page:
    return read_document(html.encode(), "page.html").pages[0]


def shown(page: Page) -> list[tuple[BlockKind, str]]:
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def test_page_is_read_in_its_order() -> None:
    page = read(
        "<title> Price  list </title><body><h2>Über <b>uns</b></h2><p>One<br>two <a>three</a>."
        "<ul><li>a<ul><li>b</ul>tail<li><p>c</ul><pre>  if x:\n    y\n</pre>loose"
    )
    assert shown(page) == [
        (BlockKind.HEADING, "Über uns"),
        (BlockKind.PARAGRAPH, "One\ntwo three."),
        (BlockKind.ITEM, "a"),
        (BlockKind.ITEM, "b"),
        (BlockKind.ITEM, "tail"),
        (BlockKind.ITEM, "c"),
        (BlockKind.CODE, "  if x:\n    y"),
        (BlockKind.PARAGRAPH, "loose"),
    ]
    assert page.blocks[0].level == 2


def test_table_rows_name_their_heads() -> None:
    page = read(
        "<table><caption>Stock</caption><tr><th>Part<th colspan=2>Price</tr>"
        "<tr><td>Bolt<td>1<br>each<td>2</tr></table>"
    )
    assert page.text == "Stock\n\nPart | Price | Price\nBolt | 1 each | 2"
    columns = ("Part", "Price", "Price")
    assert page.blocks[2] == Block(BlockKind.ROW, 28, 45, columns=columns, label="Stock, Bolt")


def test_first_row_heads_a_table_without_th_unless_it_holds_numbers() -> None:
    heads = [
        [block.header for block in read(f"<table><tr>{first}<tr><td>1<td>2</table>").blocks][1]
        for first in ("<td>Part<td>Price", "<td>3<td>4")
    ]
    assert heads == ["Part | Price", ""]


def test_layout_tables_are_no_rows() -> None:
    page = read("<table><tr><td>menu<td><table><tr><td>Part<td>Price</table></table>")
    assert shown(page) == [(BlockKind.PARAGRAPH, "menu"), (BlockKind.ROW, "Part | Price")]


def test_navigation_scripts_and_forms_are_dropped() -> None:
    page = read(
        "<body><header>logo</header><nav>menu <button>x</button></nav><script>var a</script>"
        "<style>p{}</style><p>Text of the page</p><form>search</form><svg><title>s</title></svg>"
        "<aside>ad</aside><template>t</template><noscript>n</noscript><footer>f</footer>"
    )
    assert page.text == "Text of the page"
    assert page.hidden == 0


def test_a_form_around_the_whole_page_is_kept() -> None:
    assert read("<body><form><p>All of the text</p></form>").text == "All of the text"


def test_hidden_text_is_left_out_and_counted() -> None:
    page = read(
        '<p>seen</p><p style="display : NONE">abc<b hidden>def</b></p><p hidden>ghi</p>'
        '<i aria-hidden="true">jkl</i><i style="font-size:0px">mno</i><p>zero&#8203;width</p>'
    )
    assert page.text == "seen\n\nzerowidth"
    assert page.hidden == len("abcdefghijklmno") + 1


def test_main_is_preferred_where_it_holds_most_of_the_text() -> None:
    text = "<div>menu</div><main><header><h1>Title</h1></header><p>long enough text</main>"
    assert read(text).text == "Title\n\nlong enough text"
    assert read("<div>most of the text is here</div><main>m</main>").text.startswith("most")


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "no-such-charset"])
def test_declared_charset_is_used_where_the_page_is_not_utf8(charset: str) -> None:
    html = f'<meta charset="{charset}"><p>Grüße – schön</p>'
    page = read_document(html.encode("cp1252"), "a.html").pages[0]
    assert page.text == "Grüße – schön"


def test_utf8_is_believed_over_the_declaration() -> None:
    assert read("<meta charset=latin1><p>Grüße</p>").text == "Grüße"


def test_title_is_the_first_heading_without_a_title() -> None:
    assert read_document(b"<h1>Scope</h1>", "a.html").title == "Scope"


def test_a_page_of_pictures_has_no_text() -> None:
    with pytest.raises(ReadError) as caught:
        read("<img src=a><img src=b>")
    assert (caught.value.reason, caught.value.detail) == (
        Reason.NO_TEXT,
        "the file holds only pictures",
    )


TAGS = ["<p>", "</p>", "<td>", "<tr>", "<table>", "</table>", "<li>", "<pre>", "</pre>", "<h1>"]


@given(st.lists(st.sampled_from([*TAGS, "a ", "\n", "<br>", "<b hidden>", "</b>", "&#x200b;"])))
def test_any_markup_gives_blocks_that_hold(pieces: list[str]) -> None:
    page = read("<p>x</p>" + "".join(pieces))
    at = 0
    for block in page.blocks:
        assert not page.text[at : block.start].strip()
        assert page.text[block.start : block.end].strip()
        at = block.end
    assert at == len(page.text)
