"""The command reembed, which changes the embedder of a knowledge base."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit_apps.cli.options import emit, json_option, kb_option, load_settings, open_kb
from ragkit_apps.cli.progress import show_reembed_progress
from ragkit_apps.cli.render import Table, escape_name, print_table
from ragkit_apps.text import format_seconds

if TYPE_CHECKING:
    from ragkit.maintenance import EmbedderComparison, ReembedReport

_EXIT_NOT_SWAPPED = 1


@click.command("reembed")
@kb_option
@click.option(
    "--embedder",
    metavar="NAME",
    help="New embedding model: a name, a folder, ollama:NAME or openai:NAME.",
)
@click.option(
    "--questions",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Questions with their documents (JSON lines), to compare both embedders on.",
)
@click.option("--yes", is_flag=True, help="Swap even if the new embedder finds less.")
@click.option("--undo", is_flag=True, help="Go back to the previous embedder.")
@click.option("--finish", is_flag=True, help="Delete the vectors of the previous embedder.")
@json_option
@click.pass_obj
def change_embedder(
    config_path: Path | None,
    kb_dir: str | None,
    embedder: str | None,
    questions: Path | None,
    yes: bool,
    undo: bool,
    finish: bool,
    as_json: bool,
) -> None:
    """Change the embedder of the knowledge base.

    New vectors are built beside the old ones. Searches use the old ones until all are done, and
    their vectors are kept until --finish. A run that was stopped is continued by the same command.

    With --questions both embedders are compared before the swap. If the new one finds less (a
    lower MRR), it is not swapped in unless you confirm that, or pass --yes. Exit code 1 means that
    it was not swapped in.
    """
    if sum((embedder is not None, undo, finish)) != 1:
        raise click.UsageError("expected one of --embedder NAME, --undo and --finish")
    if embedder is None and (questions is not None or yes):
        raise click.UsageError("--questions and --yes go with --embedder NAME")
    config = load_settings(config_path, kb=kb_dir)
    with open_kb(config) as kb, show_reembed_progress(quiet=as_json) as progress:
        if finish:
            name = kb.reembedding.finish()
            emit({"deleted": name}, [f"deleted the vectors of {escape_name(name)}"], as_json)
            return
        if undo:
            name = kb.reembedding.undo(progress=progress)
            emit({"embedder": name}, [f"searches use {escape_name(name)}"], as_json)
            return
        assert embedder is not None
        report = kb.reembedding.run(
            embedder,
            questions=questions,
            decide=lambda comparison: _decide(comparison, yes=yes, as_json=as_json),
            progress=progress,
        )
    emit(asdict(report), _format_report(report, embedder), as_json)
    if not report.swapped:
        sys.exit(_EXIT_NOT_SWAPPED)


def _decide(comparison: EmbedderComparison, *, yes: bool, as_json: bool) -> bool:
    """Show a comparison, and return whether to swap; ask only on a terminal."""
    if not as_json:
        for part in _format_comparison(comparison):
            print_table(part) if isinstance(part, Table) else click.echo(part)
    if yes or not comparison.is_loss:
        return True
    if as_json or not sys.stdin.isatty():
        return False
    return click.confirm("The new embedder finds less. Swap it in?", default=False, err=True)


def _format_comparison(comparison: EmbedderComparison) -> list[str | Table]:
    before, after = comparison.before, comparison.after
    rows = [
        ("hit@1", f"{before.hit_at_1:.3f}", f"{after.hit_at_1:.3f}"),
        ("hit@5", f"{before.hit_at_5:.3f}", f"{after.hit_at_5:.3f}"),
        ("MRR", f"{before.mrr:.3f}", f"{after.mrr:.3f}"),
    ]
    skipped = f" ({comparison.skipped} skipped)" if comparison.skipped else ""
    return [
        Table((f"{comparison.questions} questions{skipped}", "old", "new"), rows),
        f"{comparison.better} questions got better, {comparison.worse} got worse",
    ]


def _format_report(report: ReembedReport, embedder: str) -> list[str]:
    name, previous = escape_name(report.embedder), escape_name(report.previous)
    if report.swapped and not report.chunks and name == previous:
        return [f"searches use {name} already"]
    lines = [f"embedded {report.chunks:,} chunks in {format_seconds(report.seconds)}"]
    if not report.swapped:
        return [
            *lines,
            f"not swapped: {name} finds less than {previous}, which goes on serving. Swap with: "
            f"ragkit reembed --embedder {escape_name(embedder)} --yes; delete the new vectors "
            "with: ragkit reembed --undo",
        ]
    if report.comparison is None:
        lines.append("nothing was compared; to compare both embedders, pass --questions FILE")
    kept = "the model that it replaced" if name == previous else previous
    return [
        *lines,
        f"searches use {name}; the vectors of {kept} are kept until: ragkit reembed --finish",
    ]
