from __future__ import annotations

import io
import os
import random
from dataclasses import replace
from pathlib import Path
from unicodedata import combining, is_normalized, normalize

import numpy as np
import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ragkit_ingest.chunk import ChunkSettings, chunk_document
from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.readers.pdf_image import Box, PagePicture, draw_page, read_page_text
from ragkit_ingest.text.cleaning import clean_text, kept_indices
from tests.support.pdf_maker import Line, Mark, Sheet, make_pdf

SETS = Path(os.environ.get("EVAL_SETS", Path(__file__).parents[3] / "shared" / "eval"))
FINANCE = SETS / "finance" / "docs"
NEEDLE = "Kranzmoor"
WIDTH = 1190  # two pixels a point on A4
ABOVE = Line("Pumps were repaired in the last year.", x=72, y=760)
BELOW = Line("Most of them had worn seals.", x=72, y=650)


def pixels(picture: PagePicture) -> np.ndarray:
    """Shape (height, width, 3), by another decoder of PNG."""
    image = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    assert image.shape == (picture.height, picture.width, 3)
    return image


def plain(sheet: Sheet, width: int = WIDTH) -> np.ndarray:
    return pixels(draw_page(make_pdf([sheet]), 0, 0, 0, "", width))


def highlighted(sheet: Sheet, needle: str = NEEDLE, width: int = WIDTH) -> PagePicture:
    """The page as it is drawn when a reader of its stored text asks for the needle."""
    data = make_pdf([sheet])
    text = read_document(data, "a.pdf").pages[0].text
    start = text.index(needle)
    return draw_page(data, 0, start, start + len(needle), needle, width)


def place_of_ink(sheet: Sheet, needle: str = NEEDLE) -> Box:
    """Where the needle's own line leaves ink: what differs once it is written in white."""
    lines = [line for line in sheet.lines if isinstance(line, Line)]
    blank = [replace(line, grey=1) if needle in line.text else line for line in lines]
    seen = (plain(sheet) != plain(replace(sheet, lines=blank))).any(axis=2)
    high, wide = seen.shape
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return Box(columns[0] / wide, rows[0] / high, (columns[-1] + 1) / wide, (rows[-1] + 1) / high)


def assert_just_around(box: Box, ink: Box, picture: PagePicture) -> None:
    """The box holds the ink, and reaches beyond it by little of a line's height."""
    wide, high = picture.width, picture.height
    little = 0.6 * min((ink.right - ink.left) * wide, (ink.bottom - ink.top) * high)
    assert 0 <= (ink.left - box.left) * wide < little
    assert 0 <= (box.right - ink.right) * wide < little
    assert 0 <= (ink.top - box.top) * high < little
    assert 0 <= (box.bottom - ink.bottom) * high < little


def masked(picture: PagePicture) -> np.ndarray:
    """Which pixels are in the boxes; shape (height, width, 1)."""
    marked = np.zeros((picture.height, picture.width, 1), bool)
    for box in picture.boxes:
        left, right = round(box.left * picture.width), round(box.right * picture.width)
        top, bottom = round(box.top * picture.height), round(box.bottom * picture.height)
        marked[top:bottom, left:right] = True
    return marked


def assert_multiplied(picture: PagePicture, before: np.ndarray) -> None:
    """Inside the boxes each pixel is the page's times yellow, outside it is the page's."""
    yellow = np.rint(before * np.array([255, 226, 110]) / 255)
    assert np.abs(pixels(picture) - np.where(masked(picture), yellow, before)).max() <= 1


def test_the_highlight_is_where_the_word_is_and_multiplies_what_is_there() -> None:
    sheet = Sheet([ABOVE, Line(NEEDLE, x=200, y=700, size=14), Line("not", x=300, y=700), BELOW])
    picture = highlighted(sheet)
    (box,) = picture.boxes
    assert_just_around(box, place_of_ink(sheet), picture)
    assert_multiplied(picture, plain(sheet))


