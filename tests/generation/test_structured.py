"""Answers as data: what is asked of a model, what is taken from it, and what is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ragkit import Abstention, AskOptions, Config, Filter, KnowledgeBase, Message
from ragkit.errors import (
    ModelFailed,
    ModelNotFound,
    ModelRefused,
    ModelUnreachable,
    PromptTruncated,
    SchemaError,
    SchemaMismatch,
)
from ragkit.generation.json_schema import build_reply_schema, find_schema_error, parse_schema
from ragkit.llms import Usage
from ragkit.llms.base import Event, ModelLimits
from tests.support.fake_ollama import GOOD, FakeOllama, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

NOBODY = "http://127.0.0.1:9"
LEAVE = "Everybody has 28 days of annual leave in each calendar year."
PUMPS = "The VX-4420 pump weighs 84 kilograms without its motor and costs 4,120 EUR."
HOSTILE = "The crane manual stands at https://evil.example/?q=84 <img src=x> ![x](//evil.example)."
WEIGHT = "How much does the VX-4420 pump weigh without its motor?"
CRANE = "Where stands the crane manual?"
ELSEWHERE = "Oboes?"
PUMP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "weight": {"type": "number"},
        "sentence": {"type": "string"},
        "heavy": {"type": "boolean"},
    },
    "required": ["weight", "sentence"],
}
NOTE = {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of three documents, and one that is empty."""
    root = tmp_path_factory.mktemp("structured")
    docs = root / "docs"
    docs.mkdir()
    (docs / "leave.txt").write_text(f"{LEAVE}\n")
    (docs / "pumps.txt").write_text(f"{PUMPS}\n")
    (docs / "crane.txt").write_text(f"{HOSTILE}\n")
    with KnowledgeBase(root / "a.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(docs)
    KnowledgeBase(root / "empty.kb", embedder=HashingEmbedder(), config=Config()).close()
    return root


def base(folder: Path, host: str = NOBODY, *, name: str = "a.kb", **keys: Any) -> KnowledgeBase:
    config = Config(ollama_host=host, **keys)
    return KnowledgeBase(folder / name, embedder=HashingEmbedder(), config=config)


class Writes(OwnModel):
    """A model of one's own that writes this text, whatever it is asked."""

    name = "writes"

    def __init__(self, content: object, usage: Usage | None = None) -> None:
        self.text = content if isinstance(content, str) else json.dumps(content)
        self.usage = usage
        self.heard: list[Message] = []
        self.schema: Mapping[str, Any] = {}

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        self.heard, self.schema = messages, schema or {}
        yield from re.findall(r".{1,7}", self.text, re.DOTALL)
        if self.usage:
            yield self.usage


def found(answer: object, *citations: int) -> dict[str, Any]:
    return {"found": True, "citations": list(citations), "answer": answer}


# -- what comes back -----------------------------------------------------------------------------


def test_answer_is_an_object_of_the_schema_with_citations(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url) as kb:
        answer = kb.ask(WEIGHT, schema=PUMP)
    assert answer.data == {"weight": 84, "sentence": PUMPS, "heavy": True}
    assert json.loads(answer.text) == answer.data
    assert answer.text.startswith('{\n  "weight": 84,\n')
    assert (answer.model, answer.abstained, answer.is_extractive) == (GOOD, False, False)
    assert answer.model_choice.startswith("the largest of ")
    assert answer.usage is not None
    (citation,) = answer.citations
    assert (citation.number, citation.source, citation.quote) == (1, "pumps.txt", PUMPS)


def test_base_model_and_openai_server_answer_with_data_too(
    folder: Path, server: FakeOllama
) -> None:
    with base(folder, server.url, model="continues") as kb:
        assert kb.ask(WEIGHT, schema=PUMP).data["weight"] == 84
    assert "/api/generate" in server.paths
    with base(folder, NOBODY, openai_url=f"{server.url}/v1", model=GOOD) as kb:
        answer = kb.ask(WEIGHT, schema=PUMP)
    assert "/v1/chat/completions" in server.paths
    assert answer.data["weight"] == 84
    assert [citation.source for citation in answer.citations] == ["pumps.txt"]


def test_reasoning_is_kept_apart_from_the_data(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="thinks") as kb:
        answer = kb.ask(WEIGHT, AskOptions(reasoning=True), schema=PUMP)
    assert answer.reasoning == "Well, let me see."
    assert answer.data["weight"] == 84


@dataclass(frozen=True)
class Delivery:
    """A class that brings its own schema, as a pydantic model does."""

    on: date
    parts: list[str] = field(default_factory=list)

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "on": {"type": "string", "format": "date"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            },
            "required": ["on"],
            "$defs": {"Part": {"type": "string"}},
        }

    @classmethod
    def model_validate(cls, data: Any) -> Delivery:
        if len(data.get("parts", ())) > 1:
            raise ValueError("more parts\nthan one")
        return cls(date.fromisoformat(data["on"]), data.get("parts", []))


