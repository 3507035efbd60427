"""Files embedded in Office documents."""

from __future__ import annotations

import struct

import pytest

from ragkit_ingest.readers.embedded import EmbeddedFiles
from ragkit_ingest.readers.ooxml import Package
from tests.support.compound_file import make_compound_file
from tests.support.packages import make_package, relationships


def collect(kind: str, target: str, data: bytes = b"") -> EmbeddedFiles:
    """Collect the one file that a part embeds."""
    members: dict[str, str | bytes] = {
        "_rels/.rels": relationships(("rId1", "officeDocument", "main.xml")),
        "main.xml": "<main/>",
        "_rels/main.xml.rels": relationships(("rId1", kind, target)),
        target: data,
    }
    found = EmbeddedFiles()
    found.collect(Package(make_package(members), "presentation").main, "slide 3")
    return found


def native_stream(name: str, content: bytes) -> bytes:
    """The stream of an object of the Object Packager."""
    path = f"C:\\files\\{name}".encode()
    head = b"\2\0" + name.encode() + b"\0" + path + b"\0" + b"\0\0\3\0"
    body = head + struct.pack("<I", len(path) + 1) + path + b"\0"
    body += struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("streams", "name", "content"),
    [
        (
            {"\x01Ole10Native": native_stream("note.txt", b"Ring twice.")},
            "note.txt",
            b"Ring twice.",
        ),
        ({"Package": b"PK\x03\x04 a workbook"}, "object1", b"PK\x03\x04 a workbook"),
        ({"CONTENTS": b"%PDF-1.4 a page"}, "object1.pdf", b"%PDF-1.4 a page"),
        ({"WORKBOOK": b"sheets"}, "object1.xls", None),
        ({"WordDocument": b"text"}, "object1.doc", None),
    ],
)
def test_ole_objects_hold_files(
    streams: dict[str, bytes], name: str, content: bytes | None
) -> None:
    compound = make_compound_file(streams)
    found = collect("oleObject", "embeddings/object1.bin", compound)
    (attachment,) = found.attachments
    assert (attachment.name, attachment.place) == (name, "slide 3")
    assert attachment.data.rstrip(b"\0") == (compound if content is None else content).rstrip(b"\0")
    assert found.describe_unread() == ()


def test_embedded_packages_are_attachments() -> None:
    found = collect("package", "embeddings/prices.xlsx", b"PK\x03\x04")
    assert [(a.name, a.data, a.place) for a in found.attachments] == [
        ("prices.xlsx", b"PK\x03\x04", "slide 3")
    ]


@pytest.mark.parametrize(
    "data",
    [
        make_compound_file({"Equation Native": b"x"}),
        make_compound_file({"\x01Ole10Native": b"\x04\0\0\0BM a picture"}),
        make_compound_file({"\x01Ole10Native": b"\x04\0\0\0\2\0"}),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cut short",
    ],
)
def test_objects_that_cannot_be_read_are_reported(data: bytes) -> None:
    found = collect("oleObject", "embeddings/object1.bin", data)
    assert found.attachments == []
    assert found.describe_unread() == ("1 embedded object was not read: object1.bin (slide 3)",)


def test_links_to_other_files_are_reported() -> None:
    external = relationships(("rId1", "oleObject", "file:///C:\\plan\\budget.xlsx"))
    members = {
        "_rels/.rels": relationships(("rId1", "officeDocument", "main.xml")),
        "main.xml": "<main/>",
        "_rels/main.xml.rels": external.replace("/>", ' TargetMode="External"/>'),
    }
    found = EmbeddedFiles()
    found.collect(Package(make_package(members), "presentation").main)
    assert found.describe_unread() == (
        "1 embedded object was not read: budget.xlsx, a link to another file",
    )
