"""The prompts of embedding models that run on a server, which adds none itself."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Prompts(NamedTuple):
    """What is put before each query and each document."""

    query: str = ""
    document: str = ""


@cache
def find_prompts(model: str) -> Prompts:
    """Return the prompts of the family that a model's name belongs to; empty ones for others."""
    name = model.rpartition("/")[2].partition(":")[0].casefold()
    text = files("ragkit.embedders").joinpath("prompts.toml").read_text(encoding="utf-8")
    for family in tomllib.loads(text)["family"]:
        if any(part in name for part in family["names"]):
            return Prompts(family["query"], family["document"])
    return Prompts()