def test_class_with_a_schema_gives_an_instance(folder: Path) -> None:
    model = Writes(found({"on": "2025-10-03", "parts": ["VX-4420"]}, 1))
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=model), schema=Delivery)
    assert answer.data == Delivery(date(2025, 10, 3), ["VX-4420"])
    assert json.loads(answer.text) == {"on": "2025-10-03", "parts": ["VX-4420"]}


def test_what_the_class_refuses_is_a_mismatch(folder: Path) -> None:
    many = Writes(found({"on": "2025-10-03", "parts": ["a", "b"]}, 1))
    with base(folder) as kb, pytest.raises(SchemaMismatch, match="refused: more parts than one"):
        kb.ask(WEIGHT, AskOptions(model=many), schema=Delivery)


def test_pydantic_model_is_such_a_class(folder: Path) -> None:
    pydantic = pytest.importorskip("pydantic")
    Item = pydantic.create_model("Item", weight=(float, ...))
    Offer = pydantic.create_model("Offer", items=(list[Item], ...), note=(str | None, None))
    model = Writes(found({"items": [{"weight": 84}], "note": None}, 1))
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=model), schema=Offer)
    assert answer.data == Offer(items=[Item(weight=84)])


def test_nothing_found_is_an_abstention(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="not-found") as kb:
        answer = kb.ask(WEIGHT, schema=PUMP)
    assert answer.abstention is Abstention.MODEL
    assert (answer.data, answer.citations, answer.statements) == (None, (), ())
    assert answer.text == "I found nothing about this in your documents."
    with base(folder, server.url, model="silent") as kb:
        assert kb.ask(WEIGHT, schema=PUMP).abstention is Abstention.SILENT


def test_null_is_an_answer_only_where_the_schema_allows_it(folder: Path) -> None:
    with base(folder) as kb:
        nullable = kb.ask(
            WEIGHT, AskOptions(model=Writes(found(None, 1))), schema={"type": ["object", "null"]}
        )
        assert (nullable.data, nullable.abstained, nullable.text) == (None, False, "null")
        answer = kb.ask(WEIGHT, AskOptions(model=Writes(found(None, 1))), schema=PUMP)
    assert answer.abstention is Abstention.MODEL


def test_terms_in_no_document_that_matches_a_filter_are_named(
    folder: Path, server: FakeOllama
) -> None:
    filtered = AskOptions(where=Filter(path=["pumps.txt", "leave.txt"]))
    with base(folder, server.url) as kb:
        for options, documents in (
            (AskOptions(), "no document"),
            (filtered, "no document that matches the filter"),
        ):
            answer = kb.ask("How much does the VX-4421 weigh?", options, schema=PUMP)
            assert answer.text == f"“VX-4421” occurs in {documents}."
            answer = kb.ask(f"{WEIGHT} And the VX-4421?", options, schema=PUMP)
            assert answer.data["weight"] == 84
            assert answer.notice == f"“VX-4421” occurs in {documents}."
            answer = kb.ask('"Oboes"?', options, schema=PUMP)
            assert answer.abstention is Abstention.FAR
            assert answer.notice == f"“Oboes” occurs in {documents}."


