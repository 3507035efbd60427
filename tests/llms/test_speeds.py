from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragkit.llms import Usage
from ragkit.llms.base import Message
from ragkit.llms.speeds import UNKNOWN_SPEED, ModelSpeed, SpeedFile, measure_speed

PROMPT = [Message("user", "words " * 100)]  # 600 letters and spaces


def test_speed_is_of_the_tokens_that_were_read() -> None:
    whole = Usage("stop", prompt_tokens=150, read_seconds=0.5)
    assert measure_speed(PROMPT, whole, 9.0) == ModelSpeed(300, 4)
    partly = Usage("stop", prompt_tokens=150, read_seconds=0.5, cached_tokens=100)
    assert measure_speed(PROMPT, partly, 9.0).tokens_per_second == 100
    cached = Usage("stop", prompt_tokens=150, read_seconds=0.01, cached_tokens=149)
    assert measure_speed(PROMPT, cached, 9.0) == ModelSpeed(0, 4)


def test_time_to_the_first_word_stands_in_for_that_of_reading() -> None:
    assert measure_speed(PROMPT, Usage("stop", prompt_tokens=150), 3.0) == ModelSpeed(50, 4)
    assert measure_speed(PROMPT, Usage("stop"), 3.0) == UNKNOWN_SPEED
    assert measure_speed([Message("user", "Hi")], Usage("stop", 5), 3.0) == UNKNOWN_SPEED


def test_slowest_of_the_last_five_measurements_counts(tmp_path: Path) -> None:
    file = SpeedFile(tmp_path / "cache" / "speeds.json")
    assert file.load("m") == UNKNOWN_SPEED
    file.add("m", ModelSpeed(250, 4))
    for _ in range(4):
        file.add("m", ModelSpeed(27_000, 0))  # from the cache of the server
        assert SpeedFile(tmp_path / "cache" / "speeds.json").load("m") == ModelSpeed(250, 4)
    file.add("m", ModelSpeed(300, 0))
    assert file.load("m") == ModelSpeed(300, 4)
    assert file.load("other") == UNKNOWN_SPEED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b"[" * 100_000,
        b"\xff{}",
        b'{"m": 5}',
        b'{"m": {"tokens_per_second": 7}}',
        b'{"m": {"tokens_per_second": ["fast", -1, null, 1e999, NaN, []]}}',
    ],
)
def test_a_damaged_file_costs_nothing_but_the_measurement(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speeds.json"
    path.write_bytes(content)
    file = SpeedFile(path)
    assert file.load("m") == UNKNOWN_SPEED
    file.add("m", ModelSpeed(250, 4))
    assert file.load("m") == ModelSpeed(250, 4)


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "speeds.json"):
        SpeedFile(path).add("m", ModelSpeed(250, 4))
        assert SpeedFile(path).load("m") == UNKNOWN_SPEED


def test_the_file_forgets_the_models_measured_longest_ago(tmp_path: Path) -> None:
    path = tmp_path / "speeds.json"
    models = {f"m{n}": {"tokens_per_second": [n + 1]} for n in range(100)}
    path.write_text(json.dumps(models))
    SpeedFile(path).add("m0", ModelSpeed(9, 0))
    SpeedFile(path).add("new", ModelSpeed(5, 0))
    assert len(json.loads(path.read_text())) == 100
    assert [SpeedFile(path).load(f"m{n}").tokens_per_second for n in (0, 1, 2)] == [1, 0, 3]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("leave", 2),
        ("VX", 3),
        ("12,460.50", 10),
        ("\u00e4", 2),
        ("\u5e74\u4f11", 5),
        ("\ud800", 1),
        ("", 0),
    ],
)
def test_digits_and_signs_count_as_a_token_each(text: str, tokens: int) -> None:
    assert ModelSpeed(0, 4).count_tokens(text) == tokens


def test_the_estimate_of_a_measured_prompt_is_a_tenth_above_its_count() -> None:
    text = "Leave is 28 days, as of 2025. " * 20
    speed = measure_speed([Message("user", text)], Usage("stop", prompt_tokens=400), 1.0)
    assert speed.count_tokens(text) == pytest.approx(440, abs=1)
    numbers = [Message("user", "1,234 " * 50)]
    assert measure_speed(numbers, Usage("stop", prompt_tokens=300), 1.0).letters_per_token == 0
