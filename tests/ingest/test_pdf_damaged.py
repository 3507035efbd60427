from __future__ import annotations

import io
import re
import zlib
from itertools import accumulate
from pathlib import Path

import pytest
from pypdf import PdfWriter

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.pdf_image import draw_page
from ragkit_ingest.readers.pdf_open import extract_texts
from tests.support.pdf_maker import Sheet, make_pdf

NAMES = ["seals", "pumps", "valves", "motors", "rotors", "pipes"]
WHOLE = make_pdf([Sheet([f"A sheet about {name}."]) for name in NAMES])
HANDBOOK = Path(__file__).parents[2] / "examples" / "documents" / "hr" / "employee-handbook.pdf"
CUT_SHORT = "the PDF is cut short or damaged; only the pages that were found in it are read"


def read_names(data: bytes) -> tuple[list[str], Document]:
    document = read_document(data, "a.pdf")
    found = [re.search(r"about (\w+)", page.text) for page in document.pages]
    return [name[1] for name in found if name], document


def pack_objects(data: bytes) -> bytes:
    """Put all objects but the streams into a compressed object stream, without a table."""
    objects = re.findall(rb"(\d+) 0 obj\n(.*?)\nendobj\n", data, re.DOTALL)
    bodies = {number: body for number, body in objects if b"stream" not in body}
    places = accumulate((len(body) + 1 for body in bodies.values()), initial=0)
    pairs = b" ".join(b"%b %d" % pair for pair in zip(bodies, places, strict=False))
    packed = zlib.compress(pairs + b"\n" + b" ".join(bodies.values()))
    entries = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(bodies), len(pairs) + 1)
    streams = [b"%b 0 obj\n%b\nendobj\n" % found for found in objects if b"stream" in found[1]]
    stream = b"99 0 obj\n<<%b/Length %d>>stream\n%b" % (entries, len(packed), packed)
    return b"%PDF-1.7\n" + b"".join(streams) + stream + b"\nendstream\nendobj\n"


def test_damaged_table_of_objects_is_rebuilt() -> None:
    assert read_names(WHOLE.replace(b"startxref\n", b"startxref\n9"))[0] == NAMES
    assert read_names(b"junk" * 100 + WHOLE)[0] == NAMES


@pytest.mark.parametrize("end", [b"xref\n0", b"trailer"])
def test_pages_of_a_file_cut_short_are_read_with_a_warning(end: bytes) -> None:
    names, document = read_names(WHOLE[: WHOLE.rindex(end)])
    assert names == NAMES
    assert document.warnings == (CUT_SHORT,)


def test_lost_pages_are_named() -> None:
    cut = WHOLE.index(b"about valves")
    cut = WHOLE.rindex(b" obj", 0, cut)
    names, document = read_names(WHOLE[:cut])
    assert names == NAMES[:2]
    assert document.warnings[0] == CUT_SHORT
    assert document.warnings[1] == "pages 3, 4, 5 and 6 are damaged and left out"


def test_pages_are_found_without_their_catalog() -> None:
    data = WHOLE.replace(b"/Type/Catalog", b"/Type/Xatalog")
    assert read_names(data[: data.rindex(b"trailer")])[0] == NAMES


def test_pages_are_found_in_object_streams() -> None:
    packed = pack_objects(WHOLE)
    assert b"/Type/Page" not in packed
    assert read_names(packed)[0] == NAMES


def test_handbook_cut_in_the_middle_gives_its_first_pages() -> None:
    document = read_document(HANDBOOK.read_bytes()[:20_000], "h.pdf")
    assert "Employee handbook" in document.pages[0].text
    assert CUT_SHORT in document.warnings


def test_page_of_a_repaired_file_is_drawn() -> None:
    data = WHOLE[: WHOLE.rindex(b"xref\n0")]
    assert len(draw_page(data, 1, 0, 7, "A sheet", 300).boxes) == 1


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_second_engine_reads_a_file_without_user_password(algorithm: str) -> None:
    for user, readable in (("", True), ("letmein", False)):
        writer = PdfWriter(clone_from=io.BytesIO(WHOLE))
        writer.encrypt(user_password=user, owner_password="owner", algorithm=algorithm)
        buffer = io.BytesIO()
        writer.write(buffer)
        if readable:
            assert read_names(buffer.getvalue())[0] == NAMES
            assert "about seals" in extract_texts(buffer.getvalue())[0][0]
            continue
        for read in (lambda data: read_document(data, "a.pdf"), extract_texts):
            with pytest.raises(ReadError) as caught:
                read(buffer.getvalue())
            assert caught.value.reason is Reason.ENCRYPTED


def test_no_message_is_that_of_a_library() -> None:
    for data in (b"%PDF-1.7\n", WHOLE[:300], b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj"):
        with pytest.raises(ReadError) as caught:
            read_document(data, "a.pdf")
        assert caught.value.detail == "the PDF is damaged; export it again"
