"""Completes follow-up questions from the question before them, without a model."""

from __future__ import annotations

import re
from functools import cache

from ragkit.generation.question_grammar import (
    Phrase,
    QuestionGrammar,
    choose_grammar,
    split_tokens,
    strip_marks,
)
from ragkit.generation.question_topics import QuestionTopic
from ragkit.text.lexicon import any_of

_MAX_LENGTH = 400  # characters of a follow-up; longer questions say what they are about
_MAX_FRAGMENT_WORDS = 6  # of a question such as "For part-time employees?"


def complete_question(question: str, earlier: str) -> str:
    """Return a question with what it leaves out filled in from the question before it.

    "And in 2020?" after "What was the revenue in 2019?" becomes "What was the revenue in 2020?".
    A question that can be understood alone is returned as it is. If it is unclear what a word
    refers to, the earlier question is put before it.
    """
    earlier = re.split(r"(?<=[?!])\s", earlier.strip())[0]
    if not earlier or len(question) > _MAX_LENGTH:
        return question
    follow_up = _FollowUp(question.strip(), earlier, choose_grammar(question, earlier))
    return follow_up.complete()


class _FollowUp:
    """A question that may leave out what the earlier one says."""

    def __init__(self, question: str, earlier: str, grammar: QuestionGrammar) -> None:
        self._question = question
        self._earlier = earlier
        self._grammar = grammar
        opener = _compile_openers(grammar).match(question)
        self._has_opener = opener is not None
        self._rest = question[opener.end() :] if opener else question
        self._tokens = strip_marks(split_tokens(self._rest))
        self._before = strip_marks(split_tokens(earlier))

    def complete(self) -> str:
        """Return the question as one would ask it alone."""
        if not self._tokens or not self._before:
            return self._question
        if not self._is_fragment():
            return self._fill_references()
        if self._grammar.is_preposition(self._tokens[-1]):  # "And the year before?"
            return self._join()
        filled = _Fragment(self._tokens, self._rest, self._earlier, self._grammar).fill()
        return filled or self._question

    def _is_fragment(self) -> bool:
        """Return True for a phrase without a verb that an earlier question can take in."""
        tokens, grammar = self._tokens, self._grammar
        if grammar.begins_question(tokens) or len(tokens) > _MAX_FRAGMENT_WORDS:
            return False
        if self._has_opener:
            return not self._begins_with_verb()
        if grammar.is_preposition(tokens[0]):
            return True
        is_asked = self._question.endswith("?")
        return is_asked and _Fragment(tokens, self._rest, self._earlier, grammar).is_same_kind()

    def _begins_with_verb(self) -> bool:
        """Return True if nouns have capitals, and the first word is neither of a noun nor one."""
        first, second = self._tokens[0], self._tokens[1:2]
        grammar = self._grammar
        if not grammar.has_noun_capitals or first.is_capitalized or first.is_code:
            return False
        if grammar.is_preposition(first) or grammar.is_determiner(first):
            return False
        return bool(second) and not (second[0].is_capitalized or second[0].is_code)

    def _fill_references(self) -> str:
        """Return a whole question with its pronouns replaced by the topic of the earlier one."""
        text = self._rest[:1].lower() + self._rest[1:]
        topic = QuestionTopic(self._earlier, self._before, self._grammar)
        if topic.has_open_reference(text):
            return self._join()
        filled = topic.fill(text)
        if filled is None or (filled == text and self._says_little()):
            return self._join()
        return self._question if filled == text else filled[:1].upper() + filled[1:]

    def _says_little(self) -> bool:
        """Return True for "Why?" and "And who pays?"."""
        content = [token for token in self._tokens if not self._grammar.is_frequent(token)]
        names_thing = any(
            token.is_code or self._grammar.is_determiner(token) or token.is_capitalized
            for token in self._tokens[1:]
        )
        return not content or (self._has_opener and len(content) == 1 and not names_thing)

    def _join(self) -> str:
        return f"{self._earlier} {self._question}"


