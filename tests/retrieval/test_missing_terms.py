"""Exact terms of a question that occur in no document: said where it is certain, and only there."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest

from ragkit import Abstention, AskOptions, Filter, KnowledgeBase
from ragkit.retrieval import missing_terms
from tests.retrieval.conftest import Fill


def missing(kb: KnowledgeBase, query: str, labels: list[str] | None = None) -> tuple[str, ...]:
    where = None if labels is None else Filter(label=labels)
    return kb.explain(query, 3, where=where).missing_terms


@pytest.mark.parametrize(
    ("query", "term"),
    [
        ("price of the seal 0-20355", "0-20355"),
        ("write to ana.lu@x.org", "ana.lu@x.org"),
        ('where is "the purple elephant"', "the purple elephant"),
        ("what does Section 4.3 say", "Section 4.3"),
        ("decided on 14 May 2025", "14 May 2025"),
        ("what did Mr Paul Weber say", "Mr Paul Weber"),
        ("who paid $5,000.00", "$5,000.00"),
        ("valve Zephyr-17", "Zephyr-17"),
    ],
)
def test_a_term_that_occurs_nowhere_is_named(fill: Fill, query: str, term: str) -> None:
    kb = fill(
        {
            "a.txt": "The seals 0-20354, 0-203551 and X-0-20355-1 cost $500.00. Ana.Li@x.org.",
            "b.txt": "Section 4.2 of 13 May 2025: the elephant is purple. Mr Paul saw Weber.",
            "c.txt": "The valves Zephyr-7 and Zephyr-170.",
        }
    )
    assert missing(kb, query) == (term,)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("seal 0-20355", "The seal **0-20355** is blue."),
        ("seal 0-20355", "The seal _0-20355_ is blue."),
        ("seal 0-20355", "The seal 0-203**55** is blue."),
        ("seal 0-20355", "The seal `0`-`20355` is blue."),
        ("seal 0-20355", "The seal 0\u201120355 is blue."),
        ("seal 0-20355", "The seal 0-\n20355 is blue."),
        ("seal VX-4410", "The file IMG_VX-4410_front is blue."),
        ("R&D-77", "the R&amp;D-77 plan"),
        ("decided on 13 May 2025", "every 13 May, in 2024 and in 2025"),
        ("decided on 13.05.25", "Date: May 13th, 2025"),
        ("paid $1,250.50", "a total of 1.250,50"),
        ("what does Section 4.2(b) say", "4.2 Termination. (b) Either party may end it."),
        ("what does Section 3 say", "3. Liability. Nobody is liable."),
        ('"价格为"', "此产品的价格为四十元。"),
        ("VX-4410-31의 가격", "부품 VX-4410-31은 비쌉니다"),
        ("请问VX-4410-31的价格", "产品VX-4410-31价格为四十元"),
        ('"blue\tend  cap"', "a BLUE end\ncap"),
    ],
)
def test_a_term_that_may_occur_is_not_called_missing(fill: Fill, query: str, text: str) -> None:
    assert missing(fill({"a.txt": text, "b.txt": "Nothing else."}), query) == ()


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_unicode_forms_occur(fill: Fill, forms: tuple[str, str]) -> None:
    asked, written = (unicodedata.normalize(form, "Käthe Ström-9é") for form in forms)
    assert missing(fill({"a.txt": f"Von {written}."}), f'"{asked}"') == ()


def test_a_term_in_a_file_name_or_title_occurs(fill: Fill) -> None:
    kb = fill({"QK-22-7_final.txt": "Nothing.", "b.md": "# Pump VX-4410\n\nIt is blue."})
    assert missing(kb, "QK-22-7") == ()
    assert missing(kb, "VX-4410") == ()
    assert missing(kb, "QK-22-8 and VX-4411") == ("QK-22-8", "VX-4411")


def test_a_phrase_broken_over_two_chunks_occurs(fill: Fill) -> None:
    words = [f"word{n}" for n in range(250)]
    kb = fill({"long.txt": " ".join(words)})
    assert kb.status().chunks > 3
    for first, second in pairwise(words):
        assert missing(kb, f'"{first} {second}"') == ()
    assert missing(kb, '"word7 word9"') == ("word7 word9",)


def test_nothing_is_said_of_words_that_very_many_chunks_hold(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = fill({f"{n}.txt": f"No. {n}: one red hat. It is a hat, red." for n in range(30)})
    assert missing(kb, '"hat red it"') == ("hat red it",)
    monkeypatch.setattr(missing_terms, "_MAX_PLACES", 29)
    assert missing(kb, '"hat red it"') == ()


def test_hidden_documents_do_not_count(fill: Fill) -> None:
    kb = fill({"open.txt": "The code is AB-1234-X."})
    fill({"CD-5678-Y.txt": "The code is CD-5678-Z."}, "board")
    assert missing(kb, "CD-5678-Z and CD-5678-Y") == ()
    assert missing(kb, "CD-5678-Z", ["default"]) == ("CD-5678-Z",)
    assert missing(kb, "CD-5678-Y", ["default"]) == ("CD-5678-Y",)
    assert missing(kb, "AB-1234-X", ["board"]) == ("AB-1234-X",)


@pytest.mark.parametrize(
    ("where", "documents"),
    [
        (None, "no document"),
        (Filter(), "no document"),
        (Filter(label="open"), "no document that matches the filter"),
        (Filter(kind="text"), "no document that matches the filter"),
        (Filter(path="*.txt", label=["open", "x"]), "no document that matches the filter"),
        (Filter(modified_after="2000-01-01"), "no document that matches the filter"),
    ],
)
def test_the_sentence_says_that_a_filter_was_searched(
    fill: Fill, where: Filter | None, documents: str
) -> None:
    kb = fill({"open.txt": "The code is AB-1234-X."}, "open")
    fill({"secret.md": "The code is CD-5678-Y."}, "board")
    sentences = [f"“{code}” occurs in {documents}." for code in ("CD-5678-Z", "CD-5678-W")]
    query = "CD-5678-Z or CD-5678-W"
    assert kb.explain(query, where=where).missing_notice.split("\n") == sentences
    answer = kb.ask(query, AskOptions(where=where))
    assert (answer.abstention, answer.text.split("\n")) == (Abstention.MISSING, sentences)
    assert kb.explain("AB-1234-X", where=where).missing_notice == ""


def test_a_term_elsewhere_is_only_missing_from_what_the_filter_matches(fill: Fill) -> None:
    kb = fill({"open.txt": "The code is AB-1234-X."}, "open")
    fill({"secret.md": "The code is CD-5678-Y."}, "board")
    sentence = "“CD-5678-Y” occurs in no document that matches the filter."
    for where in (Filter(label="open"), Filter(kind="text"), Filter(path="open.*", label="open")):
        assert kb.explain("CD-5678-Y", where=where).missing_notice == sentence
        assert kb.ask("what is CD-5678-Y", AskOptions(where=where)).text == sentence
    for filter in (None, Filter(), Filter(label="board"), Filter(kind="markdown")):
        assert kb.explain("CD-5678-Y", where=filter).missing_notice == ""
        assert kb.ask("what is CD-5678-Y", AskOptions(where=filter)).missing_terms == ()


@pytest.mark.parametrize("mode", ["enforced", "strict"])
def test_under_access_control_each_reader_learns_of_their_own_documents(
    fill: Fill, mode: str
) -> None:
    kb = fill({"open.txt": "The code is AB-1234-X."}, "open")
    fill({"secret.txt": "The code is CD-5678-Z."}, "board")
    kb.access.grant("open", "user:ana")
    kb.access.grant("board", "user:bo")
    kb.access.set_mode(mode)
    ana, bo = kb.as_principal("user:ana"), kb.as_principal("user:bo")
    assert ana.ask("what is CD-5678-Z").missing_terms == ("CD-5678-Z",)
    assert ana.explain("what is CD-5678-Z").missing_terms == ("CD-5678-Z",)
    assert ana.ask("what is CD-5678-Z").text == "“CD-5678-Z” occurs in no document."
    assert bo.ask("what is CD-5678-Z").missing_terms == ()
    assert bo.ask("what is AB-1234-X").missing_terms == ("AB-1234-X",)
    assert kb.as_principal("user:eve").ask("what is CD-5678-Z").missing_terms == ()


def test_removed_documents_no_longer_hold_a_term(fill: Fill, tmp_path: Path) -> None:
    kb = fill({"a.txt": "The code is AB-1234-X.", "b.txt": "Nothing."})
    assert missing(kb, "AB-1234-X") == ()
    (tmp_path / "docs" / "default" / "a.txt").unlink()
    kb.ingest(tmp_path / "docs" / "default")
    assert missing(kb, "AB-1234-X") == ("AB-1234-X",)
