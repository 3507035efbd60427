"""The process that reads files: it may be killed, starved or crash without harm to its parent.

Started as `python -m ragkit_ingest.process.worker`. It takes JSON requests, one a line, on
standard input and answers each with one line: {"digest", "document", "chunks"} to a request for a
"document", {"digest", "picture"} to one for a "page", or {"digest", "reason", "detail"}.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import signal
import stat
import sys
from dataclasses import dataclass, field
from typing import Any

from ragkit_ingest.chunk import ChunkSettings, TokenCounter, chunk_document
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.process.limits import too_large
from ragkit_ingest.process.wire import pack_chunks, pack_document, pack_picture
from ragkit_ingest.scan import FileState, file_state
from ragkit_ingest.tokens import Tokenizer

_READ_BLOCK = 1 << 20
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events (docs.python.org/3/library/audit_events) of what no reader has to do: talk to a
# network, start a program, change what is on the disk.
_FORBIDDEN = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    *("os.startfile", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink"),
    *("os.truncate", "os.chmod", "os.chown", "os.utime", "os.kill", "shutil.", "tempfile."),
    *("urllib.", "ftplib.", "http.", "smtplib.", "webbrowser."),
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file's bytes, their SHA-256, and the file's state before they were read."""

    state: FileState
    data: bytes
    digest: str


@dataclass(slots=True)
class _Kept:
    """What serves again: tokenizers by their files, and the file of which a page was drawn last."""

    counters: dict[str, TokenCounter] = field(default_factory=dict)
    shown: _File | None = None


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    _silence()
    _fence(int(sys.argv[1]))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the other cores are for embedding
    kept = _Kept()
    for line in sys.stdin:
        request = json.loads(line)
        _allow_seconds(request["seconds"])
        answers.write(json.dumps(_answer(request, kept), ensure_ascii=True))
        answers.write("\n")
        answers.flush()


def _silence() -> None:
    """What a library prints is neither an answer nor fit for a user's terminal."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def _fence(memory: int) -> None:
    """Cap memory, write no files, leave no core dump, open no connection, start no program."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent

    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    if writes or event.startswith(_FORBIDDEN):
        raise PermissionError(f"a reader may not do this: {event}")


def _allow_seconds(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(request: dict[str, Any], kept: _Kept) -> dict[str, Any]:
    digest = ""
    try:
        draws = request["kind"] == "page"
        file = _shown(request, kept) if draws else _file(request)
        digest = file.digest
        found = _draw(request, file) if draws else _document(request, file, kept.counters)
        return {"digest": digest, **found}
    except Exception as error:  # whatever a parser makes of a hostile file is that file's problem
        reason, detail = _blame(error)
        return {"digest": digest, "reason": reason, "detail": detail}


def _blame(error: Exception) -> tuple[Reason, str]:
    match error:
        case ReadError():
            return error.reason, error.detail
        case MemoryError():
            return Reason.OUT_OF_MEMORY, "more memory than a file is given"
        case RecursionError():
            return Reason.CORRUPT, "nested too deeply"
        case OSError():
            return Reason.UNREADABLE, error.strerror or str(error)
    return Reason.CORRUPT, f"{type(error).__name__}: {error}"[:200]


def _document(
    request: dict[str, Any], file: _File, counters: dict[str, TokenCounter]
) -> dict[str, Any]:
    document = _parse(file.data, request["source"], request["max_characters"])
    tokenizer = request["tokenizer"]
    if tokenizer is None:
        return {"size": len(file.data), "document": pack_document(document, blocks=True)}
    if tokenizer not in counters:
        counters[tokenizer] = Tokenizer(tokenizer).counts
    settings = ChunkSettings(**request["settings"])
    chunks = chunk_document(document, request["source"], counters[tokenizer], settings)
    return {
        "size": len(file.data),
        "document": pack_document(document, blocks=False),
        "chunks": pack_chunks(chunks),
    }


def _draw(request: dict[str, Any], file: _File) -> dict[str, Any]:
    from ragkit_ingest.readers.pdf_image import draw_page

    wanted = (request[name] for name in ("page", "start", "end", "quote", "width", "highlights"))
    return {"picture": pack_picture(draw_page(file.data, *wanted))}


def _file(request: dict[str, Any]) -> _File:
    state = file_state(request["path"])
    data = _read(request["path"], request["max_bytes"])
    return _File(state, data, hashlib.sha256(data).hexdigest())


def _shown(request: dict[str, Any], kept: _Kept) -> _File:
    """The file of the page before, if it is the same still: turning a page need not read it."""
    if kept.shown is None or kept.shown.state != file_state(request["path"]):
        kept.shown = None  # its memory first
        kept.shown = _file(request)
    return kept.shown


def _read(path: str, limit: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise ReadError(Reason.NOT_A_FILE)
        if info.st_size > limit:
            raise too_large(info.st_size, limit)
        blocks = []
        size = 0
        while block := os.read(descriptor, _READ_BLOCK):
            size += len(block)
            if size > limit:
                raise too_large(size, limit)
            blocks.append(block)
        return b"".join(blocks)
    finally:
        os.close(descriptor)


def _parse(data: bytes, source: str, max_characters: int) -> Document:
    from ragkit_ingest.dispatch import read_document

    document = read_document(data, source)
    characters = sum(len(page.text) for page in document.pages)
    if characters > max_characters:
        raise ReadError(
            Reason.TOO_LARGE,
            f"{characters / 1e6:.0f} million characters of text, the limit is "
            f"{max_characters / 1e6:.0f} million; split it",
        )
    return document


if __name__ == "__main__":
    main()
