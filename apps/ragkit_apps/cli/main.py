"""The command line, `ragkit`: its groups of commands and its entry point."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO

import click

from ragkit_apps.cli import (
    access,
    ask,
    audit,
    documents,
    erasure,
    maintenance,
    reembed,
    retention,
    server,
)
from ragkit_apps.cli.render import escape_name

SECTIONS = {
    "Documents": (documents.ingest, documents.status, documents.remove),
    "Questions": (ask.ask, ask.chat, ask.search, ask.conversations, server.ui),
    "Access and audit": (
        access.label,
        access.grant,
        access.revoke,
        access.access,
        audit.audit,
    ),
    "Erasure and retention": (
        erasure.erase,
        erasure.receipt,
        erasure.verify_receipt,
        retention.retention,
        retention.hold,
        retention.release,
    ),
    "Maintenance": (
        maintenance.doctor,
        documents.models,
        reembed.change_embedder,
        maintenance.verify,
        maintenance.repair,
        maintenance.backup,
        maintenance.restore,
        maintenance.dump,
    ),
}
"""The commands in the order of the help, by heading."""


class SectionedGroup(click.Group):
    """A group whose help lists the commands under headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a heading and the commands of each section."""
        width = max(map(len, self.commands))
        limit = formatter.width - width - 6
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (f"{command.name:{width}}", command.get_short_help_str(limit))
                        for command in commands
                    ]
                )


@click.group(
    cls=SectionedGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="ragkit", message="ragkit %(version)s")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="Settings file (ragkit.toml)."
)
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """Answer questions from private documents on your own machine, with citations to check."""
    context.obj = config_path


for _commands in SECTIONS.values():
    for _command in _commands:
        cli.add_command(_command)


def main() -> None:
    """Run the command line. Errors are one line on stderr.

    Exit codes: 1 an error, 2 wrong usage, 3 some files failed, 130 interrupted.
    """
    from ragkit import RagkitError, restrict_network

    restrict_network()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # replace characters that the encoding lacks
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="ragkit", standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; completed work is saved, run the command again to continue", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of the output is gone, as `head` does
        _redirect_to_null(sys.stdout)
        sys.exit(1)
    except (RagkitError, OSError) as error:
        click.echo(f"ragkit: {escape_name(str(error))}", err=True)
        sys.exit(1)


def _redirect_to_null(stream: TextIO) -> None:
    """Let the interpreter's last flush succeed (docs.python.org/3/library/signal, SIGPIPE)."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


if __name__ == "__main__":
    main()
