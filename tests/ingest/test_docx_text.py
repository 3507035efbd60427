"""The text of Word paragraphs is what Word shows: scripts, strikes, fields, forms, equations."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document
from tests.support.word_maker import WordMaker, cell, make_word, paragraph, row, run, table

RAISED, LOWERED = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
BEGIN, SEPARATE, END = (
    f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
)


def read_body(*body: str, styles: str = "") -> Document:
    return read_document(make_word(*body, styles=styles), "a.docx")


def read_text(inner: str, styles: str = "") -> str:
    """Return the text of a paragraph of runs."""
    return read_body(paragraph(run("[") + inner + run("]")), styles=styles).pages[0].text[1:-1]


def style(name: str, properties: str, kind: str = "character", base: str = "") -> str:
    return (
        f'<w:style w:type="{kind}" w:styleId="{name}"><w:basedOn w:val="{base}"/>'
        f"<w:rPr>{properties}</w:rPr></w:style>"
    )


def instruction(text: str) -> str:
    return f"<w:r><w:instrText>{text}</w:instrText></w:r>"


def form(inner: str, instruction_text: str, result: str = "") -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{inner}</w:ffData></w:fldChar></w:r>'
        + instruction(instruction_text)
        + SEPARATE
        + result
        + END
    )


def control(properties: str, content: str) -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


@pytest.mark.parametrize(
    ("before", "raised", "text"),
    [
        ("30", "2", "30²"),
        ("4,500", "1,2", "4,500¹,²"),
        ("10", "-3", "10⁻³"),
        ("m", "k+1", "m^(k+1)"),
        ("Total", "a", "Total^a"),
        ("21", "st", "21st"),
        ("1", "ère", "1ère"),
        ("Acme", "TM", "Acme™"),
        ("9", "*", "9*"),
    ],
)
def test_superscripts_are_no_digits_of_the_number_before(
    before: str, raised: str, text: str
) -> None:
    assert read_text(run(before) + run(raised, RAISED)) == text


def test_scripts_come_from_styles_and_end_with_baseline() -> None:
    styles = style("Mark", RAISED) + style("Flat", '<w:vertAlign w:val="baseline"/>', base="Mark")
    inner = run("x", '<w:rStyle w:val="Flat"/>') + run("2", '<w:rStyle w:val="Mark"/>')
    assert read_text(inner, styles) == "x²"
    assert read_text(run("H") + run("2", LOWERED) + run("O")) == "H₂O"
    assert read_text(run("x") + run("k", RAISED) + run("+1", RAISED)) == "x^(k+1)"


def test_struck_out_text_is_left_out_and_counted() -> None:
    styles = style("Old", "<w:strike/>") + style("New", '<w:strike w:val="0"/>', base="Old")
    read = read_body(
        paragraph(
            run("costs ")
            + run("11", "<w:strike/>")
            + run("8", "<w:dstrike/>")
            + run("142 euro until ")
            + run("March ", '<w:rStyle w:val="Old"/>')
            + run("June", '<w:rStyle w:val="New"/>')
            + run(".", '<w:strike w:val="false"/>')
        ),
        paragraph(run("void", "<w:strike/>")),
        styles=styles,
    )
    assert read.pages[0].text == "costs 142 euro until June."
    assert read.warnings == ("3 struck-out passages were left out",)


def test_hidden_text_follows_the_nearest_style() -> None:
    styles = style("Hidden", "<w:vanish/>", "paragraph")
    styles += style("Shown", '<w:vanish w:val="0"/>', "paragraph", "Hidden")
    styles += style("Toggle", "<w:vanish/>")
    read = read_body(
        paragraph("secret", '<w:pStyle w:val="Hidden"/>'),
        paragraph("shown", '<w:pStyle w:val="Shown"/>'),
        paragraph(run("back", '<w:rStyle w:val="Toggle"/>'), '<w:pStyle w:val="Hidden"/>'),
        paragraph(run("direct", '<w:vanish w:val="0"/>'), '<w:pStyle w:val="Hidden"/>'),
        styles=styles,
    )
    assert read.pages[0].text == "shown\n\nback\n\ndirect"
    assert read.pages[0].hidden == len("secret")


@pytest.mark.parametrize(
    ("font", "code", "shown"),
    [
        ("Wingdings", "F0FE", "☑"),
        ("Wingdings", "F0FD", "☒"),
        ("Wingdings", "F0A8", "☐"),
        ("Wingdings", "00FC", "✓"),
        ("Wingdings", "F0E0", "→"),
        ("Wingdings 2", "F052", "☑"),
        ("Symbol", "F0B3", "≥"),
        ("Symbol", "006D", "μ"),
        ("Arial", "2265", "≥"),
        ("Unheard Of", "F041", ""),
        ("Symbol", "odd", ""),
    ],
)
def test_symbols_are_what_their_font_shows(font: str, code: str, shown: str) -> None:
    assert read_text(f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>') == shown


def test_text_in_a_symbol_font_is_translated() -> None:
    font = '<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>'
    assert read_text(run("ü", font) + run(" done")) == "✓ done"
    styles = style("Tick", font)
    assert read_text(run("\uf0fe", '<w:rStyle w:val="Tick"/>'), styles) == "☑"


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        ("<w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>", "☒"),
        ("<w:checkBox><w:default w:val='1'/><w:checked w:val='0'/></w:checkBox>", "☐"),
        ("<w:checkBox><w:default w:val='1'/></w:checkBox>", "☒"),
        ("<w:checkBox/>", "☐"),
        ("<w:ddList><w:result w:val='1'/><w:listEntry w:val='A'/><w:listEntry w:val='B'/>"
         "</w:ddList>", "B"),
        ("<w:ddList><w:default w:val='1'/><w:listEntry w:val='A'/><w:listEntry w:val='B'/>"
         "</w:ddList>", "B"),
        ("<w:ddList><w:listEntry w:val='A'/></w:ddList>", "A"),
        ("<w:ddList><w:result w:val='7'/><w:listEntry w:val='A'/></w:ddList>", ""),
    ],
)  # fmt: skip
def test_form_fields_show_ticks_and_choices(inner: str, shown: str) -> None:
    assert read_text(form(inner, "FORM")) == shown


def test_a_text_field_shows_its_text() -> None:
    assert read_text(form("<w:textInput/>", "FORMTEXT", run("Ann"))) == "Ann"


def test_content_controls_show_what_was_filled_in() -> None:
    ticked = '<w14:checkbox><w14:checked w14:val="{}"/></w14:checkbox>'
    inner = (
        control(ticked.format(1), run("☒"))
        + run(" yes ")
        + control(ticked.format("false"), run("\uf0a8", '<w:rFonts w:ascii="Wingdings"/>'))
        + run(" no ")
        + control("<w:dropDownList/>", run("Oslo "))
        + control("<w:date/><w:showingPlcHdr/>", run("Click to enter a date."))
    )
    read = read_body(paragraph(inner))
    assert read.pages[0].text == "☒ yes ☐ no Oslo"
    assert read.warnings == ("1 form field is not filled in",)


def test_placeholders_of_whole_blocks_are_left_out() -> None:
    read = read_body(
        paragraph("Name"),
        control("<w:showingPlcHdr/>", paragraph("Click here.")),
        control('<w:showingPlcHdr w:val="0"/>', paragraph("Ann")),
    )
    assert read.pages[0].text == "Name\n\nAnn"


def test_fields_show_their_results_only() -> None:
    nested = (
        BEGIN + instruction("IF ") + BEGIN + instruction("REF a") + SEPARATE + run("inner") + END
    )
    nested += instruction(' = "x" "yes"') + SEPARATE + run("yes") + END
    assert read_text(nested) == "yes"
    assert read_text(BEGIN + instruction("PAGE") + SEPARATE + run("7") + END) == "7"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('SYMBOL 254 \\f "Wingdings" \\s 12', "☑"),
        ("SYMBOL 8364", "€"),
        ("eq \\o\\ac(○,1)", "1"),
        ('EQ \\* jc2 \\* "Font:SimSun" \\* hps10 \\o\\ad(\\s\\up 9(cái wù),财务)', "财务"),
        ("EQ \\f(a,2)", "a/2"),
        ("EQ x\\s\\up8(2)", "x²"),
        ("EQ \\f(\\r(3,x),2)", "√(x)/2"),
        ("EQ \\f(", "\\f("),
        ('MACROBUTTON NoMacro [Click here]', ""),
    ],
)  # fmt: skip
def test_fields_without_a_result_show_their_instruction(text: str, shown: str) -> None:
    assert read_text(BEGIN + instruction(text) + END) == shown


def test_numbers_of_fields_and_form_controls_are_reported() -> None:
    field = BEGIN + instruction("AUTONUM") + END
    control = '<w:r><w:object><w:control w:name="CheckBox1"/></w:object></w:r>'
    assert read_body(paragraph(field + run(" Scope") + control)).warnings == (
        "1 automatic number was not read (fields AUTONUM and LISTNUM)",
        "1 ActiveX form control was not read",
    )


def test_a_field_that_never_ends_keeps_its_text() -> None:
    read = read_body(paragraph(run("a ") + BEGIN + instruction("REF x") + run("b")))
    assert read.pages[0].text == "a b"


def test_a_field_over_several_paragraphs_shows_its_result() -> None:
    read = read_body(
        paragraph(BEGIN + instruction("TOC") + SEPARATE + run("1 Scope")),
        paragraph("2" + ""),
        paragraph(run("3 Term") + END),
    )
    assert read.pages[0].text == "1 Scope\n\n2\n\n3 Term"


def test_phonetic_guides_leave_the_words_together() -> None:
    guide = (
        f"<w:r><w:ruby><w:rt>{run('よこはま')}</w:rt><w:rubyBase>{run('横浜')}</w:rubyBase>"
        "</w:ruby></w:r>"
    )
    assert read_text(run("本社は") + guide + run("です")) == "本社は横浜です"


def test_words_in_wrappers_at_every_level_are_read() -> None:
    wrapped = f"<w:smartTag><w:customXml>{run('smart')}</w:customXml></w:smartTag>"
    inserted = f'<w:ins w:id="1">{run(" new")}</w:ins><w:moveTo w:id="2">{run(" moved")}</w:moveTo>'
    deleted = f"<w:moveFrom>{run(' gone')}</w:moveFrom>"
    assert read_text(wrapped + inserted + deleted) == "smart new moved"
    cells = "".join(control("", cell(text)) for text in "ab")
    rows = f"<w:customXml><w:tr>{cells}</w:tr></w:customXml>"
    assert read_body(f"<w:tbl>{rows}</w:tbl>").pages[0].text == "a | b"


def test_a_drop_cap_belongs_to_its_word() -> None:
    read = read_body(
        paragraph("T", '<w:framePr w:dropCap="drop" w:lines="3"/>'), paragraph("he contract ends.")
    )
    assert read.pages[0].text == "The contract ends."


def test_a_paragraph_whose_end_is_deleted_goes_on_in_the_next() -> None:
    gone = "<w:del><w:r><w:delText>euros.</w:delText></w:r></w:del>"
    box = f"<w:r><w:pict><w:txbxContent>{paragraph('boxed')}</w:txbxContent></w:pict></w:r>"
    deleted = "<w:rPr><w:del/></w:rPr>"
    body = paragraph(run("The fee is 10 ") + gone + box, deleted) + paragraph("percent.")
    assert read_body(body).pages[0].text == "boxed\n\nThe fee is 10 percent."
    assert read_body(paragraph("the last", deleted)).pages[0].text == "the last"
    cells = make_word(table(row(cell(body.replace(box, "")), cell("x"))))
    assert read_document(cells, "a.docx").pages[0].text == "The fee is 10 percent. | x"


def math(tag: str, *children: str) -> str:
    return f"<m:{tag}>{''.join(children)}</m:{tag}>"


def math_text(tag: str, text: str) -> str:
    return math(tag, f"<m:r><m:t>{text}</m:t></m:r>")


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        (math("sSup", math_text("e", "x"), math_text("sup", "2")), "x^2"),
        (math("sSup", math_text("e", "x"), math_text("sup", "k+1")), "x^(k+1)"),
        (math("sSub", math_text("e", "a"), math_text("sub", "i")), "a_i"),
        (math("f", math_text("num", "a+b"), math_text("den", "2")), "(a+b)/2"),
        (math("f", math_text("num", "a"), math_text("den", "b")), "a/b"),
        (math("rad", math("deg"), math_text("e", "2gh")), "√(2gh)"),
        (math("d", math_text("e", "a"), math_text("e", "b")), "(a|b)"),
        (math("func", math_text("fName", "sin"), math_text("e", "x")), "sin x"),
        (
            math(
                "nary",
                '<m:naryPr><m:chr m:val="∑"/></m:naryPr>',
                math_text("sub", "i=1"),
                math_text("sup", "n"),
                math_text("e", "i"),
            ),
            "∑_(i=1)^n i",
        ),
        (
            math("m", math("mr", math_text("e", "1"), math_text("e", "2")),
                 math("mr", math_text("e", "3"))),
            "1, 2; 3",
        ),
    ],
)  # fmt: skip
def test_equations_are_read_as_text(equation: str, text: str) -> None:
    assert read_text(f"<m:oMath>{equation}</m:oMath>") == text


def test_damaged_styles_are_reported_and_the_text_read() -> None:
    word = WordMaker()
    word.add_part("styles", "styles.xml", b"<w:styles")
    read = read_document(word.make(paragraph("Text", '<w:pStyle w:val="Heading1"/>')), "a.docx")
    assert read.pages[0].text == "Text"
    assert "word/styles.xml" in read.warnings[0]
