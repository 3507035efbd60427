"""Word lists of all languages, read from one TOML file per language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The word lists of all languages, merged: a text may be of any language, or of several.

    To add a language, add a file such as `french.toml` to this folder. It may leave out any list
    that its language does not need, and the comments of `english.toml` say what each list is for.
    Three kinds of values are possible:

    - a string holds words, separated by white space;
    - an array holds phrases, or regular expressions if its name ends in `_patterns`;
    - a table maps a meaning to its words: `[units]` has `"hour" = "heure heures"`.

    Words are in lower case, except for the abbreviations. A word that ends in "*" stands for all
    words that begin with it.
    """

    # keywords and sentences
    stop_words: Words
    abbreviations: Words
    ordinal_introductions: Words
    # dates and numbers
    date_links: Words
    ordinal_endings: Words
    approximations: Words
    scale_note_links: Words
    scale_note_words: Words
    degrees: Words
    period_labels: Words
    quarter_names: Words
    joining_tens: Words
    hundreds: Words
    months: Mapping[str, str]
    scales: Mapping[str, str]
    units: Mapping[str, str]
    number_words: Mapping[str, str]
    single_words: Words
    frequencies: Mapping[str, str]
    periods: Mapping[str, str]
    rate_links: Words
    repetition_links: Words
    sections: Mapping[str, str]
    # verification
    antonyms: Words
    negations: Words
    negation_endings: Words
    conjunctions: Words
    non_names: Words
    noun_capital_markers: Words
    replies: Words
    lead_in_patterns: Words
    closing_patterns: Words
    # follow-up questions
    follow_up_openers: Words
    question_words: Words
    request_words: Words
    auxiliaries: Words
    copulas: Words
    person_questions: Words
    verbs: Words
    participles: Words
    prepositions: Words
    noun_links: Words
    place_prepositions: Words
    determiners: Words
    generic_subjects: Words
    ordinals: Words
    topic_patterns: Words
    owner_patterns: Words
    place_patterns: Words
    noun_patterns: Words
    gloss_patterns: Words
    open_reference_patterns: Words
    owner_form: Words
    place_form: Words
    asked_form: Words
    clause_form: Words
    indefinite_determiners: Words
    time_words: Words
    weekdays: Words
    references: Words
    answer_patterns: Words
    degree_words: Words
    pronoun_articles: Mapping[str, str]
    # answers without a model
    vague_words: Words
    announcement_patterns: Words
    continuations: Words
    count_questions: Words
    duration_questions: Words
    percentage_questions: Words
    money_questions: Words
    number_questions: Words
    date_questions: Words
    name_questions: Words
    summary_patterns: Words
    # questions with two sides
    choice_joins: Words
    addition_joins: Words
    versus_joins: Words
    comparison_links: Words
    comparison_exceptions: Words
    comparison_words: Words
    pairing_joins: Words
    comparatives: Words
    comparative_endings: Words
    choice_words: Words
    comparison_frames: Words
    heading_labels: Words
    generic_headings: Words
    placeholder_titles: Words
    reply_prefixes: Words


@cache
def load_lexicon() -> Lexicon:
    """Return the word lists of all languages; the files are read once.

    Raises ValueError for a list that is not a field of `Lexicon`.
    """
    return _merge(_find_files())


@cache
def load_languages() -> tuple[Lexicon, ...]:
    """Return the word lists of each language alone, for rules that depend on the language."""
    return tuple(_merge([path]) for path in _find_files())


def _find_files() -> list[Traversable]:
    paths = sorted(files(__name__).iterdir(), key=lambda path: path.name)
    return [path for path in paths if path.name.endswith(".toml")]


def _merge(paths: Iterable[Traversable]) -> Lexicon:
    lists: dict[str, list[str]] = {}
    tables: dict[str, dict[str, str]] = {}
    for field in fields(Lexicon):
        if field.type == "Words":
            lists[field.name] = []
        else:
            tables[field.name] = {}
    for path in paths:
        _add_language(path.name, tomllib.loads(path.read_text("utf-8")), lists, tables)
    merged = {name: tuple(dict.fromkeys(words)) for name, words in lists.items()}
    return Lexicon(**merged, **tables)  # type: ignore[arg-type]


def _add_language(
    name: str,
    language: Mapping[str, object],
    lists: Mapping[str, list[str]],
    tables: Mapping[str, dict[str, str]],
) -> None:
    for key, value in language.items():
        if isinstance(value, dict) and key in tables:
            for meaning, words in value.items():
                tables[key].update(dict.fromkeys(words.split(), meaning))
        elif isinstance(value, str) and key in lists:
            lists[key] += value.split()
        elif isinstance(value, list) and key in lists:
            lists[key] += value
        else:
            raise ValueError(
                f"{name}: unknown word list {key!r}; the lists are the fields of ragkit's Lexicon"
            )


def any_of(words: Iterable[str]) -> str:
    r"""Return a regular expression for any of the words, the longest first; "*" is `\w*`."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\*", r"\w*") for word in ordered)
