"""Who may read what, against a reference of a few lines, and the small tables of rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Filter, Principal, View
from ragkit.errors import AccessDenied, StoreDamaged
from ragkit.store.database import connect
from ragkit.store.snapshot import Snapshot
from tests.access.model import EVERYONE
from tests.access.worlds import (
    ANA,
    BOB,
    GLANCES,
    GRANTEES,
    GROUPS,
    LABELS,
    LETTERS,
    TWIN,
    Library,
    Look,
    Paper,
    World,
)

NOBODY_KNOWN = "user:nobody"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Eight papers, of which each label is on two, with access control."""
    found = Library(tmp_path_factory.mktemp("rules"))
    for letter in LETTERS:
        found.put(Paper(letter, ((f"lure{letter} of the pump", TWIN), ("river and valve",))))
    found.ingest()
    for letter, label in zip(LETTERS, LABELS * 2, strict=True):
        found.label(letter, label)
    found.set_mode("enforced")
    yield found
    found.close()


@pytest.fixture
def enforced(library: Library) -> Library:
    """The same, with nothing granted."""
    library.set_mode("enforced")
    grant_only(library, set())
    return library


def grant_only(library: Library, grants: set[tuple[str, str]]) -> None:
    library.obey(World(("", ""), (), frozenset(grants), (), ("", ""), ""))


def letters(library: Library, view: View) -> set[str]:
    """The papers that are listed, and the same are found."""
    by_name = {name: letter for letter, name in library.names.items()}
    listed = {by_name[document.source] for document in view.documents()}
    assert {by_name[hit.source] for hit in view.search("pump river", 100)} == listed
    return listed


_GRANTS = st.sets(st.tuples(st.sampled_from(LABELS), st.sampled_from(GRANTEES)), max_size=8)
_MANY = settings(deadline=None, derandomize=True, database=None, max_examples=60)


@_MANY
@given(_GRANTS, st.sets(st.sampled_from(GROUPS)), st.sampled_from(GROUPS), st.data())
def test_a_group_more_hides_nothing_and_a_grant_less_shows_nothing(
    library: Library, grants: set[tuple[str, str]], groups: set[str], more: str, data: st.DataObject
) -> None:
    grant_only(library, grants)
    before = letters(library, library.kb.as_principal(ANA, groups))
    assert before == library.rules.readable(ANA, groups)
    assert before <= letters(library, library.kb.as_principal(ANA, {*groups, more}))
    if grants:
        label, name = data.draw(st.sampled_from(sorted(grants)))
        library.revoke(label, name)
        assert letters(library, library.kb.as_principal(ANA, groups)) <= before


@_MANY
@given(_GRANTS, st.sets(st.sampled_from(GROUPS)), st.sampled_from([ANA, BOB, NOBODY_KNOWN]))
def test_what_is_said_of_somebody_is_what_they_can_read(
    library: Library, grants: set[tuple[str, str]], groups: set[str], name: str
) -> None:
    grant_only(library, grants)
    summary, rules = library.kb.access.summary(name, groups), library.rules
    readable = rules.readable(name, groups)
    assert (summary.documents, summary.total) == (len(readable), len(LETTERS))
    assert {rules.labels[letter] for letter in readable} <= set(summary.labels)
    assert {label for label in summary.labels if label in LABELS} <= {label for label, _ in grants}


# -- in doubt nobody reads anything --------------------------------------------------------------


@pytest.mark.parametrize("mode", ["enforced", "strict"])
@pytest.mark.parametrize(
    ("name", "groups"),
    [
        (ANA, []),
        (ANA, ["hr"]),
        (NOBODY_KNOWN, []),
        ("page:nobody", []),
        ("user:everyone", []),
        ("user:group:hr", []),
        ("user:red", ["everyone"]),
    ],
)
def test_whom_nothing_was_granted_to_is_told_nothing(
    enforced: Library, mode: str, name: str, groups: list[str]
) -> None:
    enforced.set_mode(mode)
    for label in LABELS:
        enforced.grant(label, BOB)
        enforced.grant(label, "group:dev")
    view = enforced.kb.as_principal(name, groups)
    assert letters(enforced, view) == set()
    assert view.ask("What of the pump?").abstention == "empty"
    assert view.explain("pump").candidates == ()
    assert view.suggestions() == []
    status = view.status()
    assert (status.documents, status.pages, status.chunks, status.bytes) == (0, 0, 0, 0)
    assert (status.source_folders, status.whole_folders, status.file_errors) == ((), (), ())
    assert view.statistics().kinds == []