class _Fragment:
    """A phrase that stands for a whole question, and the earlier question that takes it in."""

    def __init__(self, tokens: Phrase, text: str, earlier: str, grammar: QuestionGrammar) -> None:
        self._grammar = grammar
        self._earlier = earlier
        self._before = strip_marks(split_tokens(earlier))
        self._text = text
        self._tokens = self._drop_one(tokens)

    def fill(self) -> str:
        """Return the earlier question with the phrase in place of one like it, "" if there is none.

        That is a date, code or number, a name, a phrase with the same preposition or noun, or the
        subject. A phrase with a preposition is added if none is like it.
        """
        filled = self._replace_kind() or self._replace_name()
        if filled:
            return filled
        is_phrase = self._grammar.is_preposition(self._tokens[0])
        is_noun = not is_phrase and self._grammar.may_be_noun(self._tokens)
        return self._replace_noun() if is_noun else self._replace_phrase()

    def is_same_kind(self) -> bool:
        """Return True if the phrase is only a date, code, number or name, as one before."""
        return bool(self._replace_kind() or self._replace_name())

    @property
    def _phrase(self) -> str:
        return self._text[self._tokens[0].start : self._tokens[-1].end]

    def _drop_one(self, tokens: Phrase) -> Phrase:
        """Return "in Bodo" for "the one in Bodo"."""
        for pattern in self._grammar.words.noun_patterns:
            found = re.search(pattern, self._text)
            after = [token for token in tokens if found and token.start >= found.end()]
            if after:
                return after
        return tokens

    def _replace_kind(self) -> str:
        """Replace a date, year, code or number by the one of the phrase, or what it stands in."""
        for pattern in _compile_kinds(self._grammar):
            own, found = pattern.search(self._phrase), list(pattern.finditer(self._earlier))
            if own is None or not found:
                continue
            old = _choose_similar(own, found)
            is_adverb = own[0][0].islower() and old[0][0].isupper()  # "freitags" for "Montag"
            if self._is_known(own[0]) and not is_adverb:
                return self._put(own[0], old.start(), old.end())
            for phrase in self._grammar.find_phrases(self._before):
                if phrase[0].start <= old.start() < phrase[-1].end:
                    return self._put_phrase(phrase)
        return ""

    def _replace_name(self) -> str:
        names = self._grammar.find_names(self._tokens)
        before = self._grammar.find_names(self._before)
        if len(names) != 1 or not before:
            return ""
        own = self._text[names[0][0].start : names[0][-1].end]
        if not self._is_known(own):
            return ""
        first = self._tokens[0].word
        beside = [each for each in before if self._word_before(each) == first]
        old = (beside or before)[-1]
        return self._put(own, old[0].start, old[-1].end)

    def _replace_phrase(self) -> str:
        """Replace the phrase with the same preposition or last noun, or add the new one."""
        phrases = self._grammar.find_phrases(self._before)
        last = self._tokens[-1].word
        if phrases and len(self._tokens) == 2 and last in self._grammar.words.references:
            preposition = phrases[-1][0]  # "after it"
            return self._put(self._tokens[0].text, preposition.start, preposition.end)
        same_noun = [each for each in phrases if last in [token.word for token in each]]
        same_preposition = [
            each
            for each in phrases
            if each[0].word == self._tokens[0].word
            and any(token.is_code for token in each) == any(token.is_code for token in self._tokens)
            and self._has_ordinal(each) == self._has_ordinal(self._tokens)
        ]
        for phrase in [*same_noun, *same_preposition[::-1]]:
            return self._put_phrase(phrase)
        end = self._before[-1].end
        return f"{self._earlier[:end]} {self._phrase}{self._earlier[end:]}"

    def _replace_noun(self) -> str:
        """Replace the words around the same noun, or the subject."""
        last = self._tokens[-1].word
        for at, token in enumerate(self._before):
            if at and token.word == last:
                start = at
                while start > 1 and self._grammar.modifies(self._before[start - 1]):
                    start -= 1
                return self._put(self._phrase, self._before[start].start, token.end)
        thing, _ = self._grammar.split_owner(self._grammar.find_subject(self._before))
        if not thing or thing == self._grammar.find_asked(self._before):
            return ""
        objects = [phrase[1:] for phrase in self._grammar.find_phrases(self._before)[::-1]]
        alike = [phrase for phrase in (thing, *objects) if self._is_alike(phrase)]
        return self._put_phrase((alike or [thing])[0])

    def _is_alike(self, phrase: Phrase) -> bool:
        """Return True for a noun that is as definite as that of the follow-up, and no name."""
        grammar = self._grammar
        is_plain = not grammar.find_names(phrase) and not any(each.is_code for each in phrase)
        return is_plain and grammar.is_definite(phrase) == grammar.is_definite(self._tokens)

    def _is_known(self, part: str) -> bool:
        """Return True if all words of the phrase but a part are small ones, or said before."""
        before = {token.word for token in self._before}
        rest = split_tokens(self._phrase.replace(part, " ", 1))
        return all(token.word in before or self._grammar.is_small(token) for token in rest)

    def _has_ordinal(self, phrase: Phrase) -> bool:
        return any(token.word in self._grammar.ordinals for token in phrase)

    def _word_before(self, phrase: Phrase) -> str:
        at = self._before.index(phrase[0])
        return self._before[at - 1].word if at else ""

    def _put_phrase(self, old: Phrase) -> str:
        return self._put(self._phrase, old[0].start, old[-1].end)

    def _put(self, new: str, start: int, end: int) -> str:
        return self._earlier[:start] + new + self._earlier[end:]


def _choose_similar(own: re.Match[str], found: list[re.Match[str]]) -> re.Match[str]:
    """Return the last match that begins with the same letter, or the last one."""
    alike = [each for each in found if each[0][:1].casefold() == own[0][:1].casefold()]
    return (alike or found)[-1]


@cache
def _compile_openers(grammar: QuestionGrammar) -> re.Pattern[str]:
    openers = any_of(grammar.words.follow_up_openers)
    return re.compile(rf"(?:{openers})\b[\s,]*(?=\S)", re.IGNORECASE)


@cache
def _compile_kinds(grammar: QuestionGrammar) -> tuple[re.Pattern[str], ...]:
    """Return patterns of a date, a year, a month, a weekday, a code, an ordinal and a number."""
    months = any_of(month for month in grammar.words.months)
    endings = any_of(grammar.words.ordinal_endings) or r"\."
    patterns = (
        rf"\b\d{{1,2}}(?:{endings}|\.)?\s(?:{months})\b(?:\s\d{{4}})?",
        r"\b(?:FY\s?)?(?:19|20)\d\d\b",
        rf"\b(?:{any_of(month.title() for month in grammar.words.months)})\b",
        rf"\b(?:{any_of(grammar.words.weekdays)})\b",
        r"\b(?=[\w-]*\d)[A-Za-zÄÖÜ]+-?[\w-]*\d[\w-]*\b",
        rf"\b(?:\d+(?:{endings}|\.(?=\s))|{any_of(grammar.words.ordinals)})(?!\w)",
        rf"\b(?:\d+|{any_of(grammar.words.number_words)})\b",
    )
    flags = (re.IGNORECASE, re.IGNORECASE, 0, re.IGNORECASE, 0, re.IGNORECASE, re.IGNORECASE)
    return tuple(re.compile(each, flag) for each, flag in zip(patterns, flags, strict=True))
