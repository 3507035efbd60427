"""Filters and the documents that they match, in a real database."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Filter
from ragkit.store.store import Store
from ragkit_ingest.model import Document, Page
from tests.support.stored import new_document

DECOMPOSED = unicodedata.normalize("NFD", "büro/Übersicht.pdf")
DOCUMENTS = {  # source -> (folder, kind, label, modification time)
    "finance/2024-q1.pdf": ("/data/docs", "pdf", "board", "2024-04-02T09:00:00+00:00"),
    "finance/reports/2023-q4.docx": ("/data/docs", "docx", "board", "2024-01-31T23:30:00+00:00"),
    "finance-old/2019.pdf": ("/data/docs", "pdf", "default", "2019-12-31T23:59:59+00:00"),
    "hr/leave.md": ("/data/docs", "markdown", "default", "2024-05-01T00:00:00+00:00"),
    DECOMPOSED: ("/data/docs", "pdf", "default", "2024-05-02T00:00:00+00:00"),
    "hr/100%_[draft].txt": ("/srv/hr", "text", "default", "2024-05-03T00:00:00+00:00"),
    "hr/it's.txt": ("/srv/hr", "text", "hr", "2024-05-04T00:00:00+00:00"),
    "2024-01.md": ("/srv/hr", "markdown", "hr", "2024-05-05T00:00:00+00:00"),
    "old\\names.txt": ("/srv/hr", "text", "hr", "2001-01-01T00:00:00+00:00"),
    "https://wiki.example/a/page": (
        "documents:",
        "document",
        "default",
        "2024-05-06T00:00:00+00:00",
    ),
    "/mail/2024/offer.eml": ("documents:", "document", "default", "2024-05-07T00:00:00+00:00"),
}
BUERO = unicodedata.normalize("NFC", DECOMPOSED)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("filters") / "a.kb")
    with store.writer() as writer:
        for source, (folder, kind, label, modified_at) in DOCUMENTS.items():
            new = new_document(
                source,
                [f"About {source}"],
                source_folder=writer.source_folders.add(folder, whole=True),
                label=label,
                modified_at=modified_at,
            )
            page = Page(f"About {source}")
            writer.documents.put(replace_document(new, Document(kind, (page,))))
    yield store
    store.close()


def replace_document(new: Any, document: Document) -> Any:
    from dataclasses import replace

    return replace(new, document=document)


def matching(store: Store, where: Filter) -> set[str]:
    """The sources that a filter matches, composed; the counts and the ids tell the same."""
    with store.snapshot() as snapshot:
        narrow = snapshot.narrow(where)
        found = [document.source for document in narrow.documents.all()]
        assert narrow.documents.counts()[0] == len(narrow.documents.ids()) == len(found)
        assert len(narrow.documents.chunk_runs()) == len(found)
        assert narrow.documents.exist() == bool(found)
        return {unicodedata.normalize("NFC", source) for source in found}


FINANCE = {"finance/2024-q1.pdf", "finance/reports/2023-q4.docx"}
HR = {"hr/leave.md", "hr/100%_[draft].txt", "hr/it's.txt"}
FOREIGN = {"https://wiki.example/a/page", "/mail/2024/offer.eml"}
ALL = {unicodedata.normalize("NFC", source) for source in DOCUMENTS}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(), ALL),
        (Filter(folder="finance"), FINANCE),
        (Filter(folder="finance/"), FINANCE),
        (Filter(folder="./finance//reports/"), {"finance/reports/2023-q4.docx"}),
        (Filter(folder="finance\\reports"), {"finance/reports/2023-q4.docx"}),
        (Filter(folder="old"), set()),  # that backslash belongs to the name of a file
        (Filter(folder=["finance", "hr/"]), FINANCE | HR),
        (Filter(folder="Finance"), set()),
        (Filter(folder="fin"), set()),
        (Filter(folder="finance/2024-q1.pdf"), set()),
        (Filter(folder="."), ALL),
        (Filter(folder="../finance"), set()),
        (Filter(folder="/data/docs"), FINANCE | {"finance-old/2019.pdf", "hr/leave.md", BUERO}),
        (Filter(folder="/data/docs/finance/"), FINANCE),
        (Filter(folder="/data/doc"), set()),
        (Filter(folder="/srv"), {"2024-01.md", "old\\names.txt"} | HR - {"hr/leave.md"}),
        (Filter(folder="/mail"), {"/mail/2024/offer.eml"}),
        (Filter(folder="https://wiki.example/"), {"https://wiki.example/a/page"}),
        (Filter(folder="büro"), {BUERO}),
        (Filter(folder=unicodedata.normalize("NFD", "büro")), {BUERO}),
        (Filter(folder="/data/docs/büro"), {BUERO}),
        (Filter(kind="docx"), {"finance/reports/2023-q4.docx"}),
        (Filter(kind=".PDF"), {"finance/2024-q1.pdf", "finance-old/2019.pdf", BUERO}),
        (Filter(kind="md"), {"hr/leave.md", "2024-01.md"}),
        (Filter(kind=("markdown", "document")), {"hr/leave.md", "2024-01.md"} | FOREIGN),
        (Filter(kind=[]), set()),
        (Filter(kind="xyz"), set()),
        (Filter(label="board"), FINANCE),
        (Filter(label={"board", "hr"}), {*FINANCE, "hr/it's.txt", "2024-01.md", "old\\names.txt"}),
        (Filter(label="Board"), set()),
        (Filter(label=[]), set()),
        (Filter(path="hr/leave.md"), {"hr/leave.md"}),
        (Filter(path="/data/docs/hr/leave.md"), {"hr/leave.md"}),
        (Filter(path="hr/100%_[draft].txt"), {"hr/100%_[draft].txt"}),
        (Filter(path="hr/it's.txt"), {"hr/it's.txt"}),
        (Filter(path="old\\names.txt"), {"old\\names.txt"}),
        (Filter(path="finance\\2024-q1.pdf"), {"finance/2024-q1.pdf"}),
        (Filter(path="finance/*.pdf"), {"finance/2024-q1.pdf"}),
        (Filter(path="finance/*"), FINANCE),  # "*" also stands for folders
        (Filter(path="*.docx"), {"finance/reports/2023-q4.docx"}),
        (Filter(path="**/2024-*"), {"finance/2024-q1.pdf", "2024-01.md"}),
        (Filter(path="finance/**/2023-q?.docx"), {"finance/reports/2023-q4.docx"}),
        (Filter(path="finance/**/2024*"), {"finance/2024-q1.pdf"}),
        (Filter(path="hr/[!l]*"), {"hr/100%_[draft].txt", "hr/it's.txt"}),
        (Filter(path="hr/[a-l]*"), {"hr/leave.md", "hr/it's.txt"}),
        (Filter(path="büro/?bersicht.pdf"), {BUERO}),
        (Filter(path="b?ro/*"), {BUERO}),
        (Filter(path="*/Übersicht*"), {BUERO}),
        (Filter(path="/srv/**/*.txt"), {"hr/100%_[draft].txt", "hr/it's.txt", "old\\names.txt"}),
        (Filter(path=["hr/leave.md", "*.docx"]), {"hr/leave.md", "finance/reports/2023-q4.docx"}),
        (Filter(path="100%"), set()),
        (Filter(path="hr/lea_e.md"), set()),
        (Filter(modified_after="2024-05-06"), FOREIGN),
        (Filter(modified_after="2024-05-06T00:00:01Z"), {"/mail/2024/offer.eml"}),
        (Filter(modified_after=date(2024, 5, 7)), {"/mail/2024/offer.eml"}),
        (Filter(modified_after=datetime(2024, 5, 7)), {"/mail/2024/offer.eml"}),
        (Filter(modified_after="2024-05-07T02:00:00+02:00"), {"/mail/2024/offer.eml"}),
        (Filter(modified_after="2024-05-07T02:00:01+02:00"), set()),
        (Filter(modified_after="9999-12-31"), set()),
        (Filter(modified_after="0001-01-01"), ALL),
        (Filter(folder="hr", kind="text"), {"hr/100%_[draft].txt", "hr/it's.txt"}),
        (Filter(folder="hr", kind="text", label="hr"), {"hr/it's.txt"}),
        (Filter(folder="finance", modified_after="2024-02-01"), {"finance/2024-q1.pdf"}),
        (Filter("finance", ["pdf", "docx"], "board", "2024-01-01", "*20*"), FINANCE),
        (Filter(folder="finance", kind="markdown"), set()),
    ],
    ids=lambda value: str(value) if isinstance(value, Filter) else "",
)  # fmt: skip
def test_a_document_matches_if_every_field_does(
    filled: Store, where: Filter, expected: set[str]
) -> None:
    assert matching(filled, where) == expected


@pytest.mark.parametrize(
    "value",
    [
        "'",
        "''",
        "' OR 1 = 1 --",
        "x'); DROP TABLE document; --",
        'a" OR "a" = "a',
        "?1",
        ":name",
        "{0}",
        "%s",
        "%",
        "a\0b",
        "\ud800",
        "\x1b[2J",
        "\u202e",
        "a" * 4096,
        "**/" * 1000 + "x",
        "[" * 1000,
        "*" * 4000,
        "a/" * 2000,
        "\\a" * 1500,
        "ü" * 4000,
    ],
)
@pytest.mark.parametrize("field", ["folder", "kind", "label", "path"])
def test_every_value_is_only_a_value(filled: Store, field: str, value: str) -> None:
    where = Filter(**{field: value})
    found = matching(filled, where)
    if set(value) <= {"*"}:
        assert found == (ALL if field == "path" else set())
    else:
        assert found == set()
    assert matching(filled, Filter()) == ALL


@pytest.mark.parametrize("field", ["folder", "kind", "label", "path"])
def test_a_thousand_values_are_one_filter(filled: Store, field: str) -> None:
    given = [f"hr/name {number}*" for number in range(997)] + ["finance", "board", "*.docx"]
    found = matching(filled, Filter(**{field: given}))
    expected = {"folder": FINANCE, "label": FINANCE, "path": {"finance/reports/2023-q4.docx"}}
    assert found == expected.get(field, set())


# -- what is no filter ---------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["folder", "kind", "label", "path"])
@pytest.mark.parametrize(
    "value", ["", "  ", 3, True, b"pdf", ["pdf", ""], ["pdf", None], [["pdf"]], {2: 3}, "a" * 4097]
)
def test_a_field_takes_texts_alone(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"invalid {field} .*: expected a text .*; leave out"):
        Filter(**{field: value})


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2024", "01.05.2024", "2024-13-01", 1714521600, 3.5, True, ["2024-05-01"],
     b"2024-05-01", datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))],
)  # fmt: skip
def test_a_time_has_to_be_one(value: Any) -> None:
    with pytest.raises(ValueError, match=r"invalid modified_after .*: expected a date .*; write"):
        Filter(modified_after=value)


def test_too_many_values_are_refused() -> None:
    with pytest.raises(ValueError, match="1001 values for path: expected at most 1000; name"):
        Filter(path=[str(number) for number in range(1001)])


@pytest.mark.parametrize("where", ["finance/", ["finance/"], {"folder": "finance"}, 3])
def test_only_a_filter_narrows(filled: Store, where: Any) -> None:
    with (
        filled.snapshot() as snapshot,
        pytest.raises(ValueError, match=r"invalid filter .*: expected a ragkit\.Filter; write"),
    ):
        snapshot.narrow(where)


# -- what a filter is ----------------------------------------------------------------------------


def test_filters_are_equal_if_they_say_the_same() -> None:
    assert Filter(kind=["pdf", "docx", "pdf"]) == Filter(kind=iter(("DOCX", ".pdf")))  # type: ignore[arg-type]
    assert hash(Filter(folder="a")) == hash(Filter(folder=["a"]))
    assert Filter(folder=unicodedata.normalize("NFD", "ü")) == Filter(folder="ü")
    assert Filter(modified_after="2024-05-01") == Filter(
        modified_after=datetime(2024, 5, 1, tzinfo=UTC)
    )
    assert Filter() != Filter(kind=[])


def test_a_filter_says_what_it_is() -> None:
    where = Filter(["hr/", "finance/"], "pdf", [], "2024-05-01", "*.md")
    assert str(where) == (
        "folder finance/ or hr/, kind pdf, no label, path *.md, "
        "modified after 2024-05-01T00:00:00+00:00"
    )
    assert str(Filter()) == "all documents"
    assert Filter(kind="pdf").no_match == (
        "no document matches the filter (kind pdf); list the documents with: "
        "ragkit status --documents"
    )


# -- the rules once more, as plainly as possible -------------------------------------------------

_PARTS = st.sampled_from(["a", "b", "ab", "ü", unicodedata.normalize("NFD", "ü"), "a.txt", "b'"])
_SOURCES = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_PATTERNS = st.text(st.sampled_from("ab*?/ü.tx'"), min_size=1, max_size=6).filter(
    lambda text: text.strip() and not text.startswith("/") and "**/" not in text
)


def plain_rules() -> dict[str, tuple[st.SearchStrategy[str], Callable[[str, str], bool]]]:
    def in_folder(source: str, folder: str) -> bool:
        return Path(source).is_relative_to(folder) and Path(source) != Path(folder)

    def on_path(source: str, pattern: str) -> bool:
        return source == pattern or fnmatchcase(source, pattern)

    return {"folder": (_SOURCES, in_folder), "path": (_PATTERNS, on_path)}


@pytest.mark.parametrize("field", ["folder", "path"])
@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(data=st.data())
def test_folders_and_patterns_match_what_plain_rules_say(
    tmp_path_factory: pytest.TempPathFactory, field: str, data: st.DataObject
) -> None:
    sources = data.draw(st.lists(_SOURCES, min_size=1, max_size=12, unique=True))
    values, rule = plain_rules()[field]
    store = Store(tmp_path_factory.mktemp("rules") / "a.kb")
    with store.writer() as writer:
        folder = writer.source_folders.add("/docs", whole=True)
        for source in sources:
            writer.documents.put(new_document(source, ["text"], source_folder=folder))
    for value in data.draw(st.lists(values, min_size=5, max_size=5)):
        plain = unicodedata.normalize("NFC", value).removeprefix("./")
        expected = {
            composed
            for source in sources
            if rule(composed := unicodedata.normalize("NFC", source), plain)
        }
        with store.snapshot() as snapshot:
            found = snapshot.narrow(Filter(**{field: value})).documents.all()
            assert {unicodedata.normalize("NFC", one.source) for one in found} == expected, value
    store.close()
