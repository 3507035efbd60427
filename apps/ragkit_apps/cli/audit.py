"""The commands of the audit log: audit show, verify, export, checkpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.options import (
    as_usage_error,
    emit,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)
from ragkit_apps.cli.render import Table

if TYPE_CHECKING:
    from ragkit.governance import AuditRecord

_MAX_VALUE_LENGTH = 40  # characters of a detail's value in a table


@click.group()
def audit() -> None:
    """Show the audit log, and verify that it is unchanged."""


def _filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select audit records."""
    for option in (
        click.option(
            "--since", default="", metavar="TIME", help="Only records since this day or time (UTC)."
        ),
        click.option("--document", metavar="DOCUMENT", help="Only records about this document."),
        click.option(
            "--action",
            metavar="ACTION",
            help="Only this action, such as ask or document.add, or group of actions (document).",
        ),
        click.option(
            "--actor", metavar="PRINCIPAL", help="Only records of this principal, such as user:ana."
        ),
    ):
        command = option(command)
    return command


@audit.command("show")
@_filter_options
@click.option(
    "--last", default=50, show_default=True, type=click.IntRange(1), help="Number of records."
)
@kb_option
@json_option
@click.pass_obj
def show_audit(
    config_path: Path | None, /, last: int, kb_dir: str | None, as_json: bool, **filters: Any
) -> None:
    """Show the last records of the audit log."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--since"):
        records = kb.audit.records(**filters)[-last:]
    if not records:
        click.echo("no matching audit records", err=True)
    columns = ["No.", "Time", "Actor", "Action", "Object", "Names", "Details"]
    table = [Table(columns, [_format_record(record) for record in records])] if records else []
    emit([asdict(record) for record in records], table, as_json)


def _format_record(record: AuditRecord) -> tuple[str | int, ...]:
    names = "(names erased)" if record.names is None else ", ".join(record.names.values())
    detail = " ".join(f"{key}={_format_value(value)}" for key, value in record.detail.items())
    return (
        record.number,
        record.at[:19],
        record.actor,
        record.action,
        record.object,
        names,
        detail,
    )


def _format_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: _MAX_VALUE_LENGTH - 3]}..."


@audit.command("verify")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Audit key of another machine; can be repeated.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with checkpoints that were made before; can be repeated.",
)
@kb_option
@json_option
@click.pass_obj
def verify_audit(
    config_path: Path | None,
    keys: tuple[Path, ...],
    checkpoints: tuple[Path, ...],
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Check that no audit record was changed, removed or added.

    Records that were removed from the end are found only with a checkpoint. Exit code 1 means that
    the log was changed, or that a key to check it is missing.
    """
    from ragkit.governance import read_checkpoints

    given = [checkpoint for path in checkpoints for checkpoint in read_checkpoints(path)]
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        report = kb.audit.verify(keys=keys, checkpoints=given)
    chain = report.chain
    lines = [f"FAIL  {problem}" for problem in report.problems]
    if not lines:
        matches = f" and match {report.checkpoints} checkpoints" if given else ""
        erased = f"; the names in {chain.erased} were erased" if chain.erased else ""
        lines = [f"ok    {chain.records} records are unchanged{matches}{erased}"]
    if not given:
        lines.append("      to find records removed from the end, give a checkpoint: --checkpoint")
    emit({**asdict(report), "intact": report.intact}, lines, as_json)
    if not report.intact:
        sys.exit(1)


@audit.command("export")
@_filter_options
@click.option(
    "--format",
    "form",
    default="jsonl",
    show_default=True,
    type=click.Choice(["jsonl", "csv"]),
    help="JSON lines, or CSV with formulas escaped for spreadsheets.",
)
@kb_option
@click.pass_obj
def export_audit(
    config_path: Path | None, /, form: str, kb_dir: str | None, **filters: Any
) -> None:
    """Write the audit log to standard output."""
    from ragkit.governance import records_as_csv, records_as_jsonl

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--since"):
        records = kb.audit.records(**filters)
    for line in (records_as_csv if form == "csv" else records_as_jsonl)(records):
        click.echo(line)


@audit.command("checkpoint")
@kb_option
@click.pass_obj
def create_checkpoint(config_path: Path | None, kb_dir: str | None) -> None:
    """Print a signed checkpoint of the audit log as one line of JSON.

    Append it to a file on another machine, or print it. `ragkit audit verify --checkpoint FILE`
    then detects records that were removed from the end, and a log that was rewritten.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        click.echo(json.dumps(asdict(kb.audit.checkpoint())))
