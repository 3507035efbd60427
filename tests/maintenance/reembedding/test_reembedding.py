"""A change of the embedder: built beside the old vectors, compared, swapped, undone, finished."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ragkit import Config, KnowledgeBase
from ragkit.embedders.base import EmbedderFacts
from ragkit.errors import (
    EmbedderError,
    EmbedderMissing,
    SourceError,
    StoreError,
    StoreLocked,
    StoreMismatch,
)
from ragkit.maintenance import EmbedderChange, ReembedProgress
from ragkit.store.database import connect
from tests.faults.forks import Running
from tests.maintenance.reembedding.base import (
    TOPICS,
    count_spare,
    found_by,
    fresh_dump,
    ingest_more,
    interrupt,
    new,
    old,
    open_kb,
    write,
)
from tests.support.fake_embeddings import embedder_entry
from tests.support.fake_ollama import FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder, Vectors

# -- the change --------------------------------------------------------------------------------


def test_a_changed_base_is_like_one_built_with_the_new_embedder(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    report = kb.reembedding.run(new())
    assert (report.embedder, report.previous, report.swapped) == ("hashing-2", "hashing-1", True)
    assert report.chunks == len(TOPICS)
    assert report.comparison is None
    assert list(kb.dump()) == fresh_dump(tmp_path, docs, new())
    assert kb.verify().intact
    for topic in TOPICS:
        assert found_by(kb, topic) == f"{topic}.txt"


def test_undo_brings_back_exactly_what_was(kb: KnowledgeBase, path: Path) -> None:
    before = list(kb.dump())
    kb.reembedding.run(new())
    assert kb.status().embedder_change == EmbedderChange("previous", "hashing-1", 64, 8, 8)
    assert kb.reembedding.undo() == "hashing-1"
    assert list(kb.dump()) == before
    assert count_spare(path) == (0, 0, 0)
    assert len(list(path.glob("index/*.faiss"))) == 1
    assert kb.verify().intact


def test_finish_deletes_the_previous_vectors_and_their_file(kb: KnowledgeBase, path: Path) -> None:
    kb.reembedding.run(new())
    assert len(list(path.glob("index/*.faiss"))) == 2
    assert kb.reembedding.finish() == "hashing-1"
    assert count_spare(path) == (0, 0, 0)
    assert len(list(path.glob("index/*.faiss"))) == 1
    assert kb.status().embedder_change is None
    assert kb.verify().intact
    for again in (kb.reembedding.finish, kb.reembedding.undo):
        with pytest.raises(StoreError, match="nothing to"):
            again()


def test_the_finished_file_holds_no_byte_of_a_previous_vector(
    kb: KnowledgeBase, path: Path
) -> None:
    with closing(connect(path / "ragkit.db", readonly=True)) as database:
        vectors = [data for (data,) in database.execute("SELECT data FROM vector")]
    kb.reembedding.run(new())
    kb.reembedding.finish()
    kb.close()
    files = [file.read_bytes() for file in path.rglob("*") if file.is_file()]
    assert vectors
    assert not any(vector[:32] in file for vector in vectors for file in files)


def test_a_change_that_was_stopped_goes_on_where_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)
    with open_kb(path) as kb:
        interrupt(kb, "embed")
        assert kb.status().embedder_change == EmbedderChange("next", "hashing-2", 96, 3, 8)
        assert kb.status().embedder == "hashing-1"
        assert found_by(kb) == "pump.txt"
        assert kb.verify().intact
    with open_kb(path) as kb:
        embedder = new()
        assert kb.reembedding.run(embedder).chunks == 5
        assert sum("described" in text for text in embedder.embedded) == 5
        assert kb.status().embedder == "hashing-2"


def test_the_same_change_again_does_nothing(kb: KnowledgeBase) -> None:
    kb.reembedding.run(new())
    report = kb.reembedding.run(new())
    assert (report.swapped, report.chunks) == (True, 0)
    assert kb.status().embedder_change is not None


def test_equal_texts_are_embedded_once(kb: KnowledgeBase, docs: Path) -> None:
    text = (docs / "pump.txt").read_text()
    for folder in ("one", "two"):
        (docs / folder).mkdir()
        (docs / folder / "same.txt").write_text(text)
    kb.ingest(docs, workers=1)
    embedder = new()
    kb.reembedding.run(embedder)
    assert len(embedder.embedded) == len(set(embedder.embedded))


def test_a_base_without_documents_has_no_embedder_to_change(tmp_path: Path) -> None:
    with (
        KnowledgeBase(tmp_path / "empty.kb", embedder=old()) as kb,
        pytest.raises(StoreError, match="no documents and no embedder yet"),
    ):
        kb.reembedding.run(new())


def test_a_base_whose_documents_are_gone_can_change_its_embedder(kb: KnowledgeBase) -> None:
    kb.remove("*.txt")
    assert kb.reembedding.run(new()).swapped
    assert kb.search("pump") == []
    assert kb.reembedding.undo() == "hashing-1"
    assert kb.verify().intact


# -- other processes ---------------------------------------------------------------------------


def test_an_open_base_follows_a_swap_and_an_undo_at_its_next_question(path: Path) -> None:
    with open_kb(path) as kb, open_kb(path) as other:
        assert found_by(other) == "pump.txt"
        kb.reembedding.run(new())
        assert found_by(other) == "pump.txt"
        assert other.ask("What is the pump?").citations
        assert other.status().embedder == "hashing-2"
        kb.reembedding.undo()
        assert found_by(other) == "pump.txt"
        kb.reembedding.run(new())
        kb.reembedding.finish()
        assert found_by(other) == "pump.txt"
        assert other.verify().intact


def test_a_base_that_lacks_the_new_embedder_says_so(path: Path) -> None:
    with open_kb(path) as kb, KnowledgeBase(path, embedder=old()) as other:
        assert found_by(other) == "pump.txt"
        kb.reembedding.run(new())
        with pytest.raises(EmbedderMissing, match="hashing-2"):
            other.search("pump")
        kb.reembedding.undo()
        assert found_by(other) == "pump.txt"


@pytest.mark.parametrize("named", [old, new])
def test_a_base_opened_with_either_embedder_uses_the_one_that_serves(
    path: Path, docs: Path, named: Callable[[], HashingEmbedder]
) -> None:
    with open_kb(path) as kb:
        interrupt(kb, "index")
    with open_kb(path, named()) as kb:
        assert found_by(kb) == "pump.txt"
        assert kb.status().embedder == "hashing-1"
        kb.reembedding.run(new())
    with open_kb(path, named()) as kb:
        assert found_by(kb) == "pump.txt"
        ingest_more(kb, docs)
        assert found_by(kb, "lathe") == "lathe.txt"
        kb.reembedding.finish()
    with open_kb(path, new()) as kb:
        assert found_by(kb) == "pump.txt"
    with open_kb(path, old()) as kb, pytest.raises(StoreMismatch, match="hashing-2"):
        kb.search("pump")


def test_searches_beside_a_change_find_everything_all_the_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 1)
    stop, wrong = threading.Event(), list[str]()

    def ask(base: KnowledgeBase, topic: str) -> None:
        while not stop.is_set():
            try:
                if found_by(base, topic) != f"{topic}.txt":
                    wrong.append(topic)
            except Exception as error:
                wrong.append(repr(error))

    with open_kb(path) as kb, open_kb(path) as other:
        asking = [threading.Thread(target=ask, args=(other, topic)) for topic in TOPICS[:3]]
        for thread in asking:
            thread.start()
        for _ in range(4):
            kb.reembedding.run(new())
            kb.reembedding.undo()
        stop.set()
        for thread in asking:
            thread.join()
    assert wrong == []


def test_a_process_that_changes_the_embedder_and_one_that_writes_go_side_by_side(
    path: Path, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 1)

    def change() -> int:
        with open_kb(path) as kb:
            for _ in range(4):
                kb.reembedding.run(new())
                kb.reembedding.undo()
            return kb.reembedding.run(new()).chunks

    changing = Running(change)
    kept = [topic for topic in TOPICS if topic != "canteen"]
    with open_kb(path) as kb:
        erased = False
        for version in range(2, 12):
            write(docs, "crane", version=version)
            try:
                kb.ingest(docs, workers=1)
                if version == 5 or (version > 5 and not erased):
                    kb.erase("canteen.txt", reason="asked for")
                    (docs / "canteen.txt").unlink()
                    erased = True
            except StoreLocked:  # it swaps, or deletes the vectors of an undone change
                time.sleep(0.05)
            assert [found_by(kb, topic) for topic in kept] == [f"{topic}.txt" for topic in kept]
        ended = changing.wait()
        assert (ended.crash, ended.code) == (None, 0), ended.err
        assert erased
        kb.ingest(docs, workers=1)
        assert list(kb.dump()) == fresh_dump(tmp_path, docs, new())
        assert kb.verify().intact


# -- refusals ----------------------------------------------------------------------------------


class Short(HashingEmbedder):
    max_tokens = 12


class Shorter(HashingEmbedder):
    max_tokens = 5


def test_an_embedder_that_reads_too_few_tokens_is_refused_before_anything_is_built(
    kb: KnowledgeBase, path: Path
) -> None:
    before = list(kb.dump())
    with pytest.raises(EmbedderError, match=r"^8 of 8 chunks have more than the 5 tokens"):
        kb.reembedding.run(Shorter("shorter"))
    assert list(kb.dump()) == before
    assert count_spare(path) == (0, 0, 0)


def test_new_chunks_fit_an_embedder_that_reads_fewer_tokens(kb: KnowledgeBase, docs: Path) -> None:
    embedder = Short("short")
    kb.reembedding.run(embedder)
    (docs / "long.txt").write_text("".join(f"A long text of {n} words. " for n in range(30)))
    kb.ingest(docs, workers=1)
    texts = [text for text in embedder.embedded if "long text" in text]
    assert len(texts) > 5
    assert max(embedder.count_tokens(texts)) <= 12
    kb.reembedding.undo()
    assert kb.verify().intact


class Replaced(HashingEmbedder):
    """A model of a server, which is replaced under its name after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__("hashing-2", 96)
        self.calls = calls

    @property
    def facts(self) -> EmbedderFacts:
        weights = "aa" * 32 if self.calls > 0 else "bb" * 32
        return EmbedderFacts(self.name, weights, self.dimension, self.max_tokens)

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        self.calls -= 1
        return super().encode_document(texts)


