"""The commands of access control: label, grant, revoke, access."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
from ragkit_apps.cli.render import Table, escape_name

if TYPE_CHECKING:
    from ragkit import KnowledgeBase
    from ragkit.governance import LabelGrants

_PRINCIPAL = re.compile(r"(?:user|group|page):|everyone$")
_MODES = {
    "off": "access control is off: everyone who can open the knowledge base reads everything",
    "enforced": "access control is enforced: users need a grant for a document's label",
    "strict": "access control is strict: hidden documents do not influence results either",
}


@click.group()
def label() -> None:
    """Label documents; access and retention are set by label."""


@label.command("set")
@click.argument("pattern", callback=decode_argument)
@click.argument("name", metavar="LABEL", callback=decode_argument)
@kb_option
@json_option
@click.pass_obj
def set_label(
    config_path: Path | None, pattern: str, name: str, kb_dir: str | None, as_json: bool
) -> None:
    """Set the label of documents.

    The rules of ragkit.toml no longer change it. PATTERN is a source, a path on disk, a folder, or
    a pattern such as "hr/*.pdf".
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("LABEL"):
        changed = kb.access.label(pattern, name)
    lines = [f"{escape_name(source)}: {escape_name(name)}" for source in changed]
    none = [f"these documents are already labeled {escape_name(name)}"]
    emit({"label": name, "changed": changed}, lines or none, as_json)


@click.command()
@click.argument("name", metavar="LABEL", callback=decode_argument)
@click.argument("principal", callback=decode_argument)
@kb_option
@click.pass_obj
def grant(config_path: Path | None, name: str, principal: str, kb_dir: str | None) -> None:
    """Let a principal read the documents with a label.

    PRINCIPAL is user:NAME, group:NAME or everyone.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("PRINCIPAL"):
        is_new = kb.access.grant(name, principal)
        is_off = kb.access.mode == "off"
    what = "may read" if is_new else "may already read"
    hint = "; takes effect after: ragkit access mode enforced" if is_off else ""
    click.echo(f"{escape_name(principal)} {what} {escape_name(name)}{hint}")


@click.command()
@click.argument("name", metavar="LABEL", callback=decode_argument)
@click.argument("principal", callback=decode_argument)
@kb_option
@click.pass_obj
def revoke(config_path: Path | None, name: str, principal: str, kb_dir: str | None) -> None:
    """Revoke a grant; takes effect on the next request.

    The principal may still read the label by the grant of a group, or of everyone.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb, as_usage_error("PRINCIPAL"):
        was_granted = kb.access.revoke(name, principal)
    if was_granted:
        click.echo(
            f"revoked: {escape_name(principal)} no longer has a grant for {escape_name(name)}"
        )
    else:
        click.echo(f"{escape_name(principal)} has no grant for {escape_name(name)}")


@click.group()
def access() -> None:
    """Show and set who can read which documents."""


@access.command("mode")
@click.argument("mode", type=click.Choice(list(_MODES)))
@kb_option
@click.pass_obj
def set_mode(config_path: Path | None, mode: str, kb_dir: str | None) -> None:
    """Set the access control mode.

    \b
    off       Everyone who can open the knowledge base reads everything.
    enforced  Users read only documents whose label is granted to them.
    strict    Like enforced, and hidden documents do not influence the results:
              keyword weights count only documents that the user can access,
              and vector search is always exact.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        kb.access.set_mode(mode)
        emit(None, _describe_access(kb), as_json=False)


@access.command("show")
@click.argument("what", required=False, metavar="[DOCUMENT|PRINCIPAL]", callback=decode_argument)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP",
    help="A group that PRINCIPAL belongs to; can be repeated.",
)
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
    """Show all labels and grants, or those of a document or principal.

    With a DOCUMENT, show who can read it. With a PRINCIPAL, such as user:ana, show what it can
    read.
    """
    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        mode = kb.access.mode.value
        if what is None:
            labels = [asdict(grants) for grants in kb.access.labels()]
            emit({"mode": mode, "labels": labels}, _describe_access(kb), as_json)
        elif _PRINCIPAL.match(what):
            with as_usage_error("PRINCIPAL"):
                summary = kb.access.summary(what, groups)
            names = ", ".join(map(escape_name, summary.labels)) or "no label"
            line = (
                f"{escape_name(what)} may read {summary.documents} of {summary.total} documents: "
                f"{names}"
            )
            emit({"mode": mode, **asdict(summary)}, [line, *_warn_if_off(mode)], as_json)
        else:
            readers = {grants.label: grants.principals for grants in kb.access.labels()}
            found = [(one.source, one.label) for one in kb.access.documents(what)]
            rows = [(source, label, _join_readers(readers[label])) for source, label in found]
            content = [
                {"source": source, "label": label, "principals": readers[label]}
                for source, label in found
            ]
            table = Table(["Document", "Label", "Read by"], rows)
            emit({"mode": mode, "documents": content}, [table, *_warn_if_off(mode)], as_json)


def _describe_access(kb: KnowledgeBase) -> list[str | Table]:
    mode, labels = kb.access.mode.value, kb.access.labels()
    parts: list[str | Table] = [_MODES[mode]]
    if labels:
        rows = [(one.label, one.documents, _join_readers(one.principals)) for one in labels]
        parts.append(Table(["Label", "Documents", "Read by"], rows))
    return parts + _advise_grant(mode, labels)


def _advise_grant(mode: str, labels: Sequence[LabelGrants]) -> list[str | Table]:
    """Return a hint if access control hides documents from everyone."""
    hidden = next((one.label for one in labels if one.documents and not one.principals), None)
    if mode == "off" or hidden is None:
        return []
    return [f"no user can read {hidden}; grant it with: ragkit grant {hidden} everyone"]


def _join_readers(principals: Sequence[str]) -> str:
    return ", ".join(principals) or "no user"


def _warn_if_off(mode: str) -> list[str]:
    return [_MODES["off"]] if mode == "off" else []
