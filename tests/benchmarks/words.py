"""Words that another reader finds and ragkit has: pdftotext for PDF, LibreOffice for the others.

    python -m tests.benchmarks words FOLDER ...

Each word counts as often as the other reader finds it. Needs poppler-utils and LibreOffice.
"""

from __future__ import annotations

import re
import subprocess
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError
from tests.benchmarks.common import eval_folder

_WORD = re.compile(r"\w{2,}")
_ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
_TEXT = "txt:Text (encoded):UTF8"
_WEB_TEXT = "txt:Text (encoded) (StarWriter/Web):UTF8"
_FILTERS = {
    **dict.fromkeys((".docx", ".docm", ".doc", ".odt", ".rtf"), _TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _WEB_TEXT),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), _ALL_SHEETS),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx"), "pdf"),
}
_SHOWN = 12  # lost words of each format


def count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def read_words(path: Path) -> Counter[str]:
    """The words that ragkit reads, none if it refuses the file."""
    try:
        document = read_document(path.read_bytes(), path.name)
    except ReadError:
        return Counter()
    return count_words("\n".join(page.text for page in document.pages))


def convert(paths: Sequence[Path], suffix: str, folder: Path) -> dict[Path, str]:
    """The text that the other reader finds in each file; files that it refuses are left out."""
    if suffix == ".pdf":
        return {path: text for path in paths if (text := run_pdftotext(path))}
    texts = {}
    for at, path in enumerate(paths):  # names may repeat, so each has a folder of its own
        (folder / str(at)).mkdir()
        command = ["soffice", "--headless", "--convert-to", _FILTERS[suffix]]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*command, "--outdir", str(folder / str(at)), str(path)],
                capture_output=True,
                timeout=60,
                check=False,
            )
        found = sorted((folder / str(at)).iterdir())
        read = run_pdftotext if suffix in (".pptx", ".pptm", ".ppsx") else read_text
        if text := "\n".join(map(read, found)):
            texts[path] = text
    return texts


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def run_pdftotext(path: Path) -> str:
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(path), "-"]
    return subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace")


def main(arguments: list[str], workdir: Path) -> None:
    folders = [Path(argument) for argument in arguments] or [eval_folder() / "finance" / "docs"]
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for path in sorted(folder.rglob("*.*")):
            if path.suffix.lower() in (".pdf", *_FILTERS):
                files[path.suffix.lower()].append(path)
    for suffix, paths in sorted(files.items()):
        wanted = had = 0
        lost: Counter[str] = Counter()
        worst: list[tuple[float, str]] = []
        with TemporaryDirectory() as temporary:
            texts = convert(paths, suffix, Path(temporary))
        for path, text in texts.items():
            words, own = count_words(text), read_words(path)
            kept = sum((words & own).values())
            wanted, had = wanted + words.total(), had + kept
            lost += words - own
            if words:
                worst.append((kept / words.total(), path.name))
        print(f"{suffix}: {had / max(1, wanted):.2%} of {wanted:,} words in {len(worst)} files")
        print("  lost: " + ", ".join(f"{word} {n}" for word, n in lost.most_common(_SHOWN)))
        print("  worst: " + ", ".join(f"{name} {share:.1%}" for share, name in sorted(worst)[:6]))
