"""HTML: one page with what a browser shows, in order. Nothing is ever fetched."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragkit_ingest.model import BlockKind, Document, PageBuilder, first_heading
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoding import bom_encoding, decode

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_NOISE = (
    "script, style, template, noscript, svg, iframe, object, canvas, audio, video,"
    " nav, aside, select, button, textarea, datalist"
)
_MAYBE_HIDDEN = "[hidden], [aria-hidden='true'], [style]"
_HIDING_STYLE = re.compile(
    r"display:none|visibility:hidden|font-size:0+(?:\.0*)?(?:px|pt|em|rem|%)?(?:;|!|$)"
)
_CHARSET = re.compile(
    rb"""<(?:meta\b|\?xml\b)[^>]*?\b(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)"""
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK_TAGS = {
    *("address", "article", "blockquote", "body", "caption", "center", "dd", "details", "dialog"),
    *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup"),
    *("hr", "html", "legend", "main", "ol", "p", "section", "summary", "table", "tbody", "td"),
    *("tfoot", "th", "thead", "tr", "ul"),
}


def read_html(data: bytes, source: str) -> Document:
    """Read HTML. The title is that of <title>, or else the first heading. Never raises."""
    text, warnings = decode_html(data)
    builder = PageBuilder()
    title = add_html(builder, text)
    pages = (builder.build(),)
    return Document("html", pages, title=title or first_heading(pages), warnings=warnings)


def decode_html(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of an HTML file and warnings, like `text.encoding.decode`.

    Tries the byte order mark, UTF-8, and the declared charset, in this order: old templates often
    declare a wrong charset for a page that is valid UTF-8. Declared 7-bit encodings come first.
    """
    declared = _declared_charset(data[:4096])
    if declared.startswith(("iso2022", "hz")) and not bom_encoding(data):
        return data.decode(declared, "replace"), ()
    text, warnings = decode(data)
    if warnings and declared and not bom_encoding(data):
        try:
            return data.decode(declared), ()
        except UnicodeDecodeError:
            return text, warnings
    return text, warnings


