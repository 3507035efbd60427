"""The phrases of a question: its subject, names, and prepositions with their objects.

What is found is a guess by the word lists of a language, which know few verbs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from ragkit.text.lexicon import Lexicon, load_languages

_TOKEN = re.compile(r"[^\W_](?:[\w'’./&+-]*[^\W_])?|[,;:()?!]")
POSSESSIVE = re.compile(r"['’]s$")
_PARTICIPLE_ENDING = "ed"


@dataclass(frozen=True, slots=True)
class Token:
    """A word or punctuation mark at characters [start, end) of a question."""

    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The text in lower case."""
        return self.text.casefold()

    @property
    def is_capitalized(self) -> bool:
        """True for a word whose first letter is a capital."""
        return self.text[0].isupper()

    @property
    def is_code(self) -> bool:
        """True for letters with a digit, such as VX-4420, or a number."""
        return any(map(str.isdigit, self.text))


Phrase = Sequence[Token]
"""Neighbouring tokens of a question."""


def split_tokens(text: str) -> list[Token]:
    """Return the words and punctuation marks of a text."""
    return [Token(found[0], *found.span()) for found in _TOKEN.finditer(text)]


def strip_marks(tokens: Phrase) -> Phrase:
    """Return tokens without the punctuation at their end."""
    end = len(tokens)
    while end and not tokens[end - 1].text[0].isalnum():
        end -= 1
    return tokens[:end]


