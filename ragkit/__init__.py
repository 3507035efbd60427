"""ragkit: answers from private documents, on your own machines, with exact citations.

Names are loaded when they are first used, so that `import ragkit` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.answers import Abstention, Answer, Citation, Statement
    from ragkit.config import Config, check_label, load_config
    from ragkit.conversation import Conversation, Turn
    from ragkit.doctor import Check, examine
    from ragkit.embedders.base import Embedder
    from ragkit.errors import (
        AccessDenied,
        ClockDoubtful,
        ConfigError,
        ContextOverflow,
        DocumentHeld,
        EmbedderError,
        EmbedderMissing,
        MissingExtra,
        ModelBusy,
        ModelError,
        ModelFailed,
        ModelLoadFailed,
        ModelMissing,
        ModelRefused,
        ModelUnreachable,
        NetworkRefused,
        PromptCut,
        RagkitError,
        SchemaError,
        SchemaMismatch,
        SourceError,
        StoreDamaged,
        StoreError,
        StoreForeign,
        StoreFull,
        StoreLocked,
        StoreMismatch,
        StoreMissing,
        StreamBroken,
    )
    from ragkit.generation.answering import AnswerStream
    from ragkit.governance.access_control import AccessControl, Reach
    from ragkit.governance.audit_log import Anchor, AuditLog, AuditReport
    from ragkit.governance.erasure_plan import ErasurePlan
    from ragkit.governance.receipts import Receipt, is_genuine, read_receipt
    from ragkit.governance.retention import Due, Hold, Retention, RetentionReport
    from ragkit.ingestion.report import FailedFile, IngestReport, Progress
    from ragkit.ingestion.source_files import Box, PageImage
    from ragkit.knowledge_base import KnowledgeBase
    from ragkit.llms.base import InstalledModel, LanguageModel, Message, ModelServer, Thought, Usage
    from ragkit.llms.selection import choose_model, installed_models
    from ragkit.maintenance.backup import BackupReport, Manifest, RestoreReport, restore_base
    from ragkit.maintenance.repair import RepairReport, repair_base
    from ragkit.maintenance.statistics import Statistics
    from ragkit.maintenance.verify import Finding, Verification, verify_base
    from ragkit.network import restrict_network
    from ragkit.retrieval.retriever import Candidate, Explanation, Hit
    from ragkit.store.access import Access, Principal, principal
    from ragkit.store.audit import AuditLine, ChainReport, acting
    from ragkit.store.records import (
        Grants,
        KindCounts,
        Rating,
        StoredChunk,
        StoredConversation,
        StoredDocument,
        StoredPage,
    )
    from ragkit.view import Status, View

__version__ = "0.1.0"

_HOMES = {
    "answers": ("Abstention", "Answer", "Citation", "Statement"),
    "generation.answering": ("AnswerStream",),
    "governance.audit_log": ("Anchor", "AuditLog", "AuditReport"),
    "maintenance.backup": ("BackupReport", "Manifest", "RestoreReport", "restore_base"),
    "config": ("Config", "check_label", "load_config"),
    "conversation": ("Conversation", "Turn"),
    "doctor": ("Check", "examine"),
    "embedders.base": ("Embedder",),
    "governance.erasure_plan": ("ErasurePlan",),
    "errors": (
        "AccessDenied",
        "ClockDoubtful",
        "ConfigError",
        "ContextOverflow",
        "DocumentHeld",
        "EmbedderError",
        "EmbedderMissing",
        "MissingExtra",
        "ModelBusy",
        "ModelError",
        "ModelFailed",
        "ModelLoadFailed",
        "ModelMissing",
        "ModelRefused",
        "ModelUnreachable",
        "NetworkRefused",
        "PromptCut",
        "RagkitError",
        "SchemaError",
        "SchemaMismatch",
        "SourceError",
        "StoreDamaged",
        "StoreError",
        "StoreForeign",
        "StoreFull",
        "StoreLocked",
        "StoreMismatch",
        "StoreMissing",
        "StreamBroken",
    ),
    "governance.access_control": ("AccessControl", "Reach"),
    "maintenance.verify": ("Finding", "Verification", "verify_base"),
    "knowledge_base": ("KnowledgeBase",),
    "llms.base": (
        "InstalledModel",
        "LanguageModel",
        "Message",
        "ModelServer",
        "Thought",
        "Usage",
    ),
    "llms.selection": ("choose_model", "installed_models"),
    "network": ("restrict_network",),
    "ingestion.source_files": ("Box", "PageImage"),
    "governance.receipts": ("Receipt", "is_genuine", "read_receipt"),
    "maintenance.repair": ("RepairReport", "repair_base"),
    "ingestion.report": ("FailedFile", "IngestReport", "Progress"),
    "governance.retention": ("Due", "Hold", "Retention", "RetentionReport"),
    "retrieval.retriever": ("Candidate", "Explanation", "Hit"),
    "maintenance.statistics": ("Statistics",),
    "store.access": ("Access", "Principal", "principal"),
    "store.audit": ("AuditLine", "ChainReport", "acting"),
    "store.records": (
        "Grants",
        "KindCounts",
        "Rating",
        "StoredChunk",
        "StoredConversation",
        "StoredDocument",
        "StoredPage",
    ),
    "view": ("Status", "View"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Abstention",
    "Access",
    "AccessControl",
    "AccessDenied",
    "Anchor",
    "Answer",
    "AnswerStream",
    "AuditLine",
    "AuditLog",
    "AuditReport",
    "BackupReport",
    "Box",
    "Candidate",
    "ChainReport",
    "Check",
    "Citation",
    "ClockDoubtful",
    "Config",
    "ConfigError",
    "ContextOverflow",
    "Conversation",
    "DocumentHeld",
    "Due",
    "Embedder",
    "EmbedderError",
    "EmbedderMissing",
    "ErasurePlan",
    "Explanation",
    "FailedFile",
    "Finding",
    "Grants",
    "Hit",
    "Hold",
    "IngestReport",
    "InstalledModel",
    "KindCounts",
    "KnowledgeBase",
    "LanguageModel",
    "Manifest",
    "Message",
    "MissingExtra",
    "ModelBusy",
    "ModelError",
    "ModelFailed",
    "ModelLoadFailed",
    "ModelMissing",
    "ModelRefused",
    "ModelServer",
    "ModelUnreachable",
    "NetworkRefused",
    "PageImage",
    "Principal",
    "Progress",
    "PromptCut",
    "RagkitError",
    "Rating",
    "Reach",
    "Receipt",
    "RepairReport",
    "RestoreReport",
    "Retention",
    "RetentionReport",
    "SchemaError",
    "SchemaMismatch",
    "SourceError",
    "Statement",
    "Statistics",
    "Status",
    "StoreDamaged",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreLocked",
    "StoreMismatch",
    "StoreMissing",
    "StoredChunk",
    "StoredConversation",
    "StoredDocument",
    "StoredPage",
    "StreamBroken",
    "Thought",
    "Turn",
    "Usage",
    "Verification",
    "View",
    "__version__",
    "acting",
    "check_label",
    "choose_model",
    "examine",
    "installed_models",
    "is_genuine",
    "load_config",
    "principal",
    "read_receipt",
    "repair_base",
    "restore_base",
    "restrict_network",
    "verify_base",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ragkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ragkit.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
