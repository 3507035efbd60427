from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.chunk import Chunk, ChunkSettings, chunk_document
from ragkit_ingest.chunk_texts import document_header, embedding_text
from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind
from ragkit_ingest.places import TableRow, joined_ref, pack_rows, select_sections, unpack_rows

SETTINGS = ChunkSettings(max_tokens=40, header_tokens=10)


def count(texts: Sequence[str]) -> list[int]:
    """A token is a word or a single other character, as word-piece tokenizers have it."""
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def chunks_of(*pages: Page, title: str = "", name: str = "a.txt") -> list[Chunk]:
    return chunk_document(Document("text", pages, title), name, count, SETTINGS)


def texts_of(page: Page, chunks: list[Chunk]) -> list[str]:
    return [page.text[chunk.start : chunk.end] for chunk in chunks]


def page_of(*parts: tuple[BlockKind, str], **options: object) -> Page:
    builder = PageBuilder(**options)  # type: ignore[arg-type]
    for kind, text in parts:
        builder.add(kind, text, level=1 if kind is BlockKind.HEADING else 0)
    return builder.build()


def test_prose_is_cut_at_the_ends_of_sentences() -> None:
    sentences = [f"Sentence number {n} speaks of valves and pumps." for n in range(12)]
    page = page_of((BlockKind.PARAGRAPH, " ".join(sentences)))
    texts = texts_of(page, chunks_of(page))
    assert len(texts) > 2
    assert all(text.endswith(".") and text.startswith("Sentence") for text in texts)
    assert " ".join(texts) == page.text


def test_a_table_row_is_never_split_and_its_heads_are_repeated() -> None:
    builder = PageBuilder(PageKind.SHEET, page_label="Prices")
    builder.add(BlockKind.ROW, "Part | Price | Place", ref="A1:C1")
    for n in range(2, 30):
        builder.add(
            BlockKind.ROW, f"VX-{n} | {n}.50 | A-{n}", columns=("Part", "Price"), ref=f"A{n}:C{n}"
        )
    page = builder.build()
    chunks = chunks_of(page, name="prices.xlsx")
    lines = [line for text in texts_of(page, chunks) for line in text.split("\n")]
    assert lines == page.text.split("\n")
    assert all("Prices" in chunk.header for chunk in chunks)
    assert all("Part | Price" in chunk.header for chunk in chunks[1:])
    assert chunks[0].ref.startswith("A1:C")
    assert chunks[-1].ref.endswith(":C29")


def test_column_heads_that_leave_no_room_cost_no_chunk_the_name_of_its_document() -> None:
    builder = PageBuilder(PageKind.PAGE, number=1)
    builder.add(BlockKind.PARAGRAPH, "What follows are the assets of the firm at the year's end.")
    for n in range(40):
        builder.add(BlockKind.ROW, f"Item {n} 17 18", columns=("December 2022 December 2021",))
    chunks = chunks_of(builder.build(), name="balance.pdf")
    assert {chunk.header.split(" | ")[0] for chunk in chunks} == {"balance"}


def test_a_heading_opens_the_chunk_of_its_section() -> None:
    filler = "Words that fill the section with some text to read. " * 3
    page = page_of(
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, filler.strip()),
        (BlockKind.HEADING, "Travel"),
        (BlockKind.PARAGRAPH, filler.strip()),
    )
    chunks = chunks_of(page)
    assert [text.split("\n")[0] for text in texts_of(page, chunks)][-1] == "Travel"
    assert chunks[0].headings == ("Leave",)
    assert chunks[-1].headings == ("Travel",)


def test_headings_go_on_over_pages_and_a_page_knows_its_own() -> None:
    first = page_of((BlockKind.HEADING, "Leave"), (BlockKind.PARAGRAPH, "Thirty days."))
    second = page_of((BlockKind.PARAGRAPH, "Requests go to the office."))
    third = page_of((BlockKind.PARAGRAPH, "Trains come first."), headings=("Travel", "Trains"))
    chunks = chunks_of(first, second, third, title="Handbook")
    assert [chunk.headings for chunk in chunks] == [("Leave",), ("Leave",), ("Travel", "Trains")]
    assert chunks[1].header == "a | Handbook | Leave"


def test_one_giant_line_is_cut_at_words_and_loses_none() -> None:
    page = page_of((BlockKind.PARAGRAPH, " ".join(f"word{n}" for n in range(500))))
    texts = texts_of(page, chunks_of(page))
    assert " ".join(texts).split() == page.text.split()
    assert max(count(texts)) <= SETTINGS.max_tokens