class QuestionGrammar:
    """Finds phrases in the questions of one language."""

    def __init__(self, words: Lexicon) -> None:
        self.words = words
        self.has_noun_capitals = bool(words.noun_capital_markers)
        self._prepositions = _WordSet(words.prepositions)
        self._links = _WordSet(words.noun_links)
        self._determiners = _WordSet(words.determiners)
        self._auxiliaries = _WordSet(words.auxiliaries)
        self._copulas = _WordSet(words.copulas)
        self._verbs = _WordSet(words.verbs)
        self._question_words = _WordSet(words.question_words)
        self._requests = _WordSet(words.request_words)
        self._generic = _WordSet(words.generic_subjects)
        self._indefinite = _WordSet(words.indefinite_determiners)
        self._time_words = _WordSet(words.time_words)
        self.ordinals = _WordSet(words.ordinals)
        self._frequent = _WordSet(
            [
                *words.stop_words,
                *words.question_words,
                *words.prepositions,
                *words.auxiliaries,
                *words.copulas,
                *words.degree_words,
            ]
        )

    def count_words(self, text: str) -> int:
        """Return how many words of a text are frequent ones of this language."""
        return sum(token.word in self._frequent for token in split_tokens(text))

    def is_preposition(self, token: Token) -> bool:
        """Return True for a word such as "in"."""
        return token.word in self._prepositions

    def is_determiner(self, token: Token) -> bool:
        """Return True for a word such as "the"."""
        return token.word in self._determiners

    def is_link(self, token: Token) -> bool:
        """Return True for a word such as "of"."""
        return token.word in self._links

    def is_frequent(self, token: Token) -> bool:
        """Return True for a word that says nothing alone, and for a punctuation mark."""
        return token.word in self._frequent or not token.text[0].isalnum()

    def is_small(self, token: Token) -> bool:
        """Return True for an article, a preposition or a link."""
        return any(
            token.word in words for words in (self._determiners, self._prepositions, self._links)
        )

    def modifies(self, token: Token) -> bool:
        """Return True for a word that may belong to the noun after it."""
        return (
            token.text[0].isalnum()
            and not (self.is_preposition(token) or self.is_link(token) or self.is_frequent(token))
        ) or self.is_determiner(token)

    def begins_question(self, tokens: Phrase) -> bool:
        """Return True if tokens begin as a whole question or a request does."""
        first = tokens[1:] if tokens and self.is_preposition(tokens[0]) else tokens
        if not first:
            return False
        if first[0].word in self._question_words:
            return True
        starts = (self._auxiliaries, self._copulas, self._requests)
        return first is tokens and any(first[0].word in words for words in starts)

    def asks_for_person(self, tokens: Phrase) -> bool:
        """Return True if a person answers the question."""
        return bool(tokens) and tokens[0].word in self.words.person_questions

    def find_phrases(self, tokens: Phrase) -> list[Phrase]:
        """Return the prepositions of a question, each with its object."""
        starts = [at for at, token in enumerate(tokens) if at and self.is_preposition(token)]
        found = [tokens[at : self._find_end(tokens, at + 1)] for at in starts]
        return [phrase for phrase in found if len(phrase) > 1]

    def find_names(self, tokens: Phrase) -> list[Phrase]:
        """Return the names in tokens, none in a language that writes all nouns with a capital."""
        if self.has_noun_capitals:
            return []
        names: list[list[Token]] = []
        for at, token in enumerate(tokens):
            starts_text = at == 0 and self.begins_question(tokens)
            if not token.is_capitalized or token.is_code or starts_text:
                continue
            if names and names[-1][-1] is tokens[at - 1]:
                names[-1].append(token)
            else:
                names.append([token])
        return [tuple(name) for name in names]

    def find_subject(self, tokens: Phrase) -> Phrase:
        """Return the noun phrase that a question is about; () if none is found.

        A thing with a code, as in "measured on lathe DM-07", comes before words without one.
        """
        subject = self._find_best_noun_phrase(tokens)
        if any(map(_is_name_code, subject)):
            return subject
        objects = [phrase[1:] for phrase in self.find_phrases(tokens)]
        return next((each for each in objects if any(map(_is_name_code, each))), subject)

    def _find_best_noun_phrase(self, tokens: Phrase) -> Phrase:
        found = self._find_noun_phrases(tokens)
        if self.has_noun_capitals:
            return max(found, key=lambda phrase: self._weigh(tokens, phrase), default=())
        return next((each for each in found if each[0].word not in self._generic), ())

    def names_thing(self, tokens: Phrase) -> bool:
        """Return True if there is a word behind an article, a code or a name in tokens."""
        return bool(self.find_names(tokens)) or any(
            token.is_code or (self.is_determiner(token) and at < len(tokens) - 1)
            for at, token in enumerate(tokens)
        )

    def is_definite(self, phrase: Phrase) -> bool:
        """Return True for "the pump", not for "a pump" and "pumps"."""
        return self.is_determiner(phrase[0]) and phrase[0].word not in self._indefinite

    def may_be_noun(self, phrase: Phrase) -> bool:
        """Return True unless a phrase is a word of time, or has no capital where nouns have one."""
        if phrase[0].word in self._time_words:
            return False
        return not self.has_noun_capitals or any(
            token.is_capitalized or token.is_code for token in phrase
        )

    def find_clause(self, tokens: Phrase) -> tuple[Phrase, Phrase]:
        """Return the noun that is asked for and what is said of it, in a question like this:

        "Which supplier delivers seals?". Both are () in any other question.
        """
        is_choice = tokens[0].word in self.words.choice_words and not self.asks_for_person(tokens)
        if len(tokens) < 3 or not is_choice or self.is_frequent(tokens[1]):
            return (), ()
        verb = self._find_verb(tokens)
        is_subject = verb == len(tokens) or (verb == 2 and tokens[2].word in self._copulas)
        return (tokens[1:2], tokens[2:]) if is_subject else ((), ())

    def find_asked(self, tokens: Phrase) -> Phrase:
        """Return the noun phrase behind "how many", "which" or "what"; () if there is none."""
        if not tokens or tokens[0].word not in self._question_words:
            return ()
        end = self._find_verb(tokens)
        asked = tokens[1:end]
        while asked and asked[0].word in self._frequent:
            asked = asked[1:]
        return asked

    def split_owner(self, phrase: Phrase) -> tuple[Phrase, Phrase]:
        """Return a thing and its owner: "the revenue" and "Vexhöfer"; the owner may be ()."""
        for at, token in enumerate(phrase):
            if POSSESSIVE.search(token.text):
                return phrase[at + 1 :], phrase[: at + 1]
            if at and self.is_link(token):
                is_article = self.is_determiner(token)
                return phrase[:at], phrase[at if is_article else at + 1 :]
        return phrase, ()

    def _find_noun_phrases(self, tokens: Phrase) -> list[Phrase]:
        if self.has_noun_capitals:
            return self._find_capitalized(tokens)
        verb = self._find_verb(tokens)
        if verb == len(tokens):
            found = self._find_object(tokens)
            return [found] if found else []
        start = verb + 1
        end = self._find_end(tokens, start)
        subject = tokens[start:end]
        if end == len(tokens) or tokens[end].word not in self._verbs:
            subject = self._drop_verb(subject, tokens[verb], begins=verb == 0)
        rest = start + len(subject) + 1
        behind = tokens[rest : self._find_end(tokens, rest)]
        phrases: list[Phrase] = [subject, behind, self.find_asked(tokens)]
        return [each for each in phrases if each]

    def _find_object(self, tokens: Phrase) -> Phrase:
        """Return the noun phrase behind the verb: "Which office approves the travel request?"."""
        if not tokens or tokens[0].word not in self._question_words:
            return ()
        start = 2
        if tokens[0].word not in self.words.person_questions:
            start = 3
            articles = (at for at, token in enumerate(tokens) if self.is_determiner(token))
            start = next(articles, start)
        return tokens[start : self._find_end(tokens, start)]

    def _find_verb(self, tokens: Phrase) -> int:
        """Return the index of the first auxiliary or copula; the number of tokens if none is."""
        return next((at for at in range(len(tokens)) if self._is_verb(tokens, at)), len(tokens))

    def _is_verb(self, tokens: Phrase, at: int) -> bool:
        """Return True for an auxiliary or copula, not for the month of May."""
        token = tokens[at]
        is_name = token.is_capitalized and at > 0
        return not is_name and (token.word in self._auxiliaries or token.word in self._copulas)

    def _find_end(self, tokens: Phrase, start: int) -> int:
        """Return the end of a noun phrase with what belongs to it by a link."""
        if self.has_noun_capitals:
            return self._find_capitalized_end(tokens, start)
        at = start
        while at < len(tokens) and not self._bounds(tokens, at, start):
            at += 1
        return at

    def _bounds(self, tokens: Phrase, at: int, start: int) -> bool:
        """Return True if a token does not belong to the noun phrase before it."""
        token = tokens[at]
        opens = self.is_determiner(token) and at > start and not self.is_link(tokens[at - 1])
        is_verb = token.word in self._verbs and at > start + 1
        return (
            not token.text[0].isalnum()
            or self.is_preposition(token)
            or self._is_verb(tokens, at)
            or opens
            or is_verb
        )

    def _drop_verb(self, phrase: Phrase, verb: Token, *, begins: bool) -> Phrase:
        """Return what stands between an auxiliary and its verb: the subject."""
        if not phrase:
            return phrase
        if phrase[0].word in self._generic:
            return phrase[:1]
        least = 2 if self.is_determiner(phrase[0]) else 1
        if verb.word in self._copulas:
            last = phrase[-1].word
            is_participle = last.endswith(_PARTICIPLE_ENDING) or last in self.words.participles
            if is_participle and len(phrase) == 1:  # "What was measured?"
                return ()
            has_more = is_participle or begins
            return phrase[:-1] if has_more and len(phrase) > least else phrase
        if self.is_determiner(phrase[0]):
            has_verb = len(phrase) > least and not self._is_noun_end(phrase)
            return phrase[:-1] if has_verb else phrase
        for at, token in enumerate(phrase):
            if token.word.endswith("s") or token.is_code or at == len(phrase) - 1:
                return phrase[: at + 1]
        return phrase

    def _is_noun_end(self, phrase: Phrase) -> bool:
        return phrase[-1].is_capitalized or phrase[-1].is_code

    def _find_capitalized(self, tokens: Phrase) -> list[Phrase]:
        """Return the noun phrases of a language that writes nouns with a capital."""
        found: list[Phrase] = []
        at = 1
        while at < len(tokens):
            end = self._find_capitalized_end(tokens, at)
            if end > at:
                found.append(tokens[at:end])
            at = max(end, at + 1)
        return [each for each in found if each[-1].word not in self._generic]

    def _find_capitalized_end(self, tokens: Phrase, start: int) -> int:
        """Return the end of "der", "erste" and "Tag", with a further noun "des Monats"."""
        at = start
        while at < len(tokens) and self.is_determiner(tokens[at]):
            at += 1
        while at + 1 < len(tokens) and (tokens[at].is_code or _is_adjective(tokens, at, start)):
            at += 1
        noun = at
        while at < len(tokens) and (tokens[at].is_capitalized or tokens[at].is_code):
            at += 1
        if at == noun:
            return start
        if at < len(tokens) and self.is_link(tokens[at]):
            further = self._find_capitalized_end(tokens, at + 1)
            return further if further > at + 1 else at
        return at

    def _weigh(self, tokens: Phrase, phrase: Phrase) -> int:
        """Return how likely a phrase is the subject: not after a preposition, with an article."""
        before = tokens[tokens.index(phrase[0]) - 1]
        if self.is_preposition(before):
            return 0
        return 2 if self.is_determiner(phrase[0]) else 1


