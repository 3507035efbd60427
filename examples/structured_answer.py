"""Ask for data that matches a JSON schema; print its citations and whether each value is supported.

This needs a model on Ollama, at OLLAMA_HOST or on this machine.

    python examples/structured_answer.py [MODEL]
"""

import sys
import tempfile
from pathlib import Path

from ragkit import AskOptions, KnowledgeBase
from ragkit.errors import ModelError

DOCUMENTS = Path(__file__).parent / "documents"
QUESTION = "At what pressure did the seal fail on test bench TB-2?"
FAILURE = {
    "type": "object",
    "properties": {
        "pressure_bar": {"type": "number"},
        "finding": {"type": "string"},
        "part": {"enum": ["seal", "bearing", "housing", None]},
    },
    "required": ["pressure_bar", "finding", "part"],
}


def main(model: str = "auto") -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        kb.ingest(DOCUMENTS / "production")
        try:
            answer = kb.ask(QUESTION, AskOptions(model=model), schema=FAILURE)
        except ModelError as error:
            sys.exit(f"No data: {error}")
    if answer.abstention:
        sys.exit(f"No data: {answer.abstention}")

    failure = answer.data
    print(f"The {failure['part']} failed at {failure['pressure_bar']} bar.")
    for citation in answer.citations:
        print(f"[{citation.number}] {citation.source}  {citation.place}")
    for statement in answer.statements:
        print(f"{statement.verdict}: {statement.text}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