def test_far_question_and_empty_base_ask_no_model(folder: Path) -> None:
    with fake_ollama() as own:
        with base(folder, own.url) as kb:
            assert kb.ask(ELSEWHERE, schema=PUMP).abstention is Abstention.FAR
        with base(folder, own.url, name="empty.kb") as kb:
            assert kb.ask(WEIGHT, schema=PUMP).abstention is Abstention.EMPTY
        assert own.paths == []


def test_number_that_no_passage_has_is_dropped_and_told(folder: Path, server: FakeOllama) -> None:
    with base(folder, server.url, model="invents") as kb:
        answer = kb.ask(WEIGHT, schema=PUMP)
    assert [citation.number for citation in answer.citations] == [1]
    assert answer.invalid_citations == (99,)
    with base(folder) as kb:
        odd = kb.ask(
            WEIGHT, AskOptions(model=Writes(found({"note": "84"}, 0, 2, 1, 2, -3))), schema=NOTE
        )
    cited = [odd.passages[1].source, odd.passages[0].source]
    assert [(c.number, c.source) for c in odd.citations] == list(enumerate(cited, 1))
    assert odd.invalid_citations == (-3, 0)


def test_fenced_json_is_json(folder: Path) -> None:
    text = f"```json\n{json.dumps(found({'note': '84'}, 1), indent=2)}\n```\n"
    with base(folder) as kb:
        assert kb.ask(WEIGHT, AskOptions(model=Writes(text)), schema=NOTE).data == {"note": "84"}


# -- every value is checked ----------------------------------------------------------------------


def test_wrong_number_is_marked_with_its_path(folder: Path) -> None:
    value = {
        "pump": {"weight_kg": 84, "price": 4210.0, "spare": None, "heavy": True},
        "parts": [{"name": "VX-4420 pump"}, {"name": "VX-4421 pump"}],
    }
    with base(folder) as kb:
        answer = kb.ask(
            WEIGHT, AskOptions(model=Writes(found(value, 1))), schema={"type": "object"}
        )
    assert [(each.text, each.verdict) for each in answer.statements] == [
        ("pump.weight_kg: 84", "supported"),
        ("pump.price: 4210.0", "unsupported"),
        ("parts.0.name: VX-4420 pump", "supported"),
        ("parts.1.name: VX-4421 pump", "unsupported"),
    ]
    assert answer.statements[1].reasons == ("“4210.0” is not in [1]",)
    shown = [answer.text[each.start : each.end] for each in answer.statements]
    assert shown == ["84", "4210.0", '"VX-4420 pump"', '"VX-4421 pump"']


def test_every_sentence_of_a_text_is_checked(folder: Path) -> None:
    note = "The pump weighs 85 kilograms [1]. It has no motor."
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=Writes(found({"note": note}, 1))), schema=NOTE)
    (statement,) = answer.statements
    assert (statement.verdict, statement.citations) == ("unsupported", (1,))
    assert statement.text == "note: The pump weighs 85 kilograms. It has no motor."
    assert "“85 kilograms” is not in [1]" in statement.reasons


def test_value_without_a_citation_is_visible(folder: Path) -> None:
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=Writes(found({"note": "99 kg"}))), schema=NOTE)
    assert answer.citations == ()
    (statement,) = answer.statements
    assert (statement.verdict, statement.citations) == ("unsupported", ())
    assert statement.reasons == ("“99 kg” is not in any passage",)


def test_choice_of_an_enum_is_not_checked(folder: Path) -> None:
    schema = {"properties": {"size": {"enum": ["gigantic", "tiny"]}, "digits": {"enum": [7, 84]}}}
    with base(folder) as kb:
        chosen = Writes(found({"size": "gigantic", "digits": 7}, 1))
        answer = kb.ask(WEIGHT, AskOptions(model=chosen), schema=schema)
    assert [(each.text, each.verdict) for each in answer.statements] == [
        ("digits: 7", "unsupported")
    ]


