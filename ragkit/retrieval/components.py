"""The embedder, reranker, retriever and language model of a knowledge base, loaded when needed."""

from __future__ import annotations

import threading

from ragkit.config import Config
from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.loading import check_same, is_same, load_by_name, load_for_kb
from ragkit.embedders.pieces import can_measure_pieces, open_piece_counter
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.llms.base import LanguageModel
from ragkit.manifest import read_identity, read_spare
from ragkit.rerankers.base import Reranker
from ragkit.retrieval.foreign_language import find_foreign_language
from ragkit.retrieval.page_rules import load_rules
from ragkit.retrieval.retriever import Retriever
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot

_MAX_WARNINGS = 16  # kept, for readers with different labels
_MAX_LOADED = 2  # embedders: while one is changed to another, questions may come for both


class Components:
    """The embedder, retriever and language model of one knowledge base; safe from several threads.

    They follow the knowledge base: when its embedder is changed, also by another process, the next
    snapshot gets the new one. `wanted` is the embedder that the user named or passed; None takes
    that of the settings, or the one that the knowledge base was built with. `reranker` is a name,
    an object or "" for none; None takes that of the settings.
    """

    def __init__(
        self,
        layout: Layout,
        wanted: str | Embedder | None,
        model: str | LanguageModel,
        config: Config,
        reranker: str | Reranker | None = None,
    ) -> None:
        self.model = model
        self._layout = layout
        self._wanted = wanted if wanted is not None else config.embedder or None
        self._config = config
        self._reranker = config.reranker if reranker is None else reranker
        self._page_rules = config.page_rules
        self._guard = threading.Lock()
        self._passed: dict[EmbedderFacts, Embedder] = {}
        self._loaded: dict[EmbedderFacts | None, Embedder] = {}
        self._language_warnings: dict[object, str] = {}
        self._retrievers: dict[EmbedderFacts, Retriever] = {}
        self._is_accepted = self._wanted is None
        if wanted is not None and not isinstance(wanted, str):
            self.add(wanted)

    def add(self, embedder: Embedder) -> None:
        """Use an embedder that the user passed wherever the knowledge base has the same one."""
        self._passed[read_facts(embedder)] = embedder

    def accept_change(self) -> None:
        """Use any embedder from now on that the knowledge base has: the user has changed it."""
        self._is_accepted = True

    def check_wanted(self, snapshot: Snapshot) -> None:
        """Raise StoreMismatch if the wanted embedder is not one of the knowledge base.

        It may be the one that serves, or the other one while the embedder is being changed: a
        process that named one of them goes on after a swap. An ingest checks before it starts, even
        if no text has to be embedded.
        """
        identity = read_identity(snapshot)
        if self._is_accepted or identity is None or self._wanted is None:
            return
        if self._is_wanted(identity.embedder):
            return
        spare = read_spare(snapshot)
        if spare is not None and self._is_wanted(spare.identity.embedder):
            return
        named = self._wanted
        if isinstance(named, str):
            named = self.load_named(named)
            self.add(named)
        found = read_facts(named)
        if spare is None or not is_same(found, spare.identity.embedder):
            check_same(found, identity.embedder)

    def _is_wanted(self, facts: EmbedderFacts) -> bool:
        """Return True if the user named or passed the embedder with these facts."""
        if self._wanted is None or isinstance(self._wanted, str):
            return self._wanted in (facts.name, facts.name.rpartition("/")[2])
        return is_same(read_facts(self._wanted), facts)

    def embedder(self, snapshot: Snapshot) -> Embedder:
        """Return the embedder of the knowledge base, loaded once.

        A new knowledge base gets the wanted embedder or the default one. Raises StoreMismatch if
        the wanted embedder is another one, and EmbedderError if it cannot be loaded.
        """
        identity = read_identity(snapshot)
        facts = identity.embedder if identity else None
        with self._guard:
            if facts not in self._loaded:
                self.check_wanted(snapshot)
                embedder = self._load(facts)
                self._is_accepted = True
                while len(self._loaded) >= _MAX_LOADED:
                    del self._loaded[next(iter(self._loaded))]
                self._loaded[read_facts(embedder) if facts is None else facts] = embedder
                return embedder
            return self._loaded[facts]

    def warn_of_language(self, snapshot: Snapshot) -> str:
        """Return a line if the readable passages are in a language foreign to the embedder.

        Returns "" if they are not, and if that cannot be told: without documents, and for an
        embedder that only estimates tokens.
        """
        identity = read_identity(snapshot)
        if identity is None:
            return ""
        facts = identity.embedder
        key = (facts, snapshot.seq, snapshot.readable_labels, snapshot.condition)
        if key not in self._language_warnings:
            loaded = self._loaded.get(facts) or self._passed.get(facts)
            counter = loaded or open_piece_counter(facts)
            known = counter is not None and (loaded is None or can_measure_pieces(loaded))
            found = find_foreign_language(snapshot, counter) if known and counter else None
            while len(self._language_warnings) >= _MAX_WARNINGS:
                self._language_warnings.pop(next(iter(self._language_warnings)), None)
            self._language_warnings[key] = found.describe(facts.name) if found else ""
        return self._language_warnings[key]

    def _load(self, facts: EmbedderFacts | None) -> Embedder:
        name = self._wanted if isinstance(self._wanted, str) else None
        if facts is not None:
            return self.load_known(facts, name if self._is_wanted(facts) else None)
        if self._wanted is not None and not isinstance(self._wanted, str):
            return self._wanted
        from ragkit.embedders.discovery import DEFAULT

        return self.load_named(name or DEFAULT)

    def load_known(self, facts: EmbedderFacts, name: str | None = None) -> Embedder:
        """Return the embedder with these facts: one that was passed, or one of this machine.

        Raises EmbedderMissing or EmbedderError if it cannot be loaded.
        """
        passed = self._passed.get(facts)
        return (
            passed
            if passed is not None
            else load_for_kb(facts, name, self._config.device, self._config)
        )

    def load_named(self, name: str) -> Embedder:
        """Load an embedder by name or folder; see `load_by_name`."""
        return load_by_name(name, self._config.device, self._config)

    def retriever(self, snapshot: Snapshot) -> Retriever | None:
        """Return the retriever, opened once; None while the knowledge base has no embedder.

        Raises what `embedder` raises, and RerankerError if the reranker cannot be loaded.
        """
        identity = read_identity(snapshot)
        if identity is None:
            return None
        facts = identity.embedder
        found = self._retrievers.get(facts)
        if found is not None:
            return found
        embedder = self.embedder(snapshot)
        with self._guard:
            if facts not in self._retrievers:
                while len(self._retrievers) >= _MAX_LOADED:
                    del self._retrievers[next(iter(self._retrievers))]
                self._retrievers[facts] = self.build_retriever(embedder)
            return self._retrievers[facts]

    def build_retriever(self, embedder: Embedder, *, spare: bool = False) -> Retriever:
        """Return a retriever with an embedder, of the first or the second set of vectors."""
        return Retriever(
            embedder,
            FaissIndex(self._layout, spare=spare),
            TantivyIndex(self._layout),
            load_rules(self._page_rules),
            self._load_reranker(),
        )

    def _load_reranker(self) -> Reranker | None:
        if not isinstance(self._reranker, str):
            return self._reranker
        if not self._reranker:
            return None
        from ragkit.rerankers.loading import load_reranker

        self._reranker = load_reranker(self._reranker)
        return self._reranker
