"""The commands that search and ask: search, ask, chat, conversations."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit_apps.cli.options import (
    Identity,
    as_usage_error,
    decode_argument,
    emit,
    filter_options,
    identity_options,
    json_option,
    kb_option,
    load_settings,
    model_option,
    open_kb,
    report_stop,
    reranker_option,
)

if TYPE_CHECKING:
    from ragkit import Answer, Filter, Hit


def _read_schema(
    context: click.Context, option: click.Parameter, path: Path | None
) -> dict[str, Any] | None:
    """Return the JSON object in a file."""
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise click.BadParameter(f"{path} is not a JSON schema: expected a JSON object")
    return content


def _check_question(context: click.Context, option: click.Parameter, question: str) -> str | None:
    if not question.strip():
        raise click.BadParameter("the question is empty")
    return decode_argument(context, option, question)


def _passages_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-k",
        default=8,
        show_default=True,
        type=click.IntRange(1, 100),
        help="Number of passages to answer from.",
    )(command)


@click.command()
@click.argument("query", callback=decode_argument)
@kb_option
@identity_options
@click.option(
    "-k", default=10, show_default=True, type=click.IntRange(1, 1000), help="Number of hits."
)
@filter_options
@reranker_option
@click.option("--explain", is_flag=True, help="Show the scores of each stage of the search.")
@json_option
@click.pass_obj
def search(
    config_path: Path | None,
    query: str,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    where: Filter | None,
    k: int,
    reranker: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search for passages that match a query, best first."""
    from ragkit_apps.cli.answer_text import format_explanation, format_hit
    from ragkit_apps.cli.render import shorten_lines

    with open_kb(load_settings(config_path, kb=kb_dir, reranker=reranker)) as kb:
        view = Identity(name, groups).open_view(kb)
        explanation = view.explain(query, k, where=where)
    notes = shorten_lines(explanation.notice or explanation.missing_notice, 400)
    if explain:
        notes = [] if explanation.notice else notes
        emit(asdict(explanation), [*format_explanation(explanation), *notes], as_json)
        return
    hits = explanation.hits
    lines = [line for number, hit in enumerate(hits, 1) for line in format_hit(number, hit)]
    if not lines and not explanation.notice:
        lines = ["no matching passages"]
    content = [_hit_to_json(hit) for hit in hits]
    if as_json:
        click.echo("\n".join(notes), nl=bool(notes), err=True)
    emit(content, [*lines, *notes], as_json)


