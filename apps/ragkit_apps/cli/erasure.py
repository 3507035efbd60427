"""The commands that erase documents for good, and prove it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit_apps.cli.options import (
    as_usage_error,
    decode_argument,
    emit,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)

if TYPE_CHECKING:
    from ragkit import Receipt
    from ragkit.governance import ErasurePlan, ExpiredDocument


def _writable(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file in a folder that is not there, before anything is done."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise click.BadParameter(f"{path} is no file that can be written")
    return path


receipt_option = click.option(
    "--receipt",
    "path",
    type=click.Path(path_type=Path),
    callback=_writable,
    metavar="FILE",
    help="Write it there.",
)


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@click.option("--reason", metavar="TEXT", help="Why; it stands in the receipt.")
@receipt_option
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@kb_option
@json_option
@click.pass_obj
def erase(
    config_path: Path | None,
    pattern: str,
    reason: str | None,
    path: Path | None,
    dry_run: bool,
    yes: bool,
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Erase documents for good, with all that rests on them, and write a receipt.

    DOCUMENT is one or a folder as hits show it, or on disk, or a pattern like "hr/*.pdf"; also the
    name of one that was removed before. What would be erased is shown first.
    """
    from ragkit.errors import SourceError

    if not (reason or "").strip() and not dry_run:
        raise click.UsageError("--reason is missing: it stands in the receipt")
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        try:
            plan = kb.erasure_plan(pattern)
        except SourceError:
            if dry_run:
                raise
            receipt = kb.erase(pattern, reason=reason or "")  # if it was begun, and killed
        else:
            if dry_run:
                emit(asdict(plan), _plan_lines(plan), as_json)
                return
            click.echo("\n".join(_plan_lines(plan)), err=True)
            if not (yes or click.confirm("Erase this for good?", err=True)):
                click.echo("nothing was erased", err=True)
                sys.exit(1)
            receipt = kb.erase(pattern, reason=reason or "", plan=plan)
    emit(asdict(receipt), _receipt_lines(receipt), as_json)
    _write(receipt, path)


def _write(receipt: Receipt, path: Path | None) -> None:
    from ragkit.errors import StoreError

    if path is None:
        return
    try:
        path.write_text(receipt.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"it is erased, but {path} cannot be written ({error.strerror}); get the receipt "
            f"with: ragkit receipt {receipt.erasure}"
        ) from error


@click.command()
@click.argument("number", type=int)
@kb_option
@click.pass_obj
def receipt(config_path: Path | None, number: int, kb_dir: str | None) -> None:
    """Print the receipt of an erasure again, by its number."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        click.echo(kb.receipt(number).to_json())


@click.command("verify-receipt")
@click.argument(
    "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE"
)
@click.option("--public", metavar="KEY", help="The public key that it must be signed with.")
@kb_option
@json_option
@click.pass_obj
def verify_receipt(
    config_path: Path | None, path: Path, public: str | None, kb_dir: str | None, as_json: bool
) -> None:
    """Check that a receipt is what was signed when the documents were erased.

    It needs no base, no network and no secret; with --kb it is compared with the base's log, too.
    Whether the key is that of whoever keeps the base is for you to know: compare it with the one
    that they name, or give it as --public.
    """
    from ragkit.governance import read_receipt

    found = read_receipt(path.read_text(encoding="utf-8", errors="replace"))
    problem = ""
    if not found.verify():
        problem = "it is not what was signed"
    elif public is not None and public.lower() != found.public_key:
        problem = "it is signed with another key"
    elif kb_dir is not None:
        with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
            if not kb.audit.holds(found):
                problem = f"the log of {kb.path} does not have it"
    lines = [f"FAIL  {problem}"] if problem else [f"ok    signed with the key {found.public_key}"]
    emit(
        {**asdict(found), "genuine": not problem, "problem": problem},
        [*lines, *_receipt_lines(found)],
        as_json,
    )
    if problem:
        sys.exit(1)


@click.group()
def retention() -> None:
    """Keep documents for so many days, by their labels, and erase them then."""


@retention.command("keep")
@click.argument("label", callback=decode_argument)
@click.argument("days", metavar="DAYS|ever")
@kb_option
@click.pass_obj
def keep(config_path: Path | None, label: str, days: str, kb_dir: str | None) -> None:
    """Keep documents of LABEL for DAYS after they were ingested, or for ever."""
    from ragkit_apps.cli.render import escape_name

    if days != "ever" and not days.isdecimal():
        raise click.BadParameter(f"{days!r} is no number of days, nor ever", param_hint="DAYS")
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("DAYS"):
        kb.retention.keep(label, None if days == "ever" else int(days))
    click.echo(f"{escape_name(label)} is kept for {'ever' if days == 'ever' else f'{days} days'}")


@retention.command("show")
@kb_option
@json_option
@click.pass_obj
def show_retention(config_path: Path | None, kb_dir: str | None, as_json: bool) -> None:
    """Show how long labels are kept, what is due, and what is held."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        rules, due, holds = kb.retention.rules(), kb.retention.expired(), kb.retention.holds()
    lines = [
        f"{escape_name(label)} is kept for {days} days" for label, days in sorted(rules.items())
    ]
    lines = lines or ["everything is kept for ever; to change that: ragkit retention keep"]
    lines += [_due_line(one) for one in due]
    lines += [f"held since {one.at[:10]}: {escape_name(one.source)} ({escape_name(one.reason)})"
              for one in holds]  # fmt: skip
    content = {
        "days": rules,
        "expired": [asdict(one) for one in due],
        "holds": [asdict(one) for one in holds],
    }
    emit(content, lines, as_json)


