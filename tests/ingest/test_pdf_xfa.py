from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import PageKind, ReadError, Reason

DATA = (
    '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form1>'
    "<LastName>Kowalczyk</LastName><Claim><amount>1,250.00</amount><note/></Claim>"
    "</form1></xfa:data></xfa:datasets>"
)


def make(data: str, entries: str) -> bytes:
    content = "BT /F0 12 Tf 72 700 Td (Please wait...) Tj ET"
    font = "/Font<</F0<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    form = "/AcroForm<</Fields[]/XFA[(datasets)5 0 R]>>"
    bodies = [
        f"<</Type/Catalog/Pages 2 0 R{form}{entries}>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<{font}>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        f"<</Length {len(data)}>>stream\n{data}\nendstream",
    ]
    objects = "".join(f"{at} 0 obj\n{body}\nendobj\n" for at, body in enumerate(bodies, 1))
    return f"%PDF-1.7\n{objects}trailer<</Root 1 0 R>>\n".encode()


def test_values_of_a_dynamic_form_are_read_in_place_of_its_page() -> None:
    document = read_document(make(DATA, "/NeedsRendering true"), "a.pdf")
    (page,) = document.pages
    assert (page.kind, page.page_label) == (PageKind.PART, "form data")
    assert page.text == "Last Name: Kowalczyk\n\namount: 1,250.00"
    assert document.warnings == (
        "the values of the XFA form are read, but not the words printed around them",
    )


def test_pages_of_a_static_form_are_read() -> None:
    assert read_document(make(DATA, ""), "a.pdf").pages[0].text == "Please wait..."


@pytest.mark.parametrize("data", ["", "<unclosed", "<a/>"])
def test_dynamic_form_without_values_is_named(data: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_document(make(data, "/NeedsRendering true"), "a.pdf")
    assert caught.value.reason is Reason.UNSUPPORTED
    assert caught.value.detail.startswith("an XFA form without values")
