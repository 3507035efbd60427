"""Small PDFs for tests, written by hand: lines of text, an outline, page labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_WIDTH, _HEIGHT = 595, 842  # A4 in points


@dataclass(frozen=True)
class Line:
    """`gap` is extra white above, `grey` 0 for black and 1 for white, `y` a fixed place.

    Characters that are not in cp1252 take the shape of a bullet. `matrix` turns the type.
    """

    text: str
    size: float = 11
    bold: bool = False
    gap: float = 0
    grey: float = 0
    x: float = 72
    y: float | None = None
    matrix: str = "1 0 0 1"


@dataclass(frozen=True)
class Sheet:
    """One page; `boxes` are filled rectangles (x, y, width, height, grey) behind the text.

    `media` and `crop` are its boxes (left, bottom, right, top), `rotate` is in degrees. `field` is
    the box of a form's field that is filled in black.
    """

    lines: Sequence[Line | str] = ()
    boxes: Sequence[tuple[float, float, float, float, float]] = ()
    picture: bool = False
    media: tuple[float, float, float, float] = (0, 0, _WIDTH, _HEIGHT)
    crop: tuple[float, float, float, float] | None = None
    rotate: int = 0
    field: tuple[float, float, float, float] | None = None


@dataclass
class _Objects:
    bodies: list[bytes] = field(default_factory=list)

    def add(self, body: str | bytes) -> int:
        self.bodies.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.bodies)


def make_pdf(
    sheets: Sequence[Sheet],
    *,
    outline: Sequence[tuple[str, int]] = (),
    root: str = "",
    labels: Sequence[tuple[int, str]] = (),
    title: str = "",
    files: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """`outline` are (title, page index), all on one level; `labels` (page index, style).

    `root` is a bookmark of the first page that all others are below. `files` are (name, bytes) of
    embedded files.
    """
    objects = _Objects()
    catalog, tree = objects.add(b""), objects.add(b"")
    codes = _codes(line for sheet in sheets for line in sheet.lines)
    unicode = objects.add(_stream(_to_unicode(codes)))
    encoding = "/Encoding/WinAnsiEncoding"
    if codes:
        shapes = "/bullet" * len(codes)
        encoding = (
            f"/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[1{shapes}]>>"
            f"/ToUnicode {unicode} 0 R"
        )
    fonts = [
        objects.add(f"<</Type/Font/Subtype/Type1/BaseFont/{name}{encoding}>>")
        for name in ("Helvetica", "Helvetica-Bold")
    ]
    picture = objects.add(
        _stream(
            b"\x80",
            "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8",
        )
    )
    pages, fields = [], []
    for sheet in sheets:
        content = objects.add(_stream(_content(sheet).translate(codes).encode("cp1252")))
        entries = f"/CropBox{_numbers(sheet.crop)}" if sheet.crop else ""
        if sheet.field:
            fields.append(_field(objects, sheet.field))
            entries += f"/Annots[{fields[-1]} 0 R]"
        pages.append(
            objects.add(
                f"<</Type/Page/Parent {tree} 0 R/MediaBox{_numbers(sheet.media)}{entries}"
                f"/Rotate {sheet.rotate}/Contents {content} 0 R/Resources<</Font"
                f"<</F0 {fonts[0]} 0 R/F1 {fonts[1]} 0 R>>/XObject<</I0 {picture} 0 R>>>>>>"
            )
        )
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects.bodies[tree - 1] = f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode()
    catalog_entries = f"<</Type/Catalog/Pages {tree} 0 R"
    if fields:
        catalog_entries += f"/AcroForm<</Fields[{' '.join(f'{field} 0 R' for field in fields)}]>>"
    if outline:
        catalog_entries += f"/Outlines {_outline(objects, outline, pages, root)} 0 R"
    if labels:
        entries = " ".join(f"{index}<</S/{style}>>" for index, style in labels)
        catalog_entries += f"/PageLabels<</Nums[{entries}]>>"
    if files:
        names = " ".join(f"({name}) {_file_entry(objects, name, data)} 0 R" for name, data in files)
        catalog_entries += f"/Names<</EmbeddedFiles<</Names[{names}]>>>>"
    objects.bodies[catalog - 1] = f"{catalog_entries}>>".encode()
    information = objects.add(f"<</Title({title})>>")
    return _file(objects.bodies, catalog, information)


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def _field(objects: _Objects, box: tuple[float, float, float, float]) -> int:
    look = objects.add(_stream(b"0 0 999 999 re f", "/Type/XObject/Subtype/Form/BBox[0 0 999 999]"))
    return objects.add(
        f"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(x)/F 4/Rect{_numbers(box)}"
        f"/AP<</N {look} 0 R>>>>"
    )


def _file_entry(objects: _Objects, name: str, data: bytes) -> int:
    body = objects.add(_stream(data, "/Type/EmbeddedFile"))
    return objects.add(f"<</Type/Filespec/F({name})/UF({name})/EF<</F {body} 0 R>>>>")


def _numbers(box: Sequence[float]) -> str:
    return f"[{' '.join(map(str, box))}]"


def _codes(lines: Iterable[Line | str]) -> dict[int, str]:
    """A code from 1 for each character that cp1252 has not."""
    text = "".join(line if isinstance(line, str) else line.text for line in lines)
    strange = dict.fromkeys(c for c in text if not c.encode("cp1252", "ignore") or c == "\xad")
    return {ord(char): chr(code) for code, char in enumerate(strange, 1)}


def _to_unicode(codes: dict[int, str]) -> bytes:
    pairs = "\n".join(
        f"<{ord(code):02X}> <{chr(char).encode('utf-16-be', 'surrogatepass').hex()}>"
        for char, code in codes.items()
    )
    return (
        "/CIDInit/ProcSet findresource begin 12 dict begin begincmap /CMapName/X def "
        "/CMapType 2 def 1 begincodespacerange <00> <FF> endcodespacerange "
        f"{len(codes)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    ).encode()


def _content(sheet: Sheet) -> str:
    parts = [f"{grey} g {x} {y} {w} {h} re f" for x, y, w, h, grey in sheet.boxes]
    y = _HEIGHT - 72.0
    for entry in sheet.lines:
        line = Line(entry) if isinstance(entry, str) else entry
        y -= line.gap
        text = line.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        at = y if line.y is None else line.y
        font = f"/F{int(line.bold)} {line.size} Tf"
        parts.append(f"BT {line.grey} g {font} {line.matrix} {line.x} {at} Tm ({text}) Tj ET")
        y -= line.size * 1.3 if line.y is None else 0
    if sheet.picture:
        parts.append("q 300 0 0 300 100 300 cm /I0 Do Q")
    return "\n".join(parts)


def _outline(
    objects: _Objects, outline: Sequence[tuple[str, int]], pages: list[int], root: str
) -> int:
    tree = objects.add(b"")
    parent = objects.add(b"") if root else tree
    numbers = [objects.add(b"") for _ in outline]
    for at, (title, index) in enumerate(outline):
        links = f"/Prev {numbers[at - 1]} 0 R" if at else ""
        links += f"/Next {numbers[at + 1]} 0 R" if at + 1 < len(numbers) else ""
        body = f"<</Title({title})/Parent {parent} 0 R/Dest[{pages[index]} 0 R/Fit]{links}>>"
        objects.bodies[numbers[at] - 1] = body.encode("latin-1")
    ends = f"/First {numbers[0]} 0 R/Last {numbers[-1]} 0 R/Count {len(numbers)}"
    if root:
        body = f"<</Title({root})/Parent {tree} 0 R/Dest[{pages[0]} 0 R/Fit]{ends}>>"
        objects.bodies[parent - 1] = body.encode("latin-1")
        ends = f"/First {parent} 0 R/Last {parent} 0 R/Count 1"
    objects.bodies[tree - 1] = f"<</Type/Outlines{ends}>>".encode()
    return tree


def _file(bodies: list[bytes], catalog: int, information: int) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    trailer = f"<</Size {len(bodies) + 1}/Root {catalog} 0 R/Info {information} 0 R>>"
    return bytes(out) + f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode()
