"""The warning about documents in a language that the embedder does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import Filter, KnowledgeBase
from ragkit.retrieval.foreign_language import ForeignLanguage, find_foreign_language
from ragkit.store.access import Principal
from ragkit.store.store import Store
from ragkit.text.languages import name_language
from tests.index.words import write
from tests.retrieval.test_weights import (
    CHINESE,
    ENGLISH,
    RUSSIAN,
    EnglishEmbedder,
    EstimatingEmbedder,
    fill,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb")
    yield opened
    opened.close()


def find(store: Store, label: str | None = None) -> ForeignLanguage | None:
    with store.view(Principal.owner(), Filter(label=label)) as snapshot:
        return find_foreign_language(snapshot, EnglishEmbedder())


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, None),
        (ENGLISH, None),
        (RUSSIAN, ForeignLanguage("Russian", 1.0)),
        (CHINESE, ForeignLanguage("Chinese", 1.0)),
        (ENGLISH | RUSSIAN, ForeignLanguage("Russian", 0.5)),
        ({f"{n}.txt": ENGLISH["keys.txt"] for n in range(9)} | RUSSIAN, None),
        ({"a.txt": "4100, 48.20", "b.txt": RUSSIAN["otpusk.txt"]}, ("Russian", 1.0)),
    ],
)
def test_a_quarter_of_the_passages_must_be_foreign(
    store: Store, texts: dict[str, str], expected: ForeignLanguage | None
) -> None:
    write(store, texts)
    assert find(store) == expected


def test_hidden_documents_have_no_part_in_it(store: Store) -> None:
    write(store, ENGLISH)
    write(store, RUSSIAN, label="board")
    assert find(store, "default") is None
    assert find(store, "board") == ForeignLanguage("Russian", 1.0)


def test_a_large_knowledge_base_is_sampled_evenly(store: Store) -> None:
    write(store, {f"e{n:03}.txt": ENGLISH["keys.txt"] for n in range(150)})
    write(store, {f"r{n:03}.txt": RUSSIAN["otpusk.txt"] for n in range(150)})
    found = find(store)
    assert found is not None
    assert found.share == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("契約の解除は書面で行います。", "Japanese"),
        ("门禁卡的编号为4100。", "Chinese"),
        ("계약서는 금고에 보관한다.", "Korean"),
        ("ใบแจ้งหนี้ต้องชำระภายในสามสิบวัน", "Thai"),
        ("Договор аренды", "Russian"),
        ("Der Antrag ist bei der Leitung zu stellen und wird geprüft.", "German"),
        ("Faktury są płatne w ciągu 30 dni.", ""),
        ("4100", ""),
        ("", ""),
    ],
)
def test_a_language_is_named_for_people(text: str, name: str) -> None:
    assert name_language(text) == name


def test_ingest_and_status_warn_and_name_the_fix(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EnglishEmbedder()) as kb:
        docs = fill(tmp_path / "docs", RUSSIAN)
        report = kb.ingest(docs)
        assert "100% of the passages are in Russian" in report.language_warning
        assert report.language_warning.endswith("ragkit reembed --embedder ollama:bge-m3")
        assert "\n" not in report.language_warning
        assert kb.status().language_warning == report.language_warning
        assert kb.ingest(docs).language_warning == ""  # nothing was added
        kb.remove("otpusk.txt")
        kb.remove("klyuchi.txt")
        assert kb.ingest(fill(tmp_path / "more", ENGLISH)).language_warning == ""
        assert kb.status().language_warning == ""


def test_an_embedder_that_estimates_tokens_is_not_judged(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EstimatingEmbedder()) as kb:
        assert kb.ingest(fill(tmp_path / "docs", RUSSIAN)).language_warning == ""


def test_a_dry_run_does_not_warn(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EnglishEmbedder()) as kb:
        docs = fill(tmp_path / "docs", RUSSIAN)
        assert kb.ingest(docs, dry_run=True).language_warning == ""
