from __future__ import annotations

from dataclasses import replace

import pytest

from ragkit import Config, Message
from ragkit.errors import ModelRefused
from ragkit.generation.passage_text import format_passage, remove_echoes
from ragkit.generation.passage_trimming import trim_passage
from ragkit.generation.prompt_length import PromptLength, choose_length, identify_model
from ragkit.generation.prompts import SYSTEM_PROMPT, Prompt, Question
from ragkit.llms.base import LanguageModel, ModelLimits
from ragkit.llms.speeds import ModelSpeed, SpeedFile
from ragkit.retrieval.hits import Hit
from ragkit_ingest.places import Section, TableRow
from tests.support.models import OwnModel

SPEED = ModelSpeed(0, 4)
PROSE = "Other things are said here. " * 20
LEAVE = "Leave is twenty days."
ROWS = ("up to 4 years | 28", "from the 5th year | 30", "from the 15th year | 32")
HEADS = ("Years of service", "Days of leave")


def hit(text: str, start: int = 0, rows: tuple[TableRow, ...] = (), source: str = "a.txt") -> Hit:
    return Hit(
        source=source, page=None, text=text, start=start, end=start + len(text), score=1.0,
        document=1, title="", kind="txt", headings=(), page_label="", ref="", similarity=0.9,
        lexical=1.0, path="", page_ordinal=0, chunks=(1,), rows=rows,
    )  # fmt: skip


def table(before: str, after: str = "", unit: str = "", labels: tuple[str, ...] = ()) -> Hit:
    """A passage with the rows of a table whose heads are not in it."""
    text, rows = before, []
    for row, label in zip(ROWS, labels or ("",) * len(ROWS), strict=True):
        rows.append(TableRow(100 + len(text), 100 + len(text) + len(row), HEADS, label, unit))
        text += f"{row}\n"
    return hit(text + after, 100, tuple(rows))


class Asked(OwnModel):
    name = "asked"

    def __init__(self, parameters: int = 0, context: int = 8192) -> None:
        self.limits = ModelLimits(context, 1024, parameters)

    def chat(self, messages: list[Message]) -> object:
        raise NotImplementedError


def fit(hits: list[Hit], length: PromptLength, context: int = 8192) -> Prompt:
    model: LanguageModel = Asked(context=context)  # type: ignore[assignment]
    return Prompt.fit(SYSTEM_PROMPT, Question("leave?", "leave?"), hits, model, length)


@pytest.mark.parametrize(
    ("parameters", "speed", "seconds", "tokens", "passages"),
    [
        (0, 0, 10, 1500, None),
        (3_000_000_000, 250, 10, 2500, None),
        (3_000_000_000, 250, 4, 1000, None),
        (3_000_000_000, 5, 10, 500, None),
        (1_000_000_000, 2000, 10, 20_000, None),
        (999_000_000, 2000, 10, 20_000, 2),
        (135_000_000, 0, 10, 1500, 2),
    ],
)
def test_length_is_what_the_model_reads_in_time(
    parameters: int, speed: int, seconds: int, tokens: int, passages: int | None
) -> None:
    model: LanguageModel = Asked(parameters)  # type: ignore[assignment]
    config = Config(first_word_within=seconds)
    SpeedFile().add(identify_model(model, config), ModelSpeed(speed, 4))
    length = choose_length(model, config)
    assert length.tokens == tokens
    assert (length.passages if length.passages < 100 else None) == passages
    other = choose_length(model, Config(first_word_within=seconds, ollama_host="127.0.0.1:9"))
    assert other.tokens == 1500


def test_passages_are_sent_in_rank_order_up_to_the_length() -> None:
    hits = [hit(f"{LEAVE} {PROSE}", source=f"{n}.txt") for n in range(8)]
    everything = fit(hits, PromptLength(speed=SPEED))
    assert (len(everything.passages), everything.dropped, everything.trimmed) == (8, 0, 0)
    two = fit(hits, PromptLength(passages=2, speed=SPEED))
    assert [each.source for each in two.passages] == ["0.txt", "1.txt"]
    assert (two.dropped, two.trimmed) == (6, 0)
    short = fit(hits, PromptLength(tokens=800, speed=SPEED))
    assert short.trimmed == 1
    assert short.dropped == 8 - len(short.passages)
    content = [message.content for message in short.messages]
    assert sum(map(SPEED.count_tokens, content)) <= 800
    assert all(each.text in content[-1] for each in short.passages)