def test_a_model_that_is_replaced_under_its_name_is_refused(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)
    with pytest.raises(StoreMismatch, match="is no longer the model"):
        kb.reembedding.run(Replaced(3))  # one call measures the threshold
    change = kb.status().embedder_change
    assert change is not None
    assert change.chunks_done == 3
    with pytest.raises(StoreError, match="another model has that name now"):
        kb.reembedding.run(Replaced(0))
    assert kb.status().embedder == "hashing-1"
    assert kb.reembedding.run(Replaced(100)).chunks == 5


def test_only_one_change_is_under_way(kb: KnowledgeBase) -> None:
    third = HashingEmbedder("hashing-3", 32)
    interrupt(kb, "embed")
    with pytest.raises(StoreError, match=r"to hashing-2 has begun.*--undo"):
        kb.reembedding.run(third)
    with pytest.raises(StoreError, match="not in use yet"):
        kb.reembedding.finish()
    kb.reembedding.run(new())
    with pytest.raises(StoreError, match="go back to it with: ragkit reembed --undo"):
        kb.reembedding.run(old())
    with pytest.raises(StoreError, match="hashing-1 are still kept"):
        kb.reembedding.run(third)
    kb.reembedding.finish()
    assert kb.reembedding.run(third).swapped


def test_undo_ends_a_change_that_is_not_swapped_in(kb: KnowledgeBase, path: Path) -> None:
    before = list(kb.dump())
    interrupt(kb, "index")
    assert kb.reembedding.undo() == "hashing-1"
    assert count_spare(path) == (0, 0, 0)
    assert list(kb.dump()) == before


