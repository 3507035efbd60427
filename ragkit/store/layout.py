"""Where things lie in a base's directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "ragkit.db"

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

    def exists(self) -> bool:
        return self.database.is_file()
