"""python -m tests.benchmarks NAME [arguments]; without a name all of NAMES"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

NAMES = (
    "retrieval",
    "identifiers",
    "ingest",
    "search",
    "scale",
    "verification",
    "highlights",
    "abstention",
    "asking",
    "page",
    "governance",
    "precision",
    "comparisons",
    "quoting",
    "words",
    "prompts",
)


OTHERS = ("against", "against_llamaindex")  # they need another checkout or a server


def main() -> None:
    names = sys.argv[1:2] or list(NAMES)
    if names[0] not in (*NAMES, *OTHERS):
        raise SystemExit(f"{__doc__}: {', '.join(NAMES)}")
    workdir = Path(tempfile.gettempdir()) / "ragkit-bench"
    workdir.mkdir(exist_ok=True)
    for name in names:
        importlib.import_module(f"tests.benchmarks.{name}").main(sys.argv[2:], workdir)


main()
