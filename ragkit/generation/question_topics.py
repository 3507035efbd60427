"""What a question is about, in place of the words of a follow-up that stand for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ragkit.generation.question_grammar import (
    POSSESSIVE,
    Phrase,
    QuestionGrammar,
    split_tokens,
)

Replacement = Callable[[re.Match[str]], str]


class QuestionTopic:
    """The topic of a question, such as "the Bodo office" in "When does the Bodo office open?"."""

    def __init__(self, question: str, tokens: Phrase, grammar: QuestionGrammar) -> None:
        self._question = question
        self._tokens = tokens
        self._grammar = grammar
        self._words = grammar.words
        asked, self._said = grammar.find_clause(tokens)
        self._subject = asked or grammar.find_subject(tokens)

    def has_open_reference(self, text: str) -> bool:
        """Return True if a word refers to something that cannot replace it: "the same"."""
        return any(re.search(pattern, text) for pattern in self._words.open_reference_patterns)

    def fill(self, text: str) -> str | None:
        """Return a question with the topic in place of its pronouns; None if there is no topic."""
        words = self._words
        references: tuple[tuple[Iterable[str], Replacement], ...] = (
            (words.noun_patterns, lambda found: self._thing),
            (words.owner_patterns, self._name_owner),
            (words.place_patterns, lambda found: self._place),
            (words.topic_patterns, self._name_topic),
            (words.gloss_patterns, lambda found: f"{found[0]} ({self._topic})"),
        )
        for patterns, replace in references:
            for pattern in patterns:
                found = re.search(pattern, text)
                if found is None or self._refers_inside(text[: found.start()], pattern):
                    continue
                if not self._subject or (self._said and not words.clause_form):
                    return None
                text = re.sub(pattern, replace, text)
        return text

    def _refers_inside(self, before: str, pattern: str) -> bool:
        """Return True if a pronoun stands for a thing in the same question, which is before it.

        That is so behind a comma or a conjunction, and for what is owned: "the pump without its
        motor", but not "the name of its maker".
        """
        tokens = split_tokens(before)
        is_owned = pattern in (*self._words.owner_patterns, *self._words.gloss_patterns)
        is_apart = is_owned and not (tokens and self._grammar.is_link(tokens[-1]))
        is_apart |= any(
            token.text == "," or token.text in self._words.conjunctions for token in tokens
        )
        return is_apart and self._grammar.names_thing(tokens)

    @property
    def _topic(self) -> str:
        """The subject, or what a person belongs to who is asked for."""
        _, owner = self._grammar.split_owner(self._subject)
        is_person = self._grammar.asks_for_person(self._tokens)
        return self._join(owner if owner and is_person else self._subject)

    @property
    def _thing(self) -> str:
        """The noun of the subject: "office"."""
        thing, _ = self._grammar.split_owner(self._subject)
        return thing[-1].text

    @property
    def _place(self) -> str:
        """The place that the question names, or the topic as a place."""
        phrases = self._grammar.find_phrases(self._tokens)
        for phrase in reversed(phrases):
            is_time = any(token.is_code or token.word in self._grammar.ordinals for token in phrase)
            if phrase[0].word in self._words.place_prepositions and not is_time:
                return self._join(phrase)
        with_name, with_article = self._words.place_form
        is_name = not self._grammar.is_determiner(self._subject[0])
        return (with_name if is_name else with_article).format(self._topic)

    def _name_owner(self, found: re.Match[str]) -> str:
        _, owner = self._grammar.split_owner(self._subject)
        return self._words.owner_form[0].format(self._join(owner or self._subject))

    def _name_topic(self, found: re.Match[str]) -> str:
        """Return the topic, with the article that the pronoun asks for.

        Its owner is meant if only that can have the article: "sie" is no "Gewicht der Pumpe".
        """
        article = self._words.pronoun_articles.get(found[0])
        if article is None:
            return self._topic
        _, owner = self._grammar.split_owner(self._subject)
        phrase = owner if owner and self._subject[0].word != article else self._subject
        is_article = self._grammar.is_determiner(phrase[0])
        topic = self._join(phrase)
        return f"{article} {topic.partition(' ')[2] if is_article else topic}"

    def _join(self, phrase: Phrase) -> str:
        text = POSSESSIVE.sub("", self._question[phrase[0].start : phrase[-1].end])
        if self._said and phrase == self._subject:
            said = self._question[self._said[0].start : self._said[-1].end]
            return self._words.clause_form[0].format(text, said)
        if phrase == self._grammar.find_asked(self._tokens):
            return self._words.asked_form[0].format(text)
        return text
