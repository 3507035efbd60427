"""HTML: one page with what a browser shows, in order. Nothing is ever fetched."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ragkit_ingest.model import BlockKind, Document, PageBuilder, first_heading
from ragkit_ingest.readers.html_content import find_content, remove_noise
from ragkit_ingest.readers.html_inline import BLOCK_TAGS, InlineReader
from ragkit_ingest.readers.html_table import is_data_table, read_table
from ragkit_ingest.readers.table import add_table
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.counts import count_things, describe_struck
from ragkit_ingest.text.encoded import describe_removed
from ragkit_ingest.text.encoding import bom_encoding, decode, find_codec

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CHARSET = re.compile(
    rb"""<(?:meta\b|\?xml\b)[^>]*?\b(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)"""
)
_XHTML = re.compile(
    r"""<\?xml\b|<!DOCTYPE[^>]*XHTML|\bxmlns(?::\w+)?\s*=\s*["']http://www\.w3\.org/1999/xhtml""",
    re.IGNORECASE,
)
_XHTML_HEAD = 4096  # characters in which a page says that it is XHTML
_SELF_CLOSED = re.compile(
    r"""<([A-Za-z][\w:.-]*+)((?>[^<>"'/]++|"[^"<]*+"|'[^'<]*+'|/(?!>))*+)/>"""
)
_PREFIX = re.compile(r"""\bxmlns:(\w{1,20})\s*=\s*["']http://www\.w3\.org/1999/xhtml""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_VOID_TAGS = {
    *("area", "base", "basefont", "br", "col", "embed", "frame", "hr", "img", "input", "link"),
    *("meta", "param", "source", "track", "wbr"),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_KINDS = {
    **dict.fromkeys(_HEADINGS, BlockKind.HEADING),
    **dict.fromkeys(("pre", "xmp", "listing", "plaintext"), BlockKind.CODE),
    **dict.fromkeys(("dt", "dd"), BlockKind.PARAGRAPH),
    "li": BlockKind.ITEM,
}
_LEVELS = {str(level) for level in range(1, 10)}
_MAX_FRAMES = 20  # frames with a page of their own in one page


class HtmlContent(NamedTuple):
    """What a page says besides its blocks: its <title>, and warnings of what is left out."""

    title: str
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Omissions:
    """Counts passages that are struck out, hidden on the page, or encoded data."""

    struck: int = 0
    hidden: int = 0
    encoded: int = 0

    def describe(self) -> Iterator[str]:
        """Yield a warning for each kind that was left out."""
        if self.struck:
            yield describe_struck(self.struck)
        if self.hidden:
            yield f"{count_things(self.hidden, 'passage', 'was')} left out: hidden on the page"
        yield from describe_removed(self.encoded)


def read_html(data: bytes, source: str) -> Document:
    """Read HTML. The title is that of <title>, or else the first heading. Never raises."""
    text, warnings = decode_html(data)
    builder = PageBuilder()
    title, omissions = add_html(builder, text)
    pages = (builder.build(),)
    title = title or first_heading(pages)
    return Document("html", pages, title=title, warnings=warnings + omissions)


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


def add_html(builder: PageBuilder, text: str) -> HtmlContent:
    """Add the blocks of an HTML text to the page."""
    omissions = _Omissions()
    title = _add_page(builder, text, _MAX_FRAMES, omissions)
    return HtmlContent(title, tuple(omissions.describe()))


def _add_page(builder: PageBuilder, text: str, frames: int, omissions: _Omissions) -> str:
    """Add a page with so many frames at most; count what is left out and return its title."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_close_tags(text))
    node = tree.css_first("head title")
    title = one_line(node.text()) if node is not None else ""
    reader = InlineReader(tree, text)
    characters, passages = remove_noise(tree)
    builder.hidden += characters
    root = find_content(tree)
    if root is not None:
        _Writer(builder, reader, frames, omissions).write(root)
    omissions.struck += reader.struck
    omissions.encoded += reader.encoded
    omissions.hidden += passages
    return title


def _close_tags(text: str) -> str:
    """Close elements that XHTML closes by themselves, which an HTML parser leaves open."""
    if not _XHTML.search(text[:_XHTML_HEAD]):
        return text
    if prefix := _PREFIX.search(text[:_XHTML_HEAD]):
        text = re.sub(rf"(</?){prefix[1]}:", r"\1", text)
    return _SELF_CLOSED.sub(_close_tag, _CDATA.sub(lambda found: html.escape(found[1]), text))


def _close_tag(found: re.Match[str]) -> str:
    name, attributes = found[1], found[2]
    return found[0] if name.lower() in _VOID_TAGS else f"<{name}{attributes}></{name}>"


def _declared_charset(head: bytes) -> str:
    """Return Python's name of the declared charset, "" for none or an unknown one.

    Also "" for UTF-16: a page that declares that in ASCII letters is something else.
    """
    found = _CHARSET.search(head.lower())
    encoding = find_codec(found[1].decode("ascii")) if found else ""
    return "" if encoding.startswith(("utf-16", "utf-32", "utf-7")) else encoding


class _Writer:
    """Walks the tree and closes a block at each element that begins a new line.

    It does not recurse: a hostile page may nest elements deeper than Python's stack.
    """

    def __init__(
        self, builder: PageBuilder, reader: InlineReader, frames: int, omissions: _Omissions
    ) -> None:
        self.builder = builder
        self._reader = reader
        self._frames = frames
        self._omissions = omissions
        self._inline: list[str] = []
        self._kinds: list[tuple[int, str, BlockKind, int]] = [(0, "", BlockKind.PARAGRAPH, 0)]
        self._levels: dict[int, int] = {}  # of elements that are headings by their role
        self._mark = ""  # the number of the item that begins
        self._term = ""  # what the next <dd> explains

    def write(self, root: LexborNode) -> None:
        """Write the blocks below a node."""
        for node in root.css("[role='heading']"):
            level = node.attributes.get("aria-level") or ""
            self._levels[node.mem_id] = int(level) if level in _LEVELS else 2
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node)
            elif node.is_text_node:
                self._inline.append(self._reader.read_text(node))
            elif self._enter(node):
                if self._breaks(node.tag or "") or node.mem_id == self._kinds[-1][0]:
                    stack.append((node, True))
                stack.extend((child, False) for child in reversed(_children(node)))
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Begin a node that is no text; return True if its children are to follow."""
        tag = node.tag or ""
        self.builder.images += tag == "img"
        shown = self._reader.show(node) if node.is_element_node else ""
        if shown is not None:
            self._inline.append(shown)
            if tag == "iframe":
                self._write_frame(node)
            return False
        if tag == "table" and is_data_table(node):
            self._flush()
            self._write_table(node)
            return False
        level = self._levels.get(node.mem_id, _HEADINGS.get(tag, 0))
        if level or tag in _KINDS:
            self._flush()
            kind = BlockKind.HEADING if level else _KINDS[tag]
            self._kinds.append((node.mem_id, tag, kind, level))
            self._mark += self._reader.number_item(node) if tag == "li" else ""
        elif self._breaks(tag):
            self._flush()
        elif tag == "label":
            self._inline.append(" ")
        return True

    def _leave(self, node: LexborNode) -> None:
        self._flush()
        if node.mem_id == self._kinds[-1][0]:
            self._kinds.pop()
            self._mark = "" if node.tag == "li" else self._mark

    def _breaks(self, tag: str) -> bool:
        is_heading = self._kinds[-1][2] is BlockKind.HEADING
        return tag in BLOCK_TAGS or (tag == "button" and not is_heading)

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        if not text.strip(" \n\r\t☐☒"):  # nothing, or switches of the page's layout
            return
        _, tag, kind, level = self._kinds[-1]
        if kind is BlockKind.CODE:
            text = text.replace("\r", "\n")
        elif kind is BlockKind.HEADING or "\r" not in text:
            text = " ".join(text.split())
        else:  # "\r" stands for <br>
            text = "\n".join(" ".join(line.split()) for line in text.strip().split("\r"))
        if self._mark and kind is not BlockKind.CODE:
            text, self._mark = f"{self._mark}{text}", ""
        if tag == "dt":
            self._term = one_line(text)
        label = self._term if tag == "dd" else ""
        self.builder.add(kind, text, level=level, label=label)

    def _write_frame(self, frame: LexborNode) -> None:
        """Write the page that a frame carries in an attribute."""
        source = frame.attributes.get("srcdoc")
        if source and self._frames > 0:
            self._flush()
            self._frames -= 1
            _add_page(self.builder, source, 0, self._omissions)

    def _write_table(self, table: LexborNode) -> None:
        self.builder.images += len(table.css("img"))
        caption, rows = read_table(table, self._reader)
        self.builder.add(BlockKind.PARAGRAPH, caption)
        add_table(self.builder, rows, caption=caption)


def _children(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=True))
