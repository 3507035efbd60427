from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Line, Mark, Sheet, make_pdf

PLAN = [Line("Floor plan of level 2", y=770), Line("Kitchen to the left of the stairs", y=700)]
NOTE_BOX = (400, 695, 420, 715)
LOW_BOX = (72, 500, 300, 540)


def read(*marks: Mark, lines: list[Line] = PLAN, **options: object) -> Document:
    sheet = Sheet(lines, marks=marks, **options)  # type: ignore[arg-type]
    return read_document(make_pdf([sheet]), "a.pdf")


def texts(document: Document) -> list[str]:
    page = document.pages[0]
    return [page.text[block.start : block.end] for block in page.blocks]


def added(document: Document) -> list[str]:
    own = {line.text for line in PLAN} | {"\n".join(line.text for line in PLAN)}
    return [text for text in texts(document) if text not in own]


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        (Mark("FreeText", LOW_BOX, "/Contents(Moved to room 217)"), ["Moved to room 217"]),
        (Mark("FreeText", LOW_BOX, "/Contents(Two\\r\\rlines)"), ["Two\nlines"]),
        (
            Mark("FreeText", LOW_BOX, "/RC(<body><p>Fire &amp; smoke</p></body>)"),
            ["Fire & smoke"],
        ),
        (
            Mark("FreeText", LOW_BOX, look="BT /F0 10 Tf 2 5 Td (Only drawn) Tj ET"),
            ["Only drawn"],
        ),
        (Mark("Text", NOTE_BOX, "/Contents(Rejected)"), ["Comment: Rejected"]),
        (
            Mark("Text", NOTE_BOX, "/T(Jane Doe)/Contents(Rejected)"),
            ["Comment (Jane Doe): Rejected"],
        ),
        (Mark("Caret", NOTE_BOX, "/T(J)/Contents(not)"), ["Comment (J): not"]),
        (Mark("Square", LOW_BOX, "/Contents(Check this)"), ["Comment: Check this"]),
        (Mark("Highlight", LOW_BOX, "/Contents(Is that so?)"), ["Comment: Is that so?"]),
        (Mark("Highlight", LOW_BOX, "/Contents(left of the stairs)"), []),
        (Mark("Highlight", LOW_BOX), []),
        (Mark("Stamp", LOW_BOX, "/Name/SBNotApproved"), ["Stamp: Not Approved"]),
        (
            Mark("Stamp", LOW_BOX, "/Name/X", look="BT /F0 20 Tf 2 5 Td (PAID 3 May) Tj ET"),
            ["Stamp: PAID 3 May"],
        ),
        (Mark("Popup", LOW_BOX, "/Contents(Rejected)"), []),
        (Mark("Link", LOW_BOX, "/Contents(Rejected)"), []),
        (Mark("Text", NOTE_BOX, "/F 2/Contents(Rejected)"), []),
        (Mark("Text", NOTE_BOX, "/F 32/Contents(Rejected)"), []),
        (Mark("FreeText", (700, 500, 900, 540), "/Contents(Beside the page)"), []),
    ],
)
def test_annotation_is_read_as_it_is_shown(mark: Mark, found: list[str]) -> None:
    document = read(mark)
    assert added(document) == found
    assert document.warnings == ()


def test_comment_follows_the_line_it_is_beside() -> None:
    mark = Mark("Text", NOTE_BOX, "/Contents(Rejected)")
    lines = [*PLAN, Line("Entrance to the right", y=686)]
    assert texts(read(mark, lines=lines))[-2:] == ["Comment: Rejected", "Entrance to the right"]


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_comment_is_in_place_on_a_turned_page(rotate: int) -> None:
    mark = Mark("FreeText", (150, 650, 300, 665), "/Contents(Moved)")
    lines = [
        Line(f"Line {n}", x=100 + 100 * n, y=400, matrix=matrix)
        for n, matrix in enumerate(["0 1 -1 0"] * 3)
    ]
    above = texts(read(mark, lines=lines, rotate=rotate))
    assert "Moved" in above


def test_replies_follow_their_comment() -> None:
    document = read(
        Mark("Text", NOTE_BOX, "/T(Jane)/Contents(Rejected)"),
        Mark("Text", NOTE_BOX, "/T(Omar)/Contents(Why?)/IRT {0} 0 R"),
        Mark(
            "Text",
            NOTE_BOX,
            "/T(Omar)/Contents(Accepted)/IRT {0} 0 R/StateModel(Review)",
        ),
    )
    assert added(document) == ["Comment (Jane): Rejected", "Reply (Omar): Why?"]


def test_strike_outs_and_redactions_are_named() -> None:
    document = read(Mark("StrikeOut", LOW_BOX), Mark("Redact", LOW_BOX), Mark("Redact", NOTE_BOX))
    assert added(document) == []
    assert document.warnings == (
        "page 1 has marks for redaction; the text below is searched",
        "page 1 has struck-out text, which is searched as it is",
    )


def test_file_attached_to_a_place_is_read() -> None:
    mark = Mark("FileAttachment", NOTE_BOX, "/Contents(See this)", file=("a.txt", b"Oil the pump."))
    document = read(mark)
    assert added(document) == ["Comment: See this"]
    assert document.pages[1].page_label == "page 1, attachment: a.txt"
    assert document.pages[1].text == "Oil the pump."


def test_page_of_annotations_alone_has_text() -> None:
    assert texts(read(Mark("FreeText", LOW_BOX, "/Contents(Moved)"), lines=[])) == ["Moved"]


def test_note_divides_the_paragraph_around_it() -> None:
    lines = [Line(f"This is line {n} of a paragraph.", y=700 - 14 * n) for n in range(4)]
    document = read(Mark("Text", (400, 682, 420, 700), "/Contents(Rejected)"), lines=lines)
    first, second, third = texts(document)
    assert first == f"{lines[0].text}\n{lines[1].text}"
    assert second == "Comment: Rejected"
    assert third == f"{lines[2].text}\n{lines[3].text}"


def test_citation_of_a_note_marks_its_place_on_the_page() -> None:
    data = make_pdf([Sheet(PLAN, marks=[Mark("FreeText", LOW_BOX, "/Contents(Moved)")])])
    text = read_document(data, "a.pdf").pages[0].text
    for quote, count in (("Moved", 1), ("Kitchen to the left", 1), (text, 3)):
        at = text.index(quote)
        picture = draw_page(data, 0, at, at + len(quote), quote, 595)
        assert len(picture.boxes) == count
    box = draw_page(data, 0, text.index("Moved"), text.index("Moved") + 5, "Moved", 595).boxes[0]
    edges = [595 * box.left, 842 * (1 - box.bottom), 595 * box.right, 842 * (1 - box.top)]
    assert edges == pytest.approx(LOW_BOX, abs=1.5)
