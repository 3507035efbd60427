"""Questions to begin with, made of what documents call themselves and their sections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragkit.store.snapshot import Named, Snapshot
from ragkit.text.sanitize import sanitize

_LOOKED_AT = 5  # documents for each question that is wanted
_CHUNKS = 120  # of one document; what comes later in a long one is mostly annexes
_LONGEST = 60  # characters of a topic
_LONGEST_NAME = 70
_ENOUGH = 3000  # characters under a heading; more make it no better
_LEAST = 200
_SHEETS = ("xlsx", "xls", "ods", "csv", "tsv")
_MAIL = ("eml", "msg")
_FEW = 4  # chunks under a heading that are looked at for how its words are written

_GOLDEN = 0.6180339887  # multiples of it, without their whole part, lie far apart

_NUMBERING = re.compile(
    r"^(?:(?:item|note|section|chapter|part|article|exhibit|annex|appendix|schedule|figure|table"
    r"|kapitel|abschnitt|teil|anhang|anlage)\s+(?:\d+[a-z]?|[ivxlc]+|[a-z])(?:[.\d]*\d)?\b"
    r"|\(?(?:\d+(?:\.\d+)*[a-z]?|[ivx]+|[a-z])[.):](?=\s)|\d+(?:\.\d+)*(?=\s)|§+\s*\d+)"
    r"\s*[-\u2013\u2014.:|)]*\s*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s*(?:\.\s?){3,}\s*\d*|\s*\((?:continued|cont\.?|fortsetzung)\)|[\s:;,.#*_-]+)$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_NO_TOPIC = re.compile(
    r"[\"\u201c\u201d\u201e<>{}|=@\\·•]|://|www\.|\.{3}|\u2026"
    r"|\b(?:gmbh|ag|inc|llc|ltd|corp|incorporated|corporation|company|plc|n\.?v|s\.?a)\b\.?$"
    r"|\b\d{4,}\b|\b(?:cautionary statement|forward-looking|exchange commission)\b"
    r"|\b(?:form|exhibit|section|date|page|seite)\s*:?\s*\d"
    r"|^(?:and|or|of|but|und|oder)\b"
    r"|\b(?:a|an|the|and|or|of|to|for|in|on|by|as|at|with|from|der|die|das|und|von|zu)$",
    re.IGNORECASE,
)
_CONTENTS = frozenset({"contents", "table of contents", "index", "inhalt", "inhaltsverzeichnis"})
_BOILERPLATE = frozenset(
    re.findall(
        r"\w+",
        """
        about abstract acknowledgements allgemeines amendments anhang annex appendices appendix
        attachments background changelog conclusion contact contacts copyright definitions
        description disclaimer einführung einleitung examples exhibit exhibits faq faqs foreword
        further general glossar glossary goals home impressum imprint information intro introduction
        kontakt legal links literatur miscellaneous notes notifications other overview part preface
        processes purpose readme references resources scope sheet signature signatures sonstiges
        status summary title todo übersicht vorwort zusammenfassung zweck
        """,
    )
) | {
    "available information",
    "executive summary",
    "exhibit index",
    "exhibits and financial statement schedules",
    "further reading",
    "general information",
    "index to exhibits",
    "list of figures",
    "list of tables",
    "more information",
    "next steps",
    "notes to consolidated financial statements",
    "other information",
    "see also",
    "signature page",
    "table of figures",
    "your next steps",
}
_WHEN = re.compile(r"(?:before|after|during|by|when|if|while|with|without|how|vor|nach)\b", re.I)
_NO_NAME = re.compile(
    r"^(?:untitled|unbenannt|document\s?\d*|microsoft \w+ - .*|.*\.\w{2,4}|.*\?"
    r"|.*exchange commission)$",
    re.I,
)
_NO_SHEET = re.compile(r"^(?:sheet|tabelle|table|feuil|hoja)\s?\d*$", re.IGNORECASE)
_SITE = re.compile(r"\s+[|\u2013\u2014-]\s+")
_REPLY = re.compile(r"^(?:(?:re|aw|fwd?|wg|sv|antw)\s*:\s*)+", re.IGNORECASE)
# What a document may be called with an article before it: "the Employee handbook".
_PAPERS = re.compile(
    r"\b(?:agreement|checklist|code|contract|directive|guide|guideline|handbook|manual|plan|policy"
    r"|procedure|protocol|report|statement|strategy|(?P<many>guidelines|instructions|minutes|policies"
    r"|regulations|rules|terms))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Idea:
    """A question that a document suggests, not yet worded; `about` is "" for the whole of it."""

    document: Named
    name: str
    about: str
    ordinal: int
    worth: float

    @property
    def key(self) -> str:
        """The same for ideas of which one is enough."""
        return self.about.casefold() or f"/{self.name.casefold()}"

    def traits(self) -> tuple[str, ...]:
        """In what ideas should differ: kind, folder, and how the document's name begins."""
        folder = self.document.source.rpartition("/")[0]
        return self.document.kind, f"{folder}/", self.name.partition(" ")[0].casefold()


