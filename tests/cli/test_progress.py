from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from pathlib import Path

import pytest

from ragkit import Progress
from ragkit_apps.cli.progress import print_progress
from ragkit_apps.text import format_progress
from tests.cli.conftest import LEAVE, clean, needs_model, write
from tests.cli.test_main import start


@needs_model
def test_terminal_shows_a_live_line_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(tmp_path, monkeypatch)
    write(tmp_path / "docs" / "a.txt", LEAVE)
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = start("ingest", "docs", stderr=terminal, env={**os.environ, "TERM": "xterm"})
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(controller, 4096):
            shown += block
    except OSError:  # the other side has closed it
        pass
    out, _ = process.communicate(timeout=30)
    os.close(controller)
    assert process.returncode == 0
    assert out.startswith(b"1 added")
    assert b"scanning files" in shown
    assert shown.split(b"\r")[-1].strip() == b""  # the line is erased
    assert b"\n" not in shown


def progress(**values: object) -> Progress:
    base = {"files_done": 3, "files_total": 9, "bytes_done": 50, "bytes_total": 100}
    return Progress(stage="read", pages=12, chunks=80, **{**base, "seconds": 10.0, **values})  # type: ignore[arg-type]


def test_progress_says_rate_and_time_only_when_known() -> None:
    assert (
        format_progress(progress()) == "3/9 files, 12 pages, 80 chunks, 8 chunks/s, about 10 s left"
    )
    assert format_progress(progress(bytes_done=1)) == "3/9 files, 12 pages, 80 chunks, 8 chunks/s"
    assert format_progress(progress(seconds=0.5)) == "3/9 files, 12 pages, 80 chunks"
    assert format_progress(progress(bytes_done=100)).endswith("8 chunks/s")


def test_plain_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    show = print_progress(interval=0)
    show(progress())
    show(progress(files_done=4))
    assert capsys.readouterr().err.splitlines()[1].startswith("4/9 files")
    print_progress(interval=1000)(progress())
    assert capsys.readouterr().err == ""
