"""python -m tests.bench retrieval|ingest|search|scale|verification|abstention|asking [arguments]"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

NAMES = ("retrieval", "ingest", "search", "scale", "verification", "abstention", "asking")


def main() -> None:
    names = sys.argv[1:2] or list(NAMES)
    if names[0] not in NAMES:
        raise SystemExit(__doc__)
    workdir = Path(tempfile.gettempdir()) / "ragkit-bench"
    workdir.mkdir(exist_ok=True)
    for name in names:
        importlib.import_module(f"tests.bench.{name}").main(sys.argv[2:], workdir)


main()
