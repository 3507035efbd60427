"""The command that serves the web page."""

from __future__ import annotations

import importlib.util
import os
import sys
import webbrowser
from pathlib import Path

import click

from ragkit_apps.cli.options import (
    Identity,
    identity_options,
    kb_option,
    load_settings,
    model_option,
    reranker_option,
)


@click.command()
@kb_option
@identity_options
@model_option
@reranker_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8501, or the next).")
@click.option(
    "--folder",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that can be ingested from the page; replaces the setting; can be repeated.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A host name that users reach the page by, such as behind a proxy; can be repeated.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.pass_obj
def ui(
    config_path: Path | None,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    reranker: str | None,
    host: str,
    port: int | None,
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    no_browser: bool,
) -> None:
    """Open the web page: ask, read the sources, add and remove documents.

    By default only this machine can reach the page. There is no login: with --host, anyone who
    reaches the address reads all documents. With access control, they read the documents granted
    to everyone, or to the principal of --as.
    """
    from ragkit.errors import MissingExtra
    from ragkit_apps.ui.serving import LOOPBACK, serve

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra(
            'Streamlit is not installed; the web page needs it: pip install "ragkit[ui]"'
        )

    def announce(url: str) -> None:
        click.echo(f"ragkit is at {url}  (stop with Ctrl-C)")
        if host != LOOPBACK:
            click.echo(
                "Anyone who reaches this address reads all documents, unless access control is on.",
                err=True,
            )
        if not no_browser and _has_display():
            webbrowser.open(url)

    if groups and not name:
        raise click.UsageError("--group needs --as: without it each browser is its own user")
    allowed = os.pathsep.join(map(str, folders)) or None
    config = load_settings(config_path, kb=kb_dir, model=model, reranker=reranker, folders=allowed)
    principal = Identity(name, groups).to_principal() if name else None
    serve(config, host=host, port=port, names=names, principal=principal, on_ready=announce)


def _has_display() -> bool:
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
