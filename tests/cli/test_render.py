from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from ragkit_apps.cli.render import Table, clean_text, escape_name, print_table, shorten

ROWS = [("a\x1b[31m.pdf", 3, "[red]0.5[/red]"), ("日本.txt", 12, ":smile:"), ("c", None, "x" * 300)]
DRAW = f"""
from ragkit_apps.cli.render import Table, print_table
print_table(Table(("document", "pages", "note"), {ROWS!r}))
"""


def test_piped_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Table(("document", "pages", "note"), ROWS))
    assert capsys.readouterr().out.splitlines() == [
        "document       pages  note",
        r"a\x1b[31m.pdf      3  [red]0.5[/red]",
        "日本.txt          12  :smile:",
        f"c{' ' * 21}{'x' * 300}",
    ]


def test_table_without_column_names_has_no_heading_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(Table(("", ""), [("a", "b")]))
    assert capsys.readouterr().out == "a  b\n"
    print_table(Table(("x", "y"), [("a", "1.50"), ("b", "10.25")], right=("y",)))
    assert capsys.readouterr().out == "x      y\na   1.50\nb  10.25\n"


def draw_on_terminal(**environment: str) -> str:
    """Return what a terminal of 60 columns receives."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    env = {**kept, "TERM": "xterm", **environment}
    with subprocess.Popen([sys.executable, "-c", DRAW], stdout=terminal, env=env) as process:
        os.close(terminal)
        shown = b""
        try:
            while block := os.read(controller, 4096):
                shown += block
        except OSError:  # the other side has closed it
            pass
    os.close(controller)
    assert process.returncode == 0
    return shown.decode()


def test_table_on_a_terminal_is_styled_and_fits_the_width() -> None:
    shown = draw_on_terminal()
    assert "\x1b[1m" in shown  # bold headings
    assert r"a\x1b[31m.pdf" in shown
    assert "[red]0.5[/red]" in shown
    assert ":smile:" in shown
    assert shown.count("x") >= 300


def test_no_color_turns_colour_off() -> None:
    shown = draw_on_terminal(NO_COLOR="1")
    assert "\x1b[3" not in shown
    assert "[red]0.5[/red]" in shown


def test_text_cannot_drive_the_terminal() -> None:
    assert clean_text("a\x1b[2Jb\u202ec\x9bd\te\nf") == "a\ufffd[2Jb\ufffdc\ufffdd\te\nf"
    assert escape_name("a\nb\t\x1b\u202e\udcff.txt") == r"a\nb\t\x1b\u202e\udcff.txt"
    assert escape_name("Übersicht \N{GRINNING FACE}.txt") == "Übersicht \N{GRINNING FACE}.txt"
    assert shorten("a \n b" * 100, 12) == "a ba ba b..."
