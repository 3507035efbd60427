BEGIN TRANSACTION;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
);
INSERT INTO "audit" VALUES(1,'2026-11-22T10:43:47.207+00:00','os:ana','document.add','leave','{"chunks": 1, "digest": "13faf0adbe6b2bf8b57e6b84f4ee93d99d3c3912dabb69e62fafd386eb21ab5b"}',X'0000000000000000000000000000000000000000000000000000000000000000',X'ABBBE9A599D800AB07B4D14FE0BFD345349409798B25FD7F70DA4F0C839A365B');
INSERT INTO "audit" VALUES(2,'2026-11-22T10:43:47.208+00:00','os:ana','document.add','pumps','{"chunks": 1, "digest": "ed207ad6427ac01304a0ce214c37e2f08353eeaae8740c5dbede280697ad0f80"}',X'ABBBE9A599D800AB07B4D14FE0BFD345349409798B25FD7F70DA4F0C839A365B',X'5F1D600C4008E8E50C8F6C8E9E547AAABE937A0482179CCC27337647294E281E');
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    page INTEGER NOT NULL,
    number INTEGER,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    header TEXT NOT NULL,
    headings TEXT NOT NULL,
    ref TEXT NOT NULL,
    text TEXT NOT NULL,
    digest BLOB NOT NULL
);
INSERT INTO "chunk" VALUES(2,1,0,0,1,0,60,'leave','[]','','Everybody has 28 days of annual leave in each calendar year.',X'541701E09A7DF0FC94F3E84CCFC8AA89');
INSERT INTO "chunk" VALUES(4,3,0,0,NULL,0,55,'pumps','[]','','The VX-4420 pump weighs 84 kilograms without its motor.',X'1895894A09C464643426B072C46A4CDB');
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    started TEXT NOT NULL
);
INSERT INTO "conversation" VALUES(5,'user:ana','2026-11-22T10:43:47+00:00');
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    root INTEGER NOT NULL REFERENCES root (id),
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
    UNIQUE (root, source)
);
INSERT INTO "document" VALUES(1,1,'leave',X'13FAF0ADBE6B2BF8B57E6B84F4EE93D99D3C3912DABB69E62FAFD386EB21AB5B',63,'document','',1,'{"author": "Ana"}','[]',2,2,'2026-11-22T10:43:47+00:00');
INSERT INTO "document" VALUES(3,1,'pumps',X'ED207AD6427AC01304A0CE214C37E2F08353EEAAE8740C5DBEDE280697AD0F80',55,'document','',1,'{}','[]',4,4,'2026-11-22T10:43:47+00:00');
CREATE TABLE generation (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    built_at INTEGER NOT NULL,
    last_chunk INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    signature TEXT NOT NULL
);
INSERT INTO "generation" VALUES(1,'dense-000001-30262507.faiss','flat',5,4,2,398,'30262507a4545a56886c9e4659c8f4d972590d1f4bd2f4dae7094e72d320dd6b','1795344227258229801:2253066');
CREATE TABLE journal (
    seq INTEGER NOT NULL,
    operation TEXT NOT NULL,
    document INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (seq, document)
) WITHOUT ROWID;
INSERT INTO "journal" VALUES(3,'add',1,'leave');
INSERT INTO "journal" VALUES(5,'add',3,'pumps');
CREATE TABLE label (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO "label" VALUES(1,'default');
CREATE TABLE label_grant (
    label INTEGER NOT NULL REFERENCES label (id),
    principal TEXT NOT NULL,
    PRIMARY KEY (label, principal)
) WITHOUT ROWID;
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('access','off');
INSERT INTO "meta" VALUES('format','2');
INSERT INTO "meta" VALUES('identity','{"chunks": {"header_tokens": 16, "max_tokens": 64}, "embedder": {"dimension": 64, "document_prompt": "", "max_tokens": 64, "name": "hashing-1", "query_prompt": "", "weights_sha256": ""}, "floor": 0.058, "metric": "cosine"}');
INSERT INTO "meta" VALUES('next_id','6');
INSERT INTO "meta" VALUES('seq','5');
CREATE TABLE page (
    document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER,
    label TEXT NOT NULL,
    text TEXT NOT NULL,
    images INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    garbage INTEGER NOT NULL,
    PRIMARY KEY (document, ordinal)
);
INSERT INTO "page" VALUES(1,0,'page',1,'','Everybody has 28 days of annual leave in each calendar year.',0,0,0);
INSERT INTO "page" VALUES(1,1,'page',2,'',' 
 ',0,0,0);
INSERT INTO "page" VALUES(3,0,'text',NULL,'','The VX-4420 pump weighs 84 kilograms without its motor.',0,0,0);
CREATE TABLE problem (
    root INTEGER NOT NULL REFERENCES root (id),
    source TEXT NOT NULL,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    reader TEXT NOT NULL,
    PRIMARY KEY (root, source)
) WITHOUT ROWID;
CREATE TABLE root (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    whole INTEGER NOT NULL
);
INSERT INTO "root" VALUES(1,'documents:',0);
CREATE TABLE tombstone (
    chunk INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
);
CREATE TABLE turn (
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (conversation, ordinal)
) WITHOUT ROWID;
INSERT INTO "turn" VALUES(5,1,'2026-11-22T10:43:47+00:00','How many days of annual leave does everybody have?','{"query": "", "text": "“Everybody has 28 days of annual leave in each calendar year.” [1]", "passages": [[[2], 0.7254718542098999, 0.6244022846221924, 4.350170612335205], [[4], 0.0, 0.19141483306884766, 0.0]], "citations": [[1, 0, 0, 60]], "statements": [{"text": "“Everybody has 28 days of annual leave in each calendar year.” [1]", "start": 0, "end": 66, "citations": [1], "verdict": "supported", "reasons": []}], "abstention": null, "model": null, "model_digest": "", "model_choice": "", "incomplete": false, "dropped": 0, "invented": [], "notice": "No model: no model server answers at http://127.0.0.1:9; start one with: ollama serve (and get a model once with: ollama pull llama3.2)", "usage": null}');
INSERT INTO "turn" VALUES(5,2,'2026-11-22T10:43:47+00:00','Xylophone zither quarks?','{"query": "", "text": "Nothing in the documents answers this.", "passages": [[[4], 0.5400000214576721, 0.010604232549667358, 0.0], [[2], 0.0, 0.004316582344472408, 0.0]], "citations": [], "statements": [], "abstention": "far", "model": null, "model_digest": "", "model_choice": "", "incomplete": false, "dropped": 0, "invented": [], "notice": "", "usage": null}');
CREATE TABLE vector (
    chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);
INSERT INTO "vector" VALUES(2,X'791979197919791979197919791979193CB479193CB4791979197919791979193CB479193CB4513479195134513479197919791979197919791979197919791979197919513479197919791979197919791979197919791979194C383CB4791979197919791979197919791979197919791979193CB479197919791979197919');
INSERT INTO "vector" VALUES(4,X'A8197734A819A819A81960B4A819A819A819A819A819A819A819A819A819A8197734A8197734A819A819A8197734A819A819A819A819A819A819A8197138A819A81960B47734A819A819A819A819A819A819A819A819A819A819A81960B4A819A819A819A819A819A819A819A819A819A819A819A819A8197734A819A819A819');
CREATE INDEX document_label ON document (label);
CREATE INDEX chunk_document ON chunk (document, ordinal);
CREATE INDEX chunk_digest ON chunk (digest);
COMMIT;
