"""The reader process: parses files in a sandbox, so that a hostile file cannot harm its parent.

`ReaderProcess` starts it as `python -m ragkit_ingest.process.worker MEMORY`. It reads JSON
requests from standard input, one a line, and answers each with one line: {"digest", "size",
"document", "chunks"} to a request for a "document", {"digest", "picture"} to one for a "page", or
{"digest", "reason", "detail"} if the file cannot be read.
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

from ragkit_ingest.chunk import ChunkSettings, chunk_document
from ragkit_ingest.chunk_units import TokenCounter
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.process.limits import OUT_OF_MEMORY, too_large
from ragkit_ingest.process.wire import pack_chunks, pack_document, pack_picture
from ragkit_ingest.scan import FileState, file_state
from ragkit_ingest.tokens import Tokenizer

_READ_BLOCK = 1 << 20
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events (docs.python.org/3/library/audit_events) of what a reader never needs: the network,
# other programs, changes on the disk.
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
class _Cache:
    """What is used again: tokenizers by file, and the file of which a page was drawn last."""

    counters: dict[str, TokenCounter] = field(default_factory=dict)
    shown: _File | None = None


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    _silence()
    _sandbox(int(sys.argv[1]))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the other cores are for embedding
    cache = _Cache()
    for line in sys.stdin:
        request = json.loads(line)
        _allow_seconds(request["seconds"])
        answers.write(json.dumps(_answer(request, cache), ensure_ascii=True))
        answers.write("\n")
        answers.flush()


def _silence() -> None:
    """Discard what libraries print: it is not an answer, and the terminal is the user's."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def _sandbox(memory: int) -> None:
    """Limit memory (bytes) and forbid writing files, core dumps, connections and programs."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent
    sys.addaudithook(_forbid)


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    if writes or event.startswith(_FORBIDDEN):
        raise PermissionError(f"readers may not do this: {event}")


def _allow_seconds(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(request: dict[str, Any], cache: _Cache) -> dict[str, Any]:
    digest = ""
    try:
        draws = request["kind"] == "page"
        file = _open_shown_file(request, cache) if draws else _open_file(request)
        digest = file.digest
        found = (
            _draw_page(request, file) if draws else _read_document(request, file, cache.counters)
        )
        return {"digest": digest, **found}
    except Exception as error:  # a file that a parser fails on never ends the process
        reason, detail = _explain(error)
        return {"digest": digest, "reason": reason, "detail": detail}


def _explain(error: Exception) -> tuple[Reason, str]:
    match error:
        case ReadError():
            return error.reason, error.detail
        case MemoryError():
            return Reason.OUT_OF_MEMORY, OUT_OF_MEMORY
        case RecursionError():
            return Reason.CORRUPT, "its content is nested too deeply"
        case ImportError():
            return Reason.UNREADABLE, "a library that reads it is missing; reinstall ragkit"
        case OSError():
            return Reason.UNREADABLE, error.strerror or str(error)
    return Reason.CORRUPT, "it cannot be read: its content is damaged or of an unknown form"


def _read_document(
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


def _draw_page(request: dict[str, Any], file: _File) -> dict[str, Any]:
    from ragkit_ingest.readers.pdf_image import draw_page

    wanted = (request[name] for name in ("page", "start", "end", "quote", "width", "highlights"))
    return {"picture": pack_picture(draw_page(file.data, *wanted))}


def _open_file(request: dict[str, Any]) -> _File:
    state = file_state(request["path"])
    data = _read_bytes(request["path"], request["max_bytes"])
    return _File(state, data, hashlib.sha256(data).hexdigest())


def _open_shown_file(request: dict[str, Any], cache: _Cache) -> _File:
    """Return the file of the last page, read again only if it changed."""
    if cache.shown is None or cache.shown.state != file_state(request["path"]):
        cache.shown = None  # its memory first
        cache.shown = _open_file(request)
    return cache.shown


def _read_bytes(path: str, limit: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise ReadError(Reason.NOT_A_FILE, "a device, pipe or socket")
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
            f"the file has {characters / 1e6:.0f} million characters of text and the limit is "
            f"{max_characters / 1e6:.0f} million; split it",
        )
    return document


if __name__ == "__main__":
    main()
