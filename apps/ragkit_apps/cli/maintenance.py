"""The commands of maintenance: doctor, verify, repair, backup, restore, dump."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.options import (
    check_utf8_path,
    emit,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)
from ragkit_apps.cli.render import escape_name

if TYPE_CHECKING:
    from ragkit.maintenance import CheckResult, RepairReport, RestoreReport, VerificationReport

_EXIT_DAMAGED = 1
_EXIT_LOST = 3
_MAX_NAMES = 20
_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command()
@kb_option
@json_option
@click.pass_obj
def doctor(config_path: Path | None, kb_dir: str | None, as_json: bool) -> None:
    """Check this machine and the knowledge base, and suggest fixes.

    Exit code 1 means that a check failed.
    """
    from ragkit import run_doctor

    config = load_settings(config_path, kb=kb_dir)
    checks = run_doctor(config, Path(config.kb) if kb_dir or Path(config.kb).exists() else None)
    emit([asdict(check) for check in checks], format_checks(checks), as_json)
    if any(check.state == "fail" for check in checks):
        sys.exit(_EXIT_DAMAGED)


@click.command()
@kb_option
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Audit key of another machine; can be repeated.",
)
@json_option
@click.pass_obj
def verify(
    config_path: Path | None, kb_dir: str | None, keys: tuple[Path, ...], as_json: bool
) -> None:
    """Check the whole knowledge base for damage.

    This reads every page, document, vector and audit record, and suggests a fix for each finding.
    Exit code 1 means that something is damaged.
    """
    from ragkit.maintenance import verify_kb

    config = load_settings(config_path, kb=kb_dir)
    report = verify_kb(Path(config.kb), config, keys=keys)
    emit(_to_json(report), format_checks(report.checks), as_json)
    if not report.intact:
        sys.exit(_EXIT_DAMAGED)


@click.command()
@kb_option
@json_option
@click.pass_obj
def repair(config_path: Path | None, kb_dir: str | None, as_json: bool) -> None:
    """Repair a damaged knowledge base.

    Damaged indexes are rebuilt and damaged documents removed. If the database itself is damaged,
    everything readable is copied to a new one, and the damaged knowledge base is kept beside it.

    Exit code 1 means that damage is left. Exit code 3 means that documents are lost until you
    ingest their folders again; they are listed as far as their names are known.
    """
    from ragkit.maintenance import repair_kb

    config = load_settings(config_path, kb=kb_dir)
    report = repair_kb(Path(config.kb), config)
    content: dict[str, Any] = asdict(report)
    content["kept"] = str(report.kept) if report.kept else None
    content["after"] = _to_json(report.after) if report.after else None
    emit(content, _format_repair(report), as_json)
    if report.after is not None and not report.after.intact:
        sys.exit(_EXIT_DAMAGED)
    if report.lost or report.missing or report.unnamed:
        sys.exit(_EXIT_LOST)


@click.command()
@kb_option
@click.pass_obj
def dump(config_path: Path | None, kb_dir: str | None) -> None:
    """Print the documents as JSON lines, to compare knowledge bases.

    Equal content gives equal output. Conversations and the audit log are not included.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        for line in kb.dump():
            click.echo(line)


