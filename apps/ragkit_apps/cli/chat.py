"""The interactive chat on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import click

from ragkit import Answer, AnswerStream, AskOptions, Conversation, RagkitError, View
from ragkit.llms import choose_model, installed_models
from ragkit_apps.cli.answer_text import (
    format_answer,
    format_answer_in_chat,
    format_models,
    format_passages,
    format_text,
)
from ragkit_apps.cli.options import emit
from ragkit_apps.cli.quote_text import format_quotes
from ragkit_apps.cli.render import clean_text, escape_name
from ragkit_apps.cli.waiting import show_waiting

_HELP = """\
/sources       show the sources of the last answer, with their text
/model [NAME]  list the models, or switch to another one
/new           start a new conversation
/quit          leave the chat (or Ctrl-D); Ctrl-C stops an answer"""

_UNVERIFIED = "None of this could be verified. From your documents:"


def write_answer(stream: AnswerStream) -> Answer:
    """Print an answer: a model's while it is generated; Ctrl-C also ends the work on the server."""
    if stream.model is None:
        click.echo("\n".join(format_text(stream.answer)))
        return stream.answer
    try:
        for piece in stream:
            click.echo(clean_text(piece), nl=False)
    except KeyboardInterrupt:
        stream.close()
        raise
    finally:
        click.echo()
    if stream.answer.abstention:
        click.echo(stream.answer.abstention.sentence)
    if stream.answer.is_unsupported:
        click.echo("\n".join(["", _UNVERIFIED, "", *format_quotes(stream.answer)]))
    return stream.answer


class Chat:
    """A chat that reads questions and commands from standard input."""

    def __init__(self, view: View, conversation: Conversation, options: AskOptions) -> None:
        self._view = view
        self._conversation = conversation
        self._options = options
        self._last: Answer | None = None

    def run(self) -> None:
        """Answer each line until the input ends or the user quits."""
        click.echo(f"Ask about the documents in {self._view.path}. /help lists the commands.")
        if self._options.where is not None:
            click.echo(f"Only documents that match: {escape_name(str(self._options.where))}")
        turns = self._conversation.turns()
        if turns:
            click.echo(f"Continuing after: {escape_name(turns[-1].question)}")
        for line in _read_lines([turn.question for turn in turns]):
            if line.split()[0] in ("/quit", "/exit"):
                break
            try:
                self._run_command(line) if line.startswith("/") else self._ask(line)
            except KeyboardInterrupt:
                click.echo("(stopped; not saved)")
            except RagkitError as error:
                click.echo(f"ragkit: {escape_name(str(error))}", err=True)

    def _ask(self, question: str) -> None:
        with show_waiting() as waiting:
            options = replace(self._options, on_found=waiting.show_found)
            stream = self._conversation.stream(question, options)
        if stream.query != question:
            click.secho(f"Searching for: {clean_text(stream.query)}", dim=True)
        answer = write_answer(stream)
        click.echo("\n".join([*format_answer_in_chat(answer, self._last), ""]))
        self._last = answer

    def _run_command(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        if command == "/new":
            self._conversation = self._view.conversation()
            click.echo("Started a new conversation.")
        elif command == "/sources":
            self._show_sources()
        elif command == "/model":
            self._show_or_set_model(argument.strip())
        else:
            click.echo(_HELP if command == "/help" else f"Unknown command {command}.\n{_HELP}")

    def _show_sources(self) -> None:
        """Print the last answer's sources that the user can still access."""
        turns = self._conversation.turns()
        if not turns:
            click.echo("Nothing has been asked yet.")
            return
        answer = turns[-1].answer
        if self._last is not None and not turns[-1].withheld:
            answer = replace(answer, reasoning=self._last.reasoning)  # which is not stored
        lines = [
            *(format_quotes(answer) if answer.quotes else []),
            *format_answer(answer, reasoning=True),
        ]
        click.echo("\n".join([*lines, *format_passages(answer)]).strip("\n"))

    def _show_or_set_model(self, name: str) -> None:
        config = self._view.config
        if name == "auto":  # also while no server responds
            self._options = replace(self._options, model=name)
        models = installed_models(config)
        if name and name not in ("auto", *(model.name for model in models)):
            matching = [model.name for model in models if model.name.partition(":")[0] == name]
            if not matching:
                click.echo(f"No model is called {name}. List the models with: /model")
                return
            name = matching[0]
        current = name or self._options.model or config.model
        chosen, reason = choose_model(current, config, models=models)
        if name:
            self._options = replace(self._options, model=name)
            because = f", {reason}" if reason else ""
            click.echo(f"The next answers come from {chosen.name}{because}")
        else:
            emit(None, format_models(models, chosen.name, reason), as_json=False)


def _read_lines(history: list[str]) -> Iterator[str]:
    """Yield each line that is typed; the arrow keys bring back the questions of `history`."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        with suppress(ImportError):
            import readline

            readline.parse_and_bind("set enable-bracketed-paste on")  # a paste is one question
            for question in history:
                readline.add_history(question)
    while True:
        try:
            line = input("> " if is_terminal else "").strip()
        except KeyboardInterrupt:
            click.echo()
            continue
        except EOFError:
            click.echo()
            return
        if line:
            text = " ".join(line.split())
            yield text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
