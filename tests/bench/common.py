"""What the measurements share."""

from __future__ import annotations

import os
from pathlib import Path

from ragkit import KnowledgeBase


def eval_folder() -> Path:
    """The evaluation sets: $EVAL_SETS, or shared/eval beside the checkout."""
    folder = Path(os.environ.get("EVAL_SETS", Path(__file__).parents[3] / "shared" / "eval"))
    if not folder.is_dir():
        raise SystemExit(f"no evaluation sets in {folder}; name the folder in EVAL_SETS")
    return folder


def prepared_base(name: str, workdir: Path) -> KnowledgeBase:
    """The base of an evaluation set, brought up to date."""
    kb = KnowledgeBase(workdir / f"{name}.kb")
    kb.ingest(eval_folder() / name / "docs")
    return kb