def test_an_empty_list_of_labels_is_false_in_every_question_to_the_database(
    enforced: Library,
) -> None:
    """Not a clause that is left out: that would show all."""
    with enforced.kb._store.snapshot() as snapshot:
        documents = snapshot.documents.ids()
        chunks = [chunk.id for id in documents for chunk in snapshot.chunks.of(id)]
        nothing = snapshot.restrict(frozenset())
        assert nothing.document_clause() == "d.label IN ()"
        for name, ask in ASKED.items():
            assert ask(snapshot, documents, chunks), name
            assert not ask(nothing, documents, chunks), name
        assert snapshot.documents.counts() == (8, 16, len(chunks))
        assert nothing.documents.counts() == (0, 0, 0)


def test_a_filter_that_matches_nothing_is_false_in_every_question_to_the_database(
    enforced: Library,
) -> None:
    with enforced.kb._store.snapshot() as snapshot:
        documents = snapshot.documents.ids()
        chunks = [chunk.id for id in documents for chunk in snapshot.chunks.of(id)]
        for where in (Filter(folder="nowhere"), Filter(kind=[]), Filter(label="red", path="no*")):
            nothing = snapshot.narrow(where)
            assert nothing.documents.counts() == (0, 0, 0)
            for name, ask in ASKED.items():
                assert name == "access.grants" or not ask(nothing, documents, chunks), name


def _has_other_source(snapshot: Snapshot, document: int) -> bool:
    """Whether a document elsewhere of the same source would be shown by another name."""
    known = snapshot.without_filter().restrict(None).documents.get(document)
    assert known is not None
    return snapshot.documents.display_source("/elsewhere", known.source) != known.source


ASKED: dict[str, Callable[[Snapshot, list[int], list[int]], object]] = {
    "documents.all": lambda snap, documents, chunks: list(snap.documents.all()),
    "documents.get": lambda snap, documents, chunks: snap.documents.get(documents[0]),
    "pages.of": lambda snap, documents, chunks: snap.pages.of(documents[0]),
    "documents.names": lambda snap, documents, chunks: snap.documents.names(),
    "documents.section_lengths": lambda snap, documents, chunks: snap.documents.section_lengths(
        documents[0], 10
    ),
    "documents.display_source": lambda snap, documents, chunks: _has_other_source(
        snap, documents[0]
    ),
    "pages.labels": lambda snap, documents, chunks: snap.pages.labels(documents[0]),
    "pages.text": lambda snap, documents, chunks: snap.pages.text(documents[0], 0),
    "documents.counts_by_kind": lambda snapshot, documents, chunks: (
        snapshot.documents.counts_by_kind()
    ),
    "documents.counts_by_day": lambda snapshot, documents, chunks: (
        snapshot.documents.counts_by_day()
    ),
    "chunks.get": lambda snap, documents, chunks: snap.chunks.get(chunks),
    "chunks.of": lambda snap, documents, chunks: snap.chunks.of(documents[0]),
    "chunks.neighbours": lambda snap, documents, chunks: snap.chunks.neighbours(documents[0], 0, 9),
    "chunks.page_runs": lambda snap, documents, chunks: snap.chunks.page_runs(documents[0]),
    "documents.long_runs": lambda snap, documents, chunks: snap.documents.long_runs(1),
    "chunks.texts": lambda snap, documents, chunks: snap.chunks.texts(chunks),
    "chunks.places": lambda snap, documents, chunks: snap.chunks.places(chunks),
    "documents.readable": lambda snap, documents, chunks: snap.documents.readable(documents),
    "documents.readable_uids": lambda snap, documents, _: snap.documents.readable_uids(documents),
    "documents.last_change": lambda snap, documents, chunks: snap.documents.last_change(),
    "documents.ids": lambda snap, documents, chunks: snap.documents.ids(),
    "documents.chunk_counts": lambda snap, documents, chunks: snap.documents.chunk_counts(),
    "documents.chunk_runs": lambda snap, documents, chunks: snap.documents.chunk_runs(),
    "documents.exist": lambda snap, documents, chunks: snap.documents.exist(),
    "access.grants": lambda snap, documents, chunks: snap.access.grants(),
}
"""The queries of a snapshot that are restricted to readable documents; and `documents.counts`."""


@pytest.mark.parametrize("labels", [[], ["no such label"], ["blue"], "blue", ["RED"]])
def test_labels_that_are_asked_for_never_widen_what_may_be_read(
    enforced: Library, labels: str | list[str]
) -> None:
    enforced.grant("red", ANA)
    view = enforced.kb.as_principal(ANA)
    assert len(view.documents()) == 2
    assert view.documents(where=Filter(label=labels)) == []
    assert view.search("pump river", 100, where=Filter(label=labels)) == []
    assert len(view.documents(where=Filter(label=["red", "blue"]))) == 2


