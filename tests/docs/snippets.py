"""Fenced blocks of the README and docs/, and what their commands should print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_WILDCARD = "..."


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and its expected output, in which "..." stands for anything."""

    line: str
    expected: str = ""

    def matches(self, output: str) -> bool:
        """Return True if the output is as expected, white space aside."""
        parts = [re.escape(_squeeze(part)) for part in self.expected.split(_WILDCARD)]
        return not self.expected or bool(re.fullmatch(".*".join(parts), _squeeze(output)))


def blocks(page: Path, language: str) -> list[str]:
    """Return the page's fenced blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return [code for found, code in _FENCE.findall(text) if found == language]


def commands(page: Path) -> list[Command]:
    """Return the ragkit commands of a page's bash and console blocks, in order."""
    found = []
    text = page.read_text(encoding="utf-8")
    for language, code in _FENCE.findall(text):
        if language == "bash":
            found += [Command(line) for line in code.splitlines()]
        elif language == "console":
            for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
                line, _, expected = part.partition("\n")
                found.append(Command(line, expected))
    return found


def _squeeze(text: str) -> str:
    return " ".join(text.split())
