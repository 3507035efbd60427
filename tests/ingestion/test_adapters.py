from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ragkit.errors import SourceError
from ragkit.ingestion.adapters import (
    build_document,
    digest_documents,
    find_modified,
    find_source,
)
from ragkit_ingest.model import PageKind


@dataclass
class Part:
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    doc_id: str = ""


def pages(*metadata: dict[str, Any]) -> list[tuple[int | None, str, str]]:
    parts = [Part(f"Text {n}.", entry) for n, entry in enumerate(metadata, 1)]
    document = build_document(parts)
    return [(page.number, page.page_label, page.text) for page in document.pages]


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        ({"file_path": "/docs/a.pdf", "file_name": "a.pdf", "source": "3"}, "/docs/a.pdf"),
        ({"file_directory": "/docs", "filename": "a.pdf"}, "/docs/a.pdf"),
        ({"source": "docs/a.pdf", "file_name": "a.pdf"}, "docs/a.pdf"),
        ({"source": "a.pdf"}, "a.pdf"),
        ({"source": "sharepoint", "file_name": "a.pdf"}, "a.pdf"),
        ({"URL": "https://wiki.example/a", "title": "A"}, "https://wiki.example/a"),
        ({"page_label": "1", "file_name": "a.pdf"}, "a.pdf"),
        ({"source": "wiki"}, "id-7"),  # or a thousand articles would replace one another
        ({}, "id-7"),
    ],
)
def test_a_document_is_named_by_its_path_then_url_then_name_then_id(
    metadata: dict[str, Any], source: str
) -> None:
    assert find_source(Part("", metadata, "id-7")) == source


def test_a_document_that_nothing_names_is_refused() -> None:
    with pytest.raises(SourceError, match="neither a file_path or url in its metadata"):
        find_source(Part("Text."))


@pytest.mark.parametrize(
    ("metadata", "modified_at"),
    [
        ([{"last_modified_date": "2024-03-01"}], "2024-03-01T00:00:00+00:00"),
        ([{"last_modified": "2024-03-01T12:00:00+02:00"}], "2024-03-01T10:00:00+00:00"),
        (
            [{"last_modified_date": "2024-03-01"}, {"last_modified_date": "2024-04-01"}],
            "2024-04-01T00:00:00+00:00",
        ),
        (
            [
                {},
                {"last_modified_date": "soon", "last_modified": "1"},
                {"last_modified": "2024-01-01"},
            ],
            "2024-01-01T00:00:00+00:00",
        ),
    ],
)
def test_a_document_without_a_file_was_modified_when_its_metadata_says_so(
    metadata: list[dict[str, Any]], modified_at: str
) -> None:
    assert find_modified([Part("Text.", each) for each in metadata]) == modified_at


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+23:00"])
def test_a_document_without_a_date_was_modified_now(text: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    found = find_modified([Part("Text.", {"last_modified_date": text})])
    assert before <= datetime.fromisoformat(found) <= datetime.now(UTC)


def test_pages_keep_the_numbers_they_come_with() -> None:
    assert pages({"page_label": "5"}, {"page_label": "6"}) == [
        (5, "5", "Text 1."),
        (6, "6", "Text 2."),
    ]
    assert pages({"page_label": 1}, {"page_label": 2}) == [(1, "1", "Text 1."), (2, "2", "Text 2.")]
    assert pages({"page_number": 4}) == [(4, "", "Text 1.")]


def test_pages_counted_from_zero_are_counted_from_one() -> None:
    assert pages({"page": 0, "page_label": "i"}, {"page": 1, "page_label": "1"}) == [
        (1, "i", "Text 1."),
        (2, "1", "Text 2."),
    ]


def test_printed_labels_that_are_no_numbers_leave_the_number_to_the_order() -> None:
    labels = [{"page_label": label} for label in ("i", "ii", "1", "2")]
    assert [page[:2] for page in pages(*labels)] == [(1, "i"), (2, "ii"), (3, "1"), (4, "2")]


def test_printed_labels_that_begin_again_leave_the_number_to_the_order() -> None:
    labels = [{"page_label": label} for label in ("1", "2", "1")]
    assert [page[:2] for page in pages(*labels)] == [(1, "1"), (2, "2"), (3, "1")]


def test_one_page_alone_with_a_printed_label_has_no_number() -> None:
    assert pages({"page_label": "iv"}) == [(None, "iv", "Text 1.")]


def test_pymupdf_gives_the_page_as_source() -> None:
    metadata = [{"file_path": "a.pdf", "total_pages": 2, "source": str(n)} for n in (1, 2)]
    assert [page[0] for page in pages(*metadata)] == [1, 2]


def test_parts_of_one_page_become_that_page() -> None:
    assert pages({"page_number": 1}, {"page_number": 1}, {"page_number": 2}) == [
        (1, "", "Text 1.\n\nText 2."),
        (2, "", "Text 3."),
    ]


def test_parts_without_pages_become_one_text() -> None:
    document = build_document([Part("# One"), Part("# Two")])
    (page,) = document.pages
    assert (page.text, page.number, page.kind) == ("# One\n\n# Two", None, PageKind.TEXT)
    assert [page.text[b.start : b.end] for b in page.blocks] == ["# One", "# Two"]


def test_blank_pages_keep_the_count() -> None:
    parts = [Part("", {"page_label": "i"}), Part("Text.", {"page_label": "ii"})]
    assert [page.number for page in build_document(parts).pages] == [1, 2]


def test_title_and_metadata_are_kept_without_the_first_page() -> None:
    metadata = {"file_path": "a.pdf", "title": "Handbook", "page_label": "1", "year": 2025}
    document = build_document([Part("Text.", metadata)])
    assert document.title == "Handbook"
    assert document.metadata == {"file_path": "a.pdf", "title": "Handbook", "year": "2025"}


def test_a_change_is_one_of_text_or_metadata_not_of_the_file_dates() -> None:
    part = Part("Text.", {"file_path": "a.txt", "last_modified_date": "2025-01-01"}, "id-1")
    touched = Part("Text.", {"file_path": "a.txt", "last_modified_date": "2025-02-02"}, "id-2")
    moved = Part("Text.", {"file_path": "b.txt", "last_modified_date": "2025-01-01"}, "id-1")
    edited = Part("New.", {"file_path": "a.txt", "last_modified_date": "2025-01-01"}, "id-1")
    assert digest_documents([part]) == digest_documents([touched])
    assert len({digest_documents([entry]) for entry in (part, moved, edited)}) == 3
