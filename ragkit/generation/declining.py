"""Whether the best quote answers a question at all, or an answer without a model is declined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from ragkit.generation.quote_candidates import QuoteCandidate
from ragkit.generation.quote_scores import LABEL_SHARE, ScoredQuote
from ragkit.text.folding import fold_text
from ragkit.text.languages import DEFAULT, detect_language
from ragkit.text.lexicon import load_lexicon
from ragkit.text.occurrences import FoldedText
from ragkit.text.verbatim import parse_question
from ragkit.verification.claims import capitalizes_nouns, is_non_name

_LEXICON = load_lexicon()
MIN_LOGIT = -2.0  # of a cross-encoder for the best quote: below that it does not answer
MIN_COVERAGE = 0.33  # of the question's words in one passage, weighted by rarity
_YEAR = re.compile(r"(?<![\w.,-])(?:FY\s?)?(?P<year>(?:19|20)\d\d)(?!\w)|\bFY\s?(?P<short>\d\d)\b")
_PARENTHESIS = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[^\W\d_][\w&.-]*[^\W_]|[^\W\d_]")
_POSSESSIVE = re.compile(r"['’]s?\b")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|[“\"„«(])$")
_LETTERS = re.compile(r"[^\W_]+")
_STEM = 6  # letters of a name that must agree
_MIN_SIMILARITY = 0.8  # of the letters of a name and of a misspelt one
_MIN_MISSPELT = 5  # letters of a name that may be misspelt
_NO_NAMES = frozenset(
    {*_LEXICON.stop_words, *_LEXICON.non_names, *_LEXICON.months, *_LEXICON.weekdays}
    | set(_LEXICON.units)
)


def find_missing_names(question: str, quote: QuoteCandidate) -> tuple[str, ...]:
    """Return the names, codes, quoted phrases and years of a question that a passage lacks.

    The passage has its title, headings, column heads and path. A name with a near spelling in it is
    not missing, and of several codes and phrases one is enough.
    """
    hit = quote.hit
    heads = dict.fromkeys(head for row in hit.rows for head in row.columns)
    names = (hit.title, hit.source, *hit.headings, *hit.inner_headings, *heads)
    context = "\n".join((*names, hit.text))
    folded = FoldedText(context)
    terms = [term for term in parse_question(question).terms if term.is_essential]
    found = any(term.may_occur_in(folded) for term in terms)
    missing = [] if found else [term.text for term in terms]
    words = frozenset(_LETTERS.findall(folded.plain))
    joined = "".join(_LETTERS.findall(folded.plain))
    missing += [name for name in _find_names(question) if not _has_name(name, words, joined)]
    missing += [year for year in _find_years(question) if not _has_year(year, context)]
    return tuple(dict.fromkeys(missing))


def is_too_far(question: str, best: ScoredQuote, coverage: float) -> bool:
    """Return True if the best quote is too far from the question to answer it.

    With a cross-encoder its logit tells. Otherwise, and for a question that is not in English, it
    is the share of the question's words in the passage that has most of them. A row whose label is
    asked for is never too far.
    """
    if best.label_share >= LABEL_SHARE:
        return False
    if best.logit is None or detect_language(question) not in ("", DEFAULT):
        return coverage < MIN_COVERAGE
    return best.logit < MIN_LOGIT


def is_foreign(question: str, texts: Iterable[str]) -> bool:
    """Return True if a question is in another language than the texts."""
    asked = detect_language(question)
    found = detect_language("\n".join(texts))
    return bool(asked and found and asked != found)


def _find_names(question: str) -> Iterator[str]:
    """Yield the capitalized words of a question that do not open a sentence."""
    text = _PARENTHESIS.sub(" ", question)
    words = list(_WORD.finditer(text))
    if capitalizes_nouns(text) or all(word.group()[0].isupper() for word in words):
        return
    for word in words:
        name = _POSSESSIVE.sub("", word.group())
        is_name = name[0].isupper() and len(name) > 1 and not any(map(str.isdigit, name))
        if not is_name or _SENTENCE_START.search(text[: word.start()]):
            continue
        if name.casefold() not in _NO_NAMES and not is_non_name(name):
            yield name


def _has_name(name: str, words: frozenset[str], joined: str) -> bool:
    folded = "".join(_LETTERS.findall(fold_text(name)))
    if folded[:_STEM] in joined:
        return True
    return len(folded) >= _MIN_MISSPELT and any(_is_near(folded, word) for word in words)


def _is_near(name: str, word: str) -> bool:
    if abs(len(name) - len(word)) > 2 or name[0] != word[0]:
        return False
    return SequenceMatcher(None, name, word).ratio() >= _MIN_SIMILARITY


def _find_years(question: str) -> Iterator[str]:
    for match in _YEAR.finditer(question):
        yield match["year"] or f"20{match['short']}"


def _has_year(year: str, text: str) -> bool:
    return re.search(rf"{year}(?!\d)|(?<!\d){year[2:]}(?!\d)", text) is not None
