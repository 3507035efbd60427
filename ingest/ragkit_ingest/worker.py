"""The process that reads files: it may be killed, starved or crash without harm to its parent.

Started as `python -m ragkit_ingest.worker`. It takes JSON requests, one a line, on standard input
and answers each with a line of its own: {"digest", "document", "chunks"} or {"reason", "detail"}.
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
from typing import Any

from ragkit_ingest.chunk import ChunkSettings, TokenCounter, chunk_document
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.tokens import Tokenizer
from ragkit_ingest.wire import pack_chunks, pack_document

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


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    _silence()
    _fence(int(sys.argv[1]))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the other cores are for embedding
    counters: dict[str, TokenCounter] = {}
    for line in sys.stdin:
        request = json.loads(line)
        _allow_seconds(request["seconds"])
        answers.write(json.dumps(_answer(request, counters), ensure_ascii=True))
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


def _answer(request: dict[str, Any], counters: dict[str, TokenCounter]) -> dict[str, Any]:
    digest = ""
    try:
        data = _read(request["path"], request["max_bytes"])
        digest = hashlib.sha256(data).hexdigest()
        document = _parse(data, request["source"], request["max_characters"])
        tokenizer = request.get("tokenizer")
        if tokenizer is None:
            return {
                "digest": digest,
                "size": len(data),
                "document": pack_document(document, blocks=True),
            }
        if tokenizer not in counters:
            counters[tokenizer] = Tokenizer(tokenizer).counts
        settings = ChunkSettings(**request["settings"])
        chunks = chunk_document(document, request["source"], counters[tokenizer], settings)
        return {
            "digest": digest,
            "size": len(data),
            "document": pack_document(document, blocks=False),
            "chunks": pack_chunks(chunks),
        }
    except ReadError as error:
        return {"digest": digest, "reason": error.reason, "detail": error.detail}
    except MemoryError:
        return {
            "digest": digest,
            "reason": Reason.OUT_OF_MEMORY,
            "detail": "more memory than a file is given",
        }
    except RecursionError:
        return {"digest": digest, "reason": Reason.CORRUPT, "detail": "nested too deeply"}
    except OSError as error:
        return {
            "digest": digest,
            "reason": Reason.UNREADABLE,
            "detail": error.strerror or str(error),
        }
    except Exception as error:  # whatever a parser makes of a hostile file is that file's problem
        detail = f"{type(error).__name__}: {error}"[:200]
        return {"digest": digest, "reason": Reason.CORRUPT, "detail": detail}


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


def too_large(size: int, limit: int) -> ReadError:
    return ReadError(
        Reason.TOO_LARGE,
        f"{size / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB (setting max_file_mb)",
    )


def _parse(data: bytes, source: str, max_characters: int) -> Document:
    from ragkit_ingest.read import read_document

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
