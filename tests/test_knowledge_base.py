from __future__ import annotations

import os
import random
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragkit import Config, FileError, Filter, Hit, IngestReport, KnowledgeBase, StoredPage, View
from ragkit.errors import EmbedderError, SourceError, StoreError, StoreMismatch
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind, ReadError, Reason
from tests.support.hashing import HashingEmbedder

Opener = Callable[..., KnowledgeBase]


def write(docs: Path, **texts: str) -> None:
    """Write text files; two underlines in a name stand for a folder."""
    for name, text in texts.items():
        path = docs / f"{name.replace('__', '/')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def outcome(report: IngestReport) -> dict[str, object]:
    """What a report says of files, without what it does not say."""
    names = ("added", "updated", "unchanged", "renamed", "removed", "failed")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def sources(kb: KnowledgeBase) -> list[str]:
    return [document.source for document in kb.documents()]


def ids(kb: KnowledgeBase) -> dict[str, int]:
    return {document.source: document.id for document in kb.documents()}


# -- the base's own folder -----------------------------------------------------------------------


def test_uploaded_files_move_with_the_base(tmp_path: Path, open_kb: Opener) -> None:
    with open_kb("old.kb") as kb:
        (kb.uploads / "a.txt").write_text("Alpha text.")
        assert kb.ingest(kb.uploads).added == ["a.txt"]
    (tmp_path / "old.kb").rename(tmp_path / "new.kb")
    moved = open_kb("new.kb")
    assert moved.ingest(moved.uploads).unchanged == ["a.txt"]
    assert moved.status().source_folders == (str(tmp_path / "new.kb" / "uploads"),)


def test_uploaded_files_stay_when_the_folder_around_the_base_is_ingested(
    tmp_path: Path, kb: KnowledgeBase
) -> None:
    (tmp_path / "b.txt").write_text("Beta text.")
    (kb.uploads / "a.txt").write_text("Alpha text.")
    kb.ingest(kb.uploads)
    kb.ingest(tmp_path)
    (kb.uploads / "c.txt").write_text("Gamma text.")
    assert kb.ingest(kb.uploads / "c.txt").added == ["c.txt"]
    assert kb.ingest(tmp_path).removed == []
    assert sources(kb) == ["a.txt", "b.txt", "c.txt"]


def test_of_two_documents_with_the_same_name_the_one_with_the_id_is_removed(
    kb: KnowledgeBase, docs: Path
) -> None:
    write(docs, a="Alpha text.")
    (kb.uploads / "a.txt").write_text("Alpha text, uploaded.")
    kb.ingest(docs, kb.uploads)
    first, second = kb.documents()
    assert kb.remove(second.id) == ["a.txt"]
    assert [document.id for document in kb.documents()] == [first.id]
    with pytest.raises(SourceError, match="is not in"):
        kb.remove(second.id)


def test_removing_an_uploaded_document_deletes_its_file_and_no_other(
    kb: KnowledgeBase, docs: Path
) -> None:
    write(docs, a="Alpha text.")
    (kb.uploads / "b.txt").write_text("Beta text.")
    kb.ingest(docs, kb.uploads)
    kb.remove("a.txt")
    kb.remove(str(kb.uploads / "b.txt"))
    assert (docs / "a.txt").exists()
    assert not (kb.uploads / "b.txt").exists()
    assert sources(kb) == []


# -- what an ingest reports ----------------------------------------------------------------------


