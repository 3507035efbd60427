-- The sequence number meta.seq of a read transaction defines everything that it sees.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Folders that were ingested. `whole` is 0 if only single files of the folder were ingested.
CREATE TABLE source_folder (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    whole INTEGER NOT NULL
);

-- Access labels: each document has exactly one. Retention keeps its documents for `keep_days` after
-- they were added; NULL means forever.
CREATE TABLE label (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    keep_days INTEGER
);

CREATE TABLE label_grant (
    label INTEGER NOT NULL REFERENCES label (id),
    principal TEXT NOT NULL,
    PRIMARY KEY (label, principal)
) WITHOUT ROWID;

-- The chunk ids of a document are the range [first_chunk, last_chunk]; both are NULL without chunks.
-- `readable_pages` counts the pages with text. `uid` is the first id of the document: it stays the
-- same when the document is replaced or renamed. `pinned` is 1 if a person assigned the label: then
-- no rule changes it. `modified_at` is when the file was last modified, in UTC, to the second.
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    source_folder INTEGER NOT NULL REFERENCES source_folder (id),
    source TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    label INTEGER NOT NULL REFERENCES label (id),
    metadata TEXT NOT NULL,
    warnings TEXT NOT NULL,
    first_chunk INTEGER,
    last_chunk INTEGER,
    added_at TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    readable_pages INTEGER NOT NULL DEFAULT 0,
    uid INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source_folder, source)
);
CREATE INDEX document_label ON document (label);
CREATE INDEX document_uid ON document (uid);

CREATE TABLE page (
    document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER,
    page_label TEXT NOT NULL,
    text TEXT NOT NULL,
    images INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    garbage INTEGER NOT NULL,
    PRIMARY KEY (document, ordinal)
);

-- `page` is the ordinal of the page, and `number` its number, if it has one. `text` is exactly the
-- characters [start, end) of the page's text. `header` is embedded and searched with it. `sections`
-- are its heading paths and `rows` its table rows, as JSON. `digest` is that of the embedded text, so
-- that equal texts are embedded once.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    page INTEGER NOT NULL,
    number INTEGER,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    header TEXT NOT NULL,
    sections TEXT NOT NULL,
    rows TEXT NOT NULL,
    text TEXT NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX chunk_document ON chunk (document, ordinal);
CREATE INDEX chunk_digest ON chunk (digest);

-- float16, little-endian, length 1.
CREATE TABLE vector (
    chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);

-- A second vector of each chunk, from another embedder, while the embedder of the knowledge base is
-- changed; `meta.spare` describes that embedder. Searches use `vector` alone. A swap exchanges the
-- names of the two tables.
CREATE TABLE spare_vector (
    chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);

-- Chunks that were deleted since the oldest published index file was built.
CREATE TABLE tombstone (
    chunk INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
);

-- Published FAISS files: one of `vector`, and maybe one of `spare_vector`, where `spare` is 1. Only a
-- file with this size and digest is loaded.
CREATE TABLE index_version (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    built_at INTEGER NOT NULL,
    last_chunk INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    signature TEXT NOT NULL,
    spare INTEGER NOT NULL DEFAULT 0
);

-- Changes of documents, by sequence number.
CREATE TABLE journal (
    seq INTEGER NOT NULL,
    operation TEXT NOT NULL,
    document INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (seq, document)
) WITHOUT ROWID;
CREATE INDEX journal_document ON journal (document, uid);
CREATE INDEX journal_uid ON journal (uid, document);

-- Documents on legal hold, which retention skips.
CREATE TABLE legal_hold (
    uid INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- Erasures: only ids and digests. While `state` is 'begun', content may still be on the disk:
-- `files` are to be deleted, and `fingerprints` find the rest.
-- `record` is the number of the audit record.
CREATE TABLE erasure (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    record INTEGER NOT NULL,
    state TEXT NOT NULL,
    files TEXT NOT NULL,
    fingerprints BLOB NOT NULL,
    receipt TEXT NOT NULL
);

CREATE TABLE erased_document (
    uid INTEGER PRIMARY KEY,
    erasure INTEGER NOT NULL REFERENCES erasure (id)
);

-- Erased contents: a file with this digest is not ingested again.
CREATE TABLE erased_content (
    digest BLOB PRIMARY KEY,
    erasure INTEGER NOT NULL REFERENCES erasure (id)
) WITHOUT ROWID;

-- Files that could not be read, so that reports list them without reading them again.
CREATE TABLE file_error (
    source_folder INTEGER NOT NULL REFERENCES source_folder (id),
    source TEXT NOT NULL,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    reader TEXT NOT NULL,
    PRIMARY KEY (source_folder, source)
) WITHOUT ROWID;

-- Conversations. An answer stores its passages and citations as places, not as text: when a document
-- is removed, its text is gone from conversations, too. The text of the answer stays. `title` is the
-- name that the owner gave the conversation, or ''.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    started TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT ''
);

CREATE TABLE turn (
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (conversation, ordinal)
) WITHOUT ROWID;

-- The documents that a turn is based on.
CREATE TABLE turn_document (
    conversation INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (conversation, ordinal, uid),
    FOREIGN KEY (conversation, ordinal) REFERENCES turn (conversation, ordinal)
        ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX turn_document_uid ON turn_document (uid);

-- Ratings of answers.
CREATE TABLE rating (
    conversation INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    up INTEGER NOT NULL,
    comment TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (conversation, ordinal),
    FOREIGN KEY (conversation, ordinal) REFERENCES turn (conversation, ordinal)
        ON DELETE CASCADE
) WITHOUT ROWID;

-- `signature` is an HMAC of the record and the signature before it, by a key outside the directory.
-- `names_digest` is the digest of its row in audit_names; empty if it never had one.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    names_digest BLOB NOT NULL,
    key TEXT NOT NULL,
    signature BLOB NOT NULL
);

-- Names and texts of audit records, which can be erased without breaking the chain.
CREATE TABLE audit_names (
    record INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    text TEXT NOT NULL
);
