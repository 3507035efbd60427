"""Which documents a question names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from ragkit import Filter, KnowledgeBase
from ragkit.retrieval import document_names
from ragkit.retrieval.document_names import DocumentNames, NameCache, name_words
from ragkit.store.records import DocumentName
from tests.support.hashing import HashingEmbedder


def make_names(*names: str | tuple[str, str]) -> DocumentNames:
    pairs = [(name, "") if isinstance(name, str) else name for name in names]
    return DocumentNames(
        [DocumentName(at, source, "pdf", title) for at, (source, title) in enumerate(pairs)]
    )


def named(names: DocumentNames, question: str) -> dict[int, float]:
    match = names.match(question)
    shares = zip(match.documents.tolist(), match.shares.tolist(), strict=True)
    return {document: round(share, 2) for document, share in shares}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("fin/BestBuy_FY2018_10-K.pdf", ["fin", "best", "buy", "2018", "10k"]),
        ("BESTBUY_2024Q2_10Q.pdf", ["bestbuy", "2024", "q2", "10q"]),
        ("3M-FY18.pdf", ["3m", "2018"]),
        ("XMLParser_v2.md", ["xml", "parser", "v2"]),
        ("the manual of pumps.docx", ["manual", "pumps"]),
        ("Macy's 2019.pdf", ["macy", "2019"]),
        ("Jahresabschluß_Müller.pdf", ["jahresabschluss", "muller"]),
        ("年度报告2023.pdf", ["2023", "年度", "度报", "报告"]),
        ("ÖBBInfra2021.pdf", ["obb", "infra", "2021"]),
    ],
)
def test_a_path_is_split_into_words(source: str, words: list[str]) -> None:
    assert list(name_words(source, "").path) == words
    assert set(name_words(unicodedata.normalize("NFD", source), "").path) == set(words)


COMPANIES = make_names(
    *(f"{name}_{year}_10K.pdf" for name in ("BESTBUY", "3M", "MACYS") for year in (2018, 2019)),
    "AmericanWaterWorks_2018_10K.pdf",
    "J_C_PENNEY_2019Q2_10Q.pdf",
)


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("What was Best Buy's capex in FY2018?", 0),
        ("what did bestbuy spend in fy18", 0),
        ("BestBuy, 2019: which stores closed?", 1),
        ("Best Buy’s inventories in fiscal 2019", 1),
        ("3M 2018 net sales", 2),
        ("Is 3M's FY2019 margin higher?", 3),
        ("How many stores did Macy's close in 2018?", 4),
        ("macys 2019 rent", 5),
        ("American Water Works, dividends of FY 2018", 6),
        ("AmericanWaterWorks 2018", 6),
        ("J. C. Penney in Q2 of FY2019", 7),
        ("JC Penney, second quarter of 2019", 7),
        ("J.C. Penney im 2. Quartal 2019", 7),
        ("年's J.C. Penney, 10-Q of 2019, Quartal 2", 7),
    ],
)
def test_a_question_names_a_document_in_many_spellings(question: str, document: int) -> None:
    found = named(COMPANIES, question)
    assert next(iter(found)) == document
    assert found[document] > 0.75
    assert all(share < 0.7 for other, share in found.items() if other != document)


@pytest.mark.parametrize(
    "question",
    ["", "?", "Which company has the best margin?", "Who may buy it?", "M", "10", "x" * 100_000],
)
def test_other_questions_name_nothing(question: str) -> None:
    assert named(COMPANIES, question) == {}
    assert COMPANIES.match(question).mentions == ()


def test_mentions_are_the_words_of_the_question_that_name_documents() -> None:
    question = "Whose tax rate was higher in FY2019, Best Buy's or 3M's?"
    mentions = COMPANIES.match(question).mentions
    words = [(question[m.start : m.end], m.word) for m in mentions]
    assert words == [("2019", "2019"), ("Best Buy's", "bestbuy"), ("3M's", "3m")]
    assert mentions[1].weight > mentions[0].weight > 0
    assert COMPANIES.find_documents("bestbuy").tolist() == [0, 1]
    assert COMPANIES.find_documents("nike").tolist() == []


def test_words_of_all_names_count_nothing() -> None:
    names = make_names("reports/costco annual.pdf", "reports/nike annual.pdf")
    assert named(names, "the annual reports") == {}
    assert named(names, "Costco's tax rate") == {0: 1.0}
    assert named(make_names("costco.pdf"), "Costco's tax rate") == {}


def test_a_title_names_as_well_as_a_path() -> None:
    names = make_names(
        ("scan 001.pdf", "Costco annual report 2023"),
        ("scan 002.pdf", "Nike annual report 2023"),
        ("scan 003.pdf", "Nike annual report 2022"),
        ("VERIZON_2022.pdf", "UNITED STATES SECURITIES AND EXCHANGE COMMISSION"),
    )
    found = named(names, "Costco annual report 2023")
    assert found[0] == 1.0 > 0.7 > max(found[1], found[2])
    assert next(iter(named(names, "Nike in 2022"))) == 2
    assert named(names, "Verizon's exchange rates in 2022")[3] == 1.0


def test_a_common_title_is_not_a_name() -> None:
    """It tells a document from few others, however little the title says."""
    names = make_names(
        *((f"{name}_2022.pdf", "Annual report") for name in ("costco", "nike", "adidas")),
        ("puma_2022.pdf", "Prospectus"),
    )
    shares = named(names, "What does an annual report say?")
    assert max(shares.values(), default=0) < 0.5


def test_accents_and_composition_do_not_matter() -> None:
    names = make_names("Citroën_2019.pdf", "Škoda_2019.pdf")
    for question in ("Citroen", "CITROËN", unicodedata.normalize("NFD", "Citroën")):
        assert named(names, f"Sales of {question}")[0] > 0.9


def test_scripts_without_spaces_are_named_in_the_middle_of_a_sentence() -> None:
    names = make_names(
        "华为年度报告.pdf", "小米年度报告.pdf", "삼성전자_2023.pdf", "トヨタ_2023.pdf"
    )
    assert next(iter(named(names, "请问华为的年度报告里收入是多少"))) == 0
    assert next(iter(named(names, "삼성전자의 매출은 얼마입니까"))) == 2
    assert next(iter(named(names, "トヨタの売上高はいくらですか"))) == 3


def test_many_names_are_matched_by_rare_words_alone() -> None:
    names = make_names(*(f"Report {number} of Company{number}.pdf" for number in range(2000)))
    match = names.match("the report of company 77")
    assert match.documents.tolist() == [77]
    assert [mention.word for mention in match.mentions] == ["77"]


@pytest.fixture
def two_labels(tmp_path: Path) -> KnowledgeBase:
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    for label, names in (("open", ["costco 2022", "nike 2022"]), ("secret", ["nike 2021"])):
        folder = tmp_path / label
        folder.mkdir()
        for name in names:
            (folder / f"{name}.txt").write_text(f"Text of {name}.")
        kb.ingest(folder, label=label)
    return kb


def test_names_that_may_not_be_read_have_no_effect(two_labels: KnowledgeBase) -> None:
    cache = NameCache()
    with two_labels._store.snapshot() as snapshot:
        everything = cache.names_of(snapshot)
        readable = cache.names_of(snapshot.narrow(Filter(label=["open"])))
        assert cache.names_of(snapshot) is everything
        assert cache.names_of(snapshot.narrow(Filter(label=["open"]))) is readable
        alone = DocumentNames(snapshot.narrow(Filter(label=["open"])).documents.names())
    assert len(everything.match("Nike in 2021").documents) == 2
    for question in ("Nike in 2021", "Nike 2022", "2021"):
        found, expected = readable.match(question), alone.match(question)
        assert found.mentions == expected.mentions
        assert found.documents.tolist() == expected.documents.tolist()
        assert found.shares.tolist() == expected.shares.tolist()


def test_names_follow_each_commit(two_labels: KnowledgeBase, tmp_path: Path) -> None:
    cache = NameCache()
    with two_labels._store.snapshot() as snapshot:
        before = cache.names_of(snapshot)
        assert len(before.match("Adidas").documents) == 0
    (tmp_path / "open" / "adidas 2020.txt").write_text("Text of Adidas.")
    (tmp_path / "open" / "costco 2022.txt").unlink()
    two_labels.ingest(tmp_path / "open", label="open")
    with two_labels._store.snapshot() as snapshot:
        after = cache.names_of(snapshot)
        names = {each.document: each.source for each in snapshot.documents.names()}
    assert [names[each] for each in after.match("Adidas").documents.tolist()] == ["adidas 2020.txt"]
    assert len(before.match("Costco").documents) == 1
    assert [names.get(each) for each in after.match("Costco").documents.tolist()] in ([], [None])


def test_names_of_many_documents_are_not_read_at_each_commit(
    two_labels: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But always for readers with limited access, and again after a while."""
    monkeypatch.setattr(document_names, "_LARGE_SET", 1)
    cache = NameCache()
    with two_labels._store.snapshot() as snapshot:
        labels = snapshot.labels.ids_of(["open"])
        before = cache.names_of(snapshot)
        restricted = cache.names_of(snapshot.restrict(labels))
    (tmp_path / "open" / "adidas 2020.txt").write_text("Text of Adidas.")
    two_labels.ingest(tmp_path / "open", label="open")
    with two_labels._store.snapshot() as snapshot:
        assert cache.names_of(snapshot) is before
        assert cache.names_of(snapshot.restrict(labels)) is not restricted
        monkeypatch.setattr(document_names, "_MAX_AGE", 0.0)
        assert len(cache.names_of(snapshot).match("Adidas").documents) == 1
