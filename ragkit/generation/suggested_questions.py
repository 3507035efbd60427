"""Suggested questions to begin with, made of the titles and headings of documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import PurePosixPath

from ragkit.store.records import DocumentName
from ragkit.store.snapshot import Snapshot
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.sanitize import sanitize
from ragkit.text.titles import clean_title, is_generic, is_placeholder

_DOCUMENTS_PER_QUESTION = 5  # that are read, so that some with good headings are among them
_MAX_CHUNKS = 120  # of a document; what comes later in a long one is mostly annexes
_MIN_SECTION_LENGTH = 200  # characters below a heading
_TOPIC_LENGTHS = range(4, 61)  # characters
_MIN_LETTERS = 0.7  # of a topic's characters
_MAX_TITLE_LENGTH = 70  # characters
_SHEET_KINDS = ("xlsx", "xls", "ods", "csv", "tsv")
_MAIL_KINDS = ("eml", "msg")

_LEXICON = load_lexicon()
_NUMBERING = re.compile(
    rf"^(?:(?:{any_of(_LEXICON.heading_labels)})\s+(?:\d[\d.]*[a-z]?|[ivxlc]+|[a-z])\b"
    r"|\(?(?:\d+(?:\.\d+)*[a-z]?|[ivx]+|[a-z])[.):](?=\s)|\d+(?:\.\d+)*(?=\s)|§+\s*\d+)"
    r"\s*[-–—.:|)]*\s*",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s*(?:(?:\.\s?){3,}\d*|\([^()]*\))$")  # dots and a page, or a remark
_NO_TOPIC = re.compile(r"[\"“”„<>{}|=@\\·•]|://|www\.|\.{3}|…|\d{4}|\b(?:GmbH|AG|Inc|Ltd|LLC)\b")


def suggest_questions(snapshot: Snapshot, n: int) -> list[str]:
    """Return up to n questions, from as many documents as possible.

    The same documents give the same questions. Titles and headings are sanitized.
    """
    documents = _sample(snapshot.documents.names(), _DOCUMENTS_PER_QUESTION * n)
    asked = [list(_ask_about(snapshot, document)) for document in documents]
    asked.sort(key=lambda questions: len(questions) < 2)  # documents with topics come first
    rounds = (question for each in zip_longest(*asked) for question in each if question)
    return list(dict.fromkeys(map(sanitize, rounds)))[: max(0, n)]


def _sample(documents: Sequence[DocumentName], count: int) -> list[DocumentName]:
    """Return documents from everywhere in the list, neighbours far from each other."""
    count = min(max(0, count), len(documents))
    sample = [documents[at * len(documents) // count] for at in range(count)]
    step = round(count**0.5) or 1
    return [document for first in range(step) for document in sample[first::step]]


def _ask_about(snapshot: Snapshot, document: DocumentName) -> Iterator[str]:
    """Yield questions about a document, the best first; the last is about all of it."""
    name = _name_document(document)
    file = PurePosixPath(document.source).name
    if document.kind in _MAIL_KINDS:
        yield f"What does the mail “{name}” say?"
    elif document.kind in _SHEET_KINDS:
        for sheet in snapshot.pages.labels(document.document):
            if _is_topic(sheet):
                yield f"What is in the sheet “{sheet}” of {file}?"
        yield f"What is in {file}?"
    else:
        for topic in _find_topics(snapshot, document):
            if topic.endswith("?"):
                yield topic
            elif topic.casefold() not in name.casefold():
                yield f"What does “{name}” say about “{topic}”?"
        yield f"What is “{name}” about?"


def _find_topics(snapshot: Snapshot, document: DocumentName) -> list[str]:
    """Return the topics of a document's sections, those with the longest text first."""
    lengths: dict[str, int] = {}
    sections = snapshot.documents.section_lengths(document.document, _MAX_CHUNKS)
    for headings, length in sections.items():
        topic = parse_topic(headings[-1]) if headings else ""
        lengths[topic] = lengths.get(topic, 0) + length
    found = [topic for topic in lengths if topic and lengths[topic] >= _MIN_SECTION_LENGTH]
    return sorted(found, key=lambda topic: -lengths[topic])


def parse_topic(heading: str) -> str:
    """Return what a heading is about, without its number; "" if it does not say that."""
    topic = _NUMBERING.sub("", " ".join(heading.split()).strip("#*_ "))
    topic = _TAIL.sub("", topic).rstrip(" :;,.#*_-–—")
    return topic if _is_topic(topic) else ""


def _is_topic(text: str) -> bool:
    """Return True for a few words that begin with a capital and are not generic."""
    letters = sum(map(str.isalpha, text))
    last = text.rpartition(" ")[2].casefold()
    return (
        len(text) in _TOPIC_LENGTHS
        and not text[0].islower()
        and letters >= _MIN_LETTERS * len(text.replace(" ", ""))
        and not is_generic(text)
        and not is_placeholder(text)
        and last not in _LEXICON.stop_words
        and not _NO_TOPIC.search(text)
    )


def _name_document(document: DocumentName) -> str:
    """Return the title of a document, or its file's name in words."""
    title = clean_title(document.title, document.kind)
    file_words = re.sub(r"[\s_-]+", " ", PurePosixPath(document.source).stem)
    name = title if 0 < len(title) <= _MAX_TITLE_LENGTH else file_words
    return name[:1].upper() + name[1:]