def suggest_questions(snapshot: Snapshot, n: int) -> list[str]:
    """At most `n` questions, each about something else; the same for the same documents.

    They are inert: what a document calls itself is as untrusted as what a model writes.
    """
    ideas = [
        idea
        for document in _spread(snapshot.names(), _LOOKED_AT * n)
        for idea in sorted(_ideas(snapshot, document), key=lambda idea: -idea.worth)[: n + 1]
    ]
    return [sanitize(_question(snapshot, idea)) for idea in _varied(ideas, n)]


def _spread(names: Sequence[Named], most: int) -> list[Named]:
    """So many of the documents from everywhere in the list, neighbours far from each other."""
    count = min(most, len(names))
    sample = [names[at * len(names) // count] for at in range(count)]
    return [sample[at] for at in sorted(range(count), key=lambda at: (at + 1) * _GOLDEN % 1)]


def _varied(ideas: Sequence[_Idea], n: int) -> Iterator[_Idea]:
    """The best ideas: each of another document, folder and kind as long as there are some."""
    documents: Counter[int] = Counter()
    traits: Counter[str] = Counter()
    left = list(ideas)
    while left and n > 0:
        best = min(
            left,
            key=lambda idea: (
                documents[idea.document.document],
                sum(traits[trait] for trait in idea.traits()) - round(2 * idea.worth, 1),
            ),
        )
        left = [idea for idea in left if idea.key != best.key]
        documents[best.document.document] += 1
        traits.update(best.traits())
        yield best
        n -= 1


def _ideas(snapshot: Snapshot, document: Named) -> Iterator[_Idea]:
    """What one document can be asked about, and the document as a whole."""
    name = _name(document)
    if document.kind in _SHEETS:
        for ordinal, label in enumerate(snapshot.page_labels(document.document)):
            sheet = "" if _NO_SHEET.match(label) else label
            yield _Idea(document, name, sheet, ordinal, 0.4 if sheet else 0.3)
        return
    is_mail = document.kind in _MAIL
    yield _Idea(document, name, "", 0, 0.4 if is_mail and document.title else 0.1)
    if is_mail:
        return
    found: dict[str, tuple[int, int]] = {}
    for section in snapshot.sections(document.document, _CHUNKS):
        about = topic(section.headings)
        first, characters = found.get(about, (section.ordinal, 0))
        found[about] = first, characters + section.characters
    for about, (ordinal, characters) in found.items():
        says_more = (
            about.casefold() not in name.casefold() and name.casefold() not in about.casefold()
        )
        if about and says_more and characters >= _LEAST:
            yield _Idea(document, name, about, ordinal, _worth(about, characters))


def _worth(about: str, characters: int) -> float:
    """Between 0 and 1: a few words with some text beneath them."""
    clear = 2 <= len(_WORD.findall(about)) <= 5 and not _WHEN.match(about)
    return 0.5 * min(characters, _ENOUGH) / _ENOUGH + (0.5 if clear else 0.2)


def topic(headings: Sequence[str]) -> str:
    """What the innermost heading is about, without its number; "" if that is nothing to ask."""
    if not headings or any(_bare(name).casefold() in _CONTENTS for name in headings):
        return ""
    about = _bare(headings[-1])
    words = _WORD.findall(about)
    real = [word for word in words if len(word) > 3 and re.search(r"[^\W\d_]", word)]
    if not real or not 4 <= len(about) <= _LONGEST or about[0].islower():
        return ""
    if about.casefold() in _BOILERPLATE or _NO_TOPIC.search(about):
        return ""
    if about.endswith("?"):
        return about if len(words) >= 5 else ""
    return about if sum(map(len, words)) >= 0.7 * len(about.replace(" ", "")) else ""


def _bare(heading: str) -> str:
    """A heading without its number, leaders and page."""
    text = " ".join(heading.split()).strip("#*_ ")
    text = _NUMBERING.sub("", text)
    while (shorter := _TAIL.sub("", text)) != text:
        text = shorter
    return text


def _question(snapshot: Snapshot, idea: _Idea) -> str:
    document, name = idea.document, idea.name
    file = PurePosixPath(document.source).name
    if document.kind in _SHEETS:
        return (
            f"What is in the sheet {idea.about} of {file}?" if idea.about else f"What is in {file}?"
        )
    if document.kind in _MAIL:
        return f"What does the mail “{name}” say?"
    if not idea.about:
        return f"What is “{name}” about?"
    about = _as_written(snapshot, idea)
    if about.endswith("?"):
        return about[:1].upper() + about[1:]
    paper = _PAPERS.search(name)
    if paper is None or ":" in name:
        return f"What does “{name}” say about {about}?"
    return f"What {'do' if paper['many'] else 'does'} the {name} say about {about}?"


def _name(document: Named) -> str:
    """What people call a document: its title, or its file's name in words."""
    title = _REPLY.sub("", " ".join(document.title.split())).strip("#*_` ")
    if document.kind == "html":  # "Help desk - Intranet of the company"
        title = _SITE.split(title)[0]
    if len(title) <= _LONGEST_NAME and not _NO_NAME.match(title) and _is_said(title):
        return _calm(title) if title.isupper() else title[:1].upper() + title[1:]
    stem = PurePosixPath(document.source).stem or document.source
    words = " ".join(_calm(word) for word in re.split(r"[\s_-]+", stem) if word)
    return words[:1].upper() + words[1:]


def _is_said(title: str) -> bool:
    """Whether a title is of words for the most part, not of codes ("ADBE 10K FY15")."""
    said = [w for w in _WORD.findall(title) if len(w) > 4 or (len(w) > 1 and not w.isupper())]
    return bool(said) and 2 * len(said) >= len(re.findall(r"\w+", title))


def _calm(text: str) -> str:
    """Words that are shouted, without the shouting; short ones may be names ("AMD")."""
    return _WORD.sub(
        lambda word: word[0].capitalize() if len(word[0]) > 4 and word[0].isupper() else word[0],
        text,
    )


def _as_written(snapshot: Snapshot, idea: _Idea) -> str:
    """A topic as it stands within a sentence: in small letters, but for names and German nouns.

    What is a name, its own text tells: there it is written large within sentences.
    """
    chunks = snapshot.neighbours(idea.document.document, idea.ordinal, idea.ordinal + _FEW - 1)
    text = "\n".join(chunk.text for chunk in chunks)
    shouted = idea.about.isupper()
    written = {
        word: _is_small(word, text)
        for word in _WORD.findall(idea.about)
        if shouted or (word[0].isupper() and word[1:].islower())
    }
    names = [word for word, small in written.items() if small is False]
    said = shouted or True in written.values() or idea.about[1:].islower()
    if not names and said:
        return _WORD.sub(lambda m: m[0].lower() if m[0] in written else m[0], idea.about)
    if shouted:
        return _WORD.sub(lambda m: m[0].capitalize() if len(m[0]) > 3 else m[0].lower(), idea.about)
    return idea.about


def _is_small(word: str, text: str) -> bool | None:
    """Whether a word is written small within sentences; None if they do not say."""
    small = len(re.findall(rf"\b{re.escape(word.lower())}\b", text))
    large = len(re.findall(rf"(?<=[a-zß-ÿ,] ){re.escape(word.capitalize())}\b", text))
    return small >= large if small or large else None