def test_many_values_are_checked_in_little_time(tmp_path: Path) -> None:
    """The passages are taken apart once, and not for each of the values."""
    (tmp_path / "docs").mkdir()
    for n in range(8):
        lines = [f"The VX-{n}{line:03} pump weighs {line} kilograms." for line in range(40)]
        (tmp_path / "docs" / f"{n}.txt").write_text("\n".join(lines))
    values = [f"The VX-{n % 8}{n // 8:03} pump weighs {n // 8} kilograms." for n in range(320)]
    schema = {"type": "array", "items": {"type": "string"}}
    with base(tmp_path) as kb:
        kb.ingest(tmp_path / "docs")
        began = time.process_time()
        answer = kb.ask(
            "What do the pumps weigh?",
            AskOptions(model=Writes(found(values, *range(1, 9)))),
            schema=schema,
        )
        assert time.process_time() - began < 3
    assert len(answer.statements) == len(values)


# -- what is asked -------------------------------------------------------------------------------


def test_prompt_asks_for_json_and_shows_the_schema(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        kb.ask(WEIGHT, schema=PUMP)
        (chat,) = own.chats
    system, *_, user = (message["content"] for message in chat["messages"])
    assert "one JSON object" in system
    assert json.dumps(PUMP, separators=(",", ":")) in system
    assert user.endswith(f"\n\nQuestion: {WEIGHT}")
    assert list(chat["format"]["properties"]) == ["found", "citations", "answer"]
    numbers = chat["format"]["properties"]["citations"]
    assert numbers["items"]["maximum"] == numbers["maxItems"] == user.count('\n"""\n') // 2


def test_schema_counts_against_the_context(folder: Path) -> None:
    long = {**PUMP, "description": "weight " * 600}
    model = Writes(found({"note": "84"}, 1))
    model.limits = ModelLimits(context=2048, output=512)
    with base(folder) as kb:
        assert kb.ask(WEIGHT, AskOptions(model=model), schema=NOTE).data
        with pytest.raises(ModelRefused, match="no passage fits into 2048 tokens"):
            kb.ask(WEIGHT, AskOptions(model=model), schema=long)


def test_references_of_the_schema_work_in_its_new_place() -> None:
    tree = {
        "type": "object",
        "properties": {
            "name": {"$ref": "#/$defs/Name"},
            "old": {"$ref": "#/definitions/Old~1Name"},
            "parts": {"type": "array", "items": {"$ref": "#"}},
            "$ref": {"type": "string"},
            "choice": {"const": {"$ref": "#/nowhere"}},
        },
        "$defs": {"Name": {"type": "string"}},
        "definitions": {"Old/Name": {"type": "string"}},
    }
    before = json.dumps(tree)
    whole = build_reply_schema(parse_schema(tree), 3)
    inner = whole["$defs"]["answer-schema"]["properties"]
    assert whole["properties"]["answer"]["anyOf"][0] == {"$ref": "#/$defs/answer-schema"}
    assert inner["name"] == {"$ref": "#/$defs/answer-schema/$defs/Name"}
    assert inner["old"] == {"$ref": "#/$defs/answer-schema/definitions/Old~1Name"}
    assert inner["parts"]["items"] == {"$ref": "#/$defs/answer-schema"}
    assert inner["$ref"] == {"type": "string"}
    assert inner["choice"] == {"const": {"$ref": "#/nowhere"}}
    assert json.dumps(tree) == before


def test_schema_that_holds_itself_is_filled_and_validated(folder: Path, server: FakeOllama) -> None:
    tree = {
        "type": "object",
        "properties": {
            "label": {"$ref": "#/$defs/Label"},
            "weight": {"type": "integer"},
            "parts": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["label", "weight"],
        "$defs": {"Label": {"type": "string"}},
    }
    with base(folder, server.url) as kb:
        data = kb.ask(WEIGHT, schema=tree).data
    assert (data["label"], data["weight"]) == (PUMPS, 84)
    assert data["parts"][0]["parts"][0]["weight"] == 84
    wrong = {"label": "a", "weight": 84, "parts": [{"label": "b", "weight": "84"}]}
    with base(folder) as kb, pytest.raises(SchemaMismatch, match=r"\$\.parts\[0\]\.weight: '84'"):
        kb.ask(WEIGHT, AskOptions(model=Writes(found(wrong, 1))), schema=tree)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "does not describe the answer"),
        ({"price": "number"}, "does not describe the answer"),
        ({"type": "strnig"}, r"not a valid JSON schema at \$\.type"),
        ({"type": "object", "properties": [1]}, r"not a valid JSON schema at \$\.properties"),
        ({"type": "string", "pattern": "("}, r"not a valid JSON schema at \$\.pattern"),
        ({"enum": {1, 2}}, "cannot be written as JSON"),
        ({"enum": [float("nan")]}, "cannot be written as JSON"),
        ({"$ref": "#/$defs/Nope"}, "refers to #/\\$defs/Nope, which is not in it"),
        ({"$ref": "#name", "$defs": {"A": {"$anchor": "name"}}}, "references begin with #/"),
        ({"$ref": "http://127.0.0.1:9/price.json"}, "nothing is fetched"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "nothing is fetched"),
        ({"items": {"$dynamicRef": "#node"}}, r"uses \$dynamicRef"),
        ({"items": {"$id": "http://127.0.0.1:9/", "type": "string"}}, r"uses \$id"),
        ("price", "'price' is not a schema; pass a JSON schema"),
        (str, "<class 'str'> is not a schema"),
    ],
)
def test_schema_that_is_none_is_an_error_before_any_request(
    folder: Path, schema: Any, words: str
) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        with pytest.raises(SchemaError, match=words):
            kb.ask(WEIGHT, schema=schema)
        assert own.paths == []


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ({"prefixItems": [{"type": "integer"}]}, ["x"], "$[0]: 'x' is not of type 'integer'"),
        (
            {"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a", "minimum": 5},
            1,
            "$: 1 is less than the minimum of 5",
        ),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/Price"}, "b": {"$ref": "#/$defs/price"}},
                "$defs": {"Price": {"type": "integer"}, "price": {"type": "string"}},
            },
            {"a": 1, "b": 5},
            "$.b: 5 is not of type 'string'",
        ),
        ({"type": "string", "format": "date"}, "2025-13-01", "$: '2025-13-01' is not a 'date'"),
        ({"type": "string", "format": "of-my-own"}, "x", ""),
        (
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
            },
            0,
            "$: 0 is less than or equal to the minimum of 0",
        ),
        ({"$schema": "http://127.0.0.1:9/mine", "type": "string"}, "x", ""),
        ({"$id": "http://127.0.0.1:9/", "items": {"$ref": "#"}, "type": "array"}, [[]], ""),
        ({"$ref": "#"}, 1, "$: the schema refers to itself without end"),
    ],
)
def test_values_are_held_against_the_whole_of_a_schema(
    schema: dict[str, Any], value: object, wrong: str
) -> None:
    assert find_schema_error(value, parse_schema(schema)) == wrong