@click.command()
@click.argument("question", callback=_check_question)
@kb_option
@identity_options
@model_option
@reranker_option
@filter_options
@_passages_option
@click.option(
    "--reasoning", is_flag=True, help="Let the model reason first, and show its reasoning."
)
@click.option(
    "--schema",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=_read_schema,
    help="Answer with JSON that matches the JSON schema in FILE.",
)
@json_option
@click.pass_obj
@report_stop()
def ask(
    config_path: Path | None,
    question: str,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    reranker: str | None,
    where: Filter | None,
    k: int,
    reasoning: bool,
    schema: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Answer a question from the documents, with citations.

    Without a model server, ragkit quotes sentences from the best passages (an extractive answer).
    --schema needs a model server.
    """
    from ragkit import AskOptions
    from ragkit.errors import SchemaError
    from ragkit_apps.cli.answer_text import format_answer, format_text
    from ragkit_apps.cli.chat import write_answer
    from ragkit_apps.cli.waiting import show_waiting

    with open_kb(load_settings(config_path, kb=kb_dir, model=model, reranker=reranker)) as kb:
        view = Identity(name, groups).open_view(kb)
        with show_waiting() as waiting:
            options = AskOptions(k=k, where=where, reasoning=reasoning, on_found=waiting.show_found)
            if schema is not None:
                with as_usage_error("--schema", SchemaError):
                    answer = view.ask(question, options, schema=schema)
            else:
                stream = view.stream(question, options)
                if as_json:
                    waiting.show("Writing")
                    answer = stream.answer
        if schema is not None:
            lines = [*format_text(answer), *format_answer(answer, reasoning=reasoning)]
            emit(_to_json(answer), lines, as_json)
            return
        answer = stream.answer if as_json else write_answer(stream)
    emit(_to_json(answer), format_answer(answer, reasoning=reasoning), as_json)
    if answer.incomplete:
        sys.exit(1)


def _to_json(answer: Answer) -> dict[str, Any]:
    passages = [_hit_to_json(hit) for hit in answer.passages]
    whole = {**asdict(replace(answer, passages=())), "passages": passages}
    return {**whole, "abstained": answer.abstained, "is_extractive": answer.is_extractive}


def _hit_to_json(hit: Hit) -> dict[str, Any]:
    """Return a hit with its place, which stands for its sections and table rows."""
    content = {**asdict(replace(hit, sections=(), rows=())), "place": hit.place}
    del content["sections"], content["rows"]
    return content


@click.command()
@kb_option
@identity_options
@model_option
@reranker_option
@filter_options
@_passages_option
@click.option("--reasoning", is_flag=True, help="Let the model reason first.")
@click.option("--continue", "number", type=int, metavar="ID", help="Continue a conversation.")
@click.pass_obj
def chat(
    config_path: Path | None,
    kb_dir: str | None,
    name: str | None,
    groups: tuple[str, ...],
    model: str | None,
    reranker: str | None,
    where: Filter | None,
    k: int,
    reasoning: bool,
    number: int,
) -> None:
    """Start a chat; questions can refer to earlier ones.

    The knowledge base stores the conversation. Type /help for the commands of the chat.
    """
    from ragkit import AskOptions
    from ragkit_apps.cli.chat import Chat

    with open_kb(load_settings(config_path, kb=kb_dir, model=model, reranker=reranker)) as kb:
        view = Identity(name, groups).open_view(kb)
        Chat(
            view, view.conversation(number), AskOptions(k=k, where=where, reasoning=reasoning)
        ).run()


@click.group(invoke_without_command=True)
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
    """List your conversations, or show or delete one."""
    from ragkit_apps.cli.answer_text import format_conversations

    if context.invoked_subcommand is not None:
        context.obj = (context.obj, kb_dir, Identity(name, groups))
        return
    with open_kb(load_settings(context.obj, kb=kb_dir)) as kb:
        stored = Identity(name, groups).open_view(kb).conversations()
    hint = "no conversations; start one with: ragkit chat"
    emit(
        [asdict(entry) for entry in stored],
        [format_conversations(stored) if stored else hint],
        as_json,
    )


@conversations.command()
@click.argument("number", type=int, metavar="ID")
@kb_option
@json_option
@click.pass_obj
def show(
    group: tuple[Path | None, str | None, Identity],
    number: int,
    kb_dir: str | None,
    as_json: bool,
) -> None:
    """Show a conversation."""
    from ragkit_apps.cli.answer_text import format_turn

    config_path, group_kb_dir, identity = group
    with open_kb(load_settings(config_path, kb=kb_dir or group_kb_dir)) as kb:
        turns = identity.open_view(kb).conversation(number).turns()
    answers = [None, *(turn.answer for turn in turns)]
    lines = [
        line
        for turn, before in zip(turns, answers, strict=False)
        for line in format_turn(turn, before)
    ]
    content = [{**asdict(turn), "answer": _to_json(turn.answer)} for turn in turns]
    emit(content, lines, as_json)


@conversations.command()
@click.argument("number", type=int, metavar="ID")
@kb_option
@click.pass_obj
def delete(
    group: tuple[Path | None, str | None, Identity], number: int, kb_dir: str | None
) -> None:
    """Delete a conversation with all its questions and answers."""
    config_path, group_kb_dir, identity = group
    with open_kb(load_settings(config_path, kb=kb_dir or group_kb_dir)) as kb:
        identity.open_view(kb).delete_conversation(number)
    click.echo(f"deleted conversation {number}")
