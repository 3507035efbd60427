"""What the measurements share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ragkit import Config, KnowledgeBase


def eval_folder() -> Path:
    """The evaluation sets: $EVAL_SETS, or shared/eval beside the checkout."""
    folder = Path(os.environ.get("EVAL_SETS", Path(__file__).parents[3] / "shared" / "eval"))
    if not folder.is_dir():
        raise SystemExit(f"no evaluation sets in {folder}; name the folder in EVAL_SETS")
    return folder


def rows(name: str) -> list[dict[str, Any]]:
    """The questions of a set, as its README describes them."""
    lines = (eval_folder() / name / "questions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def question_of(row: dict[str, Any]) -> str:
    """What is asked; a follow-up has the questions of its history in front."""
    return " ".join([turn["question"] for turn in [*(row.get("history") or []), row]])


def prepared_base(name: str, workdir: Path, config: Config | None = None) -> KnowledgeBase:
    """The base of an evaluation set, brought up to date."""
    kb = KnowledgeBase(workdir / f"{name}.kb", config=config)
    kb.ingest(eval_folder() / name / "docs")
    return kb
