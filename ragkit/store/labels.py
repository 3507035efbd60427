"""Which label a document gets, and which documents a pattern means."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ragkit.errors import SourceError
from ragkit.store.layout import Layout
from ragkit.store.records import StoredDocument
from ragkit.store.snapshot import Snapshot


def label_by_rule(rules: Mapping[str, str], source_folder: str, source: str) -> str | None:
    """The label that the rules give a document; None if none is about it.

    A rule names a folder or file: relative to the folder that was ingested, or absolute. The one
    that names most of the path wins. Letters with marks are equal however they are stored.
    """
    best: tuple[int, str] | None = None
    source_folder, source = _composed(source_folder), _composed(source)
    for place, label in rules.items():
        folder = _composed(os.path.expanduser(place))
        path = os.path.join(source_folder, source) if os.path.isabs(folder) else source
        parts = PurePosixPath(folder).parts
        if PurePosixPath(path).parts[: len(parts)] != parts:
            continue
        inside = len(PurePosixPath(source_folder).parts) if os.path.isabs(folder) else 0
        named = len(parts) - inside
        if best is None or named > best[0]:
            best = named, label
    return best[1] if best else None


def _composed(path: str) -> str:
    """A path as people type it: some systems store "ü" as "u" and a mark (Unicode's NFD)."""
    return unicodedata.normalize("NFC", path)


def matching(snapshot: Snapshot, pattern: str | int, layout: Layout) -> Sequence[StoredDocument]:
    """The documents that a pattern means.

    A number is a document's id. A text is a source as hits show it, or a path on disk; else a
    folder of either kind; else a pattern of sources with "*", "?" and "[...]", where "*" also
    stands for "/".
    """
    if isinstance(pattern, int):
        found = snapshot.document(pattern)
        return [found] if found else []
    if not pattern:  # as a path it would be the current folder
        return []
    folders = {folder: layout.folder_path(name) for folder, name, _ in snapshot.source_folders()}
    pattern = _composed(pattern)
    wanted = pattern.rstrip("/")
    absolute = _composed(os.path.abspath(pattern))
    documents = [
        (
            document,
            _composed(document.source),
            _composed(os.path.join(folders[document.source_folder], document.source)),
        )
        for document in snapshot.documents()
    ]
    return (
        [one for one, source, path in documents if source == wanted or path == absolute]
        or [
            one
            for one, source, path in documents
            if source.startswith(f"{wanted}/") or path.startswith(f"{absolute}/")
        ]
        or [one for one, source, _ in documents if fnmatchcase(source, pattern)]
    )


def meant_by(pattern: str | int, snapshot: Snapshot, layout: Layout) -> Sequence[StoredDocument]:
    """The documents that a pattern means. Raises SourceError if there are none."""
    found = matching(snapshot, pattern, layout)
    if not found:
        raise SourceError(
            f"{pattern or repr(pattern)} is not in {layout.root}; list what is with: "
            "ragkit status --documents"
        )
    return found


def named(names: Sequence[tuple[str, int]], pattern: str) -> list[tuple[str, int]]:
    """Those of (name, number) that a pattern means: of this name, else below it, else like it."""
    pattern = _composed(pattern)
    wanted = pattern.rstrip("/")
    composed = [(_composed(name), (name, number)) for name, number in names]
    return (
        [each for name, each in composed if name == wanted]
        or [each for name, each in composed if name.startswith(f"{wanted}/")]
        or [each for name, each in composed if fnmatchcase(name, pattern)]
    )
