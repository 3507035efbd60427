"""Ingest again after documents changed: ragkit reads only the changed files and reports them.

python examples/keep_up_to_date.py
"""

import shutil
import tempfile
from pathlib import Path

from ragkit import KnowledgeBase, Progress

DOCUMENTS = Path(__file__).parent / "documents"


def show(progress: Progress) -> None:
    """Print each file when it is done."""
    if progress.source:
        print(f"  {progress.files_done} of {progress.files_total}: {progress.source}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(f"{folder}/demo.kb") as kb:
        documents = Path(folder, "documents")
        shutil.copytree(DOCUMENTS, documents)
        report = kb.ingest(documents, progress=show)
        print(f"{len(report.added)} added, {report.pages} pages, {report.chunks} chunks")

        log = documents / "production" / "maintenance-log-hall-2.txt"
        with log.open("a", encoding="utf-8") as file:
            file.write("\n2025-04-02  KR-02   Crane hook replaced. Technician: Pit Hellweg\n")
        (documents / "hr" / "onboarding.md").rename(documents / "hr" / "welcome.md")
        (documents / "mail" / "trade-fair-shifts.eml").unlink()

        report = kb.ingest(documents, progress=show)
        print("Updated:", report.updated)
        print("Renamed:", report.renamed)
        print("Removed:", report.removed)
        print("Unchanged:", len(report.unchanged))
        print("Failed:", report.failed)
        print("Now found:", kb.search("When was the crane hook replaced?", k=1)[0].source)


if __name__ == "__main__":
    main()