def test_black_stays_black_and_white_becomes_yellow() -> None:
    picture = highlighted(Sheet([Line(NEEDLE, size=40)]))
    (box,) = picture.boxes
    image = pixels(picture)
    part = image[
        round(box.top * picture.height) : round(box.bottom * picture.height),
        round(box.left * picture.width) : round(box.right * picture.width),
    ].reshape(-1, 3)
    assert part.max(axis=0).tolist() == [255, 226, 110]
    assert part.min() < 10


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "boxes",
    [
        {},
        {"media": (-100, 200, 600, 900)},
        {"crop": (50, 600, 400, 800)},
        {"media": (30, 40, 630, 840), "crop": (100, 500, 500, 780)},
        {"crop": (-50, 600, 9000, 9000)},
    ],
    ids=["plain", "media box", "crop box", "both boxes", "crop box beyond the page"],
)
def test_turned_and_cut_pages_have_it_in_its_place(rotate: int, boxes: dict[str, tuple]) -> None:
    sheet = Sheet([ABOVE, Line(NEEDLE, x=200, y=700), BELOW], rotate=rotate, **boxes)
    picture = highlighted(sheet)
    (box,) = picture.boxes
    ink = place_of_ink(sheet)
    assert_just_around(box, ink, picture)
    assert_multiplied(picture, plain(sheet))
    tall = (ink.bottom - ink.top) * picture.height > (ink.right - ink.left) * picture.width
    assert tall == (rotate in (90, 270))


@pytest.mark.parametrize("matrix", ["0 1 -1 0", "-1 0 0 -1", "0 -1 1 0", "2 0 0 2"])
def test_type_that_runs_another_way_is_one_box_too(matrix: str) -> None:
    sheet = Sheet([ABOVE, Line(f"The {NEEDLE} pump", x=300, y=400, matrix=matrix), BELOW])
    picture = highlighted(sheet, f"The {NEEDLE} pump")
    (box,) = picture.boxes
    assert_just_around(box, place_of_ink(sheet), picture)


@pytest.mark.parametrize(
    "before",
    [
        "zero\u200bwidth",
        "soft\xadhyphen \xad\xad",
        "\u202ebidi\u202c \ufeff",
        "tags \U000e0041\U000e0042\U000e007f",
        "emoji \U0001f600\U0001f680",
        "\U0001f600\u200b\xad \U000e0041 everything",
        "control \x0e\x1f",
        "lone \ud83d",
        "\u2028 line ends \x85",
        "nothing",
    ],
)
@pytest.mark.parametrize("same_line", [True, False])
def test_what_cleaning_removes_or_counts_twice_shifts_nothing(before: str, same_line: bool) -> None:
    needle = Line(NEEDLE, x=400, y=700)
    lines = [Line(before, x=72, y=700 if same_line else 730), needle, BELOW]
    sheet = Sheet([ABOVE, *lines])
    picture = highlighted(sheet)
    (box,) = picture.boxes
    assert_just_around(box, place_of_ink(sheet), picture)


def test_exact_words_are_yellow_and_the_rest_of_the_passage_is_pale() -> None:
    lines = [
        Line("The committee met", x=72, y=730, size=14),
        Line("in Kranzmoor to look", x=72, y=700, size=14),
        Line("at pumps.", x=72, y=670, size=14),
    ]
    sheet = Sheet(lines)
    data = make_pdf([sheet])
    text = read_document(data, "a.pdf").pages[0].text
    ranges = [(text.index(word), text.index(word) + len(word)) for word in (NEEDLE, "pumps")]
    whole = draw_page(data, 0, 0, len(text), text, WIDTH)
    picture = draw_page(data, 0, 0, len(text), text, WIDTH, ranges)
    alone = [draw_page(data, 0, *ends, text[slice(*ends)], WIDTH).boxes for ends in ranges]
    assert picture.boxes == (*alone[0], *alone[1])
    assert len(whole.boxes) == len(lines)
    pale, yellow = masked(whole), masked(picture)
    inks = np.where(yellow, [255, 226, 110], np.where(pale, [255, 244, 190], [255, 255, 255]))
    assert (pale & ~yellow).sum() > yellow.sum() > 0
    assert np.abs(pixels(picture) - np.rint(plain(sheet) * inks / 255)).max() <= 1


def test_exact_words_that_cannot_be_seen_leave_the_passage_yellow() -> None:
    sheet = Sheet([ABOVE, Line(NEEDLE, x=200, y=700), BELOW])
    data = make_pdf([sheet])
    text = read_document(data, "a.pdf").pages[0].text
    space = text.index(" ")
    whole = draw_page(data, 0, 0, len(text), text, WIDTH)
    for highlights in ([], [(space, space + 1)], [(3, 3)]):
        assert draw_page(data, 0, 0, len(text), text, WIDTH, highlights) == whole
    other = draw_page(data, 0, 0, len(text), "another text", WIDTH, [(0, 5)])
    assert other.boxes == ()
    assert (pixels(other) == plain(sheet)).all()