def add_html(builder: PageBuilder, text: str) -> str:
    """Add the blocks of an HTML text to the page; return its <title>, "" without one."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    node = tree.css_first("title")
    title = one_line(node.text()) if node is not None else ""
    _remove_noise(tree, builder)
    root = _find_content(tree)
    if root is not None:
        _Writer(builder).write(root)
    return title


def _declared_charset(head: bytes) -> str:
    """Return Python's name of the declared charset, "" for none or an unknown one.

    Also "" for UTF-16: a page that declares that in ASCII letters is something else.
    """
    found = _CHARSET.search(head.lower())
    try:
        encoding = codecs.lookup(found[1].decode("ascii")).name if found else ""
    except LookupError:
        return ""
    if encoding in ("iso8859-1", "ascii"):
        return "cp1252"  # as browsers do (WHATWG Encoding, 4.2)
    return "" if encoding.startswith(("utf-16", "utf-32", "utf-7")) else encoding


def _remove_noise(tree: LexborHTMLParser, builder: PageBuilder) -> None:
    """Remove what is not content, and count the characters that are hidden from readers.

    `decompose` unlinks a whole subtree and frees it with the tree (selectolax 1.0), so a node
    inside a removed one counts as empty.
    """
    for node in tree.css(_NOISE):
        node.decompose()
    for node in tree.css(_MAYBE_HIDDEN):
        if _is_hidden(node):
            builder.hidden += len(one_line(node.text()))
            node.decompose()
    for node in tree.css("header, footer"):
        if node.tag == "footer" or not _is_inside(node, ("article", "main")):
            node.decompose()
    body = len(tree.body.text()) if tree.body is not None else 0
    for node in tree.css("form"):
        if len(node.text()) < body / 2:  # else the form is the page, as in ASP.NET
            node.decompose()


def _is_hidden(node: LexborNode) -> bool:
    if node.tag in ("html", "body", "main"):  # hidden until a script shows them
        return False
    attributes = node.attributes
    if "hidden" in attributes and attributes["hidden"] != "until-found":
        return True
    if attributes.get("aria-hidden") == "true":
        return True
    style = "".join((attributes.get("style") or "").lower().split())
    return bool(_HIDING_STYLE.search(style))


def _is_inside(node: LexborNode, tags: tuple[str, ...]) -> bool:
    parent = node.parent
    while parent is not None and parent.tag not in tags:
        parent = parent.parent
    return parent is not None


def _find_content(tree: LexborHTMLParser) -> LexborNode | None:
    """Return <main> or the only <article> if it has most of the text, else the body."""
    body = tree.body
    if body is None:
        return tree.root
    size = len(one_line(body.text()))
    for selector in ("main, [role='main']", "article"):
        found = tree.css(selector)
        if len(found) == 1 and len(one_line(found[0].text())) > size / 2:
            return found[0]
    return body


class _Writer:
    """Walks the tree and closes a block at each element that begins a new line.

    It does not recurse: a hostile page may nest elements deeper than Python's stack.
    """

    def __init__(self, builder: PageBuilder) -> None:
        self.builder = builder
        self._inline: list[str] = []
        self._kinds: list[tuple[str, BlockKind, int]] = [("", BlockKind.PARAGRAPH, 0)]

    def write(self, root: LexborNode) -> None:
        """Write the blocks below a node."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node)
            elif self._enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(_children(node)))
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Begin a node; return True if its children are to follow."""
        tag = node.tag or ""
        if node.is_text_node:
            self._inline.append(node.text_content or "")
        elif tag == "br":
            self._inline.append("\r")
        elif tag == "img":
            self.builder.images += 1
        elif tag == "table" and _is_data_table(node):
            self._flush()
            self._write_table(node)
            return False
        elif tag in _HEADINGS:
            self._open(tag, BlockKind.HEADING, _HEADINGS[tag])
        elif tag in ("li", "pre"):
            self._open(tag, BlockKind.ITEM if tag == "li" else BlockKind.CODE, 0)
        elif tag in _BLOCK_TAGS:
            self._flush()
        return node.is_element_node

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in _BLOCK_TAGS or tag == self._kinds[-1][0]:
            self._flush()
        if tag == self._kinds[-1][0]:
            self._kinds.pop()

    def _open(self, tag: str, kind: BlockKind, level: int) -> None:
        self._flush()
        self._kinds.append((tag, kind, level))

    def _flush(self) -> None:
        _, kind, level = self._kinds[-1]
        text = "".join(self._inline)
        self._inline.clear()
        if kind is BlockKind.CODE:
            text = text.replace("\r", "\n")
        else:  # "\r" stands for <br>: the parser turned real ones into newlines
            text = "\n".join(" ".join(line.split()) for line in text.split("\r"))
        text = " ".join(text.split()) if kind is BlockKind.HEADING else text
        self.builder.add(kind, text, level=level)

    def _write_table(self, table: LexborNode) -> None:
        for caption in table.css("caption"):
            self.builder.add(BlockKind.PARAGRAPH, one_line(caption.text()))
        self.builder.images += len(table.css("img"))
        rows = [_read_cells(row) for row in table.css("tr")]
        rows = [row for row in rows if any(text for text, _ in row)]
        heads: list[str] = []
        for number, row in enumerate(rows):
            texts = [text for text, _ in row]
            self.builder.add(BlockKind.ROW, " | ".join(texts), columns=heads)
            if number == 0 and len(row) > 1 and _is_head(row):
                heads = texts


def _children(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=True))


def _is_data_table(table: LexborNode) -> bool:
    """Return True if a table holds data: several columns, no inner tables and no headings."""
    if table.attributes.get("role") == "presentation" or table.css("h1, h2, h3, pre"):
        return False
    if any(inner.mem_id != table.mem_id for inner in table.css("table")):
        return False
    return any(len(_read_cells(row)) > 1 for row in table.css("tr"))


def _is_head(row: list[tuple[str, bool]]) -> bool:
    """Return True if a first row names its columns: all <th>, or all filled and no numbers."""
    if all(is_th for _, is_th in row):
        return True
    return all(text and not text[-1].isdigit() for text, _ in row)


def _read_cells(row: LexborNode) -> list[tuple[str, bool]]:
    """Return a row's cells as (text, whether it is a <th>); empty cells fill wide spans."""
    cells: list[tuple[str, bool]] = []
    for cell in row.iter():
        if cell.tag in ("td", "th"):
            cells.append((one_line(" ".join(_iter_texts(cell))), cell.tag == "th"))
            span = cell.attributes.get("colspan") or "1"
            extra = min(int(span), 50) - 1 if span.isascii() and span.isdigit() else 0
            cells.extend([("", cell.tag == "th")] * extra)
    return cells


def _iter_texts(cell: LexborNode) -> Iterator[str]:
    """Yield the pieces of a cell's text between elements that break the line."""
    piece: list[str] = []
    for node in cell.traverse(include_text=True):
        if node.is_text_node:
            piece.append(node.text_content or "")
        elif node.tag in {"br", "li", *_BLOCK_TAGS}:
            yield "".join(piece)
            piece.clear()
    yield "".join(piece)
