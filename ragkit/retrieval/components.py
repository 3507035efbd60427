"""The embedder, retriever and language model of a knowledge base, loaded when first needed."""

from __future__ import annotations

import threading

from ragkit.config import Config
from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.loading import check_same, load_by_name, load_for_kb
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.llms.base import LanguageModel
from ragkit.manifest import Identity, read_identity
from ragkit.retrieval.page_rules import load_rules
from ragkit.retrieval.retriever import Retriever
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot


class Components:
    """The embedder, retriever and language model of one knowledge base; safe from several threads.

    `wanted` is the embedder that the user named or passed. If it is None, the one that the
    knowledge base was built with is used.
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
        self._config = config
        self._page_rules = config.page_rules
        self._guard = threading.Lock()
        self._embedder: Embedder | None = None
        self._retriever: Retriever | None = None

    def check_wanted(self, facts: EmbedderFacts) -> None:
        """Raise StoreMismatch if the wanted embedder is not the one of the knowledge base.

        `facts` are those of the knowledge base's embedder. An ingest checks before it starts, even
        if no text has to be embedded.
        """
        if isinstance(self._wanted, str):
            if self._wanted not in (facts.name, facts.name.rpartition("/")[2]):
                check_same(read_facts(load_by_name(self._wanted, config=self._config)), facts)
        elif self._wanted is not None:
            check_same(read_facts(self._wanted), facts)

    def embedder(self, identity: Identity | None) -> Embedder:
        """Return the embedder of a knowledge base, loaded once.

        `identity` is None for a new knowledge base; it gets the wanted embedder or the default one.
        Raises StoreMismatch if the wanted embedder is another one, and EmbedderError if it cannot
        be loaded.
        """
        with self._guard:
            if self._embedder is None:
                self._embedder = self._load(identity)
            return self._embedder

    def _load(self, identity: Identity | None) -> Embedder:
        if self._wanted is not None and not isinstance(self._wanted, str):
            if identity is not None:
                check_same(read_facts(self._wanted), identity.embedder)
            return self._wanted
        if identity is not None:
            return load_for_kb(identity.embedder, self._wanted, self._config.device, self._config)
        from ragkit.embedders.discovery import DEFAULT

        return load_by_name(self._wanted or DEFAULT, self._config.device, self._config)

    def retriever(self, snapshot: Snapshot) -> Retriever | None:
        """Return the retriever, opened once; None while the knowledge base has no embedder."""
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
                    FaissIndex(self._layout),
                    TantivyIndex(self._layout),
                    load_rules(self._page_rules),
                )
            return self._retriever