def test_one_giant_word_is_cut_somewhere() -> None:
    page = page_of((BlockKind.PARAGRAPH, "=" * 3 + "+".join("x" * 300)))
    texts = texts_of(page, chunks_of(page))
    assert "".join(texts) == page.text


blocks = st.lists(
    st.tuples(
        st.sampled_from(list(BlockKind)),
        st.text("ab.! |#*-…\n[](1)Ü", min_size=1, max_size=120),
    ),
    max_size=12,
)


@given(blocks, st.sampled_from(["a.txt", "some/long folder/with-many_words in its name 2024.pdf"]))
def test_no_chunk_is_longer_than_the_embedder_reads(
    parts: list[tuple[BlockKind, str]], name: str
) -> None:
    page = page_of(*parts)
    chunks = chunks_of(page, name=name)
    embedded = [embedding_text(c.header, page.text[c.start : c.end]) for c in chunks]
    assert all(size <= SETTINGS.max_tokens for size in count(embedded))
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    spans = [(chunk.start, chunk.end) for chunk in chunks]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    covered = "".join(page.text[start:end] for start, end in spans)
    assert re.sub(r"\s", "", covered) == re.sub(r"\s", "", page.text)


@pytest.mark.parametrize(
    ("text", "embedded"),
    [
        ("Cash ............... $ 876,560", "Cash $ 876,560"),
        ("See [the rules](../../it/rules.md#x) first", "See the rules first"),
        ("**Bold** and `code`", "Bold and code"),
        ("snake_case_name stays", "snake_case_name stays"),
    ],
)
def test_marks_that_say_nothing_are_not_embedded(text: str, embedded: str) -> None:
    assert embedding_text("", text) == embedded


def test_the_header_names_a_document_once() -> None:
    assert document_header("", "hr/travel-and-expenses.docx") == "hr travel and expenses"
    assert document_header("Expenses", "hr/travel-and-expenses.docx") == "hr travel and expenses"
    assert document_header("Rules", "hr/expenses.docx") == "hr expenses | Rules"


def test_cell_ranges_are_joined_to_what_holds_them_all() -> None:
    assert joined_ref(["A1:D1", "A2:F2"]) == "A1:F2"
    assert joined_ref(["Z9", "AA10"]) == "Z9:AA10"
    assert joined_ref([]) == ""


def test_words_of_a_path_have_composed_letters() -> None:
    assert document_header("", "hr/Schlu\u0308ssel.txt") == "hr Schlüssel"


def headed(*parts: tuple[int, str]) -> Page:
    """A page of headings with levels, and of paragraphs with the level 0."""
    builder = PageBuilder()
    for level, text in parts:
        kind = BlockKind.HEADING if level else BlockKind.PARAGRAPH
        builder.add(kind, text, level=level)
    return builder.build()


def heading_path(page: Page, chunks: list[Chunk], quote: str) -> tuple[str, ...]:
    at = page.text.index(quote)
    (chunk,) = (chunk for chunk in chunks if chunk.start <= at < chunk.end)
    (section,) = select_sections(chunk.sections, at, at + len(quote))
    return section.headings


def test_a_chunk_of_several_sections_knows_the_headings_of_each() -> None:
    page = headed(
        (1, "Notice"),
        (2, "Germany"),
        (0, "Four weeks."),
        (2, "Poland"),
        (0, "One month."),
        (1, "Pay"),
        (0, "On Fridays."),
    )
    chunks = chunks_of(page)
    (chunk,) = chunks
    assert heading_path(page, chunks, "Four weeks.") == ("Notice", "Germany")
    assert heading_path(page, chunks, "One month.") == ("Notice", "Poland")
    assert heading_path(page, chunks, "On Fridays.") == ("Pay",)
    assert [section.headings for section in chunk.sections] == [
        ("Notice", "Germany"),
        ("Notice", "Poland"),
        ("Pay",),
    ]
    assert chunk.headings == ()


def test_a_chunk_ends_with_the_section_that_only_its_header_names() -> None:
    filler = "Some words of the section to read. " * 5
    page = headed(
        (1, "Notice"), (2, "Germany"), (0, filler + "The end."), (2, "Poland"), (0, "One month.")
    )
    first, second, third = chunks_of(page)
    assert first.headings == second.headings == ("Notice", "Germany")
    assert second.header == "a | Notice | Germany"
    assert page.text[second.end - 8 : second.end] == "The end."
    assert (third.header, third.headings) == ("a | Notice", ("Notice", "Poland"))


