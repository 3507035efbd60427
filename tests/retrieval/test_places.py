"""Where hits and citations say that something is, down to the heading and row of a quote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit import Citation, Hit, KnowledgeBase
from ragkit.errors import SourceError
from tests.support.hashing import HashingEmbedder

NOTICE = """# Notice periods

## Germany
The notice period is four weeks.

## Norway
The notice period is two months.

## Poland
The notice period is one month.
"""


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder()) as kb:
        yield kb


def add(kb: KnowledgeBase, file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    kb.ingest(file.parent)


def cite(hit: Hit, quote: str) -> Citation:
    start = hit.start + hit.text.index(quote)
    return Citation.from_hit(1, hit, start, start + len(quote))


def test_a_quote_is_cited_at_its_own_heading(kb: KnowledgeBase, tmp_path: Path) -> None:
    add(kb, tmp_path / "docs/notice.md", NOTICE)
    (hit,) = kb.search("notice period")
    assert (hit.place, hit.headings) == ("Notice periods", ("Notice periods",))
    assert cite(hit, "four weeks").place == "Germany"
    assert cite(hit, "two months").place == "Norway"
    assert cite(hit, "one month").place == "Poland"
    assert hit.headings_at(hit.text.index("one month")) == ("Notice periods", "Poland")


def test_highlights_narrow_the_place_of_a_citation(kb: KnowledgeBase, tmp_path: Path) -> None:
    add(kb, tmp_path / "docs/notice.md", NOTICE)
    (hit,) = kb.search("notice period")
    whole = Citation.from_hit(1, hit)
    norway, poland = hit.text.index("two months"), hit.text.index("one month")
    assert whole.highlight(hit, ()).place == "Notice periods"
    assert whole.highlight(hit, ((norway, norway + 10),)).place == "Norway"
    both = ((norway, norway + 10), (poland, poland + 9))
    assert whole.highlight(hit, both).place == "Notice periods"


def test_a_quote_of_a_table_is_cited_at_its_rows(kb: KnowledgeBase, tmp_path: Path) -> None:
    rows = "".join(f"VX-{n},{n}.50\n" for n in range(2, 9))
    add(kb, tmp_path / "docs/prices.csv", f"Part,Price\n{rows}")
    (hit,) = kb.search("VX-7")
    assert hit.place == "A1 to B8"
    assert cite(hit, "VX-7").place == "A7 to B7"
    assert cite(hit, "VX-3 | 3.50\nVX-4").place == "A3 to B4"
    row = hit.row_at(hit.text.index("VX-7"))
    assert row is not None
    assert (row.columns, row.ref) == (("Part", "Price"), "A7:B7")


def test_equal_file_names_of_two_folders_are_told_apart(kb: KnowledgeBase, tmp_path: Path) -> None:
    add(kb, tmp_path / "north/hr/policy.md", "Overtime in the north is paid with 40 percent.")
    assert [hit.source for hit in kb.search("overtime")] == ["policy.md"]
    add(kb, tmp_path / "south/hr/policy.md", "Overtime in the south is paid with 55 percent.")
    answer = kb.ask("How is overtime in the south paid?")
    assert {cited.source for cited in answer.citations} <= {
        "north/hr/policy.md",
        "south/hr/policy.md",
    }
    assert "55 percent" in answer.citations[0].quote
    assert answer.citations[0].source == "south/hr/policy.md"


def test_a_name_in_two_folders_removes_no_document(kb: KnowledgeBase, tmp_path: Path) -> None:
    for folder in ("north", "south"):
        add(kb, tmp_path / folder / "policy.md", f"Overtime in the {folder}.")
    with pytest.raises(SourceError, match=r"2 folders.*north/policy\.md.*south/policy\.md"):
        kb.remove("policy.md")
    assert len(list(kb.documents())) == 2
    assert kb.remove("north/policy.md") == ["policy.md"]
    assert [hit.text for hit in kb.search("overtime")] == ["Overtime in the south."]
    assert kb.remove("policy.md") == ["policy.md"]