@retention.command("erase")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and do nothing.")
@click.option("--clock-is-right", is_flag=True, help="Go on although the clock made a step.")
@receipt_option
@kb_option
@json_option
@click.pass_obj
def erase_expired(
    config_path: Path | None,
    dry_run: bool,
    clock_is_right: bool,
    path: Path | None,
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Erase for good what has been kept for as long as its label says; to be run daily."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        if dry_run:
            due, doubt = kb.retention.expired(), kb.retention.clock_problem()
            lines = [_due_line(one) for one in due] or ["nothing is due"]
            lines += [f"nothing would be erased: {doubt}"] if due and doubt else []
            emit([asdict(one) for one in due], lines, as_json)
            return
        report = kb.retention.erase(clock_is_right=clock_is_right)
    lines = [_due_line(one) for one in (*report.erased, *report.held)] or ["nothing is due"]
    lines += _receipt_lines(report.receipt) if report.receipt else []
    emit(asdict(report), lines, as_json)
    if report.receipt is not None:
        _write(report.receipt, path)


def _due_line(due: ExpiredDocument) -> str:
    from ragkit_apps.cli.render import escape_name

    what = "due" if due.hold is None else f"due, but held ({escape_name(due.hold)})"
    return f"{what}: {escape_name(due.source)}, {escape_name(due.label)}, added {due.added_at[:10]}"


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the log.")
@kb_option
@click.pass_obj
def hold(config_path: Path | None, pattern: str, reason: str, kb_dir: str | None) -> None:
    """Let documents not go, whatever their age; only an erasure goes before that."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--reason"):
        held = kb.retention.hold(pattern, reason)
    lines = [f"held: {escape_name(source)}" for source in held] or [
        "they are held already; this reason is kept beside the other"
    ]
    click.echo("\n".join(lines))


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@kb_option
@click.pass_obj
def release(config_path: Path | None, pattern: str, kb_dir: str | None) -> None:
    """Let documents go again that were held."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        freed = kb.retention.release(pattern)
    lines = [f"no longer held: {escape_name(source)}" for source in freed] or [
        "none of them is held"
    ]
    click.echo("\n".join(lines))


def _plan_lines(plan: ErasurePlan) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    lines = [f"  {escape_name(source)}" for source in plan.sources]
    lines += [f"  {escape_name(name)} (a name that is known of it)" for name in plan.former]
    lines.append(
        f"{len(plan.sources)} documents with {plan.chunks} chunks, and {plan.turns} questions and "
        f"answers in {plan.conversations} conversations would be erased"
    )
    if plan.files:
        lines.append(f"{len(plan.files)} uploaded files would be deleted")
    lines += [f"on hold, and erased all the same: {escape_name(source)}" for source in plan.held]
    lines += [f"not touched: {escape_name(path)}" for path in plan.outside]
    return lines


def _receipt_lines(receipt: Receipt) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    searched = receipt.searched
    elsewhere = searched.get("elsewhere", 0)
    return [
        f"erasure {receipt.erasure} of {escape_name(receipt.at[:19])}, "
        f"reason: {escape_name(receipt.reason)}",
        f"  erased: {', '.join(map(escape_name, receipt.documents))}",
        f"  written anew: {', '.join(map(escape_name, receipt.rewritten))}",
        f"  {searched['places']} places of it looked for in {searched['bytes']:,} bytes of "
        f"{searched['files']} files: {searched['found']} found"
        + (f", {searched['shared']} stand in other documents, too" if searched["shared"] else "")
        + (f", {elsewhere} in answers not made from it, or in names" if elsewhere else ""),
        *(f"  beyond the base: {escape_name(what)}" for what in receipt.remains),
    ]