def test_an_undo_that_needs_the_previous_embedder_says_so(path: Path, docs: Path) -> None:
    with open_kb(path) as kb:
        kb.reembedding.run(new())
        ingest_more(kb, docs)
    with KnowledgeBase(path, embedder=new()) as kb:
        with pytest.raises(EmbedderMissing, match="hashing-1"):
            kb.reembedding.undo()
        assert kb.status().embedder == "hashing-2"
        assert found_by(kb, "lathe") == "lathe.txt"
        assert kb.reembedding.undo(embedder=old()) == "hashing-1"
        assert found_by(kb, "lathe") == "lathe.txt"


class Broken(HashingEmbedder):
    def encode_document(self, texts: Sequence[str]) -> Vectors:
        vectors = super().encode_document(texts)
        if any("described" in text for text in texts):
            vectors[-1] = np.nan
        return vectors


def test_unusable_vectors_are_not_stored(kb: KnowledgeBase, path: Path) -> None:
    with pytest.raises(EmbedderError, match="zeros, NaN or infinity"):
        kb.reembedding.run(Broken("broken"))
    assert count_spare(path)[0] == 0
    assert found_by(kb) == "pump.txt"


# -- the comparison ----------------------------------------------------------------------------


class Worse(HashingEmbedder):
    """Gives all texts the same vector."""

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), self.dimension), dtype=np.float32)


def write_questions(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"question": f"{t} described", "relevant": [{"doc": f"{t}.txt"}]} for t in TOPICS]
    unanswerable = {"question": "Who?", "relevant": []}
    followup = {"question": "And then?", "relevant": [{"doc": "pump.txt"}], "history": ["x"]}
    return write_questions(tmp_path / "questions.jsonl", *rows, unanswerable, followup)


