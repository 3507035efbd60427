"""The commands that look after a base: verify, repair, dump, backup, restore."""

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

if TYPE_CHECKING:
    from ragkit.maintenance import CheckResult, RepairReport, RestoreReport, VerificationReport

_DAMAGED = 1
_LOST = 3  # done, but some documents are to be read again
_MOST = 20  # names shown


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
    emit([asdict(check) for check in checks], check_lines(checks), as_json)
    if any(check.state == "fail" for check in checks):
        sys.exit(_DAMAGED)


@click.command()
@kb_option
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another machine's audit key; may be given again.",
)
@json_option
@click.pass_obj
def verify(
    config_path: Path | None, kb_dir: str | None, keys: tuple[Path, ...], as_json: bool
) -> None:
    """Look through the whole base for damage.

    Every page, document, vector and audit record is read. Exit code 1 means that something is
    damaged; each finding says what to do.
    """
    from ragkit.maintenance import verify_kb

    config = load_settings(config_path, kb=kb_dir)
    found = verify_kb(Path(config.kb), config, keys=keys)
    emit(_as_data(found), check_lines(found.checks), as_json)
    if not found.intact:
        sys.exit(_DAMAGED)


@click.command()
@kb_option
@json_option
@click.pass_obj
def repair(config_path: Path | None, kb_dir: str | None, as_json: bool) -> None:
    """Build anew what is damaged, and keep what can be read of the rest.

    Exit code 3 means that documents are lost until the next ingest reads their files again; each
    is named as far as its name is known.
    """
    from ragkit.maintenance import repair_kb

    config = load_settings(config_path, kb=kb_dir)
    report = repair_kb(Path(config.kb), config)
    content: dict[str, Any] = asdict(report)
    content["kept"] = str(report.kept) if report.kept else None
    content["after"] = _as_data(report.after) if report.after else None
    emit(content, _repair_lines(report), as_json)
    if report.after is not None and not report.after.intact:
        sys.exit(_DAMAGED)
    if report.lost or report.missing or report.unnamed:
        sys.exit(_LOST)


@click.command()
@kb_option
@click.pass_obj
def dump(config_path: Path | None, kb_dir: str | None) -> None:
    """Print what the base holds as JSON lines, the same for equal content."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        for line in kb.dump():
            click.echo(line)


@click.command()
@click.argument("target", callback=check_utf8_path)
@kb_option
@json_option
@click.pass_obj
def backup(config_path: Path | None, target: str, kb_dir: str | None, as_json: bool) -> None:
    """Copy the base into a new directory TARGET, while others read and write.

    Indexes are not in it: they are built again when it is restored.
    """
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        made = kb.backup(target)
    size = f"{made.bytes / 1e6:.1f} MB"
    lines = [
        f"{escape_name(str(made.path))}: {made.manifest.documents} documents, {size}",
        "It holds all text: whoever can read it reads everything.",
        f"The key of its audit log is not in it; keep a copy of {escape_name(str(made.key_file))} "
        "elsewhere.",
    ]
    content = {**asdict(made), "path": str(made.path), "key_file": str(made.key_file)}
    emit(content, lines, as_json)


@click.command()
@click.argument("backup", callback=check_utf8_path)
@kb_option
@click.option("--replace", is_flag=True, help="Put it in the place of the base that is there.")
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of something erased since the backup was made; may be given again.",
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
    """Make a base of the backup in the directory BACKUP.

    It is checked before it gets its name; until then a base that it replaces stays as it is. What
    was erased since the backup was made is erased in it, too, as far as this is known: by the
    backup, by the base that is replaced, and by --receipt.
    """
    from ragkit.maintenance import restore_kb

    config = load_settings(config_path, kb=kb_dir)
    report = restore_kb(
        Path(backup), Path(config.kb), replace=replace, receipts=receipts, config=config
    )
    content = {**asdict(report), "path": str(report.path), "after": _as_data(report.after)}
    emit(content, _restore_lines(report), as_json)


def _as_data(found: VerificationReport) -> dict[str, Any]:
    return {**asdict(found), "path": str(found.path), "intact": found.intact}


def check_lines(checks: Sequence[CheckResult]) -> list[str]:
    """Return the lines that show the results of checks, each with its fix below it."""
    from ragkit_apps.cli.render import escape_name

    marks = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
    lines = []
    for check in checks:
        file = f" ({escape_name(check.file)})" if check.file and check.state == "fail" else ""
        lines.append(f"{marks[check.state]}  {check.name}{file}: {escape_name(check.finding)}")
        if check.fix:
            lines.append(f"      -> {escape_name(check.fix)}")
    return lines


def _repair_lines(report: RepairReport) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    lines = [f"found: {escape_name(text)}" for text in report.findings]
    lines += [f"done: {escape_name(text)}" for text in report.actions]
    lines += _named("lost, and read again by the next ragkit ingest: ", report.lost)
    lines += _named("lost, and labelled as it was when it is read again: ", report.missing)
    lines += _named("lost with its hold, so hold it again then: ", report.lost_holds)
    if report.unnamed:
        lines.append(
            f"lost without a name: {report.unnamed} documents; see that they get their labels "
            "again when they are read"
        )
    lines += _named("a label whose name is lost is now called: ", report.renamed_labels)
    if report.kept:
        lines.append(
            f"the damaged base is kept in {escape_name(str(report.kept))}; delete it one day"
        )
    if report.after is not None and not report.after.intact:
        lines += check_lines(report.after.checks)
    return lines or ["nothing to do"]


def _named(text: str, names: list[str]) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    lines = [f"{text}{escape_name(name)}" for name in names[:_MOST]]
    if len(names) > _MOST:
        lines.append(f"{text}... and {len(names) - _MOST} more (--json names them)")
    return lines


def _restore_lines(report: RestoreReport) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    held = report.manifest
    lines = [
        f"{escape_name(str(report.path))}: {report.documents} documents as of {held.created_at}, "
        "checked"
    ]
    if report.replaced:
        lost = "an unknown number of" if report.records_lost is None else str(report.records_lost)
        lines.append(f"{lost} lines of the replaced base's log are not in it")
    lines += _named("as in the replaced base: ", list(report.access_rules))
    if not report.access_rules_known:
        lines.append(
            "how the replaced base was governed could not be read: rights, labels, holds and "
            "retention are those of the backup"
        )
    if report.erased:
        lines.append(f"{report.erased} erasures that came after the backup were repeated in it")
    if not report.erasures_known:
        lines.append(
            "what was erased in the replaced base could not be read whole: if anything was "
            "erased since the backup, restore it again with --receipt FILE"
        )
    return lines + [line for line in check_lines(report.after.checks) if not line.startswith("ok")]
