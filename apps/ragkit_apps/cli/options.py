"""What the commands share: their options, and how they open a base and print."""

from __future__ import annotations

import grp
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.render import Table, print_table

if TYPE_CHECKING:
    from ragkit import Config, KnowledgeBase, Principal, View


def check_utf8_path(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Refuse paths that cannot be written down: the base keeps them as UTF-8."""
    for path in value if isinstance(value, tuple) else (value,):
        try:
            os.path.abspath(path or "").encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter(f"{path!r} is no UTF-8; rename the folder") from error
    return value


def decode_argument(
    context: click.Context, option: click.Parameter, value: str | None
) -> str | None:
    """What was typed, also where the terminal's encoding is not the one that Python expects."""
    if value is None:
        return None
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


kb_option = click.option(
    "--kb",
    "kb_dir",
    metavar="DIR",
    callback=check_utf8_path,
    help="The base's directory (default: ragkit.kb).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as the options say; by default the user of the operating system."""

    name: str | None
    groups: tuple[str, ...]

    def view(self, kb: KnowledgeBase) -> View:
        """The base as this one sees it."""
        who = self.principal()
        return kb.as_principal(who.name, who.groups)

    def principal(self) -> Principal:
        from ragkit import Principal
        from ragkit.governance import current_user

        try:
            if self.name is None:
                return Principal.parse(current_user(), (*_own_groups(), *self.groups))
            return Principal.parse(self.name, self.groups)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--as") from error


def _own_groups() -> list[str]:
    """The names of the groups that this process belongs to; one without a name is left out."""
    names = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    return [names[number] for number in os.getgroups() if number in names]


def identity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --as and --group, which come to the command as `name` and `groups`."""
    group = click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="GROUP",
        help="A group that they belong to; may be given again.",
    )
    name = click.option(
        "--as",
        "name",
        metavar="PRINCIPAL",
        help="Who asks, like user:ana (default: you).",
    )
    return name(group(command))


def load_settings(path: Path | None, **overrides: str | None) -> Config:
    """The settings, with what the command line says; no other host is reached from now on."""
    from ragkit import load_config, restrict_network

    config = load_config(path, overrides=overrides)
    restrict_network(config)
    return config


def open_kb(config: Config, *, create: bool = False) -> KnowledgeBase:
    from ragkit import KnowledgeBase

    return KnowledgeBase(config.kb, config=config, create=create)


@contextmanager
def as_usage_error(what: str) -> Iterator[None]:
    """Say of a value that cannot be one that it was typed wrongly."""
    try:
        yield
    except ValueError as error:
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
