"""Answers and passages as HTML in which nothing is alive but our own citations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragkit import Citation, Statement

# Marks around doubtful sentences while Markdown is made HTML; nobody writes these characters.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKS = re.compile(f"[{_OPEN}{_CLOSE}]")
_CITED = re.compile(r"\[(\d{1,3})\]")
_LAST = re.compile(r"\[(\d{1,3})\]$")  # where a line of an extractive answer has its number
# What makes a list, a heading, a table or bold type of a line is not part of its sentence.
_LEAD = re.compile(r"[\s>*+#|-]*(?:\d{1,3}[.)]\s+)?[\s*_`|]*")
_TAIL = "*_`| \t\n"


def answer_html(
    text: str,
    citations: Sequence[Citation] | None = (),
    statements: Sequence[Statement] = (),
    *,
    plain: bool = False,
) -> str:
    """A model's Markdown, or an extractive answer's `plain` text, with citations as buttons.

    While it is still being written there are no citations yet (None), and numbers are no buttons.
    Sentences that are not supported are marked. Raw HTML stays text; there are no links and no
    images, whatever the text says.
    """
    if plain:
        return "".join(_quoted(line, citations) for line in text.split("\n") if line.strip())
    doubtful = [each for each in statements if each.verdict != "supported"]
    environment = {
        "citations": citations,
        "doubts": [_why(each) for each in doubtful],
        "open": False,
    }
    marked = _marked(text, doubtful)
    parser = _parser()
    tokens = parser.parse(marked, environment)
    return str(parser.renderer.render(tokens, parser.options, environment))


def _quoted(line: str, citations: Sequence[Citation] | None) -> str:
    """A line of an extractive answer: its last number is its citation, others are quoted text."""
    found = _LAST.search(line)
    if found is None:
        return f"<p>{escape(line)}</p>"
    return f"<p>{escape(line[: found.start()])}{_chip(found[0], int(found[1]), citations)}</p>"


def _why(statement: Statement) -> str:
    what = {"unsupported": "Not supported", "uncited": "Cites nothing"}[statement.verdict]
    return f"{what}: {'; '.join(statement.reasons)}" if statement.reasons else what


def _marked(text: str, doubtful: Sequence[Statement]) -> str:
    """The text with a mark before and after each doubtful sentence."""
    text = _MARKS.sub("\N{REPLACEMENT CHARACTER}", text)
    parts, at = [], 0
    for each in sorted(doubtful, key=lambda each: each.start):
        found = _LEAD.match(text, max(each.start, at))
        start = found.end() if found else each.start
        end = start + len(text[start : each.end].rstrip(_TAIL))
        if end > start >= at:
            parts += [text[at:start], _OPEN, text[start:end], _CLOSE]
            at = end
        else:  # nothing to see of it: its reason is skipped with it
            parts += [_OPEN, _CLOSE]
    return "".join([*parts, text[at:]])


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    parser.add_render_rule("text", _text)
    parser.add_render_rule("code_inline", _code)
    parser.add_render_rule("fence", _block)
    parser.add_render_rule("code_block", _block)
    return parser


def _text(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return _inline(tokens[at].content, env)


def _code(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f"<code>{_inline(tokens[at].content, env, cites=False)}</code>"


def _block(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f"<pre><code>{_inline(tokens[at].content, env, cites=False)}</code></pre>"


def _inline(content: str, env: Any, *, cites: bool = True) -> str:
    """Text with its marks and citations; a marked sentence may go on in the next piece."""
    parts = []
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", content):
        if piece == _OPEN:
            env["open"] = env["doubts"].pop(0) if env["doubts"] else ""
        elif piece == _CLOSE:
            env["open"] = False
        elif piece:
            html = _with_citations(piece, env["citations"]) if cites else escape(piece)
            if env["open"] is not False and piece.strip():
                html = f'<mark class="doubt" title="{escape(env["open"])}">{html}</mark>'
            parts.append(html)
    return "".join(parts)


def _with_citations(text: str, citations: Sequence[Citation] | None) -> str:
    parts, at = [], 0
    for found in _CITED.finditer(text):
        parts.append(escape(text[at : found.start()]))
        parts.append(_chip(found[0], int(found[1]), citations))
        at = found.end()
    return "".join([*parts, escape(text[at:])])


def _chip(written: str, number: int, citations: Sequence[Citation] | None) -> str:
    """A citation's button; what nothing is cited by stays as it was written."""
    if citations is None:
        return f'<span class="cite">{number}</span>'
    citation = next((each for each in citations if each.number == number), None)
    if citation is None:
        return escape(written)
    where = escape(f"Source {number}: {where_of(citation)}")
    return (
        f'<button type="button" class="cite" data-cite="{number}" title="{where}" '
        f'aria-label="{where}">{number}</button>'
    )


