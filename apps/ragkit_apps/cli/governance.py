"""The commands that say who may read what, and show what happened."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from ragkit import KnowledgeBase
    from ragkit.governance import AuditRecord, LabelGrants

_PRINCIPAL = re.compile(r"(?:user|group|page):|everyone$")


@click.group()
def label() -> None:
    """Say which documents belong together: each carries one label."""


@label.command("set")
@click.argument("pattern", callback=decode_argument)
@click.argument("name", metavar="LABEL", callback=decode_argument)
@kb_option
@json_option
@click.pass_obj
def set_label(
    config_path: Path | None, pattern: str, name: str, kb_dir: str | None, as_json: bool
) -> None:
    """Give documents a label, which no rule of ragkit.toml then changes.

    PATTERN is a document or folder as hits show it, or on disk, or like "hr/*.pdf".
    """
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("LABEL"):
        changed = kb.access.label(pattern, name)
    lines = [f"{escape_name(source)}: {escape_name(name)}" for source in changed]
    emit({"label": name, "changed": changed}, lines or ["they have that label already"], as_json)


@click.command()
@click.argument("name", metavar="LABEL", callback=decode_argument)
@click.argument("principal", callback=decode_argument)
@kb_option
@click.pass_obj
def grant(config_path: Path | None, name: str, principal: str, kb_dir: str | None) -> None:
    """Let PRINCIPAL read what carries LABEL: user:NAME, group:NAME or everyone."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("PRINCIPAL"):
        is_new = kb.access.grant(name, principal)
        hint = (
            "" if kb.access.mode != "off" else "; takes effect after: ragkit access mode enforced"
        )
    what = "may read" if is_new else "may already read"
    click.echo(f"{escape_name(principal)} {what} {escape_name(name)}{hint}")


@click.command()
@click.argument("name", metavar="LABEL", callback=decode_argument)
@click.argument("principal", callback=decode_argument)
@kb_option
@click.pass_obj
def revoke(config_path: Path | None, name: str, principal: str, kb_dir: str | None) -> None:
    """Take back what was granted; it holds for whatever is asked next."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("PRINCIPAL"):
        was_there = kb.access.revoke(name, principal)
    what = "may no longer read" if was_there else "could not read"
    click.echo(f"{escape_name(principal)} {what} {escape_name(name)} by a grant of its own")


@click.group()
def access() -> None:
    """Control who can access which documents."""


@access.command("mode")
@click.argument("mode", type=click.Choice(["off", "enforced", "strict"]))
@kb_option
@click.pass_obj
def set_mode(config_path: Path | None, mode: str, kb_dir: str | None) -> None:
    """Set the access control mode of the knowledge base.

    \b
    off       Everyone who can open the knowledge base reads everything.
    enforced  Users read only documents whose label is granted to them.
    strict    Like enforced, and hidden documents do not influence the results:
              keyword weights count only documents the user can access, and
              vector search is always exact.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        kb.access.set_mode(mode)
        lines = _overview(kb)
    click.echo("\n".join(lines))


