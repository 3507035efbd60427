"""File errors: the files that are not in the knowledge base, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ragkit.store.rows import RowMapper
from ragkit.store.transaction import ReadTransaction, WriteTransaction
from ragkit_ingest.model import FileError

_FILE_ERROR = RowMapper(
    FileError,
    source="e.source",
    reason="e.reason",
    detail="e.detail",
    digest="e.digest",
    uploaded="f.path = 'uploads:'",
    convert={"uploaded": bool},
)


class FileErrors:
    """Reads the errors of files."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def all(self) -> list[FileError]:
        """Return the errors of all files, by source."""
        rows = self._db.execute(
            f"SELECT {_FILE_ERROR.columns} FROM file_error e "
            "JOIN source_folder f ON f.id = e.source_folder ORDER BY e.source, f.path"
        )
        return [_FILE_ERROR(row) for row in rows]

    def of(self, source_folder: int) -> dict[str, tuple[FileError, str]]:
        """Return the errors of a folder by source, each with the version of its reader."""
        rows = self._db.execute(
            "SELECT source, reason, detail, digest, reader FROM file_error WHERE source_folder = ?",
            (source_folder,),
        )
        return {
            source: (FileError(source, reason, detail, digest), reader)
            for source, reason, detail, digest, reader in rows
        }


class FileErrorWriter:
    """Deletes the errors of files; `DocumentWriter.refuse` stores them."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def clear(self, source_folder: int, sources: Iterable[str]) -> None:
        """Delete the errors of these files in one commit."""
        with self._writer.transaction():
            for source in sources:
                self.drop(source_folder, source)

    def drop(self, source_folder: int, source: str) -> None:
        """Delete the error of a file, inside a commit."""
        self._db.execute(
            "DELETE FROM file_error WHERE source_folder = ? AND source = ?", (source_folder, source)
        )

    def drop_contents(self, digests: Collection[bytes]) -> None:
        """Delete the errors of files with one of these contents, inside a commit."""
        self._db.executemany(
            "DELETE FROM file_error WHERE digest = ?", [(digest,) for digest in digests]
        )
