"""What must hold after any fault, checked by another process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

from ragkit import KnowledgeBase
from ragkit.store.database import connect
from tests.faults.commands import Base
from tests.faults.operations import Operation


def check_interrupted(
    kb: Path, operation: Operation, acknowledged: Collection[str], finished: bool
) -> list[str]:
    """Return what is wrong after an operation was stopped."""
    own = operation.meanwhile(kb) if operation.meanwhile else []
    return answering(kb, operation, acknowledged, finished) + own + unsound(kb)


def answering(
    kb: Path, operation: Operation, acknowledged: Collection[str], finished: bool
) -> list[str]:
    """Return what is wrong with documents and searches."""
    with Base(kb) as base:
        found = list(base.dump())
        wrong = between(operation, found, acknowledged) + unsearchable(base, found)
    if operation.at_once and tuple(found) not in (operation.before, operation.after):
        wrong.append("it is half done")
    if finished and tuple(found) != operation.after:
        wrong.append("it was said to be done and is not")
    return wrong


def check_completed(kb: Path, operation: Operation) -> list[str]:
    """Return what is wrong after the operation was completed."""
    with Base(kb) as base:
        found = list(base.dump())
        wrong = unsearchable(base, found)
    if tuple(found) != operation.after:
        wrong.append("the dump differs from that of an uninterrupted run")
    own = operation.also(kb) if operation.also else []
    return wrong + own + unsound(kb) + leftovers(kb)


def between(operation: Operation, found: Sequence[str], acknowledged: Collection[str]) -> list[str]:
    """Check that each document has its old or its new state, the new one if acknowledged."""
    before, after = set(operation.before), set(operation.after)
    lines = [line for line in found if "source" in line or "file_error" in line]
    wrong = [f"{name_of(line)} is torn" for line in lines if line not in before | after]
    wrong += [f"{name_of(line)} is gone" for line in before & after - set(found)]
    there, was, becomes = map(_digests, (lines, operation.before, operation.after))
    wrong += [f"content {digest} is gone" for digest in was.keys() & becomes.keys() - there.keys()]
    wrong += [f"content {d} is there twice" for d in there if there[d] > max(was[d], becomes[d])]
    told = [line for line in after if name_of(line) in acknowledged]
    return wrong + [
        f"{name_of(line)} was acknowledged and is gone" for line in told if line not in found
    ]


def name_of(line: str) -> str:
    """Return the source path in a line of a dump; "" for the identity."""
    content = json.loads(line)
    return str(content.get("source") or content.get("file_error") or "")


def _digests(lines: Sequence[str]) -> Counter[str]:
    """Count the documents with each content."""
    found = (json.loads(line).get("digest") for line in lines)
    return Counter(digest for digest in found if digest)


def unsearchable(base: KnowledgeBase, dump: Sequence[str]) -> list[str]:
    """Return the documents that a search for their own words does not find."""
    wrong = []
    for line in dump:
        content = json.loads(line)
        if not content.get("chunks"):
            continue
        words = content["chunks"][0][-1]
        hits = base.search(words, k=5)
        if all(hit.source != content["source"] for hit in hits):
            wrong.append(f"{content['source']} is not found")
    return wrong


def unsound(kb: Path) -> list[str]:
    """Return what SQLite and the audit log report; the knowledge base must not be open."""
    with closing(connect(kb / "ragkit.db", readonly=True)) as database:
        found = database.execute("PRAGMA integrity_check").fetchall()
        found += database.execute("PRAGMA foreign_key_check").fetchall()
    wrong = [f"SQLite finds {row}" for row in found if row != ("ok",)]
    with Base(kb) as base:
        return wrong + [f"the audit log: {problem}" for problem in base.audit.verify().problems]


def listed_parts(folder: Path) -> list[Path]:
    """Return the folders of a word index's parts."""
    listed = json.loads((folder / "parts.json").read_text())["state"]["parts"]
    return [folder / part["name"] for part in listed]


def leftovers(kb: Path) -> list[str]:
    """Return files that nothing needs."""
    found = [*(kb / "tmp").glob("*"), *kb.rglob(".tmp*")]
    with closing(connect(kb / "ragkit.db", readonly=True)) as database:
        published = {name for (name,) in database.execute("SELECT name FROM index_version")}
    found += [path for path in (kb / "index").glob("*.faiss") if path.name not in published]
    folders = sorted((kb / "index" / "lexical").glob("v*"))
    found += folders[:-1]
    parts = [part for folder in folders[-1:] for part in listed_parts(folder)]
    found += [path for folder in folders[-1:] for path in folder.glob("*/") if path not in parts]
    for folder in parts:
        meta = json.loads((folder / "meta.json").read_text())
        live = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
        segments = (path for path in folder.iterdir() if len(path.name.partition(".")[0]) == 32)
        found += [path for path in segments if path.name.partition(".")[0] not in live]
    return [f"{path.relative_to(kb)} is left over" for path in found]


def unclear(message: str, place: Path) -> str | None:
    """Return what is wrong with the message of a failed command: one last line with the path.

    Notices, such as that of a rebuilt index, may come before it.
    """
    *_, last = message.splitlines() or [""]
    if not last.startswith("ragkit: ") or message.count("ragkit: ") != 1:
        return f"said {message!r}"
    return None if str(place) in last else f"did not say where: {message!r}"
