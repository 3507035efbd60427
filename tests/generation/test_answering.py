from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Abstention, AskOptions, Config, KnowledgeBase, Message
from ragkit.errors import (
    ModelFailed,
    ModelNotFound,
    ModelRefused,
    ModelUnreachable,
    PromptTruncated,
    StreamBroken,
)
from ragkit.llms import Usage
from ragkit.llms.base import Event, ModelLimits, Reasoning
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

NOBODY = "http://127.0.0.1:9"
LEAVE = "Everybody has 28 days of annual leave in each calendar year."
PUMPS = "The VX-4420 pump weighs 84 kilograms without its motor."
QUESTION = "How many days of annual leave does everybody have?"
ELSEWHERE = "Xylophone zither quarks?"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of two documents, and one that is empty."""
    root = tmp_path_factory.mktemp("asking")
    docs = root / "docs"
    docs.mkdir()
    (docs / "leave.txt").write_text(f"{LEAVE}\n")
    (docs / "pumps.txt").write_text(f"{PUMPS}\n")
    with KnowledgeBase(root / "a.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(docs)
    KnowledgeBase(root / "empty.kb", embedder=HashingEmbedder(), config=Config()).close()
    return root


def base(folder: Path, host: str, *, model: str = "auto", name: str = "a.kb") -> KnowledgeBase:
    config = Config(ollama_host=host, model=model)
    return KnowledgeBase(folder / name, embedder=HashingEmbedder(), config=config)


def test_model_answers_with_a_citation_of_its_passage(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        answer = kb.ask(QUESTION)
    assert answer.text == f"{LEAVE} [1]"
    assert answer.model == GOOD
    assert (answer.abstained, answer.incomplete, answer.is_extractive, answer.dropped) == (
        False,
        False,
        False,
        0,
    )
    (citation,) = answer.citations
    assert (citation.number, citation.source, citation.quote) == (1, "leave.txt", LEAVE)
    assert (citation.start, citation.end) == (0, len(LEAVE))
    assert answer.notice == ""


def test_stream_gives_the_text_in_pieces_and_then_the_answer(
    folder: Path, server: FakeOllama
) -> None:
    with base(folder, server.url) as kb:
        stream = kb.stream(QUESTION)
        pieces = list(stream)
    assert len(pieces) > 3
    assert "".join(pieces) == stream.answer.text
    assert stream.model == GOOD


def test_passages_go_out_numbered_and_fenced_with_the_question_last(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        kb.ask(QUESTION)
        (chat,) = own.chats
    system, user = chat["messages"]
    assert system["role"] == "system"
    assert user["content"].endswith(f"\n\nQuestion: {QUESTION}")
    assert f'[1] leave.txt\n"""\n{LEAVE}\n"""' in user["content"]


def test_number_that_no_passage_has_is_dropped(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="invents") as kb:
        answer = kb.ask(QUESTION)
    assert "99" not in answer.text
    assert answer.invalid_citations == (99,)
    assert [citation.number for citation in answer.citations] == [1]


def test_not_in_the_documents_is_an_abstention(folder: Path, server: FakeOllama) -> None:
    for name, reason in (("not-found", Abstention.MODEL), ("silent", Abstention.SILENT)):
        with base(folder, server.url, model=name) as kb:
            answer = kb.ask(QUESTION)
        assert answer.abstention is reason
        assert answer.citations == ()
        assert answer.model == name
        assert answer.text in ("I found nothing about this in your documents.", "No answer.")
        assert next(hit.source for hit in answer.passages) == "leave.txt"


def test_stream_of_an_abstention_shows_no_code_word(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="not-found") as kb:
        stream = kb.stream(QUESTION)
        assert (
            "".join(stream) == stream.answer.text == "I found nothing about this in your documents."
        )
    with base(folder, NOBODY) as kb:
        stream = kb.stream(QUESTION, AskOptions(model=Parrot("NOT")))
        assert "".join(stream) == stream.answer.text == "NOT"
        stream = kb.stream(QUESTION, AskOptions(model=Parrot("Not in the documents.")))
        assert (
            "".join(stream) == stream.answer.text == "I found nothing about this in your documents."
        )


def test_question_far_from_every_passage_asks_no_model(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        answer = kb.ask(ELSEWHERE)
        assert own.chats == []
    assert answer.abstention is Abstention.FAR
    assert answer.passages


@pytest.mark.parametrize("host", [NOBODY, "server"])
def test_a_code_in_no_document_is_an_abstention(
    folder: Path, server: FakeOllama, host: str
) -> None:
    with base(folder, server.url if host == "server" else NOBODY) as kb:
        stream = kb.stream("What does the pump VX-4421 weigh?")
        assert "".join(stream) == stream.answer.text == "“VX-4421” occurs in no document."
    answer = stream.answer
    assert (answer.abstention, answer.missing_terms) == (Abstention.MISSING, ("VX-4421",))
    assert answer.citations == ()
    assert answer.passages[0].source == "pumps.txt"


def test_a_model_is_asked_where_a_phrase_is_in_no_document(
    folder: Path, server: FakeOllama
) -> None:
    question = f'{QUESTION} I mean "annual holiday".'
    with base(folder, server.url) as kb:
        answer = kb.ask(question)
    assert (answer.abstention, answer.missing_terms) == (None, ("annual holiday",))
    assert answer.notice == "“annual holiday” occurs in no document."
    assert not answer.incomplete
    with base(folder, NOBODY) as kb:
        assert kb.ask(question).abstention is Abstention.MISSING


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What do the pumps VX-4420 and VX-4421 weigh?", "VX-4421"),
        ("Does the pump without motor cost $5,000.00?", "$5,000.00"),
        ("What do 4000 pumps without motor weigh?", "4000"),
    ],
)
def test_another_missing_term_is_a_notice(
    folder: Path, server: FakeOllama, question: str, missing: str
) -> None:
    for host in (server.url, NOBODY):
        with base(folder, host) as kb:
            answer = kb.ask(question)
        assert not answer.abstained
        assert answer.missing_terms == (missing,)
        first, *others = answer.notice.split("\n")
        assert first == f"“{missing}” occurs in no document."
        assert [line[:9] for line in others] == ([] if host == server.url else ["No model:"])


def test_missing_terms_are_named_before_an_answer_that_breaks_off(
    folder: Path, server: FakeOllama
) -> None:
    with base(folder, server.url, model="breaks") as kb:
        answer = kb.ask("What do the pumps VX-4420, VX-4421 and VX-4422 weigh?")
    *sentences, last = answer.notice.split("\n")
    assert sentences == [f"“VX-442{n}” occurs in no document." for n in (1, 2)]
    assert last.startswith("Incomplete: breaks")


def test_a_sentence_with_the_exact_term_is_quoted_first(tmp_path: Path) -> None:
    rows = [f"The price of seal QK-2115-{n} is {n} euros." for n in range(10, 99)]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "list.txt").write_text(" ".join(rows))
    with base(tmp_path, NOBODY) as kb:
        kb.ingest(tmp_path / "docs")
        for n in (11, 50, 97):
            first, *_ = kb.ask(f"price of QK-2115-{n}").text.split("\n")
            assert f"QK-2115-{n} is {n} euros" in first


def test_empty_base_says_how_to_fill_it(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, name="empty.kb") as kb:
        answer = kb.ask(QUESTION)
    assert answer.abstention is Abstention.EMPTY
    assert "ragkit ingest" in answer.abstention.sentence


@pytest.mark.parametrize(
    "name", ["breaks", "cut", "no-end", "not-done", "rubbish", "huge", "length"]
)
def test_answer_that_breaks_off_is_kept_and_marked(
    folder: Path, server: FakeOllama, name: str
) -> None:
    with base(folder, server.url, model=name) as kb:
        answer = kb.ask(QUESTION)
    assert answer.incomplete
    assert answer.text.startswith("Everybody has 28")
    assert answer.notice.startswith("Incomplete: ")


def test_answer_says_what_the_server_counted(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        usage = kb.ask(QUESTION).usage
    assert usage is not None
    assert usage.finish == "stop"
    assert 0 < (usage.prompt_tokens or 0) < 8192


def test_answer_from_a_part_of_the_prompt_is_an_error(folder: Path) -> None:
    for model in ("forgets", "auto"):
        with fake_ollama() as own, base(folder, own.url) as kb:
            own.models = [entry for entry in own.models if entry["name"] == "forgets:latest"]
            with pytest.raises(PromptTruncated, match="exceeded its context window"):
                kb.ask(QUESTION, AskOptions(model=model))


def test_a_long_prompt_of_half_the_context_is_no_error(folder: Path) -> None:
    class Exact(OwnModel):
        name = "exact"

        def chat(self, messages: list[Message]) -> Iterator[Event]:
            yield "28 days [1]"
            yield Usage("stop", prompt_tokens=4098, answer_tokens=3)

    with base(folder, NOBODY) as kb:
        assert kb.ask(QUESTION, AskOptions(model=Exact())).text == "28 days [1]"


def test_an_answer_without_end_is_told_by_its_cause(folder: Path) -> None:
    class Stops(OwnModel):
        name = "stops"

        def __init__(self, written: int) -> None:
            self.written = written

        def chat(self, messages: list[Message]) -> Iterator[Event]:
            yield "28 days [1]"
            yield Usage("length", prompt_tokens=160, answer_tokens=self.written)

    with base(folder, NOBODY) as kb:
        full = kb.ask(QUESTION, AskOptions(model=Stops(900))).notice
        long = kb.ask(QUESTION, AskOptions(model=Stops(1024))).notice
    assert full.endswith("900 tokens of the answer; raise num_ctx, or ask for fewer passages")
    assert long.endswith("reached the longest answer allowed; raise num_predict")


def test_a_model_that_repeats_itself_is_stopped(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url, model="loops") as kb:
        answer = kb.ask(QUESTION)
        assert own.left.wait(5)
    assert answer.text == f"{LEAVE} [1]"
    assert answer.notice == "The model repeated itself and was stopped."
    assert not answer.incomplete


def test_fences_and_headers_at_the_end_of_an_answer_are_removed(folder: Path) -> None:
    for echo in ('\n"""', '\n\n[2] pumps.txt\n"""', "\n========\n", '"""', "\nQuestion:"):
        with base(folder, NOBODY) as kb:
            answer = kb.ask(QUESTION, AskOptions(model=Parrot(f"It is 28 days [1].{echo}")))
        assert answer.text == "It is 28 days [1]."
        assert [citation.source for citation in answer.citations] == ["leave.txt"]


