"""The paths in the directory of a knowledge base."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

UPLOADS_FOLDER = "uploads:"
"""The name of the uploads folder as a source folder; it stays when the directory is moved."""

DATABASE_FILE = "ragkit.db"
"""The name of the SQLite file, which only SQLite may open: see `ragkit.store.file_blocks`."""

DATABASE_MEMORY_FILE = "ragkit.db-shm"
"""The name of the memory that SQLite shares between the processes which have the file open."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths in the directory `root` of a knowledge base."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / DATABASE_FILE

    @property
    def wal(self) -> Path:
        """SQLite's write-ahead log; empty or missing after a checkpoint."""
        return self.root / "ragkit.db-wal"

    @property
    def journal(self) -> Path:
        """SQLite's rollback journal; a database from another tool may have one."""
        return self.root / "ragkit.db-journal"

    @property
    def lock(self) -> Path:
        """The lock file of the single writer."""
        return self.root / "writer.lock"

    @property
    def commit_lock(self) -> Path:
        """The lock file of the moment of a commit, which holds the commit marker."""
        return self.root / "commit.lock"

    @property
    def index(self) -> Path:
        """The folder of the derived indexes."""
        return self.root / "index"

    @property
    def lexical(self) -> Path:
        """The folder of the word index."""
        return self.root / "index" / "lexical"

    @property
    def tmp(self) -> Path:
        """The folder for unfinished files, which every writer empties."""
        return self.root / "tmp"

    @property
    def uploads(self) -> Path:
        """The folder of uploaded files."""
        return self.root / "uploads"

    def folder_name(self, folder: Path) -> str:
        """Return the stored name of a source folder."""
        return UPLOADS_FOLDER if folder == self.uploads else str(folder)

    def folder_path(self, name: str) -> str:
        """Return the path of a source folder by its stored name; other names stay as they are."""
        return str(self.uploads) if name == UPLOADS_FOLDER else name

    def delete_upload(self, source: str) -> None:
        """Delete an uploaded file and the folders it leaves empty: their names may be private."""
        file = self.uploads / source
        if not self.is_upload(file):
            return
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            file.unlink()
        for folder in file.parents:
            if folder == self.uploads:
                return
            with suppress(OSError):  # it is not empty, or already deleted
                folder.rmdir()

    def is_upload(self, path: Path) -> bool:
        """Return True if a path leads into the folder of uploads, also through links."""
        return path.parent.resolve().is_relative_to(self.uploads.resolve())

    def exists(self) -> bool:
        """Return True if there is a database."""
        return self.database.is_file()
