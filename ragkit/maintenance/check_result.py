"""The result of one check, as `ragkit verify` and `ragkit doctor` report it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found, and how to fix it.

    `name` is the part that was checked ("database", "ollama"). `finding` says what was found and
    `fix` what to do about it; a result that is "ok" has no fix. `file` is the file concerned,
    relative to the knowledge base. `documents` are the sources of the documents concerned.
    """

    name: str
    state: State
    finding: str
    fix: str = ""
    file: str = ""
    documents: tuple[str, ...] = ()
