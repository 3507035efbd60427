"""How often the first quote of an answer without a model is right, and nothing is quoted if not.

Questions of four groups: `office` has files that this module writes, `examples` those of the
repository, `handbook` and `finance` the evaluation sets, three reports of the latter. About a third
of them is not answered by the documents. The answerable and the other questions of each group are
halved in the order of their hashes: rules and thresholds are chosen on "fit" and judged on "test".
With `--set fresh`, the questions and the office files are others, which no rule was chosen on.

A quote is right if it has an answer, with its column heads, label and unit, and is from the right
document and page or sheet. Of a summary or a question of one word, any sentence of the section is
right. "first cell" counts the right first quotes of table rows that have the answer in their first
cell. "declined" and "withheld" are the unanswerable and the answerable questions that got no quote;
the latter count as wrong. Milliseconds are of processor time, the median of all answers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ragkit import Answer, Config, KnowledgeBase
from tests.benchmarks.common import eval_folder
from tests.benchmarks.quoting.haulier import write_haulier
from tests.benchmarks.quoting.instruments import write_instrument_maker
from tests.benchmarks.quoting.judging import Question, find_right, quote_text

FOLDER = Path(__file__).parent
EXAMPLES = Path(__file__).parents[3] / "examples" / "documents"
REPORTS = ("NETFLIX_2017_10K.pdf", "BESTBUY_2024Q2_10Q.pdf", "CORNING_2022_10K.pdf")
GROUPS = ("office", "examples", "handbook", "finance")
WRITERS = {"first": write_instrument_maker, "fresh": write_haulier}  # of office files, by set
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@dataclass(frozen=True, slots=True)
class Result:
    """An answer to a question, its half, the first right quote from 0, and processor time."""

    question: Question
    half: str
    answer: Answer
    right: int | None
    seconds: float


def main(arguments: list[str], workdir: Path) -> None:
    parser = argparse.ArgumentParser("quoting", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all without")
    parser.add_argument("--set", choices=WRITERS, default="first", dest="name")
    parser.add_argument("--reranker", help="measure with this cross-encoder, too")
    parser.add_argument("--kbs", type=Path, default=workdir, help="where knowledge bases are kept")
    parser.add_argument("--show", choices=("wrong", "all"), help="print questions and quotes")
    options = parser.parse_args(arguments)
    options.kbs.mkdir(parents=True, exist_ok=True)
    questions = read_questions(options.name)
    for reranker in filter(None, ("none", options.reranker)):
        results: list[Result] = []
        print(f"\n== {options.name}, reranker: {Path(reranker).name}", flush=True)
        for group in options.groups or dict.fromkeys(question.group for question in questions):
            asked = [question for question in questions if question.group == group]
            documents = _find_documents(group, options.name, options.kbs)
            if not documents:
                print(f"{group} is left out: there are no evaluation sets")
                continue
            config = Config(ollama_host=NOBODY, reranker="" if reranker == "none" else reranker)
            name = f"{group}-{options.name}" if group == "office" else group
            with KnowledgeBase(options.kbs / f"quoting-{name}.kb", config=config) as kb:
                kb.ingest(*documents)
                results += _ask(kb, asked, options.name)
        _report(results)
        _show(results, options.show)


def read_questions(name: str) -> list[Question]:
    """Return the questions of a set."""
    rows = map(json.loads, (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        Question(
            row["question"],
            row["group"],
            row["kind"],
            tuple(tuple([each] if isinstance(each, str) else each) for each in row["answers"]),
            row.get("source", ""),
            tuple(row.get("pages", ())),
            row.get("place", ""),
        )
        for row in rows
    ]


def _find_documents(group: str, name: str, kbs: Path) -> list[Path]:
    """Return the files or folders of a group; none if the evaluation sets are not there."""
    if group == "office":
        folder = kbs / f"office-{name}"
        if not folder.is_dir():
            WRITERS[name](folder)
        return [folder]
    if group == "examples":
        return [EXAMPLES]
    try:
        docs = eval_folder() / group / "docs"
    except SystemExit:
        return []
    return [docs] if group == "handbook" else [docs / report for report in REPORTS]


def _halve(questions: Sequence[Question], name: str) -> dict[Question, str]:
    """Return the half of each question of a group; the fresh set is not halved."""
    if name == "fresh":
        return dict.fromkeys(questions, name)
    by_hash = sorted(questions, key=lambda question: sha256(question.text.encode()).digest())
    halves = {}
    for has_answer in (True, False):
        alike = [question for question in by_hash if bool(question.answers) == has_answer]
        halves |= {question: ("fit", "test")[n % 2] for n, question in enumerate(alike)}
    return halves


def _ask(kb: KnowledgeBase, questions: Sequence[Question], name: str) -> Iterator[Result]:
    kb.ask("Is everything loaded?")
    for question, half in _halve(questions, name).items():
        started = time.process_time()
        answer = kb.ask(question.text)
        seconds = time.process_time() - started
        yield Result(question, half, answer, find_right(question, answer), seconds)


def _report(results: Sequence[Result]) -> None:
    print(
        f"{'':15} {'first quote':>14} {'first three':>14} {'first cell':>14} {'withheld':>14} "
        f"{'declined':>14} {'ms':>6}"
    )
    halves = sorted({result.half for result in results})
    for half in [*halves, "both"] if len(halves) > 1 else halves:
        in_half = [result for result in results if half in (result.half, "both")]
        for group in dict.fromkeys(result.question.group for result in in_half):
            _report_row(f"{half} {group}", [r for r in in_half if r.question.group == group])
        _report_row(f"{half} all", in_half)


def _report_row(name: str, results: Sequence[Result]) -> None:
    answerable = [result for result in results if result.question.answers]
    others = [result for result in results if not result.question.answers]
    first = [result for result in answerable if result.right == 0]
    rows = [result for result in first if result.answer.quotes[0].cells]
    counts = (
        (len(first), len(answerable)),
        (sum(result.right in (0, 1, 2) for result in answerable), len(answerable)),
        (sum(r.question.is_first_cell(r.answer.quotes[0]) for r in rows), len(rows)),
        (sum(not result.answer.quotes for result in answerable), len(answerable)),
        (sum(not result.answer.quotes for result in others), len(others)),
    )
    cells = " ".join(f"{n:3} of {of:3} {n / max(of, 1):4.0%}" for n, of in counts)
    time_each = statistics.median(result.seconds for result in results) * 1000
    print(f"{name:15} {cells} {time_each:6.0f}", flush=True)


def _show(results: Sequence[Result], which: str | None) -> None:
    for result in results if which else ():
        is_right = result.right == 0 if result.question.answers else not result.answer.quotes
        if is_right and which == "wrong":
            continue
        question = result.question
        wanted = " / ".join(" + ".join(answer) for answer in question.answers) or "nothing"
        print(f"\n{'+' if is_right else '-'} {result.half} {question.group}, {question.kind}")
        print(f"  {question.text}  -> {wanted}")
        for number, quote in enumerate(result.answer.quotes):
            cited = {c.number: c for c in result.answer.citations}[quote.citation]
            mark = "*" if number == result.right else " "
            print(f"  {mark} {quote_text(quote)[:200]}  ({cited.source}, {cited.place})")
        if not result.answer.quotes:
            print(f"    {result.answer.text.splitlines()[0]} ({result.answer.abstention})")
