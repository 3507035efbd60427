"""The terms of the word index: the words of a text, stemmed in its language.

The terms of a language other than English have its code in front: "de:antrag". So all languages
share one field, with one average length and one count of chunks, and a chunk is found by stems of
its own language alone. A query does not say its language: it is analyzed in each language that the
index holds. English terms have no code. They are those of all texts whose language is unknown or
has no stemmer; English endings hardly occur in them.

Chinese, Japanese, Thai, Lao, Burmese and Khmer, and the phrases of Korean, become pairs of letters
in every language: a German text may quote a Chinese one. Stems are those of Snowball, as in
tantivy.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tantivy

from ragkit.text.folding import replace_signs, strip_markup
from ragkit.text.languages import DEFAULT, detect_languages
from ragkit.text.scripts import normalize_letters, split_bigrams

MAX_QUERY_TERMS = 64  # per language; later ones are dropped
_MAX_QUERY_LETTERS = 20_000  # of a query; what follows is dropped
MAX_TERM_BYTES = 80  # longer words are left out

_CODES: Mapping[str, str] = {
    "arabic": "ar:",
    "danish": "da:",
    "dutch": "nl:",
    "finnish": "fi:",
    "french": "fr:",
    "german": "de:",
    "greek": "el:",
    "hungarian": "hu:",
    "italian": "it:",
    "norwegian": "no:",
    "portuguese": "pt:",
    "romanian": "ro:",
    "russian": "ru:",
    "spanish": "es:",
    "swedish": "sv:",
    "tamil": "ta:",
    "turkish": "tr:",
}
LANGUAGES = (DEFAULT, *_CODES)
"""The languages that have terms of their own."""

_ARABIC_CONJUNCTION = re.compile(r"\b[وف](?=ال\w{3})")  # "and" and "so", joined to the next word
_RESPELLINGS: Mapping[str, Callable[[str], str]] = {
    "arabic": lambda text: _ARABIC_CONJUNCTION.sub("", text),
    "russian": lambda text: text.replace("ё", "е").replace("Ё", "Е"),
}


def _make_analyzer(language: str) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"\w+"))
    builder = builder.filter(tantivy.Filter.remove_long(MAX_TERM_BYTES))
    builder = builder.filter(tantivy.Filter.lowercase())
    fold, stem = tantivy.Filter.ascii_fold(), tantivy.Filter.stemmer(language)
    # Stems of other languages need their accents: MRR on Spanish questions .969, folded first .967.
    order = (fold, stem) if language == DEFAULT else (stem, fold)
    return builder.filter(order[0]).filter(order[1]).build()


_ANALYZERS = {language: _make_analyzer(language) for language in LANGUAGES}


class ChunkTerms(NamedTuple):
    """A chunk's language, its terms separated by spaces, and its text with bigrams."""

    language: str
    terms: str
    text: str


def prepare_text(text: str) -> str:
    """Return a text in NFC without mark-up, with bigrams where no spaces separate words."""
    return split_bigrams(_clean(text))


def _clean(text: str) -> str:
    return normalize_letters(replace_signs(strip_markup(text)))


def split_terms(language: str, prepared: str) -> list[str]:
    """Return the terms of a prepared text in a language, in order, repeated ones too."""
    prepared = prepared.replace("_", " ")  # joins words in names of files and in programs
    respell = _RESPELLINGS.get(language)
    terms: list[str] = _ANALYZERS[language].analyze(respell(prepared) if respell else prepared)
    code = _CODES.get(language)
    return [code + term for term in terms] if code else terms


def prepare_query(text: str) -> str:
    """Return the text of a query, prepared and cut; lone surrogates are replaced."""
    return prepare_text(text[:_MAX_QUERY_LETTERS].encode("utf-8", "replace").decode())


def split_words(languages: Sequence[str], prepared: str) -> list[tuple[str, ...]]:
    """Return the distinct words of a prepared query, each as its terms in these languages.

    A word that is too long in the spelling of one language alone has "" there at the end.
    """
    by_language = [split_terms(language, prepared) for language in languages]
    words = dict.fromkeys(itertools.zip_longest(*by_language, fillvalue=""))
    return list(words)[:MAX_QUERY_TERMS]


def analyze_chunks(texts: Sequence[str]) -> list[ChunkTerms]:
    """Return what the index holds of each chunk of one document."""
    texts = [_clean(text) for text in texts]
    found = []
    for language, text in zip(detect_languages(texts), texts, strict=True):
        prepared = split_bigrams(text)
        found.append(ChunkTerms(language, " ".join(split_terms(language, prepared)), prepared))
    return found
