"""What is quoted where a question only names a topic: the beginning of its section, its outline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.generation.quote_candidates import QuoteCandidate
from ragkit.retrieval.hits import Hit
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import load_lexicon
from ragkit_ingest.places import Section

_SUMMARY = re.compile(
    rf"(?:{'|'.join(load_lexicon().summary_patterns)})[.!?]*", re.IGNORECASE | re.DOTALL
)
_MAX_OUTLINE = 12  # headings


def find_topic(question: str) -> str:
    """Return the topic of a question of one word, or of a request for a summary; else ""."""
    text = question.strip()
    if match := _SUMMARY.fullmatch(text):
        return str(next(filter(None, match.groups())))
    return text if len(text.split()) == 1 else ""


def quote_section(
    topic: str, hits: Sequence[Hit], candidates: Sequence[QuoteCandidate]
) -> list[QuoteCandidate]:
    """Return the first sentence of the section that a topic names, and the headings below it.

    Returns [] if no heading or title in the hits has all words of the topic.
    """
    words = keywords(topic)
    for hit in hits:
        for section in hit.sections:
            if words and words <= keywords(" ".join((hit.title, *section.headings[-1:]))):
                own = [one for one in candidates if one.hit is hit and one.start >= section.start]
                return [*own[:1], *_outline(hit, section)] if own else []
    return []


def _outline(hit: Hit, section: Section) -> list[QuoteCandidate]:
    depth = len(section.headings)
    below = [
        one
        for one in hit.sections
        if len(one.headings) > depth and one.headings[:depth] == section.headings
    ]
    names = list(dict.fromkeys(one.headings[depth] for one in below))[:_MAX_OUTLINE]
    if len(names) < 2:
        return []
    text = " ".join(f"• {name}" for name in names)
    return [QuoteCandidate(hit, max(below[0].start, hit.start), hit.end, text)]
