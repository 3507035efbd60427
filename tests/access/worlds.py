"""Small bases of marked papers, the worlds of rules that they are put into, and all that is told.

Each paper has a word of its own, a canary, in its text, its title, its name, a heading and a page's
label; whatever somebody is told is searched for those of papers that they may not read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ragkit import AskOptions, Config, Filter, KnowledgeBase, Message, Progress, RagkitError, View
from ragkit_ingest.model import BlockKind, Document, PageBuilder, PageKind
from tests.access.model import EVERYONE, Rules
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

ANA, BOB = "user:ana", "user:bob"
GROUPS = ("group:hr", "group:dev", "group:ops")
GRANTEES = (ANA, BOB, *GROUPS, EVERYONE)
LABELS = ("red", "blue", "green", "grey")
LETTERS = "abcdefgh"
PLACES = ("text", "title", "name", "head", "page")
SECRET = "zqsxtext"  # of no paper: what bob asked
TWIN = "Notice twin of the plant that every paper repeats word by word."
WORDS = re.findall(r"\w+", "pump leave valve tax north river budget salary motor seal grease plant")
NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
_CANARY = re.compile(rf"zq([a-z])[uvwxyz](?:{'|'.join(PLACES)})", re.IGNORECASE)
_CLOCK = re.compile(r"\b(at|started|first_word|seconds|first_words)=('[^']*'|\[[^\]]*\]|[\d.]+)")


def canaries(text: str) -> set[str]:
    """The letters of the papers whose canaries stand in a text."""
    return {letter.lower() for letter in _CANARY.findall(text)}


# -- papers --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paper:
    """A document: pages of paragraphs, marked by its letter and its version."""

    letter: str
    pages: tuple[tuple[str, ...], ...]
    version: str = "x"

    def canary(self, place: str) -> str:
        return f"zq{self.letter}{self.version}{place}"

    def to_bytes(self) -> bytes:
        """What the file holds; `read` makes a document of it."""
        return json.dumps([self.letter, self.version, self.pages]).encode()


def read(data: bytes, source: str) -> Document:
    """The reader for papers: numbered pages with a printed label, each under a heading."""
    letter, version, pages = json.loads(data)
    paper = Paper(letter, pages, version)
    built = []
    for number, paragraphs in enumerate(pages, 1):
        page = PageBuilder(PageKind.PAGE, number=number, page_label=paper.canary("page"))
        page.add(BlockKind.HEADING, f"Rules of {paper.canary('head')} for pumps", level=1)
        for paragraph in paragraphs:
            page.add(BlockKind.PARAGRAPH, paragraph)
        built.append(page.build())
    return Document("page", tuple(built), f"Handbook {paper.canary('title')}")


class SmallEmbedder(HashingEmbedder):
    """So that a paragraph is a chunk, and long folder names leave no room for a header."""

    max_tokens = 24

    def __init__(self) -> None:
        super().__init__("small-1", dimension=16)


class Echo(OwnModel):
    """A model that repeats all it is sent, and that text's digest; `asked` is what it was sent."""

    name = "echo"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        self.asked.append("\n".join(f"{message.role}: {message.content}" for message in messages))
        said = "\n".join(message.content for message in messages[1:])
        digest = hashlib.sha256(self.asked[-1].encode()).hexdigest()
        if messages[-1].content.startswith("Rewrite"):
            own = messages[-1].content.rpartition("Follow-up: ")[2].rstrip("?")
            marks = {found[1]: found.group() for found in _CANARY.finditer(said)}
            yield " ".join([own, *marks.values()]) + "?"
        elif schema is not None:
            yield json.dumps({"found": True, "citations": [1], "answer": f"{said}\n{digest}"})
        else:
            yield f"{said}\n{digest} [1]"


# -- a base and its model ------------------------------------------------------------------------


