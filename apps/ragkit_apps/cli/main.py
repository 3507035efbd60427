"""The command line: ragkit ingest, search, ask, chat, conversations, models, status, ..."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ragkit_apps.cli import erasure, governance, maintenance
from ragkit_apps.cli.options import (
    Identity,
    as_usage_error,
    check_utf8_path,
    decode_argument,
    emit,
    identity_options,
    json_option,
    kb_option,
    load_settings,
    open_kb,
)

if TYPE_CHECKING:
    from ragkit import Answer, AskOptions, Progress, View

FAILED_FILES = 3


def _schema(context: click.Context, option: click.Parameter, value: Path | None) -> Any:
    """The JSON object in a file."""
    if value is None:
        return None
    try:
        content = json.loads(value.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise click.BadParameter(f"{value} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{value} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise click.BadParameter(f"{value} holds no JSON schema, which is an object")
    return content


def _question(context: click.Context, option: click.Parameter, value: str) -> str | None:
    if not value.strip():
        raise click.BadParameter("it is empty")
    return decode_argument(context, option, value)


def _label(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    from ragkit.governance import check_label

    with as_usage_error("--label"):
        return name if name is None else check_label(name)


_embedder = click.option("--embedder", metavar="NAME", help="Embedding model, by name or folder.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ragkit", message="ragkit %(version)s")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A ragkit.toml.")
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """Answers from private documents, on your own machine, with citations you can check."""
    context.obj = config_path


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", callback=check_utf8_path)
@kb_option
@_embedder
@click.option("--label", callback=_label, help="Access label of all documents of the paths.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--keep-missing", is_flag=True, help="Keep documents whose files have vanished.")
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read.")
@click.option("--allow-erased", is_flag=True, help="Ingest files again whose content was erased.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that read files.")
@json_option
@click.pass_obj
def ingest(
    config_path: Path | None,
    paths: tuple[str, ...],
    kb_dir: str | None,
    embedder: str | None,
    label: str | None,
    dry_run: bool,
    keep_missing: bool,
    strict: bool,
    allow_erased: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Bring the base up to date with files and folders.

    Exit code 3 means that some files could not be read; each is named with its reason.
    """
    config = load_settings(config_path, kb=kb_dir, embedder=embedder)
    _check_paths(paths)
    with ExitStack() as held:
        if dry_run and _is_nothing(Path(config.kb)):  # then it is compared with an empty base
            config = replace(config, kb=held.enter_context(tempfile.TemporaryDirectory()))
        kb = held.enter_context(open_kb(config, create=True))
        progress = held.enter_context(_display(quiet=as_json))
        report = kb.ingest(
            *paths,
            label=label,
            dry_run=dry_run,
            keep_missing=keep_missing,
            strict=strict,
            allow_erased=allow_erased,
            workers=workers,
            progress=progress,
        )
    from ragkit_apps.cli.render import report_lines

    emit(asdict(report), report_lines(report), as_json)
    if report.failed:
        sys.exit(FAILED_FILES)


def _is_nothing(path: Path) -> bool:
    """Whether there is nothing at a path, or an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@cli.command()
@click.argument("query", callback=decode_argument)
@kb_option
@identity_options
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 1000), help="Hits.")
@click.option("--explain", is_flag=True, help="Show what every stage of the search gave.")
@json_option
@click.pass_obj
def search(
    config_path: Path | None,
    query: str,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    k: int,
    explain: bool,
    as_json: bool,
) -> None:
    """Show the passages that match a query, best first."""
    from ragkit_apps.cli.render import explain_lines, hit_lines

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        view = Identity(name, groups).view(kb)
        if explain:
            explanation = view.explain(query, k)
            emit(asdict(explanation), explain_lines(explanation), as_json)
            return
        hits = view.search(query, k)
    lines = [line for number, hit in enumerate(hits, 1) for line in hit_lines(number, hit)]
    emit([_with_place(hit) for hit in hits], lines or ["no passage found"], as_json)


@cli.command()
@click.argument("question", callback=_question)
@kb_option
@identity_options
@click.option("--model", metavar="NAME", help="Language model on the model server.")
@click.option("-k", default=8, show_default=True, type=click.IntRange(1, 100), help="Passages.")
@click.option(
    "--reasoning", is_flag=True, help="Let the model reason first, and show its reasoning."
)
@click.option(
    "--schema",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=_schema,
    help="A JSON schema in a file; the answer is JSON of it.",
)
@json_option
@click.pass_obj
def ask(
    config_path: Path | None,
    question: str,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    k: int,
    reasoning: bool,
    schema: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Answer a question from the documents, with citations.

    Without a model server the answer is an extractive answer: sentences quoted from the best
    passages; with a schema it is an error.
    """
    from ragkit import AskOptions
    from ragkit_apps.cli.chat import write_answer
    from ragkit_apps.cli.render import answer_lines, clean_text

    with open_kb(load_settings(config_path, kb=kb_dir, model=model)) as kb:
        view = Identity(name, groups).view(kb)
        options = AskOptions(k=k, reasoning=reasoning)
        if schema is not None:
            answer = _ask_for_data(view, question, options, schema)
            lines = [clean_text(answer.text), *answer_lines(answer, reasoning=reasoning)]
            emit(_with_kind(answer), lines, as_json)
            return
        stream = view.stream(question, options)
        answer = stream.answer if as_json else write_answer(stream)
    emit(_with_kind(answer), answer_lines(answer, reasoning=reasoning), as_json)
    if answer.incomplete:
        sys.exit(1)


