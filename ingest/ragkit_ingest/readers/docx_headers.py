"""Headers and footers of Word documents: finds those that are shown."""

from __future__ import annotations

import re

from ragkit_ingest.readers.docx_styles import W, is_set
from ragkit_ingest.readers.ooxml import Part, relationship_id

_REFERENCES = (f"{W}headerReference", f"{W}footerReference")
# What is left of "Page 3 of 7" without its numbers, in the languages of most documents.
_PAGE_WORDS = {
    *("page", "pages", "of", "p", "pg", "pp", "seite", "seiten", "von", "s", "pagina", "página"),
    *("páginas", "pág", "pag", "de", "di", "sur", "side", "af", "av", "sida", "strona", "z", "ze"),
    *("str", "strana", "stránka", "oldal", "bladzijde", "van", "页", "頁", "ページ", "第", "共"),
    *("页共", "頁共"),
}


def find_header_parts(document: Part) -> list[Part]:
    """Return the headers, then the footers, of all sections.

    Those of first and even pages count only where the document has them switched on.
    """
    settings = next(iter(document.find_roots("settings")), None)
    has_even = settings is not None and is_set(settings, "evenAndOddHeaders")
    parts: dict[str, list[Part]] = {reference: [] for reference in _REFERENCES}
    for section in document.root.iter(f"{W}sectPr"):
        shown = {"default": True, "even": has_even, "first": is_set(section, "titlePg")}
        for reference in section.iterchildren(*_REFERENCES):
            part = document.follow(relationship_id(reference))
            is_shown = shown.get(reference.get(f"{W}type", "default"), True)
            if is_shown and part is not None and part.root is not None:
                parts[reference.tag].append(part)
    return list(dict.fromkeys(part for found in parts.values() for part in found))


def is_page_number(text: str) -> bool:
    """Return whether a text says nothing but the number of a page, which may be missing."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return all(word in _PAGE_WORDS for word in words)
