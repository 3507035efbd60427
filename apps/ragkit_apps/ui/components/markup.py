"""Answers and passages as HTML; text of models and documents is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragkit import Citation, Statement
from ragkit_apps.answer_parts import explain_verdict, is_unverified, name_place

# Marks around unverified sentences, and after those that are found in a passage, while Markdown is
# rendered; private-use characters.
_MARK_START, _MARK_END, _MARK_FOUND = "\ue000", "\ue001", "\ue002"
_MARKS = re.compile(f"([{_MARK_START}{_MARK_END}{_MARK_FOUND}])")
_CITATION = re.compile(r"\[(\d{1,3})\]")
# Markdown of lists, headings, tables and bold text, which is not part of a sentence.
_MARKUP_BEFORE = re.compile(r"[\s>*+#|-]*(?:\d{1,3}[.)]\s+)?[\s*_`|]*")
_MARKUP_AFTER = "*_`| \t\n"


def render_answer(
    text: str,
    citations: Sequence[Citation] | None = (),
    statements: Sequence[Statement] = (),
) -> str:
    """Return a model's Markdown as HTML.

    Citations become buttons. While an answer is generated there are none yet (None), and numbers
    are drawn without a button. Sentences that could not be verified are marked; those that cite
    nothing and are found in a passage have a quieter button. Raw HTML is escaped; links and images
    are not rendered.
    """
    statements = sorted(statements, key=lambda statement: statement.start)
    environment = {
        "citations": citations,
        "doubts": [explain_verdict(each) for each in statements if is_unverified(each)],
        "found": [each.found_in for each in statements if each.found_in],
        "open": False,
    }
    marked = _mark_statements(text, statements)
    parser = _build_parser()
    tokens = parser.parse(marked, environment)
    return str(parser.renderer.render(tokens, parser.options, environment))


def _mark_statements(text: str, statements: Sequence[Statement]) -> str:
    """Return the text with marks around unverified statements, and after those found.

    The statements are sorted.
    """
    text = _MARKS.sub("\N{REPLACEMENT CHARACTER}", text)
    parts, at = [], 0
    for statement in statements:
        if not (is_unverified(statement) or statement.found_in):
            continue
        before, after = (_MARK_START, _MARK_END) if is_unverified(statement) else ("", _MARK_FOUND)
        found = _MARKUP_BEFORE.match(text, max(statement.start, at))
        start = found.end() if found else statement.start
        end = start + len(text[start : statement.end].rstrip(_MARKUP_AFTER))
        if end > start >= at:
            parts += [text[at:start], before, text[start:end], after]
            at = end
        else:  # markup only: an empty pair keeps the reasons in step
            parts += [before, after]
    return "".join([*parts, text[at:]])


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    parser.add_render_rule("text", _render_text)
    parser.add_render_rule("code_inline", _render_code)
    parser.add_render_rule("fence", _render_block)
    parser.add_render_rule("code_block", _render_block)
    return parser


def _render_text(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return _render_inline(tokens[at].content, env)


def _render_code(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f"<code>{_render_inline(tokens[at].content, env, cites=False)}</code>"


def _render_block(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f"<pre><code>{_render_inline(tokens[at].content, env, cites=False)}</code></pre>"


def _render_inline(content: str, env: Any, *, cites: bool = True) -> str:
    """Return text with marks and citations; a mark can continue in the next inline element."""
    parts = []
    for piece in _MARKS.split(content):
        if piece == _MARK_START:
            env["open"] = env["doubts"].pop(0) if env["doubts"] else ""
        elif piece == _MARK_END:
            env["open"] = False
        elif piece == _MARK_FOUND:
            numbers = env["found"].pop(0) if env["found"] else ()
            parts += [_render_found(number, env["citations"] or ()) for number in numbers]
        elif piece:
            html = _render_citations(piece, env["citations"]) if cites else escape(piece)
            if env["open"] is not False and piece.strip():
                html = f'<mark class="doubt" title="{escape(env["open"])}">{html}</mark>'
            parts.append(html)
    return "".join(parts)


def _render_citations(text: str, citations: Sequence[Citation] | None) -> str:
    parts, at = [], 0
    for found in _CITATION.finditer(text):
        parts.append(escape(text[at : found.start()]))
        parts.append(_render_citation(found[0], int(found[1]), citations))
        at = found.end()
    return "".join([*parts, escape(text[at:])])


def _render_citation(written: str, number: int, citations: Sequence[Citation] | None) -> str:
    """Return the button of a citation; a number without a citation is returned as text."""
    if citations is None:
        return f'<span class="cite">{number}</span>'
    return _render_button(number, citations, "cite", "Source", str(number)) or escape(written)


def _render_found(number: int, citations: Sequence[Citation]) -> str:
    """Return the quieter button of a passage that a sentence was found in."""
    button = _render_button(
        number, citations, "cite found", "Found in source", f"found in {number}"
    )
    return f" {button}" if button else ""


def _render_button(
    number: int, citations: Sequence[Citation], kind: str, role: str, text: str
) -> str:
    """Return a button that opens a citation, or "" if there is none of this number."""
    citation = next((entry for entry in citations if entry.number == number), None)
    if citation is None:
        return ""
    label = escape(f"{role} {number}: {name_place(citation)}")
    return (
        f'<button type="button" class="{kind}" data-cite="{number}" title="{label}" '
        f'aria-label="{label}">{text}</button>'
    )


CONTEXT_CHARACTERS = 2_500  # of a long text, on each side of a passage
MAX_LINE_CHARACTERS = 300


def render_passage(
    text: str,
    start: int,
    end: int,
    highlights: Sequence[tuple[int, int]] = (),
    *,
    around: int = CONTEXT_CHARACTERS,
) -> str:
    """Return a page's text as HTML, with characters [start, end) marked, and the text around them.

    With `highlights`, these ranges are marked strongly and the rest of the passage faintly.
    """
    first, last = _find_line_end(text, start - around, -1), _find_line_end(text, end + around, 1)
    before, after = text[first:start], text[end:last]
    mark = _render_marks(text, start, end, highlights) if end > start else ""
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


def _render_marks(text: str, start: int, end: int, highlights: Sequence[tuple[int, int]]) -> str:
    parts, at = [], start
    for low, high in highlights:
        parts.append(escape(text[at:low]))
        parts.append(f'<mark class="highlight">{escape(text[low:high])}</mark>')
        at = high
    parts.append(escape(text[at:end]))
    return f'<mark class="passage{" faint" if highlights else ""}">{"".join(parts)}</mark>'


def _find_line_end(text: str, at: int, step: int) -> int:
    """Return the end of a line near a position, `step` -1 before and 1 after it."""
    if at <= 0 or at >= len(text):
        return max(0, min(at, len(text)))
    found = (
        text.rfind("\n", at - MAX_LINE_CHARACTERS, at) + 1
        if step < 0
        else text.find("\n", at, at + MAX_LINE_CHARACTERS)
    )
    return found if found > 0 else at


# What Streamlit formats even after all escapes: links of addresses
# (mdast-util-gfm-autolink-literal), arrows of "->", emoji of ":smile:". A word joiner between the
# characters prevents it.
_AUTO_FORMATTED = re.compile(
    r"(?<=http:)(?=//)|(?<=https:)(?=//)|(?<=www)(?=\.)|(?<=@)|(?<=[-<>~=])(?=[-=>])|(?<=:)(?=\w)",
    re.IGNORECASE,
)


def escape_markdown(text: str) -> str:
    """Return text for a label, which Streamlit reads as Markdown, with all characters literal."""
    text = _AUTO_FORMATTED.sub("\N{WORD JOINER}", to_one_line(text))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:@&=\"'^])", r"\\\1", text)


def to_one_line(text: str) -> str:
    """Return a text on one line, without invisible characters."""
    return " ".join("".join(_replace_invisible(text)).split())


def _replace_invisible(text: str) -> Iterator[str]:
    """Yield the characters; replace control characters and those that reverse the line."""
    for character in text:
        if character.isprintable() or character.isspace():
            yield character
        else:
            yield "\N{REPLACEMENT CHARACTER}"


def shorten(text: str, width: int) -> str:
    """Return one line of at most `width` characters."""
    text = to_one_line(text)
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 page", "1,024 pages"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
