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
INSERT INTO "audit" VALUES(1,'2026-11-22T13:57:07.641+00:00','os:ana','document.add','leave.txt','{"chunks": 1, "digest": "a472cad045a7293ee93079f164c430915b5ecf98e3c9d3927cc47d0003a03f8d"}',X'0000000000000000000000000000000000000000000000000000000000000000',X'702B9E950CAC234AD876DD147E9A1BE5F1857866288113F24D04CE58BA22C650');
INSERT INTO "audit" VALUES(2,'2026-11-22T13:57:07.646+00:00','os:ana','document.add','pumps.txt','{"chunks": 1, "digest": "7f5d659c3de73d49d27f39ef827aa13eee9ead9a67b8e18227ec21268014aa97"}',X'702B9E950CAC234AD876DD147E9A1BE5F1857866288113F24D04CE58BA22C650',X'C91C3C6C52C0226BB256728D6A74CDC46FB57FC9439CA2DCD37FC2EDD1B7F3D0');
INSERT INTO "audit" VALUES(3,'2026-11-22T13:57:08.095+00:00','os:ana','document.replace','leave.txt','{"chunks": 1, "digest": "36cdf8321e68ed0fbce8be9ad1cf7730c9f8dcd68132cea77632f12d1434048c"}',X'C91C3C6C52C0226BB256728D6A74CDC46FB57FC9439CA2DCD37FC2EDD1B7F3D0',X'AF2257488E3B2EED2C29F59A1104A3822A4E9F7581FDC873975CD72A82C7FAD7');
INSERT INTO "audit" VALUES(4,'2026-11-22T13:57:08.125+00:00','os:ana','document.rename','cellar.txt','{"from": "pumps.txt"}',X'AF2257488E3B2EED2C29F59A1104A3822A4E9F7581FDC873975CD72A82C7FAD7',X'85F7B5E14EC6DE0F6313704DB1C1A6D41856A71FF516BD753D5F94D78900D270');
INSERT INTO "audit" VALUES(5,'2026-11-22T13:57:08.576+00:00','os:ana','document.refuse','empty.txt','{"reason": "empty"}',X'85F7B5E14EC6DE0F6313704DB1C1A6D41856A71FF516BD753D5F94D78900D270',X'3DD8AA4A45B62B23D2789367C4B1D5752EB56217A2BDE63642EA1041C8E5FDB5');
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
INSERT INTO "chunk" VALUES(4,3,0,0,NULL,0,47,'cellar','[]','','The pump in cellar two is serviced every March.',X'4461AD31F17453B51ED3292D73BF4E9E');
INSERT INTO "chunk" VALUES(7,6,0,0,NULL,0,72,'leave','[]','','Everybody has 30 days of annual leave a year, and two more at Christmas.',X'F78E31D4114EDB49DB12EF1A453CC52D');
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    started TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT ''
);
INSERT INTO "conversation" VALUES(5,'user:ana','2026-11-22T13:57:07+00:00','');
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
    readable_pages INTEGER NOT NULL DEFAULT 0,
    UNIQUE (root, source)
);
INSERT INTO "document" VALUES(3,1,'cellar.txt',X'7F5D659C3DE73D49D27F39EF827AA13EEE9EAD9A67B8E18227EC21268014AA97',47,'text','',1,'{}','[]',4,4,'2026-11-22T13:57:07+00:00',1);
INSERT INTO "document" VALUES(6,1,'leave.txt',X'36CDF8321E68ED0FBCE8BE9AD1CF7730C9F8DCD68132CEA77632F12D1434048C',72,'text','',1,'{}','[]',7,7,'2026-11-22T13:57:08+00:00',1);
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
INSERT INTO "generation" VALUES(1,'dense-000001-51fecba4.faiss','flat',4,4,2,398,'51fecba45e3786d7cd0e831d07a2ba4baec659417967bf4bdc787d3129b1021a','1795355827707071988:4147542');
CREATE TABLE journal (
    seq INTEGER NOT NULL,
    operation TEXT NOT NULL,
    document INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (seq, document)
) WITHOUT ROWID;
INSERT INTO "journal" VALUES(3,'add',1,'leave.txt');
INSERT INTO "journal" VALUES(4,'add',3,'pumps.txt');
INSERT INTO "journal" VALUES(5,'remove',1,'leave.txt');
INSERT INTO "journal" VALUES(5,'add',6,'leave.txt');
INSERT INTO "journal" VALUES(6,'change',3,'cellar.txt');
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
INSERT INTO "meta" VALUES('format','3');
INSERT INTO "meta" VALUES('identity','{"chunks": {"header_tokens": 16, "max_tokens": 64}, "embedder": {"dimension": 64, "document_prompt": "", "max_tokens": 64, "name": "hashing-1", "query_prompt": "", "weights_sha256": ""}, "floor": 0.058, "metric": "cosine"}');
INSERT INTO "meta" VALUES('next_id','8');
INSERT INTO "meta" VALUES('seq','7');
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
INSERT INTO "page" VALUES(3,0,'text',NULL,'','The pump in cellar two is serviced every March.',0,0,0);
INSERT INTO "page" VALUES(6,0,'text',NULL,'','Everybody has 30 days of annual leave a year, and two more at Christmas.',0,0,0);
CREATE TABLE problem (
    root INTEGER NOT NULL REFERENCES root (id),
    source TEXT NOT NULL,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    reader TEXT NOT NULL,
    PRIMARY KEY (root, source)
) WITHOUT ROWID;
INSERT INTO "problem" VALUES(1,'empty.txt',X'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855','empty','the file has no bytes','2, 120 s, 2000000000 bytes');
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
INSERT INTO "rating" VALUES(5,1,1,'','2026-11-22T13:57:07+00:00');
CREATE TABLE root (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    whole INTEGER NOT NULL
);
INSERT INTO "root" VALUES(1,'/docs',1);
CREATE TABLE tombstone (
    chunk INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
);
INSERT INTO "tombstone" VALUES(2,5);
CREATE TABLE turn (
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (conversation, ordinal)
) WITHOUT ROWID;
INSERT INTO "turn" VALUES(5,1,'2026-11-22T13:57:07+00:00','How many days of annual leave does everybody have?','{"query": "", "text": "“Everybody has 28 days of annual leave a year.” [1]", "passages": [[[2], 0.7292788624763489, 0.6751651763916016, 4.439462184906006], [[4], 0.0, 0.101091168820858, 0.0]], "citations": [[1, 0, 0, 45, []]], "statements": [{"text": "“Everybody has 28 days of annual leave a year.” [1]", "start": 0, "end": 51, "citations": [1], "verdict": "supported", "reasons": []}], "abstention": null, "model": null, "model_digest": "", "model_choice": "", "incomplete": false, "dropped": 0, "invented": [], "notice": "No model: no model server answers at http://127.0.0.1:9; start one with: ollama serve (and get a model once with: ollama pull llama3.2)", "usage": null, "first_word": 0.146, "seconds": 0.146}');
INSERT INTO "turn" VALUES(5,2,'2026-11-22T13:57:08+00:00','How many days of annual leave does everybody have now?','{"query": "", "text": "“Everybody has 30 days of annual leave a year, and two more at Christmas.” [1]", "passages": [[[7], 0.8333650827407837, 0.563045859336853, 3.297194242477417], [[4], 0.0, 0.0883842259645462, 0.0]], "citations": [[1, 0, 0, 72, []]], "statements": [{"text": "“Everybody has 30 days of annual leave a year, and two more at Christmas.” [1]", "start": 0, "end": 78, "citations": [1], "verdict": "supported", "reasons": []}], "abstention": null, "model": null, "model_digest": "", "model_choice": "", "incomplete": false, "dropped": 0, "invented": [], "notice": "No model: no model server answers at http://127.0.0.1:9; start one with: ollama serve (and get a model once with: ollama pull llama3.2)", "usage": null, "first_word": 0.007, "seconds": 0.007}');
CREATE TABLE vector (
    chunk INTEGER PRIMARY KEY REFERENCES chunk (id) ON DELETE CASCADE,
    data BLOB NOT NULL
);
INSERT INTO "vector" VALUES(4,X'E719E719E719A834E719E719E719E719E719E719E719E719E719E719E719E719E719E71990B4E719E719A834E719E719E719E719E719E719E719E719A834E719E719E719E719E719E719E719E719E719E719E719E719E719E71990B490B4E719E719E719E719E719E719E719E719E719E719A83490B4E719A238E719E719E719');
INSERT INTO "vector" VALUES(7,X'F418F418F418D033F418F418F418F418F418F418A9B3F418F418F418F418F418F418A9B3F418D033F418D033D033F418F418F418F418D033F418F418F418F418F418F418D033A9B3D033F418F418F418F418F418F418F418F418C737A9B3A9B3F418F418F418D033F418F418F418F418F418F418F418F418F418F418F418F418');
CREATE INDEX document_label ON document (label);
CREATE INDEX chunk_document ON chunk (document, ordinal);
CREATE INDEX chunk_digest ON chunk (digest);
COMMIT;
