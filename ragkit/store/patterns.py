"""Finds the documents that a user's pattern means: an id, a path, a folder or a wildcard."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase

from ragkit.errors import SourceError
from ragkit.store.filters import compose
from ragkit.store.layout import Layout
from ragkit.store.records import StoredDocument
from ragkit.store.snapshot import Snapshot


def find_documents(
    snapshot: Snapshot, pattern: str | int, layout: Layout
) -> Sequence[StoredDocument]:
    """Return the documents that a pattern means.

    A number is a document's id. A text is a source as hits show it, or a path on disk; else a
    folder of either kind; else a wildcard for sources with "*", "?" and "[...]", where "*" also
    matches "/".
    """
    if isinstance(pattern, int):
        found = snapshot.documents.get(pattern)
        return [found] if found else []
    if not pattern:  # as a path it would be the current folder
        return []
    folders = {one.id: layout.folder_path(one.path) for one in snapshot.source_folders.all()}
    pattern = compose(pattern)
    wanted = pattern.rstrip("/")
    absolute = compose(os.path.abspath(pattern))
    documents = [
        (
            document,
            compose(document.source),
            compose(os.path.join(folders[document.source_folder], document.source)),
        )
        for document in snapshot.documents.all()
    ]
    return (
        [one for one, source, path in documents if source == wanted or path == absolute]
        or [
            one
            for one, source, _ in documents
            if wanted.endswith(f"/{source}") and _display(snapshot, one) == wanted
        ]
        or [
            one
            for one, source, path in documents
            if source.startswith(f"{wanted}/") or path.startswith(f"{absolute}/")
        ]
        or [one for one, source, _ in documents if fnmatchcase(source, pattern)]
    )


def _display(snapshot: Snapshot, document: StoredDocument) -> str:
    """Return the source of a document as hits show it."""
    folders = {id: path for id, path, _ in snapshot.source_folders.all()}
    source = snapshot.documents.display_source(folders[document.source_folder], document.source)
    return compose(source)


def require_documents(
    snapshot: Snapshot, pattern: str | int, layout: Layout
) -> Sequence[StoredDocument]:
    """Return the documents that a pattern means.

    Raises SourceError if there are none, or if several folders have a document of this name.
    """
    found = find_documents(snapshot, pattern, layout)
    if len(found) > 1 and len({compose(document.source) for document in found}) == 1:
        folders = {one.id: layout.folder_path(one.path) for one in snapshot.source_folders.all()}
        paths = [os.path.join(folders[one.source_folder], one.source) for one in found]
        raise SourceError(
            f"{pattern} is in {len(found)} folders; name one of them by its path: "
            f"{', '.join(paths)}"
        )
    if not found:
        raise SourceError(
            f"{pattern or repr(pattern)} is not in {layout.root}; list its documents with: "
            "ragkit status --documents"
        )
    return found


def find_names(names: Sequence[tuple[str, int]], pattern: str) -> list[tuple[str, int]]:
    """Return the (name, number) pairs that a pattern means: equal, else inside, else like it."""
    pattern = compose(pattern)
    wanted = pattern.rstrip("/")
    composed = [(compose(name), (name, number)) for name, number in names]
    return (
        [each for name, each in composed if name == wanted]
        or [each for name, each in composed if name.startswith(f"{wanted}/")]
        or [each for name, each in composed if fnmatchcase(name, pattern)]
    )
