"""Words of PDFs that are broken at line ends."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Sheet, make_pdf


def read(*sheets: list[str]) -> Document:
    return read_document(make_pdf([Sheet(lines) for lines in sheets]), "a.pdf")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["written main-", "tenance plan, and the responsi-", "ble one"],
         "written maintenance\nplan, and the responsible\none"),
        (["die Kranken-", "hausverwaltung und die Über-", "stunden der Straßenbau-", "ämter"],
         "die Krankenhausverwaltung\nund die Überstunden\nder Straßenbauämter"),
        (["les rensei-", "gnements sont confi-", "dentiels"],
         "les renseignements\nsont confidentiels"),
        (["la informa-", "ción y la organi-", "zación."], "la información\ny la organización."),
        (["de verzeke-", "ringsmaatschappij betaalt"], "de verzekeringsmaatschappij\nbetaalt"),
        (["a non-govern-", "mental body"], "a non-governmental\nbody"),
        (["ACCOM-", "MODATION COSTS"], "ACCOMMODATION\nCOSTS"),
    ],
    ids=["English", "German", "French", "Spanish", "Dutch", "chain", "capitals"],
)  # fmt: skip
def test_a_broken_word_is_joined(lines: list[str], expected: str) -> None:
    assert read(lines).pages[0].text == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a long-", "term plan"], "a long-term\nplan"),
        (["by e-", "mail today"], "by e-mail\ntoday"),
        (["the VX-4410-", "31 is here"], "the VX-4410-31\nis here"),
        (["die VX-", "Pumpe läuft"], "die VX-Pumpe\nläuft"),
        (["from 2019-", "2024 only"], "from 2019-2024\nonly"),
        (["a 10-", "year bond"], "a 10-year\nbond"),
        (["COVID-", "19 rules"], "COVID-19\nrules"),
        (["in Ost-", "und Westeuropa"], "in Ost-\nund Westeuropa"),
        (["pre-", "and post-tax"], "pre-\nand post-tax"),
        (["an up-to-", "date list"], "an up-to-date\nlist"),
        (["the over-the-", "counter trade"], "the over-the-counter\ntrade"),
        (["Jean-", "Luc signs"], "Jean-Luc\nsigns"),
        (["c'est peut-", "être vrai"], "c'est peut-être\nvrai"),
        (["the price-", "determining part: a price, determining"],
         "the price-determining\npart: a price, determining"),
    ],
)  # fmt: skip
def test_a_hyphen_of_the_word_is_kept(lines: list[str], expected: str) -> None:
    assert read(lines).pages[0].text == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["Balance 1.234,50-", "2.000,00 credit"],
        ["pages 12-", "14 and 20"],
        ["costs -", "all of them"],
        ["Total 5-", "1,999 of it"],
    ],
)
def test_other_hyphens_at_line_ends_are_left(lines: list[str]) -> None:
    assert read(lines).pages[0].text == "\n".join(lines)


@pytest.mark.parametrize(
    ("elsewhere", "expected"),
    [
        ("Each gearbox has its gear and its box.", "gearbox"),
        ("Gearboxes have a gear and a box.", "gearbox"),
        ("Each gear-box has two shafts.", "gear-box"),
        ("A gear is in the box.", "gear-box"),
        ("Nothing else is known.", "gearbox"),
    ],
)
def test_the_document_decides_how_a_word_is_spelt(elsewhere: str, expected: str) -> None:
    document = read([elsewhere], ["Oil for the gear-", "box."])
    assert document.pages[1].text == f"Oil for the {expected}."


def test_halves_of_broken_words_are_no_evidence() -> None:
    document = read(["Oil for the gear-", "box and the gear-", "box."])
    assert document.pages[0].text == "Oil for the gearbox\nand the gearbox."


def test_joined_lines_stay_one_paragraph_with_their_own_type() -> None:
    page = read(["The accom-", "modation list and", "the reim-", "bursement list."]).pages[0]
    (block,) = page.blocks
    assert page.text[block.start : block.end] == (
        "The accommodation\nlist and\nthe reimbursement\nlist."
    )


@pytest.mark.parametrize("elsewhere", ["The engineer signs.", "A long-term plan, long-term."])
@pytest.mark.parametrize(
    ("needle", "boxes"),
    [
        ("maintenance", [(0, "main"), (1, "tenance")]),
        ("plan and", [(1, "plan"), (1, "and")]),
        ("long-term", [(1, "long"), (2, "term")]),
        ("signed", [(2, "signed")]),
    ],
)
def test_each_half_is_highlighted(
    elsewhere: str, needle: str, boxes: list[tuple[int, str]]
) -> None:
    lines = ["Every machine needs a main-", "tenance plan and a long-", "term one, signed."]
    data = make_pdf([Sheet([elsewhere]), Sheet(lines)])
    text = read_document(data, "a.pdf").pages[1].text
    start = text.index(needle)
    found = draw_page(data, 1, start, start + len(needle), needle, 1190).boxes
    rows = [round((box.top * 842 - 63) / 14.3) for box in found]
    assert rows == list(dict.fromkeys(row for row, _ in boxes))
    for box, row in zip(found, rows, strict=True):
        at_start = lines[row].startswith(boxes[-1][1]) and len(boxes) > 1 and row == boxes[-1][0]
        assert (box.left * 595 < 73) == (at_start or lines[row].startswith(needle))
