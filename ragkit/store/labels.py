"""Access labels: assigns them to documents, by hand or by the rules of the settings."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from ragkit.store.records import document_object
from ragkit.store.rows import placeholders
from ragkit.store.source_folders import SourceFolders
from ragkit.store.transaction import ReadTransaction, WriteTransaction

DEFAULT_LABEL = "default"


class AssignedLabel(NamedTuple):
    """A document's label; `by_hand` if a person assigned it: then no rule changes it."""

    document: int
    label: str
    by_hand: bool


def match_label_rule(rules: Mapping[str, str], source_folder: str, source: str) -> str | None:
    """Return the label that the rules give a document; None if no rule matches.

    A rule names a folder or file: relative to the source folder, or absolute. The rule that names
    most parts of the path wins. Paths are compared in Unicode's NFC, as some systems store "ü" as
    "u" and a mark.
    """
    best: tuple[int, str] | None = None
    source_folder, source = _compose(source_folder), _compose(source)
    for place, label in rules.items():
        folder = _compose(os.path.expanduser(place))
        is_absolute = os.path.isabs(folder)
        path = os.path.join(source_folder, source) if is_absolute else source
        parts = PurePosixPath(folder).parts
        if PurePosixPath(path).parts[: len(parts)] != parts:
            continue
        depth = len(parts) - (len(PurePosixPath(source_folder).parts) if is_absolute else 0)
        if best is None or depth > best[0]:
            best = depth, label
    return best[1] if best else None


def _compose(path: str) -> str:
    return unicodedata.normalize("NFC", path)


class Labels:
    """Reads the labels of a snapshot's documents."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def ids_of(self, names: Collection[str]) -> frozenset[int]:
        """Return the ids of the labels with these names."""
        rows = self._db.execute(
            f"SELECT id FROM label WHERE name IN ({placeholders([*names])})", list(names)
        )
        return frozenset(row[0] for row in rows)

    def all_ids(self) -> frozenset[int]:
        """Return the ids of all labels."""
        return frozenset(id for (id,) in self._db.execute("SELECT id FROM label"))

    def by_source(self, source_folder: int) -> dict[str, AssignedLabel]:
        """Return the labels of a source folder's documents, by source."""
        rows = self._db.execute(
            "SELECT d.source, d.id, l.name, d.pinned FROM document d "
            "JOIN label l ON l.id = d.label WHERE d.source_folder = ?",
            (source_folder,),
        )
        return {
            source: AssignedLabel(id, label, bool(pinned)) for source, id, label, pinned in rows
        }

    def assigned_by_hand(self) -> frozenset[int]:
        """Return the ids of the documents whose label a person assigned."""
        return frozenset(id for (id,) in self._db.execute("SELECT id FROM document WHERE pinned"))


class LabelWriter:
    """Writes the labels of documents.

    A label that a person assigned outlives its document: a file may come back, and must not be
    readable for others then. It is kept in `meta` under a digest of the name, so that the name
    itself is not stored.
    """

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def assign(self, documents: Iterable[int], label: str, *, by_hand: bool) -> list[str]:
        """Assign a label in one commit; return the sources of documents that had another one.

        A label that is not assigned `by_hand` does not replace one that is. If a document was
        replaced meanwhile, its new version gets the label; one that was removed is left out.
        """
        with self._writer.transaction() as seq:
            number = self.id_of(label)
            changed = []
            for document in documents:
                row = self._db.execute(
                    "SELECT d.id, d.source, d.uid, d.label, d.pinned FROM journal j "
                    "JOIN document d ON d.uid = j.uid WHERE j.document = ?",
                    (document,),
                ).fetchone()
                if row is None:
                    continue
                current, source, uid, old, was_by_hand = row
                if (was_by_hand and not by_hand) or (old, was_by_hand) == (number, by_hand):
                    continue
                self._db.execute(
                    "UPDATE document SET label = ?, pinned = ? WHERE id = ?",
                    (number, int(by_hand), current),
                )
                if old != number:
                    changed.append(source)
                    self._writer.journal(seq, "change", current, uid)
                    self._writer.audit(
                        "document.label",
                        document_object(uid),
                        {"label": label},
                        {"source": source},
                    )
            return changed

    def id_of(self, name: str) -> int:
        """Return the id of a label, inside a commit; create the label if it is new."""
        self._db.execute("INSERT OR IGNORE INTO label (name) VALUES (?)", (name,))
        (label,) = self._db.execute("SELECT id FROM label WHERE name = ?", (name,)).fetchone()
        return int(label)

    def remember(self, document: int) -> None:
        """Remember the label that a person assigned to a document, inside a commit."""
        row = self._db.execute(
            "SELECT d.source_folder, d.source, l.name FROM document d "
            "JOIN label l ON l.id = d.label WHERE d.id = ? AND d.pinned",
            (document,),
        ).fetchone()
        if row is not None:
            source_folder, source, label = row
            self._writer.set_meta(self._key(source_folder, source), label)

    def remember_lost(self, source: str, label: str) -> None:
        """Remember the label of a document that damage took, inside a commit.

        Its folder is not known: the label is for any file of this name.
        """
        if label not in ("", DEFAULT_LABEL):
            self._writer.set_meta(_lost_key(source), label)

    def take_remembered(self, source_folder: int, source: str) -> tuple[str, bool]:
        """Return the label for a new document, and whether a person had assigned it.

        A remembered label is returned once, unless it is that of a lost document.
        """
        taken = self._db.execute(
            "DELETE FROM meta WHERE key = ? RETURNING value", (self._key(source_folder, source),)
        ).fetchall()
        label = taken[0][0] if taken else self._writer.meta(_lost_key(source))
        return (DEFAULT_LABEL, False) if label is None else (label, True)

    def drop_lost(self, sources: Iterable[str]) -> None:
        """Delete the remembered labels of lost documents, inside a commit."""
        self._db.executemany(
            "DELETE FROM meta WHERE key = ?", [(_lost_key(source),) for source in sources]
        )

    def _key(self, source_folder: int, source: str) -> str:
        place = f"{SourceFolders(self._writer).path_of(source_folder)}/{source}"
        return f"label {hashlib.sha256(place.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _lost_key(source: str) -> str:
    return f"lost {hashlib.sha256(source.encode('utf-8', 'surrogatepass')).hexdigest()}"
