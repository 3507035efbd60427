"""The commands that erase documents, and prove it: erase, receipt, verify-receipt."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit_apps.cli.options import (
    decode_argument,
    emit,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)
from ragkit_apps.cli.render import escape_name

if TYPE_CHECKING:
    from ragkit import Receipt
    from ragkit.governance import ErasurePlan


def _check_writable(
    context: click.Context, option: click.Parameter, path: Path | None
) -> Path | None:
    """Refuse a file that cannot be created, before anything is erased."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise click.BadParameter(f"{path} cannot be written: expected a file in an existing folder")
    return path


receipt_option = click.option(
    "--receipt",
    "receipt_path",
    type=click.Path(path_type=Path),
    callback=_check_writable,
    metavar="FILE",
    help="Write the receipt to this file.",
)


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=decode_argument)
@click.option("--reason", metavar="TEXT", help="Why the documents are erased; part of the receipt.")
@receipt_option
@click.option("--dry-run", is_flag=True, help="Show what would be erased, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@kb_option
@json_option
@click.pass_obj
def erase(
    config_path: Path | None,
    pattern: str,
    reason: str | None,
    receipt_path: Path | None,
    dry_run: bool,
    yes: bool,
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Permanently delete documents and everything derived from them.

    This deletes their text, vectors and index entries, their uploaded files, their names in the
    audit log, and the questions and answers based on them. Then every byte of the knowledge base is
    searched for erased content, and a signed receipt is printed. A legal hold is overridden.

    DOCUMENT is a source, a path on disk, a folder, a pattern such as "hr/*.pdf", or the name of a
    document that was removed before. Interrupted erasures are finished by the same command.

    Exit code 1 means that you did not confirm, or that an error occurred.
    """
    from ragkit.errors import SourceError

    if not (reason or "").strip() and not dry_run:
        raise click.UsageError("--reason is missing: expected a text for the receipt")
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        try:
            plan = kb.erasure_plan(pattern)
        except SourceError:
            if dry_run:
                raise
            receipt = kb.erase(pattern, reason=reason or "")  # an interrupted or finished erasure
        else:
            if dry_run:
                emit(asdict(plan), _format_plan(plan), as_json)
                return
            click.echo("\n".join(_format_plan(plan)), err=True)
            if not (yes or click.confirm("Erase all of this permanently?", err=True)):
                click.echo("nothing was erased", err=True)
                sys.exit(1)
            receipt = kb.erase(pattern, reason=reason or "", plan=plan)
    emit(asdict(receipt), format_receipt(receipt), as_json)
    write_receipt(receipt, receipt_path)


def write_receipt(receipt: Receipt, path: Path | None) -> None:
    """Write a receipt to the file of --receipt, if there is one."""
    from ragkit.errors import StoreError

    if path is None:
        return
    try:
        path.write_text(receipt.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"the documents are erased, but {path} cannot be written ({error.strerror}): get the "
            f"receipt with: ragkit receipt {receipt.erasure}"
        ) from error


@click.command()
@click.argument("number", type=int)
@kb_option
@click.pass_obj
def receipt(config_path: Path | None, number: int, kb_dir: str | None) -> None:
    """Print the receipt of an erasure again.

    NUMBER is the number of the erasure.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        click.echo(kb.receipt(number).to_json())


@click.command("verify-receipt")
@click.argument(
    "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE"
)
@click.option("--public", metavar="KEY", help="The public key that must have signed the receipt.")
@kb_option
@json_option
@click.pass_obj
def verify_receipt(
    config_path: Path | None, path: Path, public: str | None, kb_dir: str | None, as_json: bool
) -> None:
    """Verify the signature of an erasure receipt.

    This needs no knowledge base, no network and no secret key. With --kb, the receipt is also
    compared with the audit log. To be sure who signed it, compare the printed public key with the
    one of the organization, or give that as --public.

    Exit code 1 means that the receipt is not valid.
    """
    from ragkit.governance import read_receipt

    found = read_receipt(path.read_text(encoding="utf-8", errors="replace"))
    problem = ""
    if not found.verify():
        problem = "the receipt was changed after it was signed"
    elif public is not None and public.lower() != found.public_key:
        problem = "the receipt is signed with another key"
    elif kb_dir is not None:
        with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
            if not kb.audit.holds(found):
                problem = f"the audit log of {kb.path} does not contain this erasure"
    lines = [f"FAIL  {problem}"] if problem else [f"ok    signed with the key {found.public_key}"]
    emit(
        {**asdict(found), "valid": not problem, "problem": problem},
        [*lines, *format_receipt(found)],
        as_json,
    )
    if problem:
        sys.exit(1)


def _format_plan(plan: ErasurePlan) -> list[str]:
    lines = [f"  {escape_name(source)}" for source in plan.sources]
    lines += [f"  {escape_name(name)} (former name)" for name in plan.former]
    lines.append(
        f"to erase: {len(plan.sources)} documents with {plan.chunks} chunks, and {plan.turns} "
        f"questions and answers in {plan.conversations} conversations"
    )
    if plan.files:
        lines.append(f"to delete: {len(plan.files)} uploaded files")
    lines += [f"on legal hold, erased nevertheless: {escape_name(one)}" for one in plan.held]
    lines += [f"kept, delete it yourself: {escape_name(path)}" for path in plan.outside]
    return lines


def format_receipt(receipt: Receipt) -> list[str]:
    """Return the lines that show a receipt."""
    searched = receipt.searched
    result = (
        f"  searched {searched['bytes']:,} bytes in {searched['files']} files for "
        f"{searched['places']} fingerprints: {searched['found']} found"
    )
    if searched["shared"]:
        result += f"; {searched['shared']} also occur in other documents"
    if elsewhere := searched.get("elsewhere", 0):
        result += f"; {elsewhere} also occur in other answers or names"
    return [
        f"erasure {receipt.erasure} of {escape_name(receipt.at[:19])}, "
        f"reason: {escape_name(receipt.reason)}",
        f"  erased: {', '.join(map(escape_name, receipt.documents))}",
        f"  rewritten: {', '.join(map(escape_name, receipt.rewritten))}",
        result,
        *(f"  not covered: {escape_name(what)}" for what in receipt.remains),
    ]
