"""Stores source folders: a folder absorbs those inside it."""

from __future__ import annotations

from pathlib import Path

from ragkit.store.document_writer import DocumentWriter
from ragkit.store.transaction import WriteTransaction


class SourceFolderWriter:
    """Writes source folders."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def add(self, path: str, *, whole: bool) -> int:
        """Store a folder in one commit and return its id; it absorbs folders inside it."""
        row = self._db.execute(
            "SELECT id, whole FROM source_folder WHERE path = ?", (path,)
        ).fetchone()
        if row is not None and row[1] >= whole:
            return int(row[0])
        with self._writer.transaction() as seq:
            self._db.execute(
                "INSERT INTO source_folder (path, whole) VALUES (?, ?) "
                "ON CONFLICT (path) DO UPDATE SET whole = max(whole, excluded.whole)",
                (path, int(whole)),
            )
            (source_folder,) = self._db.execute(
                "SELECT id FROM source_folder WHERE path = ?", (path,)
            ).fetchone()
            if whole:
                self._absorb(int(source_folder), path, seq)
            return int(source_folder)

    def _absorb(self, source_folder: int, path: str, seq: int) -> None:
        """Move the files of all folders inside a folder into it."""
        for inner, inner_path in self._db.execute("SELECT id, path FROM source_folder").fetchall():
            if inner == source_folder or not Path(inner_path).is_relative_to(path):
                continue
            prefix = Path(inner_path).relative_to(path).as_posix() + "/"
            for document, source in self._db.execute(
                "SELECT id, source FROM document WHERE source_folder = ?", (inner,)
            ).fetchall():
                DocumentWriter(self._writer).move(document, source_folder, prefix + source, seq)
            for (source,) in self._db.execute(
                "UPDATE file_error SET source_folder = ?, source = ? || source "
                "WHERE source_folder = ? RETURNING source",
                (source_folder, prefix, inner),
            ).fetchall():
                moved = {"source": source, "from": source.removeprefix(prefix)}
                self._writer.audit("document.rename", "file", names=moved)
            self._db.execute("DELETE FROM source_folder WHERE id = ?", (inner,))