def where_of(citation: Citation) -> str:
    """The document and the place in it: "handbook.pdf, page 5 (printed 2)"."""
    return f"{citation.source}, {citation.place}" if citation.place else citation.source


_AROUND = 2_500  # characters of a long text to each side of a passage


def passage_html(
    text: str,
    start: int,
    end: int,
    highlights: Sequence[tuple[int, int]] = (),
    *,
    around: int = _AROUND,
) -> str:
    """A page's text with characters [start, end) marked, and what stands around them.

    With `highlights` ranges these are marked, and the rest of the passage faintly.
    """
    first, last = _nearest_line(text, start - around, -1), _nearest_line(text, end + around, 1)
    before, after = text[first:start], text[end:last]
    mark = _passage(text, start, end, highlights) if end > start else ""
    more = '<span class="cut">…</span>'
    return "".join(
        [
            more if first > 0 else "",
            escape(before),
            mark,
            escape(after),
            more if last < len(text) else "",
        ]
    )


def _passage(text: str, start: int, end: int, highlights: Sequence[tuple[int, int]]) -> str:
    parts, at = [], start
    for low, high in highlights:
        parts.append(escape(text[at:low]))
        parts.append(f'<mark class="highlight">{escape(text[low:high])}</mark>')
        at = high
    parts.append(escape(text[at:end]))
    return f'<mark class="passage{" faint" if highlights else ""}">{"".join(parts)}</mark>'


def _nearest_line(text: str, at: int, step: int) -> int:
    """The end of a line near a position, outwards; never further than 300 characters."""
    if at <= 0 or at >= len(text):
        return max(0, min(at, len(text)))
    found = text.rfind("\n", at - 300, at) + 1 if step < 0 else text.find("\n", at, at + 300)
    return found if found > 0 else at


# What Streamlit makes of a text after all escapes are gone: links of addresses
# (mdast-util-gfm-autolink-literal), arrows of "->", pictures of ":smile:". A mark without width in
# between prevents it.
_MADE = re.compile(
    r"(?<=http:)(?=//)|(?<=https:)(?=//)|(?<=www)(?=\.)|(?<=@)|(?<=[-<>~=])(?=[-=>])|(?<=:)(?=\w)",
    re.IGNORECASE,
)


def plain_name(text: str) -> str:
    """Text for a label that Streamlit reads as Markdown: every sign in it stays a sign."""
    text = _MADE.sub("\N{WORD JOINER}", one_line(text))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:@&=\"'^])", r"\\\1", text)


def one_line(text: str) -> str:
    """A text with one space where there was any white space, and nothing that cannot be seen."""
    return " ".join("".join(_seen(text)).split())


def _seen(text: str) -> Iterator[str]:
    """Characters that can be shown; controls, also those that turn the line around, are not."""
    for character in text:
        if character.isprintable() or character.isspace():
            yield character
        else:
            yield "\N{REPLACEMENT CHARACTER}"


def shortened(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    text = one_line(text)
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def counted(number: int, what: str) -> str:
    """ "1 page", "1,024 pages"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
