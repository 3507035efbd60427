"""Named documents and pages of statements among long documents that are much alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragkit import Config, Explanation, Hit, KnowledgeBase
from ragkit.errors import ConfigError
from ragkit.retrieval.fusion import LEXICAL_WEIGHT, weigh_scores
from ragkit.retrieval.prior import Boosts, make_boosts
from tests.support.hashing import HashingEmbedder
from tests.support.reports import NARRATIVE_PAGES, make_report

BALANCE, CASH = NARRATIVE_PAGES + 3, NARRATIVE_PAGES + 4
REPORTS = {
    f"{name.replace(' ', '').upper()}_{year}_10K.pdf": (name, 1000 * at + year)
    for at, name in enumerate(("Best Buy", "Corning", "Kraft Heinz"))
    for year in (2018, 2019)
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("reports")
    docs = folder / "docs"
    docs.mkdir()
    for source, (name, seed) in REPORTS.items():
        (docs / source).write_bytes(make_report(name, seed))
    (docs / "BESTBUY_2019Q2_10Q.pdf").write_bytes(make_report("Best Buy", 77))
    # a long one that is no report: one page has the title of a statement
    (docs / "COSTCO_2019_HISTORY.pdf").write_bytes(
        make_report("Costco", 88, ["CONSOLIDATED BALANCE SHEETS", "SHOPS BY YEAR", "STAFF"])
    )
    (docs / "NIKE_2019_10K.pdf").write_bytes(make_report("Nike", 99, pages=3))
    kb = KnowledgeBase(folder / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


def off(kb: KnowledgeBase) -> KnowledgeBase:
    """The same knowledge base without page rules."""
    return KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=Config(page_rules="off"))


def sources(hits: list[Hit]) -> list[str]:
    return [hit.source.removesuffix(".pdf") for hit in hits]


def raised(explanation: Explanation) -> dict[str, float]:
    """The highest prior of each document among the candidates."""
    found: dict[str, float] = {}
    for each in explanation.candidates:
        if each.prior_part:
            found[each.source] = max(found.get(each.source, 0.0), each.prior_part)
    return found


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("What does Best Buy say about the risks of leases in FY2019?", "BESTBUY_2019_10K"),
        ("What does Best Buy say about the risks of leases in FY2018?", "BESTBUY_2018_10K"),
        ("Risks of leases of Corning in fiscal 2018", "CORNING_2018_10K"),
        ("Kraft Heinz's 2019 risks of leases", "KRAFTHEINZ_2019_10K"),
        ("Best Buy, risks of leases, 10-Q, Q2 of FY2019", "BESTBUY_2019Q2_10Q"),
    ],
)
def test_passages_of_the_named_document_come_first(
    kb: KnowledgeBase, question: str, source: str
) -> None:
    explanation = kb.explain(question, 5)
    assert sources(list(explanation.hits)) == [source] * 5
    assert max(raised(explanation), key=lambda each: raised(explanation)[each]) == f"{source}.pdf"
    assert all("leases" in hit.text for hit in explanation.hits)


def test_candidates_come_from_a_named_document_however_far_it_is(kb: KnowledgeBase) -> None:
    """Other documents hold hundreds of nearer chunks."""
    question = "Kraft Heinz 2018: " + " ".join(["risks of leases"] * 3)
    near = [each for each in kb.explain(question, 5).candidates if each.from_dense]
    assert sum(each.source == "KRAFTHEINZ_2018_10K.pdf" for each in near) > 40
    assert len(near) == 200


@pytest.mark.parametrize(
    "question",
    [
        "What does the company say about the risks of leases?",
        "What does Nike say about the risks of leases in 2019?",  # a short document
        "Who reviews the weather?",
        "10-K",
    ],
)
def test_a_question_that_names_no_long_document_raises_none(
    kb: KnowledgeBase, question: str
) -> None:
    found = raised(kb.explain(question, 5))
    assert max(found.values(), default=0) < 0.05
    assert "NIKE_2019_10K.pdf" not in found


@pytest.mark.parametrize(
    ("question", "source", "page"),
    [
        ("What is Best Buy's working capital in FY2019?", "BESTBUY_2019_10K", BALANCE),
        ("How did the working capital of Corning change in 2018?", "CORNING_2018_10K", BALANCE),
        ("Which dividends did Kraft Heinz pay in FY2019?", "KRAFTHEINZ_2019_10K", CASH),
        ("Best Buy's working capital in Q2 of FY2019, 10-Q", "BESTBUY_2019Q2_10Q", BALANCE),
    ],
)
def test_the_statement_that_a_question_needs_is_raised(
    kb: KnowledgeBase, question: str, source: str, page: int
) -> None:
    with_rule, without = (one.explain(question, 20) for one in (kb, off(kb)))
    by_page = raised_pages(with_rule, f"{source}.pdf")
    least = min(by_page.values())
    assert by_page[page] > 1.9 * least
    assert {other for other, part in by_page.items() if part > 1.1 * least} == {page}
    plain = raised_pages(without, f"{source}.pdf").values()
    assert max(plain) == pytest.approx(min(plain), rel=1e-3)
    assert rank_of(with_rule, source, page) <= rank_of(without, source, page)


def rank_of(explanation: Explanation, source: str, page: int) -> int:
    places = [(each.source, each.page) for each in explanation.candidates]
    return places.index((f"{source}.pdf", page))


def raised_pages(explanation: Explanation, source: str) -> dict[int | None, float]:
    """What the prior adds to each page of a document, where its cosine is not the lowest."""
    return {
        each.page: each.prior_part
        for each in explanation.candidates
        if each.source == source and each.dense_part > 0
    }


def test_a_question_that_needs_no_statement_raises_none(kb: KnowledgeBase) -> None:
    question = "What does Best Buy say about the risks of leases in FY2019?"
    assert kb.explain(question, 5) == off(kb).explain(question, 5)


def test_a_rule_has_no_effect_on_documents_of_another_sort(kb: KnowledgeBase) -> None:
    """Costco's history has one page that looks like a balance sheet, and no other statement."""
    for question in ("Costco's total current assets in its 2019 history", "Costco's balance sheet"):
        parts = raised_pages(kb.explain(question, 5), "COSTCO_2019_HISTORY.pdf").values()
        assert max(parts) == pytest.approx(min(parts), rel=1e-3)


