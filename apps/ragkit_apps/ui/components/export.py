"""A conversation as a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit import Turn
from ragkit_apps.text import quote_highlights
from ragkit_apps.ui.components.markup import shorten, to_one_line
from ragkit_apps.ui.places import format_place

MAX_FILE_NAME_CHARACTERS = 60


def build_file_name(title: str) -> str:
    """Return a file name for a conversation's title: "how-many-days-of-leave.md"."""
    words = re.findall(r"[^\W_]+", title.lower())
    name = "-".join(words)[:MAX_FILE_NAME_CHARACTERS].rstrip("-")
    return f"{name}.md" if words else "conversation.md"


def export_markdown(title: str, turns: Sequence[Turn]) -> str:
    """Return a conversation as Markdown: questions, answers, and sources with their text.

    Text of documents, users and models is escaped: it cannot load images or add links.
    """
    lines = [f"# {_escape_line(title)}", ""]
    for turn in turns:
        answer = turn.answer
        text = "\n\n".join(_escape_line(line) for line in answer.text.split("\n") if line.strip())
        lines += [f"## {_escape_line(turn.question)}", "", text, ""]
        if answer.abstention:
            lines += [answer.abstention.sentence, ""]
        lines += [
            f"{citation.number}. {_escape_line(format_place(citation))}: "
            f"“{_escape_line(shorten(quote_highlights(citation), 400))}”"
            for citation in answer.citations
        ]
        if answer.citations:
            lines.append("")
        for statement in answer.statements:
            if statement.verdict != "supported":
                reason = _escape_line("; ".join(statement.reasons)) or statement.verdict
                lines += [f"Not supported: {_escape_line(statement.text)} ({reason})", ""]
        for line in answer.notice.splitlines():
            lines += [_escape_line(line), ""]
        model = f"by {_escape_line(answer.model)}" if answer.model else "quoted, no model"
        lines += [f"*{turn.at[:16].replace('T', ' ')} UTC, {model}*", ""]
    return "\n".join(lines)


def _escape_line(text: str) -> str:
    """Return one line in which no character starts an image, a link or HTML."""
    text = re.sub(r"([\\<>!`|*_~]|(?<!\d)\]|\[(?!\d))", r"\\\1", to_one_line(text))
    return re.sub(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", "\N{WORD JOINER}", text)
