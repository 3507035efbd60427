"""Queries that nobody should type: each gives a sane result or a clear message, and soon."""

from __future__ import annotations

import time

import pytest

from ragkit import AskOptions, KnowledgeBase
from ragkit.answers import Abstention
from tests.support.hashing import HashingEmbedder

LENGTH = 100_000  # characters


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    docs = tmp_path_factory.mktemp("docs")
    (docs / "leave.md").write_text("# Annual leave\n\nThe annual leave is 30 days for all staff.")
    (docs / "parts.md").write_text("Part VX-4410-31 is a seal; a gasket costs 1,250.50 euros.")
    (docs / "berlin.md").write_text("The Berlin office is open from 8 to 17 since 13 May 2025.")
    (docs / "mail.txt").write_text("Write to info@example.org about section 4(a).")
    kb = KnowledgeBase(tmp_path_factory.mktemp("kb") / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


def find(kb: KnowledgeBase, query: str, k: int = 8) -> list[str]:
    """Search in all three ways, and return the sources."""
    hits = kb.search(query, k)
    assert list(kb.explain(query, k).hits) == hits
    answer = kb.ask(query, AskOptions(k=k))
    assert answer.text
    assert [hit.source for hit in answer.passages] == [hit.source for hit in hits]
    return [hit.source for hit in hits]


@pytest.mark.parametrize(
    "query",
    [
        'annual leave "',
        '"annual leave',
        "“annual leave",
        "annual leave'",
        "annual leave)(",
        "annual leave \\",
        "annual\x00leave",
        "\x1b[31mannual leave\x07",
        "annual leave \ud800",
        "\u202eannual leave\u202c",
        "\ufeffannual leave",
        "annual leave 😀",
        "annual leave {0} %s {{7*7}}",
        "annual AND (leave OR NOT x~2)^3 [a TO b]",
        "'; DROP TABLE chunks; -- annual leave",
        "ANNUAL LEAVE",
        "annual leave " + "?" * 500,
    ],
)
def test_odd_characters_beside_words_change_little(handbook: KnowledgeBase, query: str) -> None:
    assert find(handbook, query)[0] == "leave.md"


@pytest.mark.parametrize(
    "query", ["?", '"', '"""', "()[]{}!?.,;", "\x00", "\x07\x1b[31m", "\ud800"]
)
def test_a_query_without_words_finds_nothing(handbook: KnowledgeBase, query: str) -> None:
    assert find(handbook, query) == []
    answer = handbook.ask(query)
    assert (answer.abstention, answer.passages) == (Abstention.FAR, ())


@pytest.mark.parametrize("query", ["the of and", "🎉", "\u202e\u200bx", "a", "1"])
def test_a_query_of_little_meaning_is_no_error(handbook: KnowledgeBase, query: str) -> None:
    find(handbook, query)


@pytest.mark.parametrize("k", [0, -1, -(10**9)])
def test_no_hits_are_found_where_none_are_wanted(handbook: KnowledgeBase, k: int) -> None:
    assert find(handbook, "annual leave", k) == []


@pytest.mark.parametrize("k", [10**6, 10**12, 2**63, 10**30])
def test_all_hits_are_found_where_many_are_wanted(handbook: KnowledgeBase, k: int) -> None:
    assert len(find(handbook, "annual leave", k)) == len(handbook.documents())


LONG = {
    "words": "annual leave ",
    "one word": "a",
    "digits": "1234567890",
    "numbers": "1,250.50 ",
    "amounts": "$1,250.50 ",
    "dates": "13 May 2025, ",
    "codes": "VX-4410-31 ",
    "joined codes": "VX-4410-31-",
    "e-mail addresses": "info@example.org ",
    "almost an e-mail address": "info.",
    "sections": "Section 4(a) ",
    "quotes": '"annual leave" ',
    "open quotes": '"',
    "names": "Anna Berta ",
    "two sides": "is Berlin or Munich larger than Vienna or ",
    "commas": "Berlin, ",
    "brackets": "(",
    "dashes": "-",
    "dots": "1.",
    "at signs": "@",
    "spaces": " ",
    "Chinese": "年假",
    "Thai": "วันลา",
    "Korean": "연차",
    "Arabic": "إجازة ",
    "combining marks": "e\u0301",
    "marks": "\u0301",
}


@pytest.mark.parametrize("kind", LONG)
def test_a_very_long_query_is_answered_soon(handbook: KnowledgeBase, kind: str) -> None:
    query = ("leave " + LONG[kind] * LENGTH)[:LENGTH]
    handbook.search("warm", 8)
    start = time.process_time()
    hits = handbook.search(query, 8)
    handbook.explain(query, 8)
    assert time.process_time() - start < 6.0  # of the processor; quadratic time would be minutes
    assert len(hits) <= 8
    assert handbook.ask(query).text
