"""ragkit: answers from private documents, on your own machines, with exact citations.

Names are loaded when they are first used, so that `import ragkit` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.answers import Abstention, Answer, Citation, Statement
    from ragkit.asking import AnswerStream
    from ragkit.auditing import Anchor, AuditLog, AuditReport
    from ragkit.backup import BackupReport, Manifest, RestoreReport, restore_base
    from ragkit.config import Config, check_label, load_config
    from ragkit.conversation import Conversation, Turn
    from ragkit.doctor import Check, examine
    from ragkit.embedding import Embedder
    from ragkit.erasure_plan import ErasurePlan
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
    from ragkit.governing import AccessControl, Reach
    from ragkit.integrity import Finding, Verification, verify_base
    from ragkit.knowledge_base import KnowledgeBase
    from ragkit.models import (
        InstalledModel,
        LanguageModel,
        Message,
        ModelServer,
        Thought,
        Usage,
        choose_model,
        installed_models,
    )
    from ragkit.network import restrict_network
    from ragkit.originals import Box, PageImage
    from ragkit.receipts import Receipt, is_genuine, read_receipt
    from ragkit.repair import RepairReport, repair_base
    from ragkit.reports import FailedFile, IngestReport, Progress
    from ragkit.retention import Due, Hold, Retention, RetentionReport
    from ragkit.retrieval import Candidate, Explanation, Hit
    from ragkit.statistics import Statistics
    from ragkit.store import (
        Access,
        AuditLine,
        ChainReport,
        Grants,
        KindCounts,
        Principal,
        Rating,
        StoredChunk,
        StoredConversation,
        StoredDocument,
        StoredPage,
        acting,
        principal,
    )
    from ragkit.view import Status, View

__version__ = "0.1.0"

_HOMES = {
    "answers": ("Abstention", "Answer", "Citation", "Statement"),
    "asking": ("AnswerStream",),
    "auditing": ("Anchor", "AuditLog", "AuditReport"),
    "backup": ("BackupReport", "Manifest", "RestoreReport", "restore_base"),
    "config": ("Config", "check_label", "load_config"),
    "conversation": ("Conversation", "Turn"),
    "doctor": ("Check", "examine"),
    "embedding": ("Embedder",),
    "erasure_plan": ("ErasurePlan",),
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
    "governing": ("AccessControl", "Reach"),
    "integrity": ("Finding", "Verification", "verify_base"),
    "knowledge_base": ("KnowledgeBase",),
    "models": (
        "InstalledModel",
        "LanguageModel",
        "Message",
        "ModelServer",
        "Thought",
        "Usage",
        "choose_model",
        "installed_models",
    ),
    "network": ("restrict_network",),
    "originals": ("Box", "PageImage"),
    "receipts": ("Receipt", "is_genuine", "read_receipt"),
    "repair": ("RepairReport", "repair_base"),
    "reports": ("FailedFile", "IngestReport", "Progress"),
    "retention": ("Due", "Hold", "Retention", "RetentionReport"),
    "retrieval": ("Candidate", "Explanation", "Hit"),
    "statistics": ("Statistics",),
    "store": (
        "Access",
        "AuditLine",
        "ChainReport",
        "Grants",
        "KindCounts",
        "Principal",
        "Rating",
        "StoredChunk",
        "StoredConversation",
        "StoredDocument",
        "StoredPage",
        "acting",
        "principal",
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