def test_a_character_beyond_the_basic_plane_is_highlighted_itself() -> None:
    sheet = Sheet([ABOVE, Line("\U0001f680", x=300, y=700, size=30), BELOW])
    picture = highlighted(sheet, "\U0001f680")
    (box,) = picture.boxes
    ink = place_of_ink(sheet, "\U0001f680")
    assert box.left <= ink.left < ink.right <= box.right
    assert box.top <= ink.top < ink.bottom <= box.bottom


def test_each_line_of_a_passage_is_one_box() -> None:
    lines = [
        Line("Before.", x=72, y=700),
        Line("The committee met in Kranzmoor", x=140, y=700),
        Line("and went through the list of pumps", x=72, y=686),
        Line("that were repaired.", x=72, y=672),
        Line("After.", x=200, y=672),
    ]
    passage = (
        "The committee met in Kranzmoor\nand went through the list of pumps\nthat were repaired."
    )
    data = make_pdf([Sheet(lines)])
    text = read_document(data, "a.pdf").pages[0].text
    start = text.index("The committee")
    end = text.index("repaired.") + len("repaired.")
    assert text[start:end].split() == passage.split()
    picture = draw_page(data, 0, start, end, text[start:end], WIDTH)
    assert len(picture.boxes) == 3
    for box, line in zip(picture.boxes, lines[1:4], strict=True):
        assert_just_around(box, place_of_ink(Sheet(lines), line.text), picture)
    assert [box.top for box in picture.boxes] == sorted(box.top for box in picture.boxes)


def test_a_passage_that_goes_on_in_the_next_column_leaves_the_gutter_alone() -> None:
    left = [Line(f"left column line {n} goes on", x=72, y=700 - 14 * n) for n in range(4)]
    right = [Line(f"right column line {n} goes on", x=320, y=700 - 14 * n) for n in range(4)]
    data = make_pdf([Sheet([*left, *right])])
    text = read_document(data, "a.pdf").pages[0].text
    start, end = text.index("left column line 2"), text.index("right column line 2")
    picture = draw_page(data, 0, start, end, text[start:end], WIDTH)
    expected = [place_of_ink(Sheet([*left, *right]), line.text) for line in [*left[2:], *right[:2]]]
    assert len(picture.boxes) == 4
    for box, ink in zip(picture.boxes, expected, strict=True):
        assert_just_around(box, ink, picture)


def test_a_row_is_one_box_unless_other_words_stand_in_it() -> None:
    label, figure = Line("Net sales", x=72, y=700), Line("11,960", x=400, y=700)
    assert len(highlighted(Sheet([label, figure]), "Net sales 11,960").boxes) == 1
    between = Line("something else", x=200, y=704)  # a little higher: after it in the text
    picture = highlighted(Sheet([label, figure, between]), "Net sales 11,960")
    assert len(picture.boxes) == 2


def test_what_is_beside_the_page_is_no_box() -> None:
    (box,) = highlighted(Sheet([ABOVE, Line(NEEDLE, x=570, y=700), BELOW])).boxes
    assert box.right == 1
    assert highlighted(Sheet([ABOVE, Line(NEEDLE, x=2000, y=700), BELOW])).boxes == ()