# -- what a model does wrong ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no-json", "no-json wrote “The VX-4420 pump weighs 84 kilograms.*”, which is not JSON"),
        ("off-schema", "off-schema wrote JSON without “found”"),
        ("length", "the JSON is not complete: length reached .*; raise num_predict"),
        ("only-thinks", "used up the longest answer allowed with reasoning; raise num_predict"),
    ],
)
def test_reply_that_is_no_object_of_the_schema(
    folder: Path, server: FakeOllama, name: str, words: str
) -> None:
    with base(folder, server.url, model=name) as kb, pytest.raises(SchemaMismatch, match=words):
        kb.ask(WEIGHT, AskOptions(reasoning=True), schema=PUMP)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (found({"weight": "84", "sentence": "x"}), r"\$\.weight: '84' is not of type 'number'"),
        (found({"weight": 84}), r"\$: 'sentence' is a required property"),
        ({"found": True}, "without “found”"),
        ({"found": True, "answer": {}, "citations": 1}, "without “found”"),
        ([1], "without “found”"),
        ('{"found": true, "citations": [], "answer": {"weight": NaN}}', "which is not JSON"),
        ('{"found": true, "citations": [], "answer": {"weight": 1e999}}', "which is not JSON"),
        ("[" * 100_000, "which is not JSON"),
        (f'{{"found": true, "answer": {"[" * 70}{"]" * 70}}}', "deeper than 64 levels"),
        ("<img src=x>\x1b[2J" * 9, r"“< img src=x>\[2J"),
    ],
)
def test_reply_of_ones_own_model_that_is_wrong(folder: Path, content: object, words: str) -> None:
    with base(folder) as kb, pytest.raises(SchemaMismatch, match=words):
        kb.ask(WEIGHT, AskOptions(model=Writes(content)), schema=PUMP)


