"""Jupyter notebooks: their prose as Markdown, their code, and what it printed; no pictures."""

from __future__ import annotations

from typing import Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder, first_heading
from ragkit_ingest.readers.html import add_html
from ragkit_ingest.readers.markdown import read_markdown_text
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.counts import describe_struck
from ragkit_ingest.text.encoded import describe_removed, remove_encoded

_MAX_OUTPUT = 10_000  # characters of what a cell printed


def is_notebook(value: Any) -> bool:
    """Return True for the JSON of a notebook (nbformat 4)."""
    return isinstance(value, dict) and "nbformat" in value and isinstance(value.get("cells"), list)


def read_notebook(value: dict[str, Any]) -> Document:
    """Read the cells of a notebook; pictures are only counted."""
    writer = _Writer()
    for cell in value["cells"]:
        if isinstance(cell, dict):
            writer.write(cell)
    page = writer.builder.build()
    warnings = list(describe_removed(writer.removed))
    if writer.struck:
        warnings.append(describe_struck(writer.struck))
    if writer.shortened:
        warnings.append(f"outputs cut off after {_MAX_OUTPUT:,} characters: {writer.shortened}")
    return Document("json", (page,), title=first_heading((page,)), warnings=tuple(warnings))


class _Writer:
    """Writes cells as blocks; counts what is left out."""

    def __init__(self) -> None:
        self.builder = PageBuilder()
        self.removed = 0
        self.shortened = 0
        self.struck = 0

    def write(self, cell: dict[str, Any]) -> None:
        """Write a cell and what it printed."""
        source = self._clean(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            page, _, struck = read_markdown_text(source)
            self.struck += struck
            for block in page.blocks:
                text = page.text[block.start : block.end]
                self.builder.add(block.kind, text, level=block.level, columns=block.columns)
            return
        self.builder.add(BlockKind.CODE, source)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, dict):
                self._write_output(output)

    def _write_output(self, output: dict[str, Any]) -> None:
        data = output.get("data")
        if not isinstance(data, dict):
            self._add_printed(output.get("text"))
            return
        if any(str(kind).startswith("image/") for kind in data):
            self.builder.images += 1
        elif "<table" in (html := self._clean(data.get("text/html"))):
            add_html(self.builder, html)
        else:
            self._add_printed(data.get("text/plain"))

    def _add_printed(self, source: Any) -> None:
        text = self._clean(source)
        self.shortened += len(text) > _MAX_OUTPUT
        self.builder.add(BlockKind.CODE, text[:_MAX_OUTPUT])

    def _clean(self, source: Any) -> str:
        """Return a text of a notebook, which is a string or a list of lines, without pictures."""
        lines = source if isinstance(source, list) else [source]
        text = "".join(line for line in lines if isinstance(line, str))
        text, removed = remove_encoded(clean_text(text)[0])
        self.removed += removed
        return text