@cli.command()
@kb_option
@identity_options
@click.option("--model", metavar="NAME", help="Language model on the model server.")
@click.option("-k", default=8, show_default=True, type=click.IntRange(1, 100), help="Passages.")
@click.option("--reasoning", is_flag=True, help="Let the model reason first.")
@click.option("--continue", "number", type=int, metavar="ID", help="Go on with a conversation.")
@click.pass_obj
def chat(
    config_path: Path | None,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    k: int,
    reasoning: bool,
    number: int,
) -> None:
    """Ask question after question; each may lean on those before it.

    The conversation is kept in the knowledge base. Type /help for the commands.
    """
    from ragkit import AskOptions
    from ragkit_apps.cli.chat import Chat

    with open_kb(load_settings(config_path, kb=kb_dir, model=model)) as kb:
        view = Identity(name, groups).view(kb)
        Chat(view, view.conversation(number), AskOptions(k=k, reasoning=reasoning)).run()


@cli.group(invoke_without_command=True)
@kb_option
@identity_options
@json_option
@click.pass_context
def conversations(
    context: click.Context,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    as_json: bool,
) -> None:
    """List your conversations; with show or delete and an ID, look at one or remove it."""
    from ragkit_apps.cli.render import conversation_lines

    if context.invoked_subcommand is not None:
        context.obj = (context.obj, kb_dir, Identity(name, groups))
        return
    with open_kb(load_settings(context.obj, kb=kb_dir)) as kb:
        found = Identity(name, groups).view(kb).conversations()
    none = ["no conversation is kept; begin one with: ragkit chat"]
    emit([asdict(entry) for entry in found], conversation_lines(found) or none, as_json)


@conversations.command()
@click.argument("number", type=int, metavar="ID")
@kb_option
@json_option
@click.pass_obj
def show(
    given: tuple[Path | None, str | None, Identity], number: int, kb_dir: str | None, as_json: bool
) -> None:
    """Show a conversation."""
    from ragkit_apps.cli.render import turn_lines

    config_path, outer, asking = given
    with open_kb(load_settings(config_path, kb=kb_dir or outer)) as kb:
        turns = asking.view(kb).conversation(number).turns()
    lines = [line for turn in turns for line in turn_lines(turn)]
    emit([{**asdict(turn), "answer": _with_kind(turn.answer)} for turn in turns], lines, as_json)


@conversations.command()
@click.argument("number", type=int, metavar="ID")
@kb_option
@click.pass_obj
def delete(
    given: tuple[Path | None, str | None, Identity], number: int, kb_dir: str | None
) -> None:
    """Remove a conversation and all that was said in it."""
    config_path, outer, asking = given
    with open_kb(load_settings(config_path, kb=kb_dir or outer)) as kb:
        asking.view(kb).delete_conversation(number)
    click.echo(f"removed conversation {number}")


@cli.command()
@json_option
@click.pass_obj
def models(config_path: Path | None, as_json: bool) -> None:
    """List the language models on the model server, and say which of them answers."""
    from ragkit.llms import choose_model, installed_models
    from ragkit_apps.cli.render import model_lines

    config = load_settings(config_path)
    found = installed_models(config)
    chosen, why = choose_model(config.model, config, models=found)
    lines = model_lines(found, chosen.name, why)
    content = {"models": [asdict(model) for model in found], "answers": chosen.name, "why": why}
    emit(content, lines, as_json)


@cli.command()
@kb_option
@click.option("--documents", is_flag=True, help="List every document.")
@json_option
@click.pass_obj
def status(config_path: Path | None, kb_dir: str | None, documents: bool, as_json: bool) -> None:
    """Show what is in the base, and which files are not."""
    from ragkit_apps.cli.render import escape_name, status_lines

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        found = kb.status()
        entries = kb.documents() if documents else []
    lines = status_lines(found)
    lines += [
        f"  {escape_name(entry.source)}  ({entry.kind}, {entry.pages} pages, {entry.chunks} chunks)"
        for entry in entries
    ]
    content = {**asdict(found), "path": str(found.path)}
    if documents:
        content["document_list"] = [{**asdict(e), "digest": e.digest.hex()} for e in entries]
    emit(content, lines, as_json)


