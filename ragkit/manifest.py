"""What a base was built with: a fact of the base, not a setting."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ragkit.embedders.base import Embedder, EmbedderFacts, facts_of
from ragkit.embedders.threshold import measure_similarity_threshold
from ragkit.errors import NotAKnowledgeBase, StoreMismatch
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.chunk import ChunkSettings

_CHUNK_TOKENS = 254  # the field's usual size, and what MiniLM reads at once


@dataclass(frozen=True, slots=True)
class Identity:
    """The embedder of a base, and how its documents are cut.

    `similarity_threshold` is the cosine below which a passage says nothing to a question.
    """

    embedder: EmbedderFacts
    chunks: ChunkSettings
    similarity_threshold: float

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "metric": "cosine"}, sort_keys=True)


def new_identity(embedder: Embedder) -> Identity:
    """What a base gets with its first document."""
    limit = min(_CHUNK_TOKENS, embedder.max_tokens)
    chunks = ChunkSettings(max_tokens=limit, header_tokens=limit // 4)
    return Identity(facts_of(embedder), chunks, measure_similarity_threshold(embedder))


def read_identity(snapshot: Snapshot) -> Identity | None:
    """What the base was built with; None before its first document."""
    text = snapshot.meta("identity")
    if text is None:
        return None
    try:
        content = json.loads(text)
        facts = EmbedderFacts(**content["embedder"])
        settings = ChunkSettings(**content["chunks"])
        similarity_threshold = float(content["similarity_threshold"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotAKnowledgeBase(
            f"what this base was built with cannot be read ({error}); use the ragkit that wrote "
            "it, or ingest into a new base"
        ) from error
    if content["metric"] != "cosine":
        raise StoreMismatch(f"this base compares by {content['metric']}, expected cosine")
    return Identity(facts, settings, similarity_threshold)
