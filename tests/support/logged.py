"""The lines of a log that tell of changes."""

from __future__ import annotations

from ragkit import KnowledgeBase
from ragkit.governance import AuditRecord

_LOOKING = {"search", "ask", "answer", "open", "refuse", "audit", "conversation"}


def changes(kb: KnowledgeBase) -> list[AuditRecord]:
    """All lines but those that say what somebody asked, was told or looked at."""
    return [
        line
        for line in kb.audit.lines()
        if line.action.split(".")[0] not in _LOOKING and line.action != "kb.dump"
    ]
