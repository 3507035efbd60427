from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ragkit import Answer, Citation, Quote
from ragkit_apps.ui.components.quotes import render_quotes
from tests.generation.test_citations import hit
from tests.ui.test_markup import ATTRIBUTES, HARMLESS, Tags

LAYOUT = {"div", "figure", "figcaption", "details", "summary", "caption"}


def quoted(*quotes: Quote, question: str = "How many days of leave?") -> Answer:
    titled = replace(hit(1), title="Handbook <b>", source='"hr"/index.md', page=5)
    return Answer(question, "", (Citation.from_hit(1, titled),), (titled,), quotes=quotes)


def test_the_best_quote_is_large_and_the_others_are_folded() -> None:
    html = render_quotes(quoted(Quote(1, "28 days."), Quote(1, "Ask."), Quote(1, "Wait.")))
    best, _, fold = html.partition("<details")
    assert best.startswith('<figure class="quote best"><p>“28 <strong>days</strong>.”</p>')
    assert Tags(best).text == "“28 days.”1 Handbook <b>, page 5"
    assert "<summary>2 more places</summary>" in fold
    assert fold.count('data-cite="1"') == 2
    assert "<details" not in render_quotes(quoted(Quote(1, "28 days.")))


def test_a_row_is_a_table_that_marks_what_is_asked() -> None:
    row = Quote(1, "x", (("Price", "64.80"), ("Part", "VX-1"), ("Note", "")), "VX-1", "EUR")
    html = render_quotes(quoted(row, question="What is the price?"))
    assert '<caption>EUR</caption><thead><tr><th scope="col">Part</th>' in html
    assert '<td>VX-1</td><td class="asked">64.80</td></tr>' in html
    assert "Note" not in html
    assert "asked" not in render_quotes(quoted(row, question="How heavy is it?"))


def test_a_source_is_named_by_its_title() -> None:
    html = render_quotes(quoted(Quote(1, "28 days."), Quote(2, "Gone.")))
    assert "index.md" not in Tags(html).text
    assert "2 removed, or changed since" in Tags(html).text


@given(st.text(alphabet="<>[]()!`*_#|\n\"'&:/ax1=\\$@ ", max_size=40))
def test_no_quote_becomes_more_than_harmless_markup(text: str) -> None:
    html = render_quotes(quoted(Quote(1, text), Quote(1, "", ((text, text),), text, text)))
    found = Tags(html)
    assert found.tags <= HARMLESS | LAYOUT
    assert set(found.attributes) <= {*ATTRIBUTES, "scope"}
