"""The commands that forget documents for good, and prove it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit_apps.common import emit, json_option, kb_option, load, open_base, typed_text

if TYPE_CHECKING:
    from ragkit import ErasurePlan, Receipt


@click.command()
@click.argument("pattern", metavar="DOCUMENT", callback=typed_text)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the receipt.")
@click.option(
    "--receipt", "path", type=click.Path(path_type=Path), metavar="FILE", help="Write it there."
)
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@kb_option
@json_option
@click.pass_obj
def forget(
    config_path: Path | None,
    pattern: str,
    reason: str,
    path: Path | None,
    dry_run: bool,
    yes: bool,
    kb: str | None,
    as_json: bool,
) -> None:
    """Erase documents for good, with all that rests on them, and write a receipt.

    DOCUMENT is one or a folder as hits show it, or on disk, or a pattern like "hr/*.pdf"; also the
    name of one that was removed before. What would be forgotten is shown first.
    """
    with open_base(load(config_path, kb=kb)) as base:
        plan = base.erasure_plan(pattern)
        if dry_run:
            emit(asdict(plan), _plan_lines(plan), as_json)
            return
        if not yes:
            click.echo("\n".join(_plan_lines(plan)), err=True)
            click.confirm("Forget this for good?", abort=True, err=True)
        receipt = base.forget(pattern, reason=reason)
    if path is not None:
        path.write_text(receipt.to_json() + "\n", encoding="utf-8")
    emit(asdict(receipt), _receipt_lines(receipt), as_json)


@click.command()
@click.argument("number", type=int)
@kb_option
@click.pass_obj
def receipt(config_path: Path | None, number: int, kb: str | None) -> None:
    """Print the receipt of an erasure again, by its number."""
    with open_base(load(config_path, kb=kb)) as base:
        click.echo(base.receipt(number).to_json())


@click.command("verify-receipt")
@click.argument("path", type=click.Path(path_type=Path, exists=True), metavar="FILE")
@click.option("--public", metavar="KEY", help="The public key that it must be signed with.")
@kb_option
@json_option
@click.pass_obj
def verify_receipt(
    config_path: Path | None, path: Path, public: str | None, kb: str | None, as_json: bool
) -> None:
    """Check that a receipt is what was signed when the documents were forgotten.

    It needs no base, no network and no secret; with --kb it is compared with the base's log, too.
    Whether the key is that of whoever keeps the base is for you to know: compare it with the one
    that they name, or give it as --public.
    """
    from ragkit import is_genuine, read_receipt

    found = read_receipt(path.read_text(encoding="utf-8", errors="replace"))
    problem = ""
    if not is_genuine(found):
        problem = "it is not what was signed"
    elif public is not None and public.lower() != found.public:
        problem = "it is signed with another key"
    elif kb is not None:
        with open_base(load(config_path, kb=kb)) as base:
            if not base.audit.holds(found):
                problem = f"the log of {base.path} does not have it"
    lines = [f"FAIL  {problem}"] if problem else [f"ok    signed with the key {found.public}"]
    emit(
        {**asdict(found), "genuine": not problem, "problem": problem},
        [*lines, *_receipt_lines(found)],
        as_json,
    )
    if problem:
        sys.exit(1)


def _plan_lines(plan: ErasurePlan) -> list[str]:
    from ragkit_apps.terminal import name_of

    lines = [f"  {name_of(source)}" for source in plan.sources]
    lines += [f"  {name_of(name)} (a name that one of them had)" for name in plan.former]
    lines.append(
        f"{len(plan.sources)} documents with {plan.chunks} chunks, and {plan.turns} questions and "
        f"answers in {plan.conversations} conversations would be forgotten"
    )
    if plan.files:
        lines.append(f"{len(plan.files)} uploaded files would be deleted")
    lines += [f"not touched: {name_of(path)}" for path in plan.outside]
    return lines


def _receipt_lines(receipt: Receipt) -> list[str]:
    from ragkit_apps.terminal import name_of

    searched = receipt.searched
    return [
        f"erasure {receipt.erasure} of {receipt.at[:19]}, reason: {name_of(receipt.reason)}",
        f"  forgotten: {', '.join(receipt.documents)}",
        f"  written anew: {', '.join(receipt.rewritten)}",
        f"  {searched['places']} places of it looked for in {searched['bytes']:,} bytes of "
        f"{searched['files']} files: {searched['found']} found"
        + (f", {searched['shared']} stand in other documents, too" if searched["shared"] else ""),
        *(f"  beyond the base: {name_of(what)}" for what in receipt.remains),
    ]