def test_server_that_refuses_the_schema_is_told(folder: Path) -> None:
    with fake_ollama() as own, base(folder, own.url) as kb:
        own.version = "0.4.7"
        with pytest.raises(ModelRefused, match=r"update Ollama to 0\.5\.0"):
            kb.ask(WEIGHT, schema=PUMP)


def test_without_a_model_there_is_no_data(folder: Path) -> None:
    with base(folder) as kb, pytest.raises(ModelUnreachable, match="ollama serve"):
        kb.ask(WEIGHT, schema=PUMP)
    with fake_ollama() as own, base(folder, own.url) as kb:
        own.models = []
        with pytest.raises(ModelNotFound, match="ollama pull"):
            kb.ask(WEIGHT, schema=PUMP)


@pytest.mark.parametrize(
    ("name", "error"), [("breaks", ModelFailed), ("cut", ModelFailed), ("forgets", PromptTruncated)]
)
def test_answer_that_breaks_off_is_an_error(
    folder: Path, server: FakeOllama, name: str, error: type[Exception]
) -> None:
    with base(folder, server.url, model=name) as kb, pytest.raises(error):
        kb.ask(WEIGHT, schema=PUMP)


# -- strings that were meant to do something -----------------------------------------------------


def test_data_from_a_hostile_document_is_inert(folder: Path, server: FakeOllama) -> None:
    said = (
        "The crane manual stands at https: //evil.example/?q=84 < img src=x> "
        "! [x] (//evil.example)."
    )
    for keys in ({}, {"openai_url": f"{server.url}/v1", "model": GOOD}):
        with base(folder, server.url, **keys) as kb:
            answer = kb.ask(CRANE, schema=NOTE)
        assert answer.data == {"note": said}
        assert answer.text == json.dumps(answer.data, indent=2)
        assert [each.text for each in answer.statements] == [f"note: {said}"]


def test_hidden_characters_reach_neither_data_nor_text_nor_keys(folder: Path) -> None:
    free = {"type": "object", "additionalProperties": {"type": ["string", "array"]}}
    hostile = {
        "a\u202e\x1b[2J": "8\u200b4\x1b]0;title\x07 \ud800",
        "https://evil.example": ["www.evil.example", "www."],
        "x]": ": //evil.example",
    }
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=Writes(found(hostile, 1))), schema=free)
    assert answer.data == {
        "a[2J": "84]0;title ",
        "https: //evil.example": ["www. evil.example", "www."],
        "x]": ": //evil.example",
    }
    alive = re.compile(r"\]\(|\]:|!\[|://|\bwww\.\S|<[A-Za-z/!?]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
    for text in (answer.text, *(each.text for each in answer.statements)):
        assert not alive.search(text), text


def test_choices_that_the_schema_itself_names_stay_as_they_are(folder: Path) -> None:
    sites = ["https://a.example", "<b>"]
    schema = {"properties": {"<site>": {"enum": sites}, "rest": {"type": "string"}}}
    model = Writes(found({"<site>": "https://a.example", "rest": "https://b.example"}, 1))
    with base(folder) as kb:
        answer = kb.ask(WEIGHT, AskOptions(model=model), schema=schema)
    assert answer.data == {"<site>": "https://a.example", "rest": "https: //b.example"}
    assert "://" not in answer.text
    assert "<site" not in answer.text


def test_link_that_a_pattern_asks_for_is_refused_and_not_handed_on(folder: Path) -> None:
    schema = {"properties": {"url": {"type": "string", "pattern": "^https://"}}}
    model = Writes(found({"url": "https://evil.example"}, 1))
    with base(folder) as kb, pytest.raises(SchemaMismatch, match="links and hidden characters"):
        kb.ask(WEIGHT, AskOptions(model=model), schema=schema)
