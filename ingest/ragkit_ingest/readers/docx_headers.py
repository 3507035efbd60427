"""Headers and footers of Word documents: finds those that are shown."""

from __future__ import annotations

import re

from ragkit_ingest.readers.docx_styles import W, is_set
from ragkit_ingest.readers.ooxml import Part, relationship_id

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d.*\d.*\d.*\d")  # more digits than a page number has
_REFERENCES = (f"{W}headerReference", f"{W}footerReference")
# What is left of "Page 3 of 7" without its numbers, in the languages of most documents.
_PAGE_WORDS = {
    *("page", "pages", "of", "p", "pg", "pp", "seite", "seiten", "von", "s", "pagina", "página"),
    *("páginas", "pág", "pag", "de", "di", "sur", "side", "af", "av", "sida", "strona", "z", "ze"),
    *("str", "strana", "stránka", "oldal", "bladzijde", "van", "页", "頁", "ページ", "第", "共"),
    *("页共", "頁共"),
}


def find_header_parts(document: Part) -> list[Part]:
    """Return the headers, then the footers, that are shown on some page, each once.

    A section without a header of its own has that of the section before. Those of first and even
    pages are shown only where they are switched on.
    """
    settings = next(iter(document.find_roots("settings")), None)
    has_even = settings is not None and is_set(settings, "evenAndOddHeaders")
    found: dict[str, list[Part | None]] = {tag: [] for tag in _REFERENCES}
    current: dict[tuple[str, str], Part | None] = {}
    for section in document.root.iter(f"{W}sectPr"):
        parent = section.getparent()
        if parent is None or parent.tag == f"{W}sectPrChange":  # what a tracked change replaced
            continue
        for reference in section.iterchildren(*_REFERENCES):
            use = reference.get(f"{W}type", "default")
            current[reference.tag, use] = document.follow(relationship_id(reference))
        uses = {"first": is_set(section, "titlePg"), "default": True, "even": has_even}
        for tag in _REFERENCES:
            found[tag] += [current.get((tag, use)) for use, is_shown in uses.items() if is_shown]
    parts = [part for tag in _REFERENCES for part in found[tag] if part is not None]
    return [part for part in dict.fromkeys(parts) if part.root is not None]


def is_page_number(text: str) -> bool:
    """Return whether a text says nothing but the number of a page, which may be missing."""
    words = _WORD.findall(text.lower())
    return all(word in _PAGE_WORDS for word in words) and not _NUMBER.search(text)
