"""The commands for documents: ingest, status, remove; and the list of language models."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.options import (
    as_usage_error,
    check_utf8_path,
    decode_argument,
    emit,
    filter_options,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)
from ragkit_apps.cli.render import Table, escape_name, list_entries, shorten
from ragkit_apps.text import format_seconds

if TYPE_CHECKING:
    from ragkit import FileError, Filter, IngestReport, Status
    from ragkit.maintenance import EmbedderChange

EXIT_FILES_FAILED = 3
MAX_LISTED_FILES = 20


def _check_label(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    from ragkit.governance import check_label

    with as_usage_error("--label"):
        return name if name is None else check_label(name)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", callback=check_utf8_path)
@kb_option
@click.option(
    "--embedder",
    metavar="NAME",
    help="Embedding model: a name, a folder, ollama:NAME or openai:NAME.",
)
@click.option("--label", callback=_check_label, help="Access label for all documents of the paths.")
@click.option("--dry-run", is_flag=True, help="Report what would change, and change nothing.")
@click.option("--keep-missing", is_flag=True, help="Keep documents whose files no longer exist.")
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read.")
@click.option("--allow-erased", is_flag=True, help="Ingest files again whose content was erased.")
@click.option("--workers", type=click.IntRange(1, 64), help="Number of processes that read files.")
@json_option
@click.pass_obj
def ingest(
    config_path: Path | None,
    paths: tuple[str, ...],
    kb_dir: str | None,
    embedder: str | None,
    label: str | None,
    dry_run: bool,
    keep_missing: bool,
    strict: bool,
    allow_erased: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Ingest files and folders into the knowledge base.

    Reads new and changed files, skips unchanged ones, and removes documents whose files no longer
    exist. Exit code 3 means that some files could not be read; each is listed with its reason.
    """
    from ragkit_apps.cli.progress import show_progress

    config = load_settings(config_path, kb=kb_dir, embedder=embedder)
    _check_paths_exist(paths)
    with ExitStack() as stack:
        if dry_run and _is_missing_or_empty(Path(config.kb)):
            # compare with an empty knowledge base, and create none at the real place
            config = replace(config, kb=stack.enter_context(tempfile.TemporaryDirectory()))
        kb = stack.enter_context(open_kb(config, create=True))
        progress = stack.enter_context(show_progress(quiet=as_json))
        report = kb.ingest(
            *paths,
            label=label,
            dry_run=dry_run,
            keep_missing=keep_missing,
            strict=strict,
            allow_erased=allow_erased,
            workers=workers,
            progress=progress,
        )
    emit(asdict(report), _format_report(report), as_json)
    if report.failed:
        sys.exit(EXIT_FILES_FAILED)


def _check_paths_exist(paths: tuple[str, ...]) -> None:
    """Check all paths before the first file is read or a knowledge base is created."""
    from ragkit.errors import SourceError

    for path in paths:
        if not os.path.lexists(path):
            raise SourceError(f"{path} does not exist; name a file or folder to ingest")


