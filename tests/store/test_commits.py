from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragkit import Filter
from ragkit.errors import StoreDamaged, StoreError
from ragkit.store.access import Principal
from ragkit.store.store import Store
from ragkit_ingest.model import FileError
from tests.support.stored import contents, new_document, put, remove


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb")
    yield opened
    opened.close()


def seen(store: Store) -> dict[str, list[str]]:
    with store.snapshot() as snapshot:
        return contents(snapshot)


def test_a_document_is_one_commit(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one"])
        with store.snapshot() as before:
            put(writer, "b.txt", ["two", "three"])
            with store.snapshot() as after:
                assert after.seq == before.seq + 1
    assert seen(store) == {"a.txt": ["one"], "b.txt": ["two", "three"]}


def test_a_document_that_cannot_be_committed_leaves_nothing(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one"])
        source_folder = writer.source_folders.add("/docs", whole=True)
        with store.snapshot() as snapshot:
            seq = snapshot.seq
        torn = replace(
            new_document("b.txt", ["two", "three"], source_folder=source_folder),
            digests=[b"only one"],
        )
        with pytest.raises(ValueError, match="shorter"):
            writer.documents.put(torn)
    with store.snapshot() as snapshot:
        assert snapshot.seq == seq
        assert contents(snapshot) == {"a.txt": ["one"]}


def test_a_changed_document_replaces_its_chunks_in_one_commit(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["old one", "old two"])
        with store.snapshot() as before:
            put(writer, "a.txt", ["new"])
            assert contents(before) == {"a.txt": ["old one", "old two"]}
    assert seen(store) == {"a.txt": ["new"]}


def test_ids_are_never_reused(store: Store) -> None:
    given: list[int] = []
    for turn in range(5):
        with store.writer() as writer:
            document = put(writer, "a.txt", [f"text {turn}", "more"])
            with store.snapshot() as snapshot:
                given += [document, *(chunk.id for chunk in snapshot.chunks.of(document))]
            if turn % 2:
                remove(writer, document, "a.txt")
    assert given == sorted(set(given))
    assert len(given) == 15


def test_a_reader_keeps_its_view_while_a_writer_commits(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one"])
        with store.snapshot() as reader:
            seq = reader.seq
            changed = put(writer, "a.txt", ["changed"])
            put(writer, "b.txt", ["two"])
            remove(writer, changed, "a.txt")
            assert reader.meta("seq") == str(seq)
            assert contents(reader) == {"a.txt": ["one"]}
            assert [d.source for d in reader.documents.all()] == ["a.txt"]
        with store.snapshot() as later:
            assert later.seq > seq


def test_deleted_chunks_leave_tombstones_and_nothing_else(store: Store) -> None:
    with store.writer() as writer:
        document = put(writer, "a.txt", ["one", "two"])
        with store.snapshot() as snapshot:
            chunks = [chunk.id for chunk in snapshot.chunks.of(document)]
        remove(writer, document, "a.txt")
    with store.snapshot() as snapshot:
        assert snapshot.vectors.tombstones(chunks[-1]) == chunks
        assert snapshot.vectors.tombstones(chunks[0]) == chunks[:1]
        assert snapshot.documents.counts() == (0, 0, 0)
        assert snapshot.vectors.count() == 0
        assert snapshot.pages.text(document, 0) == ""
        assert [c.operation for c in snapshot.changes_since(0)] == ["add", "remove"]


def test_a_file_that_fails_takes_its_old_version_with_it(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one"])
        source_folder = writer.source_folders.add("/docs", whole=True)
        writer.documents.refuse(source_folder, FileError("a.txt", "corrupt", digest=b"x"), "1")
        with store.snapshot() as snapshot:
            assert contents(snapshot) == {}
            assert [p.source for p in snapshot.file_errors.all()] == ["a.txt"]
        put(writer, "a.txt", ["mended"])
        with store.snapshot() as snapshot:
            assert contents(snapshot) == {"a.txt": ["mended"]}
            assert snapshot.file_errors.all() == []


def test_labels_hide_documents_and_an_empty_set_hides_all(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "open.txt", ["one"])
        secret = put(writer, "secret.txt", ["two"], label="board")
    with store.view(Principal.owner(), Filter(label="default")) as snapshot:
        assert list(contents(snapshot)) == ["open.txt"]
        assert snapshot.pages.text(secret, 0) == ""
        assert snapshot.chunks.of(secret) == []
        assert snapshot.documents.counts() == (1, 1, 1)
    for nothing in ([], ["no such label"]):
        with store.view(Principal.owner(), Filter(label=nothing)) as snapshot:
            assert contents(snapshot) == {}
            assert snapshot.documents.chunk_runs() == []


def test_a_parent_folder_absorbs_the_roots_inside_it(store: Store) -> None:
    with store.writer() as writer:
        inner = writer.source_folders.add("/docs/hr", whole=True)
        writer.documents.put(new_document("a.txt", ["one"], source_folder=inner))
        writer.documents.refuse(inner, FileError("b.txt", "corrupt", digest=b"x"), "1")
        beside = writer.source_folders.add("/docs-old", whole=True)
        outer = writer.source_folders.add("/docs", whole=True)
        with store.snapshot() as snapshot:
            assert [(d.source_folder, d.source) for d in snapshot.documents.all()] == [
                (outer, "hr/a.txt")
            ]
            assert list(snapshot.file_errors.of(outer)) == ["hr/b.txt"]
            assert {source_folder for source_folder, _, _ in snapshot.source_folders.all()} == {
                outer,
                beside,
            }


def test_two_roots_may_hold_equal_paths(store: Store) -> None:
    with store.writer() as writer:
        for folder in ("/one", "/two"):
            source_folder = writer.source_folders.add(folder, whole=True)
            writer.documents.put(new_document("a.txt", [folder], source_folder=source_folder))
    with store.snapshot() as snapshot:
        texts = [snapshot.pages.text(d.id, 0) for d in snapshot.documents.all()]
        assert sorted(texts) == ["/one", "/two"]


def test_a_closed_store_neither_reads_nor_writes(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"), store.snapshot():
        pass
    with pytest.raises(StoreError, match="closed"), store.writer():
        pass


def test_a_writer_sweeps_what_a_killed_one_left(store: Store) -> None:
    (store.layout.tmp / "dense-000001").write_bytes(b"half")
    (store.layout.tmp / "folder").mkdir()
    (store.layout.tmp / "folder" / "file").write_bytes(b"x")
    with store.writer():
        assert list(store.layout.tmp.iterdir()) == []


def test_damage_in_the_database_is_said_in_one_line(store: Store) -> None:
    with store.writer() as writer:
        for number in range(50):
            put(writer, f"{number}.txt", ["text " * 200])
    store.close()
    data = bytearray(store.layout.database.read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        data[at : at + 100] = b"\xff" * 100
    store.layout.database.write_bytes(data)
    with pytest.raises(StoreDamaged) as caught:  # noqa: PT012
        again = Store(store.layout.root)
        with again.snapshot() as snapshot:
            contents(snapshot)
    assert "\n" not in str(caught.value)
