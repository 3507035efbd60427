"""Every error ragkit raises.

RagkitError
├── ConfigError            a setting that is unknown or makes no sense
├── StoreError             the base on disk
│   ├── StoreMissing       there is none where one was expected
│   ├── NotAKnowledgeBase       the directory is something else, or of a format not known
│   ├── StoreLocked        another process is writing
│   ├── StoreMismatch      built by another embedder or with other chunk settings
│   ├── StoreFull          no space left on the device
│   └── StoreDamaged       the database itself cannot be read
├── EmbedderError          an embedder that is missing, damaged or answers nonsense
│   └── EmbedderMissing    the model is not on this machine
├── AccessDenied           access control is enforced and nobody was named
├── ClockSkewError          documents would be erased, but the clock may have jumped
├── MissingExtra           an optional library is not installed
├── NetworkRefused         something would have left this machine
├── SchemaError            a schema for an answer that is no JSON schema
├── SourceError            a path, document, conversation or turn that is not there
│   └── DocumentOnHold       a document that is not to go
└── ModelError             the language model
    ├── ModelUnreachable   no server answers
    ├── ModelNotFound       the server does not have the model
    ├── ModelRefused       a cloud model, a remote host, or a request the server will not take
    │   └── ContextOverflow    the prompt is longer than the model's context
    └── ModelFailed        the server failed
        ├── ModelLoadFailed    it cannot load the model
        ├── ModelBusy          too many requests wait
        ├── PromptTruncated          it read less than it was sent
        ├── SchemaMismatch     what it wrote is no JSON of the schema
        └── StreamBroken       its answer broke off

A text says what was found, what was expected and what to do.
"""

from __future__ import annotations


class RagkitError(Exception):
    """The root of all errors that ragkit raises."""


class ConfigError(RagkitError):
    """A setting is unknown or makes no sense."""


class StoreError(RagkitError):
    """Something is wrong with the base on disk."""


class StoreMissing(StoreError):
    """There is no base where one was expected."""


class NotAKnowledgeBase(StoreError):
    """The directory is not a base, or one of a format that is not known."""


class StoreLocked(StoreError):
    """Another process is writing to the base."""


class StoreMismatch(StoreError):
    """The base was built by another embedder or with other chunk settings."""


class StoreFull(StoreError):
    """No space is left on the device that holds the base."""


class StoreDamaged(StoreError):
    """The database of the base cannot be read."""


class EmbedderError(RagkitError):
    """An embedder is damaged or returns nonsense."""


class EmbedderMissing(EmbedderError):
    """The embedder's model is not on this machine."""


class AccessDenied(RagkitError):
    """Access control is enforced and the caller named nobody, or nobody may do this."""


class ClockSkewError(RagkitError):
    """Documents would be erased by their age, but the clock may have jumped."""


class MissingExtra(RagkitError):
    """An optional library is not installed."""


class NetworkRefused(RagkitError):
    """Something tried to reach what is neither this machine nor named by the settings.

    No OSError, which libraries take for a network that is down and try again, or say nothing.
    """


class SchemaError(RagkitError):
    """A schema for an answer is no JSON schema, or refers to another place."""


class SourceError(RagkitError):
    """A path cannot be ingested, or something is not in the base."""


class DocumentOnHold(SourceError):
    """A document is on hold, and not to go or to be replaced."""


class ModelError(RagkitError):
    """Something is wrong with the language model."""


class ModelUnreachable(ModelError):
    """No model server answers."""


class ModelNotFound(ModelError):
    """The model server does not have the model."""


class ModelRefused(ModelError):
    """A cloud model, a remote host, or a request that the server will not take."""


class ContextOverflow(ModelRefused):
    """The prompt is longer than the model's context."""


class ModelFailed(ModelError):
    """The model server failed."""


class ModelLoadFailed(ModelFailed):
    """The server cannot load the model."""


class ModelBusy(ModelFailed):
    """Too many requests wait for the server."""


class PromptTruncated(ModelFailed):
    """The model read less than it was sent, or forgot some of it while it answered."""


class SchemaMismatch(ModelFailed):
    """What the model wrote is no JSON, or not of the schema that was asked for."""


class StreamBroken(ModelFailed):
    """The answer broke off, or the server fell silent."""
