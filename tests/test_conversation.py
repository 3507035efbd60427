from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkit import Abstention, AskOptions, Config, Filter, KnowledgeBase, Message
from ragkit.errors import SourceError, StoreError, StoreLocked, StreamBroken
from ragkit.llms.base import Event, ModelLimits
from ragkit.store.database import BUSY_TIMEOUT, connect
from ragkit.store.layout import Layout
from ragkit.store.locks import hold_commit_lock
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

NOBODY = "http://127.0.0.1:9"
LEAVE = "Everybody has 28 days of annual leave in each calendar year."
LONGER = "From the 15th year of service annual leave is 32 days."
PUMPS = "The VX-4420 pump weighs 84 kilograms without its motor."
FIRST = "How many days of annual leave does everybody have?"
PARTS = ("Alpha", "Beta", "Gamma", "Delta")
SECOND = "And from the 15th year of service?"
REWRITTEN = "And from the 15th year of service days annual leave everybody?"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base of three documents, with their files beside it."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in (("leave", LEAVE), ("longer", LONGER), ("pumps", PUMPS)):
        (docs / f"{name}.txt").write_text(f"{text}\n")
    with base(tmp_path, NOBODY) as kb:
        kb.ingest(docs)
    return tmp_path


def base(folder: Path, host: str, *, model: str = "auto", audit: str = "required") -> KnowledgeBase:
    config = Config(ollama_host=host, model=model, audit=audit)
    return KnowledgeBase(folder / "a.kb", embedder=HashingEmbedder(), config=config)


