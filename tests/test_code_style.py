"""The sizes, names and docstrings that CONTRIBUTING.md promises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("ragkit", "ingest/ragkit_ingest", "apps/ragkit_apps")

_PARTICIPLES = re.compile(
    r"_*(?!embed$|need$|feed$|proceed$|seed$|exceed$|shed$|speed$|read$|put$|cut$)"
    r"(?:[a-z]+ed|made|kept|said|written|found|shown|told|held|taken|given|sent|lost|gone|seen"
    r"|known|begun|drawn|brought|meant|built)"
)
_DEGREES = re.compile(
    r"_*(?:MOST|FEW|LEAST|LONGEST|SHORTEST|MANY|ENOUGH|FAR|NEAR|DEEPEST)(?:_\w+)?"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Definition(NamedTuple):
    """A function or class, where it is and what it is called in its module."""

    place: str
    name: str
    node: Function | ast.ClassDef

    @property
    def lines(self) -> int:
        """Return the number of lines, decorators left out."""
        assert self.node.end_lineno is not None
        return self.node.end_lineno - self.node.lineno + 1


def modules() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each module that is shipped."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def definitions() -> Iterator[Definition]:
    """Yield every function and class, also nested ones."""
    for path, text in modules():
        yield from _definitions(ast.parse(text), path, "")


def _definitions(parent: ast.AST, path: str, prefix: str) -> Iterator[Definition]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            yield Definition(f"{path}:{node.lineno}", name, node)
            yield from _definitions(node, path, f"{name}.")
        else:
            yield from _definitions(node, path, prefix)


def functions() -> list[Definition]:
    """Return every function and method."""
    return [one for one in definitions() if not isinstance(one.node, ast.ClassDef)]


def test_modules_classes_and_functions_are_small() -> None:
    found = {path: lines for path, text in modules() if (lines := text.count("\n")) > 400}
    assert not found
    classes = [one for one in definitions() if isinstance(one.node, ast.ClassDef)]
    assert not [(one.place, one.lines) for one in classes if one.lines > 300]
    assert not [(one.place, one.lines) for one in functions() if one.lines > 60]
    assert median(one.lines for one in functions()) <= 9


def test_public_definitions_have_a_docstring() -> None:
    missing = []
    for one in definitions():
        parts = one.name.split(".")
        is_nested = not isinstance(one.node, ast.ClassDef) and one.node.col_offset > 4
        if any(part.startswith("_") for part in parts) or is_nested:
            continue
        if not ast.get_docstring(one.node):
            missing.append(f"{one.place} {one.name}")
    assert not missing


def test_functions_are_verbs() -> None:
    names = [(one.place, one.name.rpartition(".")[2]) for one in functions()]
    assert not [f"{place} {name}" for place, name in names if _PARTICIPLES.fullmatch(name)]


def test_constants_name_the_thing() -> None:
    stored = [
        (f"{path}:{node.lineno}", node.id)
        for path, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    assert not [f"{place} {name}" for place, name in stored if _DEGREES.fullmatch(name)]