def _is_missing_or_empty(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def _format_report(report: IngestReport) -> list[str]:
    """Return the counts of an ingest, then each file that needs attention."""
    names = ("added", "updated", "unchanged", "renamed", "removed", "failed")
    counts = {name: len(getattr(report, name)) for name in names}
    head = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    would = "would be: " if report.dry_run else ""
    lines = [f"{would}{head or 'nothing to do'}"]
    if report.chunks:
        duration = format_seconds(report.seconds)
        lines[0] += f"; {report.pages} pages, {report.chunks} chunks in {duration}"
    for name in ("added", "updated", "removed") if report.dry_run else ("removed",):
        sources = [escape_name(source) for source in sorted(getattr(report, name))]
        lines += list_entries(f"  {name}: ", sources, MAX_LISTED_FILES)
    renamed = [f"{escape_name(old)} -> {escape_name(new)}" for old, new in sorted(report.renamed)]
    lines += list_entries("  renamed: ", renamed, MAX_LISTED_FILES)
    warnings = [f"{escape_name(source)}: {text}" for source, text in sorted(report.warnings)]
    lines += list_entries("  warning: ", warnings, MAX_LISTED_FILES)
    if report.language_warning:
        lines.append(f"  warning: {report.language_warning}")
    failed = sorted(report.failed, key=lambda error: error.source)
    return lines + [f"  failed: {_format_file_error(error)}" for error in failed]


def _format_file_error(error: FileError) -> str:
    detail = f" ({shorten(error.detail, 300)})" if error.detail else ""
    return f"{escape_name(error.source)}: {error.reason}{detail}"


@click.command()
@kb_option
@click.option("--documents", is_flag=True, help="List all documents.")
@filter_options
@json_option
@click.pass_obj
def status(
    config_path: Path | None,
    kb_dir: str | None,
    documents: bool,
    where: Filter | None,
    as_json: bool,
) -> None:
    """Show what the knowledge base contains, and which files could not be read.

    With a filter, such as --in or --kind, list the documents that match it.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        found = kb.status()
        documents = documents or where is not None
        entries = kb.documents(where=where) if documents else []
    parts: list[str | Table] = [*_format_status(found)]
    content: dict[str, Any] = {**asdict(found), "path": str(found.path)}
    if documents:
        content["document_list"] = [asdict(entry) for entry in entries]
        rows = [
            (entry.source, entry.kind, entry.pages, entry.chunks, entry.modified_at[:10])
            for entry in entries
        ]
        parts += ["", Table(("document", "type", "pages", "chunks", "modified"), rows)]
    if where is not None and not entries:
        parts[-1] = escape_name(where.no_match)
    emit(content, parts, as_json)


def _format_status(status: Status) -> list[str]:
    dimension = f" ({status.dimension} dimensions)" if status.dimension else ""
    lines = [
        f"{status.path}: {status.documents} documents, {status.pages} pages, "
        f"{status.chunks} chunks, {status.bytes / 1e6:.1f} MB",
        f"embedder: {status.embedder or 'none yet'}{dimension}",
    ]
    if status.embedder_change is not None:
        lines.append(_format_change(status.embedder_change))
    if status.language_warning:
        lines.append(f"warning: {status.language_warning}")
    lines += [f"folder: {escape_name(folder)}" for folder in status.source_folders]
    return lines + [f"failed: {_format_file_error(error)}" for error in status.file_errors]


def _format_change(change: EmbedderChange) -> str:
    if change.role == "previous":
        return (
            f"previous embedder: {change.embedder}, whose vectors are kept until ragkit reembed "
            "--finish (go back to it with: ragkit reembed --undo)"
        )
    if change.role == "discarded":
        return (
            f"the vectors of {change.embedder} are being deleted; if that was interrupted, run: "
            "ragkit reembed --finish"
        )
    return (
        f"re-embedding with {change.embedder}: {change.chunks_done:,} of {change.chunks_total:,} "
        f"chunks; continue with: ragkit reembed --embedder {change.embedder}"
    )


@click.command()
@click.argument("source", callback=decode_argument)
@kb_option
@json_option
@click.pass_obj
def remove(config_path: Path | None, source: str, kb_dir: str | None, as_json: bool) -> None:
    """Remove a document, or all documents of a folder, from the knowledge base.

    The next ingest adds them again if their files still exist. To delete documents and everything
    derived from them, use: ragkit erase
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        removed = kb.remove(source)
    emit({"removed": removed}, [f"removed {escape_name(entry)}" for entry in removed], as_json)


@click.command()
@json_option
@click.pass_obj
def models(config_path: Path | None, as_json: bool) -> None:
    """List the language models on the model server, and show which one answers."""
    from ragkit.llms import choose_model, installed_models
    from ragkit_apps.cli.answer_text import format_models

    config = load_settings(config_path)
    installed = installed_models(config)
    chosen, reason = choose_model(config.model, config, models=installed)
    content = {
        "models": [asdict(model) for model in installed],
        "model": chosen.name,
        "model_choice": reason,
    }
    emit(content, format_models(installed, chosen.name, reason), as_json)
