"""What a knowledge base was built with: its first document or a change of the embedder says so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.threshold import measure_similarity_threshold
from ragkit.errors import NotAKnowledgeBase, StoreDamaged, StoreMismatch
from ragkit.store.snapshot import Snapshot
from ragkit.store.spare_vectors import SPARE
from ragkit_ingest.chunk import ChunkSettings

_CHUNK_TOKENS = 254  # the usual size in the field, and what MiniLM reads at once
_METRIC = "cosine"

SpareRole = Literal["next", "previous", "discarded"]
"""What the second set of vectors is: one that is being built, the one that served before a swap,
or one that is being deleted."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The embedder of a knowledge base, and how its documents are cut into chunks.

    `similarity_threshold` is the cosine below which a passage says nothing about a question.
    """

    embedder: EmbedderFacts
    chunks: ChunkSettings
    similarity_threshold: float

    def to_json(self) -> str:
        """Return the identity as JSON, as `read_identity` reads it."""
        return json.dumps({**asdict(self), "metric": _METRIC}, sort_keys=True)


def new_identity(embedder: Embedder) -> Identity:
    """Return the identity of a new knowledge base with this embedder.

    Chunks have at most 254 tokens, or fewer if the embedder reads fewer. Measuring the threshold
    embeds a few texts, and raises EmbedderError as `normalize` does.
    """
    limit = min(_CHUNK_TOKENS, embedder.max_tokens)
    chunks = ChunkSettings(max_tokens=limit, header_tokens=limit // 4)
    return Identity(read_facts(embedder), chunks, measure_similarity_threshold(embedder))


def change_embedder(identity: Identity, embedder: Embedder) -> Identity:
    """Return the identity of the same knowledge base with another embedder.

    Chunks keep their sizes, or get smaller ones from now on if the embedder reads fewer tokens.
    Raises EmbedderError as `new_identity` does.
    """
    limit = min(identity.chunks.max_tokens, embedder.max_tokens)
    header = min(identity.chunks.header_tokens, limit // 4)
    chunks = replace(identity.chunks, max_tokens=limit, header_tokens=header)
    return Identity(read_facts(embedder), chunks, measure_similarity_threshold(embedder))


@dataclass(frozen=True, slots=True)
class SpareVectors:
    """What the second set of vectors is, and what its embedder is."""

    role: SpareRole
    identity: Identity

    def to_json(self) -> str:
        """Return this as JSON, as `read_spare` reads it."""
        return json.dumps({"role": self.role, **json.loads(self.identity.to_json())})


def read_spare(snapshot: Snapshot) -> SpareVectors | None:
    """Return what the second set of vectors is, None if there is none.

    Raises StoreDamaged if it cannot be read.
    """
    text = snapshot.meta(SPARE)
    if text is None:
        return None
    try:
        identity = _parse_identity(text)
        role = json.loads(text)["role"]
        if role not in get_args(SpareRole):
            raise KeyError(role)
    except (NotAKnowledgeBase, StoreMismatch, KeyError) as error:
        raise StoreDamaged(
            f"what the second set of vectors is cannot be read ({error}); delete that set with: "
            "ragkit repair"
        ) from error
    return SpareVectors(role, identity)


def read_identity(snapshot: Snapshot) -> Identity | None:
    """Return the identity of a knowledge base, None before its first document.

    Raises NotAKnowledgeBase if it cannot be read, and StoreMismatch for a metric other than cosine.
    """
    text = snapshot.meta("identity")
    return None if text is None else _parse_identity(text)


@lru_cache(maxsize=8)
def _parse_identity(text: str) -> Identity:
    try:
        content = json.loads(text)
        facts = EmbedderFacts(**content["embedder"])
        settings = ChunkSettings(**content["chunks"])
        similarity_threshold = float(content["similarity_threshold"])
        metric = content["metric"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotAKnowledgeBase(
            f"what this knowledge base was built with cannot be read ({error}); use the ragkit "
            "that wrote it, or ingest into a new knowledge base"
        ) from error
    if metric != _METRIC:
        raise StoreMismatch(
            f"this knowledge base compares vectors by {metric}, expected {_METRIC}; use the ragkit "
            "that wrote it, or ingest into a new knowledge base"
        )
    return Identity(facts, settings, similarity_threshold)