def test_an_ingest_reports_every_file_once(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.", c="Gamma text.", hr__d="Delta text.")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    first = kb.ingest(docs)
    assert sorted(first.added) == ["a.txt", "b.txt", "c.txt", "hr/d.txt"]
    assert [failed.source for failed in first.failed] == ["broken.pdf"]
    write(docs, a="Alpha changed.", e="Epsilon text.")
    (docs / "b.txt").unlink()
    (docs / "c.txt").rename(docs / "moved.txt")
    assert outcome(kb.ingest(docs)) == {
        "added": ["e.txt"],
        "updated": ["a.txt"],
        "unchanged": ["hr/d.txt"],
        "renamed": [("c.txt", "moved.txt")],
        "removed": ["b.txt"],
        "failed": first.failed,
    }
    assert sources(kb) == ["a.txt", "e.txt", "hr/d.txt", "moved.txt"]
    assert [(one.source, one.uploaded) for one in kb.status().file_errors] == [
        ("broken.pdf", False)
    ]


def test_a_second_ingest_changes_and_embeds_nothing(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    before = list(kb.dump())
    embedder.embedded.clear()
    assert outcome(kb.ingest(docs)) == {"unchanged": ["a.txt", "b.txt"]}
    assert embedder.embedded == []
    assert list(kb.dump()) == before


def modified(kb: KnowledgeBase) -> dict[str, str]:
    return {document.source: document.modified_at for document in kb.documents()}


def test_a_document_has_the_modification_time_of_its_file(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    os.utime(docs / "a.txt", (0, 1_700_000_000.9))
    os.utime(docs / "b.txt", (0, -3600))
    (kb.uploads / "d.txt").write_text("Delta text.")
    os.utime(kb.uploads / "d.txt", (0, 1_600_000_000))
    kb.ingest(docs, kb.uploads)
    assert modified(kb) == {
        "a.txt": "2023-11-14T22:13:20+00:00",
        "b.txt": "1969-12-31T23:00:00+00:00",
        "d.txt": "2020-09-13T12:26:40+00:00",
    }


def test_a_new_modification_time_alone_is_stored_without_a_new_version(
    kb: KnowledgeBase, docs: Path
) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    before = kb.documents()
    os.utime(docs / "a.txt", (0, 1_700_000_000))
    assert outcome(kb.ingest(docs, dry_run=True)) == {"unchanged": ["a.txt", "b.txt"]}
    assert kb.documents() == before
    assert outcome(kb.ingest(docs)) == {"unchanged": ["a.txt", "b.txt"]}
    assert kb.documents() == [
        replace(before[0], modified_at="2023-11-14T22:13:20+00:00"),
        before[1],
    ]
    kb.retention.hold("b.txt", reason="lawsuit")
    os.utime(docs / "b.txt", (0, 1_700_000_000))
    kb.ingest(docs)
    assert kb.documents()[1] == before[1]  # on legal hold, it stays as it is


def test_a_renamed_file_may_have_another_modification_time(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    (docs / "a.txt").unlink()
    write(docs, b="Alpha text.")
    os.utime(docs / "b.txt", (0, 1_700_000_000))
    assert outcome(kb.ingest(docs)) == {"renamed": [("a.txt", "b.txt")]}
    assert modified(kb) == {"b.txt": "2023-11-14T22:13:20+00:00"}


def test_one_changed_file_touches_that_file_alone(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    write(docs, a="Alpha text.", b="Beta text.", c="Gamma text.")
    kb.ingest(docs)
    before = ids(kb)
    embedder.embedded.clear()
    write(docs, b="Beta changed.")
    assert kb.ingest(docs).updated == ["b.txt"]
    assert embedder.embedded == ["b\nBeta changed."]
    after = ids(kb)
    assert {source for source in after if after[source] != before[source]} == {"b.txt"}


def test_a_change_that_keeps_size_and_time_is_seen(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text 1.")
    kb.ingest(docs)
    stat = (docs / "a.txt").stat()
    write(docs, a="Alpha text 2.")
    os.utime(docs / "a.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert kb.ingest(docs).updated == ["a.txt"]
    assert kb.search("alpha")[0].text == "Alpha text 2."


def test_a_renamed_file_is_not_embedded_again(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    before = ids(kb)["a.txt"]
    embedder.embedded.clear()
    (docs / "new").mkdir()
    (docs / "a.txt").rename(docs / "new" / "name.txt")
    assert outcome(kb.ingest(docs)) == {
        "unchanged": ["b.txt"],
        "renamed": [("a.txt", "new/name.txt")],
    }
    assert embedder.embedded == []
    assert ids(kb)["new/name.txt"] == before
    assert kb.search("alpha")[0].source == "new/name.txt"


def test_files_that_trade_their_names_trade_their_contents(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    write(docs, a="Beta text.", b="Alpha text.")
    assert sorted(kb.ingest(docs).updated) == ["a.txt", "b.txt"]
    assert kb.search("alpha")[0].source == "b.txt"


def test_equal_texts_are_embedded_once(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    """The file's name is embedded with the text: these have the same words in it."""
    write(docs, leave_rules="Thirty days.", leave__rules="Thirty days.")
    (docs / "leave-rules.md").write_text("Thirty days.")
    assert len(kb.ingest(docs).added) == 3
    assert embedder.embedded.count("leave rules\nThirty days.") == 1
    embedder.embedded.clear()
    (docs / "other").mkdir()
    write(docs / "other", leave_rules="Thirty days.")
    kb.ingest(docs)
    assert len(embedder.embedded) == 1
    assert kb.status().chunks == 4


def test_keep_missing_keeps_what_vanished(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    (docs / "a.txt").unlink()
    assert outcome(kb.ingest(docs, keep_missing=True)) == {"unchanged": ["b.txt"]}
    assert sources(kb) == ["a.txt", "b.txt"]
    assert kb.ingest(docs).removed == ["a.txt"]


def test_a_dry_run_changes_nothing(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    write(docs, a="Alpha text.", b="Beta text.", c="Gamma text.")
    kb.ingest(docs)
    before = list(kb.dump())
    embedder.embedded.clear()
    write(docs, a="Changed.", d="New.")
    (docs / "b.txt").unlink()
    (docs / "c.txt").rename(docs / "e.txt")
    report = kb.ingest(docs, dry_run=True)
    expected = {
        "added": ["d.txt"],
        "updated": ["a.txt"],
        "renamed": [("c.txt", "e.txt")],
        "removed": ["b.txt"],
    }
    assert (report.dry_run, outcome(report)) == (True, expected)
    assert list(kb.dump()) == before
    assert embedder.embedded == []
    assert outcome(kb.ingest(docs)) == expected


def test_strict_stops_at_a_file_that_cannot_be_read(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    (docs / "b.pdf").write_bytes(b"%PDF-1.4 nothing else")
    for _ in range(2):  # also when the problem is known already
        with pytest.raises(SourceError, match=r"b\.pdf: .*strict"):
            kb.ingest(docs, strict=True)
    report = kb.ingest(docs)
    assert [failed.source for failed in report.failed] == ["b.pdf"]
    assert sources(kb) == ["a.txt"]


def test_a_file_that_broke_takes_its_document_with_it(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    (docs / "a.txt").write_bytes(b"%PDF-1.4 nothing else")
    (failed,) = kb.ingest(docs).failed
    assert failed.source == "a.txt"
    assert sources(kb) == []
    assert kb.ingest(docs).failed == [failed]  # named again, without being read again
    write(docs, a="Alpha again.")
    assert outcome(kb.ingest(docs)) == {"added": ["a.txt"]}
    assert kb.status().file_errors == ()


def test_a_broken_file_that_is_gone_is_forgotten(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "b.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb.ingest(docs)
    (docs / "b.pdf").unlink()
    assert outcome(kb.ingest(docs)) == {}
    assert kb.status().file_errors == ()


@pytest.fixture
def locked(docs: Path) -> Path:
    """A sub-folder that will be made unreadable."""
    if os.geteuid() == 0:
        pytest.skip("root may read every folder")
    return docs / "hr"


def test_an_unreadable_folder_does_not_remove_its_documents(
    kb: KnowledgeBase, docs: Path, locked: Path
) -> None:
    write(docs, a="Alpha text.", hr__b="Beta text.")
    (locked / "c.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb.ingest(docs)
    problems = kb.status().file_errors
    locked.chmod(0)
    try:
        report = kb.ingest(docs)
    finally:
        locked.chmod(0o700)
    assert report.removed == []
    assert [(failed.source, failed.reason) for failed in report.failed] == [("hr", "unreadable")]
    assert sources(kb) == ["a.txt", "hr/b.txt"]
    assert kb.status().file_errors == problems


def test_the_same_holds_for_whoever_runs_as_root(
    kb: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is imitated: root is refused nothing."""
    write(docs, a="Alpha text.", hr__b="Beta text.", hr__in__c="Gamma text.")
    (docs / "hr" / "d.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb.ingest(docs)
    problems = kb.status().file_errors
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("/hr"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        report = kb.ingest(docs)
    assert outcome(report) == {
        "unchanged": ["a.txt"],
        "failed": [FileError("hr", "unreadable", "Permission denied")],
    }
    assert sources(kb) == ["a.txt", "hr/b.txt", "hr/in/c.txt"]
    assert kb.status().file_errors == problems


# -- roots ---------------------------------------------------------------------------------------


def test_a_folder_inside_a_known_one_belongs_to_it(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", hr__b="Beta text.", it__c="Gamma text.")
    kb.ingest(docs)
    write(docs, hr__b="Beta changed.", it__c="Gamma changed.", hr__new="New text.")
    assert outcome(kb.ingest(docs / "hr")) == {"added": ["hr/new.txt"], "updated": ["hr/b.txt"]}
    (docs / "hr" / "b.txt").unlink()
    assert outcome(kb.ingest(docs / "hr")) == {
        "unchanged": ["hr/new.txt"],
        "removed": ["hr/b.txt"],
    }
    assert kb.status().source_folders == (str(docs),)
    assert sources(kb) == ["a.txt", "hr/new.txt", "it/c.txt"]


def test_a_parent_folder_takes_over_what_is_known(
    kb: KnowledgeBase, docs: Path, embedder: HashingEmbedder
) -> None:
    write(docs, a="Alpha text.", hr__b="Beta text.")
    kb.ingest(docs / "hr")
    embedder.embedded.clear()
    assert outcome(kb.ingest(docs)) == {"added": ["a.txt"], "unchanged": ["hr/b.txt"]}
    assert embedder.embedded == ["a\nAlpha text."]
    assert kb.status().source_folders == (str(docs),)


def test_single_files_do_not_remove_their_neighbours(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.", c="Gamma text.")
    kb.ingest(docs / "a.txt", docs / "b.txt")
    assert sources(kb) == ["a.txt", "b.txt"]
    assert outcome(kb.ingest(docs / "a.txt")) == {"unchanged": ["a.txt"]}
    assert outcome(kb.ingest(docs)) == {"added": ["c.txt"], "unchanged": ["a.txt", "b.txt"]}


def test_two_roots_may_hold_equal_paths(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, one__a="Alpha text.", two__a="Beta text.")
    kb.ingest(docs / "one", docs / "two")
    assert sources(kb) == ["a.txt", "a.txt"]
    assert {hit.path for hit in kb.search("text")} == {
        str(docs / "one" / "a.txt"),
        str(docs / "two" / "a.txt"),
    }
    (docs / "one" / "a.txt").unlink()
    assert kb.ingest(docs / "one").removed == ["a.txt"]
    assert [hit.text for hit in kb.search("text")] == ["Beta text."]


def test_a_path_that_does_not_exist_is_an_error(kb: KnowledgeBase, docs: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        kb.ingest(docs / "nowhere")


def test_a_base_inside_its_own_folder_is_not_ingested(docs: Path, open_kb: Opener) -> None:
    write(docs, a="Alpha text.")
    kb = open_kb("docs/inner.kb")
    kb.ingest(docs)
    assert outcome(kb.ingest(docs)) == {"unchanged": ["a.txt"]}


# -- removing ------------------------------------------------------------------------------------


def test_a_removed_document_is_gone_at_once(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", hr__b="Beta text.", hr__c="Gamma text.")
    kb.ingest(docs)
    assert kb.remove("a.txt") == ["a.txt"]
    assert {hit.source for hit in kb.search("alpha text")} == {"hr/b.txt", "hr/c.txt"}
    assert kb.remove(str(docs / "hr")) == ["hr/b.txt", "hr/c.txt"]
    assert kb.search("text") == []
    with pytest.raises(SourceError, match=r"a\.txt is not in"):
        kb.remove("a.txt")


# -- searching -----------------------------------------------------------------------------------


def long_text(words: int, seed: int) -> str:
    pick = random.Random(seed)
    return " ".join(
        f"{' '.join(pick.choice(WORDS) for _ in range(9)).capitalize()}." for _ in range(words // 9)
    )


WORDS = ("pump", "seal", "valve", "order", "leave", "plan", "Größe", "price", "4410", "motor")


def assert_exact(kb: KnowledgeBase, hit: Hit) -> None:
    with kb._store.snapshot() as snapshot:
        page = snapshot.pages.text(hit.document, hit.page_ordinal)
    assert hit.text == page[hit.start : hit.end]
    assert hit.text


def test_a_hits_text_is_exactly_its_range_of_the_page(kb: KnowledgeBase, docs: Path) -> None:
    for number in range(5):
        write(docs, **{f"d{number}": long_text(900, number)})
    kb.ingest(docs)
    joined = 0
    for word in WORDS:
        for hit in kb.search(f"{word} {WORDS[0]}", k=30):
            assert_exact(kb, hit)
            joined += len(hit.chunks) > 1
    assert joined


def test_the_examples_hits_are_exact(kb: KnowledgeBase) -> None:
    kb.ingest(Path(__file__).parent.parent / "examples" / "documents")
    for query in ("annual leave", "VX-4410-31", "EBIT 2025", "seal delivery", "Hotel limit"):
        hits = kb.search(query, k=40)
        assert hits
        for hit in hits:
            assert_exact(kb, hit)


def test_an_empty_base_has_no_hits_and_no_answer(kb: KnowledgeBase) -> None:
    assert kb.search("anything") == []
    assert kb.explain("anything").hits == ()
    assert kb.documents() == []
    assert kb.ask("anything").citations == ()


def test_more_hits_than_there_are_gives_all(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.", b="Beta text.")
    kb.ingest(docs)
    assert {hit.source for hit in kb.search("text", k=1000)} == {"a.txt", "b.txt"}
    assert len(kb.search("text", k=1)) == 1
    assert kb.search("text", k=0) == []
    assert kb.search("  ") == []


def test_only_documents_with_an_allowed_label_are_found(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, open__a="Alpha text.", board__b="Alpha secret.")
    kb.ingest(docs / "open")
    kb.ingest(docs / "board", label="board")
    assert [hit.text for hit in kb.search("alpha", where=Filter(label=["default"]))] == [
        "Alpha text."
    ]
    assert [hit.text for hit in kb.search("alpha", where=Filter(label=["board"]))] == [
        "Alpha secret."
    ]
    assert len(kb.search("alpha", where=Filter(label=["board", "default"]))) == 2
    assert kb.search("alpha", where=Filter(label=[])) == []
    assert kb.search("alpha", where=Filter(label=["other"])) == []
    assert [d.source for d in kb.documents(where=Filter(label=["board"]))] == ["b.txt"]
    assert kb.explain("alpha", where=Filter(label=[])).candidates == ()


@pytest.mark.parametrize("whole", [False, True], ids=["relative", "absolute"])
def test_a_rule_is_about_a_folder_however_its_umlauts_are_stored(
    open_kb: Callable[..., KnowledgeBase], docs: Path, whole: bool
) -> None:
    folder = docs / unicodedata.normalize("NFD", "Führung")
    folder.mkdir()
    (folder / "pay.txt").write_text("Alpha secret.")
    rule = unicodedata.normalize("NFC", "Führung/")
    kb = open_kb(config=Config(labels={f"{docs}/{rule}" if whole else rule: "board"}))
    kb.ingest(docs)
    assert [document.label for document in kb.documents()] == ["board"]


def test_an_ingest_with_a_label_labels_what_is_there_already(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, same="Alpha text.", old="Beta text.", changed="Gamma text.")
    kb.ingest(docs)
    (docs / "old.txt").rename(docs / "new.txt")
    write(docs, changed="Gamma changed.", added="Delta text.")
    kb.ingest(docs, label="board")
    assert {document.label for document in kb.documents()} == {"board"}
    assert kb.search("alpha", where=Filter(label=["default"])) == []
    write(docs, changed="Gamma again.")
    kb.ingest(docs)  # no label named: documents keep theirs
    assert {document.label for document in kb.documents()} == {"board"}


@pytest.mark.parametrize("query", ["\x00", "\ud800", '"(seal AND', "é" * 5000, "🂡", "\u202eabc"])
def test_odd_queries_are_searched_like_others(kb: KnowledgeBase, docs: Path, query: str) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    kb.search(query)


def test_documents_without_text_or_with_one_giant_line(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, empty="", blank=" \n\n ", giant="word" * 20_000, normal="Alpha text.")
    report = kb.ingest(docs)
    assert sorted(report.added) == ["giant.txt", "normal.txt"]
    assert {f.source for f in report.failed} == {"blank.txt", "empty.txt"}
    for hit in kb.search("word", k=100):
        assert_exact(kb, hit)


# -- looking at a document -----------------------------------------------------------------------


def test_a_document_is_shown_with_its_pages_and_chunks(docs: Path, open_kb: Opener) -> None:
    def read(data: bytes, source: str) -> Document:
        pages = ("Alpha text.\n\nBeta text.", " \u00a0\n", "Gamma text.")
        return Document(
            "log",
            tuple(
                Page(text, (Block(BlockKind.PARAGRAPH, 0, len(text)),), PageKind.PAGE, n, f"p{n}",
                     images=n, hidden=2 * n, garbage=3 * n)
                for n, text in enumerate(pages, 1)
            ),
            title="A log",
            metadata={"author": "Ana"},
        )  # fmt: skip

    (docs / "a.log").write_text("alpha")
    kb = open_kb(readers={".log": read})
    kb.ingest(docs)
    (listed,) = kb.documents()
    document = kb.document(listed.id)
    assert document == listed
    assert (document.title, document.pages, document.readable_pages, document.metadata) == (
        "A log", 3, 2, {"author": "Ana"}
    )  # fmt: skip
    pages = kb.pages(document.id)
    assert pages[2] == StoredPage(2, "page", 3, "p3", "Gamma text.", 3, 6, 9)
    assert [page.ordinal for page in pages] == [0, 1, 2]
    chunks = kb.chunks(document.id)
    assert len(chunks) == document.chunks
    assert [chunk.ordinal for chunk in chunks] == [*range(len(chunks))]
    for chunk in chunks:
        assert chunk.text == pages[chunk.page_ordinal].text[chunk.start : chunk.end]
    for page in pages:
        assert kb.page(document.id, page.ordinal) == page
        assert kb.chunks(document.id, page=page.ordinal) == [
            chunk for chunk in chunks if chunk.page_ordinal == page.ordinal
        ]


def test_a_page_that_does_not_exist_is_an_error(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    (document,) = kb.documents()
    for ordinal in (-1, 1, 10**30):
        for look in (kb.page, lambda id, page: kb.chunks(id, page=page)):
            with pytest.raises(SourceError) as caught:
                look(document.id, ordinal)
            assert str(caught.value) == (
                f"there is no page {ordinal} in a.txt; expected an ordinal from 0 to 0"
            )


def test_kb_has_an_owner_s_view_and_is_none(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    assert not isinstance(kb, View)
    assert (kb.view.who, kb.view.path) == (kb.who, kb.path)
    assert kb.view.search("alpha") == kb.search("alpha")
    kb.model = "auto"
    assert kb.view.model == "auto"


def test_a_document_that_may_not_be_read_is_as_one_that_is_not_there(
    kb: KnowledgeBase, docs: Path
) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs, label="board")
    (document,) = kb.documents()
    for look in (kb.document, kb.pages, kb.chunks):
        assert look(document.id, where=Filter(label=["board"]))
        with pytest.raises(SourceError) as hidden:
            look(document.id, where=Filter(label=["default"]))
        with pytest.raises(SourceError) as missing:
            look(document.id + 99)
        assert str(missing.value).replace(str(document.id + 99), str(document.id)) == str(
            hidden.value
        )


# -- the same content however it came about ------------------------------------------------------


def test_any_order_of_ingest_ends_in_the_same_dump(docs: Path, open_kb: Opener) -> None:
    texts = {f"d{number}": long_text(300, number) for number in range(6)}
    texts |= {"same_words": "Equal text.", "same-words": "Equal text."}
    write(docs, **texts)
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    at_once = open_kb("at-once.kb")
    at_once.ingest(docs)
    expected = list(at_once.dump())
    for turn in range(2):
        pick = random.Random(turn)
        kb = open_kb(f"turn-{turn}.kb")
        names = [*texts]
        pick.shuffle(names)
        for name in names[:3]:
            kb.ingest(docs / f"{name}.txt")
        write(docs, **{names[0]: "For a while something else.", "extra": "For a while."})
        kb.ingest(docs, workers=3)
        write(docs, **{names[0]: texts[names[0]]})
        (docs / "extra.txt").unlink()
        kb.remove(f"{names[1]}.txt")
        kb.ingest(docs)
        assert list(kb.dump()) == expected


# -- readers and embedders of one's own ----------------------------------------------------------


def read_log(data: bytes, source: str) -> Document:
    text = f"Log of {source}: {data.decode()}"
    return Document("log", (Page(text, (Block(BlockKind.PARAGRAPH, 0, len(text)),)),))


def test_a_reader_of_ones_own_reads_its_suffix(docs: Path, open_kb: Opener) -> None:
    write(docs, a="Alpha text.")
    (docs / "b.LOG").write_text("alpha happened")
    kb = open_kb(readers={".log": read_log})
    assert sorted(kb.ingest(docs).added) == ["a.txt", "b.LOG"]
    assert {hit.text for hit in kb.search("alpha")} == {
        "Alpha text.",
        "Log of b.LOG: alpha happened",
    }


def test_a_base_refuses_another_embedder(docs: Path, open_kb: Opener) -> None:
    write(docs, a="Alpha text.")
    open_kb().ingest(docs)
    for other in (HashingEmbedder("hashing-2"), HashingEmbedder(dimension=32)):
        kb = open_kb(embedder=other)
        with pytest.raises(StoreMismatch, match="hashing-1"):
            kb.search("alpha")
        with pytest.raises(StoreMismatch, match="hashing-1"):
            kb.ingest(docs)
    assert len(open_kb().search("alpha")) == 1


class NonsenseEmbedder(HashingEmbedder):
    """Gives what the test tells it to."""

    def __init__(self, nonsense: str) -> None:
        super().__init__()
        self.nonsense = nonsense

    def _encode(self, texts):  # type: ignore[no-untyped-def]
        vectors = super()._encode(texts)
        if self.nonsense == "count":
            return vectors[:-1]
        if self.nonsense == "dimension":
            return vectors[:, :-1]
        vectors[0] = {"zeros": 0.0, "nan": float("nan"), "infinite": float("inf")}[self.nonsense]
        return vectors


class WithoutTokenizer(HashingEmbedder):
    """An embedder whose tokenizer cannot be had."""

    @property
    def tokenizer_file(self) -> Path:
        raise OSError("the tokenizer is gone")


def test_an_ingest_ends_where_its_readers_cannot_begin(docs: Path, open_kb: Opener) -> None:
    (docs / "a.txt").write_text("one")
    with pytest.raises(OSError, match="tokenizer is gone"):
        open_kb(embedder=WithoutTokenizer()).ingest(docs)


def test_nonsense_from_an_embedder_is_never_stored(docs: Path, open_kb: Opener) -> None:
    write(docs, a="Alpha text.")
    open_kb().ingest(docs)
    write(docs, b="Beta text.")
    for nonsense in ("count", "dimension", "zeros", "nan", "infinite"):
        with pytest.raises(EmbedderError):
            open_kb(embedder=NonsenseEmbedder(nonsense)).ingest(docs)
        assert sources(open_kb()) == ["a.txt"]
    assert open_kb().ingest(docs).added == ["b.txt"]


def test_a_closed_base_says_so(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="Alpha text.")
    kb.ingest(docs)
    kb.close()
    uses: list[Callable[[], object]] = [
        lambda: kb.search("alpha"),
        lambda: kb.ask("alpha"),
        lambda: kb.ingest(docs),
        lambda: kb.remove("a.txt"),
        kb.documents,
        kb.status,
    ]
    for use in uses:
        with pytest.raises(StoreError, match="closed"):
            use()


# -- reading while writing -----------------------------------------------------------------------


def test_readers_never_see_half_a_document_while_one_ingests(docs: Path, open_kb: Opener) -> None:
    """Every version of a file says its number in each of its chunks."""

    def version(number: int) -> None:
        for name in ("one", "two", "three"):
            write(docs, **{name: f"{f'Version {number} of {name} pump seal. ' * 8}\n\n" * 6})

    version(0)
    kb = open_kb()
    kb.ingest(docs)
    stop = time.monotonic() + 3
    errors: list[BaseException] = []
    searches = [0] * 8

    def read(reader: int) -> None:
        try:
            while time.monotonic() < stop:
                for hit in kb.search("version pump seal", k=20):
                    words = {word for word in hit.text.split() if word.isdecimal()}
                    assert len(words) == 1
                with kb._store.snapshot() as snapshot:
                    for document in snapshot.documents.all():
                        texts = [chunk.text for chunk in snapshot.chunks.of(document.id)]
                        numbers = {w for text in texts for w in text.split() if w.isdecimal()}
                        assert len(numbers) == 1
                        assert len(texts) == document.chunks
                searches[reader] += 1
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for reader in readers:
        reader.start()
    number = 0
    while time.monotonic() < stop:
        number += 1
        version(number)
        kb.ingest(docs)
    for reader in readers:
        reader.join()
    assert errors == []
    assert number > 1
    assert min(searches) > 0
    assert all(f"Version {number} " in hit.text for hit in kb.search("version pump seal", k=20))


def test_another_process_view_follows_the_writer(docs: Path, open_kb: Opener) -> None:
    write(docs, a="Alpha text.")
    writer, reader = open_kb(), open_kb()
    assert reader.search("alpha") == []
    writer.ingest(docs)
    assert [hit.text for hit in reader.search("alpha")] == ["Alpha text."]
    write(docs, a="Alpha changed.", b="Alpha more.")
    writer.ingest(docs)
    assert {hit.text for hit in reader.search("alpha")} == {"Alpha changed.", "Alpha more."}
    writer.remove("a.txt")
    assert [hit.text for hit in reader.search("alpha")] == ["Alpha more."]


def test_a_document_without_text_is_named_and_the_others_are_added(kb: KnowledgeBase) -> None:
    class Part:
        def __init__(self, text: str, doc_id: str) -> None:
            self.text, self.doc_id = text, doc_id
            self.metadata: dict[str, str] = {}

    report = kb.add_documents([Part("A pump.", "one"), Part(" ", "two"), Part("A seal.", "three")])
    assert report.added == ["one", "three"]
    assert [entry.source for entry in report.failed] == ["two"]
    assert [hit.path for hit in kb.search("pump", 1)] == [""]


def test_a_label_may_be_given_as_one_name(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, a="A pump.")
    kb.ingest(docs, label="hr")
    assert [hit.source for hit in kb.search("pump", where=Filter(label="hr"))] == ["a.txt"]
    assert kb.search("pump", where=Filter(label="h")) == []


def test_a_file_that_times_out_is_not_tried_again_under_the_same_limits(
    docs: Path, open_kb: Opener
) -> None:
    write(docs, a="A pump.")
    tried: list[str] = []

    def hang(data: bytes, source: str) -> Document:
        tried.append(source)
        raise ReadError(Reason.TIMED_OUT, "slow")

    with open_kb(readers={"txt": hang}) as kb:
        assert [entry.reason for entry in kb.ingest(docs).failed] == ["timed out"]
        assert [entry.reason for entry in kb.ingest(docs).failed] == ["timed out"]
    assert tried == ["a.txt"]


def test_a_known_file_that_outgrows_the_limit_leaves_the_base(docs: Path, open_kb: Opener) -> None:
    write(docs, a="A pump.", b="A seal.")
    with open_kb() as kb:
        kb.ingest(docs)
    (docs / "a.txt").write_bytes(b"pump " * 300_000)
    with open_kb(config=Config(max_file_mb=1)) as kb:
        assert [entry.reason for entry in kb.ingest(docs).failed] == ["too large"]
        assert sources(kb) == ["b.txt"]
        assert [entry.source for entry in kb.status().file_errors] == ["a.txt"]


def test_no_more_hits_are_given_than_one_query_may_have(
    docs: Path, open_kb: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (docs / f"{number}.txt").write_text(f"Pump {number} weighs {number} kilograms.")
    kb = open_kb()
    kb.ingest(docs)
    monkeypatch.setattr("ragkit.retrieval.retriever.MAX_HITS", 20)
    assert len(kb.search("pump", 25)) == len(kb.explain("pump", 25).hits) == 20
    assert len(kb.search("pump", 15)) == 15
