"""The commands about how long documents are kept: retention, hold, release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit_apps.cli.erasure import format_receipt, receipt_option, write_receipt
from ragkit_apps.cli.options import (
    as_usage_error,
    decode_argument,
    emit,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)
from ragkit_apps.cli.render import Table, escape_name

if TYPE_CHECKING:
    from ragkit.governance import ExpiredDocument, LegalHold


@click.group()
def retention() -> None:
    """Set how long documents are kept, and erase expired ones."""


@retention.command("keep")
@click.argument("label", callback=decode_argument)
@click.argument("days", metavar="DAYS|forever")
@kb_option
@click.pass_obj
def keep(config_path: Path | None, label: str, days: str, kb_dir: str | None) -> None:
    """Set how long documents labeled LABEL are kept, counted from their ingest.

    Nothing is erased by this command; see: ragkit retention erase.
    """
    if days != "forever" and not days.isdecimal():
        raise click.BadParameter(
            f"invalid period {days!r}: expected a number of days or forever", param_hint="DAYS"
        )
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("DAYS"):
        kb.retention.keep(label, None if days == "forever" else int(days))
    period = "forever" if days == "forever" else f"for {days} days"
    click.echo(f"documents labeled {escape_name(label)} are kept {period}")


@retention.command("show")
@kb_option
@json_option
@click.pass_obj
def show_retention(config_path: Path | None, kb_dir: str | None, as_json: bool) -> None:
    """Show the retention periods, expired documents and legal holds."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        rules, expired = kb.retention.rules(), kb.retention.find_expired()
        holds = kb.retention.holds()
    parts: list[str | Table] = []
    if rules:
        parts.append(Table(["Label", "Days kept"], sorted(rules.items())))
    else:
        parts.append("all documents are kept forever; change that with: ragkit retention keep")
    if expired:
        parts += ["", "Expired:", _tabulate_expired(expired)]
    if holds:
        parts += ["", "On legal hold:", _tabulate_holds(holds)]
    content = {
        "days": rules,
        "expired": [asdict(one) for one in expired],
        "holds": [asdict(one) for one in holds],
    }
    emit(content, parts, as_json)


@retention.command("erase")
@click.option("--dry-run", is_flag=True, help="Show what would be erased, and stop.")
@click.option(
    "--clock-is-right", is_flag=True, help="Erase even if the clock seems to have jumped."
)
@receipt_option
@kb_option
@json_option
@click.pass_obj
def erase_expired(
    config_path: Path | None,
    dry_run: bool,
    clock_is_right: bool,
    receipt_path: Path | None,
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Permanently erase the documents whose retention period is over.

    Run this command daily. Documents on legal hold are kept. Nothing is erased if the clock seems
    to have jumped since the last run.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        if dry_run:
            expired, problem = kb.retention.find_expired(), kb.retention.clock_problem()
            parts = _show_expired(expired)
            if expired and problem and not clock_is_right:
                parts.append(f"nothing would be erased: {problem}")
            emit([asdict(one) for one in expired], parts, as_json)
            return
        report = kb.retention.erase(clock_is_right=clock_is_right)
    parts = _show_expired((*report.erased, *report.held))
    if report.receipt is not None:
        parts += format_receipt(report.receipt)
    emit(asdict(report), parts, as_json)
    if report.receipt is not None:
        write_receipt(report.receipt, receipt_path)


def _show_expired(expired: Sequence[ExpiredDocument]) -> list[str | Table]:
    return [_tabulate_expired(expired)] if expired else ["no document has expired"]


def _tabulate_expired(expired: Sequence[ExpiredDocument]) -> Table:
    rows = [(one.source, one.label, one.added_at[:10], one.days, one.hold or "") for one in expired]
    return Table(["Document", "Label", "Added", "Days kept", "Legal hold"], rows)


def _tabulate_holds(holds: Sequence[LegalHold]) -> Table:
    rows = [(one.source, one.at[:10], one.reason) for one in holds]
    return Table(["Document", "Since", "Reason"], rows)


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why, such as a case number; kept in the log."
)
@kb_option
@click.pass_obj
def hold(config_path: Path | None, pattern: str, reason: str, kb_dir: str | None) -> None:
    """Put documents on legal hold.

    Documents on hold are not removed, replaced or erased when they expire. Only ragkit erase
    overrides a hold. DOCUMENT is a source, a path on disk, a folder, or a pattern such as
    "hr/*.pdf".
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--reason"):
        held = kb.retention.hold(pattern, reason)
    lines = [f"on legal hold: {escape_name(source)}" for source in held] or [
        "already on legal hold; the new reason was added to the hold"
    ]
    click.echo("\n".join(lines))


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@kb_option
@click.pass_obj
def release(config_path: Path | None, pattern: str, kb_dir: str | None) -> None:
    """End the legal hold of documents."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        released = kb.retention.release(pattern)
    lines = [f"no longer on legal hold: {escape_name(source)}" for source in released] or [
        "none of these documents is on legal hold"
    ]
    click.echo("\n".join(lines))
