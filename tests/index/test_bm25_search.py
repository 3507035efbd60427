from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.index.bm25_search import BM25Search
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.store.access import Principal
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support import damage
from tests.support.stored import pairs, put, remove

Damage = Callable[[Store], None]

TEXTS = {
    "pump.txt": "The pump VX-4410-31 has a mechanical seal.",
    "other.txt": "The pump VX-4410-32 was running for two years.",
    "de.txt": "Der Geschäftsführer prüft die Rechnung über Größen.",
    "mail.txt": "Write to anna.schmidt@example.org about C++ and R&D.",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb")
    write(opened, TEXTS)
    yield opened
    opened.close()


def write(
    store: Store, texts: dict[str, str], *, label: str = "default", sync: bool = True
) -> None:
    with store.writer() as writer:
        for source, text in texts.items():
            put(writer, source, [text], label=label)
        if sync:
            TantivyIndex(store.layout).sync(writer)


def drop(store: Store, source: str, *, sync: bool = True) -> None:
    with store.writer() as writer:
        snapshot = Snapshot(writer.connection)
        (document,) = [d.id for d in snapshot.documents.all() if d.source == source]
        remove(writer, document, source)
        if sync:
            TantivyIndex(store.layout).sync(writer)


def best(index: BM25Search, snapshot: Snapshot, query: str, k: int) -> list[tuple[int, float]]:
    return pairs(index.search(snapshot, query, k))


def search(
    store: Store,
    query: str,
    *,
    labels: list[str] | None = None,
    index: BM25Search | None = None,
) -> list[str]:
    """Sources of the chunks found, best first; each must be one of the snapshot."""
    index = index or BM25Search(store.layout)
    with store.view(Principal.owner(), labels) as snapshot:
        found = best(index, snapshot, query, 10)
        assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
        chunks = snapshot.chunks.get([chunk for chunk, _ in found])
        return [chunks[chunk].source for chunk, _ in found]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("VX-4410-31", "pump.txt"),
        ("vx-4410-32", "other.txt"),
        ("seals", "pump.txt"),
        ("run", "other.txt"),
        ("geschaftsfuhrer", "de.txt"),
        ("GESCHÄFTSFÜHRER", "de.txt"),
        ("Grossen", "de.txt"),
        ("anna.schmidt@example.org", "mail.txt"),
    ],
)
def test_words_codes_stems_and_folded_letters_are_found(
    store: Store, query: str, first: str
) -> None:
    assert search(store, query)[0] == first


@pytest.mark.parametrize("query", ["", " ", "zebra", "?!", "the" * 100, "\x00"])
def test_what_is_not_there_is_not_found(store: Store, query: str) -> None:
    assert search(store, query) == []


def test_a_label_hides_what_it_covers(store: Store) -> None:
    write(store, {"secret.txt": "The pump VX-4410-31 failed."}, label="board")
    assert set(search(store, "VX-4410-31", labels=["board"])) == {"secret.txt"}
    assert "secret.txt" not in search(store, "VX-4410-31 failed", labels=["default"])
    assert search(store, "VX-4410-31", labels=[]) == []
    assert search(store, "VX-4410-31", labels=["no such label"]) == []


@pytest.mark.parametrize("sync", [True, False])
def test_changed_and_removed_documents_are_never_stale(store: Store, sync: bool) -> None:
    index = BM25Search(store.layout)
    assert search(store, "seal", index=index) == ["pump.txt"]
    write(store, {"pump.txt": "Now about bearings."}, sync=sync)
    assert search(store, "seal", index=index) == []
    assert search(store, "bearing", index=index) == ["pump.txt"]
    drop(store, "pump.txt", sync=sync)
    assert search(store, "bearing", index=index) == []
    write(store, {"pump.txt": "A seal again."}, sync=sync)
    assert search(store, "seal", index=index) == ["pump.txt"]


