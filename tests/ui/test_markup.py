from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Statement
from ragkit.answers import Citation
from ragkit_apps.ui.components.markup import escape_markdown, render_answer, render_passage
from tests.generation.test_citations import hit

JOINER = "\N{WORD JOINER}"
HARMLESS = {
    *("p", "strong", "em", "ul", "ol", "li", "code", "pre", "table", "thead", "tbody", "tr"),
    *("th", "td", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "br", "s"),
    *("button", "span", "mark"),
}
ATTRIBUTES = {"type", "class", "data-cite", "title", "aria-label", "start", "style"}


class Tags(HTMLParser):
    """Collects what a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def doubtful(text: str, part: str, why: str = "because") -> Statement:
    start = text.index(part)
    return Statement(part, start, start + len(part), (1,), "unsupported", (why,))


def marked(html: str) -> str:
    return "".join(re.findall(r'<mark class="doubt"[^>]*>(.*?)</mark>', html))


def test_a_citation_is_a_button_that_names_its_source() -> None:
    html = render_answer("Leave is 28 days [1].", [Citation.from_hit(1, hit("Leave is 28 days."))])
    assert html.count("<button") == 1
    assert 'data-cite="1"' in html
    assert 'aria-label="Source 1: ' in html


def test_a_number_that_no_citation_has_is_no_button() -> None:
    assert "<button" not in render_answer("As of [7].", [Citation.from_hit(1, hit("x"))])


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://evil.example/a.png)",
        "[click](http://evil.example)",
        "<http://evil.example>",
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "[ref]: http://evil.example\n\n[ref]",
        "someone@evil.example and www.evil.example",
        "<div style='background:url(http://evil.example)'>",
        "&lt;img src=x&gt; &#60;img src=x&#62;",
        "`<b>` and\n\n```\n<script>\n```",
        "$\\href{http://evil.example}{x}$",
        "<mark class='doubt' onclick=x>",
        '[1]" onmouseover="alert(1)',
    ],
)
def test_nothing_that_a_model_writes_is_alive(hostile: str) -> None:
    found = Tags(render_answer(hostile, [Citation.from_hit(1, hit('a" onclick="x'))]))
    assert found.tags <= HARMLESS
    assert set(found.attributes) <= ATTRIBUTES


@given(st.text(alphabet="<>[]()!`*_#-|\n\"'&:/ax1=\\$@.~ ", max_size=80))
def test_no_text_becomes_more_than_harmless_markup(text: str) -> None:
    found = Tags(render_answer(text, [Citation.from_hit(1, hit("x"))]))
    assert found.tags <= HARMLESS
    assert set(found.attributes) <= ATTRIBUTES


def test_code_cites_nothing() -> None:
    html = render_answer("`a[1]`\n\n```\nb[1]\n```", [Citation.from_hit(1, hit("x"))])
    assert "<button" not in html
    assert Tags(html).text.split() == ["a[1]", "b[1]"]


def test_numbers_are_no_buttons_while_an_answer_is_written() -> None:
    assert render_answer("It is [1].", None) == '<p>It is <span class="cite">1</span>.</p>\n'


def test_markdown_keeps_its_lists_tables_and_code() -> None:
    text = "**Bold** and:\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```"
    assert {"strong", "ul", "li", "table", "td", "pre"} <= Tags(render_answer(text)).tags


def test_dollars_stay_dollars() -> None:
    assert Tags(render_answer("It cost $4 and $5.")).text.strip() == "It cost $4 and $5."


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Right [1]. Wrong [1].", "Wrong [1]."),
        ("- Right [1].\n- **Wrong.** [1]", "- **Wrong.**"),
        ("1. Right [1].\n2. Wrong here [1].", "2. Wrong here [1]."),
        ("| a | Wrong |\n|---|---|\n| x | y |", "Wrong"),
        ("# Heading\n\nIs **partly wrong** as a whole.", "Is **partly wrong** as a whole."),
        ("`Wrong` code", "`Wrong`"),
    ],
)
def test_a_doubtful_sentence_is_marked_and_nothing_else(text: str, part: str) -> None:
    html = render_answer(text, [Citation.from_hit(1, hit("x"))], [doubtful(text, part)])
    plain = re.sub(r"\[1\]|[-*`#|]|^\d\.", "", part).strip()
    found = Tags(marked(html)).text
    assert re.sub(r"\W", "", re.sub(r"1$", "", found)) in re.sub(r"\W", "", plain + "1")
    assert re.sub(r"\W", "", plain).startswith(re.sub(r"\W", "", found).rstrip("1"))
    assert {"strong", "ul", "ol", "table", "h1", "code"} & Tags(html).tags == (
        {"strong", "ul", "ol", "table", "h1", "code"} & Tags(render_answer(text)).tags
    )


def test_a_mark_says_why() -> None:
    text = "It is 30 days [1]."
    html = render_answer(text, (), [doubtful(text, text, "30 is not in [1] <b>")])
    assert 'title="30 is not in [1] &lt;b&gt;"' in html


@pytest.mark.parametrize("text", ["It is 30 days.", "- **It is 30 days.**", "| It is 30 days. |"])
def test_a_sentence_found_in_a_passage_has_a_quieter_button(text: str) -> None:
    start = text.index("It")
    found = Statement(text[start:], start, len(text), (), "supported", (), (2,))
    html = render_answer(text, [Citation.from_hit(2, hit("x"))], [found])
    assert 'class="cite found" data-cite="2"' in html
    assert "It is 30 days. found in 2" in Tags(html).text
    assert "<mark" not in html
    assert "found in" not in render_answer(text, [], [found])


def test_a_passage_is_marked_in_the_text_around_it() -> None:
    text = "Before.\nThe <b>passage</b>.\nAfter."
    start, end = text.index("The"), text.index("\nAfter")
    html = render_passage(text, start, end)
    assert '<mark class="passage">The &lt;b&gt;passage&lt;/b&gt;.</mark>' in html
    assert Tags(html).text == text


def test_the_exact_words_are_marked_within_the_passage() -> None:
    text = "Before. One. Two & three. Four. After."
    start, end = text.index("One"), text.index(" After")
    low = text.index("Two")
    html = render_passage(text, start, end, [(low, low + len("Two & three."))])
    assert (
        '<mark class="passage faint">One. <mark class="highlight">Two &amp; three.</mark>'
        " Four.</mark>" in html
    )
    assert Tags(html).text == text


def test_of_a_long_text_only_what_stands_around_the_passage_is_shown() -> None:
    text = "line of text\n" * 5000
    html = render_passage(text, 30_000, 30_050)
    assert len(html) < 7_000
    assert html.count("…") == 2


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_every_passage_of_every_text_can_be_shown(text: str, start: int, end: int) -> None:
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    shown = Tags(render_passage(text, start, end, around=5))
    assert shown.tags <= {"mark", "span"}
    assert text[start:end] in shown.text


@pytest.mark.parametrize("name", ["a*b_c.pdf", "[x](http://e)", ":red[x]", "$a$ `b`", "1. x", "#1"])
def test_a_name_is_a_label_in_which_nothing_is_markdown(name: str) -> None:
    from markdown_it import MarkdownIt

    shown = Tags(MarkdownIt("commonmark").render("x " + escape_markdown(name))).text.strip()
    assert shown.replace(JOINER, "") == f"x {name}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("see HTTP://e.example/a", f"see HTTP:{JOINER}//e.example/a"),
        ("https://e.example", f"https:{JOINER}//e.example"),
        ("www.e.example", f"www{JOINER}.e.example"),
        ("someone@e.example", f"someone@{JOINER}e.example"),
        ("a -> b >= c", f"a -{JOINER}> b >{JOINER}= c"),
        (":smile: x", f":{JOINER}smile: x"),
        ("page 5 of 8: www", "page 5 of 8: www"),
    ],
)
def test_an_address_in_a_name_is_no_link(name: str, shown: str) -> None:
    assert re.sub(r"\\(.)", r"\1", escape_markdown(name)) == shown


def test_a_name_that_turns_the_line_around_is_shown_as_it_is() -> None:
    assert "\u202e" not in escape_markdown("invoice\u202efdp.exe")
