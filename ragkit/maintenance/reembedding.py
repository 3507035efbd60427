"""Change the embedder: build new vectors beside the old ones, compare both, then swap them.

The second set of vectors has a role (`ragkit.manifest.SpareRole`). It is "next" while it is built
and until it is swapped in, "previous" after the swap, and "discarded" while it is deleted. Each
step is a commit, so a process can be killed at any moment: the embedder that serves goes on
serving, and the same command continues.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ragkit.embedders.base import Embedder, EmbedderFacts, read_facts
from ragkit.embedders.loading import is_same
from ragkit.errors import EmbedderError, StoreError, StoreFull, StoreLocked, StoreMismatch
from ragkit.governance.erasure import open_writer
from ragkit.index.indexes import open_spare_index
from ragkit.ingestion.embedding import digest_text, embed_texts
from ragkit.maintenance.embedder_comparison import (
    EmbedderComparison,
    TestQuestion,
    check_documents,
    compare_retrievers,
    read_questions,
)
from ragkit.maintenance.reembed_report import (
    Decide,
    ProgressMeter,
    ReembedProgressCallback,
    ReembedReport,
)
from ragkit.manifest import (
    Identity,
    SpareVectors,
    change_embedder,
    read_identity,
    read_spare,
)
from ragkit.retrieval.components import Components
from ragkit.store.atomic import sync_directory
from ragkit.store.database import translate_errors
from ragkit.store.records import UnembeddedChunk
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer
from ragkit_ingest.chunk_texts import embedding_text

logger = logging.getLogger(__name__)

_BATCH_CHUNKS = 256  # embedded and committed together
_COUNTED_CHUNKS = 1024  # whose tokens are counted together
_DELETED_VECTORS = 20_000  # in one commit
_LOCK_POLL = 0.2  # seconds


class Reembedding:
    """Changes the embedder of one knowledge base.

    Searches in all processes use the old embedder until the swap, and the new one from their next
    query on. Documents can be added, removed and erased in the meantime.
    """

    def __init__(self, store: Store, components: Components) -> None:
        self._store = store
        self._components = components

    def run(
        self,
        embedder: str | Embedder,
        *,
        questions: str | os.PathLike[str] | None = None,
        decide: Decide | None = None,
        progress: ReembedProgressCallback | None = None,
    ) -> ReembedReport:
        """Embed all chunks with another embedder, then let it serve; continue what was killed.

        `questions` is a JSON lines file as `read_questions` takes it: both embedders are compared
        on it before the swap. `decide` gets the comparison, and returns whether to swap; by default
        an embedder that finds less is not swapped in. Its vectors are kept then: without questions
        the same call swaps at once. Waits while another process writes.

        Raises EmbedderError if a chunk has more tokens than the embedder reads, StoreMismatch if
        the embedder is replaced by another model while it works, and StoreError if another change
        of the embedder has not ended.
        """
        loaded = self._components.load_named(embedder) if isinstance(embedder, str) else embedder
        asked = read_questions(Path(questions)) if questions is not None else None
        meter = ProgressMeter(progress)
        with self._store.snapshot() as snapshot:
            spare = read_spare(snapshot)
        if spare is not None and spare.role == "discarded":
            self._delete(spare)
        with self._store.snapshot() as snapshot:
            identity, spare = _require_identity(snapshot), read_spare(snapshot)
            facts = read_facts(loaded)
            if is_same(facts, identity.embedder):
                previous = spare.identity.embedder.name if spare else facts.name
                return ReembedReport(facts.name, previous, True, 0, None, meter.seconds)
            if spare is not None:
                _check_continued(snapshot, spare, facts)
            if asked:
                check_documents(snapshot, asked[0])
                self._components.retriever(snapshot)  # so that it fails before the long work
        self._check_lengths(loaded, meter)
        if spare is None:
            spare = SpareVectors("next", change_embedder(identity, loaded))
            self._begin(identity, spare)
        embedded = self._embed_missing(spare, loaded, meter)
        self._publish_index(meter)
        comparison = self._compare(loaded, *asked, meter) if asked else None
        is_wanted = comparison is None or (decide or _is_no_loss)(comparison)
        if is_wanted:
            embedded += self._swap(identity, spare, loaded, meter)
        return ReembedReport(
            facts.name, identity.embedder.name, is_wanted, embedded, comparison, meter.seconds
        )

    def undo(
        self,
        *,
        embedder: Embedder | None = None,
        progress: ReembedProgressCallback | None = None,
    ) -> str:
        """Let the previous embedder serve again, or stop a change that is not swapped in yet.

        The new vectors are deleted. Documents that were added after the swap are embedded with the
        previous embedder first; pass it as `embedder` if it is one of your own. Returns the name of
        the embedder that serves. Raises StoreError if there is nothing to undo, and EmbedderMissing
        if the previous embedder is needed and is not there.
        """
        with self._store.snapshot() as snapshot:
            identity, spare = _require_identity(snapshot), read_spare(snapshot)
            missing = snapshot.with_spare_vectors().vectors.count_missing()
        if spare is None:
            raise StoreError(
                f"nothing to undo: this knowledge base has only the vectors of "
                f"{identity.embedder.name}; change the embedder with: ragkit reembed --embedder X"
            )
        if embedder is not None:
            self._components.add(embedder)
        if spare.role == "previous":
            meter = ProgressMeter(progress)
            facts = spare.identity.embedder
            loaded = self._components.load_known(facts) if missing else None
            if loaded is not None:
                self._embed_missing(spare, loaded, meter)
            self._swap(identity, spare, loaded, meter, back=True)
            self._delete(SpareVectors("discarded", identity))
            return facts.name
        if spare.role == "next":
            spare = self._discard(spare, "kb.reembed-undo")
        self._delete(spare)
        return identity.embedder.name

    def finish(self) -> str:
        """Delete the vectors of the previous embedder and return its name; no undo after that.

        Raises StoreError if there are none, and StoreLocked while another process writes.
        """
        with self._store.snapshot() as snapshot:
            spare = read_spare(snapshot)
        if spare is None:
            raise StoreError(
                "nothing to finish: there are no vectors of a previous embedder; see the state "
                "with: ragkit status"
            )
        name = spare.identity.embedder.name
        if spare.role == "next":
            raise StoreError(
                f"the vectors of {name} are not in use yet: let it serve with: ragkit reembed "
                f"--embedder {name}; or delete them with: ragkit reembed --undo"
            )
        if spare.role == "previous":
            spare = self._discard(spare, "kb.reembed-finish")
        self._delete(spare)
        return name

    # -- the steps ---------------------------------------------------------------------------

    def _begin(self, identity: Identity, spare: SpareVectors) -> None:
        with self._store.recorder() as writer:
            detail = _describe(identity, spare.identity)
            writer.spare_vectors.begin(spare.to_json(), detail)

    def _check_lengths(self, embedder: Embedder, meter: ProgressMeter) -> None:
        """Raise EmbedderError if chunks that are to be embedded have too many tokens."""
        total, done, last, long = self._count_missing(), 0, 0, 0
        while chunks := self._read_missing(last, _COUNTED_CHUNKS):
            counts = embedder.count_tokens([_get_text(chunk) for chunk in chunks])
            long += sum(count > embedder.max_tokens for count in counts)
            done, last = done + len(chunks), chunks[-1].chunk
            meter.tell("check", done, total)
        if long:
            about = " (by an estimate)" if getattr(embedder, "estimates_tokens", False) else ""
            raise EmbedderError(
                f"{long} of {total} chunks have more than the {embedder.max_tokens} tokens that "
                f"{embedder.name} reads{about}, and nothing was changed; ingest the documents into "
                f"a new knowledge base: ragkit ingest FOLDER --kb NEW --embedder {embedder.name}"
            )

    def _embed_missing(self, spare: SpareVectors, embedder: Embedder, meter: ProgressMeter) -> int:
        """Embed the chunks that have no vector in the second set, in commits; return how many.

        A commit needs no writer lock: other processes ingest and erase in the meantime.
        """
        total, done, last = self._count_missing(), 0, 0
        while chunks := self._read_missing(last, _BATCH_CHUNKS):
            with self._store.snapshot() as snapshot:
                vectors = _embed(snapshot, spare, embedder, chunks)
            with self._store.recorder() as writer:
                writer.spare_vectors.add(spare.to_json(), vectors)
            done, last = done + len(chunks), chunks[-1].chunk
            meter.tell("embed", done, max(total, done))
        return done

    def _publish_index(self, meter: ProgressMeter) -> None:
        with self._wait_for_writer(meter) as writer:
            _sync_spare_index(self._store, writer)

    def _compare(
        self,
        embedder: Embedder,
        questions: Sequence[TestQuestion],
        skipped: int,
        meter: ProgressMeter,
    ) -> EmbedderComparison:
        with self._store.snapshot() as snapshot:
            before = self._components.retriever(snapshot)
            after = self._components.build_retriever(embedder, spare=True)
            assert before is not None  # there is an identity
            return compare_retrievers(
                snapshot,
                before,
                after,
                questions,
                skipped,
                lambda done: meter.tell("compare", done, len(questions)),
            )

    def _swap(
        self,
        identity: Identity,
        spare: SpareVectors,
        embedder: Embedder | None,
        meter: ProgressMeter,
        *,
        back: bool = False,
    ) -> int:
        """Embed what was added meanwhile, and swap, under the writer lock; return how many."""
        with self._wait_for_writer(meter) as writer:
            missing = self._count_missing()
            if missing and embedder is None:
                embedder = self._components.load_known(spare.identity.embedder)
            done = self._embed_missing(spare, embedder, meter) if missing and embedder else 0
            _sync_spare_index(self._store, writer)
            if embedder is not None:
                self._components.add(embedder)
            writer.spare_vectors.swap(
                spare.to_json(),
                identity=spare.identity.to_json(),
                kept=SpareVectors("discarded" if back else "previous", identity).to_json(),
                action="kb.reembed-undo" if back else "kb.reembed-swap",
                detail=_describe(identity, spare.identity),
            )
        self._components.accept_change()
        return done

    def _discard(self, spare: SpareVectors, action: str) -> SpareVectors:
        marked = replace(spare, role="discarded")
        with self._store.recorder() as writer:
            detail = {"deleted": spare.identity.embedder.name}
            writer.spare_vectors.mark(spare.to_json(), marked.to_json(), action, detail)
        return marked

    def _delete(self, spare: SpareVectors) -> None:
        """Delete a discarded set, overwrite it on the disk, and shrink the database file."""
        with open_writer(self._store) as writer:
            while writer.spare_vectors.delete(spare.to_json(), _DELETED_VECTORS):
                pass
            open_spare_index(self._store.layout).sync(writer)  # deletes its file
            with translate_errors(self._store.layout.root):
                sync_directory(self._store.layout.index)  # or a power cut may bring it back
            try:
                writer.vacuum()
            except StoreFull:
                logger.warning("no space left to shrink %s", self._store.layout.database)
            writer.spare_vectors.end(spare.to_json())
            with suppress(StoreLocked):  # a reader is active
                writer.checkpoint_wal()

    @contextmanager
    def _wait_for_writer(self, meter: ProgressMeter) -> Iterator[Writer]:
        """Open the single writer as soon as no other process writes."""
        with ExitStack() as held:
            while True:
                try:
                    writer = held.enter_context(open_writer(self._store))
                    break
                except StoreLocked:
                    meter.tell("wait", 0, 0)
                    time.sleep(_LOCK_POLL)
            meter.tell("index", 0, 0)
            yield writer

    def _count_missing(self) -> int:
        with self._store.snapshot() as snapshot:
            return snapshot.with_spare_vectors().vectors.count_missing()

    def _read_missing(self, after: int, limit: int) -> list[UnembeddedChunk]:
        with self._store.snapshot() as snapshot:
            return snapshot.with_spare_vectors().vectors.missing(after, limit)


def _is_no_loss(comparison: EmbedderComparison) -> bool:
    return not comparison.is_loss


def _require_identity(snapshot: Snapshot) -> Identity:
    identity = read_identity(snapshot)
    if identity is None:
        raise StoreError(
            "this knowledge base has no documents and no embedder yet; choose one with: "
            "ragkit ingest FOLDER --embedder X"
        )
    return identity


def _check_continued(snapshot: Snapshot, spare: SpareVectors, facts: EmbedderFacts) -> None:
    """Raise StoreError unless the second set is being built with exactly this embedder."""
    known = spare.identity.embedder
    if spare.role == "previous":
        way = "go back to it with: ragkit reembed --undo"
        if not is_same(facts, known):
            way = f"delete them with: ragkit reembed --finish; or {way}"
        raise StoreError(f"the vectors of the previous embedder {known.name} are still kept; {way}")
    if is_same(facts, known):
        return
    left = snapshot.with_spare_vectors().vectors.count_missing()
    what = f"a change of the embedder to {known.name} has begun ({left} chunks are left)"
    if known.name == facts.name:
        what += ", and another model has that name now"
    raise StoreError(f"{what}; continue it with that model, or end it with: ragkit reembed --undo")


def _embed(
    snapshot: Snapshot,
    spare: SpareVectors,
    embedder: Embedder,
    chunks: Sequence[UnembeddedChunk],
) -> list[tuple[int, bytes]]:
    """Return (chunk, vector) pairs. Raises StoreMismatch if the model is no longer the same."""
    own = [_get_text(chunk) for chunk in chunks]
    digests = [digest_text(text) for text in own]
    texts = dict(zip(digests, own, strict=True))
    vectors = embed_texts(texts, snapshot.with_spare_vectors(), embedder, lambda: None)
    expected, found = spare.identity.embedder, read_facts(embedder)
    if not is_same(found, expected):
        raise StoreMismatch(
            f"{found.name} is no longer the model that the new vectors were begun with "
            f"(weights {expected.weights_sha256[:12]}, now {found.weights_sha256[:12]}); install "
            "that one again, or end this change with: ragkit reembed --undo"
        )
    return [(chunk.chunk, vectors[digest]) for chunk, digest in zip(chunks, digests, strict=True)]


def _get_text(chunk: UnembeddedChunk) -> str:
    return embedding_text(chunk.header, chunk.text)


def _sync_spare_index(store: Store, writer: Writer) -> None:
    """Publish the index file of the second set, or bring it up to date."""
    index = open_spare_index(store.layout)
    snapshot = Snapshot(writer.connection).with_spare_vectors()
    if index.path(snapshot) is None and snapshot.vectors.count():
        index.publish(writer)
    index.sync(writer)


def _describe(old: Identity, new: Identity) -> dict[str, str]:
    return {
        "from": old.embedder.name,
        "to": new.embedder.name,
        "weights": new.embedder.weights_sha256,
    }
