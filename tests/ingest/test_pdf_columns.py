"""Columns of PDF pages whose lines are drawn across all of them."""

from __future__ import annotations

from itertools import zip_longest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Line, Sheet, make_pdf

WARRANTY = [
    "The warranty for all pumps lasts",
    "five years and is void after any",
    "welding by third parties, unless",
    "we agreed in writing before. The",
    "claims must be sent within thirty",
    "days after the fault was found.",
]
REPAIRS = [
    "Repairs are free of charge in the",
    "first two years and cost half the",
    "price then. Spare parts are kept",
    "for ten years after the end of",
    "the production of the pumps.",
]
DELIVERY = [
    "Deliveries leave the works each",
    "Tuesday and arrive within three",
    "days. Larger orders are split in",
    "several lots whose dates the two",
    "sides agree when the order is",
    "signed by both of them.",
]
HEAD = Line("General terms of business of the pump works, for all of its customers", y=760)
NOTE = Line("1 This note below the columns runs across the whole width of the page.", y=500)


def across(*columns: list[str], pitch: float = 14, gap: float = 170) -> list[Line]:
    """The columns line by line, as some programs draw them."""
    return [
        Line(text, size=10, x=50 + gap * column, y=720 - pitch * row)
        for row, texts in enumerate(zip_longest(*columns, fillvalue=""))
        for column, text in enumerate(texts)
        if text
    ]


def read(lines: list[Line]) -> list[str]:
    return read_document(make_pdf([Sheet(lines)]), "a.pdf").pages[0].text.splitlines()


def test_columns_are_read_one_by_one() -> None:
    lines = [HEAD, *across(WARRANTY, REPAIRS), NOTE]
    assert read(lines) == [HEAD.text, *WARRANTY, *REPAIRS, NOTE.text]


def test_three_columns_of_unequal_length() -> None:
    lines = [HEAD, *across(REPAIRS[:4], DELIVERY, WARRANTY), NOTE]
    assert read(lines) == [HEAD.text, *REPAIRS[:4], *DELIVERY, *WARRANTY, NOTE.text]


def test_a_heading_across_the_page_divides_the_columns() -> None:
    below = [Line(line.text, size=10, x=line.x, y=(line.y or 0) - 150) for line in
             across(DELIVERY, WARRANTY)]  # fmt: skip
    middle = Line("Deliveries of the works to customers in all countries", size=14, y=600)
    lines = [HEAD, *across(WARRANTY, REPAIRS), middle, *below]
    assert read(lines) == [HEAD.text, *WARRANTY, *REPAIRS, middle.text, *DELIVERY, *WARRANTY]


def test_words_broken_in_a_column_are_joined_in_it() -> None:
    left = ["Each person has to pay the accom-", "modation and the food, also if the",
            "customer pays for the journey to", "and from the works of the pumps."]  # fmt: skip
    right = ["Claims of a reim-bursement or reim-", "bursement of costs need the bill",
             "of the hotel and the name of the", "traveller, and the depart-", "ment."]  # fmt: skip
    found = read(across(left, right, gap=200))
    assert found[:2] == ["Each person has to pay the accommodation", "and the food, also if the"]
    assert found[4:6] == ["Claims of a reim-bursement or reim-bursement", "of costs need the bill"]
    assert found[-1].endswith("and the department.")


def test_rows_of_tables_stay_whole() -> None:
    labels = [
        "Breakfast allowance",
        "Travel by train",
        "Hotel costs",
        "Rental cars",
        "Visa and fees",
    ]
    texts = ["Paid for trips over eight hours", "Second class only", "Up to the limit of the city",
             "With the approval of the manager", "In full"]  # fmt: skip
    assert read(across(labels, texts)) == list(map(" ".join, zip(labels, texts, strict=True)))


def test_cells_of_several_lines_stay_beside_each_other() -> None:
    names = [
        "Requirement of the standard",
        "that applies",
        "Noise level at a distance of",
        "a metre",
    ]
    texts = ["Pumps must be stopped before the", "cover is opened", "Less than eighty decibels at",
             "load with closed covers"]  # fmt: skip
    assert read(across(names, texts)) == list(map(" ".join, zip(names, texts, strict=True)))


def test_marks_of_a_list_stay_with_its_items() -> None:
    lines = []
    for row, text in enumerate([*WARRANTY, *DELIVERY, *REPAIRS]):
        mark = [f"({'abcdef'[row // 3]})"] if row % 3 == 0 else []
        lines += [Line(text, size=10, x=x, y=720 - 14 * row) for x, text in zip(
            (50, 80)[1 - len(mark):], [*mark, text], strict=True)]  # fmt: skip
    found = read(lines)
    assert found[:4] == [f"(a) {WARRANTY[0]}", *WARRANTY[1:3], f"(b) {WARRANTY[3]}"]
    assert found[-2] == f"(f) {REPAIRS[3]}"


def test_page_numbers_of_a_table_of_contents_stay_with_their_headings() -> None:
    heads = ["the committee and its list", "all pumps that were repaired", "worn seals and gaskets",
             "what the works paid for it", "of the customers of the works"]  # fmt: skip
    dotted = [f"{head} . . . . . ." for head in heads]
    pages = ["12", "16", "19", "20", "31"]
    expected = list(map(" ".join, zip(dotted, pages, strict=True)))
    assert read(across(dotted, pages, gap=250)) == expected


def test_figures_between_columns_are_rows() -> None:
    rows = [f"Pumps of the type {name} 11,960 11,020" for name in "ABCDEF"]
    others = [f"Valves of size {name} 6,130 5,890" for name in "ABCDEF"]
    assert read(across(rows, others, gap=240)) == list(
        map(" ".join, zip(rows, others, strict=True))
    )


def test_a_passage_in_a_column_is_highlighted_there() -> None:
    data = make_pdf([Sheet(across(WARRANTY, REPAIRS))])
    text = read_document(data, "a.pdf").pages[0].text
    start, end = text.index(WARRANTY[1]), text.index(WARRANTY[3])
    boxes = draw_page(data, 0, start, end, text[start:end], 1190).boxes
    assert len(boxes) == 2
    assert all(box.right * 595 < 220 for box in boxes)
    start = text.index(WARRANTY[-1])
    boxes = draw_page(data, 0, start, len(text), text[start:], 1190).boxes
    assert [box.left * 595 > 215 for box in boxes] == [False] + [True] * 5
