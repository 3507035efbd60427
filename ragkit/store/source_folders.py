"""Source folders: the folders that were ingested, and their files that could not be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ragkit.store.records import document_object
from ragkit.store.rows import RowMapper
from ragkit_ingest.model import FileError

if TYPE_CHECKING:
    from ragkit.store.snapshot import Snapshot
    from ragkit.store.writer import Writer


class SourceFolder(NamedTuple):
    """A folder of files; `is_whole` unless only single files of it were ingested."""

    id: int
    path: str
    is_whole: bool


_SOURCE_FOLDER = RowMapper(
    SourceFolder, id="id", path="path", is_whole="whole", convert={"is_whole": bool}
)
_FILE_ERROR = RowMapper(
    FileError,
    source="e.source",
    reason="e.reason",
    detail="e.detail",
    digest="e.digest",
    uploaded="f.path = 'uploads:'",
    convert={"uploaded": bool},
)


class SourceFolders:
    """Reads the source folders of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._db = snapshot.connection

    def all(self) -> list[SourceFolder]:
        """Return all source folders, by path."""
        rows = self._db.execute(f"SELECT {_SOURCE_FOLDER.columns} FROM source_folder ORDER BY path")
        return [_SOURCE_FOLDER(row) for row in rows]

    def uploaded_files(self) -> list[tuple[str, bytes]]:
        """Return (source, digest) of all uploads, b"" as digest for those that failed to read."""
        return self._db.execute(
            "SELECT d.source, d.digest FROM document d "
            "JOIN source_folder f ON f.id = d.source_folder WHERE f.path = 'uploads:' "
            "UNION ALL SELECT e.source, x'' FROM file_error e "
            "JOIN source_folder f ON f.id = e.source_folder WHERE f.path = 'uploads:' ORDER BY 1"
        ).fetchall()


class FileErrors:
    """Reads which files are not in the knowledge base, and why."""

    def __init__(self, snapshot: Snapshot) -> None:
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


class SourceFolderWriter:
    """Writes source folders."""

    def __init__(self, writer: Writer) -> None:
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
                self._writer.documents.move(document, source_folder, prefix + source, seq)
            for (source,) in self._db.execute(
                "UPDATE file_error SET source_folder = ?, source = ? || source "
                "WHERE source_folder = ? RETURNING source",
                (source_folder, prefix, inner),
            ).fetchall():
                moved = {"source": source, "from": source.removeprefix(prefix)}
                self._writer.audit("document.rename", "file", names=moved)
            self._db.execute("DELETE FROM source_folder WHERE id = ?", (inner,))

    def ids(self) -> set[int]:
        """Return the ids of all source folders."""
        return {id for (id,) in self._db.execute("SELECT id FROM source_folder").fetchall()}

    def path_of(self, source_folder: int) -> str:
        """Return the path of a source folder."""
        (path,) = self._db.execute(
            "SELECT path FROM source_folder WHERE id = ?", (source_folder,)
        ).fetchone()
        return str(path)


class FileErrorWriter:
    """Writes which files are not in the knowledge base, and why."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._db = writer.connection

    def set(self, source_folder: int, error: FileError, reader: str) -> None:
        """Store a file's error in one commit, and remove the document that the file was before.

        `reader` is the version of the reader that failed. Raises DocumentOnHold.
        """
        with self._writer.transaction() as seq:
            replaced = self._db.execute(
                "SELECT id FROM document WHERE source_folder = ? AND source = ?",
                (source_folder, error.source),
            ).fetchone()
            target = "file"
            if replaced:
                self._writer.labels.remember(replaced[0])
                target = document_object(self._writer.documents.delete(replaced[0], seq))
            self._db.execute(
                "INSERT OR REPLACE INTO file_error (source_folder, source, digest, reason, detail, "
                "reader) VALUES (?, ?, ?, ?, ?, ?)",
                (source_folder, error.source, error.digest, error.reason, error.detail, reader),
            )
            self._writer.audit(
                "document.refuse",
                target,
                {"reason": error.reason},
                {"source": error.source},
            )

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
