"""Markdown as it is shown: without struck-out text and comments, with raised digits apart.

Code stays as it is. The markup that people read past, such as headings, lists and bold, stays too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from ragkit_ingest.readers.grid import arrange_rows
from ragkit_ingest.readers.html_inline import InlineReader
from ragkit_ingest.readers.html_table import is_data_table, read_table
from ragkit_ingest.text.superscripts import lower_text, raise_text

_FENCED = re.compile(
    r"^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*(?:\n(?![ \t>]*(?P=fence))[^\n]*)*+(?:\n[^\n]*)?", re.M
)
_URI = r"data:[\w/+.-]{1,80}(?:;(?!base64)[\w=.-]{1,40})*+;base64,[A-Za-z0-9+/=%]*+"
# Each alternative begins with a letter, by which the search goes on fast, and ends with its name.
_INLINE = re.compile(
    r"""
      `(?P<ticks>`*) (?:[^`\n]|\n(?![ \t]*\n)|(?<!`)(?!`(?P=ticks)(?!`))`+){1,2000}
        `(?P=ticks)(?!`) (?P<code>)
    | `+ (?P<mark>)
    | <!--[^-]*+(?:-(?!->)[^-]*+)*+--> (?P<comment>)
    | <!--[\s\S]*+ (?P<unclosed>)
    | ~~(?=[^\s~])(?:[^~\n]|~(?!~)|\n(?![ \t]*\n)){1,2000}?(?<=\S)~~(?!~)[ ]? (?P<struck>)
    | <(?P<tag>del|s|strike)>(?:(?!</?(?P=tag)>)(?:[^\n]|\n(?![ \t]*\n))){0,2000}+
        </(?P=tag)>[ ]? (?P<deleted>)
    | <table\b(?:(?!</?table\b)[\s\S])*+</table> (?P<table>)
    | <(?P<way>sup|sub)>(?P<shifted>[^<>\n]{1,80})</(?P=way)> (?P<shift>)
    | <br[ ]?/?>[ \t]* (?P<line>)
    | !\[(?P<alt>[^\]\n]{0,200})\]
        (?:\(\s?<?(?:{URI}[^()\n]{0,200})?>?\s?\)|\[[^\]\n]{1,100}\]) (?P<picture>)
    | \[[^\]\n]{1,100}\]:[ \t]*<?{URI}>?[^\n]* (?P<reference>)
    | {URI} (?P<uri>)
    | &(?!(?:lt|gt|vert|lowbar|ast|num|grave|\#0*(?:35|42|60|62|95|96|124));)
      (?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30}); (?P<entity>)
    | \\(?P<escaped>[.\-+_()\[\]{}&=%$]) (?P<escape>)
    | \\[^\n] (?P<other>)
    """.replace("{URI}", _URI),
    re.VERBOSE,
)


class ShownMarkdown:
    """A text as it is shown: `text`, and counts of what is left out.

    `struck` counts passages that are struck out, `hidden` the characters of comments.
    """

    def __init__(self, text: str) -> None:
        self.struck = 0
        self.hidden = 0
        self.text = "".join(self._iter_pieces(text))

    def _iter_pieces(self, text: str) -> Iterator[str]:
        """Yield the text between fences as it is shown, and that in fences as it is."""
        at = 0
        for fenced in _FENCED.finditer(text) if "```" in text or "~~~" in text else ():
            yield _INLINE.sub(self._show, text[at : fenced.start()])
            yield fenced[0]
            at = fenced.end()
        yield _INLINE.sub(self._show, text[at:])

    def _show(self, found: re.Match[str]) -> str:
        match found.lastgroup:
            case "struck" | "deleted":
                self.struck += 1
            case "comment":
                self.hidden += len(found[0])
            case "table":
                return self._write_table(found[0])
            case "shift":
                shift = raise_text if found["way"] == "sup" else lower_text
                return shift(found["shifted"])
            case "entity":
                return html.unescape(found[0])
            case "escape":
                return found["escaped"]
            case "line":
                return " "
            case "picture":
                return found["alt"]
            case "code" | "mark" | "unclosed" | "other":
                return found[0]
        return ""

    def _write_table(self, markup: str) -> str:
        """Return an HTML table as Markdown writes it; one that arranges a page stays as it is."""
        from selectolax.lexbor import LexborHTMLParser

        tree = LexborHTMLParser(markup)
        table = tree.css_first("table")
        if table is None or not is_data_table(table):
            return markup
        reader = InlineReader(tree, markup)
        caption, cells = read_table(table, reader)
        self.struck += reader.struck
        rows = arrange_rows(cells, caption=caption)
        titles = [caption, *(row.texts[0] for row in rows if row.is_caption)]
        rows = [row for row in rows if not row.is_caption]
        first = next((at for at, row in enumerate(rows) if row.columns), 0)
        columns = rows[first].columns if rows else ()
        body = [row.texts for row in rows[first:]]
        width = max([len(columns), *map(len, body)])
        lines = [_write_row(columns, width), "|---" * width + "|"]
        lines += [_write_row(texts, width) for texts in body]
        return "\n\n".join(["", *filter(None, titles), "\n".join(lines), ""])


def _write_row(texts: Sequence[str], width: int) -> str:
    cells = [text.replace("|", "\\|") for text in texts] + [""] * (width - len(texts))
    return f"| {' | '.join(cells)} |"