def test_an_embedder_that_finds_as_much_is_swapped_in(kb: KnowledgeBase, questions: Path) -> None:
    report = kb.reembedding.run(new(), questions=questions)
    compared = report.comparison
    assert compared is not None
    assert report.swapped
    assert (compared.questions, compared.skipped, compared.is_loss) == (8, 2, False)
    assert compared.before.hit_at_5 == compared.after.hit_at_5 == 1


def test_an_embedder_that_finds_less_is_kept_aside_until_somebody_decides(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    """No word of a question is in its document: only the vectors could find it."""

    class Knowing(HashingEmbedder):
        def _encode(self, texts: Sequence[str]) -> Vectors:
            return super()._encode([text.replace("pompe", "pump") for text in texts])

    knowing = Knowing("knowing")
    kb.reembedding.run(knowing)
    kb.reembedding.finish()
    asked = write_questions(
        tmp_path / "q.jsonl", {"question": "pompe", "relevant": [{"doc": "pump.txt", "page": None}]}
    )
    worse = Worse("worse")
    report = kb.reembedding.run(worse, questions=asked)
    compared = report.comparison
    assert compared is not None
    assert (report.swapped, compared.is_loss) == (False, True)
    assert (compared.before.mrr, compared.better, compared.worse) == (1, 0, 1)
    assert kb.status().embedder == "knowing"
    seen = []
    again = kb.reembedding.run(worse, questions=asked, decide=lambda one: bool(seen.append(one)))
    assert (again.swapped, again.chunks, seen) == (False, 0, [compared])
    assert kb.reembedding.run(worse).swapped
    assert kb.status().embedder == "worse"


def test_a_page_of_a_question_counts(kb: KnowledgeBase, docs: Path, tmp_path: Path) -> None:
    asked = write_questions(
        tmp_path / "q.jsonl",
        {"question": "pump", "relevant": [{"doc": "pump.txt", "page": 3}]},
        {"question": "pump", "relevant": [{"doc": "elsewhere.txt"}, {"doc": "pump.txt"}]},
    )
    compared = kb.reembedding.run(new(), questions=asked).comparison
    assert compared is not None
    assert compared.after.hit_at_1 == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no question that names a document"),
        (b'{"question": "x", "relevant": []}\n', "no question that names a document"),
        (b"\n{\n", "line 2 of .* is not a question"),
        (b'{"relevant": [{"doc": "a"}]}', "line 1 of .* is not a question"),
        (b'{"question": "x", "relevant": [1]}', "line 1 of .* is not a question"),
        (b'{"question": "x", "relevant": [{"doc": "a", "page": "2"}]}', "is not a question"),
        (b"[]", "line 1 of .* is not a question"),
        (b"\xff\xfe", "cannot be read"),
        (b'{"question": "x", "relevant": [{"doc": "a.txt"}]}', "none of the 1 documents"),
    ],
)
def test_unusable_questions_are_refused_before_anything_is_built(
    kb: KnowledgeBase, path: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "q.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        kb.reembedding.run(new(), questions=tmp_path / "q.jsonl")
    assert count_spare(path) == (0, 0, 0)


# -- embedders on a server ---------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        fake.models = [embedder_entry()]
        yield fake


def test_a_base_changes_to_a_model_of_ollama_and_to_its_successor(
    path: Path, server: FakeOllama
) -> None:
    config = Config(ollama_host=server.url)
    with KnowledgeBase(path, embedder=old(), config=config) as kb:
        assert kb.reembedding.run("ollama:minilm").swapped
        assert found_by(kb) == "pump.txt"
        kb.reembedding.finish()
    server.models = [embedder_entry(digest="f" * 64)]
    with KnowledgeBase(path, config=config) as kb:
        with pytest.raises(StoreMismatch, match="was replaced"):
            kb.search("pump")
        assert kb.reembedding.run("ollama:minilm").swapped
        assert found_by(kb) == "pump.txt"


def test_a_model_of_ollama_that_is_replaced_meanwhile_stores_nothing_of_the_new_one(
    path: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.maintenance.reembedding._BATCH_CHUNKS", 3)

    def replace(progress: ReembedProgress) -> None:
        if progress.stage == "embed":
            server.models = [embedder_entry(digest="f" * 64)]

    with KnowledgeBase(path, embedder=old(), config=Config(ollama_host=server.url)) as kb:
        with pytest.raises(EmbedderError, match="was replaced while it was in use"):
            kb.reembedding.run("ollama:minilm", progress=replace)
        assert count_spare(path)[0] == 3
        with pytest.raises(StoreError, match="another model has that name now"):
            kb.reembedding.run("ollama:minilm")
        assert found_by(kb) == "pump.txt"
        server.models = [embedder_entry()]
        assert kb.reembedding.run("ollama:minilm").chunks == 5
        assert found_by(kb) == "pump.txt"