def test_what_was_filled_into_a_form_is_drawn() -> None:
    box = (100, 100, 200, 150)
    field = Mark("Widget", box, "/FT/Tx/T(name)/V(x)/F 4", look="0 0 999 999 re f")
    image = plain(Sheet([ABOVE], marks=[field]))
    dark = np.argwhere(image[image.shape[0] // 2 :].max(axis=2) < 100)
    assert np.abs(np.ptp(dark, axis=0) - (100, 200)).max() <= 2


def test_nothing_is_highlighted_unless_the_text_is_the_same() -> None:
    data = make_pdf([Sheet([ABOVE, BELOW])])
    before = plain(Sheet([ABOVE, BELOW]))
    for start, end, quote in ((0, 0, ""), (0, 5, "Pumpe"), (0, 5, ""), (900, 905, "Pumps")):
        picture = draw_page(data, 0, start, end, quote, WIDTH)
        assert picture.boxes == ()
        assert (pixels(picture) == before).all()
    assert len(draw_page(data, 0, 0, 5, "Pumps", WIDTH).boxes) == 1


@pytest.mark.parametrize(
    ("media", "width", "size"),
    [
        ((0, 0, 595, 842), 1200, (1200, 1698)),
        ((0, 0, 595, 842), 1, (16, 23)),
        ((0, 0, 595, 842), 10**9, (3000, 4245)),
        ((0, 0, 14_400, 14_400), 3000, (3000, 3000)),
        ((0, 0, 600, 14_400), 3000, (816, 19584)),
        ((0, 0, 14_400, 72), 1200, (1200, 6)),
        ((0, 0, 0.1, 0.1), 1200, (1200, 1200)),
    ],
)
def test_no_page_is_drawn_larger_than_is_good(
    media: tuple[float, float, float, float], width: int, size: tuple[int, int]
) -> None:
    picture = draw_page(make_pdf([Sheet([ABOVE], media=media)]), 0, 0, 0, "", width)
    assert (picture.width, picture.height) == size
    assert pixels(picture).shape == (size[1], size[0], 3)


def refusal(data: bytes, page: int = 0) -> tuple[Reason, str]:
    with pytest.raises(ReadError) as caught:
        draw_page(data, page, 0, 0, "", 1200)
    return caught.value.reason, caught.value.detail


def test_page_of_no_sane_shape_is_refused() -> None:
    data = make_pdf([Sheet([ABOVE], media=(0, 0, 0.1, 14_400))])
    assert refusal(data) == (
        Reason.UNSUPPORTED,
        "the page measures 0.1 by 14400 points, which is too long to draw",
    )


def test_damaged_file_and_damaged_page_are_named() -> None:
    data = make_pdf([Sheet([ABOVE]), Sheet([BELOW])])
    assert refusal(b"%PDF-1.7\nrubbish")[0] is Reason.CORRUPT
    assert refusal(data, 2) == (Reason.CORRUPT, "the page is damaged or does not exist")
    assert refusal(data.replace(b"/Type/Page/Parent", b"/Type/Font/Parent", 1))[1] == (
        "the page is damaged or does not exist"
    )


@given(
    st.text(
        st.sampled_from(
            "ab\r\n\x00\x0c\x85\xad\u200b\u2028\ufeff\U000e0041\U0001f600 \ud800"
            "\u0308\u0323\u1100\u1161\u11a8\u0958"
        )
    )
)
def test_every_cleaned_character_is_traced_to_the_one_it_was(raw: str) -> None:
    text, _ = clean_text(raw)
    traced = kept_indices(raw)
    assert is_normalized("NFC", text)
    assert len(traced) == len(text)
    assert traced == sorted(traced)
    for stored, at in zip(text, traced, strict=True):
        base, known = (normalize("NFD", text)[0] for text in (stored, clean_text(raw[at])[0]))
        assert known == base or combining(base)


def test_composed_letters_are_traced_to_their_base() -> None:
    raw = "Mu\u0308ll\u200be\u0301r \u1100\u1161\u11a8"
    assert clean_text(raw)[0] == "Müllér 각"
    assert kept_indices(raw) == [0, 1, 3, 4, 6, 8, 9, 10]


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@pytest.mark.skipif(not FINANCE.is_dir(), reason=f"needs annual reports in {FINANCE}")
@pytest.mark.parametrize(
    "name", ["BESTBUY_2024Q2_10Q", "NETFLIX_2015_10K", "NETFLIX_2017_10K", "ADOBE_2022_10K"]
)
def test_boxes_of_real_passages_hold_their_letters_and_no_others(name: str) -> None:
    data = (FINANCE / f"{name}.pdf").read_bytes()
    document = read_document(data, name)
    settings = ChunkSettings(max_tokens=160, header_tokens=20)
    chunks = chunk_document(
        document, name, lambda texts: [len(text.split()) for text in texts], settings
    )
    pdf = pdfium.PdfDocument(data)
    for chunk in random.Random(7).sample(chunks, 50):
        text = read_page_text(pdf, pdf[chunk.page], chunk.page, layers=False)
        found = ""
        for box in text.line_boxes(chunk.start, chunk.end):
            inset = (box.top - box.bottom) * 0.3  # what a box merely touches counts for pdfium
            found += text.textpage.get_text_bounded(
                box.left + inset / 3, box.bottom + inset, box.right - inset / 3, box.top - inset
            )
        quote = document.pages[chunk.page].text[chunk.start : chunk.end]
        assert letters(found) == letters(quote), (chunk.page, quote)