@pytest.mark.parametrize("damage", ["DELETE FROM meta WHERE key = 'access'",
    "UPDATE meta SET value = '' WHERE key = 'access'",
    "UPDATE meta SET value = 'ON' WHERE key = 'access'",
    "UPDATE meta SET value = 'of' WHERE key = 'access'"])  # fmt: skip
def test_a_base_without_an_access_control_mode_tells_nothing(
    enforced: Library, damage: str
) -> None:
    enforced.grant("red", ANA)
    with enforced.without("") as (kb, echo):
        with closing(connect(kb.path / "ragkit.db")) as database:
            database.execute(damage)
        look = Look(("pump", "river"), "red", [1])
        for view in (kb.as_principal(ANA), kb):
            for name in ("search", "explain", "ask", "stream", "suggestions"):
                with pytest.raises(StoreDamaged, match="has no valid access control mode"):
                    list(GLANCES[name](view, look))
            with pytest.raises(StoreDamaged, match="has no valid access control mode"):
                view.pages(1)
        assert echo.asked == []


# -- who somebody is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", "ana", "everyone", "group:hr", "user:", "user", "User:ana", " user:ana", "user:a\nb",
     "user:a\x00", "user:\ud800", "user:" + "x" * 201, "role:ana"],
)  # fmt: skip
def test_a_name_that_is_none_cannot_ask(enforced: Library, name: str) -> None:
    with pytest.raises(ValueError, match=r"invalid principal .*: expected user:NAME"):
        enforced.kb.as_principal(name)
    with pytest.raises(ValueError, match=r"invalid principal .*: expected user:NAME"):
        Principal(name)


@pytest.mark.parametrize("group", ["", "a\nb", "\x7f", "x" * 201])
def test_a_group_that_is_none_cannot_be_had(enforced: Library, group: str) -> None:
    with pytest.raises(ValueError, match=r"invalid group .*: expected group:NAME"):
        enforced.kb.as_principal(ANA, [group])
    with pytest.raises(ValueError, match=r"invalid group .*: expected group:NAME"):
        Principal(ANA, frozenset({group, "user:bob"}))


def test_groups_are_no_text() -> None:
    with pytest.raises(ValueError, match="a list of names"):
        Principal.parse(ANA, "hr")


@pytest.mark.parametrize("name", ["", "ana", "group:", "all", "Everyone", "everyone ", "user:a\nb"])
def test_nothing_is_granted_to_what_is_no_name(enforced: Library, name: str) -> None:
    with pytest.raises(
        ValueError, match=r"invalid principal .*: expected user:NAME, group:NAME or everyone"
    ):
        enforced.kb.access.grant("red", name)
    with pytest.raises(
        ValueError, match=r"invalid principal .*: expected user:NAME, group:NAME or everyone"
    ):
        enforced.kb.access.revoke("red", name)


@pytest.mark.parametrize(
    ("granted", "name", "groups", "reads"),
    [
        (ANA, ANA, [], True),
        (ANA, BOB, [], False),
        (ANA, "user:ana ", [], False),
        (ANA, "user:Ana", [], False),
        (ANA, "page:ana", [], False),
        (ANA, BOB, ["ana"], False),
        (ANA, BOB, ["user:ana"], False),  # that is group:user:ana
        ("group:hr", BOB, ["hr"], True),
        ("group:hr", BOB, ["group:hr"], True),
        ("group:hr", BOB, ["hr "], False),
        ("group:hr", "user:hr", [], False),
        ("group:everyone", BOB, [], False),
        ("group:everyone", BOB, ["everyone"], True),
        ("everyone", BOB, [], True),
        ("everyone", "page:stranger", [], True),
        ('user:a" OR 1 --', BOB, [], False),
        ('user:a" OR 1 --', 'user:a" OR 1 --', [], True),
        ("user:%", BOB, [], False),
        ("user:*", BOB, [], False),
    ],
)
def test_a_grant_holds_for_whom_it_names_and_nobody_else(
    enforced: Library, granted: str, name: str, groups: list[str], reads: bool
) -> None:
    enforced.grant("red", granted)
    found = letters(enforced, enforced.kb.as_principal(name, groups))
    assert found == ({"a", "e"} if reads else set())
    assert found == enforced.rules.readable(name, Principal.parse(name, groups).groups)


