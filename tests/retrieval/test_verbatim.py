"""Exact terms of a query: their holders are found, and rank first where the query is the term."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from ragkit import Filter, KnowledgeBase
from ragkit.retrieval.verbatim import Holders, find_holders
from ragkit.text.verbatim import parse_question
from tests.retrieval.conftest import Fill


def holders(kb: KnowledgeBase, query: str, labels: list[str] | None = None) -> set[str]:
    """The sources of the chunks whose score has a verbatim part."""
    found = kb.explain(query, 50, where=Filter(label=labels)).candidates
    return {entry.source for entry in found if entry.verbatim_part > 0}


VALVES = {
    f"{n}.txt": f"Notes of week {n}. The valve Zephyr-{n} was opened, and 7 lamps were checked."
    for n in range(1, 30)
}


def test_every_holder_of_a_code_ranks_above_all_others(fill: Fill) -> None:
    more = {f"more-{n}.txt": f"Report {n}: nothing but the valve Zephyr-7." for n in range(11)}
    kb = fill({**VALVES, **more})
    hits = kb.search("In which files does the valve Zephyr-7 appear?", 12)
    assert {hit.source for hit in hits} == {"7.txt", *more}


@pytest.mark.parametrize(
    ("query", "text", "other"),
    [
        ("price of QK-2115-71", "| **QK-2115-71** | 4.50 |", "| QK-2115-17 | price of all |"),
        ("_QK-2115-71_?", "see _QK-2115-71_ there", "QK-2115-711 and QK-2115"),
        ("When is 13 May 2025?", "Minutes, 2025-05-13.", "Minutes, 2025-05-31."),
        ("Was war am 13.05.25?", "On May 13, 2025 it rained.", "On May 14, 2025 it rained."),
        ("who paid 1,250.50 EUR?", "Es kostet 1.250,50 € je Stück.", "Es kostet 1.250,60 €."),
        ("what does § 4.2 say", "Section 4.2 Termination.", "Section 4.3 Liability, part 2."),
        ("ana.li@example.org", "Write to Ana.Li@Example.org.", "Write to li.ana@example.org."),
        ('where is "blue end cap"', "a blue\nend cap here", "the cap at the blue end"),
        ("What did Mr Blue Cap say?", "Mr Blue Cap said no.", "Mr Cap wore a blue Blue cap."),
        ("R&D-77 budget", "the R&amp;D-77 plan", "the R&D-78 plan, budget 77"),
    ],
)
def test_the_holder_of_a_term_is_found_and_ranks_first(
    fill: Fill, query: str, text: str, other: str
) -> None:
    kb = fill({"holder.txt": text, "other.txt": other, **VALVES})
    assert holders(kb, query) == {"holder.txt"}
    assert kb.search(query, 1)[0].source == "holder.txt"


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_unicode_forms_are_found(fill: Fill, forms: tuple[str, str]) -> None:
    asked, written = (unicodedata.normalize(form, "Käthe Strübing-9é") for form in forms)
    kb = fill({"holder.txt": f"Besuch von {written} heute.", **VALVES})
    assert holders(kb, f'"{asked}"') == {"holder.txt"}


def test_a_term_in_the_title_alone_is_found(fill: Fill) -> None:
    kb = fill({"guide.md": "# Pump VX-4410-31\n\nIt needs oil.", **VALVES})
    assert holders(kb, "VX-4410-31") == {"guide.md"}


def test_a_query_without_exact_terms_has_no_verbatim_part(fill: Fill) -> None:
    assert holders(fill(VALVES), "which valve was opened") == set()


def test_a_part_of_a_longer_question_adds_less(fill: Fill) -> None:
    kb = fill({"holder.txt": "The seal VX-4410-31 costs 4 euros.", **VALVES})

    def boost(query: str) -> float:
        return max(entry.verbatim_part for entry in kb.explain(query, 5).candidates)

    assert boost("VX-4410-31") == pytest.approx(1.0)
    assert 0 < boost("lamps opened and checked, seal costs euros: VX-4410-31") < 0.5


def test_hidden_documents_do_not_hold_a_term(fill: Fill) -> None:
    kb = fill({"open.txt": "The code is AB-1234-X."})
    fill({"secret.txt": "The code is AB-1234-X, and CD-5678-Y."}, "board")
    assert holders(kb, "AB-1234-X") == {"open.txt", "secret.txt"}
    assert holders(kb, "AB-1234-X", ["default"]) == {"open.txt"}
    assert holders(kb, "CD-5678-Y", ["default"]) == set()
    assert holders(kb, "CD-5678-Y", []) == set()


@pytest.mark.parametrize("sync", [True, False])
def test_changed_documents_are_not_stale(fill: Fill, tmp_path: Path, sync: bool) -> None:
    kb = fill({"a.txt": "The code is AB-1234-X.", "b.txt": "The code is AB-1234-X."})
    if sync:
        assert holders(kb, "AB-1234-X") == {"a.txt", "b.txt"}
    (tmp_path / "docs" / "default" / "a.txt").write_text("The code is AB-1234-Y.")
    kb.ingest(tmp_path / "docs" / "default")
    assert holders(kb, "AB-1234-X") == {"b.txt"}
    assert holders(kb, "AB-1234-Y") == {"a.txt"}
    (tmp_path / "docs" / "default" / "b.txt").unlink()
    kb.ingest(tmp_path / "docs" / "default")
    assert holders(kb, "AB-1234-X") == set()


def find_terms(kb: KnowledgeBase, question: str) -> Holders:
    with kb._store.snapshot() as snapshot:
        retriever = kb._resources.components.retriever(snapshot)
        assert retriever is not None
        return find_holders(snapshot, retriever._words.words, parse_question(question))


def test_a_common_term_is_looked_for_in_the_best_chunks(fill: Fill) -> None:
    kb = fill({f"{n}.txt": f"Anna Weber wrote note {n} on AB-1234-X." for n in range(220)})
    found = find_terms(kb, "What of AB-1234-X?")
    assert (len(found.ids), len(set(found.boosts.tolist()))) == (200, 1)
    assert len(find_terms(kb, '"Anna Weber"').ids) == 220
    assert len(find_terms(kb, "What did Anna Weber write?").ids) == 0


def test_a_quoted_phrase_is_first_whatever_the_other_words_say(fill: Fill) -> None:
    texts = {f"{n}.txt": f"The lease of unit {n}: payment of rent and words." for n in range(30)}
    kb = fill({**texts, "phrase.txt": "No later than payment of the fee, the notice is sent."})
    hits = kb.search("Which lease of a unit has the words “than payment of the” in it?", 3)
    assert hits[0].source == "phrase.txt"


def test_boosts_are_looked_up_by_chunk() -> None:
    found = Holders(np.array([3, 9]), np.array([0.5, 1.0], dtype=np.float32))
    assert found.boosts_of(np.array([9, 1, 3, 12])).tolist() == [1.0, 0.0, 0.5, 0.0]
    assert found.boosts_of(np.array([], dtype=np.int64)).tolist() == []


HOSTILE = ["VX-4410-31 " * 9000, '"' * 100_000, "“a b” " * 20_000, "\x00\ud800", "§" * 100_000]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_query_is_answered_fast(fill: Fill, query: str) -> None:
    kb = fill(VALVES)
    start = time.process_time()
    kb.search(query[:100_000], 5)
    assert time.process_time() - start < 3
