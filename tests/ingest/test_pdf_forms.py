from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from tests.support.pdf_maker import Line, Mark, Sheet, make_pdf

ROWS = [Line("Name:", y=700), Line("Full time", x=172, y=672), Line("Part time", x=292, y=672)]
NAME_BOX = (150, 695, 370, 715)
FULL_BOX, PART_BOX = (150, 670, 164, 684), (270, 670, 284, 684)


def read(*marks: Mark, lines: list[Line] = ROWS) -> list[str]:
    """The blocks that are not lines of the page itself."""
    page = read_document(make_pdf([Sheet(lines, marks=marks)]), "a.pdf").pages[0]
    own = {line.text for line in lines} | {"Full time Part time", "From to"}
    texts = [page.text[block.start : block.end] for block in page.blocks]
    return [text for text in texts if not set(text.split("\n")) <= own]


def drawn(text: str) -> str:
    return f"/Tx BMC BT /F0 10 Tf 2 5 Td ({text}) Tj ET EMC"


def typed(entries: str, look: str | None = None) -> Mark:
    return Mark("Widget", NAME_BOX, f"/FT/Tx/T(name)/F 4{entries}", look)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (typed("/V(Solveig Aune)", drawn("Solveig Aune")), ["Name: Solveig Aune"]),
        (typed("/V(Solveig Aune)"), ["Name: Solveig Aune"]),
        (typed("", drawn("Solveig Aune")), ["Name: Solveig Aune"]),
        (typed("/V(1250.5)", drawn("1,250.50 EUR")), ["Name: 1,250.50 EUR"]),
        (typed("/V(4821)", drawn("4 8 2 1")), ["Name: 4821"]),
        (typed("/V(One\\rTwo)"), ["Name: One\nTwo"]),
        (typed("/V(Aune)/TU(Last name)"), ["Last name: Aune"]),
        (typed(""), []),
        (typed("/V( )", ""), []),
        (typed("/Ff 8192/V(secret)"), []),
        (Mark("Widget", NAME_BOX, "/FT/Tx/T(n)/F 2/V(Aune)"), []),
        (Mark("Widget", (0, 0, 0, 0), "/FT/Tx/T(n)/F 4/V(Aune)"), []),
        (
            Mark(
                "Widget",
                NAME_BOX,
                "/FT/Ch/Ff 131072/T(site)/F 4/V(o)/Opt[[(o)(Oslo office)][(d)(Drammen yard)]]",
            ),
            ["Name: Oslo office"],
        ),
        (
            Mark("Widget", NAME_BOX, "/FT/Ch/Ff 393216/T(site)/F 4/V(Bergen)/Opt[(Oslo)(Drammen)]"),
            ["Name: Bergen"],
        ),
        (
            Mark(
                "Widget",
                NAME_BOX,
                "/FT/Ch/Ff 2097152/T(site)/F 4/V[(Oslo)(Hamar)]/Opt[(Oslo)(Drammen)(Hamar)]",
            ),
            ["Name: Oslo, Hamar"],
        ),
        (Mark("Widget", NAME_BOX, "/FT/Btn/Ff 65536/T(send)/F 4/MK<</CA(Send)>>"), []),
        (Mark("Widget", NAME_BOX, "/FT/Sig/T(sig)/F 4"), []),
        (Mark("Widget", NAME_BOX, "/FT/Sig/T(sig)/F 4/V<</Type/Sig>>"), ["Name: signed"]),
        (
            Mark(
                "Widget",
                NAME_BOX,
                "/FT/Sig/T(sig)/F 4/V<</Type/Sig>>",
                drawn("Digitally signed by Aune, 2 May 2025"),
            ),
            ["Name: Digitally signed by Aune, 2 May 2025"],
        ),
    ],
)
def test_field_is_read_with_its_label(field: Mark, found: list[str]) -> None:
    assert read(field) == found


