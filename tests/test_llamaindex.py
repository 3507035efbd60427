from __future__ import annotations

import asyncio
import importlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit import Filter, KnowledgeBase, Reranker
from ragkit.errors import MissingExtra
from tests.support.hashing import HashingEmbedder

pytest.importorskip("llama_index.core", reason="needs ragkit[llamaindex]")

from llama_index.core import Document, Settings, SimpleDirectoryReader
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import (
    MetadataMode,
    NodeWithScore,
    ObjectType,
    QueryBundle,
    TextNode,
)

from ragkit.llamaindex import PostprocessorReranker, RagkitRetriever

DOCUMENTS = Path(__file__).parent.parent / "examples" / "documents"
QUESTION = "What is the notice period after the probationary period?"


class Echo(CustomLLM):
    """Answers with the prompt it was given."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo", context_window=4096, num_output=256)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=prompt)

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        yield CompletionResponse(text=prompt, delta=prompt)


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase(tmp_path / "test.kb", embedder=HashingEmbedder()) as kb:
        yield kb


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    """The examples' PDF, DOCX and Markdown, and as "sales" their slides."""
    path = tmp_path_factory.mktemp("staff") / "staff.kb"
    with KnowledgeBase(path, embedder=HashingEmbedder(dimension=256)) as kb:
        kb.ingest(DOCUMENTS / "hr", label="staff")
        kb.ingest(DOCUMENTS / "products" / "vx-sales-training.pptx", label="sales")
        yield kb


def handbook_pages(*texts: str) -> list[Document]:
    """As PDFReader gives them: a document for each page, with the printed page label."""
    labels = ["i", "ii", "1", "2"]
    return [
        Document(
            text=text,
            metadata={
                "page_label": label,
                "file_name": "handbook.pdf",
                "file_path": "/docs/handbook.pdf",
            },
        )
        for label, text in zip(labels, texts, strict=True)
    ]


def test_nodes_are_the_hits_of_the_same_search(staff: KnowledgeBase) -> None:
    nodes = RagkitRetriever(staff, k=4).retrieve(QUESTION)
    hits = staff.search(QUESTION, k=4)
    assert len(nodes) == 4
    for node, hit in zip(nodes, hits, strict=True):
        assert isinstance(node.node, TextNode)
        assert (node.text, node.score) == (hit.text, hit.score)
        assert (node.node.start_char_idx, node.node.end_char_idx) == (hit.start, hit.end)


def test_metadata_has_the_keys_of_llamaindex_readers(staff: KnowledgeBase) -> None:
    nodes = RagkitRetriever(staff, k=5).retrieve(QUESTION)
    metadata = next(n.metadata for n in nodes if "six weeks to the end" in n.text)
    similarity, document = metadata.pop("similarity"), metadata.pop("document_id")
    assert metadata == {
        "file_name": "employee-handbook.pdf",
        "file_path": str(DOCUMENTS / "hr" / "employee-handbook.pdf"),
        "page_label": "5",
        "source": "employee-handbook.pdf",
        "title": metadata["title"],
        "kind": "pdf",
        "headings": metadata["headings"],
        "place": "page 8 (printed 5)",
    }
    assert metadata["title"]
    assert metadata["headings"] == "5 Leaving and contacts"
    assert 0 < similarity <= 1
    assert document == next(d.id for d in staff.documents() if d.source == metadata["source"])


def test_a_text_without_pages_has_no_page_label(staff: KnowledgeBase) -> None:
    nodes = RagkitRetriever(staff, k=20).retrieve("onboarding guide for new colleagues")
    metadata = next(n.metadata for n in nodes if n.metadata["source"] == "onboarding.md")
    assert "page_label" not in metadata


def test_a_slide_is_labelled_by_its_number(staff: KnowledgeBase) -> None:
    node = RagkitRetriever(staff, k=1, where=Filter(label=["sales"])).retrieve(
        "service contract Rundum"
    )[0]
    assert node.metadata["page_label"] == node.metadata["place"].removeprefix("slide ")


def test_only_documents_with_the_labels_are_found(staff: KnowledgeBase) -> None:
    nodes = RagkitRetriever(staff, k=50, where=Filter(label=["sales"])).retrieve(QUESTION)
    assert {node.metadata["kind"] for node in nodes} == {"pptx"}
    assert RagkitRetriever(staff, where=Filter(label=[])).retrieve(QUESTION) == []


