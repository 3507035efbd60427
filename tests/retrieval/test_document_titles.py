"""How the documents of passages are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragkit.retrieval.document_titles import name_documents
from ragkit.retrieval.hits import Hit
from tests.generation.test_citations import hit as make_hit


def hit(number: int, source: str, title: str = "", *, path: str = "", kind: str = "md") -> Hit:
    return replace(make_hit(number), source=source, title=title, path=path, kind=kind)


@pytest.mark.parametrize(
    ("source", "title", "path", "name"),
    [
        ("hr/leave.md", "Annual leave", "", "Annual leave"),
        ("hr/leave.md", "**Annual leave**", "", "Annual leave"),
        ("hr/leave.md", "", "", "leave.md"),
        ("hr/leave.docx", "Microsoft Word - leave.docx", "", "leave.docx"),
        ("hr/leave.docx", "Untitled 1", "", "leave.docx"),
        ("hr/leave.md", "Leave " * 30, "", "leave.md"),
        ("delay.eml", "Re: AW: Delay of the seals", "", "Delay of the seals"),
        ("community/index.md", "", "", "community/index.md"),
        ("a/b/README.md", "", "", "b/README.md"),
        ("README.md", "", "/data/handbook/README.md", "handbook/README.md"),
        ("README.md", "", "", "README.md"),
        ("sales/plan.md", "Overview", "", "Overview (sales)"),
    ],
)
def test_a_document_has_its_title_or_the_name_of_its_file(
    source: str, title: str, path: str, name: str
) -> None:
    assert name_documents([hit(1, source, title, path=path)]) == {1: name}


@pytest.mark.parametrize(
    ("documents", "names"),
    [
        (
            [("a/2023/r.pdf", "Report"), ("a/2024/r.pdf", "Report"), ("b.pdf", "Other")],
            ["Report (2023)", "Report (2024)", "Other"],
        ),
        ([("2023/r.pdf", ""), ("2024/r.pdf", "")], ["2023/r.pdf", "2024/r.pdf"]),
        ([("x/s/r.pdf", ""), ("y/s/r.pdf", "")], ["x/s/r.pdf", "y/s/r.pdf"]),
        ([("s/r1.pdf", "Report"), ("s/r2.pdf", "report")], ["Report (r1.pdf)", "report (r2.pdf)"]),
        ([("r.pdf", "Report"), ("old/r.pdf", "Report")], ["Report (r.pdf)", "Report (old)"]),
    ],
)
def test_documents_of_the_same_name_have_what_tells_them_apart(
    documents: list[tuple[str, str]], names: list[str]
) -> None:
    hits = [hit(number, *document) for number, document in enumerate(documents)]
    assert list(name_documents([*hits, *hits]).values()) == names
