"""Use a knowledge base as a LlamaIndex retriever, and add LlamaIndex documents to it.

Needs ragkit[llamaindex]. `Quoting` stands for a language model; with Ollama it would be
llama_index.llms.ollama.Ollama. Always pass one: LlamaIndex's default is a cloud service.

    python examples/llamaindex_retriever.py
"""

import tempfile
from pathlib import Path
from typing import Any

from llama_index.core import Document
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.query_engine import RetrieverQueryEngine

from ragkit import KnowledgeBase
from ragkit.llamaindex import RagkitRetriever

DOCUMENTS = Path(__file__).parent / "documents"


class Quoting(CustomLLM):
    """Answers with the first line of the prompt that contains a number of days."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="quoting", context_window=4096, num_output=256)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        lines = [line for line in prompt.splitlines() if "days" in line]
        return CompletionResponse(text=lines[0].strip() if lines else "I do not know.")

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        yield self.complete(prompt)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        kb.ingest(DOCUMENTS / "it")
        # Any LlamaIndex reader is a source: kb.add_documents(reader.load_data(...))
        note = Document(
            text="Visitor parking is free for three days.", metadata={"file_path": "wiki/parking"}
        )
        print("Added:", kb.add_documents([note]).added)

        engine = RetrieverQueryEngine.from_args(RagkitRetriever(kb, k=3), llm=Quoting())
        for question in ("For how many days is parking free?", "How long are backups kept?"):
            response = engine.query(question)
            print(f"\n{question}\n{response}")
            for node in response.source_nodes:
                where = node.metadata.get("place", "")
                print(f"  {node.score:.2f}  {node.metadata['source']}  {where}")


if __name__ == "__main__":
    main()