def test_rights_follow_the_label_and_not_the_document(enforced: Library) -> None:
    enforced.grant("red", ANA)
    view = enforced.kb.as_principal(ANA)
    enforced.label("b", "red")
    enforced.label("a", "blue")
    assert letters(enforced, view) == {"b", "e"}
    found = {each.source for each in view.explain("lurea lureb").candidates if each.from_lexical}
    assert found == {enforced.names["b"]}
    enforced.label("a", "red")
    enforced.label("b", "blue")
    assert letters(enforced, view) == {"a", "e"}


@pytest.mark.parametrize("away", ["removed", "unreadable", "in a folder of its own"])
def test_a_document_that_comes_back_has_the_label_that_it_was_given(
    tmp_path: Path, away: str
) -> None:
    """Else a file that could not be read once would be open to all who read what is new."""
    library = Library(tmp_path)
    secret = Paper("a", (("The pump of zqaxtext.",),))
    for paper in (secret, Paper("b", (("The river.",),))):
        library.put(paper)
    library.ingest()
    library.grant("default", EVERYONE)
    library.label("a", "red")
    library.set_mode("enforced")
    view, file = library.kb.as_principal(ANA), library.docs / library.names["a"]
    if away == "unreadable":
        file.write_bytes(b"")
    else:
        file.unlink()
    library.ingest()
    assert library.kb.status().documents == 1
    file.write_bytes(secret.to_bytes())
    if away == "in a folder of its own":
        library.kb.ingest(file.parent, workers=1)
    else:
        library.ingest()
    assert [(one.source, one.label) for one in library.kb.documents()] == [
        (library.names["a"], "red"), (library.names["b"], "default"),
    ]  # fmt: skip
    assert letters(library, view) == {"b"}
    library.kb.ingest(library.docs, label="default", workers=1)
    library.rules.labels["a"] = "default"
    assert letters(library, view) == {"a", "b"}
    library.close()


def test_a_document_that_an_ingest_replaces_meanwhile_is_labelled_all_the_same(
    tmp_path: Path,
) -> None:
    """Between the look for what a pattern means and the commit another process may write."""
    library = Library(tmp_path)
    for letter in "ab":
        library.put(Paper(letter, ((f"The pump of zq{letter}xtext.",),)))
    library.ingest()
    meant = library.ids()
    library.edit("a")
    library.remove("b")
    library.ingest()
    with library.kb._store.recorder() as writer:
        assert writer.labels.assign(meant.values(), "red", by_hand=True) == [library.names["a"]]
    (document,) = library.kb.documents()
    assert (document.id != meant["a"], document.label) == (True, "red")
    library.close()


# -- whoever keeps the base ----------------------------------------------------------------------


TRIED = ("pages", "page", "chunks", "original", "has_original", "page_image", "delete_conversation")
"""Glances that give an error as a text."""


def test_the_bare_base_lists_and_tells_no_text_with_access_control(enforced: Library) -> None:
    kb = enforced.kb
    look = Look(("pump", "river"), "red", [kb.documents()[0].id])
    lists = {"documents", "has_documents", "document", "status", "statistics", "who", "path"}
    for name, glance in GLANCES.items():
        if name in lists:
            assert list(glance(kb, look))
        elif name in TRIED:
            for given in glance(kb, look):
                assert str(given).startswith("AccessDenied: ")
        else:
            with pytest.raises(AccessDenied, match="say who asks"):
                list(glance(kb, look))
    assert len(kb.documents()) == kb.status().documents == len(LETTERS)


def test_an_open_base_is_read_by_all_and_each_has_conversations_of_their_own(
    enforced: Library,
) -> None:
    enforced.set_mode("off")
    for name in (ANA, BOB, NOBODY_KNOWN):
        assert letters(enforced, enforced.kb.as_principal(name)) == set(LETTERS)
    talk = enforced.kb.as_principal(ANA).conversation()
    talk.ask("What of the pump?")
    assert talk.id in {entry.id for entry in enforced.kb.as_principal(ANA).conversations()}
    assert enforced.kb.as_principal(BOB).conversations() == []
    assert enforced.kb.conversations() == []


def test_access_control_applies_to_those_who_hold_a_view_already(enforced: Library) -> None:
    enforced.set_mode("off")
    view, kb = enforced.kb.as_principal(ANA), enforced.kb
    talk = view.conversation()
    assert letters(enforced, view) == set(LETTERS)
    talk.ask("What of the pump?")
    enforced.set_mode("enforced")
    assert letters(enforced, view) == set()
    (turn,) = talk.turns()
    assert turn.withheld
    with pytest.raises(AccessDenied):
        kb.search("pump")
    with kb._store.snapshot() as snapshot:
        assert snapshot.access.allowed_labels(Principal.parse(ANA).names) == frozenset()
