from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit_ingest.chunk import ChunkSettings
from ragkit_ingest.model import FileError, Reason
from ragkit_ingest.process.limits import FileLimits
from ragkit_ingest.process.pool import ReaderProcess, ReadFile, RenderedPage
from tests.support.pdf_maker import Sheet, make_pdf

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
SLOW_HTML = b"<div>" * 400_000  # the parser takes minutes for what is nested so deeply


@pytest.fixture
def reader() -> Iterator[ReaderProcess]:
    process = ReaderProcess(FileLimits())
    yield process
    process.close()


def limited(**limits: int) -> ReaderProcess:
    return ReaderProcess(FileLimits(**limits))


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def refused(outcome: ReadFile | FileError) -> tuple[str, str]:
    assert isinstance(outcome, FileError)
    return outcome.reason, outcome.detail


def text_of(outcome: ReadFile | FileError) -> str:
    assert isinstance(outcome, ReadFile)
    return outcome.document.pages[0].text.strip()


def children() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(number) for path in listed for number in path.read_text().split()}


def test_every_example_is_read_inside_the_fence(reader: ReaderProcess) -> None:
    kinds = set()
    for path in sorted(EXAMPLES.rglob("*.*")):
        outcome = reader.read(str(path), path.relative_to(EXAMPLES).as_posix())
        assert isinstance(outcome, ReadFile), outcome
        assert outcome.size == path.stat().st_size
        assert outcome.chunks is None
        kinds.add(outcome.document.kind)
    assert kinds >= {"pdf", "docx", "xlsx", "pptx", "html", "markdown", "csv", "eml", "text"}