def test_prompt_of_which_next_to_nothing_was_read_is_an_error(folder: Path) -> None:
    class Deaf(OwnModel):
        name = "deaf"

        def chat(self, messages: list[Message]) -> Iterator[Event]:
            yield "28 days [1]"
            yield Usage("stop", prompt_tokens=20, answer_tokens=3)

    with base(folder, NOBODY) as kb, pytest.raises(PromptTruncated, match="read 20 tokens"):
        kb.ask(QUESTION, AskOptions(model=Deaf()))


def test_reasoning_is_kept_apart_from_the_answer(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="thinks") as kb:
        assert kb.ask(QUESTION).reasoning == ""
        stream = kb.stream(QUESTION, AskOptions(reasoning=True))
        assert "".join(stream) == f"{LEAVE} [1]"
        assert stream.answer.reasoning == "Well, let me see."
        assert stream.answer.text == f"{LEAVE} [1]"


def test_reasoning_that_uses_up_the_answer_is_told(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="only-thinks") as kb:
        answer = kb.ask(QUESTION, AskOptions(reasoning=True))
    assert answer.incomplete
    assert not answer.abstained
    assert "used up the longest answer allowed with reasoning; raise num_predict" in answer.notice


def test_closing_a_stream_ends_the_servers_work(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url, model="endless") as kb:
        stream = kb.stream(QUESTION)
        pieces = iter(stream)
        for _ in range(5):
            next(pieces)
        stream.close()
        assert own.left.wait(1)