class _WordSet:
    """Words, of which some stand for all that begin with them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._starts = tuple(word[:-1] for word in self._words if word.endswith("*"))

    def __contains__(self, word: str) -> bool:
        return word in self._words or bool(self._starts and word.startswith(self._starts))


def _is_name_code(token: Token) -> bool:
    """Return True for VX-4420, not for 2025, Q1 or 15th."""
    return token.is_capitalized and token.is_code and "-" in token.text


def _is_adjective(tokens: Phrase, at: int, start: int) -> bool:
    """Return True for a word between an article or preposition and a noun."""
    token = tokens[at]
    return (
        not token.is_capitalized
        and token.word.endswith(("e", "en", "er", "es", "em"))
        and (tokens[at + 1].is_capitalized or tokens[at + 1].is_code)
        and start > 0
    )


@cache
def load_grammars() -> tuple[QuestionGrammar, ...]:
    """Return the grammar of each language that has word lists for follow-ups."""
    return tuple(QuestionGrammar(words) for words in load_languages() if words.follow_up_openers)


def choose_grammar(question: str, earlier: str) -> QuestionGrammar:
    """Return the grammar of a question's language, or that of the question before it."""
    return max(
        load_grammars(),
        key=lambda each: (each.count_words(question), each.count_words(earlier)),
    )
