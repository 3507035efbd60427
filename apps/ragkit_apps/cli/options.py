"""The options that commands share, and how commands open a knowledge base and print."""

from __future__ import annotations

import grp
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.render import Table, print_table

if TYPE_CHECKING:
    from ragkit import Config, Filter, KnowledgeBase, Principal, View


def check_utf8_path(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Return the path or paths; refuse those that are not UTF-8, in which paths are stored."""
    for path in value if isinstance(value, tuple) else (value,):
        try:
            os.path.abspath(path or "").encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter(
                f"{path!r} is not valid UTF-8; rename the file or folder"
            ) from error
    return value


def decode_argument(
    context: click.Context, option: click.Parameter, value: str | None
) -> str | None:
    """Return the argument as UTF-8, even if the locale of the terminal is another encoding."""
    if value is None:
        return None
    return _decode(value)


kb_option = click.option(
    "--kb",
    "kb_dir",
    metavar="DIR",
    callback=check_utf8_path,
    help="Directory of the knowledge base (default: ragkit.kb).",
)
model_option = click.option(
    "--model", metavar="NAME", help="Language model on the model server (default: the best fit)."
)
reranker_option = click.option(
    "--reranker",
    metavar="NAME",
    help="Cross-encoder that reranks the passages, by name or folder (default: none).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a command acts for, by --as and --group; by default the user of the system."""

    name: str | None
    groups: tuple[str, ...]

    def open_view(self, kb: KnowledgeBase) -> View:
        """Return the knowledge base with the documents that the principal can access."""
        principal = self.to_principal()
        return kb.as_principal(principal.name, principal.groups)

    def to_principal(self) -> Principal:
        """Return the principal; without --as it has the groups of this process, too."""
        from ragkit import Principal
        from ragkit.governance import current_user

        try:
            if self.name is None:
                return Principal.parse(current_user(), (*_list_own_groups(), *self.groups))
            return Principal.parse(self.name, self.groups)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--as") from error


def _list_own_groups() -> list[str]:
    """Return the names of the groups of this process; groups without a name are left out."""
    names = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    return [names[number] for number in os.getgroups() if number in names]


def identity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --as and --group to a command, which receives them as `name` and `groups`."""
    group = click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="GROUP",
        help="A group that the principal belongs to; can be repeated.",
    )
    name = click.option(
        "--as",
        "name",
        metavar="PRINCIPAL",
        help="Act as this principal, such as user:ana (default: you).",
    )
    return name(group(command))


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a filter to a command, which receives it as `where`, None for no filter.

    An option that is repeated matches any of its values. Documents have to match every option.
    """

    @wraps(command)
    def run(
        *arguments: Any,
        folders: tuple[str, ...],
        kinds: tuple[str, ...],
        labels: tuple[str, ...],
        paths: tuple[str, ...],
        modified_after: str | None,
        **others: Any,
    ) -> Any:
        given = {"folder": folders, "kind": kinds, "label": labels, "path": paths}
        where = _build_filter(given, modified_after)
        return command(*arguments, where=where, **others)

    helps = {
        "--in": ("folders", "FOLDER", "Only documents in this folder"),
        "--kind": ("kinds", "KIND", "Only documents of this kind, such as pdf"),
        "--label": ("labels", "NAME", "Only documents with this access label"),
        "--path": ("paths", "PATTERN", "Only documents whose path matches, such as '*/2024-*.md'"),
    }
    modified = click.option(
        "--modified-after",
        metavar="DATE",
        help="Only documents whose file was modified then or later, such as 2024-05-01 (UTC).",
    )
    wrapped: Callable[..., Any] = modified(run)
    for name, (parameter, metavar, text) in reversed(helps.items()):
        wrapped = click.option(
            name, parameter, multiple=True, metavar=metavar, help=f"{text}; can be repeated."
        )(wrapped)
    return wrapped


def _build_filter(given: dict[str, tuple[str, ...]], modified_after: str | None) -> Filter | None:
    """Return the filter of some options; None if none is given."""
    from ragkit import Filter

    values = {name: [_decode(one) for one in each] for name, each in given.items() if each}
    # a folder may be named as it lies on disk, like a path to ingest
    values["folder"] = [
        form
        for one in values.get("folder", [])
        for form in ((one, os.path.abspath(one)) if one and os.path.isdir(one) else (one,))
    ]
    fields: dict[str, Any] = {name: each for name, each in values.items() if each}
    if not fields and modified_after is None:
        return None
    try:
        return Filter(**fields, modified_after=modified_after)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _decode(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def load_settings(path: Path | None, **overrides: str | None) -> Config:
    """Return the settings with the command line's values; restrict the network to their hosts."""
    from ragkit import load_config, restrict_network

    config = load_config(path, overrides=overrides)
    restrict_network(config)
    return config


def open_kb(config: Config, *, create: bool = False) -> KnowledgeBase:
    """Open the knowledge base that the settings name."""
    from ragkit import KnowledgeBase

    return KnowledgeBase(config.kb, config=config, create=create)


@contextmanager
def as_usage_error(what: str, error_type: type[Exception] = ValueError) -> Iterator[None]:
    """Report an error in the block as wrong usage of an argument or option (exit code 2)."""
    try:
        yield
    except error_type as error:
        raise click.BadParameter(str(error), param_hint=what) from error


def emit(content: object, parts: Sequence[str | Table], as_json: bool) -> None:
    """Print lines and tables for people, or the content as JSON for programs."""
    if as_json:
        click.echo(json.dumps(content, ensure_ascii=False, default=bytes.hex))
        return
    for part in parts:
        if isinstance(part, Table):
            print_table(part)
        else:
            click.echo(part)


@contextmanager
def report_stop() -> Iterator[None]:
    """Report Ctrl-C during an answer, of which nothing is saved; also a decorator."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("stopped; the answer is not complete", err=True)
        sys.exit(130)
