"""How answers name the documents of their passages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ragkit.retrieval.hits import Hit
from ragkit.text.titles import clean_title, is_generic

_MAX_TITLE_LENGTH = 80  # characters; a document with a longer title is named by its file


def name_documents(passages: Sequence[Hit]) -> dict[int, str]:
    """Return a name for each document of the passages, by its id.

    That is its title, or the name of its file if it has none. The folder is added where a name says
    too little ("Overview (sales)", "sales/README.md"), and where two documents would have the same
    name.
    """
    documents = list({hit.document: hit for hit in passages}.values())
    names: dict[int, str] = {}
    for hit in documents:
        alike = [
            PurePosixPath(other.source)
            for other in documents
            if other is not hit and _find_name(other).casefold() == _find_name(hit).casefold()
        ]
        names[hit.document] = _add_folder(hit, alike)
    return names


def _find_name(hit: Hit) -> str:
    title = clean_title(hit.title, hit.kind)
    return title if 0 < len(title) <= _MAX_TITLE_LENGTH else PurePosixPath(hit.source).name


def _add_folder(hit: Hit, alike: Sequence[PurePosixPath]) -> str:
    """Return the name of a document with what of its path tells it from those alike."""
    name, path = _find_name(hit), PurePosixPath(hit.source)
    is_file = name == path.name
    if alike:
        end = _find_distinct_end(path, alike)
    elif is_generic(path.stem if is_file else name):
        end = path.parent.name or PurePosixPath(hit.path).parent.name
    else:
        return name
    if not end or end == path.name:
        return name if is_file or not end else f"{name} ({end})"
    return f"{end}/{name}" if is_file else f"{name} ({end})"


def _find_distinct_end(path: PurePosixPath, others: Sequence[PurePosixPath]) -> str:
    """Return the shortest end of a path's folder that no other path has; else its file's name."""
    folders = path.parent.parts
    for length in range(1, len(folders) + 1):
        if all(other.parent.parts[-length:] != folders[-length:] for other in others):
            return "/".join(folders[-length:])
    return path.name
