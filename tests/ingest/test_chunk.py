from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.chunk import (
    Chunk,
    ChunkSettings,
    chunk_document,
    document_header,
    embedding_text,
    joined_ref,
)
from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind

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