def test_with_a_tokenizer_the_chunks_come_along(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    path = write(tmp_path / "a.txt", b"One two three four. Five six seven eight.\n" * 5)
    process = ReaderProcess(
        FileLimits(),
        tokenizer=tmp_path / "tokenizer.json",
        settings=ChunkSettings(max_tokens=24, header_tokens=4),
    )
    outcome = process.read(path, "a.txt")
    process.close()
    assert isinstance(outcome, ReadFile)
    page = outcome.document.pages[0]
    assert outcome.chunks
    assert len(outcome.chunks) > 1
    assert [c.ordinal for c in outcome.chunks] == list(range(len(outcome.chunks)))
    assert page.text[outcome.chunks[0].start :].startswith("One two")
    assert page.text[: outcome.chunks[-1].end].endswith("seven eight.")


def test_file_that_takes_too_long_is_stopped_and_the_next_one_read(tmp_path: Path) -> None:
    slow, good = write(tmp_path / "slow.html", SLOW_HTML), write(tmp_path / "good.txt", b"Good.")
    process = limited(seconds=1)
    started = time.monotonic()
    assert refused(process.read(slow, "slow.html")) == (
        Reason.TIMED_OUT,
        "it took more than 1 s and was stopped; split the file or raise timeout",
    )
    assert time.monotonic() - started < 3
    assert text_of(process.read(good, "good.txt")) == "Good."
    process.close()


def test_file_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    big, good = tmp_path / "big.txt", write(tmp_path / "good.txt", b"Good.")
    with big.open("wb") as file:
        file.truncate(190_000_000)
    process = limited(memory=250_000_000)
    assert refused(process.read(str(big), "big.txt"))[0] is Reason.OUT_OF_MEMORY
    assert text_of(process.read(good, "good.txt")) == "Good."
    process.close()


@pytest.mark.parametrize(
    ("sent", "reason", "detail"),
    [
        (signal.SIGSEGV, Reason.CRASHED, "the reader process ended: Segmentation fault"),
        (signal.SIGABRT, Reason.OUT_OF_MEMORY, "reading needs more memory than a file may use"),
        (
            signal.SIGKILL,
            Reason.OUT_OF_MEMORY,
            "the system stopped the reader process, usually for lack of memory",
        ),
        (
            signal.SIGXCPU,
            Reason.TIMED_OUT,
            "it took more than 60 s of processor time and was stopped",
        ),
    ],
)
def test_death_of_the_reader_is_named_and_the_next_file_read(
    tmp_path: Path, sent: signal.Signals, reason: Reason, detail: str
) -> None:
    slow, good = write(tmp_path / "slow.html", SLOW_HTML), write(tmp_path / "good.txt", b"Good.")
    process = limited(seconds=60)
    before = children()
    process.read(good, "good.txt")
    (child,) = children() - before
    threading.Timer(0.3, os.kill, (child, sent)).start()
    found, text = refused(process.read(slow, "slow.html"))
    assert (found, text.partition(";")[0]) == (reason, detail)
    assert text_of(process.read(good, "good.txt")) == "Good."
    process.close()


def test_a_page_that_takes_too_long_is_stopped_and_the_next_one_drawn(tmp_path: Path) -> None:
    fills = [(0, 0, 595, 842, 0.9)] * 50_000  # each takes milliseconds
    slow = write(tmp_path / "slow.pdf", make_pdf([Sheet(boxes=fills)]))
    good = write(tmp_path / "good.pdf", make_pdf([Sheet(["Good."])]))
    process = limited(seconds=1)

    def draw(path: str, start: int, end: int, quote: str) -> RenderedPage | FileError:
        return process.draw_page(path, 0, start=start, end=end, quote=quote, width=3000)

    outcome = draw(slow, 0, 0, "")
    assert isinstance(outcome, FileError)
    assert outcome.reason is Reason.TIMED_OUT
    drawn = draw(good, 0, 5, "Good.")
    assert isinstance(drawn, RenderedPage)
    assert drawn.digest == hashlib.sha256(Path(good).read_bytes()).digest()
    assert (drawn.picture.width, len(drawn.picture.boxes)) == (3000, 1)
    process.close()


def test_kill_ends_a_read_from_another_thread(tmp_path: Path) -> None:
    process = limited(seconds=60)
    threading.Timer(0.5, process.kill).start()
    started = time.monotonic()
    assert isinstance(process.read(write(tmp_path / "a.html", SLOW_HTML), "a.html"), FileError)
    assert time.monotonic() - started < 5
    process.close()


def test_sizes_are_limited_before_and_after_reading(tmp_path: Path) -> None:
    process = limited(max_bytes=1_000_000, max_characters=500_000)
    large, long = (
        write(tmp_path / "a.txt", b"x" * 1_000_001),
        write(tmp_path / "b", b"x " * 300_000),
    )
    assert refused(process.read(large, "a.txt")) == (
        Reason.TOO_LARGE,
        "the file has 1 MB and the limit is 1 MB; split it or raise max_file_mb",
    )
    assert refused(process.read(long, "b.txt"))[0] is Reason.TOO_LARGE
    process.close()


def test_zip_bomb_is_refused_by_its_directory(tmp_path: Path, reader: ReaderProcess) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("word/document.xml", b"A" * 30_000_000)
    assert refused(reader.read(str(path), "bomb.docx"))[0] is Reason.TOO_LARGE


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, reader: ReaderProcess) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert refused(reader.read(str(tmp_path / "pipe.txt"), "pipe.txt"))[0] is Reason.NOT_A_FILE
    assert refused(reader.read(str(tmp_path), "folder"))[0] is Reason.NOT_A_FILE
    assert refused(reader.read("/dev/zero", "zero"))[0] is Reason.NOT_A_FILE


def test_file_that_vanished_is_unreadable(tmp_path: Path, reader: ReaderProcess) -> None:
    assert refused(reader.read(str(tmp_path / "gone.txt"), "gone.txt")) == (
        Reason.UNREADABLE,
        "No such file or directory",
    )


