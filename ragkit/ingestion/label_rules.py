"""The access labels that documents get from an ingest's label and from the settings' rules."""

from __future__ import annotations

from collections.abc import Iterable

from ragkit.ingestion.options import IngestOptions
from ragkit.store.labels import match_label_rule
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer


class LabelRules:
    """Finds the label of a document by the rules, and relabels stored documents."""

    def __init__(self, writer: Writer, layout: Layout, options: IngestOptions) -> None:
        self._writer = writer
        self._layout = layout
        self._options = options
        self._folders: dict[int, str] = {}

    def find_label(self, source_folder: int, source: str) -> str | None:
        """Return the label that a rule gives to a document, None if no rule matches."""
        if not self._options.rules:
            return None
        if source_folder not in self._folders:
            known = Snapshot(self._writer.connection).source_folders.all()
            self._folders = {id: self._layout.folder_path(path) for id, path, _ in known}
        return match_label_rule(self._options.rules, self._folders[source_folder], source)

    def relabel(self, source_folder: int, sources: Iterable[str]) -> None:
        """Give stored documents the label that they would get now.

        A label that was set by hand is replaced only by the label of this ingest.
        """
        given = self._options.label
        if given is None and not self._options.rules:
            return
        labels = Snapshot(self._writer.connection).labels.by_source(source_folder)
        changed: dict[str, list[int]] = {}
        for source in sources:
            document, label, pinned = labels[source]
            wanted = given or (None if pinned else self.find_label(source_folder, source))
            if wanted is not None and (wanted, bool(given)) != (label, pinned):
                changed.setdefault(wanted, []).append(document)
        for label, documents in changed.items():
            self._writer.labels.assign(documents, label, by_hand=given is not None)