def box(
    place: tuple[float, float, float, float], name: str, state: str, *, group: str = ""
) -> Mark:
    own = f"/AS/{state}" if group else f"/FT/Btn/T({name})/V/{state}/AS/{state}"
    return Mark("Widget", place, f"/F 4{own}", look=drawn("X"), on=name, group=group)


def test_boxes_tell_which_of_them_is_ticked() -> None:
    marks = [box(FULL_BOX, "Yes", "Yes"), box(PART_BOX, "No", "Off")]
    assert read(*marks) == ["☒ Full time", "☐ Part time"]


def test_radio_buttons_tell_which_of_them_is_chosen() -> None:
    group = "/FT/Btn/Ff 49152/T(time)/V/b/TU(Working time)"
    marks = [box(FULL_BOX, "a", "Off", group=group), box(PART_BOX, "b", "b", group=group)]
    assert read(*marks) == ["☐ Full time", "☒ Part time"]


def test_labels_to_the_left_of_boxes_are_told_from_those_to_the_right() -> None:
    lines = [Line("Full time", y=672), Line("Part time", x=200, y=672)]
    marks = [box(FULL_BOX, "Yes", "Yes"), box(PART_BOX, "No", "Off")]
    assert read(*marks, lines=lines) == ["☒ Full time", "☐ Part time"]


def test_box_in_a_table_has_the_label_of_its_row_and_its_own_name() -> None:
    lines = [Line("Smoker", y=672)]
    marks = [box(FULL_BOX, "yes", "Off"), box(PART_BOX, "no", "no")]
    assert read(*marks, lines=lines) == ["☐ Smoker", "☒ Smoker (no)"]


def test_label_above_a_field_is_found_and_the_name_is_the_last_resort() -> None:
    above = [Line("Place and date", x=150, y=720)]
    assert read(typed("/V(Oslo)"), lines=above) == ["Place and date: Oslo"]
    assert read(typed("/V(Oslo)"), lines=[Line("Far away", y=100)]) == ["name: Oslo"]


def test_fields_of_a_row_have_their_own_labels() -> None:
    lines = [Line("From", x=72, y=700), Line("to", x=230, y=700)]
    marks = [
        Mark("Widget", (110, 695, 220, 715), "/FT/Tx/T(a)/F 4/V(1 May)"),
        Mark("Widget", (250, 695, 370, 715), "/FT/Tx/T(b)/F 4/V(9 May)"),
    ]
    assert read(*marks, lines=lines) == ["From: 1 May", "to: 9 May"]


def test_value_is_below_the_heading_of_its_own_section() -> None:
    lines = [
        Line("Buyer", size=18, y=760),
        Line("Name", y=700),
        Line("Seller", size=18, y=600),
        Line("Name", y=560),
        *(
            Line("Both agree to what is written on the next page of this contract.", y=y)
            for y in (500, 480)
        ),
    ]
    marks = [
        Mark("Widget", NAME_BOX, "/FT/Tx/T(a)/F 4/V(Aune)"),
        Mark("Widget", (150, 555, 370, 575), "/FT/Tx/T(b)/F 4/V(Berg)"),
    ]
    text = read_document(make_pdf([Sheet(lines, marks=marks)]), "a.pdf").pages[0].text
    assert [text.index(word) for word in ("Buyer", "Aune", "Seller", "Berg")] == sorted(
        text.index(word) for word in ("Buyer", "Aune", "Seller", "Berg")
    )


def test_same_field_on_two_pages_is_read_on_both() -> None:
    group = "/FT/Tx/T(name)/V(Solveig Aune)"
    mark = Mark("Widget", NAME_BOX, "/F 4", group=group)
    document = read_document(make_pdf([Sheet(ROWS, marks=[mark])] * 2), "a.pdf")
    assert ["Name: Solveig Aune" in page.text for page in document.pages] == [True, True]


def test_widget_without_a_form_is_read_from_its_drawing() -> None:
    assert read(Mark("Widget", NAME_BOX, "/T(n)/F 4", drawn("Aune"))) == ["Name: Aune"]