def test_file_that_grows_is_read_once(tmp_path: Path, reader: ReaderProcess) -> None:
    path = tmp_path / "grows.log"
    path.write_bytes(b"line\n" * 1000)
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.002):
                file.write(b"line\n" * 100)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        outcomes = [reader.read(str(path), "grows.log") for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    for outcome in outcomes:
        assert isinstance(outcome, ReadFile)
        assert len(outcome.document.pages[0].text) == outcome.size


def test_names_of_any_bytes_reach_the_reader(tmp_path: Path, reader: ReaderProcess) -> None:
    for name in (b"\xff\xfe.txt", b"a\nb.txt", "\N{GRINNING FACE}.txt".encode()):
        path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
        Path(path).write_bytes(b"Good.")
        assert text_of(reader.read(path, "name.txt")) == "Good."


# A worker with a reader that misbehaves; the file's text says how.
STAND_IN = """
import os, sys
from ragkit_ingest import dispatch
from ragkit_ingest.process import worker

honest = dispatch.read_document

def hostile(data, name):
    if data.startswith(b"do "):
        exec(data[3:].decode(), {})
    return honest(data, name)

dispatch.read_document = hostile
worker.main()
"""


@pytest.fixture(scope="module")
def stand_in() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", STAND_IN, "2000000000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def answer(process: subprocess.Popen[bytes], path: Path, code: str) -> dict[str, object]:
    path.write_text(f"do {code}")
    limits = {"max_bytes": 10**6, "max_characters": 10**6, "seconds": 20}
    wanted = {"kind": "document", "source": "a.txt", "tokenizer": None, "settings": {}}
    request = {**limits, **wanted, "path": str(path)}
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


@pytest.mark.parametrize(
    "code",
    [
        "print('noise')",
        "import os; os.write(1, b'{}\\n'); os.write(2, b'noise')",
        "import sys; sys.stderr.write('noise'); sys.stdout.write('{}'); sys.stdout.flush()",
        "import os; os.system",
    ],
)
def test_what_a_library_prints_is_no_answer(
    stand_in: subprocess.Popen[bytes], tmp_path: Path, code: str
) -> None:
    assert "document" in answer(stand_in, tmp_path / "a.txt", code)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.kill(os.getppid(), 0)",
        "open('{victim}', 'w')",
        "open('{victim}', 'ab')",
        "open('{victim}-new', 'x')",
        "import os; os.open('{victim}', os.O_WRONLY)",
        "import os; os.remove('{victim}')",
        "import os; os.rename('{victim}', '{victim}-2')",
        "import os; os.truncate('{victim}', 0)",
        "import os; os.chmod('{victim}', 0)",
        "import os; os.mkdir('{victim}-folder')",
        "import os; os.symlink('{victim}', '{victim}-link')",
        "import tempfile; tempfile.mkstemp(dir='.')",
        "import shutil; shutil.copyfile('{victim}', '{victim}-copy')",
    ],
)
def test_reader_may_not_touch_the_network_the_disk_or_other_programs(
    stand_in: subprocess.Popen[bytes], tmp_path: Path, code: str
) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("untouched")
    found = answer(stand_in, tmp_path / "a.txt", code.replace("{victim}", str(victim)))
    assert found["reason"] == Reason.UNREADABLE
    assert str(found["detail"]).startswith("readers may not do this: ")
    assert victim.read_text() == "untouched"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "victim.txt"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise MemoryError", Reason.OUT_OF_MEMORY),
        ("bytearray(3_000_000_000)", Reason.OUT_OF_MEMORY),
        ("f = lambda: f()\nglobals()['f'] = f\nf()", Reason.CORRUPT),
        ("raise KeyError('x')", Reason.CORRUPT),
        ("raise LookupError('\\udcff')", Reason.CORRUPT),
    ],
)
def test_what_a_parser_raises_is_the_files_problem(
    stand_in: subprocess.Popen[bytes], tmp_path: Path, code: str, reason: Reason
) -> None:
    assert answer(stand_in, tmp_path / "a.txt", code)["reason"] == reason
