"""A knowledge base as a LlamaIndex retriever, and LlamaIndex postprocessors as rerankers.

This is the only module that imports llama_index.

In the other direction, any LlamaIndex reader is a source:
`kb.add_documents(reader.load_data(...))`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ragkit.errors import MissingExtra
from ragkit.rerankers.base import RerankerScores
from ragkit.retrieval.hits import Hit
from ragkit.store.filters import Filter

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import (
        NodeRelationship,
        NodeWithScore,
        ObjectType,
        QueryBundle,
        RelatedNodeInfo,
        TextNode,
    )
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("llama_index"):
        raise
    raise MissingExtra(
        'llama-index-core is not installed; get it with: pip install "ragkit[llamaindex]"'
    ) from error

__all__ = ["PostprocessorReranker", "RagkitRetriever"]

# The metadata that language models and rerankers see besides the text.
_VISIBLE_KEYS = ("file_name", "title", "headings", "place")


class Searchable(Protocol):
    """What can be searched: a `KnowledgeBase` or a `View`."""

    def search(self, query: str, k: int = 10, *, where: Filter | None = None) -> list[Hit]:
        """Return the k best passages, best first."""
        ...


class RagkitRetriever(BaseRetriever):
    """Search a knowledge base from LlamaIndex: the k best passages of what matches `where`.

    With access control, pass what a user can read: `kb.as_principal("user:ana")`.

    A node's id stays the same while its passage does, and differs between knowledge bases.
    `start_char_idx` and `end_char_idx` count characters of the page's text. The score ranks the
    nodes of one query. `similarity` in the metadata is a cosine and can be compared between
    queries. Only the bundle's `query_str` is searched, with the knowledge base's own embedder.

        retriever = RagkitRetriever(kb, k=5)
        engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
    """

    def __init__(self, kb: Searchable, k: int = 10, where: Filter | None = None) -> None:
        super().__init__()
        self.kb = kb
        self.k = k
        self.where = where

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self.kb.search(query_bundle.query_str, self.k, where=self.where)
        return [NodeWithScore(node=_build_node(hit), score=hit.score) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _build_node(hit: Hit) -> TextNode:
    path = hit.path or hit.source  # what was no file has only its name
    metadata = _build_metadata(hit, path)
    hidden = [key for key in metadata if key not in _VISIBLE_KEYS]
    place = f"{path}#{hit.page_ordinal}:{hit.start}-{hit.end}"
    return TextNode(
        id_=str(uuid.uuid5(uuid.NAMESPACE_URL, place)),
        text=hit.text,
        start_char_idx=hit.start,
        end_char_idx=hit.end,
        metadata=metadata,
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=hidden,
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id=path, node_type=ObjectType.DOCUMENT)
        },
    )


def _build_metadata(hit: Hit, path: str) -> dict[str, str | int | float]:
    """Return the keys of LlamaIndex's own readers, then ragkit's; flat, without empty values."""
    found: dict[str, str | int | float] = {
        "file_name": os.path.basename(hit.source.rstrip("/")) or hit.source,
        "file_path": path,
        "page_label": _page_label(hit),
        "source": hit.source,
        "title": hit.title,
        "kind": hit.kind,
        "headings": " > ".join(hit.headings),
        "place": hit.place,
        "document_id": hit.document,
        "similarity": hit.similarity,
    }
    return {key: value for key, value in found.items() if value != ""}


def _page_label(hit: Hit) -> str:
    """Return the printed label, as PDFReader does; for a slide its number, not its title."""
    if hit.page is None:
        return ""
    return str(hit.page) if hit.kind == "pptx" else hit.page_label or str(hit.page)


class PostprocessorReranker:
    """Make a reranker of a LlamaIndex node postprocessor, such as SentenceTransformerRerank.

    Passages count by the scores of the nodes that it returns. If it returns a node without a score,
    or in another order than that of its scores, they count by their order. Passages that it drops
    come last. Its nodes have the header and the text of a passage, and as their score 1 / rank in
    the search. Let it return as many nodes as it gets (`top_n=20`), or only those can rise.

        kb = KnowledgeBase("hr.kb", reranker=PostprocessorReranker(postprocessor))
    """

    def __init__(self, postprocessor: BaseNodePostprocessor) -> None:
        self.postprocessor = postprocessor

    @property
    def name(self) -> str:
        """The name of the postprocessor's class."""
        return type(self.postprocessor).__name__

    def score(self, query: str, texts: Sequence[str]) -> RerankerScores:
        """Return the score of each text, float32 of shape (len(texts),)."""
        nodes = [
            NodeWithScore(node=TextNode(id_=str(at), text=text), score=1 / (at + 1))
            for at, text in enumerate(texts)
        ]
        found = self.postprocessor.postprocess_nodes(nodes, query_str=query)
        kept: dict[int, float | None] = {}
        for node in found:
            if node.node_id.isdecimal() and int(node.node_id) < len(texts):
                kept.setdefault(int(node.node_id), node.score)
        return _spread_scores(kept, len(texts))


def _spread_scores(kept: dict[int, float | None], count: int) -> RerankerScores:
    """Return a score for each of `count` texts, from those that a postprocessor kept, in its order.

    Others get a score below, with a gap of half of the range, which no fused score makes up for.
    """
    given = [score for score in kept.values() if score is not None]
    is_sorted = all(a >= b for a, b in itertools.pairwise(given))
    if len(given) < len(kept) or not is_sorted:
        given = [float(-rank) for rank in range(len(kept))]
    lowest, highest = min(given, default=0.0), max(given, default=0.0)
    gap = (highest - lowest) / 2 or 1.0
    scores = np.full(count, lowest - gap, dtype=np.float32)
    scores[list(kept)] = given
    return scores
