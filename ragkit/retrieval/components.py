"""What a base is searched and asked with, opened when it is first needed."""

from __future__ import annotations

import threading

from ragkit.config import Config
from ragkit.embedders.base import Embedder, EmbedderFacts, facts_of
from ragkit.embedders.loading import check_same, load_by_name, load_for_base
from ragkit.index import bm25_search, faiss_index
from ragkit.llms.base import LanguageModel
from ragkit.manifest import Identity, read_identity
from ragkit.retrieval.retriever import Retriever
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot


class Engine:
    """The embedder, the retriever and the language model of one base; safe from several threads.

    `wanted` is the embedder that the user named or gave; None leaves it to the base.
    """

    def __init__(
        self,
        layout: Layout,
        wanted: str | Embedder | None,
        model: str | LanguageModel,
        config: Config,
    ) -> None:
        self.model = model
        self._layout = layout
        self._wanted = wanted
        self._device = config.device
        self._guard = threading.Lock()
        self._embedder: Embedder | None = None
        self._retriever: Retriever | None = None

    def check_wanted(self, facts: EmbedderFacts) -> None:
        """Refuse another embedder at once, also where nothing would have to be embedded."""
        if isinstance(self._wanted, str):
            if self._wanted not in (facts.name, facts.name.rpartition("/")[2]):
                check_same(facts_of(load_by_name(self._wanted)), facts)
        elif self._wanted is not None:
            check_same(facts_of(self._wanted), facts)

    def embedder(self, identity: Identity | None) -> Embedder:
        """The embedder of a base with this identity; of a new one, the one that was wanted."""
        with self._guard:
            if self._embedder is None:
                self._embedder = self._load(identity)
            return self._embedder

    def _load(self, identity: Identity | None) -> Embedder:
        if self._wanted is not None and not isinstance(self._wanted, str):
            if identity is not None:
                check_same(facts_of(self._wanted), identity.embedder)
            return self._wanted
        if identity is not None:
            return load_for_base(identity.embedder, self._wanted, self._device)
        from ragkit.embedders.discovery import DEFAULT

        return load_by_name(self._wanted or DEFAULT, self._device)

    def retriever(self, snapshot: Snapshot) -> Retriever | None:
        """The retriever of this base; None while it is empty and has no embedder yet."""
        if self._retriever is not None:
            return self._retriever
        identity = read_identity(snapshot)
        if identity is None:
            return None
        embedder = self.embedder(identity)
        with self._guard:
            if self._retriever is None:
                self._retriever = Retriever(
                    embedder,
                    faiss_index.DenseIndex(self._layout, identity.embedder.dimension),
                    bm25_search.LexicalIndex(self._layout),
                )
            return self._retriever
