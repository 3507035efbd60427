"""Damaged files of the word index."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.index.bm25_search import BM25Search
from ragkit.store.store import Store
from tests.index.words import TEXTS, best, delete, drop, folder, search, write
from tests.support import damage

Damage = Callable[[Store], None]


@pytest.fixture
def store(store: Store) -> Store:
    """A store of TEXTS."""
    write(store, TEXTS)
    return store


def parts_list(store: Store) -> Path:
    return folder(store).parent / "parts.json"


def segment_files(store: Store) -> list[Path]:
    names = [s["segment_id"].replace("-", "") for s in meta(store)["segments"]]
    return [path for path in sorted(folder(store).iterdir()) if path.stem in names]


def meta(store: Store) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads((folder(store) / "meta.json").read_text())
    return found


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
    """Replace the file: a thread of tantivy may still have the old one mapped."""
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
