"""What governance costs: permissions in a search and an ingest, and erasing a document.

Search: the same questions over the same documents, without access control and with it,
where the asker may read half of the labels: enforced, and strict. Ingest: the same files
with a rule for each folder and without. All in one run, by turns.

Erasing: one document of a base of 100,000 chunks, with the proof: the finance set over and over,
each time with other letters, so that no text stands in it twice.
"""

from __future__ import annotations

import shutil
import statistics
import string
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragkit import Config, KnowledgeBase, View
from ragkit.index.indexes import open_indexes
from ragkit.store.records import NewDocument, StoredDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document
from tests.benchmarks.common import eval_folder, prepared_base
from tests.benchmarks.retrieval import questions

CHUNKS = 100_000
ROUNDS, DIMENSION = 5, 384


def main(arguments: list[str], workdir: Path) -> None:
    search(workdir)
    ingest(workdir)
    erase(workdir)


# -- search and ingest ---------------------------------------------------------------------------


def search(workdir: Path) -> None:
    kb = prepared_base("finance", workdir)
    asked = [question.text for question in questions("finance")][:40]
    bases = {mode: _with_access_control(kb, workdir, mode) for mode in ("enforced", "strict")}
    views = {"off": kb.as_principal("user:ana")}
    for mode, base in bases.items():
        views[f"{mode}, all of it"] = base.as_principal("user:ana", ["all"])
        views[f"{mode}, half of it"] = base.as_principal("user:ana", ["half"])
    times: dict[str, list[float]] = {name: [] for name in views}
    for view in views.values():
        _times(view, asked)
    for _ in range(ROUNDS):
        for name, view in views.items():
            times[name] += _times(view, asked)
    plain = statistics.median(times["off"])
    print(f"search, {len(asked)} questions, {ROUNDS} rounds by turns")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"  {name:22} p50 {1000 * middle:6.2f} ms   {middle / plain:5.2f} times")
    for base in (kb, *bases.values()):
        base.close()


def _with_access_control(kb: KnowledgeBase, workdir: Path, mode: str) -> KnowledgeBase:
    """A copy of a base in which every other document is for the group "half" as well as for all."""
    path = workdir / f"access-{mode}.kb"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(kb.path, path)
    base = KnowledgeBase(path, config=kb.config)
    for document in base.documents()[::2]:
        base.access.label(document.id, "half")
    base.access.grant("half", "group:half")
    base.access.grant("half", "group:all")
    base.access.grant("default", "group:all")
    base.access.set_mode(mode)
    return base


def _times(view: View, asked: Sequence[str]) -> list[float]:
    found = []
    for question in asked:
        started = time.perf_counter()
        view.search(question)
        found.append(time.perf_counter() - started)
    return found


def ingest(workdir: Path) -> None:
    folder = eval_folder() / "handbook" / "docs"
    rules = {entry.name: entry.name for entry in folder.iterdir() if entry.is_dir()}
    without, ruled = list[float](), list[float]()
    for _ in range(3):
        without.append(_measure_ingest(workdir, folder, Config()))
        ruled.append(_measure_ingest(workdir, folder, Config(labels=rules)))
    ratio = statistics.median(ruled) / statistics.median(without)
    print(f"ingest with {len(rules)} rules  {min(ruled):6.2f} s   {ratio:5.2f} times", flush=True)


def _measure_ingest(workdir: Path, folder: Path, config: Config) -> float:
    """Seconds to ingest a folder into a new base, with access control if there are rules."""
    path = workdir / "governance-ingest.kb"
    shutil.rmtree(path, ignore_errors=True)
    with KnowledgeBase(path, config=config) as kb:
        kb.access.set_mode("enforced" if config.labels else "off")
        started = time.perf_counter()
        kb.ingest(folder)
        return time.perf_counter() - started


# -- erasing ------------------------------------------------------------------------------------


def erase(workdir: Path) -> None:
    path = workdir / "erase-100000.kb"
    if not path.exists():
        _build(workdir, path)
    copied = workdir / "erase.kb"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(path, copied)
    with KnowledgeBase(copied) as kb:
        names = [document.source for document in kb.documents() if document.chunks > 100]
        size = kb.status().bytes / 1e6
        print(f"erase one document, in a base of {kb.status().chunks:,} chunks and {size:.0f} MB")
        for source in names[:: len(names) // ROUNDS][:ROUNDS]:
            started = time.perf_counter()
            receipt = kb.erase(source, reason="benchmark")
            took = time.perf_counter() - started
            print(f"  {took:6.2f} s   {receipt.searched}")


def _build(workdir: Path, path: Path) -> None:
    kb = prepared_base("finance", workdir)
    kb.close()
    source, target = Store(kb.path), Store(path)
    with source.snapshot() as snapshot, target.writer() as writer:
        writer.set_identity(snapshot.meta("identity") or "")
        source_folder, count, turn = writer.source_folders.add("/documents", whole=True), 0, 0
        while count < CHUNKS:
            turn += 1
            for document in snapshot.documents.all():
                copied = replace(_copy(snapshot, document, turn), source_folder=source_folder)
                if count < CHUNKS:
                    writer.documents.put(copied)
                    count += len(copied.chunks)
        for index in open_indexes(target.layout):
            index.rebuild(writer)
    source.close()
    target.close()


def _copy(snapshot: Snapshot, document: StoredDocument, turn: int) -> NewDocument:
    """A document with other letters and slightly other vectors."""
    letters = string.ascii_lowercase
    other = str.maketrans(letters, letters[turn:] + letters[:turn])
    chunks = snapshot.chunks.of(document.id)
    _, vectors = snapshot.vectors.get([chunk.id for chunk in chunks], DIMENSION)
    noise = np.random.default_rng(turn).normal(0, 0.01, vectors.shape)
    pages = [
        replace(page, text=page.text.translate(other)) for page in snapshot.pages.of(document.id)
    ]
    return NewDocument(
        source_folder=0,
        source=f"{turn}/{document.source}",
        digest=bytes([turn]) + document.digest[1:],
        size=document.size,
        label=None,
        document=Document(
            document.kind,
            tuple(pages),
            document.title.translate(other),
        ),
        chunks=[
            Chunk(c.ordinal, c.page_ordinal, c.start, c.end, c.header.translate(other), (), c.rows)
            for c in chunks
        ],
        digests=[f"{turn}:{chunk.id}".encode() for chunk in chunks],
        vectors=(vectors + noise).astype(np.float16),
        modified_at=document.modified_at,
    )