def test_the_index_on_disk_holds_each_chunk_once_and_no_removed_one(store: Store) -> None:
    for text in ("One.", "Two.", "Three."):
        write(store, {"pump.txt": text, "other.txt": f"Other {text}"}, sync=True)
    drop(store, "other.txt", sync=True)
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        view = index._view_of(snapshot)
        chunks = [c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)]
    assert view.delta is None
    assert [part.searcher.num_docs for part in view.disk] == [len(chunks)]


def test_no_chunk_scores_more_than_is_possible(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        for query in ("seal", "pump seal VX-4410-31", "nothing of this"):
            bound = index.search(snapshot, query, 10).bound
            assert all(score <= bound for _, score in best(index, snapshot, query, 10))


def test_an_old_snapshot_never_gives_what_came_later(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as old:
        write(store, {"pump.txt": "Now about bearings.", "late.txt": "A late bearing."})
        found = old.chunks.get([chunk for chunk, _ in best(index, old, "bearing seal", 10)])
        assert {chunk.source for chunk in found.values()} <= {"pump.txt"}
        assert all("bearing" not in chunk.text for chunk in found.values())


# -- damage ------------------------------------------------------------------------------------


def folder(store: Store) -> Path:
    """Where the only part of the index is."""
    (found,) = (path for path in store.layout.lexical.glob("v*/*") if path.is_dir())
    return found


def parts_list(store: Store) -> Path:
    return folder(store).parent / "parts.json"


def segment_files(store: Store) -> list[Path]:
    names = [s["segment_id"].replace("-", "") for s in meta(store)["segments"]]
    return [path for path in sorted(folder(store).iterdir()) if path.stem in names]


def meta(store: Store) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads((folder(store) / "meta.json").read_text())
    return found


def delete(path: Path) -> None:
    """Once a writer's last thread has put its last file there."""
    while path.exists():
        with suppress(OSError):
            shutil.rmtree(path)


def delete_folder(store: Store) -> None:
    delete(folder(store))


def garbage_in_meta(store: Store) -> None:
    (folder(store) / "meta.json").write_bytes(b"garbage{")


def meta_of_another_program(store: Store) -> None:
    (folder(store) / "meta.json").write_text('{"segments": [1]}')


def garbage_in_managed(store: Store) -> None:
    (folder(store) / ".managed.json").write_bytes(b"\xff\xff")


def delete_segment(store: Store) -> None:
    segment_files(store)[0].unlink()


def put_in_place(path: Path, data: bytes) -> None:
    """As another file: a thread of tantivy's may still have the old one mapped."""
    path.unlink()
    path.write_bytes(data)


def empty_segments(store: Store) -> None:
    for path in segment_files(store):
        put_in_place(path, b"")


def truncate_segments(store: Store) -> None:
    for path in segment_files(store):
        put_in_place(path, path.read_bytes()[: path.stat().st_size // 2])


def garbage_segments(store: Store) -> None:
    for path in segment_files(store):
        put_in_place(path, b"\xff" * path.stat().st_size)


def flip_one_bit(store: Store) -> None:
    path = next(path for path in segment_files(store) if path.suffix == ".idx")
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    put_in_place(path, data)


def flip_in_the_footer(store: Store) -> None:
    path = next(path for path in segment_files(store) if path.suffix == ".term")
    data = bytearray(path.read_bytes())
    data[-10] ^= 0x80
    put_in_place(path, data)


def swap_two_files(store: Store) -> None:
    one, two, *_ = (path for path in segment_files(store) if path.suffix == ".fieldnorm")
    data = one.read_bytes()
    put_in_place(one, two.read_bytes()[:-1])
    put_in_place(two, data)


def flip_unseen(store: Store) -> None:
    damage.flip(next(path for path in segment_files(store) if path.suffix == ".idx"), 3)


def swap_whole_files(suffix: str) -> Damage:
    """Each keeps its own checksum, and is of the same index."""

    def swap(store: Store) -> None:
        one, two, *_ = (path for path in segment_files(store) if path.suffix == suffix)
        damage.swap(one, two)

    return swap


def change_meta(old: bytes, new: bytes) -> Damage:
    def change(store: Store) -> None:
        path = folder(store) / "meta.json"
        content = path.read_bytes()
        assert old in content
        damage.overwrite(path, content.replace(old, new, 1))

    return change


def flip_in_the_list(store: Store) -> None:
    damage.flip(parts_list(store), 60)


def delete_the_list(store: Store) -> None:
    parts_list(store).unlink()


def list_of_another_program(store: Store) -> None:
    damage.overwrite(parts_list(store), b'{"state": [], "crc": 1}')


def delete_all(store: Store) -> None:
    delete(store.layout.lexical)


DAMAGES = [
    flip_unseen,
    *map(swap_whole_files, [".idx", ".term", ".fast", ".fieldnorm"]),
    change_meta(b'"max_doc": 4', b'"max_doc": 6'),
    change_meta(b'"max_doc": 4', b'"max_doc": 3'),
    change_meta(b'"name": "stemmed"', b'"name": "stemmef"'),
    change_meta(b'"name": "label"', b'"name": "lapel"'),
    change_meta(b'"fast": true', b'"gast": true'),
    change_meta(b'"num_deleted_docs": 1', b'"num_deleted_docs": 3'),
    flip_in_the_list,
    delete_the_list,
    list_of_another_program,
    delete_folder,
    delete_all,
    garbage_in_meta,
    meta_of_another_program,
    garbage_in_managed,
    delete_segment,
    empty_segments,
    truncate_segments,
    garbage_segments,
    flip_one_bit,
    flip_in_the_footer,
    swap_two_files,
]


@pytest.mark.parametrize("damaging", DAMAGES)
def test_a_damaged_index_answers_rightly_and_is_built_again(
    store: Store, damaging: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, {"late.txt": "A late word."})
    drop(store, "mail.txt")
    expected = search(store, "pump seal late VX-4410-31")
    assert set(expected) == {"pump.txt", "other.txt", "late.txt"}
    damaging(store)
    assert search(store, "pump seal late VX-4410-31") == expected
    write(store, {})
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert search(store, "pump seal late VX-4410-31") == expected
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["meta.json", ".managed.json", "../parts.json"])
def test_no_flipped_bit_in_what_has_no_checksum_is_believed(
    store: Store, tmp_path: Path, name: str
) -> None:
    """A bit of each tenth byte, more of each digit: either it is seen, or it changes no score."""
    path = folder(store) / name
    with store.snapshot() as snapshot:

        def found() -> list[tuple[int, float]]:
            index = BM25Search(store.layout)
            return best(index, snapshot, "pump seal VX-4410-31 rechnung", 10)

        expected = [found()]
        store.layout.lexical.rename(tmp_path / "away")
        expected.append(found())
        (tmp_path / "away").rename(store.layout.lexical)
        for at, byte in enumerate(path.read_bytes()):
            for bit in range(3) if chr(byte).isdigit() else [at % 8] if at % 10 == 0 else []:
                damage.flip(path, at, bit)
                assert found() in expected, f"byte {at}, bit {bit}"
                damage.flip(path, at, bit)


def test_a_killed_writers_unfinished_segment_does_no_harm(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (folder(store) / "00112233445566778899aabbccddeeff.idx").write_bytes(b"half")
    (folder(store) / ".tmpAb3dEf").write_bytes(b"half")
    with caplog.at_level(logging.WARNING):
        assert search(store, "seal") == ["pump.txt"]
        write(store, {"late.txt": "A late word."})
        assert search(store, "late") == ["late.txt"]
    assert not (folder(store) / ".tmpAb3dEf").exists()
    assert caplog.text == ""


def test_the_list_of_the_deleted_that_a_killed_writer_left_does_no_harm(store: Store) -> None:
    write(store, {"late.txt": "A late word."})
    for path in list(folder(store).glob("*.store")):
        for stamp in range(14, 50):  # the last commit's is 13
            path.with_suffix(f".{stamp}.del").write_bytes(b"half")
    drop(store, "pump.txt")
    assert search(store, "seal") == []
    assert len(list(folder(store).glob("*.del"))) < 10


def test_a_copied_index_is_used_as_it_is(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.close()
    shutil.copytree(store.layout.root, tmp_path / "b.kb")
    copied = Store(tmp_path / "b.kb")
    with caplog.at_level(logging.WARNING):
        assert search(copied, "seal") == ["pump.txt"]
        with copied.snapshot() as snapshot:
            index = BM25Search(copied.layout)
            best(index, snapshot, "seal", 1)
    assert caplog.text == ""
    copied.close()


def test_the_index_of_another_base_is_not_used(store: Store, tmp_path: Path) -> None:
    """Ids of one base mean other chunks in another, and the other may be as many commits old."""
    other = Store(tmp_path / "b.kb")
    write(other, dict.fromkeys(TEXTS, "Something else about zebras."))
    delete(store.layout.lexical)
    shutil.copytree(other.layout.lexical, store.layout.lexical)
    assert search(store, "zebra") == []
    assert search(store, "seal") == ["pump.txt"]
    write(store, {"late.txt": "A late word."})
    assert search(store, "zebra") == []
    other.close()


@pytest.mark.parametrize("more", [0, 3])
def test_the_index_of_a_base_with_more_commits_is_not_used(
    store: Store, tmp_path: Path, more: int
) -> None:
    """It looks as if somebody had committed since the snapshot."""
    other = Store(tmp_path / "b.kb")
    names = [*TEXTS, *map(str, range(more))]
    write(other, dict.fromkeys(names, "Something else about zebras."))
    other.close()
    delete(store.layout.lexical)
    shutil.copytree(other.layout.lexical, store.layout.lexical)
    assert search(store, "zebra") == []
    assert search(store, "seal") == ["pump.txt"]


def test_an_index_newer_than_a_snapshot_is_used_where_the_base_went_on(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as old:
        write(store, {"late.txt": "A late seal."})
        assert [chunk for chunk, _ in best(index, old, "pump", 10)]
        assert index._view is not None
        assert index._view.disk


def test_an_index_newer_than_a_restored_database_is_not_believed(
    store: Store, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    store.close()
    shutil.copytree(store.layout.root, backup)
    newer = Store(store.layout.root)
    write(newer, {"late.txt": "A late zebra."})
    newer.close()
    shutil.copytree(newer.layout.lexical, Layout(backup).lexical, dirs_exist_ok=True)
    restored = Store(backup)
    assert search(restored, "zebra") == []
    assert search(restored, "pump") != []
    write(restored, {"new.txt": "A bearing.", "newer.txt": "A wheel.", "newest.txt": "A belt."})
    assert search(restored, "zebra") == []
    for source, word in (("new.txt", "bearing"), ("newer.txt", "wheel"), ("newest.txt", "belt")):
        assert search(restored, word) == [source]
    restored.close()


# -- queries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        'seal AND (pump OR "x',
        "field:value +must -not ^2 ~3",
        "seal* ?eal /se.l/ [a TO z] {a TO z}",
        "label:board chunk:1",
        "kind:1",
        '\\"\\\\ seal \\',
        "IN [seal pump]",
        "seal\udc80",
    ],
)
def test_query_syntax_is_text(store: Store, query: str) -> None:
    expected = {"pump.txt"} if "seal" in query else set()
    found = set(search(store, query))
    assert expected <= found <= set(TEXTS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("lexical") / "a.kb")
    write(opened, TEXTS)
    yield opened
    opened.close()


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300) | st.text('+-:"()[]{}^~*?\\/ ANDORT', max_size=80))
def test_no_query_raises(shared: Store, query: str) -> None:
    assert set(search(shared, query)) <= set(TEXTS)


def test_a_very_long_query_is_cut(store: Store) -> None:
    assert search(store, "seal " + "word " * 20_000) == ["pump.txt"]
    assert search(store, " ".join(f"w{n}" for n in range(5000)) + " seal") == []
