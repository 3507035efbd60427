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
class Mark:
    """An annotation of `kind` in a box (left, bottom, right, top).

    `entries` are those of its dictionary; "{0} 0 R" is the first annotation of its page. `look` is
    content that draws it, in state `on` if it has one. `group` are the entries of the field above
    it, which it shares with others. `file` is attached to it.
    """

    kind: str
    box: tuple[float, float, float, float]
    entries: str = ""
    look: str | None = None
    on: str = ""
    group: str = ""
    file: tuple[str, bytes] | None = None


@dataclass(frozen=True)
class Sheet:
    """One page; `boxes` are filled rectangles (x, y, width, height, grey) behind the text.

    `media` and `crop` are its boxes (left, bottom, right, top), `rotate` is in degrees. `marks` are
    its annotations, and `after` is content on top of the others. `form` is a form on top, given by
    its content and its matrix.
    """

    lines: Sequence[Line | str] = ()
    boxes: Sequence[tuple[float, float, float, float, float]] = ()
    picture: bool = False
    media: tuple[float, float, float, float] = (0, 0, _WIDTH, _HEIGHT)
    crop: tuple[float, float, float, float] | None = None
    rotate: int = 0
    marks: Sequence[Mark] = ()
    after: str = ""
    form: tuple[str, str] | None = None


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
    layer: tuple[str, str] | None = None,
) -> bytes:
    """`outline` are (title, page index), all on one level; `labels` (page index, style).

    `root` is a bookmark of the first page that all others are below. `files` are (name, bytes) of
    embedded files. `layer` is the optional content "/L0" and its state, where it is "{0} 0 R".
    """
    objects = _Objects()
    catalog, tree = objects.add(b""), objects.add(b"")
    codes = _codes(line for sheet in sheets for line in sheet.lines)
    fonts = _add_fonts(objects, codes)
    picture = objects.add(
        _stream(
            b"\x80",
            "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8",
        )
    )
    resources = f"/Font<</F0 {fonts[0]} 0 R/F1 {fonts[1]} 0 R>>"
    if layer:
        number = objects.add(layer[0])
        resources += f"/Properties<</L0 {number} 0 R>>"
    pages: list[int] = []
    fields: dict[str, list[int]] = {}
    for sheet in sheets:
        content = objects.add(_stream(_content(sheet).translate(codes).encode("cp1252")))
        entries = f"/CropBox{_numbers(sheet.crop)}" if sheet.crop else ""
        if sheet.marks:
            marks = _add_marks(objects, sheet.marks, fields, fonts[0])
            entries += f"/Annots[{' '.join(f'{mark} 0 R' for mark in marks)}]"
        form = f"/X0 {_add_form(objects, *sheet.form, fonts[0])} 0 R" if sheet.form else ""
        pages.append(
            objects.add(
                f"<</Type/Page/Parent {tree} 0 R/MediaBox{_numbers(sheet.media)}{entries}"
                f"/Rotate {sheet.rotate}/Contents {content} 0 R"
                f"/Resources<<{resources}/XObject<</I0 {picture} 0 R{form}>>>>>>"
            )
        )
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects.bodies[tree - 1] = f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode()
    catalog_entries = f"<</Type/Catalog/Pages {tree} 0 R"
    if fields:
        numbers = " ".join(f"{_field(objects, *field)} 0 R" for field in fields.items())
        catalog_entries += f"/AcroForm<</Fields[{numbers}]>>"
    if outline:
        catalog_entries += f"/Outlines {_outline(objects, outline, pages, root)} 0 R"
    if labels:
        entries = " ".join(f"{index}<</S/{style}>>" for index, style in labels)
        catalog_entries += f"/PageLabels<</Nums[{entries}]>>"
    if layer:
        catalog_entries += f"/OCProperties<</OCGs[{number} 0 R]{layer[1].format(number)}>>"
    if files:
        names = " ".join(f"({name}) {_file_entry(objects, name, data)} 0 R" for name, data in files)
        catalog_entries += f"/Names<</EmbeddedFiles<</Names[{names}]>>>>"
    objects.bodies[catalog - 1] = f"{catalog_entries}>>".encode()
    information = objects.add(f"<</Title({title})>>")
    return _file(objects.bodies, catalog, information)


def _add_fonts(objects: _Objects, codes: dict[int, int]) -> list[int]:
    """Helvetica and its bold; characters beyond cp1252 are bullets that a table explains."""
    encoding = "/Encoding/WinAnsiEncoding"
    if codes:
        unicode = objects.add(_stream(_to_unicode(codes)))
        shapes = "/bullet" * len(codes)
        encoding = (
            f"/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[1{shapes}]>>"
            f"/ToUnicode {unicode} 0 R"
        )
    return [
        objects.add(f"<</Type/Font/Subtype/Type1/BaseFont/{name}{encoding}>>")
        for name in ("Helvetica", "Helvetica-Bold")
    ]


def _add_form(objects: _Objects, look: str, matrix: str, font: int) -> int:
    entries = (
        f"/Type/XObject/Subtype/Form/BBox[-999 -999 999 999]/Matrix[{matrix}]"
        f"/Resources<</Font<</F0 {font} 0 R>>>>"
    )
    return objects.add(_stream(look.encode("cp1252"), entries))


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def _add_marks(
    objects: _Objects, marks: Sequence[Mark], fields: dict[str, list[int]], font: int
) -> list[int]:
    """The annotations of a page; `fields` collects those of the form by the field above them."""
    numbers: list[int] = []
    for mark in marks:
        number = objects.add(b"")
        entries = mark.entries.format(*numbers)
        if mark.look is not None:
            left, bottom, right, top = mark.box
            resources = (
                f"/BBox[0 0 {right - left} {top - bottom}]/Resources<</Font<</F0 {font} 0 R>>>>"
            )
            form = f"/Type/XObject/Subtype/Form{resources}"
            look = f"{objects.add(_stream(mark.look.encode('cp1252'), form))} 0 R"
            off = objects.add(_stream(b"", form))
            entries += f"/AP<</N {f'<</{mark.on} {look}/Off {off} 0 R>>' if mark.on else look}>>"
        if mark.file:
            entries += f"/FS {_file_entry(objects, *mark.file)} 0 R"
        if mark.group or "/FT" in entries:
            fields.setdefault(mark.group or f"own {number}", []).append(number)
        if mark.group:
            entries += f"/Parent {{{mark.group}}}"
        body = f"<</Type/Annot/Subtype/{mark.kind}/Rect{_numbers(mark.box)}{entries}>>"
        objects.bodies[number - 1] = body.encode("latin-1")
        numbers.append(number)
    return numbers


def _field(objects: _Objects, group: str, kids: list[int]) -> int:
    """The field of a form that is above its kids, or the only one of them itself."""
    if group == f"own {kids[0]}":
        return kids[0]
    parent = objects.add(f"<<{group}/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]>>")
    for kid in kids:
        mark = f"{{{group}}}".encode("latin-1")
        objects.bodies[kid - 1] = objects.bodies[kid - 1].replace(mark, b"%d 0 R" % parent)
    return parent


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
    parts.append(sheet.after)
    if sheet.form:
        parts.append("/X0 Do")
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
