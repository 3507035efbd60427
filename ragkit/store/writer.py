"""The writer: commits with all aggregates of the store."""

from __future__ import annotations

from collections.abc import Mapping

from ragkit.store.access import AccessWriter
from ragkit.store.audit import Detail, append_record
from ragkit.store.conversations import ConversationWriter
from ragkit.store.document_writer import DocumentWriter
from ragkit.store.erasure_writer import ErasureWriter
from ragkit.store.erasures import is_any_erased
from ragkit.store.file_errors import FileErrorWriter
from ragkit.store.labels import LabelWriter
from ragkit.store.repairs import RepairWriter
from ragkit.store.retention import RetentionWriter
from ragkit.store.source_folder_writer import SourceFolderWriter
from ragkit.store.spare_vectors import SpareVectorWriter
from ragkit.store.transaction import WriteTransaction
from ragkit.store.vectors import VectorWriter


class Writer(WriteTransaction):
    """Writes to a knowledge base; to change the text of documents, hold the writer lock.

    A conversation's turn, a label or a grant is one short commit and needs no writer lock: people
    continue to ask, and access changes, while a long ingest runs. The tables are written through
    the aggregates: `writer.documents.put(new)`.
    """

    def record(
        self,
        actor: str,
        action: str,
        object: str,
        detail: Detail,
        names: Mapping[str, str] | None = None,
    ) -> int:
        """Commit an audit record without any other change; return its number.

        The names are left out if one of the documents found was erased meanwhile.
        """
        with self.commit():
            documents = (passage[0] for passage in detail.get("found", ()))
            if names and is_any_erased(self._db, documents):
                names = None
            return append_record(
                self._db,
                self._key,
                actor=actor,
                action=action,
                object=object,
                detail=detail,
                names=names,
            )

    @property
    def documents(self) -> DocumentWriter:
        """Writes documents."""
        return DocumentWriter(self)

    @property
    def source_folders(self) -> SourceFolderWriter:
        """Writes source folders."""
        return SourceFolderWriter(self)

    @property
    def file_errors(self) -> FileErrorWriter:
        """Writes which files could not be read."""
        return FileErrorWriter(self)

    @property
    def labels(self) -> LabelWriter:
        """Writes the labels of documents."""
        return LabelWriter(self)

    @property
    def access(self) -> AccessWriter:
        """Writes the access control mode and grants."""
        return AccessWriter(self)

    @property
    def vectors(self) -> VectorWriter:
        """Writes which index file is published."""
        return VectorWriter(self)

    @property
    def spare_vectors(self) -> SpareVectorWriter:
        """Writes the second set of vectors."""
        return SpareVectorWriter(self)

    @property
    def conversations(self) -> ConversationWriter:
        """Writes conversations."""
        return ConversationWriter(self)

    @property
    def retention(self) -> RetentionWriter:
        """Writes retention periods and legal holds."""
        return RetentionWriter(self)

    @property
    def erasures(self) -> ErasureWriter:
        """Writes erasures."""
        return ErasureWriter(self)

    @property
    def repairs(self) -> RepairWriter:
        """Writes repairs."""
        return RepairWriter(self)
