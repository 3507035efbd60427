"""Pictures on PDF pages: how many there are, and whether they are the page."""

from __future__ import annotations

from typing import Any

from ragkit_ingest.readers.pdf_text import Rectangle

_MIN_COVER = 0.6  # of a page that is a picture
_MIN_CURVES = 40  # paths on a page whose text is drawn


def count_pictures(page: Any) -> int:
    """Return the number of images on a page that pdfium opened, those in forms too."""
    return sum(1 for _ in _find_pictures(page))


def _find_pictures(page: Any) -> Any:
    import pypdfium2.raw as c

    return page.get_objects(filter=[c.FPDF_PAGEOBJ_IMAGE], max_depth=3)


def covers_page(page: Any) -> bool:
    """Return True if the images of a page, which may be strips of one, cover most of it."""
    shown = Rectangle(*page.get_bbox())
    whole = (shown.right - shown.left) * (shown.top - shown.bottom)
    covered = sum(_visible_area(picture.get_bounds(), shown) for picture in _find_pictures(page))
    return covered > _MIN_COVER * whole


def _visible_area(bounds: tuple[float, float, float, float], shown: Rectangle) -> float:
    left, bottom, right, top = bounds
    width = min(right, shown.right) - max(left, shown.left)
    return max(width, 0) * max(min(top, shown.top) - max(bottom, shown.bottom), 0)


def is_drawing(page: Any) -> bool:
    """Return True for many paths on a page, as where letters are drawn as outlines."""
    import pypdfium2.raw as c

    return bool(c.FPDFPage_CountObjects(page) >= _MIN_CURVES)
