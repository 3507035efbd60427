"""The language of a text: by its script, and in Latin script by its function words."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

DEFAULT = "english"
"""Of texts whose language is unknown, and of other scripts than those below."""

_LANGUAGE_OF_SCRIPT = {
    "russian": "\u0400-\u052f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "tamil": "\u0b80-\u0bff",
}
_SCRIPT_RUNS = re.compile(
    "|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _LANGUAGE_OF_SCRIPT.items())
)
_KANA = re.compile("[\u3040-\u30ff]")
_MIN_KANA = 0.1  # of the letters of a Japanese text; the others may be Chinese
_SCRIPT_NAMES = tuple(
    (name, re.compile(f"[{letters}]"))
    for name, letters in {
        "Chinese": "\u3400-\u9fff",
        "Korean": "\uac00-\ud7a3",
        "Thai": "\u0e01-\u0e4e",
        "Hebrew": "\u0590-\u05ff",
        "Hindi": "\u0900-\u097f",
        "Bengali": "\u0980-\u09ff",
        "Georgian": "\u10a0-\u10ff",
        "Armenian": "\u0530-\u058f",
        "Amharic": "\u1200-\u137f",
        "Khmer": "\u1780-\u17e9",
        "Burmese": "\u1000-\u109f",
        "Lao": "\u0e80-\u0edf",
    }.items()
)
_WORD = re.compile(r"[^\W\d_]+")
_MIN_FUNCTION_WORDS = 2  # different ones, of a text with a language of its own ...
_MIN_SHARE = 0.2  # ... of all words
_MIN_LEAD = 1.5  # times the score of English


@cache
def _load_weights() -> Mapping[str, tuple[tuple[str, float], ...]]:
    """Return the languages of each function word, with less weight where more share the word."""
    text = files("ragkit.text").joinpath("function_words.toml").read_text("utf-8")
    languages: dict[str, list[str]] = {}
    for language, words in tomllib.loads(text).items():
        for word in dict.fromkeys(words.split()):
            languages.setdefault(word, []).append(language)
    return {
        word: tuple((language, 1 / len(sharing)) for language in sharing)
        for word, sharing in languages.items()
    }


def detect_languages(texts: Sequence[str]) -> list[str]:
    """Return the language of each text of one document, as a name such as "german".

    A text too short to tell has the language of all of them together, or DEFAULT.
    """
    found = [_count_evidence(text) for text in texts]
    whole: defaultdict[str, float] = defaultdict(float)
    for evidence in found:
        for name, count in evidence.items():
            whole[name] += count
    known = _choose_language(whole) or DEFAULT
    return [_choose_language(evidence) or known for evidence in found]


def detect_language(text: str) -> str:
    """Return the language of a text, "" if it does not tell or is none of those with stems."""
    return _choose_language(_count_evidence(text))


def name_language(text: str) -> str:
    """Return the name of a text's language for people, such as "German"; "" if it is not known.

    Scripts that one language has have that language's name: Chinese, Thai, Hebrew.
    """
    if language := detect_language(text):
        return language.capitalize()
    letters = sum(map(len, _WORD.findall(text)))
    if len(_KANA.findall(text)) > _MIN_KANA * letters:
        return "Japanese"
    for name, script in _SCRIPT_NAMES:
        if 2 * len(script.findall(text)) > letters:
            return name
    return ""


def _count_evidence(text: str) -> defaultdict[str, float]:
    """Count a text's function words by language, weighted, and its letters by script.

    "words" counts all of them, and the name of a language with a "#" its function words, with a "+"
    the different ones. Words with a capital do not count: "Los Angeles".
    """
    words = text.split()
    weights = _load_weights()
    evidence = defaultdict(float, words=float(len(words)))
    for word, count in Counter([word for word in words if word in weights]).items():
        for language, weight in weights[word]:
            evidence[language] += weight * count
            evidence[f"{language}#"] += count
            evidence[f"{language}+"] += 1
    if not text.isascii() and _SCRIPT_RUNS.search(text):
        evidence["letters"] = sum(map(len, _WORD.findall(text)))
        for run in _SCRIPT_RUNS.finditer(text):
            evidence[str(run.lastgroup)] += len(run[0])
    return evidence


def _choose_language(evidence: Mapping[str, float]) -> str:
    """Return the language that the evidence speaks for, "" if it says too little."""
    scripts = {name: evidence[name] for name in _LANGUAGE_OF_SCRIPT if name in evidence}
    if scripts:
        best = max(scripts, key=scripts.__getitem__)
        if 2 * scripts[best] > evidence["letters"]:
            return best
    scores = {
        name: evidence[name]
        for name in _latin_languages()
        if evidence[f"{name}+"] >= _MIN_FUNCTION_WORDS
        and evidence[f"{name}#"] >= _MIN_SHARE * evidence["words"]
    }
    if not scores:
        return ""
    best = max(sorted(scores), key=scores.__getitem__)
    leads = best == DEFAULT or scores[best] >= _MIN_LEAD * evidence[DEFAULT]
    return best if leads else ""


@cache
def _latin_languages() -> frozenset[str]:
    return frozenset(language for shared in _load_weights().values() for language, _ in shared)
