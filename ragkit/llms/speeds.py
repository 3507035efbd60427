"""How fast models read prompts on this machine, and how many tokens they make of a text.

The measurements are kept in a file in the user's cache folder, since many commands end after one
answer. Without the file, or if it is damaged, nothing is known and the next answer measures again.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragkit.config import cache_folder
from ragkit.llms.base import Message, Usage
from ragkit.store.atomic import write_atomic

# The slowest of the last measurements counts: a prompt that the server has in its cache seems to be
# read many times faster, and not every server says how much of it was.
_MEASUREMENTS = 5
_MAX_MODELS = 100  # in the file; the one that was measured longest ago is dropped
_MAX_BYTES = 1_000_000  # of the file
_MIN_READ_TOKENS = 20  # fewer show no speed
# Tokenizers of open models make a token of 3 to 4.5 letters in European languages, and one or two
# tokens of a character of three bytes.
_BYTES_PER_TOKEN = 3
_OTHER_BYTES_PER_TOKEN = 1.5  # of characters that are not ASCII
_MARGIN = 1.1  # prose and lists of parts differ by as much, with the tokenizer of SmolLM2
_LETTERS_PER_TOKEN = (1.0, 6.0)  # a measurement outside is not of a tokenizer
_MAX_OTHER_SHARE = 0.7  # of a prompt's tokens; with more of them, it shows nothing on letters
_PLAIN = re.compile(r"[a-z ]+")  # the characters of which tokens have several


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """What is known about how a model reads; 0 for what is not.

    `tokens_per_second` is its speed in reading a prompt on this machine. `letters_per_token` is how
    many small letters and spaces its tokens have.
    """

    tokens_per_second: float = 0.0
    letters_per_token: float = 0.0

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of a text's tokens.

        Digits, signs and capitals count as a token each, as some tokenizers have them in codes.
        """
        if not self.letters_per_token:
            return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN
        letters, others = _weigh(text)
        return math.ceil(_MARGIN * (letters / self.letters_per_token + others))


UNKNOWN_SPEED = ModelSpeed()


def measure_speed(messages: list[Message], usage: Usage, seconds: float) -> ModelSpeed:
    """Return what an answer shows about its model; `seconds` passed before its first word.

    They count if the server does not say how long it read.
    """
    if usage.prompt_tokens is None or usage.prompt_tokens < _MIN_READ_TOKENS:
        return UNKNOWN_SPEED
    read = usage.prompt_tokens - (usage.cached_tokens or 0)
    seconds = seconds if usage.read_seconds is None else usage.read_seconds
    speed = read / seconds if read >= _MIN_READ_TOKENS and seconds > 0 else 0.0
    letters, others = _weigh("".join(message.content for message in messages))
    plain = usage.prompt_tokens - others
    is_telling = others < _MAX_OTHER_SHARE * usage.prompt_tokens
    least, most = _LETTERS_PER_TOKEN
    return ModelSpeed(speed, min(max(letters / plain, least), most) if is_telling else 0.0)


class SpeedFile:
    """The measurements of all models that this user has asked.

    Several processes may write at once; then the last one's measurement is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or find_speed_file()

    def load(self, model: str) -> ModelSpeed:
        """Return the slowest of a model's last measurements."""
        found = self._read().get(model, {})
        return ModelSpeed(**{name: min(values) for name, values in found.items() if values})

    def add(self, model: str, speed: ModelSpeed) -> None:
        """Add a measurement; a file that cannot be written is left as it is."""
        if speed == UNKNOWN_SPEED:
            return
        models = self._read()
        known = models.pop(model, {})
        models[model] = {
            name: [*known.get(name, []), *([value] if value else [])][-_MEASUREMENTS:]
            for name, value in asdict(speed).items()
        }
        latest = dict(list(models.items())[-_MAX_MODELS:])
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self._path, json.dumps(latest, indent=1).encode())

    def _read(self) -> dict[str, dict[str, list[float]]]:
        """Return the measurements by model and kind; what is not a measurement is left out."""
        try:
            with self._path.open("rb") as file:
                content = json.loads(file.read(_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        models = content if isinstance(content, dict) else {}
        return {
            model: {name: _select_numbers(known.get(name)) for name in asdict(UNKNOWN_SPEED)}
            for model, known in models.items()
            if isinstance(known, dict)
        }


def find_speed_file() -> Path:
    """Return the path of the file with the measurements, which may not exist yet."""
    return cache_folder("models") / "speeds.json"


def _select_numbers(values: Any) -> list[float]:
    return [
        float(value)
        for value in (values if isinstance(values, list) else [])
        if isinstance(value, int | float) and 0 < value < 1e9
    ]


def _weigh(text: str) -> tuple[int, float]:
    """Return the number of letters and spaces of a text, and the tokens of its other characters."""
    letters = sum(len(found) for found in _PLAIN.findall(text))
    size = len(text.encode("utf-8", "replace"))
    ascii_count = sum(map(str.isascii, text))
    others = ascii_count - letters + (size - ascii_count) / _OTHER_BYTES_PER_TOKEN
    return letters, others
