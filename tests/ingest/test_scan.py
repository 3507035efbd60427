from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragkit_ingest.model import Reason
from ragkit_ingest.scan import Scan, format_time, is_within, scan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Without root's right to read everything, if root runs the tests."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # nobody
    try:
        yield
    finally:
        os.seteuid(was)


def write(path: Path, text: str = "text\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def sources(found: Scan) -> list[str]:
    return [file.source for file in found.files]


def errors(found: Scan) -> dict[str, tuple[str, str]]:
    return {error.source: (error.reason, error.detail) for error in found.errors}


def test_files_come_sorted_with_size_and_path_below_the_root(root: Path) -> None:
    write(root / "b.txt", "four")
    write(root / "sub" / "deep" / "a.txt")
    write(root / "B.txt")
    found = scan(root, root)
    assert sources(found) == ["B.txt", "b.txt", "sub/deep/a.txt"]
    assert (found.files[1].size, found.files[1].path) == (4, str(root / "b.txt"))
    assert found.errors == []


def test_part_of_a_root_keeps_the_roots_paths(root: Path) -> None:
    write(root / "a.txt")
    write(root / "sub" / "b.txt")
    assert sources(scan(root, root / "sub")) == ["sub/b.txt"]
    assert sources(scan(root, root / "sub" / "b.txt")) == ["sub/b.txt"]


def test_directory_with_a_files_name_is_a_directory(root: Path) -> None:
    write(root / "x.pdf" / "inside.txt")
    assert sources(scan(root, root)) == ["x.pdf/inside.txt"]


def test_hidden_files_office_locks_and_bases_are_ignored(root: Path) -> None:
    for name in (".hidden.txt", ".git/config", "~$plan.docx", "Thumbs.db", "__pycache__/a.pyc"):
        write(root / name)
    write(root / "hr.kb" / "ragkit.db")
    write(root / "hr.kb" / "notes.txt")
    write(root / "seen.txt")
    found = scan(root, root)
    assert sources(found) == ["seen.txt"]
    assert found.ignored == 6
    assert found.errors == []


@pytest.mark.parametrize("name", ["ragkit.db", "ragkit.db-wal", "ragkit.db-shm"])
def test_the_files_of_a_base_are_ignored_also_when_named_and_through_a_link(
    root: Path, name: str
) -> None:
    write(root / "hr.kb" / "ragkit.db")
    write(root / "hr.kb" / name)
    (root / "plan.txt").symlink_to(root / "hr.kb" / name)
    for start, ignored in ((root / "hr.kb" / name, 1), (root, 2)):
        found = scan(root, start)
        assert (found.files, found.errors, found.ignored) == ([], [], ignored)


def test_hidden_folder_that_was_named_is_read(root: Path) -> None:
    write(root / ".notes" / "a.txt")
    assert sources(scan(root / ".notes", root / ".notes")) == ["a.txt"]


def test_what_is_no_file_is_named_and_never_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # a socket's path may have 107 bytes
        try:
            server.bind("socket.pdf")
        finally:
            os.chdir(here)
        found = scan(root, root)
    assert found.files == []
    assert errors(found) == {
        "pipe.txt": (Reason.NOT_A_FILE, "a named pipe"),
        "socket.pdf": (Reason.NOT_A_FILE, "a socket"),
    }


def test_links_are_followed_to_files_inside_only(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside.txt")
    write(tmp_path / "root-2" / "near.txt")
    write(root / "sub" / "a.txt")
    (root / "link.txt").symlink_to("sub/a.txt")
    (root / "out.txt").symlink_to(tmp_path / "outside.txt")
    (root / "out").symlink_to(tmp_path / "root-2")
    (root / "nothing.txt").symlink_to("gone.txt")
    found = scan(root, root)
    assert sources(found) == ["link.txt", "sub/a.txt"]
    outside = "a link out of the source folder; ingest its target instead"
    assert errors(found) == {
        "nothing.txt": (Reason.UNREADABLE, "a link to a missing file"),
        "out": (Reason.NOT_A_FILE, outside),
        "out.txt": (Reason.NOT_A_FILE, outside),
    }


def test_links_to_folders_make_no_loop(root: Path) -> None:
    write(root / "sub" / "a.txt")
    (root / "sub" / "up").symlink_to("..")
    (root / "self").symlink_to(".")
    (root / "again").symlink_to("sub")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    found = scan(root, root)
    assert sources(found) == ["sub/a.txt"]
    assert found.ignored == 3
    assert [reason for reason, _ in errors(found).values()] == [Reason.UNREADABLE] * 2


def test_root_that_is_a_link_is_read(root: Path, tmp_path: Path) -> None:
    write(root / "a.txt")
    (root / "b.txt").symlink_to("a.txt")
    (tmp_path / "alias").symlink_to(root)
    assert sources(scan(tmp_path / "alias", tmp_path / "alias")) == ["a.txt", "b.txt"]


def test_folder_that_cannot_be_listed_is_named_and_marked_unknown() -> None:
    with tempfile.TemporaryDirectory() as folder:  # an ordinary user cannot enter tmp_path
        root = Path(folder)
        root.chmod(0o755)
        write(root / "locked" / "a.txt")
        write(root / "open.txt")
        (root / "locked").chmod(0)
        with ordinary_user():
            found = scan(root, root)
        (root / "locked").chmod(0o700)
    assert sources(found) == ["open.txt"]
    assert found.unreadable == ["locked"]
    assert errors(found) == {"locked": (Reason.UNREADABLE, "Permission denied")}


def test_path_longer_than_the_system_allows_is_named(root: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _ in range(25):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.fchdir(here)
        os.close(here)
    write(root / "a.txt")
    found = scan(root, root)
    assert sources(found) == ["a.txt"]
    assert [reason for reason, _ in errors(found).values()] == [Reason.UNREADABLE]
    assert found.unreadable == [found.errors[0].source]


def test_odd_names_stay_apart(root: Path) -> None:
    names = [b"a\nb.txt", "\N{GRINNING FACE}.txt".encode(), b"\xff.txt", b"\xfe.txt", b"-rf"]
    names += ["u\u0308.txt".encode(), "\u00fc.txt".encode(), b"x" * 251 + b".txt"]
    for name in names:
        Path(os.path.join(os.fsencode(root), name).decode("utf-8", "surrogateescape")).touch()
    found = scan(root, root)
    assert len(set(sources(found))) == len(names)
    assert {"a\nb.txt", "\N{GRINNING FACE}.txt", "\\xff.txt", "\\xfe.txt"} < set(sources(found))
    assert all(os.path.exists(file.path) for file in found.files)
    assert all(file.source.encode() for file in found.files)


def test_dangling_link_may_be_named_itself(root: Path) -> None:
    (root / "a.txt").symlink_to("gone.txt")
    assert errors(scan(root, root / "a.txt")) == {
        "a.txt": (Reason.UNREADABLE, "a link to a missing file")
    }


@pytest.mark.parametrize(
    ("source", "folder", "expected"),
    [
        ("a/b.txt", ".", True),
        ("a/b.txt", "a", True),
        ("a/b.txt", "a/b.txt", True),
        ("ab/c.txt", "a", False),
        ("a", "a/b.txt", False),
    ],
)
def test_within_goes_by_whole_names(source: str, folder: str, expected: bool) -> None:
    assert is_within(source, folder) is expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1_700_000_000.9, "2023-11-14T22:13:20+00:00"),
        (-3600, "1969-12-31T23:00:00+00:00"),
        (-62135596800, "0001-01-01T00:00:00+00:00"),
        (10**12, "1970-01-01T00:00:00+00:00"),
        (-(10**12), "1970-01-01T00:00:00+00:00"),
        (1e30, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_every_modification_time_has_a_text(seconds: float, text: str) -> None:
    assert format_time(seconds) == text
