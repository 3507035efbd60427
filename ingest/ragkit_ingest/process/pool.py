"""Drives reader processes: a file that hangs, crashes or exhausts one becomes a FileError."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragkit_ingest.chunk import Chunk, ChunkSettings
from ragkit_ingest.model import Document, FileError, Reason
from ragkit_ingest.process.limits import OUT_OF_MEMORY, FileLimits
from ragkit_ingest.process.wire import unpack_chunks, unpack_document, unpack_picture
from ragkit_ingest.readers.pdf_image import PagePicture


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a reader process read from one opening of a file.

    `digest` is the SHA-256 of its `size` bytes. `chunks` is None if it was not chunked.
    """

    digest: bytes
    size: int
    document: Document
    chunks: list[Chunk] | None


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """The picture of a page, and the SHA-256 of the file that it was drawn from."""

    digest: bytes
    picture: PagePicture


class ReaderProcess:
    """A child process that reads files one after the other; it restarts after a file killed it.

    With a `tokenizer` file it also cuts documents into chunks, by `settings`. Not thread-safe,
    except for `kill`.
    """

    def __init__(
        self,
        limits: FileLimits,
        *,
        tokenizer: Path | None = None,
        settings: ChunkSettings | None = None,
    ) -> None:
        self._limits = limits
        self._options: dict[str, Any] = {
            "max_characters": limits.max_characters,
            "tokenizer": str(tokenizer) if tokenizer else None,
            "settings": asdict(settings or ChunkSettings()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""

    def read(self, path: str, source: str) -> ReadFile | FileError:
        """Read the file at `path`, whose source path is `source`.

        Returns a FileError if the file cannot be read: with the reason of the reader's ReadError,
        or TIMED_OUT, OUT_OF_MEMORY, CRASHED or UNREADABLE.
        """
        answer = self._ask("document", path, source, {**self._options, "source": source})
        return answer if isinstance(answer, FileError) else _unpack_file(answer)

    def draw_page(
        self,
        path: str,
        page: int,
        *,
        start: int,
        end: int,
        quote: str,
        width: int,
        highlights: Sequence[tuple[int, int]] = (),
    ) -> RenderedPage | FileError:
        """Draw a page of a PDF; see `pdf_image.draw_page` for the arguments.

        Returns a FileError, with `path` as its source, if the page cannot be drawn.
        """
        wanted = {
            "page": page,
            "start": start,
            "end": end,
            "quote": quote,
            "width": width,
            "highlights": list(highlights),
        }
        answer = self._ask("page", path, path, wanted)
        if isinstance(answer, FileError):
            return answer
        return RenderedPage(bytes.fromhex(answer["digest"]), unpack_picture(answer["picture"]))

    def _ask(
        self, kind: str, path: str, source: str, wanted: dict[str, Any]
    ) -> dict[str, Any] | FileError:
        """Send a request to the child and return its answer or the error."""
        process = self._process or self._start()
        limits = {"max_bytes": self._limits.max_bytes, "seconds": self._limits.seconds}
        request = json.dumps({"kind": kind, "path": path, **limits, **wanted})
        assert process.stdin is not None
        try:
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._receive(process))
        except (BrokenPipeError, EOFError):
            return self._explain_death(process, kind, source)
        except TimeoutError:
            self.close()
            return self._time_out(kind, source, "s")
        if "reason" in answer:
            digest = bytes.fromhex(answer["digest"])
            return FileError(source, Reason(answer["reason"]), answer["detail"], digest)
        return answer

    def kill(self) -> None:
        """Kill the child from another thread; a read in progress returns a FileError."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Kill the child, if there is one; the next read starts a new one."""
        process, self._process, self._buffer = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close_quietly(pipe)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        search = os.pathsep.join(entry for entry in sys.path if entry)
        environment["PYTHONPATH"] = search
        self._process = subprocess.Popen(  # noqa: S603  our own module, no shell
            [sys.executable, "-m", "ragkit_ingest.process.worker", str(self._limits.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent alone
        )
        return self._process

    def _receive(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        deadline = time.monotonic() + self._limits.seconds
        parts = [self._buffer]
        while b"\n" not in parts[-1]:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
            data = os.read(descriptor, 1 << 20)
            if not data:
                raise EOFError
            parts.append(data)
        line, _, self._buffer = b"".join(parts).partition(b"\n")
        return line

    def _explain_death(self, process: subprocess.Popen[bytes], kind: str, source: str) -> FileError:
        code = process.wait()
        self.close()
        if code == -signal.SIGXCPU:
            return self._time_out(kind, source, "s of processor time")
        if code == -signal.SIGKILL:  # the kernel kills a process if memory is short
            detail = "the system stopped the reader process, usually for lack of memory"
            return FileError(source, Reason.OUT_OF_MEMORY, f"{detail}; use fewer workers")
        if code == -signal.SIGABRT:  # how C++ ends when it gets no memory
            return FileError(source, Reason.OUT_OF_MEMORY, OUT_OF_MEMORY)
        how = signal.strsignal(-code) if code < 0 else f"status {code}"
        detail = f"the reader process ended: {how}; the file may be damaged, save it again"
        return FileError(source, Reason.CRASHED, detail)

    def _time_out(self, kind: str, source: str, unit: str) -> FileError:
        detail = f"it took more than {self._limits.seconds} {unit} and was stopped"
        if kind == "document":
            detail += "; split the file or raise timeout"
        return FileError(source, Reason.TIMED_OUT, detail)


def _close_quietly(pipe: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _unpack_file(answer: dict[str, Any]) -> ReadFile:
    digest = bytes.fromhex(answer["digest"])
    chunks = unpack_chunks(answer["chunks"]) if "chunks" in answer else None
    return ReadFile(digest, answer["size"], unpack_document(answer["document"]), chunks)