@access.command("show")
@click.argument("what", required=False, metavar="[DOCUMENT|PRINCIPAL]", callback=decode_argument)
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of PRINCIPAL's.")
@kb_option
@json_option
@click.pass_obj
def show_access(
    config_path: Path | None,
    what: str | None,
    groups: tuple[str, ...],
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Show who may read a document, or what somebody may read; by default all labels."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        mode = kb.access.mode.value
        if what is None:
            labels = [asdict(grants) for grants in kb.access.labels()]
            emit({"mode": mode, "labels": labels}, _overview(kb), as_json)
        elif _PRINCIPAL.match(what):
            with as_usage_error("PRINCIPAL"):
                summary = kb.access.summary(what, groups)
            names = ", ".join(map(escape_name, summary.labels)) or "no label"
            line = (
                f"{escape_name(what)} may read {summary.documents} of {summary.total} documents: "
                f"{names}"
            )
            emit({"mode": mode, **asdict(summary)}, [line, *_open_to_all(mode)], as_json)
        else:
            readers = {grants.label: grants.principals for grants in kb.access.labels()}
            found = [(one.source, one.label) for one in kb.access.documents(what)]
            lines = [
                f"{escape_name(source)}: {escape_name(label)}, {_readers(readers[label])}"
                for source, label in found
            ]
            content = [
                {"source": source, "label": label, "principals": readers[label]}
                for source, label in found
            ]
            emit({"mode": mode, "documents": content}, [*lines, *_open_to_all(mode)], as_json)


def _overview(kb: KnowledgeBase) -> list[str]:
    from ragkit_apps.cli.render import escape_name

    mode = kb.access.mode
    head = {
        "off": "access control is off: everyone who can open the knowledge base reads everything",
        "enforced": "access control is enforced: users need a grant for a document's label",
        "strict": "access control is strict: hidden documents do not influence results either",
    }[mode]
    labels = kb.access.labels()
    width = max((len(escape_name(grants.label)) for grants in labels), default=0)
    lines = [
        f"  {escape_name(grants.label):{width}}  {grants.documents:>6} documents  "
        f"{_readers(grants.principals)}"
        for grants in labels
    ]
    return [head, *lines, *_advice(mode, labels)]


def _advice(mode: str, labels: list[LabelGrants]) -> list[str]:
    """What to do about documents that nobody can read."""
    unread = next((one.label for one in labels if one.documents and not one.principals), None)
    if mode == "off" or unread is None:
        return []
    return [f"let somebody read these: ragkit grant {unread} everyone (or user:NAME, group:NAME)"]


def _readers(principals: tuple[str, ...]) -> str:
    from ragkit_apps.cli.render import escape_name

    return f"read by {', '.join(map(escape_name, principals))}" if principals else "read by nobody"


def _open_to_all(mode: str) -> list[str]:
    return ["access control is off: everyone reads everything"] if mode == "off" else []


@click.group()
def audit() -> None:
    """Show what happened in a base, and check that nobody changed the log of it."""


def _filters(command: Any) -> Any:
    """The options that say which records are meant."""
    for option in (
        click.option(
            "--since", default="", metavar="DAY", help="From this day or time on, in UTC."
        ),
        click.option("--document", metavar="DOCUMENT", help="What was done to it, or shown of it."),
        click.option("--action", metavar="ACTION", help="Like ask, open, document or access."),
        click.option("--actor", metavar="PRINCIPAL", help="What this one did, like user:ana."),
    ):
        command = option(command)
    return command


@audit.command("show")
@_filters
@click.option("--last", default=50, show_default=True, type=click.IntRange(1), help="Lines.")
@kb_option
@json_option
@click.pass_obj
def show_audit(
    config_path: Path | None, /, last: int, kb_dir: str | None, as_json: bool, **filters: Any
) -> None:
    """Show the last records of the audit log."""
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--since"):
        found = kb.audit.records(**filters)[-last:]
    if not found:
        click.echo("no matching audit records", err=True)
    emit([asdict(record) for record in found], [_audit_line(record) for record in found], as_json)


def _audit_line(record: AuditRecord) -> str:
    from ragkit_apps.cli.render import escape_name

    names = "(names erased)" if record.names is None else ", ".join(record.names.values())
    detail = " ".join(f"{key}={_short(value)}" for key, value in record.detail.items())
    parts = (
        f"{record.number:>5}",
        record.at[:19],
        record.actor,
        record.action,
        record.object,
        names,
        detail,
    )
    return escape_name("  ".join(part for part in parts if part))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


@audit.command("verify")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The audit key of another machine; may be given again.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Checkpoints that were made earlier; may be given again.",
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
    """Check that no record was changed, removed, moved or added.

    Only with a checkpoint are records missed that were removed from the end. Exit code 1 means that
    the log was changed, or that a key is missing to tell.
    """
    from ragkit.governance import read_checkpoints

    given = [checkpoint for path in checkpoints for checkpoint in read_checkpoints(path)]
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        report = kb.audit.verify(keys=keys, checkpoints=given)
    chain = report.chain
    lines = [f"FAIL  {problem}" for problem in report.problems]
    if not lines:
        held = f", and hold to {report.checkpoints} checkpoints" if given else ""
        lines = [f"ok    {chain.records} records fit{held}; names of {chain.erased} were erased"]
    if not given:
        lines.append(
            "      without a checkpoint nobody can tell whether records are gone from the end"
        )
    emit({**asdict(report), "intact": report.intact}, lines, as_json)
    if not report.intact:
        sys.exit(1)


@audit.command("export")
@_filters
@click.option(
    "--format",
    "form",
    default="jsonl",
    show_default=True,
    type=click.Choice(["jsonl", "csv"]),
    help="JSON lines, or a table in which nothing is run by a spreadsheet.",
)
@kb_option
@click.pass_obj
def export_audit(
    config_path: Path | None, /, form: str, kb_dir: str | None, **filters: Any
) -> None:
    """Write the log to standard output."""
    from ragkit.governance import records_as_csv, records_as_jsonl

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("--since"):
        found = kb.audit.records(**filters)
    for line in (records_as_csv if form == "csv" else records_as_jsonl)(found):
        click.echo(line)


@audit.command("checkpoint")
@kb_option
@click.pass_obj
def create_checkpoint(config_path: Path | None, kb_dir: str | None) -> None:
    """Print a signed checkpoint of the end of the audit log as one line of JSON.

    Append it to a file on another machine, or print it. `ragkit audit verify --checkpoint FILE`
    then detects records that were removed from the end, and a log that was rewritten.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        click.echo(json.dumps(asdict(kb.audit.checkpoint())))
