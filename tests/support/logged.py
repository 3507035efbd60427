"""The records of a log that tell of changes."""

from __future__ import annotations

from ragkit import KnowledgeBase
from ragkit.governance import AuditRecord

_LOOKING = {"search", "ask", "answer", "open", "refuse", "audit", "conversation"}


def changes(kb: KnowledgeBase) -> list[AuditRecord]:
    """All records but those that say what somebody asked, was told or looked at."""
    return [
        record
        for record in kb.audit.records()
        if record.action.split(".")[0] not in _LOOKING and record.action != "kb.dump"
    ]
