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
_DEGREES = re.compile(r"_*(?:MOST|FEW|LEAST|LONGEST|SHORTEST|MANY|ENOUGH|DEEPEST)(?:_\w+)?")

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
    missing = [
        f"{path}:{node.lineno} {name}"
        for path, text in modules()
        for name, node in _public(ast.parse(text).body)
        if not ast.get_docstring(node)
    ]
    assert not missing


def _public(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Yield the public functions, classes and methods; the setter of a property counts with it."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_setter = any(ast.unparse(each).endswith(".setter") for each in node.decorator_list)
        if node.name.startswith("_") or is_setter:
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{node.name}.")


def test_functions_are_verbs() -> None:
    """A property may be a participle: it reads as an attribute (`answer.abstained`)."""
    found = []
    for one in functions():
        assert not isinstance(one.node, ast.ClassDef)
        is_property = any(ast.unparse(each) == "property" for each in one.node.decorator_list)
        if _PARTICIPLES.fullmatch(one.node.name) and not is_property:
            found.append(f"{one.place} {one.name}")
    assert not found


def test_constants_name_the_thing() -> None:
    stored = [
        (f"{path}:{node.lineno}", node.id)
        for path, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    assert not [f"{place} {name}" for place, name in stored if _DEGREES.fullmatch(name)]