class Scripted(OwnModel):
    """A model that says what it is told to, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[list[Message]] = []

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        self.asked.append(messages)
        yield self.answers.pop(0)


def test_first_question_is_searched_as_it_is(folder: Path, server: FakeOllama) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        answer = kb.conversation().ask(FIRST)
        assert len(own.chats) == 1
    assert (answer.question, answer.query) == (FIRST, "")
    assert answer.text == f"{LEAVE} [1]"


def test_follow_up_is_rewritten_shown_and_searched_for(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        stream = talk.stream(SECOND)
        assert stream.query == REWRITTEN
        answer = stream.answer
    assert (answer.question, answer.query) == (SECOND, stream.query)
    assert answer.text == f"{LONGER} [1]"
    assert [citation.source for citation in answer.citations] == ["longer.txt"]


def test_model_sees_the_turns_before_without_their_citations(folder: Path) -> None:
    model = Scripted(
        f"{LEAVE} [1]", "How long is annual leave from the 15th year of service?", f"{LONGER} [1]"
    )
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST, AskOptions(model=model))
        answer = talk.ask(SECOND, AskOptions(model=model))
    assert answer.query == "How long is annual leave from the 15th year of service?"
    rewriting, answering = model.asked[1:]
    assert rewriting[-1].content.endswith(f"\n\nFollow-up: {SECOND}")
    assert rewriting[:-1] == answering[:-1]  # which the server has read then
    assert [(m.role, m.content) for m in answering[1:3]] == [("user", FIRST), ("assistant", LEAVE)]
    assert answering[3].content.endswith(f"Question: {answer.query}")


def test_only_a_question_that_needs_it_is_rewritten(folder: Path) -> None:
    questions = [FIRST, SECOND, "What does the VX-4420 pump weigh?"]
    rewritten = "How long is annual leave from the 15th year of service?"
    model = Scripted(f"{LEAVE} [1]", rewritten, f"{LONGER} [1]", f"{PUMPS} [1]")
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        queries = [talk.ask(question, AskOptions(model=model)).query for question in questions]
    assert queries == ["", rewritten, ""]
    assert len(model.asked) == 4


def test_a_follow_up_of_a_follow_up_is_completed(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        for question in (FIRST, SECOND, "And from the 10th?"):
            answer = talk.ask(question)
    assert answer.query == (
        "How many days of annual leave does everybody have from the 10th year of service?"
    )


def test_conversation_works_without_a_model(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        answer = talk.ask(SECOND)
    assert answer.is_extractive
    assert answer.query == (
        "How many days of annual leave does everybody have from the 15th year of service?"
    )
    assert "32 days" in answer.text


def test_conversation_is_kept_and_gone_on_with(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        talk = kb.as_principal("user:ana").conversation()
        first = talk.ask(FIRST)
        assert talk.id is not None
    with base(folder, server.url) as kb:
        (found,) = kb.as_principal("user:ana").conversations()
        assert (found.id, found.who, found.title, found.turns) == (talk.id, "user:ana", FIRST, 1)
        again = kb.as_principal("user:ana").conversation(talk.id)
        assert again.ask(SECOND).query == REWRITTEN
        turns = again.turns()
    assert [turn.question for turn in turns] == [FIRST, SECOND]
    assert turns[0].answer == first
    assert (turns[0].answer.model, turns[0].answer.model_digest[:12]) == (GOOD, "a80c4f17acd5")
    assert turns[0].gone == ()


def test_extract_is_read_back_as_it_was(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        answers = []
        for question in (FIRST, "Xylophone zither quarks?"):
            talk = kb.conversation()
            answers.append(talk.ask(question))
            assert [turn.answer for turn in talk.turns()] == answers[-1:]
    assert answers[0].is_extractive
    assert answers[1].abstention is Abstention.FAR


def test_joined_passages_are_read_back_as_they_were(folder: Path) -> None:
    """Their heading and place are those of the best chunk, which need not be the first."""
    rules = [" ".join(f"{part} rule {n} grants {n} days." for n in range(12)) for part in PARTS]
    text = "\n\n".join(f"# {part}\n\n{rule}" for part, rule in zip(PARTS, rules, strict=True))
    (folder / "docs" / "rules.md").write_text(text)
    with base(folder, NOBODY) as kb:
        kb.ingest(folder / "docs")
        for part in PARTS:
            talk = kb.conversation()
            answer = talk.ask(f"How many days does {part} rule 3 grant?")
            assert any(len(hit.chunks) > 1 for hit in answer.passages)
            assert [turn.answer for turn in talk.turns()] == [answer]


def test_what_is_removed_from_the_base_is_gone_from_its_conversations(
    folder: Path, server: FakeOllama
) -> None:
    with base(folder, server.url) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        kb.remove("leave.txt")
        (turn,) = talk.turns()
        assert turn.gone == (1,)
        assert turn.answer.citations == ()
        assert "leave.txt" not in [hit.source for hit in turn.answer.passages]
        assert turn.answer.passages


def test_turns_hide_what_was_answered_from_documents_that_may_not_be_read(
    folder: Path, server: FakeOllama
) -> None:
    with base(folder, server.url) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        (turn,) = talk.turns(where=Filter(label=[]))
        assert talk.turns(where=Filter(label=["default"])) == talk.turns()
    assert (turn.question, turn.answer.citations, turn.answer.passages) == (FIRST, (), ())
    assert turn.gone == (1,)
    assert "28 days" not in repr(turn)


def test_exact_words_are_read_back_and_older_turns_have_none(folder: Path) -> None:
    (folder / "docs" / "leave.txt").write_text(f"Rules for all. {LEAVE} Ask your manager first.")
    with base(folder, NOBODY) as kb:
        kb.ingest(folder / "docs")
        talk = kb.conversation()
        (cited,) = talk.ask(FIRST, AskOptions(model=Scripted(f"{LEAVE} [1]"))).citations
        assert cited.highlights == ((15, 15 + len(LEAVE)),)
        assert talk.turns()[0].answer.citations == (cited,)
        with closing(connect(Layout(folder / "a.kb").database)) as database:
            stored = "json_remove(answer, '$.citations[0][4]')"
            database.execute(f"UPDATE turn SET answer = {stored}")
        assert talk.turns()[0].answer.citations == (replace(cited, highlights=()),)


def test_withheld_answer_does_not_tell_which_words_it_rests_on(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        kb.ingest(folder / "docs" / "pumps.txt", label="board")
        talk = kb.conversation()
        (cited,) = talk.ask(FIRST, AskOptions(model=Scripted(f"{LEAVE} [1]"))).citations
        (turn,) = talk.turns(where=Filter(label=["default"]))
    assert cited.highlights
    assert turn.answer.text.startswith("Not shown")
    assert turn.answer.citations == (replace(cited, highlights=()),)


def test_model_sees_no_turn_from_documents_that_may_not_be_read(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        kb.ingest(folder / "docs" / "pumps.txt", label="public")
        talk = kb.conversation()
        talk.ask(FIRST, AskOptions(model=Scripted(f"{LEAVE} [1]")))
        model = Scripted(f"{PUMPS} [1]")
        talk.ask(
            "What does the VX-4420 pump weigh without it?",
            AskOptions(model=model, where=Filter(label=["public"])),
        )
    (asked,) = model.asked
    assert "28 days" not in repr(asked)


def test_conversations_of_others_are_not_found(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.as_principal("user:ana").conversation()
        talk.ask(FIRST)
        assert kb.as_principal("user:bob").conversations() == []
        with pytest.raises(SourceError, match=f"user:bob has no conversation {talk.id}"):
            kb.as_principal("user:bob").conversation(talk.id)
        with pytest.raises(SourceError, match="list them with: ragkit conversations"):
            kb.as_principal("user:bob").delete_conversation(talk.id or 0)


def test_deleted_conversation_is_gone_and_its_number_is_not_used_again(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask("What does the secret valve weigh?")
        kb.delete_conversation(talk.id or 0)
        assert kb.conversations() == []
        after = kb.conversation()
        after.ask(FIRST)
        assert (after.id or 0) > (talk.id or 0)
    for file in (folder / "a.kb").glob("ragkit.db*"):
        assert b"secret valve" not in file.read_bytes()


def test_the_number_of_a_conversation_tells_nothing_of_documents(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        ana = kb.as_principal("user:ana")
        numbers = []
        for n in range(3):
            talk = ana.conversation()
            talk.ask(FIRST)
            numbers.append(talk.id)
            (folder / "docs" / f"{n}.txt").write_text(f"{PUMPS}\n" * 40 + str(n))
            kb.ingest(folder / "docs")
        assert numbers == [1, 2, 3]


def test_the_log_has_what_was_done_with_a_conversation_and_who_was_turned_away(
    folder: Path,
) -> None:
    with base(folder, NOBODY) as kb:
        ana, bob = kb.as_principal("user:ana"), kb.as_principal("user:bob")
        talk = ana.conversation()
        talk.ask(FIRST)
        ana.conversation(talk.id).rename("Leave")
        talk.rate(1, up=True)
        with pytest.raises(SourceError):
            bob.conversation(talk.id)
        ana.delete_conversation(talk.id or 0)
        with pytest.raises(SourceError):
            bob.document(99)
        done = [record for record in kb.audit.records() if record.actor in ("user:ana", "user:bob")]
        assert [(record.actor[5:], record.action, record.object) for record in done[2:]] == [
            ("ana", "conversation.open", "conversation:1"),
            ("ana", "conversation.rename", "conversation:1"),
            ("ana", "conversation.rate", "conversation:1"),
            ("bob", "refuse", "conversation:1"),
            ("ana", "conversation.delete", "conversation:1"),
            ("bob", "refuse", "document"),
        ]
        list(kb.dump())
        assert kb.audit.records()[-1].action == "kb.dump"


def test_deleting_a_conversation_holds_nobody_up_while_somebody_reads(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        with kb._store.snapshot():
            began = time.monotonic()
            kb.delete_conversation(talk.id or 0)
            assert time.monotonic() - began < 5
            recorder = kb._store._recorder
            assert recorder is not None
            (patience,) = recorder.connection.execute("PRAGMA busy_timeout").fetchone()
            assert patience == BUSY_TIMEOUT
        assert kb.conversations() == []


def test_title_is_the_first_question_until_it_is_given_another(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        assert talk.title == ""
        talk.ask(FIRST)
        talk.ask(SECOND)
        assert talk.title == FIRST
        talk.rename("  Leave,\nfor the\thandbook \ud800 ")
        assert talk.title == "Leave, for the handbook ?"
        assert kb.conversations()[0].title == kb.conversation(talk.id).title == talk.title
        talk.rename("a" * 500)
        assert len(kb.conversations()[0].title) == 120
        with pytest.raises(ValueError, match="the title is empty"):
            talk.rename(" \n")


def test_title_given_before_the_first_question_is_kept_with_it(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.rename("Leave")
        assert kb.conversations() == []
        talk.ask(FIRST)
        assert [found.title for found in kb.conversations()] == ["Leave"]


def test_rating_is_kept_with_its_turn_changed_and_taken_back(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        talk.ask(SECOND)
        assert [(turn.number, turn.rating) for turn in talk.turns()] == [(1, None), (2, None)]
        talk.rate(1, up=True)
        talk.rate(2, up=False, comment=" Wrong year. ")
        first, second = [turn.rating for turn in kb.conversation(talk.id).turns()]
        assert first
        assert second
        assert (first.up, first.comment, second.up, second.comment) == (
            True, "", False, "Wrong year."
        )  # fmt: skip
        assert datetime.fromisoformat(second.at).tzinfo is UTC
        talk.rate(2, up=True)
        talk.rate(1, up=None)
        first, second = [turn.rating for turn in talk.turns()]
        assert first is None
        assert second
        assert (second.up, second.comment) == (True, "")


def test_what_people_say_is_no_content_of_the_base(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        before = list(kb.dump())
        talk = kb.conversation()
        talk.ask(FIRST)
        talk.rate(1, up=True)
        assert list(kb.dump()) == before


def test_answers_are_rated_and_named_while_documents_are_ingested(folder: Path) -> None:
    with base(folder, NOBODY) as kb, base(folder, NOBODY) as other:
        talk = kb.conversation()
        talk.ask(FIRST)
        with other._store.writer():
            talk.rate(1, up=True)
            talk.rename("Leave")
            assert talk.turns()[0].rating
            assert kb.conversations()[0].title == "Leave"


def test_only_turns_that_are_kept_are_rated(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        with pytest.raises(SourceError, match="turn 1 is not stored"):
            talk.rate(1, up=True)
        talk.ask(FIRST)
        for turn in (0, 2, -1):
            with pytest.raises(
                SourceError, match=f"conversation {talk.id} has no turn {turn}: expected"
            ):
                talk.rate(turn, up=True)
        talk.rate(1, up=True, comment="about the secret valve")
        kb.delete_conversation(talk.id or 0)
        with pytest.raises(StoreError, match=f"conversation {talk.id} no longer exists"):
            talk.rate(1, up=True)
        with pytest.raises(StoreError, match=f"conversation {talk.id} no longer exists"):
            talk.rename("Leave")
    for file in (folder / "a.kb").glob("ragkit.db*"):
        assert b"secret valve" not in file.read_bytes()


def test_turn_says_how_long_its_first_word_and_the_whole_answer_took(folder: Path) -> None:
    class Slow(Scripted):
        def chat(self, messages: list[Message]) -> Iterator[Event]:
            time.sleep(0.1)
            yield "Everybody has 28 days"
            time.sleep(0.1)
            yield " of annual leave [1]."

    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST, AskOptions(model=Slow()))
        talk.ask("Xylophone zither quarks?")
        slow, quick = talk.turns()
    assert 0.1 <= slow.first_word <= slow.seconds - 0.1
    assert 0 < quick.first_word <= quick.seconds < 5


def test_conversation_nobody_said_anything_in_is_not_kept(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        assert kb.conversation().turns() == []
        assert kb.conversations() == []


def test_answer_that_was_stopped_is_not_kept(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url, model="endless") as kb:
        talk = kb.conversation()
        stream = talk.stream(FIRST)
        next(iter(stream))
        stream.close()
        assert own.left.wait(2)
        assert talk.turns() == []
        assert talk.id is None


def test_stream_that_was_closed_ends_and_has_no_answer(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        for stream in (
            kb.stream(FIRST, AskOptions(model=Scripted(LEAVE))),
            talk.stream(FIRST, AskOptions(model=Scripted(LEAVE))),
            talk.stream(FIRST),
        ):
            pieces = iter(stream)
            next(pieces)
            stream.close()
            assert list(stream) == []
            with pytest.raises(StreamBroken, match="stopped before it was whole"):
                _ = stream.answer
        assert talk.turns() == []


def test_turn_of_a_conversation_that_was_removed_is_not_kept(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        kb.delete_conversation(talk.id or 0)
        answer = talk.ask(SECOND)
        assert "32 days" in answer.text
        notice = f"Not stored in the conversation: conversation {talk.id} no longer exists"
        assert notice in answer.notice
        assert kb.conversations() == []


def test_turn_that_could_not_be_kept_is_still_among_those_that_were_said(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        talk = kb.conversation()
        talk.ask(FIRST)
        assert talk.id is not None
        kb.delete_conversation(talk.id)
        answer = talk.ask(SECOND)
        [turn] = talk.turns()
        assert (turn.number, turn.answer) == (0, answer)


def test_what_was_said_and_named_elsewhere_is_known_here(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        here = kb.conversation()
        here.ask(FIRST)
        there = kb.conversation(here.id)
        there.ask(SECOND)
        there.rename("Leave")
        assert [turn.question for turn in here.turns()] == [FIRST, SECOND]
        assert here.title == "Leave"


def test_what_was_said_before_gives_way_to_a_passage(folder: Path) -> None:
    class Small(Scripted):
        limits = ModelLimits(context=490, output=200)

    (folder / "docs" / "long.txt").write_text("Zebras graze in herds on the plains. " * 8)
    with base(folder, NOBODY) as kb:
        kb.ingest(folder / "docs")
        talk = kb.conversation()
        model = Small("word " * 12, "On the plains [1].")
        talk.ask(FIRST, AskOptions(model=model))
        answer = talk.ask("And where do zebras graze in herds?", AskOptions(model=model))
    assert answer.text == "On the plains [1]."
    assert [message.role for message in model.asked[-1]] == ["system", "user"]


def test_people_go_on_asking_while_documents_are_ingested(folder: Path) -> None:
    with base(folder, NOBODY) as kb, base(folder, NOBODY) as other:
        with other._store.writer():
            talk = kb.conversation()
            talk.ask(FIRST)
            assert len(kb.conversations()) == 1
        assert other.ingest(folder / "docs").unchanged == ["leave.txt", "longer.txt", "pumps.txt"]


def test_turns_and_documents_are_committed_by_one_at_a_time(folder: Path) -> None:
    """Eight conversations and an ingest at once lose nothing."""
    for n in range(20):
        (folder / "docs" / f"more-{n}.txt").write_text(f"Valve {n} opens at {n} bar.\n")
    with base(folder, NOBODY) as kb:
        talks = [kb.as_principal(f"user:{n}").conversation() for n in range(8)]

        def ask(n: int) -> None:
            for question in (FIRST, SECOND, f"At how many bar does valve {n} open?"):
                talks[n].ask(question)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        report = kb.ingest(folder / "docs")
        for thread in threads:
            thread.join()
        assert len(report.added) == 20
        assert [len(talk.turns()) for talk in talks] == [3] * 8
        assert len({talk.id for talk in talks}) == 8
        assert kb.audit.verify().intact


def test_turn_that_cannot_be_written_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(folder / "a.kb")
    monkeypatch.setattr("ragkit.store.locks._LOCK_TIMEOUT", 0.05)
    with base(folder, NOBODY, audit="optional") as kb, hold_commit_lock(layout.commit_lock):
        talk = kb.conversation()
        answer = talk.ask(FIRST)
        (turn,) = talk.turns()
    assert "28 days" in answer.text
    assert "Not stored in the conversation: " in answer.notice
    assert (turn.number, turn.answer) == (0, answer)


def test_lock_that_is_never_let_go_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.store.locks._LOCK_TIMEOUT", 0.05)
    path = Layout(folder / "a.kb").commit_lock
    with hold_commit_lock(path), pytest.raises(StoreLocked, match="does not finish its commit"):
        hold_commit_lock(path).__enter__()
