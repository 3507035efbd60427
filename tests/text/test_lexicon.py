"""The word lists of all languages are read from one file per language and merged."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ragkit.text import lexicon
from ragkit.text.lexicon import Lexicon, any_of, load_languages, load_lexicon

LANGUAGES = sorted(
    path.name for path in files(lexicon.__name__).iterdir() if path.name.endswith(".toml")
)


def read(name: str) -> dict[str, Any]:
    text = files(lexicon.__name__).joinpath(name).read_text("utf-8")
    return tomllib.loads(text)


def test_the_files_are_found_in_the_package() -> None:
    assert LANGUAGES == ["english.toml", "german.toml"]


def test_lists_of_all_languages_are_merged() -> None:
    merged = load_lexicon()
    assert {"and", "und"} <= set(merged.stop_words)
    assert merged.months["may"] == merged.months["mai"] == "5"
    assert merged.units["hours"] == merged.units["stunden"] == "hour"
    assert merged is load_lexicon()


def test_english_has_every_list_that_is_not_of_one_language_alone() -> None:
    missing = {field.name for field in fields(Lexicon)} - read("english.toml").keys()
    german = {"ordinal_introductions", "noun_capital_markers", "gloss_patterns", "pronoun_articles"}
    assert missing == german


@pytest.mark.parametrize("name", LANGUAGES)
def test_words_are_in_lower_case(name: str) -> None:
    for key, value in read(name).items():
        words = [*value.values()] if isinstance(value, dict) else [*value]
        is_cased = key == "abbreviations" or key.endswith("_patterns")
        assert is_cased or all(word == word.lower() for word in words), key


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_list_has_a_comment(name: str) -> None:
    text = files(lexicon.__name__).joinpath(name).read_text("utf-8")
    for key, value in read(name).items():
        head = rf"\[{key}\]" if isinstance(value, dict) else rf"{key} ="
        assert re.search(rf"^#.*\n(?:\w+ = .*\n)*{head}", text, re.MULTILINE), key


def test_an_unknown_list_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "french.toml").write_text('stop_wrods = "le la les"\n')
    monkeypatch.setattr(lexicon, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"french\.toml: unknown word list 'stop_wrods'"):
        load_lexicon.__wrapped__()


def test_a_language_is_added_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "french.toml").write_text('stop_words = "le la les"\n[units]\n"hour" = "heure"\n')
    (tmp_path / "italian.toml").write_text('stop_words = "la il"\n[units]\n"hour" = "ora ore"\n')
    monkeypatch.setattr(lexicon, "files", lambda _: tmp_path)
    merged = load_lexicon.__wrapped__()
    assert merged.stop_words == ("le", "la", "les", "il")
    assert merged.units == {"heure": "hour", "ora": "hour", "ore": "hour"}


def test_rules_of_one_language_have_its_words_alone() -> None:
    english, german = load_languages()
    assert "the" in english.determiners
    assert "the" not in german.determiners
    assert "was" in german.question_words
    assert "was" not in english.question_words


def test_a_pattern_of_words_prefers_the_longest_and_knows_endings() -> None:
    pattern = re.compile(rf"\b(?:{any_of(['ja', 'januar', 'e.g', 'dies*'])})\b")
    assert pattern.findall("januar ja diese dieses e.g exg jahr") == [
        "januar", "ja", "diese", "dieses", "e.g",
    ]  # fmt: skip
