"""Source folders: the folders that were ingested."""

from __future__ import annotations

from typing import NamedTuple

from ragkit.store.rows import RowMapper
from ragkit.store.transaction import ReadTransaction, WriteTransaction


class SourceFolder(NamedTuple):
    """A folder of files; `is_whole` unless only single files of it were ingested."""

    id: int
    path: str
    is_whole: bool


_SOURCE_FOLDER = RowMapper(
    SourceFolder, id="id", path="path", is_whole="whole", convert={"is_whole": bool}
)


class SourceFolders:
    """Reads the source folders."""

    def __init__(self, transaction: ReadTransaction | WriteTransaction) -> None:
        self._db = transaction.connection

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

    def ids(self) -> set[int]:
        """Return the ids of all source folders."""
        return {id for (id,) in self._db.execute("SELECT id FROM source_folder").fetchall()}

    def path_of(self, source_folder: int) -> str:
        """Return the path of a source folder."""
        (path,) = self._db.execute(
            "SELECT path FROM source_folder WHERE id = ?", (source_folder,)
        ).fetchone()
        return str(path)
