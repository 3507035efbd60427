"""Ask a language model on Ollama, and print its answer while it is being written.

Without a server, the same call quotes the documents and says so. The server is the one at
OLLAMA_HOST, or on this machine. Without MODEL, the largest model that fits into memory answers.

    python examples/ask_with_ollama.py [MODEL]
"""

import sys
import tempfile
from pathlib import Path

from ragkit import AskOptions, KnowledgeBase

DOCUMENTS = Path(__file__).parent / "documents"
QUESTION = "At what pressure did the seal fail on test bench TB-2, and what was the cause?"


def main(model: str = "auto") -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        kb.ingest(DOCUMENTS / "production")
        stream = kb.stream(QUESTION, AskOptions(model=model))
        streamed = False
        for piece in stream:
            print(piece, end="", flush=True)
            streamed = True
        answer = stream.answer
        print("" if streamed else answer.text)

        print(f"\nBy {answer.model or 'no model: these are quotations'}")
        for citation in answer.citations:
            print(f"[{citation.number}] {citation.source}  {citation.place}")
        if answer.notice:
            print(answer.notice)


if __name__ == "__main__":
    main(*sys.argv[1:2])
