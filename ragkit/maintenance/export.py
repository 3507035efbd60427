"""Export of a knowledge base as JSON lines that are equal for equal content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict

from ragkit.manifest import read_identity
from ragkit.store.snapshot import Snapshot


def dump(snapshot: Snapshot) -> Iterator[str]:
    """Yield a JSON line for the manifest and one for each document, by folder and source."""
    identity = read_identity(snapshot)
    yield json.dumps({"identity": asdict(identity) if identity else None}, sort_keys=True)
    dimension = identity.embedder.dimension if identity else 1
    folders = {folder: path for folder, path, _ in snapshot.source_folders.all()}
    documents = sorted(snapshot.documents.all(), key=lambda d: (folders[d.source_folder], d.source))
    for document in documents:
        chunks = snapshot.chunks.of(document.id)
        ids, vectors = snapshot.vectors.get([chunk.id for chunk in chunks], dimension)
        texts = [snapshot.pages.text(document.id, ordinal) for ordinal in range(document.pages)]
        yield json.dumps(
            {
                "source_folder": folders[document.source_folder],
                "source": document.source,
                "digest": document.digest.hex(),
                "kind": document.kind,
                "title": document.title,
                "label": document.label,
                "warnings": list(document.warnings),
                "pages": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
                "chunks": [
                    [c.ordinal, c.page_ordinal, c.start, c.end, c.header, c.ref, c.text]
                    for c in chunks
                ],
                "whole": [texts[c.page_ordinal][c.start : c.end] == c.text for c in chunks],
                "vectors": [hashlib.sha256(vector.tobytes()).hexdigest() for vector in vectors],
                "vector_count": len(ids),
            },
            ensure_ascii=False,
        )
    for error in snapshot.file_errors.all():
        yield json.dumps({"file_error": error.source, "reason": error.reason})