@click.command()
@click.argument("target", callback=check_utf8_path)
@kb_option
@json_option
@click.pass_obj
def backup(config_path: Path | None, target: str, kb_dir: str | None, as_json: bool) -> None:
    """Back up the knowledge base to the new directory TARGET.

    It can be read and changed in the meantime. The indexes are not part of the backup: a restore
    rebuilds them.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        report = kb.backup(target)
    size = f"{report.bytes / 1e6:.1f} MB"
    lines = [
        f"{escape_name(str(report.path))}: {report.manifest.documents} documents, {size}",
        "It contains the text of all documents: anyone who can read it can read everything.",
        "It does not contain the key of the audit log: keep a copy of "
        f"{escape_name(str(report.key_file))} in another place.",
    ]
    content = {**asdict(report), "path": str(report.path), "key_file": str(report.key_file)}
    emit(content, lines, as_json)


@click.command()
@click.argument("backup", callback=check_utf8_path)
@kb_option
@click.option("--replace", is_flag=True, help="Replace the knowledge base in the directory.")
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Receipt of an erasure since the backup; can be repeated.",
)
@json_option
@click.pass_obj
def restore(
    config_path: Path | None,
    backup: str,
    kb_dir: str | None,
    replace: bool,
    receipts: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Restore a knowledge base from the directory BACKUP.

    The result is checked before it gets its name; until then a replaced knowledge base stays as it
    is. Access rules, legal holds and retention are taken from the replaced knowledge base. What was
    erased since the backup is erased again, as far as it is known from the backup, the replaced
    knowledge base, and --receipt.
    """
    from ragkit.maintenance import restore_kb

    config = load_settings(config_path, kb=kb_dir)
    report = restore_kb(
        Path(backup), Path(config.kb), replace=replace, receipts=receipts, config=config
    )
    content = {**asdict(report), "path": str(report.path), "after": _to_json(report.after)}
    emit(content, _format_restore(report), as_json)


def _to_json(report: VerificationReport) -> dict[str, Any]:
    return {**asdict(report), "path": str(report.path), "intact": report.intact}


def format_checks(checks: Sequence[CheckResult]) -> list[str]:
    """Return the lines that show the results of checks, each with its fix below it."""
    lines = []
    for check in checks:
        file = f" ({escape_name(check.file)})" if check.file and check.state == "fail" else ""
        lines.append(f"{_MARKS[check.state]}  {check.name}{file}: {escape_name(check.finding)}")
        if check.fix:
            lines.append(f"      -> {escape_name(check.fix)}")
    return lines


def _format_repair(report: RepairReport) -> list[str]:
    lines = [f"found: {escape_name(text)}" for text in report.findings]
    lines += [f"done: {escape_name(text)}" for text in report.actions]
    lines += _list_names("lost until the next ingest: ", report.lost)
    lines += _list_names("lost until the next ingest, which restores its label: ", report.missing)
    lines += _list_names(
        "lost with its legal hold; put it on hold again after the ingest: ", report.lost_holds
    )
    if report.unnamed:
        lines.append(
            f"lost without a name: {report.unnamed} documents; check their labels after the ingest"
        )
    lines += _list_names("a label that lost its name is now called: ", report.renamed_labels)
    if report.kept:
        lines.append(
            f"the damaged knowledge base is kept in {escape_name(str(report.kept))}; delete it "
            "when you no longer need it"
        )
    if report.after is not None and not report.after.intact:
        lines += format_checks(report.after.checks)
    return lines or ["nothing to repair"]


def _list_names(text: str, names: Sequence[str]) -> list[str]:
    lines = [f"{text}{escape_name(name)}" for name in names[:_MAX_NAMES]]
    if len(names) > _MAX_NAMES:
        lines.append(f"{text}... and {len(names) - _MAX_NAMES} more (all of them: --json)")
    return lines


def _format_restore(report: RestoreReport) -> list[str]:
    lines = [
        f"{escape_name(str(report.path))}: restored {report.documents} documents from the backup "
        f"of {report.manifest.created_at}, and checked them"
    ]
    if report.replaced:
        lost = "an unknown number of" if report.records_lost is None else str(report.records_lost)
        lines.append(f"{lost} audit records of the replaced knowledge base are not in its log")
    lines += _list_names("as in the replaced knowledge base: ", report.access_rules)
    if not report.access_rules_known:
        lines.append(
            "the replaced knowledge base could not be read: access rules, labels, legal holds and "
            "retention are those of the backup; check them"
        )
    if report.erased:
        lines.append(f"repeated {report.erased} erasures that are newer than the backup")
    if not report.erasures_known:
        lines.append(
            "the erasures of the replaced knowledge base are not all known: if documents were "
            "erased since the backup, restore it again with --receipt FILE"
        )
    return lines + format_checks([one for one in report.after.checks if one.state != "ok"])
