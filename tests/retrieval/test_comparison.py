"""Questions with two sides: how they are split, and that both sides are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragkit import Filter, KnowledgeBase
from ragkit.retrieval.comparison import MAX_SIDES, find_document_words, split_comparison
from ragkit.retrieval.document_names import DocumentNames
from ragkit.store.records import DocumentName
from tests.support.hashing import HashingEmbedder

SPLIT = {
    "Whose tax rate was higher, Costco's or Nike's?": [
        "Whose tax rate was higher, Costco's?",
        "Whose tax rate was higher, Nike's?",
    ],
    "compare the notice period in the Berlin and the Munich contract": [
        "the notice period in the Berlin contract",
        "the notice period in the Munich contract",
    ],
    "Compare the Berlin contract's notice period with the Munich contract's": [
        "the Berlin contract's notice period",
        "the Munich contract's notice period",
    ],
    "Is the 2022 margin of X higher than that of 2021?": [
        "Is the 2022 margin of X higher?",
        "Is the 2021 margin of X higher?",
    ],
    "difference between plan A and plan B": ["plan A", "plan B"],
    "Costco vs. Nike: tax rate": ["Costco: tax rate", "Nike: tax rate"],
    "Which valve lasts longer, VX-4410-31 or VX-4410-40?": [
        "Which valve lasts longer, VX-4410-31?",
        "Which valve lasts longer, VX-4410-40?",
    ],
    "Does the Gold plan have a lower deductible than the Silver plan?": [
        "Does the Gold plan have a lower deductible?",
        "Does the Silver plan have a lower deductible?",
    ],
    "Compared to Nike, how high was Costco's tax rate?": [
        "how high was Costco's tax rate",
        "how high was Nike tax rate",
    ],
    "Did Best Buy spend more than Costco and Nike?": [
        "Did Best Buy spend more?",
        "Did Costco spend more?",
        "Did Nike spend more?",
    ],
    'Compare "travel policy" and "expense policy"': ['"travel policy"', '"expense policy"'],
    "berlin.pdf vs munich.pdf notice period": [
        "berlin.pdf notice period",
        "munich.pdf notice period",
    ],
    "Which of Costco, Nike, and 3M had the highest margin?": [
        "Costco had the highest margin?",
        "Nike had the highest margin?",
        "3M had the highest margin?",
    ],
    "Who pays more in Germany, Costco or Nike?": [
        "Who pays more in Germany, Costco?",
        "Who pays more in Germany, Nike?",
    ],
    "Between Acme and Globex, who has the longer warranty?": [
        "Acme, who has the longer warranty?",
        "Globex, who has the longer warranty?",
    ],
    "Wessen Steuersatz war höher, der von Siemens oder der von Bosch?": [
        "Wessen Steuersatz war höher, der von Siemens?",
        "Wessen Steuersatz war höher, der von Bosch?",
    ],
    "Was ist der Unterschied zwischen Tarif A und Tarif B?": [
        "Was ist Tarif A?",
        "Was ist Tarif B?",
    ],
    "Ist die Marge 2022 höher als 2021?": [
        "Ist die Marge 2022 höher?",
        "Ist die Marge 2021 höher?",
    ],
    "War der Umsatz von Siemens im Vergleich zu Bosch höher?": [
        "War der Umsatz von Siemens höher?",
        "War der Umsatz von Bosch höher?",
    ],
    "Wer zahlt mehr Urlaubsgeld, Siemens oder Bosch?": [
        "Wer zahlt mehr Urlaubsgeld, Siemens?",
        "Wer zahlt mehr Urlaubsgeld, Bosch?",
    ],
}

WHOLE = [
    "",
    "or",
    "vs.",
    "than Costco",
    "Costco or",
    "vacation or sick leave policy?",
    "how do I book flights and hotels?",
    "Who signed the agreement between Germany and France?",
    "How many people lived in Paris and London?",
    "Which company other than Costco pays dividends?",
    "What happened between 1914 and 1918?",
    "What is the change from FY2020 to FY2021?",
    "Can I travel to Berlin or Munich on business?",
    "Do I need approval from Sales or Marketing?",
    "More than 10 days of leave?",
    "What is more important than safety?",
    "Who is responsible for Health and Safety?",
    "Is it possible to get more vacation days or a higher salary?",
    "Do employees hired later than 2020 get stock options?",
    "Is Costco bigger than Costco?",
    "Wer ist als Geschäftsführer eingetragen?",
    "Wann wurde Otto als Kaiser gekrönt?",
    "Gilt die Regel auch für Berlin und München?",
    "Mehr als 10 Tage Urlaub?",
]


@pytest.mark.parametrize("question", SPLIT)
def test_a_question_that_compares_is_split_into_its_sides(question: str) -> None:
    assert [half.query for half in split_comparison(question)] == SPLIT[question]


@pytest.mark.parametrize("question", WHOLE)
def test_an_ordinary_question_is_not_split(question: str) -> None:
    assert split_comparison(question) == ()


@pytest.mark.parametrize("sides", range(2, MAX_SIDES + 3))
def test_a_question_with_too_many_sides_is_searched_whole(sides: int) -> None:
    names = [f"Acme{n}" for n in range(sides)]
    question = f"Which of {', '.join(names[:-1])} and {names[-1]} has the highest margin?"
    halves = [f"{name} has the highest margin?" for name in names]
    found = [half.query for half in split_comparison(question)]
    assert found == (halves if sides <= MAX_SIDES else [])


def split_by_names(question: str, *sources: str) -> list[str]:
    names = DocumentNames([DocumentName(n, source, "md", "") for n, source in enumerate(sources)])
    halves = split_comparison(question, lambda: find_document_words(names, question))
    return [half.query for half in halves]


@pytest.mark.parametrize(
    ("question", "halves"),
    [
        (
            "netflix vs verizon long-term debt",
            ["netflix long-term debt", "verizon long-term debt"],
        ),
        (
            "Who audits Netflix and who audits Verizon?",
            ["Who audits Netflix?", "Who audits Verizon?"],
        ),
        (
            "What is the difference between parental leave and a leave of absence?",
            ["What is parental leave?", "What is leave of absence?"],
        ),
        ("Can I travel to Netflix?", []),
        ("who books flights and hotels?", []),  # names of documents, but ordinary words
        ("Do both 2021 and 2022 reports mention tax?", []),
        ("compare the mission and the vision", []),  # no document is named
    ],
)
def test_names_of_documents_are_sides(question: str, halves: list[str]) -> None:
    found = split_by_names(
        question,
        "NETFLIX_2021.pdf",
        "VERIZON_2022.pdf",
        "parental-leave.md",
        "leave-of-absence.md",
        "flights.md",
        "hotels.md",
    )
    assert found == halves


def test_a_word_in_the_names_of_both_documents_belongs_to_both_sides() -> None:
    question = "compare the notice period in the berlin and the munich contract"
    halves = split_by_names(question, "berlin contract.md", "munich contract.md", "prices.md")
    assert halves == [
        "the notice period in the berlin contract",
        "the notice period in the munich contract",
    ]


# -- searching -------------------------------------------------------------------------------------

CITIES = ("Berlin", "Munich", "Vienna")


@pytest.fixture
def contracts(tmp_path: Path) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    for at, city in enumerate(CITIES, 1):
        clauses = [f"Clause {n} of the {city} contract is about subject {n}. " for n in range(12)]
        clauses.insert(4 * at, f"The notice period of the {city} contract is {at} months. ")
        (docs / f"{city.lower()}.md").write_text("\n\n".join(clause * 4 for clause in clauses))
    for n in range(12):  # most documents are about one side
        note = f"Compare the longest notice period of the Berlin contract, as note {n} says. "
        (docs / f"note-{n}.md").write_text(note * 3)
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


QUESTIONS = [
    ("Compare the notice period in the Berlin and the Munich contract", 2),
    ("Is the notice period of the Berlin contract longer than that of Munich?", 2),
    ("Which of Berlin, Munich and Vienna has the longest notice period?", 3),
]


@pytest.mark.parametrize(("question", "sides"), QUESTIONS)
def test_passages_of_all_sides_are_in_the_result(
    contracts: KnowledgeBase, question: str, sides: int
) -> None:
    hits = contracts.search(question, sides + 1)
    assert len(hits) == sides + 1
    assert any("Berlin" in hit.text for hit in hits)
    for at, city in enumerate(CITIES[1:sides], 2):
        assert any(f"of the {city} contract is {at} months" in hit.text for hit in hits), city


@pytest.mark.parametrize(("question", "sides"), QUESTIONS)
def test_the_hits_of_the_sides_are_one_ranking(
    contracts: KnowledgeBase, question: str, sides: int
) -> None:
    many = contracts.search(question, 50)
    assert [contracts.search(question, k) for k in (1, 2, 5)] == [many[:k] for k in (1, 2, 5)]
    scores = [hit.score for hit in many]
    assert scores == sorted(scores, reverse=True)
    chunks = [chunk for hit in many for chunk in hit.chunks]
    assert len(chunks) == len(set(chunks))
    places = [(hit.document, at) for hit in many for at in range(hit.start, hit.end)]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(("question", "sides"), QUESTIONS)
def test_explain_shows_the_sides(contracts: KnowledgeBase, question: str, sides: int) -> None:
    explanation = contracts.explain(question, 8)
    assert list(explanation.hits) == contracts.search(question, 8)
    assert len(explanation.sides) == sides
    assert all(city in side for city, side in zip(CITIES, explanation.sides, strict=False))
    ranks = {entry.rank for entry in explanation.candidates if entry.rank}
    assert ranks == set(range(1, len(explanation.hits) + 1))
    chunks = [entry.chunk for entry in explanation.candidates]
    assert len(chunks) == len(set(chunks))
    for entry in explanation.candidates:
        parts = entry.dense_part + entry.lexical_part + entry.verbatim_part + entry.prior_part
        assert parts == pytest.approx(entry.fused, abs=1e-6)
    assert contracts.explain("notice period", 8).sides == ()


def test_a_side_in_a_document_without_access_is_not_found(
    contracts: KnowledgeBase, tmp_path: Path
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "oslo.md").write_text("The notice period of the Oslo contract is a week.")
    contracts.ingest(tmp_path / "open", label="open")
    question = "Is the notice period of Oslo shorter than that of Berlin?"
    sources = {hit.source for hit in contracts.search(question, 8)}
    assert {"oslo.md", "berlin.md"} <= sources
    only_open = contracts.search(question, 8, where=Filter(label="open"))
    assert {hit.source for hit in only_open} == {"oslo.md"}


def test_each_side_begins_with_a_document_that_it_names(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "berlin-log.txt").write_text("Nothing happened at all on that quiet day. " * 3)
    (docs / "munich-log.txt").write_text("Rain, and then some more rain. " * 3)
    for n in range(9):
        (docs / f"note-{n}.txt").write_text(
            f"Is the log of Berlin or Munich longer, asks {n}? " * 3
        )
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    first = [hit.source for hit in kb.search("Is the log of Berlin longer than Munich's?", 3)]
    assert set(first[1:]) == {"berlin-log.txt", "munich-log.txt"}


def test_an_answer_without_a_model_quotes_each_side(contracts: KnowledgeBase) -> None:
    answer = contracts.ask("Is the notice period of the Munich contract longer than Vienna's?")
    quotes = [citation.quote for citation in answer.citations]
    assert any("Munich" in quote for quote in quotes[:2])
    assert any("Vienna" in quote for quote in quotes[:2])
    assert len(re.findall(r"\[\d\]", answer.text)) == len(answer.statements) == 2