class Library:
    """A base of papers, and beside it the rules that it must keep.

    In a `deep` one the folders' names leave no room for headers, so that equal paragraphs of
    different papers are equal chunks with equal vectors.
    """

    def __init__(self, folder: Path, *, deep: bool = False) -> None:
        self.folder = folder
        self.docs = folder / "docs"
        self.docs.mkdir()
        self.prefix = "/".join(["a folder with a name of many words"] * 3) if deep else "papers"
        (self.docs / self.prefix).mkdir(parents=True)
        self.rules = Rules()
        self.names: dict[str, str] = {}
        self.papers: dict[str, Paper] = {}
        self._versions = 0
        self.echo = Echo()
        self.kb = self.opened("a.kb", self.echo)

    def opened(self, name: str, model: Echo) -> KnowledgeBase:
        """A base in this folder; every label has a rule, so that it can be granted."""
        config = Config(ollama_host=NOBODY, labels={f"{label}/": label for label in LABELS})
        return KnowledgeBase(
            self.folder / name,
            embedder=SmallEmbedder(),
            model=model,
            readers={".page": read},
            config=config,
        )

    def close(self) -> None:
        self.kb.close()

    # -- its documents -----------------------------------------------------------------------

    def put(self, paper: Paper) -> None:
        """A new paper, or another version of one; it is there with the next ingest."""
        name = self.names.setdefault(paper.letter, f"{self.prefix}/{paper.canary('name')}.page")
        (self.docs / name).write_bytes(paper.to_bytes())
        self.papers[paper.letter] = paper
        self.rules.labels.setdefault(paper.letter, "default")

    def next_version(self) -> str:
        """Another letter than last time."""
        self._versions += 1
        return "uvwxyz"[self._versions % 6]

    def edit(self, letter: str) -> None:
        """Another version of a paper, with its pages the other way round."""
        old = self.papers[letter]
        version = self.next_version()
        pages = tuple(
            tuple(text.replace(old.canary("text"), f"zq{letter}{version}text") for text in page)
            for page in old.pages[::-1]
        )
        self.put(Paper(letter, pages, version))

    def rename(self, letter: str) -> None:
        name = f"{self.prefix}/zq{letter}{self.next_version()}name.page"
        (self.docs / self.names[letter]).rename(self.docs / name)
        self.names[letter] = name

    def remove(self, letter: str) -> None:
        (self.docs / self.names.pop(letter)).unlink()
        del self.rules.labels[letter]

    def ingest(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Bring the base up to date; `meanwhile` is called before the indexes are."""
        called = False

        def progress(told: Progress) -> None:
            nonlocal called
            if told.stage == "read" and told.source and told.files_done == told.files_total:
                called = True
                meanwhile()

        self.kb.ingest(self.docs, workers=1, progress=progress)
        if not called:
            meanwhile()

    def ids(self) -> dict[str, int]:
        """The documents' ids by their papers' letters."""
        letters = {name: letter for letter, name in self.names.items()}
        return {letters[document.source]: document.id for document in self.kb.documents()}

    # -- its rules ---------------------------------------------------------------------------

    def label(self, letter: str, label: str) -> None:
        self.kb.access.label(self.names[letter], label)
        self.rules.labels[letter] = label

    def grant(self, label: str, name: str) -> None:
        self.kb.access.grant(label, name)
        self.rules.grants.add((label, name))

    def revoke(self, label: str, name: str) -> None:
        self.kb.access.revoke(label, name)
        self.rules.grants.discard((label, name))

    def set_mode(self, mode: str) -> None:
        self.kb.access.set_mode(mode)
        self.rules.enforced = mode != "off"

    def obey(self, world: World, *, busy: bool = False) -> None:
        """Put the world's rules into force; of a `busy` base no document can be changed."""
        action, letter = world.change
        if letter in self.names and not busy:
            {"edit": self.edit, "rename": self.rename}[action](letter)
            self.ingest()
        for letter, label in zip(LETTERS, world.labels, strict=False):
            if self.rules.labels.get(letter, label) != label:
                self.label(letter, label)
        for label, name in self.rules.grants - world.grants:
            self.revoke(label, name)
        for label, name in world.grants - self.rules.grants:
            self.grant(label, name)

    @contextmanager
    def without(self, letters: Collection[str]) -> Iterator[tuple[KnowledgeBase, Echo]]:
        """A copy of this very base from which these papers were removed.

        Another process copies it: closing its files in this one would drop SQLite's locks.
        """
        target = self.folder / "copy.kb"
        subprocess.run(["rm", "-rf", target], check=True)
        subprocess.run(["cp", "-r", self.kb.path, target], check=True)
        echo = Echo()
        with self.opened(target.name, echo) as kb:
            if letters:
                kb.remove(f"*/zq[{''.join(sorted(letters))}]?name.page")
            yield kb, echo


# -- worlds --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Labels of all papers, grants, the groups that ana is in, and what she asks.

    Without `labels` they stay as they are. First something is done to a paper, if it is there.
    """

    change: tuple[str, str]
    labels: tuple[str, ...]
    grants: frozenset[tuple[str, str]]
    groups: tuple[str, ...]
    questions: tuple[str, str]
    narrow: str


@dataclass(frozen=True)
class Corpus:
    """Papers that come first, and what happens to them afterwards: the paper, or "" for none."""

    first: tuple[Paper, ...]
    later: tuple[Paper, ...]
    renamed: frozenset[str]
    removed: frozenset[str]
    deep: bool
    busy: bool
    worlds: tuple[World, ...]

    def build(self, folder: Path, mode: str, live: Callable[[Library], None]) -> None:
        """Fill a base as told, and live in it: of a busy one before its indexes know the rest."""
        library = Library(folder, deep=self.deep)
        try:
            library.set_mode(mode)
            for paper in self.first:
                library.put(paper)
            library.ingest()
            library.kb.as_principal(BOB).conversation().ask(f"What of {SECRET}?")
            for letter in self.renamed:
                library.rename(letter)
            for letter in self.removed:
                library.remove(letter)
            for paper in self.later:
                library.put(paper)
            if self.busy:
                library.ingest(lambda: live(library))
            else:
                library.ingest()
                live(library)
        finally:
            library.close()


def _paragraphs(letter: str, version: str) -> st.SearchStrategy[str]:
    own = [f"lure{letter}", Paper(letter, (), version).canary("text")]
    words = st.lists(st.sampled_from([*WORDS, *own]), min_size=3, max_size=12)
    return st.just(TWIN) | words.map(lambda found: f"The {' '.join([*found, own[1]])}.")


def papers(letter: str, version: str) -> st.SearchStrategy[Paper]:
    page = st.lists(_paragraphs(letter, version), min_size=2, max_size=4).map(tuple)
    pages = st.lists(page, min_size=1, max_size=2).map(tuple)
    return pages.map(lambda found: Paper(letter, found, version))


_LURES = [f"lure{letter}" for letter in LETTERS]
_QUESTION = st.lists(st.sampled_from([*WORDS, *_LURES, "twin", "notice"]), min_size=1, max_size=4)
_WORLDS = st.builds(
    World,
    change=st.tuples(st.sampled_from(["edit", "rename"]), st.sampled_from(["", "", *LETTERS])),
    labels=st.just(()) | st.lists(st.sampled_from(LABELS), min_size=8, max_size=8).map(tuple),
    grants=st.frozensets(
        st.tuples(st.sampled_from(LABELS), st.sampled_from(GRANTEES)), min_size=2, max_size=7
    ),
    groups=st.sampled_from([(), GROUPS[:1], GROUPS[:1], GROUPS[1:], GROUPS]),
    questions=st.tuples(_QUESTION.map(" ".join), _QUESTION.map(" ".join)),
    narrow=st.sampled_from(LABELS),
)


@st.composite
def corpora(draw: st.DrawFn, worlds: int) -> Corpus:
    """A corpus of four to eight papers with so many worlds to live through."""
    count = draw(st.integers(4, 8))
    split = draw(st.integers(2, count - 1))
    first = [draw(papers(letter, "x")) for letter in LETTERS[:split]]
    later = [draw(papers(letter, "x")) for letter in LETTERS[split:count]]
    fates = {
        paper.letter: draw(st.sampled_from(["stays", "stays", "replaced", "renamed", "removed"]))
        for paper in first
    }
    chosen = {
        fate: [letter for letter in fates if fates[letter] == fate] for fate in fates.values()
    }
    later += [draw(papers(letter, "y")) for letter in chosen.get("replaced", [])]
    return Corpus(
        tuple(first),
        tuple(later),
        frozenset(letter for letter, fate in fates.items() if fate == "renamed"),
        frozenset(letter for letter, fate in fates.items() if fate == "removed"),
        draw(st.booleans()),
        draw(st.booleans()),
        tuple(draw(st.lists(_WORLDS, min_size=worlds, max_size=worlds))),
    )


# -- what somebody is told -----------------------------------------------------------------------


@dataclass
class Look:
    """What is looked at: questions, a label to narrow by, ids of documents, and of talks.

    `documents` and `strangers` are ids of documents, and of conversations that are somebody else's
    or nobody's; `talks` are one's own, of which the last are read again.
    """

    questions: tuple[str, str]
    narrow: str
    documents: Sequence[int]
    strangers: Sequence[int] = (10**9,)
    talks: Sequence[int] = ()


Glance = Callable[[View, Look], Iterator[object]]


def tried(call: Callable[..., object], *arguments: Any, **named: Any) -> object:
    """What a call gives, or the error that it ends with."""
    try:
        return call(*arguments, **named)
    except RagkitError as error:
        return f"{type(error).__name__}: {error}"


def _filters(look: Look) -> list[Filter]:
    """By the label alone, and by all other fields; half of the names match the pattern."""
    folders = ["papers", "a folder with a name of many words"]
    half = Filter(path="*zq[aceg]*", folder=folders, kind="page", modified_after="2020-01-01")
    return [Filter(label=[look.narrow]), half]


def _each(name: str, *arguments: int) -> Glance:
    """A method with the id of each document, and of the first with a label."""

    def glance(view: View, look: Look) -> Iterator[object]:
        for id in look.documents:
            yield tried(getattr(view, name), id, *arguments)
        for id in look.documents[:2]:
            yield tried(getattr(view, name), id, *arguments, where=Filter(label=[look.narrow]))

    return glance


def _search(view: View, look: Look) -> Iterator[object]:
    for question in look.questions:
        yield view.search(question, 2)
        yield view.search(question, 60)
    for where in _filters(look):
        yield view.search(look.questions[0], where=where)


def _explain(view: View, look: Look) -> Iterator[object]:
    yield view.explain(look.questions[0], 2)
    for where in _filters(look):
        yield view.explain(look.questions[1], where=where)


def _ask(view: View, look: Look) -> Iterator[object]:
    yield view.ask(look.questions[0], AskOptions(k=2))
    for where in _filters(look):
        yield view.ask(look.questions[1], AskOptions(k=4, where=where))
    # no server: an extractive answer
    yield view.ask(look.questions[1], AskOptions(k=3, model="auto"))
    yield view.ask(look.questions[0], AskOptions(k=2), schema={"type": "string"})


def _stream(view: View, look: Look) -> Iterator[object]:
    stream = view.stream(look.questions[1], AskOptions(k=3))
    yield [stream.model, stream.query, *stream, stream.answer]


def _conversation(view: View, look: Look) -> Iterator[object]:
    for id in look.talks[-2:]:
        again = view.conversation(id)
        yield again.turns(), again.title
        yield again.turns(where=Filter(label=[look.narrow]))
    for id in look.strangers:
        yield tried(view.conversation, id)
    talk = view.conversation(look.talks[-1]) if look.talks else view.conversation()
    yield talk.ask(f"And {look.questions[1]}?", AskOptions(k=2))
    talk = view.conversation()
    yield talk.ask(look.questions[0], AskOptions(k=2))
    yield talk.id, talk.title, talk.turns()


def _delete(view: View, look: Look) -> Iterator[object]:
    for id in look.strangers:
        yield tried(view.delete_conversation, id)


def _statistics(view: View, look: Look) -> Iterator[object]:
    yield view.statistics()
    yield view.statistics(where=Filter(label=[look.narrow]))


GLANCES: dict[str, Glance] = {
    "search": _search,
    "explain": _explain,
    "ask": _ask,
    "stream": _stream,
    "conversation": _conversation,
    "conversations": lambda view, look: iter([view.conversations()]),
    "delete_conversation": _delete,
    "documents": lambda view, look: iter(
        [view.documents(), *(view.documents(where=where) for where in _filters(look))]
    ),
    "has_documents": lambda view, look: iter(
        [view.has_documents(where=where) for where in (None, *_filters(look))]
    ),
    "document": _each("document"),
    "pages": _each("pages"),
    "page": _each("page", 0),
    "chunks": _each("chunks"),
    "original": _each("original"),
    "has_original": _each("has_original"),
    "page_image": _each("page_image", 0),
    "status": lambda view, look: iter([view.status()]),
    "suggestions": lambda view, look: iter([view.suggestions(6)]),
    "statistics": _statistics,
    "who": lambda view, look: iter([view.who]),
    "path": lambda view, look: iter([view.path]),
}
"""How to look at what each public part of a View gives."""

NOT_TOLD = {
    "config": "the settings of whoever keeps the base",
    "model": "a language model, by name or as an object",
}
"""Public parts of a View that hold nothing of documents."""


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def told(view: View, look: Look, echo: Echo, only: Collection[str] = GLANCES) -> dict[str, str]:
    """All that a view gives, by what was looked at, to the last digit; only clocks are stopped.

    With what its model was sent, and what was logged.
    """
    heard, logger = _Heard(), logging.getLogger("ragkit")
    level = logger.level
    echo.asked.clear()
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    try:
        given = {name: "\n".join(map(repr, GLANCES[name](view, look))) for name in only}
    finally:
        logger.setLevel(level)
        logger.removeHandler(heard)
    given |= {"prompts": "\n".join(echo.asked), "log": "\n".join(heard.lines)}
    return {
        name: _CLOCK.sub(r"\1=?", text.replace(str(view.path), "BASE"))
        for name, text in given.items()
    }


def look_at(library: Library, world: World, view: View) -> Look:
    """Look at everything that there is in a library, as this world asks."""
    ids = sorted(library.ids().values())
    talks = sorted(entry.id for entry in view.conversations())
    documents = [*ids, ids[0] + 1 if ids else 1, 10**9]
    theirs = [entry.id for entry in library.kb.as_principal(BOB).conversations()]
    return Look(world.questions, world.narrow, documents, [*theirs, 10**9], talks)
