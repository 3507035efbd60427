"""The texts that are embedded: chunks without mark-up, and the words of a document's path."""

from __future__ import annotations

import re

from ragkit_ingest.text.cleaning import one_line

_LEADERS = re.compile(r"(?:[.·_=*-][ \t]?){4,}")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]+")
_LINK = re.compile(
    r"!?\[([^\]\[\n]{0,300})\]\((?:[^()\s]|\([^()\s]{0,200}\)){1,2000}(?:\s+\"[^\"\n]{0,300}\")?\)"
)
_MARKUP = re.compile(
    r"\*\*|~~|`+|^#{1,6} |^\|?[ :|-]{5,}\|?$|<!--.*?-->|</?[a-zA-Z][^<>\n]*>", re.M
)
_MARKED = re.compile(r"[\[*~`#<]|[ :|-]{5}|(?:[.·_=*-][ \t]?){4}")  # where the above may be found


def document_header(title: str, source: str) -> str:
    """Return the words of a document's path, and its title unless the path contains it."""
    words = path_words(source)
    if not title or title.casefold() in words.casefold():
        return words
    return f"{words} | {title}"


def path_words(source: str) -> str:
    """Return the words of a path, without its suffix: "hr/pay_2024.pdf" gives "hr pay 2024"."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}$", "", one_line(source))
    return " ".join(re.sub(r"[\W_]+", " ", stem).split())


def embedding_text(header: str, text: str) -> str:
    """Return what is embedded for a chunk: its header, then its text without leaders and markup."""
    if _MARKED.search(text):
        text = _MARKUP.sub("", _LINK.sub(r"\1", text))
        text = _LEADERS.sub(" ", text)
    text = _SPACES.sub(" ", text)
    return f"{header}\n{text}" if header else text
