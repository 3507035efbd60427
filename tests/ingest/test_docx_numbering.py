"""Automatic numbers of Word documents are read as they are printed."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind
from ragkit_ingest.text.numerals import write_number
from tests.support.word_maker import WordMaker, make_word, paragraph

LEGAL = ("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"), ("lowerRoman", "%4)")


def level(at: int, style: str, text: str, inner: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{style}"/>{inner}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def abstract(key: int, *levels: str) -> str:
    return f'<w:abstractNum w:abstractNumId="{key}">{"".join(levels)}</w:abstractNum>'


def number(key: int, abstract_key: int, inner: str = "") -> str:
    return f'<w:num w:numId="{key}"><w:abstractNumId w:val="{abstract_key}"/>{inner}</w:num>'


def legal(key: int = 0) -> str:
    return abstract(key, *(level(at, style, text) for at, (style, text) in enumerate(LEGAL)))


def item(text: str, at: int = 0, key: int = 1) -> str:
    properties = f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{key}"/></w:numPr>'
    return paragraph(text, properties)


def read_lines(numbering: str, *body: str, styles: str = "") -> list[str]:
    document = read_document(make_word(*body, styles=styles, numbering=numbering), "a.docx")
    page = document.pages[0]
    return [page.text[block.start : block.end] for block in page.blocks]


def test_levels_count_below_each_other() -> None:
    depths = [0, 1, 1, 2, 2, 3, 1, 2, 0, 1]
    lines = read_lines(legal() + number(1, 0), *(item("x", at) for at in depths))
    assert [line.removesuffix(" x") for line in lines] == [
        *("1.", "1.1", "1.2", "(a)", "(b)", "i)", "1.3", "(a)", "2.", "2.1")
    ]


def test_a_level_above_that_was_left_out_shows_its_first_number() -> None:
    lines = read_lines(legal() + number(1, 0), item("x", 1), item("y", 1), item("z", 0))
    assert lines == ["1.1 x", "1.2 y", "2. z"]


def test_blank_items_count_but_deleted_ones_do_not() -> None:
    deleted = paragraph(
        "<w:del><w:r><w:delText>old</w:delText></w:r></w:del>",
        '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr><w:rPr><w:del/></w:rPr>',
    )
    lines = read_lines(legal() + number(1, 0), item("a"), item(" "), deleted, item("b"))
    assert lines == ["1. a", "3. b"]


def test_lists_of_one_abstract_list_count_on_unless_they_start_themselves() -> None:
    fresh = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
    numbering = legal() + number(1, 0) + number(2, 0) + number(3, 0, fresh)
    body = [item("a"), item("b", key=2), item("c", key=3), item("d", key=3), item("e", 1, key=3)]
    assert read_lines(numbering, *body) == ["1. a", "2. b", "5. c", "6. d", "6.1 e"]


def test_a_list_may_replace_a_level() -> None:
    own = f'<w:lvlOverride w:ilvl="0">{level(0, "upperRoman", "Article %1 –")}</w:lvlOverride>'
    assert read_lines(legal() + number(1, 0, own), item("Scope")) == ["Article I – Scope"]


def test_restarts_are_those_of_the_level() -> None:
    levels = [
        level(0, "decimal", "Part %1"),
        level(1, "decimal", "Section %2", '<w:lvlRestart w:val="0"/>'),
    ]
    numbering = abstract(0, *levels) + number(1, 0)
    lines = read_lines(numbering, *(item("x", at) for at in [0, 1, 1, 0, 1]))
    assert lines == ["Part 1 x", "Section 1 x", "Section 2 x", "Part 2 x", "Section 3 x"]


def test_legal_numbers_are_decimal_on_all_levels() -> None:
    levels = [
        level(0, "upperRoman", "Article %1."),
        level(1, "decimalZero", "Section %1.%2", "<w:isLgl/>"),
        level(2, "lowerLetter", "%1.%3", "<w:isLgl/>"),
    ]
    numbering = abstract(0, *levels) + number(1, 0)
    lines = read_lines(numbering, item("x"), item("y", 1), item("z", 2))
    assert lines == ["Article I. x", "Section 1.01 y", "1.1 z"]


def test_bullets_have_no_sign_and_hidden_numbers_none() -> None:
    hidden = level(0, "decimal", "%1.", "<w:rPr><w:vanish/></w:rPr>")
    numbering = abstract(0, level(0, "bullet", "\uf0b7")) + abstract(1, hidden)
    numbering += number(1, 0) + number(2, 1)
    page = read_document(
        make_word(item("a"), item("b", key=2), numbering=numbering), "a.docx"
    ).pages[0]
    assert page.text == "a\nb"
    assert {block.kind for block in page.blocks} == {BlockKind.ITEM}


def test_bullets_that_are_ticks_are_kept() -> None:
    font = '<w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr>'
    signs = [("\uf0fc", font), ("☐", ""), ("\uf0a7", font)]
    numbering = "".join(
        abstract(key, level(0, "bullet", sign, inner)) for key, (sign, inner) in enumerate(signs)
    ) + "".join(number(key + 1, key) for key in range(3))
    body = [item(text, key=key + 1) for key, text in enumerate(["paid", "sent", "plain"])]
    assert read_lines(numbering, *body) == ["✓ paid", "☐ sent", "plain"]


@pytest.mark.parametrize(
    ("suffix", "text", "line"),
    [("tab", "%1)", "1) x"), ("space", "Step %1:", "Step 1: x"), ("nothing", "第%1条", "第1条x")],
)
def test_what_separates_the_number(suffix: str, text: str, line: str) -> None:
    inner = f'<w:suff w:val="{suffix}"/>'
    numbering = abstract(0, level(0, "decimal", text, inner)) + number(1, 0)
    assert read_lines(numbering, item("x")) == [line]


def test_a_number_and_a_text_never_become_one_number() -> None:
    numbering = abstract(0, level(0, "decimal", "%1", '<w:suff w:val="nothing"/>')) + number(1, 0)
    assert read_lines(numbering, item("30 days")) == ["1 30 days"]


def test_styles_number_headings_by_the_level_linked_to_them() -> None:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="H{at}"><w:name w:val="heading {at}"/>'
        f'<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        for at in (1, 2)
    )
    styles += (
        '<w:style w:type="paragraph" w:styleId="Own"><w:basedOn w:val="H2"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Bare"><w:basedOn w:val="H1"/>'
        '<w:pPr><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr></w:style>'
    )
    levels = [
        level(at, "decimal", text, f'<w:pStyle w:val="H{at + 1}"/>')
        for at, text in enumerate(["%1", "%1.%2"])
    ]
    names = ["H1", "H2", "Own", "Bare", "H1", "H2"]
    body = [paragraph("x", f'<w:pStyle w:val="{name}"/>') for name in names]
    data = make_word(*body, styles=styles, numbering=abstract(0, *levels) + number(1, 0))
    page = read_document(data, "a.docx").pages[0]
    assert page.text.split("\n\n") == ["1 x", "1.1 x", "1.2 x", "x", "2 x", "2.1 x"]
    assert [block.level for block in page.blocks] == [1, 2, 2, 1, 1, 2]


def test_a_list_may_be_that_of_a_numbering_style() -> None:
    styles = (
        '<w:style w:type="numbering" w:styleId="Clauses">'
        '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    link = '<w:abstractNum w:abstractNumId="7"><w:numStyleLink w:val="Clauses"/></w:abstractNum>'
    numbering = legal() + link + number(1, 0) + number(2, 7)
    lines = read_lines(numbering, item("a", key=2), item("b", key=2), styles=styles)
    assert lines == ["1. a", "2. b"]


def test_cells_and_text_boxes_are_numbered_too() -> None:
    cells = "".join(f"<w:tc>{item(text)}</w:tc>" for text in ("a", "b"))
    box = (
        f"<w:r><w:pict><v:shape><w:txbxContent>{item('c')}</w:txbxContent></v:shape></w:pict></w:r>"
    )
    body = [f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>", paragraph(box)]
    assert read_lines(legal() + number(1, 0), *body) == ["1. a | 2. b", "3. c"]


def test_numbers_with_zeros_and_of_other_languages() -> None:
    custom = (
        '<w:lvl w:ilvl="0"><w:start w:val="9"/><mc:AlternateContent><mc:Choice Requires="w14">'
        '<w:numFmt w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback>'
        '<w:numFmt w:val="decimal"/></mc:Fallback></mc:AlternateContent>'
        '<w:lvlText w:val="R-%1"/></w:lvl>'
    )
    language = '<w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val="de-DE"/></w:rPr></w:rPrDefault>'
    styles = f"{language}</w:docDefaults>"
    numbering = abstract(0, custom) + abstract(1, level(0, "ordinal", "%1"))
    numbering += number(1, 0) + number(2, 1)
    lines = read_lines(numbering, item("x"), item("y"), item("z", key=2), styles=styles)
    assert lines == ["R-009 x", "R-010 y", "1. z"]


def test_damaged_numbering_is_reported_and_the_text_read() -> None:
    word = WordMaker()
    word.add_part("numbering", "numbering.xml", "<broken")
    document = read_document(word.make(item("Scope"), item("Term")), "a.docx")
    assert document.pages[0].text == "Scope\nTerm"
    assert "word/numbering.xml" in document.warnings[0]


def test_unknown_lists_and_absurd_levels_are_read() -> None:
    assert read_lines(legal() + number(1, 0), item("a", 99_999_999), item("b", key=8)) == ["a", "b"]


@pytest.mark.parametrize(
    ("style", "numbers"),
    [
        ("upperLetter", {1: "A", 26: "Z", 27: "AA", 28: "BB"}),
        ("lowerRoman", {4: "iv", 9: "ix", 1994: "mcmxciv", 0: "0"}),
        ("decimalZero", {7: "07", 12: "12"}),
        ("ordinal", {1: "1st", 2: "2nd", 11: "11th", 23: "23rd", 112: "112th"}),
        ("ordinalText", {1: "First", 12: "Twelfth", 20: "Twentieth", 21: "Twenty-first"}),
        ("cardinalText", {8: "Eight", 42: "Forty-two"}),
        ("chineseCountingThousand", {10: "十", 12: "十二", 21: "二十一", 105: "一百零五"}),
        ("japaneseCounting", {10: "十", 101: "百一"}),
        ("ideographDigital", {10: "一〇"}),
        ("decimalEnclosedCircle", {3: "③", 21: "21"}),
        ("chicago", {1: "*", 2: "†", 5: "**"}),
        ("unheardOf", {3: "3"}),
    ],
)
def test_styles_of_numbers(style: str, numbers: dict[int, str]) -> None:
    assert {each: write_number(each, style) for each in numbers} == numbers
