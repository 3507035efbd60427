"""Search with access labels, read a hit's fields, and see why a passage was found.

Each document carries one access label. A search that names labels sees no other documents, at any
stage.

    python examples/search_and_filter.py
"""

import tempfile
from pathlib import Path
from textwrap import shorten

from ragkit import Filter, KnowledgeBase

DOCUMENTS = Path(__file__).parent / "documents"
QUERY = "loan notebooks from the help desk"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        kb.ingest(DOCUMENTS / "it", label="it")
        kb.ingest(DOCUMENTS / "hr", label="staff")

        print(
            "Documents with label staff:",
            [d.source for d in kb.documents(where=Filter(label=["staff"]))],
        )
        print(
            "Found with label staff:",
            sorted({h.source for h in kb.search(QUERY, where=Filter(label=["staff"]))}),
        )
        print("Found without a label:", kb.search(QUERY, where=Filter(label=[])))

        hit = kb.search(QUERY, k=1, where=Filter(label=["it"]))[0]
        print(f"\nBest for IT: {hit.source}, {hit.place!r} (characters {hit.start} to {hit.end})")
        print(f"score {hit.score:.2f}, cosine {hit.similarity:.2f}, file {Path(hit.path).name}")
        print(shorten(hit.text, 200))

        print("\nrank  cosine   BM25  fused  source")
        for c in kb.explain(QUERY, k=3).candidates[:6]:
            print(
                f"{c.rank or '-':>4}{c.similarity:8.2f}{c.lexical:7.2f}{c.fused:7.2f}  "
                f"{c.source} ({c.note})"
            )


if __name__ == "__main__":
    main()