def test_a_base_of_short_documents_is_searched_as_before(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("Best Buy", "Corning"):
        (docs / f"{name} 2019.pdf").write_bytes(make_report(name, 5, pages=12))
    with KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
        for question in ("What is Best Buy's working capital in 2019?", "Corning 2019"):
            candidates = kb.explain(question, 5).candidates
            assert candidates
            assert {each.prior_part for each in candidates} == {0.0}
            assert kb.search(question, 5) == off(kb).search(question, 5)


@pytest.mark.parametrize("mode", ["enforced", "strict"])
def test_documents_that_may_not_be_read_have_no_effect(tmp_path: Path, mode: str) -> None:
    """Neither their names nor their pages: all is as in a base without them."""
    results = []
    for hidden in (True, False):
        folder = tmp_path / str(hidden)
        for label, names in (("open", ["Corning 2018", "Nike 2019"]), ("secret", ["Corning 2019"])):
            (folder / label).mkdir(parents=True)
            for name in names:
                (folder / label / f"{name}.pdf").write_bytes(make_report(name, 5))
        kb = KnowledgeBase(folder / "x.kb", embedder=HashingEmbedder())
        for label in ("open", "secret") if hidden else ("open",):
            kb.ingest(folder / label, label=label)
        kb.access.set_mode(mode)
        kb.access.grant("open", "user:ana")
        view = kb.as_principal("user:ana")
        questions = ("Corning's working capital in 2019", "2019", "Corning's risks of leases")
        found = [view.explain(question, 5) for question in questions]
        read = {each.source for explanation in found for each in explanation.candidates}
        assert read == {"Corning 2018.pdf", "Nike 2019.pdf"}
        results.append([[(c.source, c.page, c.prior_part) for c in e.candidates] for e in found])
        assert any(part for _, _, part in results[-1][2])
    if mode == "strict":
        assert results[0] == results[1]
    else:  # the weights of words may differ, and with them the order
        assert [set(each) for each in results[0]] == [set(each) for each in results[1]]


def test_own_rules_replace_those_of_ragkit(kb: KnowledgeBase, tmp_path: Path) -> None:
    rule = tmp_path / "history.toml"
    rule.write_text(
        "boost = 0.3\ntitle_characters = 200\nleast_numbers = 30\nleast_kinds = 1\n"
        'prefixes = []\nother_phrases = []\n[[kind]]\nname = "shops"\n'
        'titles = ["shops by year"]\nquestions = ["(?:how many|number of) (?:shops|branches)"]\n'
    )
    config = Config(page_rules=str(rule))
    question = "How many branches did Costco have in 2019?"
    shops = NARRATIVE_PAGES + 3
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=config) as own:
        assert own.search(question, 1)[0].page == shops
    assert shops not in [hit.page for hit in kb.search(question, 3)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("boost = ", "is not valid TOML"),
        ("boost = 'high'", "boost is 'high'; expected a float"),
        ("boost = true", "boost is True; expected a float"),
    ],
)
def test_a_bad_rule_is_named(
    kb: KnowledgeBase, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "rule.toml"
    if content is not None:
        path.write_text(content)
    config = Config(page_rules=str(path))
    with (
        KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=config) as own,
        pytest.raises(ConfigError, match=message),
    ):
        own.search("leases", 1)


def test_boosts_hold_in_their_runs_alone() -> None:
    boosts = make_boosts({(10, 12): 0.5, (3, 4): 0.25})
    chunks = np.array([1, 3, 4, 5, 9, 10, 12, 13])
    assert boosts.of(chunks).tolist() == [0, 0.25, 0.25, 0, 0, 0.5, 0.5, 0]
    assert make_boosts({}).of(chunks).tolist() == [0.0] * 8
    assert isinstance(boosts, Boosts)


def test_the_prior_is_added_to_cosines_before_they_are_scaled() -> None:
    similarity = np.array([0.2, 0.4, 0.3], dtype=np.float32)
    none = np.zeros(3, dtype=np.float32)
    prior = np.array([0.0, 0.0, 0.2], dtype=np.float32)
    parts = weigh_scores(similarity, none, prior, LEXICAL_WEIGHT)
    assert parts.total.argsort().tolist() == [0, 1, 2]
    assert parts.total.max() == pytest.approx(0.54)
    assert parts.prior.tolist() == pytest.approx([0.0, 0.0, 0.54 * 0.2 / 0.3], abs=1e-6)
    assert weigh_scores(similarity, none, none, LEXICAL_WEIGHT).prior.tolist() == [0.0] * 3
