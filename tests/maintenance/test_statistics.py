from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from ragkit import AskOptions, Config, Filter, KnowledgeBase, Message
from ragkit.errors import ModelFailed
from ragkit.llms.base import Event
from ragkit.maintenance import KindCounts
from ragkit.store.database import connect
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

LEAVE = "Everybody has 28 days of annual leave in each calendar year."
QUESTION = "How many days of annual leave does everybody have?"


class Model(OwnModel):
    """Says one thing, and may break off after it."""

    name = "model"

    def __init__(self, text: str, *, breaks: bool = False) -> None:
        self.text = text
        self.breaks = breaks

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        yield self.text
        if self.breaks:
            raise ModelFailed("the server went away")


def base(folder: Path) -> KnowledgeBase:
    config = Config(ollama_host="http://127.0.0.1:9")
    return KnowledgeBase(folder / "a.kb", embedder=HashingEmbedder(), config=config)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_an_empty_base_has_nothing_to_count(tmp_path: Path) -> None:
    with base(tmp_path) as kb:
        found = kb.statistics()
    assert (found.kinds, found.documents, found.documents_per_day) == ([], 0, [])
    assert (found.questions, found.abstained, found.seconds, found.questions_per_day) == (
        0, {}, [], []
    )  # fmt: skip


def test_documents_are_counted_by_kind_and_day_for_whoever_may_read_them(
    tmp_path: Path, docs: Path
) -> None:
    (docs / "leave.txt").write_text(LEAVE)
    (docs / "rules.md").write_text(f"# Rules\n\n{LEAVE}\n")
    (docs / "board.md").write_text("# Board\n\nThe board meets in June.\n")
    with base(tmp_path) as kb:
        kb.ingest(docs)
        kb.ingest(docs / "board.md", label="board")
        found = kb.statistics()
        public = kb.statistics(where=Filter(label=["default"]))
        none = kb.statistics(where=Filter(label=[]))
    assert found.kinds == [KindCounts("markdown", 2, 2, 2, 2), KindCounts("text", 1, 1, 1, 1)]
    assert (found.documents, found.pages, found.readable_pages, found.chunks) == (3, 3, 3, 3)
    assert found.documents_per_day == [(today(), 3)]
    assert public.kinds == [KindCounts("markdown", 1, 1, 1, 1), KindCounts("text", 1, 1, 1, 1)]
    assert (none.kinds, none.documents, none.documents_per_day) == ([], 0, [])


def test_questions_are_counted_by_what_became_of_them(tmp_path: Path, docs: Path) -> None:
    (docs / "leave.txt").write_text(LEAVE)
    with base(tmp_path) as kb:
        kb.ingest(docs)
        talk = kb.as_principal("user:ana").conversation()
        talk.ask(QUESTION)
        talk.ask("Xylophone zither quarks?")
        other = kb.as_principal("user:bob").conversation()
        other.ask(QUESTION, AskOptions(model=Model(f"{LEAVE} [1]")))
        other.ask(QUESTION, AskOptions(model=Model("Everybody has 29 days of annual leave [1].")))
        other.ask(QUESTION, AskOptions(model=Model(f"{LEAVE} [1]", breaks=True)))
        other.ask(QUESTION, AskOptions(model=Model("NOT IN THE DOCUMENTS")))
        talk.rate(1, up=True)
        other.rate(2, up=False, comment="Hardly credible.")
        found = kb.statistics(where=Filter(label=[]))
        turns = talk.turns() + other.turns()
    assert (found.questions, found.answered, found.abstained) == (6, 4, {"far": 1, "model": 1})
    assert (found.extractive, found.incomplete, found.doubtful) == (1, 1, 1)
    assert (found.thumbs_up, found.thumbs_down) == (1, 1)
    assert found.first_words == [turn.first_word for turn in turns]
    assert found.seconds == [turn.seconds for turn in turns]
    assert found.questions_per_day == [(today(), 6)]
    told = repr(found).lower()
    said = f"{LEAVE} {QUESTION} Xylophone zither quarks? Hardly credible."
    assert [word for word in re.findall("[a-z]{4,}", said.lower()) if word in told] == []


def test_turns_that_nobody_measured_have_no_times(tmp_path: Path, docs: Path) -> None:
    (docs / "leave.txt").write_text(LEAVE)
    with base(tmp_path) as kb:
        kb.ingest(docs)
        talk = kb.conversation()
        talk.ask(QUESTION)
    with closing(connect(tmp_path / "a.kb" / "ragkit.db")) as database:
        (answer,) = database.execute("SELECT answer FROM turn").fetchone()
        content = json.loads(answer)
        del content["first_word"], content["seconds"]
        database.execute("UPDATE turn SET answer = ?", (json.dumps(content),))
    with base(tmp_path) as kb:
        found = kb.statistics()
        (turn,) = kb.conversation(talk.id).turns()
    assert (found.questions, found.first_words, found.seconds) == (1, [], [])
    assert (turn.first_word, turn.seconds) == (0.0, 0.0)