@cli.command()
@click.argument("source", callback=decode_argument)
@kb_option
@json_option
@click.pass_obj
def remove(config_path: Path | None, source: str, kb_dir: str | None, as_json: bool) -> None:
    """Remove a document, or all documents of a folder, from the knowledge base."""
    from ragkit_apps.cli.render import escape_name

    with open_kb(load_settings(config_path, kb=kb_dir)) as kb:
        removed = kb.remove(source)
    emit({"removed": removed}, [f"removed {escape_name(entry)}" for entry in removed], as_json)


@cli.command()
@kb_option
@identity_options
@click.option("--model", metavar="NAME", help="Language model on the model server.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8501, or the next).")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that may be ingested from the page, instead of those set; may be given again.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A host name that the page is called by, as behind a proxy; may be given again.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.pass_obj
def ui(
    config_path: Path | None,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    host: str,
    port: int | None,
    roots: tuple[Path, ...],
    names: tuple[str, ...],
    no_browser: bool,
) -> None:
    """Open the web page: ask, read the sources, add and remove documents.

    It serves this machine alone unless --host says otherwise, and has no log-in: whoever reaches
    the address reads all documents; with access control those that are granted to everyone, or to
    the principal given by --as.
    """
    from ragkit.errors import MissingExtra
    from ragkit_apps.ui.serving import LOOPBACK, serve

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra(
            'the page needs Streamlit, which is not installed; pip install "ragkit[ui]"'
        )

    def ready(url: str) -> None:
        click.echo(f"ragkit's page: {url}  (Ctrl-C ends it)")
        if host != LOOPBACK:
            click.echo(
                "Anyone who reaches this address reads all documents, unless access control is on.",
                err=True,
            )
        if not no_browser and _has_screen():
            webbrowser.open(url)

    if groups and not name:
        raise click.UsageError("--group needs --as: without it each browser is somebody else")
    allowed = os.pathsep.join(map(str, roots)) or None
    config = load_settings(config_path, kb=kb_dir, model=model, folders=allowed)
    as_principal = Identity(name, groups).principal() if name else None
    serve(config, host=host, port=port, names=names, who=as_principal, ready=ready)


def _has_screen() -> bool:
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _check_paths(paths: tuple[str, ...]) -> None:
    """Look for all of them before a base is made or a file is read."""
    from ragkit.errors import SourceError

    for path in paths:
        if not os.path.lexists(path):
            raise SourceError(f"there is no {path}; name a file or folder to ingest")


def _ask_for_data(view: View, question: str, options: AskOptions, schema: dict[str, Any]) -> Answer:
    from ragkit.errors import SchemaError

    try:
        return view.ask(question, options, schema=schema)
    except SchemaError as error:
        raise click.BadParameter(str(error), param_hint="--schema") from error


def _with_kind(answer: Answer) -> dict[str, Any]:
    return {**asdict(answer), "abstained": answer.abstained, "is_extractive": answer.is_extractive}


def _with_place(hit: Any) -> dict[str, Any]:
    return {**asdict(hit), "place": hit.place}


def _display(*, quiet: bool) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """How progress is shown: a live bar on a terminal, a plain line now and then elsewhere."""
    if quiet:
        return nullcontext(None)
    if sys.stderr.isatty():
        from ragkit_apps.cli.progress import live_progress

        return live_progress()
    return nullcontext(_plain_progress())


def _plain_progress(every: float = 5.0) -> Callable[[Progress], None]:
    from ragkit_apps.cli.render import progress_line

    last = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            click.echo(progress_line(progress), err=True)

    return show


def main() -> None:
    """Run the command line; errors are one line, and an exit code says their kind."""
    from ragkit import RagkitError, restrict_network

    restrict_network()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else a letter that is not in it is an error
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="ragkit", standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; everything reported so far is safe, run it again to go on", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        _point_at_nothing(sys.stdout)
        sys.exit(1)
    except (RagkitError, OSError) as error:
        _say(str(error))
        sys.exit(1)


def _say(text: str) -> None:
    from ragkit_apps.cli.render import escape_name

    click.echo(f"ragkit: {escape_name(text)}", err=True)


def _point_at_nothing(stream: TextIO) -> None:
    """Let the interpreter's last flush go nowhere (docs.python.org/3/library/signal, SIGPIPE)."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


cli.add_command(governance.label)
cli.add_command(governance.grant)
cli.add_command(governance.revoke)
cli.add_command(governance.access)
cli.add_command(governance.audit)
cli.add_command(erasure.erase)
cli.add_command(erasure.receipt)
cli.add_command(erasure.verify_receipt)
cli.add_command(erasure.retention)
cli.add_command(erasure.hold)
cli.add_command(erasure.release)
cli.add_command(maintenance.doctor)
cli.add_command(maintenance.verify)
cli.add_command(maintenance.repair)
cli.add_command(maintenance.dump)
cli.add_command(maintenance.backup)
cli.add_command(maintenance.restore)


if __name__ == "__main__":
    main()