def test_text_above_the_first_heading_is_below_none() -> None:
    page = headed((0, "Words before."), (1, "Leave"), (0, "Thirty days."))
    chunks = chunks_of(page)
    assert heading_path(page, chunks, "Words before.") == ()
    assert heading_path(page, chunks, "Thirty days.") == ("Leave",)
    assert chunks[0].header == "a"


@pytest.mark.parametrize("kind", [PageKind.SLIDE, PageKind.SHEET, PageKind.PART])
def test_a_slide_sheet_or_attachment_takes_over_no_headings(kind: PageKind) -> None:
    first = headed((1, "Prices"), (0, "They rise."))
    second = page_of((BlockKind.PARAGRAPH, "A letter."), kind=kind, page_label="b")
    assert [chunk.headings for chunk in chunks_of(first, second)] == [("Prices",), ()]


def table(builder: PageBuilder, heads: Sequence[str], rows: Sequence[str], **names: str) -> None:
    builder.add(BlockKind.ROW, " | ".join(heads))
    for row in rows:
        builder.add(BlockKind.ROW, row, columns=heads, **names)  # type: ignore[arg-type]


def test_the_heads_of_each_table_name_its_rows() -> None:
    builder = PageBuilder()
    table(builder, ("Part", "Price"), [f"VX-{n} | {n}.50" for n in range(12)])
    table(builder, ("Town", "Rain"), [f"Molde {n} | {n} mm" for n in range(12)])
    page = builder.build()
    chunks = chunks_of(page)
    assert len(chunks) > 3
    for chunk in chunks:
        text = page.text[chunk.start : chunk.end]
        assert ("VX-" in text) == ("Part | Price" in chunk.header + text)
        assert ("Molde" in text) == ("Town | Rain" in chunk.header + text)
    assert {row.columns for chunk in chunks for row in chunk.rows} == {
        ("Part", "Price"),
        ("Town", "Rain"),
    }


def test_a_header_has_the_label_and_unit_that_the_rows_do_not_say() -> None:
    builder = PageBuilder()
    builder.add(BlockKind.ROW, "Halden | 17", columns=("", "Q1"), label="Norway, Halden", unit="kg")
    (chunk,) = chunks_of(builder.build())
    assert chunk.header == "a | | Q1 | Norway | kg"
    assert chunk.rows == (TableRow(0, 11, ("", "Q1"), "Norway, Halden", "kg"),)


def test_a_wide_table_keeps_its_column_heads() -> None:
    heads = [f"Y{n}" for n in range(9)]
    builder = PageBuilder()
    table(builder, heads, ["1 | " * 8 + "2"] * 6)
    page = builder.build()
    chunks = chunks_of(page)
    assert len(chunks) > 2
    assert all("Y0 | Y1" in c.header + page.text[c.start : c.end] for c in chunks)
    assert all("Y8" in c.header + page.text[c.start : c.end] for c in chunks)


def test_each_piece_of_a_long_row_has_the_heads_of_its_own_cells() -> None:
    heads = [f"Y{n}" for n in range(40)]
    builder = PageBuilder()
    builder.add(BlockKind.ROW, " | ".join(f"v{n}" for n in range(40)), columns=heads)
    page = builder.build()
    chunks = chunks_of(page)
    assert len(chunks) > 2
    for chunk in chunks:
        cells = re.findall(r"v(\d+)", page.text[chunk.start : chunk.end])
        assert {f"Y{n}" for n in cells} <= set(chunk.header.split(" | "))
        assert len(cells) + 3 > chunk.header.count("Y")
        assert chunk.rows[0].columns == tuple(heads)


def test_rows_come_back_as_they_were_packed() -> None:
    rows = (
        TableRow(0, 9, ("Part", "Price"), "VX-1", "in euros", "A2:B2"),
        TableRow(10, 19, ("Part", "Price"), "VX-2", "in euros", "A3:B3"),
        TableRow(20, 25, (), "", "", "D9"),
    )
    packed = json.dumps(pack_rows(rows))
    assert unpack_rows(json.loads(packed)) == rows
    assert packed.count("Price") == 1
