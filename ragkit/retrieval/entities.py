"""Entities of a question: names, codes, years, quoted texts and names of documents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ragkit.text.lexicon import any_of, load_lexicon

Kind = Literal["name", "time", "label", "document"]
"""A name is a word with a capital letter, a code or a quoted text; a label is the A of "plan A"."""

_LEXICON = load_lexicon()
_TOKEN = re.compile(
    r"[\"“„«][^\"“”»]{1,100}[\"”“»]"  # quoted
    r"|[^\W_]+(?:[.&'’/_-]+[^\W_]+)*(?:(?<=s)['’](?!\w))?|[^\w\s]"  # word, mark
)
_TIME = re.compile(r"(?:fy|cy)?(?:19|20)\d\d(?:/\d\d)?|fy\d\d|[qh][1-4]")
_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d_]|.*\w[./_-]\w).{3,}|.+\.[a-z]\w{1,4}")  # or a file
_LABEL = re.compile(r"[A-Z]|\d{1,3}")
_POSSESSIVE = re.compile(r"['’]s$|(?<=s)['’]$")
_JOINS = frozenset([*_LEXICON.choice_joins, *_LEXICON.addition_joins, *_LEXICON.versus_joins])
_LINKS = _JOINS.union(_LEXICON.pairing_joins, _LEXICON.comparison_links)
_COMPARATIVE = re.compile(any_of(_LEXICON.comparatives))
_FUNCTION_WORD = re.compile(
    any_of(
        [
            *_LEXICON.stop_words,
            *_LEXICON.choice_words,
            *_LEXICON.references,
            *_LEXICON.comparison_words,
            *_JOINS,
            *_LEXICON.non_names,
        ]
    )
)


NamedWords = Mapping[str, frozenset[int]]
"""The documents whose names hold a folded token."""


class DocumentWord(NamedTuple):
    """Characters [start, end) of a question that are a word in the names of `documents`."""

    start: int
    end: int
    documents: frozenset[int]


class Token(NamedTuple):
    """A word, mark or quoted text at characters [start, end); `folded` has no possessive ending."""

    text: str
    start: int
    end: int
    folded: str

    @property
    def is_word(self) -> bool:
        """True for words and quoted texts."""
        return len(self.text) > 2 or self.text[0].isalnum()

    @property
    def is_function_word(self) -> bool:
        """True for an article, pronoun, preposition or another word that no name begins with."""
        if _FUNCTION_WORD.fullmatch(self.folded) or (len(self.text) == 1 and self.text.islower()):
            return True
        is_name = self.start > 0 and self.text[0].isupper()  # "Best Buy"
        return not is_name and _COMPARATIVE.fullmatch(self.folded) is not None

    @property
    def is_possessive(self) -> bool:
        """True for "Nike's"."""
        return len(self.folded) < len(self.text)


@dataclass(frozen=True, slots=True)
class Entity:
    """Tokens [first, last] of a question that name something.

    `documents` have all of its words in their names that are in one at all. `heads` are the
    documents of each token.
    """

    first: int
    last: int
    kind: Kind
    documents: frozenset[int]
    heads: tuple[frozenset[int], ...]


def split_tokens(question: str) -> list[Token]:
    """Return the words, marks and quoted texts of a question, in order."""
    found = [(match.group(), *match.span()) for match in _TOKEN.finditer(question)]
    return [Token(*each, _POSSESSIVE.sub("", each[0].casefold())) for each in found]


def find_named_words(tokens: Sequence[Token], words: Iterable[DocumentWord]) -> NamedWords:
    """Return for the tokens that hold words of names the documents with all of these words."""
    named: dict[str, frozenset[int]] = {}
    for word in words:
        for token in tokens:
            if token.start < word.end and word.start < token.end:
                known = named.get(token.folded, frozenset())
                named[token.folded] = (known & word.documents) or known or word.documents
    return named


def find_entities(tokens: Sequence[Token], named: NamedWords) -> list[Entity]:
    """Return the entities of a question, in order; they do not overlap.

    Words with a capital letter beside each other are one name. A word in lower case is an entity if
    it is in the name of a document, and belongs to the one before it if one document has both.
    """
    entities: list[Entity] = []
    for at, token in enumerate(tokens):
        documents = named.get(token.folded, frozenset())
        kind = _find_kind(token, documents)
        if kind is None:
            continue
        new = Entity(at, at, kind, documents, (documents,))
        joined = _join(entities[-1], new, tokens) if entities else None
        entities[-1:] = [joined] if joined else [*entities[-1:], new]
    if entities and entities[0].first == 0 and entities[0].documents:
        entities[0] = _cut_opening(entities[0])
    return entities


def _cut_opening(entity: Entity) -> Entity:
    """Return a name without the words before it that open the question: "Hat Netflix mehr ..."."""
    start = next(at for at, documents in enumerate(entity.heads) if documents)
    return replace(entity, first=entity.first + start, heads=entity.heads[start:])


def _find_kind(token: Token, documents: Collection[int]) -> Kind | None:
    if not token.is_word or token.is_function_word:
        return None
    if _TIME.fullmatch(token.folded):
        return "time"
    if _LABEL.fullmatch(token.text):
        return "label"
    if _CODE.fullmatch(token.folded) or any(letter.isupper() for letter in token.text):
        return "name"
    if not token.text[0].isalnum():
        return "name"
    return "document" if documents and len(token.folded) > 1 else None


def _join(before: Entity, new: Entity, tokens: Sequence[Token]) -> Entity | None:
    """Return two entities as one if they are parts of one name.

    One small word may stand between them if a document has both in its name: "leave of absence".
    """
    gap = tokens[before.last + 1 : new.first]
    documents = before.documents & new.documents
    kinds = {before.kind, new.kind}
    if tokens[before.last].is_possessive or not kinds <= {"name", "document"} or len(gap) > 1:
        return None
    has_link = bool(gap) and gap[0].is_function_word and gap[0].folded not in _LINKS
    if (documents and (not gap or has_link)) or (kinds == {"name"} and not gap):
        known = documents or before.documents or new.documents
        heads = (*before.heads, *[frozenset[int]()] * len(gap), *new.heads)
        return Entity(before.first, new.last, before.kind, known, heads)
    return None