def test_named_model_that_cannot_begin_is_an_error(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        with pytest.raises(ModelFailed, match="out of memory"):
            kb.ask(QUESTION, AskOptions(model="crashed"))
        with pytest.raises(ModelNotFound, match="ollama pull nope"):
            kb.ask(QUESTION, AskOptions(model="nope"))


def test_without_a_server_the_answer_is_an_extract_that_says_so(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        answer = kb.ask(QUESTION)
    assert answer.is_extractive
    assert answer.model is None
    assert "ollama serve" in answer.notice
    assert "28 days" in answer.text
    assert answer.citations
    for citation in answer.citations:
        assert citation.quote in {LEAVE, PUMPS}
        assert citation.quote in answer.text


def test_server_without_a_model_gives_an_extract_too(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        own.models = []
        answer = kb.ask(QUESTION)
    assert answer.is_extractive
    assert "ollama pull" in answer.notice


def test_named_model_without_a_server_is_an_error(folder: Path) -> None:
    with base(folder, NOBODY, model="llama3.2") as kb, pytest.raises(ModelUnreachable):
        kb.ask(QUESTION)
    with base(folder, NOBODY) as kb, pytest.raises(ModelUnreachable):
        kb.ask(QUESTION, AskOptions(model="llama3.2"))


class Parrot(OwnModel):
    """A language model of one's own."""

    name = "parrot"

    def __init__(self, text: str) -> None:
        self.text = text
        self.heard: list[Message] = []

    def chat(self, messages: list[Message]) -> Iterator[str]:
        self.heard = messages
        yield self.text


def test_a_model_of_ones_own_needs_no_server(folder: Path) -> None:
    parrot = Parrot("It is 28 days [1, 2][77].")
    with base(folder, NOBODY) as kb:
        answer = kb.ask(QUESTION, AskOptions(model=parrot))
    assert answer.text == "It is 28 days [1][2]."
    assert [citation.number for citation in answer.citations] == [1, 2]
    assert answer.model == "parrot"
    assert parrot.heard[-1].role == "user"


def test_citations_are_numbered_in_order_of_appearance(folder: Path) -> None:
    first, second = "The pump weighs 84 kilograms [2].", "There are 28 days [1], not 99 [2]."
    with base(folder, NOBODY) as kb:
        stream = kb.stream(QUESTION, AskOptions(model=Parrot(f"{first} {second}")))
        shown = "".join(stream)
        answer = stream.answer
    assert shown == answer.text
    assert answer.text == "The pump weighs 84 kilograms [1]. There are 28 days [2], not 99 [1]."
    cited = [answer.passages[1].source, answer.passages[0].source]
    numbered = [(each.number, each.source) for each in answer.citations[:2]]
    assert numbered == list(enumerate(cited, 1))
    assert [statement.citations for statement in answer.statements] == [(1,), (2, 1)]


def test_reasoning_in_the_text_is_no_part_of_the_answer(folder: Path) -> None:
    parrot = Parrot("<think>\nIs it 99 days [2]?\n</think>\n\nIt is 28 days [1].")
    with base(folder, NOBODY) as kb:
        stream = kb.stream(QUESTION, AskOptions(model=parrot))
        assert "".join(stream) == stream.answer.text == "It is 28 days [1]."
    assert stream.answer.reasoning.strip() == "Is it 99 days [2]?"
    assert len(stream.answer.statements) == 1


@pytest.mark.parametrize(
    "text",
    [
        "NOT IN THE DOCUMENTS [1]",
        "“NOT IN THE DOCUMENTS”.",
        "**Not in the documents** [1][2]",
        "[1] NOT IN THE\nDOCUMENTS!",
        "NOT IN THE DOCUMENTS [Passage 1].",
    ],
)
def test_a_decorated_abstention_is_one(folder: Path, text: str) -> None:
    with base(folder, NOBODY) as kb:
        answer = kb.ask(QUESTION, AskOptions(model=Parrot(text)))
    assert answer.abstention is Abstention.MODEL
    assert answer.citations == ()


def test_an_answer_that_mentions_the_abstention_is_none(folder: Path) -> None:
    text = "The fee is not in the documents, but leave is 28 days [1]."
    with base(folder, NOBODY) as kb:
        stream = kb.stream(QUESTION, AskOptions(model=Parrot(text)))
        assert "".join(stream) == stream.answer.text == text
        digits = kb.stream(QUESTION, AskOptions(model=Parrot("28")))
        assert "".join(digits) == digits.answer.text == "28"


class Speaks(OwnModel):
    """A model whose server says that this model answers."""

    name = "asked"

    def __init__(self, served: str, *, reasons: bool = False) -> None:
        self.served = served
        self.reasons = reasons

    def chat(self, messages: list[Message]) -> Iterator[Event]:
        yield from [Reasoning("28?")] if self.reasons else []
        yield "28 days [1]."
        yield Usage("stop", model=self.served)


@pytest.mark.parametrize(
    ("served", "model", "notice"),
    [
        ("", "asked", ""),
        ("Asked:latest", "asked", ""),
        ("/models/asked", "asked", ""),
        ("other", "other", "The server answered with other; it does not have asked."),
        ("/m/o.gguf", "o.gguf", "The server answered with o.gguf; it does not have asked."),
    ],
)
def test_the_model_that_answered_is_named(
    folder: Path, served: str, model: str, notice: str
) -> None:
    with base(folder, NOBODY) as kb:
        answer = kb.ask(QUESTION, AskOptions(model=Speaks(served)))
        *_, end = kb.audit.records(action="answer")
    assert (answer.model, answer.notice) == (model, notice)
    assert end.detail["model"] == model


def test_reasoning_that_a_model_does_not_show_is_told(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        without = kb.ask(QUESTION, AskOptions(model=Speaks(""), reasoning=True))
        shown = kb.ask(QUESTION, AskOptions(model=Speaks("", reasons=True), reasoning=True))
    assert without.notice == "asked showed no reasoning."
    assert (shown.notice, shown.reasoning) == ("", "28?")


def test_citations_have_the_name_of_their_document(tmp_path: Path) -> None:
    for folder in ("north", "south"):
        (tmp_path / "docs" / folder).mkdir(parents=True)
        text = f"# Leave policy\n\nIn the {folder} everybody has 28 days of annual leave."
        (tmp_path / "docs" / folder / "index.md").write_text(text)
    config = Config(ollama_host=NOBODY)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb:
        kb.ingest(tmp_path / "docs")
        talk = kb.conversation()
        parrot = AskOptions(model=Parrot("28 days [2]."))
        answers = [talk.ask(QUESTION), talk.ask(QUESTION, parrot)]
        assert [turn.answer for turn in talk.turns()] == answers
        alone = kb.ask(QUESTION, AskOptions(k=1))
    for answer in answers:
        folders = [citation.source.partition("/")[0] for citation in answer.citations]
        assert [c.name for c in answer.citations] == [f"Leave policy ({each})" for each in folders]
        assert folders
    assert {citation.name for citation in alone.citations} == {"Leave policy"}


def test_a_reason_names_only_passages_that_the_answer_cites(folder: Path) -> None:
    with base(folder, NOBODY) as kb:
        sources = [hit.source for hit in kb.ask(QUESTION).passages]
        pumps = 1 + sources.index("pumps.txt")
        leave = 1 + sources.index("leave.txt")
        wrong = f"Everybody has 28 days of annual leave [{pumps}]."
        alone = kb.ask(QUESTION, AskOptions(model=Parrot(wrong)))
        both = kb.ask(QUESTION, AskOptions(model=Parrot(f"{wrong} So it is [{leave}].")))
    assert alone.statements[0].reasons[0] == "“28 days” is not in [1], but in another passage"
    assert both.statements[0].reasons[0] == "“28 days” is not in [1], but in [2]"


def test_what_a_model_writes_is_neither_link_nor_image_nor_tag(folder: Path) -> None:
    class Turncoat(OwnModel):
        name = "turncoat"

        def chat(self, messages: list[Message]) -> Iterator[Event]:
            yield from "28 days [1] ![x](https://evil.example/?q=28)<img src=x>\x1b[2J\u202e"

    with base(folder, NOBODY) as kb:
        stream = kb.stream(QUESTION, AskOptions(model=Turncoat()))
        shown = "".join(stream)
    assert shown == "28 days [1] ! [x] (https: //evil.example/?q=28)< img src=x>[2J"
    assert shown == stream.answer.text
    assert [statement.citations for statement in stream.answer.statements] == [(1,)]


def test_a_question_that_is_too_long_for_the_model_says_so(
    folder: Path, server: FakeOllama
) -> None:
    question = QUESTION * 2_000
    with base(folder, server.url) as kb:
        with pytest.raises(ModelRefused, match="the question is too long: it has about 33,333"):
            kb.ask(question, AskOptions(model=GOOD))
        answer = kb.ask(question)
    assert LEAVE in answer.text
    assert answer.is_extractive
    assert "ask a shorter one" in answer.notice


def test_what_does_not_fit_the_context_is_dropped_whole_and_counted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(8):
        (docs / f"{number}.txt").write_text(f"{LEAVE} Volume {number}. " + "More words. " * 20)
    config = Config(ollama_host=NOBODY)
    parrot = Parrot("28 [1]")
    parrot.limits = ModelLimits(context=1024, output=700)
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as kb:
        kb.ingest(docs)
        answer = kb.ask(QUESTION, AskOptions(model=parrot))
        found = kb.search(QUESTION, 8)
    assert answer.dropped == len(found) - len(answer.passages)
    assert 0 < len(answer.passages) < len(found)
    prompt = parrot.heard[-1].content
    assert all(hit.text in prompt for hit in answer.passages)
    assert len(prompt) // 3 < parrot.limits.context - parrot.limits.output


def test_base_whose_documents_were_all_removed_is_empty(tmp_path: Path) -> None:
    (tmp_path / "leave.txt").write_text(LEAVE)
    with base(tmp_path, NOBODY) as kb:
        kb.ingest(tmp_path / "leave.txt")
        kb.remove("leave.txt")
        assert kb.ask(QUESTION).abstention is Abstention.EMPTY


@pytest.mark.parametrize("question", ["", " \n\t"])
def test_empty_question_is_refused(folder: Path, question: str) -> None:
    with base(folder, NOBODY) as kb:
        for asked in (kb.ask, kb.stream, kb.conversation().ask):
            with pytest.raises(ValueError, match="the question is empty"):
                asked(question)


def test_question_with_half_a_character_is_answered(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        assert kb.ask(f"{QUESTION} \ud800").text == f"{LEAVE} [1]"
        talk = kb.conversation()
        assert [talk.ask(f"{QUESTION} \ud800").text for _ in range(2)] == [f"{LEAVE} [1]"] * 2


def test_stream_is_closed_from_another_thread(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url, model="endless") as kb:
        stream = kb.stream(QUESTION)
        threading.Timer(0.3, stream.close).start()
        for _ in stream:
            pass
        assert own.left.wait(2)
        with pytest.raises(StreamBroken, match="stopped before it was whole"):
            _ = stream.answer


@pytest.mark.parametrize(
    ("written", "abstains"),
    [
        ("NOT IN THE DOCUMENTS", True),
        ("Not in the documents.", True),
        ("NOT IN THE DOCUMENTS. However, leave is 28 days [1].", False),
    ],
)
def test_what_a_model_says_when_it_finds_nothing(
    folder: Path, written: str, abstains: bool
) -> None:
    with base(folder, NOBODY) as kb:
        assert kb.ask(QUESTION, AskOptions(model=Parrot(written))).abstained is abstains
