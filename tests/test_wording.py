"""Retired phrases and identifiers stay out of code, messages, help and documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PHRASES = (
    "as if it were not there",
    "built anew",
    "made anew",
    "written anew",
    "is no longer an error",
    "let go of",
    "mend",
    "mends",
    "heed",
    "heeds",
    "heeded",
    "nobody to grant",
    "of its own accord",
    "stands in what",
    "what one may read",
    "what may be read is",
    "whoever may",
    "whoever keeps",
    "whosoever",
)
"""Translated-sounding phrases, and the private words that the field has others for."""

IDENTIFIERS = (
    "AuditLine",
    "ClockDoubtful",
    "DayIndex",
    "DocumentHeld",
    "FailedFile",
    "FigureIndex",
    "ModelMissing",
    "PromptCut",
    "StoreForeign",
    "bears_out",
    "content_words",
    "is_genuine",
    "readmit",
    "restore_base",
    "repair_base",
    "verify_base",
    "retention purge",
    "ragkit forget",
    "audit anchor",
)
"""Former names of code, commands and options."""

FILES = [
    path
    for pattern in (
        "ragkit/**/*.py*",
        "ingest/**/*.py",
        "apps/**/*.py",
        "examples/*.py",
        "examples/*.md",
        "docs/*.md",
        "*.md",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.suffix in (".py", ".pyi", ".md")
]


@pytest.mark.parametrize("retired", [*PHRASES, *IDENTIFIERS])
def test_retired_words_do_not_come_back(retired: str) -> None:
    words = r"\s+".join(map(re.escape, retired.split()))
    pattern = re.compile(rf"(?<!\w){words}(?!\w)")
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path in FILES
        for text in [path.read_text(encoding="utf-8")]
        for match in pattern.finditer(text)
    ]
    assert not found
