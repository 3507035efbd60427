"""An id of somebody else's, in whatever place, is worth as much as one that nobody has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragkit import Conversation, Filter, View
from ragkit.errors import SourceError
from tests.access.worlds import ANA, BOB, Library, Paper, tried

NONE = 987_654_321
"""An id that nothing has."""

Attempt = Callable[[View, int], object]

ATTEMPTS: dict[tuple[str, str], Attempt] = {
    ("View.document", "id"): lambda view, id: view.document(id),
    ("View.pages", "id"): lambda view, id: view.pages(id),
    ("View.page", "document"): lambda view, id: view.page(id, 0),
    ("View.chunks", "id"): lambda view, id: view.chunks(id),
    ("View.original", "document"): lambda view, id: view.original(id),
    ("View.has_original", "document"): lambda view, id: view.has_original(id),
    ("View.page_image", "document"): lambda view, id: view.page_image(id, 0, end=5),
    ("View.page_image", "page"): lambda view, id: view.page_image(own(view), id),
    ("View.conversation", "id"): lambda view, id: view.conversation(id),
    ("View.delete_conversation", "id"): lambda view, id: view.delete_conversation(id),
    ("Conversation.rate", "turn"): lambda view, id: talk(view).rate(id, up=True),
}
"""Each parameter of a View, or of a conversation, that takes the id or number of a thing."""

NO_IDS = {"k", "start", "end", "width", "n"}
"""Parameters that are numbers, and name no thing."""


def own(view: View) -> int:
    return view.documents()[0].id


def talk(view: View) -> Conversation:
    return view.conversation(view.conversations()[0].id)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    found = Library(tmp_path_factory.mktemp("ids"))
    for letter in "ab":
        found.put(Paper(letter, ((f"The pump of zq{letter}xtext has a valve.",),)))
    found.ingest()
    for letter, label, name in (("a", "red", ANA), ("b", "blue", BOB)):
        found.label(letter, label)
        found.grant(label, name)
    found.set_mode("enforced")
    for name in (ANA, BOB):
        found.kb.as_principal(name).conversation().ask("What of the pump?")
    yield found
    found.close()


def things(library: Library) -> dict[str, int]:
    """The id of everything there is that is not ana's, and numbers that are odd."""
    with library.kb._store.snapshot() as snapshot:
        chunks = [chunk.id for chunk in snapshot.chunks.of(library.ids()["b"])]
    bob = library.kb.as_principal(BOB)
    return {
        "document": library.ids()["b"],
        "chunk": chunks[0],
        "conversation": bob.conversations()[0].id,
        "zero": 0,
        "negative": -1,
        "largest": 2**63 - 1,
        "too large": 2**63,
        "enormous": 10**30,
        "least": -(2**63),
    }


def said(view: View, attempt: Attempt, id: int, shift: int = 0) -> str:
    """What an attempt gives, with the id that was asked for cut out; pages are counted from 1."""
    text = str(tried(attempt, view, id)).replace(str(view.path.parent), "FOLDER")
    return re.sub(rf"(?<!\w)(?:{id}|{id + shift})\b", "ID", text)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=" ".join)
def test_an_id_of_somebody_else_is_worth_as_much_as_none(
    library: Library, attempt: tuple[str, str]
) -> None:
    view = library.kb.as_principal(ANA)
    shift = int(attempt == ("View.page_image", "page"))
    nothing = said(view, ATTEMPTS[attempt], NONE, shift)
    assert nothing.startswith("SourceError: ")
    assert str(NONE) not in nothing
    for what, id in things(library).items():
        assert said(view, ATTEMPTS[attempt], id, shift) == nothing, what
    assert len(library.kb.as_principal(BOB).conversations()) == 1


@pytest.mark.parametrize("labels", [["red"], ["blue"], ["no such label"], []])
def test_a_label_that_is_asked_for_tells_nothing_of_an_id(
    library: Library, labels: list[str]
) -> None:
    view = library.kb.as_principal(ANA)
    for name in ("document", "pages", "chunks", "original", "has_original"):

        def attempt(view: View, id: int, name: str = name) -> object:
            return getattr(view, name)(id, where=Filter(label=labels))

        assert said(view, attempt, library.ids()["b"]) == said(view, attempt, NONE)


def test_one_s_own_ids_are_worth_something(library: Library) -> None:
    view = library.kb.as_principal(ANA)
    assert view.document(library.ids()["a"]).id == own(view)
    assert view.pages(own(view))
    assert view.chunks(own(view))
    assert isinstance(view.original(own(view)), Path)
    assert talk(view).turns()
    talk(view).rate(1, up=True)
    with pytest.raises(SourceError, match="is not a PDF"):
        view.page_image(own(view), 0)


def test_no_number_that_names_a_thing_is_left_out_here() -> None:
    found = set()
    for owner in (View, Conversation):
        for name, method in inspect.getmembers(owner, inspect.isfunction):
            if name.startswith("_"):
                continue
            for parameter in inspect.signature(method).parameters.values():
                if "int" in str(parameter.annotation) and parameter.name not in NO_IDS:
                    found.add((f"{owner.__name__}.{name}", parameter.name))
    found -= {("View.page_image", "highlights")}  # characters of a page
    found -= {("View.page", "ordinal"), ("View.chunks", "page")}  # pages of one's own document
    assert found == ATTEMPTS.keys()