def test_node_ids_outlive_a_base_that_is_built_again(staff: KnowledgeBase, tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "b.kb", embedder=HashingEmbedder(dimension=256)) as again:
        again.ingest(DOCUMENTS / "products" / "vx-sales-training.pptx", label="sales")
        query, labels = "service contract Rundum", ["sales"]
        first = RagkitRetriever(staff, k=3, where=Filter(label=labels)).retrieve(query)
        second = RagkitRetriever(again, k=3, where=Filter(label=labels)).retrieve(query)
    assert {n.node_id for n in first} == {n.node_id for n in second}
    assert len({n.node_id for n in first}) == 3


def test_a_node_names_its_document(staff: KnowledgeBase) -> None:
    node = RagkitRetriever(staff, k=1).retrieve(QUESTION)[0]
    source = node.node.source_node
    assert source is not None
    assert source.node_type == ObjectType.DOCUMENT
    assert node.node.ref_doc_id == source.node_id == node.metadata["file_path"]


def test_a_model_sees_the_text_and_where_it_stands(kb: KnowledgeBase) -> None:
    kb.add_documents(handbook_pages("Cover", "Contents", "Leave is 30 days.", "Notice"))
    node = RagkitRetriever(kb, k=1).retrieve("leave days")[0]
    shown = "file_name: handbook.pdf\nplace: page 3 (printed 1)\n\nLeave is 30 days."
    assert node.get_content(MetadataMode.LLM) == shown
    assert node.get_content(MetadataMode.EMBED) == shown
    assert node.get_content(MetadataMode.NONE) == "Leave is 30 days."


def test_async_finds_the_same(staff: KnowledgeBase) -> None:
    retriever = RagkitRetriever(staff, k=5)
    assert asyncio.run(retriever.aretrieve(QUESTION)) == retriever.retrieve(QUESTION)


def test_a_query_engine_needs_no_settings_and_no_network(
    staff: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something connects to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    engine = RetrieverQueryEngine.from_args(RagkitRetriever(staff, k=3), llm=Echo())
    response = engine.query(QUESTION)
    assert len(response.source_nodes) == 3
    assert all(node.text.split()[0] in str(response) for node in response.source_nodes)
    assert "place: page 8 (printed 5)" in str(response)
    assert str(asyncio.run(engine.aquery(QUESTION))) == str(response)
    assert (Settings._llm, Settings._embed_model) == (None, None)


def test_without_llama_index_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "ragkit.llamaindex")
    monkeypatch.setitem(sys.modules, "llama_index.core.base.base_retriever", None)
    with pytest.raises(MissingExtra, match=r'pip install "ragkit\[llamaindex\]"'):
        importlib.import_module("ragkit.llamaindex")


def test_pages_of_a_pdf_become_one_document_cited_by_page(kb: KnowledgeBase) -> None:
    report = kb.add_documents(handbook_pages("Cover", "", "Leave is 30 days.", "Notice: 6 weeks."))
    assert (report.added, report.pages) == (["/docs/handbook.pdf"], 4)
    (hit,) = kb.search("notice weeks", k=1)
    assert (hit.source, hit.page, hit.page_label) == ("/docs/handbook.pdf", 4, "2")
    assert (hit.text, hit.start, hit.end) == ("Notice: 6 weeks.", 0, 16)
    (node,) = RagkitRetriever(kb, k=1).retrieve("notice weeks")
    assert node.metadata["page_label"] == "2"
    assert node.metadata["file_path"] == "/docs/handbook.pdf"


def test_pages_of_a_pdf_are_replaced_only_when_one_changed(kb: KnowledgeBase) -> None:
    texts = ["Cover", "Contents", "Leave is 30 days.", "Notice: 6 weeks."]
    kb.add_documents(handbook_pages(*texts))
    assert kb.add_documents(handbook_pages(*texts)).unchanged == ["/docs/handbook.pdf"]
    texts[2] = "Leave is 31 days."
    assert kb.add_documents(handbook_pages(*texts)).updated == ["/docs/handbook.pdf"]
    assert kb.search("leave days", k=1)[0].text == "Leave is 31 days."
    assert len(kb.documents()) == 1


