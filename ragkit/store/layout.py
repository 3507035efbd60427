"""Where things lie in a base's directory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

UPLOADS_FOLDER = "uploads:"
"""Stands for the base's own folder of files, wherever the base is moved to."""


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "ragkit.db"

    @property
    def wal(self) -> Path:
        """SQLite's write-ahead log; it is empty, or not there, while nobody writes."""
        return self.root / "ragkit.db-wal"

    @property
    def journal(self) -> Path:
        """SQLite's rollback journal, which is there only while a base is brought to this format."""
        return self.root / "ragkit.db-journal"

    @property
    def lock(self) -> Path:
        return self.root / "writer.lock"

    @property
    def commit_lock(self) -> Path:
        return self.root / "commit.lock"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def lexical(self) -> Path:
        return self.root / "index" / "lexical"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    def folder_name(self, folder: Path) -> str:
        """What a folder is called as a source folder."""
        return UPLOADS_FOLDER if folder == self.uploads else str(folder)

    def folder_path(self, name: str) -> str:
        """Where the source folder of this name is; what is no folder keeps its name."""
        return str(self.uploads) if name == UPLOADS_FOLDER else name

    def delete_upload(self, source: str) -> None:
        """Delete an uploaded file, and the folders that are empty then: they have names, too."""
        file = self.uploads / source
        if not self.is_upload(file):
            return
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            file.unlink()
        for folder in file.parents:
            if folder == self.uploads:
                return
            with suppress(OSError):  # there is something else in it, or it is gone
                folder.rmdir()

    def is_upload(self, path: Path) -> bool:
        """Whether a path leads into the folder of uploads, also through links."""
        return path.parent.resolve().is_relative_to(self.uploads.resolve())

    def exists(self) -> bool:
        return self.database.is_file()
