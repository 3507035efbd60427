"""The options of an ingest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ragkit_ingest.model import Document
from ragkit_ingest.process.limits import FileLimits

Reader = Callable[[bytes, str], Document]
"""Reads a file, given its bytes and its source path. Raises ReadError if it cannot."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to ingest; `KnowledgeBase.ingest` explains the arguments of the same name.

    `readers` are the caller's own readers by file suffix (".cad"), and `rules` map patterns of
    source paths to access labels.
    """

    label: str | None = None
    keep_missing: bool = False
    strict: bool = False
    dry_run: bool = False
    workers: int = 1
    limits: FileLimits = field(default_factory=FileLimits)
    readers: Mapping[str, Reader] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    allow_erased: bool = False