def test_a_trimmed_passage_is_a_run_of_sentences_around_the_best() -> None:
    text = f"{PROSE}{LEAVE} It is taken in summer. {PROSE}"
    found = trim_passage(hit(text, 50), "How much leave?", 30, SPEED)
    assert found is not None
    assert LEAVE in found.text
    assert "It is taken in summer." in found.text
    assert found.text == text[found.start - 50 : found.end - 50]
    assert SPEED.count_tokens(found.text) <= 30
    assert trim_passage(hit(text), "How much leave?", 3, SPEED) is None


def test_rows_are_never_parted() -> None:
    whole = table(PROSE, PROSE)
    found = trim_passage(whole, "leave from the 15th year?", 60, SPEED)
    assert found is not None
    assert all(row in found.text for row in ROWS)
    assert found.rows == whole.rows
    assert trim_passage(whole, "leave from the 15th year?", 15, SPEED) is None
    without = trim_passage(whole, "other things?", 20, SPEED)
    assert without is not None
    assert not without.rows
    assert "years" not in without.text


def test_a_trimmed_passage_has_its_own_sections() -> None:
    sections = (Section(0, ("Rules",)), Section(len(PROSE), ("Rules", "Leave")))
    whole = replace(hit(f"{PROSE}{LEAVE} {PROSE}"), sections=sections)
    found = trim_passage(whole, "leave?", 20, SPEED)
    assert found is not None
    assert found.headings_at(found.start) == ("Rules", "Leave")


def test_the_best_passage_is_sent_although_it_is_a_long_table() -> None:
    text = "\n".join(f"part {n} | {n} euros" for n in range(400))
    rows = (TableRow(0, len(text), ("Part", "Price")),)
    prompt = fit([hit(text, 0, rows), hit(LEAVE)], PromptLength(tokens=300, speed=SPEED))
    assert [each.text for each in prompt.passages] == [LEAVE]
    prompt = fit([hit(text, 0, rows)], PromptLength(tokens=300, speed=SPEED))
    assert prompt.passages[0].text == text
    with pytest.raises(ModelRefused, match="no passage fits into 2048 tokens"):
        fit([hit(text, 0, rows)], PromptLength(tokens=300, speed=SPEED), context=2048)


def test_rows_have_their_heads_unit_and_label() -> None:
    labels = ("up to 4 years", "Works council, Germany", "from the 15th year")
    shown = format_passage(1, table("Text.\n", unit="days", labels=labels))
    heads = "Years of service | Days of leave (days)"
    assert f"Text.\n{heads}\nup to 4 years | 28\nWorks council, Germany | from the 5th" in shown
    assert shown.count("Days of leave") == 1
    known = format_passage(1, table("Years of service | Days of\nleave\n"))
    assert known.count("Years of service") == 1


def test_a_fence_is_longer_than_those_in_the_passage() -> None:
    assert format_passage(1, hit("x")) == '[1] a.txt\n"""\nx\n"""'
    assert format_passage(2, hit('a """ b')) == '[2] a.txt\n""""\na """ b\n""""'


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ('28 days.\n"""', "28 days."),
        ('28 days.\n[1] a.txt\n"""\n\n', "28 days."),
        ("28 days.\n========", "28 days."),
        ('"""', ""),
        ("28 days.\n[1] b.txt", "28 days.\n[1] b.txt"),
        ("28 = 4 * 7", "28 = 4 * 7"),
        ("The flag is ==", "The flag is =="),
    ],
)
def test_echoes_of_the_prompt_are_removed_at_the_end(written: str, left: str) -> None:
    assert remove_echoes(written, [hit(LEAVE)]) == left
