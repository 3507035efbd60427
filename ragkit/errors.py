"""Every error that ragkit raises.

RagkitError
├── ConfigError             a setting is unknown or invalid
├── StoreError              the knowledge base on disk
│   ├── StoreMissing        there is no knowledge base
│   ├── NotAKnowledgeBase   the directory is something else, or has another format
│   ├── StoreLocked         another process is writing
│   ├── StoreMismatch       another embedder, or other chunk settings
│   ├── StoreFull           no space left on the device
│   └── StoreDamaged        the database cannot be read
├── EmbedderError           the embedder is damaged, or returns invalid vectors
│   └── EmbedderMissing     the embedder is not on this machine
├── RerankerError           the reranker is damaged, of another kind, or returns invalid scores
│   └── RerankerMissing     the reranker is not on this machine
├── AccessDenied            access control is on, and no principal was named
├── ClockSkewError          the clock may have jumped
├── MissingExtra            an optional library is not installed
├── NetworkRefused          code tried to reach another machine
├── SchemaError             the schema of an answer is invalid
├── SourceError             a path, document, page, conversation or turn does not exist
│   └── DocumentOnHold      the document is on legal hold
└── ModelError              the language model
    ├── ModelUnreachable    no model server answers
    ├── ModelNotFound       the server does not have the model
    ├── ModelRefused        a cloud model, or a request that the server rejects
    │   └── ContextOverflow the prompt is longer than the model's context
    └── ModelFailed         the server or the model failed
        ├── ModelLoadFailed the server cannot load the model
        ├── ModelBusy       the server has too many requests
        ├── PromptTruncated the model did not read the whole prompt
        ├── SchemaMismatch  the reply does not conform to the schema
        └── StreamBroken    the answer broke off

A message says what is wrong, what was expected, and what to do.
"""

from __future__ import annotations


class RagkitError(Exception):
    """The base class of all errors that ragkit raises."""


class ConfigError(RagkitError):
    """A setting is unknown or invalid. Correct ragkit.toml, the variable or the argument."""


class StoreError(RagkitError):
    """Raised when the knowledge base on disk cannot be read or written as asked."""


class StoreMissing(StoreError):
    """There is no knowledge base where one was expected. Create it with `ragkit ingest`."""


class NotAKnowledgeBase(StoreError):
    """The directory is not a knowledge base, or has another format.

    Name another directory. For another format, ingest the documents again into a new one.
    """


class StoreLocked(StoreError):
    """Another process is writing to the knowledge base. Try again when it is done."""


class StoreMismatch(StoreError):
    """The knowledge base was built with another embedder or with other chunk settings.

    Leave the embedder out to use the one it was built with, or change it: `ragkit reembed`.
    """


class StoreFull(StoreError):
    """No space is left on the device. Free some, then repeat the call; nothing is half done."""


class StoreDamaged(StoreError):
    """The database cannot be read. Run `ragkit repair`, or restore a backup."""


class EmbedderError(RagkitError):
    """The embedder is damaged or returns invalid vectors. Install it again, or use another one."""


class EmbedderMissing(EmbedderError):
    """The embedder's model is not on this machine. Install it; ragkit downloads nothing."""


class RerankerError(RagkitError):
    """The reranker is damaged, is something else, or returns invalid scores. Use another one."""


class RerankerMissing(RerankerError):
    """The reranker is not on this machine. Download it yourself; ragkit downloads nothing."""


class AccessDenied(RagkitError):
    """Access control is on, and no principal was named, or nobody may do this.

    Use `KnowledgeBase.as_principal`, or `--as` on the command line.
    """


class ClockSkewError(RagkitError):
    """Documents would be erased for their age, but the clock may have jumped. Check the clock."""


class MissingExtra(RagkitError):
    """An optional library is not installed. The message has the pip command."""


class NetworkRefused(RagkitError):
    """Code tried to reach a machine other than this one and those that the settings name.

    See `restrict_network`. This is not an OSError: libraries take that for a network that is down,
    and try again or stay silent.
    """


class SchemaError(RagkitError):
    """The schema of an answer is not a JSON schema, or refers to another document. Correct it."""


class SourceError(RagkitError):
    """A path cannot be ingested, or something with this name or id does not exist.

    It is the same error whether a document does not exist or the principal cannot access it.
    """


class DocumentOnHold(SourceError):
    """The document is on legal hold and cannot be removed or replaced. Release it first."""


class ModelError(RagkitError):
    """Raised when the language model cannot answer."""


class ModelUnreachable(ModelError):
    """No model server answers. Start it, or correct its address in the settings."""


class ModelNotFound(ModelError):
    """The model server does not have the model. Pull it, or name another one."""


class ModelRefused(ModelError):
    """The model runs in the cloud, or the server rejects the request. Use another model."""


class ContextOverflow(ModelRefused):
    """The prompt is longer than the model's context. Raise `num_ctx`, or ask for fewer passages."""


class ModelFailed(ModelError):
    """The model server failed. Look at its log, then try again."""


class ModelLoadFailed(ModelFailed):
    """The server cannot load the model. Use a smaller model, or update the server."""


class ModelBusy(ModelFailed):
    """The server has too many requests. Try again in a moment."""


class PromptTruncated(ModelFailed):
    """The model did not read the whole prompt, or dropped a part of it while it answered.

    Update Ollama, raise `num_ctx`, or ask for fewer passages.
    """


class SchemaMismatch(ModelFailed):
    """The reply is not JSON, or does not conform to the schema. Ask again, or use another model."""


class StreamBroken(ModelFailed):
    """The answer broke off, or the server stopped sending. Ask again."""
