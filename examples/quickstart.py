"""Ingest a folder, ask a question, print the answer with its citations.

python examples/quickstart.py
"""

import tempfile
from pathlib import Path

from ragkit import KnowledgeBase

DOCUMENTS = Path(__file__).parent / "documents"
QUESTION = "What is the notice period after the probationary period?"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        kb.ingest(DOCUMENTS)
        answer = kb.ask(QUESTION)

        print(answer.text)
        for citation in answer.citations:
            print(f"[{citation.number}] {citation.source}  {citation.place}")
        if answer.notice:
            print(answer.notice)


if __name__ == "__main__":
    main()
