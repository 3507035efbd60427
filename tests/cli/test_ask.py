from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import LEAVE, PUMPS, Command, needs_model, write
from tests.rerankers.conftest import make_model
from tests.support.fake_ollama import GOOD, FakeOllama


@needs_model
def test_search_shows_source_place_and_headings(ragkit: Command, filled: Path) -> None:
    ended = ragkit("search", "weight of the VX-4420", "--kb", filled / "a.kb", "-k", 1)
    head, headings, text = ended.out.splitlines()
    assert head.startswith("[1] pumps.md")
    assert "Pumps > VX-4420" in headings
    assert PUMPS in text
    hits = json.loads(ragkit("search", "VX-4420", "--kb", filled / "a.kb", "--json").out)
    assert hits[0]["source"] == "pumps.md"
    assert {"text", "start", "end", "score", "place"} <= hits[0].keys()
    explained = ragkit("search", "VX-4420", "--kb", filled / "a.kb", "--explain").out
    assert "fused" in explained.splitlines()[0]
    assert "pumps.md" in explained


@needs_model
def test_a_reranker_is_an_option_of_all_that_search(
    ragkit: Command, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(tmp_path / "tiny-reranker")
    monkeypatch.setenv("RAGKIT_KB", str(filled / "a.kb"))
    found = ragkit("search", "VX-4420", "--reranker", model, "--json")
    assert all(isinstance(hit["reranker_score"], float) for hit in json.loads(found.out))
    ended = ragkit("search", "VX-4420", "--reranker", model)
    assert ", reranker " in ended.out.splitlines()[0]
    explained = ragkit("search", "VX-4420", "--reranker", model, "--explain").out
    assert "reranker" in explained.splitlines()[0]
    asked = json.loads(ragkit("ask", "VX-4420?", "--reranker", model, "--json").out)
    assert all(isinstance(hit["reranker_score"], float) for hit in asked["passages"])
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for command in ("search", "ask"):
        ended = ragkit(command, "VX-4420", "--reranker", "acme/none")
        assert ended.code == 1
        assert "hf download acme/none" in ended.error


@needs_model
def test_an_exact_term_in_no_document_is_named(ragkit: Command, filled: Path) -> None:
    line = "“VX-4421” occurs in no document.\n"
    kb = ("--kb", filled / "a.kb")
    assert ragkit("search", "VX-4421", *kb).out.endswith(line)
    assert ragkit("search", "VX-4421", *kb, "--explain").out.endswith(line)
    asked = ragkit("search", "VX-4421", *kb, "--json")
    assert asked.err == line
    assert isinstance(json.loads(asked.out), list)
    explained = json.loads(ragkit("search", "VX-4421", *kb, "--json", "--explain").out)
    assert explained["missing_terms"] == ["VX-4421"]
    assert ragkit("ask", "What does VX-4421 weigh?", *kb).out.startswith(line)
    answer = json.loads(ragkit("ask", "What does VX-4421 weigh?", *kb, "--json").out)
    assert (answer["abstention"], answer["missing_terms"]) == ("missing", ["VX-4421"])


@needs_model
def test_terms_that_are_missing_within_a_filter_are_named_first(
    ragkit: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_KB", str(filled / "a.kb"))
    kind = ("--kind", "markdown")
    lines = [f"“VX-442{n}” occurs in no document that matches the filter." for n in (1, 2)]
    question = "What do VX-4420, VX-4421 and VX-4422 weigh?"
    assert ragkit("search", question, *kind).out.splitlines()[-2:] == lines
    assert ragkit("search", question, *kind, "--explain").out.splitlines()[-2:] == lines
    assert ragkit("search", question, *kind, "--json").err.splitlines() == lines
    explained = json.loads(ragkit("search", question, *kind, "--json", "--explain").out)
    assert explained["missing_notice"].split("\n") == lines
    *_, blank, first, second, last = ragkit("ask", question, *kind).out.splitlines()
    assert (blank, [first, second]) == ("", lines)
    assert last.startswith("No model: ")
    none = "What does VX-4421 weigh?"
    assert ragkit("ask", none, *kind).out.splitlines()[0] == lines[0]
    assert json.loads(ragkit("ask", none, *kind, "--json").out)["text"] == lines[0]


@needs_model
def test_query_of_broken_bytes_is_searched_all_the_same(ragkit: Command, filled: Path) -> None:
    assert ragkit("search", "pump\udcff", "--kb", filled / "a.kb").code == 0
    for query in ("", "?!", "\udcff", "\x1b[31m", "-" * 100_000):
        ended = ragkit("search", "--kb", filled / "a.kb", "--", query)
        assert (ended.code, ended.out, ended.err) == (0, "no matching passages\n", "")
    asked = ragkit("ask", "?!", "--kb", filled / "a.kb")
    assert (asked.code, asked.out.splitlines()[0]) == (
        0,
        "I found nothing about this in your documents.",
    )


@needs_model
def test_ask_without_a_server_quotes_and_says_so(ragkit: Command, filled: Path) -> None:
    question = "How many days of annual leave does everybody have?"
    ended = ragkit("ask", question, "--kb", filled / "a.kb")
    assert ended.code == 0
    assert ended.err == ""
    *lines, notice = ended.out.splitlines()
    assert lines == [
        "Quoted from your documents (no AI model running)",
        "",
        f"  “{LEAVE}”",
        "  [1] leave.txt  hr/leave.txt",
        "",
    ]
    assert notice.startswith("No model: no model server answers at http://")
    answer = json.loads(ragkit("ask", question, "--kb", filled / "a.kb", "--json").out)
    assert answer["is_extractive"] is True
    assert answer["citations"][0]["source"] == "hr/leave.txt"


@needs_model
def test_ask_streams_a_models_answer_with_its_sources(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    question = "How many days of annual leave does everybody have?"
    ended = ragkit("ask", question, "--kb", filled / "a.kb")
    assert ended.out.splitlines() == [
        f"{LEAVE} [1]",
        "",
        "Sources",
        "  [1] leave.txt  hr/leave.txt",
        f"      “{LEAVE}”",
        "",
        "1 sentence verified",
        "",
        ended.out.splitlines()[-1],
    ]
    assert ended.out.splitlines()[-1].startswith(f"Model: {GOOD}, the largest of ")
    broken = ragkit("ask", question, "--kb", filled / "a.kb", "--model", "breaks")
    assert broken.code == 1
    assert "Incomplete: breaks failed while answering" in broken.out
    answer = json.loads(ragkit("ask", question, "--kb", filled / "a.kb", "--json").out)
    assert (answer["model"], answer["is_extractive"]) == (GOOD, False)


@needs_model
def test_ask_shows_a_models_reasoning_when_told_to(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    question = "How many days of annual leave does everybody have?"
    ask = ("ask", question, "--kb", filled / "a.kb", "--model", "thinks")
    assert "Reasoning" not in ragkit(*ask).out
    lines = ragkit(*ask, "--reasoning").out.splitlines()
    assert lines[:4] == [f"{LEAVE} [1]", "", "Reasoning", "  Well, let me see."]
    assert lines[-1] == "Model: thinks"


DAYS = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}


@needs_model
def test_ask_with_a_schema_prints_json_and_its_sources(
    ragkit: Command,
    filled: Path,
    tmp_path: Path,
    server: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    question = "How many days of annual leave does everybody have?"
    schema = write(tmp_path / "days.json", json.dumps(DAYS))
    ask = ("ask", question, "--kb", filled / "a.kb", "--schema", schema)
    nobody = ragkit(*ask)
    assert (nobody.code, nobody.out) == (1, "")
    assert "ollama serve" in nobody.error
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    lines = ragkit(*ask).out.splitlines()
    assert lines[:-1] == [
        "{",
        '  "days": 28',
        "}",
        "",
        "Sources",
        "  [1] leave.txt  hr/leave.txt",
        f"      “{LEAVE}”",
        "",
        "1 value verified",
        "",
    ]
    assert lines[-1].startswith(f"Model: {GOOD}, ")
    answer = json.loads(ragkit(*ask, "--json").out)
    assert answer["data"] == json.loads(answer["text"]) == {"days": 28}
    assert answer["citations"][0]["source"] == "hr/leave.txt"
    assert (answer["abstained"], answer["is_extractive"]) == (False, False)
    assert ragkit(*ask, "--model", "not-found").out.startswith("I found nothing about this")
    assert ragkit(*ask, "--model", "off-schema").code == 1


@needs_model
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not valid JSON: "),
        ("\ufeff[1]", "is not a JSON schema: expected a JSON object"),
        (b"\xff", "is not valid JSON: "),
        ('{"type": "strnig"}', "not a valid JSON schema at $.type"),
    ],
)
def test_schema_that_is_none_is_wrong_usage(
    ragkit: Command, filled: Path, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    path = tmp_path / "schema.json" if content is None else write(tmp_path / "s.json", content)
    ended = ragkit("ask", "How many days?", "--kb", filled / "a.kb", "--schema", path)
    assert ended.code == 2
    assert words in ended.err
    assert "--schema" in ended.err


@needs_model
def test_ask_a_named_model_that_is_not_there(
    ragkit: Command, filled: Path, server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("ask", "How many days of annual leave?", "--kb", filled / "a.kb", "--model")
    assert "ollama serve" in ragkit(*ask, "llama3.2").error
    assert (
        "is a cloud model; ragkit only uses local models"
        in ragkit(*ask, "gpt-oss:120b-cloud").error
    )
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    assert ragkit(*ask, "nope").error.endswith("ollama pull nope")
    monkeypatch.setenv("OLLAMA_HOST", f"{server.url}/elsewhere")
    ended = ragkit(*ask, "nope")
    assert ended.code == 1
    assert ended.error.endswith("set OLLAMA_HOST to the address of Ollama")


@needs_model
def test_ask_what_the_documents_do_not_say(ragkit: Command, filled: Path) -> None:
    ended = ragkit("ask", "Who won the world cup of 1990?", "--kb", filled / "a.kb")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "I found nothing about this in your documents.",
        "",
        "Nearest passages",
        "  - Pumps, VX-4420",
        "  - leave.txt",
    ]


@needs_model
def test_filters_restrict_what_is_searched_asked_and_listed(
    ragkit: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_KB", str(filled / "a.kb"))
    for options in (
        ["--in", "hr/"],
        ["--kind", "txt"],
        ["--path", "*leave*"],
        ["--in", "x", "--in", "hr"],
    ):
        hits = json.loads(ragkit("search", "VX-4420", "--json", *options).out)
        assert {hit["source"] for hit in hits} == {"hr/leave.txt"}, options
        asked = json.loads(ragkit("ask", "How many days of annual leave?", "--json", *options).out)
        assert {hit["source"] for hit in asked["passages"]} == {"hr/leave.txt"}
    monkeypatch.chdir(filled)  # a folder can be named as it lies on disk
    assert "leave.txt" in ragkit("search", "VX-4420", "--in", "docs/hr").out
    listed = ragkit("status", "--kind", "md").out
    assert "pumps.md" in listed
    assert "leave.txt" not in listed


@needs_model
def test_a_filter_that_leaves_nothing_says_so(
    ragkit: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_KB", str(filled / "a.kb"))
    none = (
        "no document matches the filter (kind pdf, label x); list the documents with: "
        "ragkit status --documents"
    )
    options = ("--kind", "pdf", "--label", "x")
    ended = ragkit("search", "pump", *options)
    assert (ended.code, ended.out) == (0, f"{none}\n")
    assert ragkit("search", "pump", "--explain", *options).out == f"{none}\n"
    ended = ragkit("search", "pump", "--json", *options)
    assert (ended.out, ended.err) == ("[]\n", f"{none}\n")
    asked = json.loads(ragkit("ask", "pump?", "--json", *options).out)
    assert (asked["abstention"], asked["notice"]) == ("filtered", "Filter: kind pdf, label x")
    assert "No document matches the filter" in ragkit("ask", "pump?", *options).out
    assert none in ragkit("status", *options).out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--modified-after", "soon"], "invalid modified_after 'soon'"),
        (["--in", ""], "invalid folder ''"),
        (["--kind", " "], "invalid kind ' '"),
    ],
)
def test_a_filter_that_is_none_is_wrong_usage(
    ragkit: Command, options: list[str], reason: str
) -> None:
    for command in (["search", "pump"], ["ask", "pump?"], ["chat"], ["status"]):
        ended = ragkit(*command, *options)
        assert ended.code == 2
        assert reason in ended.err
