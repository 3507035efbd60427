"""The chat on a terminal: questions line by line, each in the light of those before it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import click

from ragkit import Answer, AnswerStream, AskOptions, Conversation, RagkitError, View
from ragkit.llms import choose_model, installed_models
from ragkit_apps.cli.render import (
    answer_lines,
    brief_lines,
    clean_text,
    escape_name,
    model_lines,
    passage_lines,
)

_HELP = """\
/sources       what the last answer stands on, with the words
/model [NAME]  the models that there are, or another one from now on
/new           begin a new conversation
/quit          end (or Ctrl-D); Ctrl-C stops an answer"""


def write_answer(stream: AnswerStream) -> Answer:
    """Print an answer as it comes, and return it; Ctrl-C ends the server's work."""
    if stream.model is None and not stream.answer.abstained:
        click.secho("Extractive answer (quoted from the documents, no model involved)", bold=True)
    try:
        for piece in stream if stream.model else [stream.answer.text]:
            click.echo(clean_text(piece), nl=False)
    except KeyboardInterrupt:
        stream.close()
        raise
    finally:
        click.echo()
    return stream.answer


class Chat:
    """One conversation at a time, until its reader has had enough."""

    def __init__(self, kb: View, conversation: Conversation, options: AskOptions) -> None:
        self._kb = kb
        self._conversation = conversation
        self._options = options
        self._last_reasoning = ""  # of the last answer; it is not kept with it

    def run(self) -> None:
        click.echo(f"Ask about the documents in {self._kb.path}. /help lists the commands.")
        turns = self._conversation.turns()
        if turns:
            click.echo(f"Going on after: {escape_name(turns[-1].question)}")
        for line in _lines([turn.question for turn in turns]):
            if line.split()[0] in ("/quit", "/exit"):
                break
            try:
                self._obey(line) if line.startswith("/") else self._ask(line)
            except KeyboardInterrupt:
                click.echo("(stopped; not kept)")
            except RagkitError as error:
                click.echo(f"ragkit: {escape_name(str(error))}", err=True)

    def _ask(self, question: str) -> None:
        stream = self._conversation.stream(question, self._options)
        if stream.query != question:
            click.secho(f"Searching for: {clean_text(stream.query)}", dim=True)
        answer = write_answer(stream)
        self._last_reasoning = answer.reasoning
        click.echo("\n".join([*brief_lines(answer), ""]))

    def _obey(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        if command == "/new":
            self._conversation = self._kb.conversation()
            click.echo("A new conversation.")
        elif command == "/sources":
            self._show_sources()
        elif command == "/model":
            self._choose(argument.strip())
        else:
            click.echo(_HELP if command == "/help" else f"There is no {command}.\n{_HELP}")

    def _show_sources(self) -> None:
        """What the last answer stands on, as far as it may be read now."""
        turns = self._conversation.turns()
        if not turns:
            click.echo("Nothing has been asked yet.")
            return
        reasoning = "" if turns[-1].withheld else self._last_reasoning
        answer = replace(turns[-1].answer, reasoning=reasoning)
        lines = [*answer_lines(answer, reasoning=True), *passage_lines(answer)]
        click.echo("\n".join(lines).strip())

    def _choose(self, name: str) -> None:
        config = self._kb.config
        if name == "auto":  # also while no server answers
            self._options = replace(self._options, model=name)
        models = installed_models(config)
        if name and name not in ("auto", *(model.name for model in models)):
            known = [model.name for model in models if model.name.partition(":")[0] == name]
            if not known:
                click.echo(f"There is no model {name}; /model lists what there is.")
                return
            name = known[0]
        current = name or self._options.model or config.model
        chosen, why = choose_model(current, config, models=models)
        if name:
            self._options = replace(self._options, model=name)
            click.echo(f"Answers from now on: {chosen.name}" + (f", {why}" if why else ""))
        else:
            click.echo("\n".join(model_lines(models, chosen.name, why)))


def _lines(asked: list[str]) -> Iterator[str]:
    """What is typed, line by line; `asked` are the questions that the arrow keys bring back."""
    typed = sys.stdin.isatty()
    if typed:
        with suppress(ImportError):
            import readline

            readline.parse_and_bind("set enable-bracketed-paste on")  # a paste is one question
            for question in asked:
                readline.add_history(question)
    while True:
        try:
            line = input("> " if typed else "").strip()
        except KeyboardInterrupt:
            click.echo()
            continue
        except EOFError:
            click.echo()
            return
        if line:
            text = " ".join(line.split())
            yield text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
