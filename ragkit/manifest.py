"""What a knowledge base was built with, fixed by its first document; it is not a setting."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.threshold import measure_similarity_threshold
from ragkit.errors import NotAKnowledgeBase, StoreMismatch
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.chunk import ChunkSettings

_CHUNK_TOKENS = 254  # the usual size in the field, and what MiniLM reads at once
_METRIC = "cosine"


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


def read_identity(snapshot: Snapshot) -> Identity | None:
    """Return the identity of a knowledge base, None before its first document.

    Raises NotAKnowledgeBase if it cannot be read, and StoreMismatch for a metric other than cosine.
    """
    text = snapshot.meta("identity")
    if text is None:
        return None
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
