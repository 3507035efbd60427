"""Text of a PDF page that cannot be seen: covered, switched off with a layer, or not painted.

The page is drawn with its text and without it. Text that makes no difference cannot be seen. That
takes as long as reading several pages, so it is done only where the objects of the page hint at it.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import repeat
from typing import Any

from ragkit_ingest.readers.pdf_attachments import read_wide_text
from ragkit_ingest.readers.pdf_layout import split_lines
from ragkit_ingest.readers.pdf_open import unpack_object_streams
from ragkit_ingest.readers.pdf_pictures import covers_page
from ragkit_ingest.readers.pdf_text import PageText, Rectangle, to_pixels

_MAX_OBJECTS = 160  # that are looked at, the last ones: boxes over text are drawn late
_OCR_COVER = 0.6  # of a page under a picture of it
_MAX_DEPTH = 3  # of forms in forms
_MIN_COVERED = 3.0  # points of a line of text
_KNOWN_LETTERS = 0.8  # of those in a box, if they are drawn after it
_MIN_COVER = 4.0  # points that a box over text is wide and high
_OPAQUE = 250  # of 255
_INVISIBLE = (3, 7)  # text rendering modes (ISO 32000-1, table 106)
_LAYER_OFF = re.compile(rb"/OFF\s*\[\s*\d|/(?:BaseState|ViewState)\s*/OFF")
_MAX_PIXELS = 2_000_000
_MAX_SCALE = 2.0  # pixels per point
_MIN_INK = 24  # of 255 that text changes where it is seen
_LATIN = "\u02af"  # the last letter that fonts on every machine have
_TEXT, _PATH, _IMAGE, _SHADING, _FORM = range(1, 6)  # FPDF_PAGEOBJ_...


def has_hidden_layers(data: bytes) -> bool:
    """Return True if layers of a document are switched off when it is opened.

    `data` are the bytes of the file (ISO 32000-1, 8.11.4). Those of an encrypted file may not tell.
    """
    if b"/OCProperties" in data and _LAYER_OFF.search(data):
        return True
    if b"/ObjStm" not in data:
        return False
    unpacked = b"".join(unpack_object_streams(data))
    return b"/OCProperties" in unpacked and _LAYER_OFF.search(unpacked) is not None


def find_hidden(page: Any, text: PageText, *, layers: bool) -> set[int]:
    """Return the indices of characters in the text of a page that cannot be seen.

    `layers` is True if layers of the document are off. Invisible text over a picture is what OCR
    found in it, and can be seen in the picture.
    """
    if not _may_hide_text(page, text, layers):
        return set()
    return _find_unpainted(page, text)


def _declare(function: Any, result: Any, *arguments: Any) -> Any:
    """Return a function of pdfium that takes and returns addresses, which is quicker."""
    import ctypes

    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


@cache
def _functions() -> tuple[Any, Any, Any]:
    """Return functions for an object of a page, its kind, and how its text is painted."""
    import ctypes

    import pypdfium2.raw as c

    pointer = ctypes.c_void_p
    return (
        _declare(c.FPDFPage_GetObject, pointer, pointer, ctypes.c_int),
        _declare(c.FPDFPageObj_GetType, ctypes.c_int, pointer),
        _declare(c.FPDFTextObj_GetTextRenderMode, ctypes.c_int, pointer),
    )


_Matrix = tuple[float, float, float, float, float, float]
_Drawn = tuple[int, int, _Matrix]  # the address of an object, its kind, the matrix of its form
_IDENTITY: _Matrix = (1, 0, 0, 1, 0, 0)


def _may_hide_text(page: Any, text: PageText, layers: bool) -> bool:
    """Return True if the objects of a page hint at hidden text."""
    import ctypes

    import pypdfium2.raw as c

    get_object, get_kind, get_mode = _functions()
    count = c.FPDFPage_CountObjects(page)
    address = ctypes.cast(page.raw, ctypes.c_void_p).value
    last = range(max(count - _MAX_OBJECTS, 0), count)
    handles = list(map(get_object, repeat(address), last))
    kinds = list(map(get_kind, handles))
    texts = [handle for handle, kind in zip(handles, kinds, strict=True) if kind == _TEXT]
    modes = set(map(get_mode, texts))
    if not modes.isdisjoint(_INVISIBLE) and not covers_page(page):
        return True
    if layers and (_FORM in kinds or _is_in_layer(text)):
        return True
    if last.start == 0 and _FORM not in kinds:
        start = kinds.index(_TEXT) if texts else count
        handles, kinds = handles[start:], kinds[start:]
    if set(kinds) <= {_TEXT}:
        return False
    pairs = zip(handles, kinds, repeat(_IDENTITY), strict=False)
    drawn = [part for pair in pairs for part in _open_form(*pair)]
    return _is_covered(page, text.textpage, drawn, unseen=last.start > 0)


def _is_in_layer(text: PageText) -> bool:
    """Return True if a line of a page begins in optional content."""
    import pypdfium2.raw as c

    for line in split_lines(text.text):
        drawn = c.FPDFText_GetTextObject(text.textpage, text.character(line.start))
        for at in range(max(c.FPDFPageObj_CountMarks(drawn), 0) if drawn else 0):
            if _read_mark(c.FPDFPageObj_GetMark(drawn, at)) == "OC":
                return True
    return False


def _read_mark(mark: Any) -> str:
    import ctypes

    import pypdfium2.raw as c

    name, size = (c.FPDF_WCHAR * 8)(), ctypes.c_ulong()
    c.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), size)
    return bytes(name)[: max(size.value - 2, 0)].decode("utf-16-le", "replace")


def _as_object(handle: int) -> Any:
    import ctypes

    import pypdfium2.raw as c

    return ctypes.cast(handle, c.FPDF_PAGEOBJECT)


def _walk(page: Any) -> Iterator[_Drawn]:
    """Yield each object of a page, those of forms too, in the order of drawing."""
    import ctypes

    import pypdfium2.raw as c

    get_object, get_kind, _ = _functions()
    address = ctypes.cast(page.raw, ctypes.c_void_p).value
    for at in range(c.FPDFPage_CountObjects(page)):
        handle = get_object(address, at)
        yield from _open_form(handle, get_kind(handle), _IDENTITY)


def _open_form(handle: int, kind: int, outer: _Matrix, depth: int = 0) -> Iterator[_Drawn]:
    """Yield an object, or in place of a form the objects in it."""
    import ctypes

    import pypdfium2.raw as c

    if kind != _FORM:
        yield handle, kind, outer
        return
    own, form = c.FS_MATRIX(), _as_object(handle)
    c.FPDFPageObj_GetMatrix(form, own)
    matrix = _multiply((own.a, own.b, own.c, own.d, own.e, own.f), outer)
    for at in range(max(c.FPDFFormObj_CountObjects(form), 0) if depth < _MAX_DEPTH else 0):
        part = ctypes.cast(c.FPDFFormObj_GetObject(form, at), ctypes.c_void_p).value or 0
        yield from _open_form(part, _functions()[1](part), matrix, depth + 1)


def _multiply(inner: _Matrix, outer: _Matrix) -> _Matrix:
    """Return the matrix of one transformation and then another (ISO 32000-1, 8.3.4)."""
    a, b, c, d, e, f = inner
    x, y, z, w, *_ = outer
    return a * x + b * z, a * y + b * w, c * x + d * z, c * y + d * w, *_move(e, f, outer)


def _move(x: float, y: float, matrix: _Matrix) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _is_covered(page: Any, textpage: Any, drawn: list[_Drawn], *, unseen: bool) -> bool:
    """Return True if an opaque box or picture is drawn over text.

    `unseen` is True if the page has objects before these. A picture of the whole page over its text
    is what OCR made, not a cover.
    """
    shown = Rectangle(*page.get_bbox())
    largest = _OCR_COVER * (shown.right - shown.left) * (shown.top - shown.bottom)
    covers = list(_find_covers(drawn, largest))
    if not covers:
        return False
    texts = sorted(_find_texts(drawn))
    middles = [middle for middle, _, _ in texts]
    for at, box in covers:
        row = texts[bisect(middles, box.bottom) : bisect(middles, box.top)]
        inside = [index for _, index, text in row if _is_over(box, text)]
        if any(index < at for index in inside):
            return True
        if unseen and _has_more_text(textpage, box, [drawn[index][0] for index in inside]):
            return True
    return False


def _find_texts(drawn: list[_Drawn]) -> Iterator[tuple[float, int, Rectangle]]:
    """Yield the middle of each text between its lower and upper edge, its index, and its place."""
    for at, (handle, kind, matrix) in enumerate(drawn):
        if kind == _TEXT:
            box = _find_bounds(handle, matrix)
            yield (box.bottom + box.top) / 2, at, box


def _is_over(box: Rectangle, text: Rectangle) -> bool:
    """Return True if a box is over some letters of a text in the same row."""
    common = min(box.right, text.right) - max(box.left, text.left)
    return common > min(_MIN_COVERED, (text.right - text.left) / 2)


def _has_more_text(textpage: Any, box: Rectangle, drawn: list[int]) -> bool:
    """Return True if there are more letters in a box than these objects have."""
    import pypdfium2.raw as c

    missing = _KNOWN_LETTERS * _count_letters(textpage.get_text_bounded(*box, errors="replace"))
    for handle in drawn:
        if missing <= 0:
            break
        text = read_wide_text(c.FPDFTextObj_GetText, _as_object(handle), textpage)
        missing -= _count_letters(text)
    return missing > 0


def _count_letters(text: str) -> int:
    return sum(map(len, text.split()))


def _find_covers(drawn: list[_Drawn], largest: float) -> Iterator[tuple[int, Rectangle]]:
    """Yield the index and the place of each object that nothing can be seen through."""
    for at, (handle, kind, matrix) in enumerate(drawn):
        if kind == _TEXT:
            continue
        box = _find_bounds(handle, matrix)
        wide, high = box.right - box.left, box.top - box.bottom
        is_page = kind == _IMAGE and wide * high > largest
        if min(wide, high) >= _MIN_COVER and not is_page and _is_opaque(handle, kind):
            yield at, box


def _find_bounds(handle: int, matrix: _Matrix) -> Rectangle:
    edges, get_bounds = _bounds()
    get_bounds(handle)
    box = Rectangle(*edges)
    if matrix == _IDENTITY:
        return box
    corners = [_move(x, y, matrix) for x in (box.left, box.right) for y in (box.bottom, box.top)]
    across, upwards = zip(*corners, strict=True)
    return Rectangle(min(across), min(upwards), max(across), max(upwards))


@cache
def _bounds() -> tuple[Any, Callable[[int], int]]:
    """Return an array for the four edges of an object, and a function that writes them there."""
    import ctypes

    import pypdfium2.raw as c

    edges = (ctypes.c_float * 4)()
    first = ctypes.addressof(edges)
    pointers = [ctypes.c_void_p] * 5
    get_bounds = _declare(c.FPDFPageObj_GetBounds, ctypes.c_int, *pointers)
    return edges, lambda handle: get_bounds(handle, first, first + 4, first + 8, first + 12)


def _is_opaque(handle: int, kind: int) -> bool:
    import ctypes

    import pypdfium2.raw as c

    if kind != _PATH:
        return kind in (_IMAGE, _SHADING)
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    c.FPDFPath_GetDrawMode(_as_object(handle), mode, stroke)
    if mode.value == c.FPDF_FILLMODE_NONE:
        return False
    known = c.FPDFPageObj_GetFillColor(_as_object(handle), red, green, blue, alpha)
    return not known or alpha.value >= _OPAQUE


def _find_unpainted(page: Any, text: PageText) -> set[int]:
    """Return the characters that change nothing where they are on the drawn page."""
    import numpy

    with_text = _draw(page)
    active = [handle for handle, kind, _ in _walk(page) if kind == _TEXT]
    _set_active(active, False)
    without = _draw(page)
    _set_active(active, True)
    ink = numpy.abs(with_text.astype(numpy.int16) - without) > _MIN_INK
    pictures = _find_pictures(page)
    hidden: set[int] = set()
    blank: list[int] = []  # white space since the last character, and whether that is hidden
    is_hidden = True
    for at, char in enumerate(text.text):
        if char == "\n":
            blank.clear()
        elif char.isspace() or (box := text.frame(at, at + 1)) is None:
            blank.append(at)
        else:
            before, is_hidden = is_hidden, _is_hidden(page, text, at, box, ink, pictures)
            if is_hidden:
                hidden.update([at, *(blank if before else [])])
            blank.clear()
    return hidden


def _draw(page: Any) -> Any:
    width, height = page.get_size()
    scale = min(_MAX_SCALE, (_MAX_PIXELS / max(width * height, 1)) ** 0.5)
    return page.render(scale=scale, grayscale=True, may_draw_forms=False).to_numpy()


def _set_active(handles: Sequence[int], active: bool) -> None:
    import pypdfium2.raw as c

    for handle in handles:
        c.FPDFPageObj_SetIsActive(_as_object(handle), active)


def _find_pictures(page: Any) -> list[Rectangle]:
    return [_find_bounds(handle, matrix) for handle, kind, matrix in _walk(page) if kind == _IMAGE]


def _is_hidden(
    page: Any, text: PageText, at: int, box: Rectangle, ink: Any, pictures: list[Rectangle]
) -> bool:
    """Return True if a character is on the page and cannot be seen.

    What fonts of this machine may lack is taken for seen, and so is OCR's text over a picture.
    """
    import pypdfium2.raw as c

    high, wide = ink.shape
    place = to_pixels(page, _shrink(box), wide, high)
    if place and ink[place[1] : place[3], place[0] : place[2]].any():
        return False
    drawn = c.FPDFText_GetTextObject(text.textpage, text.character(at))
    if text.text[at] > _LATIN and not c.FPDFFont_GetIsEmbedded(c.FPDFTextObj_GetFont(drawn)):
        return False
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    is_over = any(p.left < x < p.right and p.bottom < y < p.top for p in pictures)
    return not (is_over and c.FPDFTextObj_GetTextRenderMode(drawn) in _INVISIBLE)


def _shrink(box: Rectangle) -> Rectangle:
    """Return the inner part of a character's box, which no other character reaches into."""
    side, end = (box.right - box.left) / 8, (box.top - box.bottom) / 8
    return Rectangle(box.left + side, box.bottom + end, box.right - side, box.top - end)
