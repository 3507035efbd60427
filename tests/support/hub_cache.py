"""The cache that huggingface_hub downloads models to."""

from __future__ import annotations

import shutil
from pathlib import Path


def put_in_hub_cache(cache: Path, name: str, model: Path) -> Path:
    """Copy a model's folder into a cache as a download of it; returns its folder there."""
    home = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(model, home / "snapshots" / "abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc\n")
    return home / "snapshots" / "abc"