def test_a_directory_reader_is_a_source_that_keeps_up_to_date(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "leave.txt").write_text("Leave is 30 days.")
    (folder / "notice.txt").write_text("Notice is six weeks.")

    def load() -> list[Document]:  # each time with new ids
        return list(SimpleDirectoryReader(str(folder)).load_data())

    sources = [str(folder / "leave.txt"), str(folder / "notice.txt")]
    assert kb.add_documents(load()).added == sources
    os.utime(folder / "leave.txt", (0, 0))
    assert kb.add_documents(load()).unchanged == sources
    (folder / "leave.txt").write_text("Leave is 31 days.")
    report = kb.add_documents(load())
    assert (report.updated, report.unchanged) == (sources[:1], sources[1:])
    (node,) = RagkitRetriever(kb, k=1).retrieve("leave days")
    assert (node.text, node.metadata["file_path"]) == ("Leave is 31 days.", sources[0])
    assert kb.remove(sources[0]) == [sources[0]]


def test_a_document_without_a_path_is_known_by_its_id(kb: KnowledgeBase) -> None:
    kb.add_documents([Document(text="Ticket: the pump leaks.", doc_id="ticket-17")])
    kb.add_documents([Document(text="Ticket: the pump is mended.", doc_id="ticket-17")])
    (node,) = RagkitRetriever(kb).retrieve("ticket pump")
    assert node.text == "Ticket: the pump is mended."
    assert node.node.ref_doc_id == node.metadata["file_path"] == "ticket-17"


class ByWord(BaseNodePostprocessor):
    """Keeps the nodes with the most of a word, best first, with or without scores."""

    word: str = "seal"
    top_n: int = 20
    has_scores: bool = True
    is_reversed: bool = False

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        assert query_bundle is not None
        assert query_bundle.query_str
        counts = {node.node_id: float(node.text.count(self.word)) for node in nodes}
        best = sorted(nodes, key=lambda node: -counts[node.node_id])[: self.top_n]
        if self.is_reversed:
            best.reverse()
        return [
            NodeWithScore(node=node.node, score=counts[node.node_id] if self.has_scores else None)
            for node in best
        ]


TEXTS = ["pump", "seal seal", "seal", "seal seal seal seal", "valve"]


def test_a_postprocessor_is_a_reranker_by_its_scores() -> None:
    reranker = PostprocessorReranker(ByWord())
    assert isinstance(reranker, Reranker)
    assert reranker.name == "ByWord"
    assert reranker.score("q", TEXTS).tolist() == [0, 2, 1, 4, 0]
    assert reranker.score("q", []).shape == (0,)


def test_a_postprocessor_without_scores_or_with_another_order_counts_by_its_order() -> None:
    for postprocessor in (ByWord(has_scores=False), ByWord(is_reversed=True)):
        scores = PostprocessorReranker(postprocessor).score("q", TEXTS)
        order = [3, 1, 2, 0, 4] if not postprocessor.is_reversed else [4, 0, 2, 1, 3]
        assert sorted(range(5), key=lambda at: -scores[at]) == order


def test_passages_that_a_postprocessor_drops_come_last() -> None:
    scores = PostprocessorReranker(ByWord(top_n=2)).score("q", TEXTS)
    assert scores.tolist() == [1, 2, 1, 4, 1]
    alone = PostprocessorReranker(ByWord(top_n=1)).score("q", TEXTS)
    assert alone.tolist() == [3, 3, 3, 4, 3]
    assert PostprocessorReranker(ByWord(top_n=0)).score("q", TEXTS).tolist() == [-1] * 5
    first = PostprocessorReranker(SimilarityPostprocessor(similarity_cutoff=0.4))
    assert first.score("q", TEXTS).tolist() == [1, 0.5, 0.25, 0.25, 0.25]


def test_a_search_is_reranked_by_a_postprocessor(tmp_path: Path) -> None:
    reranker = PostprocessorReranker(ByWord(word="probation", top_n=3))
    path, embedder = tmp_path / "a.kb", HashingEmbedder(dimension=256)
    with KnowledgeBase(path, embedder=embedder, reranker=reranker) as kb:
        kb.ingest(DOCUMENTS / "hr")
        hits = kb.search(QUESTION, 20)
        nodes = RagkitRetriever(kb, k=20).retrieve(QUESTION)
    counts = [hit.text.count("probation") for hit in hits]
    assert counts[0] == max(counts)
    assert [node.score for node in nodes] == [hit.score for hit in hits]
    kept, dropped = hits[:3], hits[3:]
    assert min(hit.reranker_score or 0 for hit in kept) > max(
        hit.reranker_score or 0 for hit in dropped
    )
