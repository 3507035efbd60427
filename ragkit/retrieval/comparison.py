"""Questions with two sides or more, each of which is searched for on its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, takewhile
from typing import Literal, NamedTuple

from ragkit.retrieval.document_names import DocumentNames
from ragkit.retrieval.entities import (
    DocumentWord,
    Entity,
    NamedWords,
    Token,
    find_entities,
    find_named_words,
    split_tokens,
)
from ragkit.text.lexicon import any_of, load_lexicon

MAX_SIDES = 5  # of a question; one with more is searched for as it is
_MAX_LENGTH = 1_000  # characters of a question that can have sides
_MAX_NAMED_DOCUMENTS = 1_000  # a word in the names of more of them names none
_MAX_FILLERS = 4  # words between "or" and its second side
_MAX_SHARED_WORDS = 2  # after both sides: "the 2021 report or the 2022 report"

_LEXICON = load_lexicon()


def _match_any(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{any_of(words)})(?!\w)", re.IGNORECASE)


_JoinKind = Literal["link", "versus", "pairing", "choice", "addition"]
_JOINS: dict[_JoinKind, re.Pattern[str]] = {
    "link": _match_any(_LEXICON.comparison_links),
    "versus": _match_any(_LEXICON.versus_joins),
    "choice": _match_any(_LEXICON.choice_joins),
    "addition": _match_any(_LEXICON.addition_joins),
    "pairing": _match_any(_LEXICON.pairing_joins),
}
_LIST_JOINS = {",", *_LEXICON.choice_joins, *_LEXICON.addition_joins}
_ANNOUNCEMENT = _match_any(_LEXICON.comparison_words)
_COMPARATIVE = _match_any(_LEXICON.comparatives)
_COMPARATIVE_ENDING = re.compile(rf"\w{{3,}}(?:{any_of(_LEXICON.comparative_endings)})")
_CHOICE = _match_any(_LEXICON.choice_words)
_EXCEPTION = _match_any(_LEXICON.comparison_exceptions)
_FRAME = _match_any(_LEXICON.comparison_frames)


class Half(NamedTuple):
    """The question about one side of a comparison, and the ids of the documents that it names."""

    query: str
    documents: frozenset[int]


class _Join(NamedTuple):
    """Tokens [first, last] that stand between two sides."""

    kind: _JoinKind
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Sides:
    """The sides of a question in order; the first `before` of them are before the join.

    These are replaced by one side at a time. The tokens from the join to `end` are left out.
    """

    join: _Join
    entities: tuple[Entity, ...]
    end: int
    before: int


def find_document_words(names: DocumentNames, question: str) -> list[DocumentWord]:
    """Return the words of a question that are in the names of some documents, but not of many."""
    words = []
    for mention in names.match(question).mentions:
        documents = names.find_documents(mention.word)
        if len(documents) <= _MAX_NAMED_DOCUMENTS:
            words.append(DocumentWord(mention.start, mention.end, frozenset(documents.tolist())))
    return words


def split_comparison(
    question: str, find_words: Callable[[], Iterable[DocumentWord]] = tuple
) -> tuple[Half, ...]:
    """Return one question for each side of a question that compares, or () for another question.

    "Whose margin was higher, Costco's or Nike's?" gives one question about Costco and one about
    Nike. Sides are names, codes, years or the names of documents; `find_words` returns the words of
    the question that occur in those. A question with an ordinary "or" or "and" has no sides.
    """
    if len(question) > _MAX_LENGTH or not any(join.search(question) for join in _JOINS.values()):
        return ()
    tokens = split_tokens(question)
    named = find_named_words(tokens, find_words())
    return _split(_Text(question, tokens), named) or _split(_move_opening(question), named)


def _split(text: _Text | None, named: NamedWords) -> tuple[Half, ...]:
    if text is None:
        return ()
    entities = find_entities(text.tokens, named)
    for join in _find_joins(text):
        sides = _find_sides(text, entities, join)
        if sides is not None and len(sides.entities) <= MAX_SIDES and _is_compared(text, sides):
            halves = tuple(_write_halves(text, sides))
            return halves if len({half.query for half in halves}) == len(halves) else ()
    return ()


class _Text(NamedTuple):
    """A question and its tokens."""

    question: str
    tokens: list[Token]

    def read(self, first: int, last: int) -> str:
        """Return the text of tokens [first, last]; "" if there are none."""
        if last < first:
            return ""
        return self.question[self.tokens[first].start : self.tokens[last].end]

    def fold(self, entity: Entity) -> tuple[str, ...]:
        return tuple(token.folded for token in self.tokens[entity.first : entity.last + 1])


def _move_opening(question: str) -> _Text | None:
    """Return "was Nike's margin higher compared to Costco?" for "Compared to Costco, was ...?"."""
    opening, comma, rest = question.partition(",")
    if not comma or not _JOINS["link"].match(opening.strip()):
        return None
    moved = f"{rest.strip().rstrip('?')} {opening.strip()}"
    return _Text(moved, split_tokens(moved))


def _find_joins(text: _Text) -> Iterator[_Join]:
    """Yield the words that may stand between two sides, the clearest ones first."""
    starts = {token.start: at for at, token in enumerate(text.tokens)}
    ends = {token.end: at for at, token in enumerate(text.tokens)}
    exceptions = {match.end() for match in _EXCEPTION.finditer(text.question)}
    for kind, pattern in _JOINS.items():
        for match in pattern.finditer(text.question):
            first, last = starts.get(match.start()), ends.get(match.end())
            if first and last is not None and match.end() not in exceptions:
                after = text.tokens[last + 1 : last + 2]
                has_stop = kind == "versus" and [token.text for token in after] == ["."]
                yield _Join(kind, first, last + has_stop)


def _find_sides(text: _Text, entities: Sequence[Entity], join: _Join) -> _Sides | None:
    before = [entity for entity in entities if entity.last < join.first]
    right = _find_right(text, entities, join)
    if right is None:
        return None
    if join.kind in ("link", "pairing"):
        return _find_far_sides(text, entities, join, right)
    stop = join.first - (text.tokens[join.first - 1].text == ",")
    for left in reversed(before):
        shared = text.tokens[left.last + 1 : stop]
        if len(shared) > _MAX_SHARED_WORDS:
            break
        found = _cut_shared_words(text, left, right, shared)
        if _match_sides(text, left, found) and _starts_with(text, found.last + 1, shared):
            sides = (*_find_earlier(text, before, left, found), left, found)
            return _Sides(join, sides, found.last + len(shared), len(sides) - 1)
    return None


def _find_right(text: _Text, entities: Sequence[Entity], join: _Join) -> Entity | None:
    """Return the first entity after a join that is not before it; only small words may precede it.

    Small words are articles and the like, and words that are before the join as well: "who leads
    Sales and who leads Support".
    """
    starts = {entity.first: entity for entity in entities}
    earlier = {token.folded for token in text.tokens[: join.first]}
    at, fillers = join.last + 1, 0
    while at < len(text.tokens) and fillers <= _MAX_FILLERS:
        entity = starts.get(at)
        if entity is not None and not set(text.fold(entity)) <= earlier:
            return entity
        token = text.tokens[at]
        if not token.is_word or not (token.is_function_word or token.folded in earlier):
            return None
        at, fillers = at + 1, fillers + 1
    return None


def _cut_shared_words(text: _Text, left: Entity, right: Entity, shared: Sequence[Token]) -> Entity:
    """Return the second side without its last words that belong to both sides.

    Those are words that follow the first side, too, and "contract" in "the Berlin and the Munich
    contract", if both documents have it in their names.
    """
    size = len(shared)
    tail = right.last + 1 - size
    if size and tail > right.first and _starts_with(text, tail, shared):
        return _cut_words(right, size)
    own = text.fold(left)
    while left.documents & right.heads[-1] and text.tokens[right.last].folded not in own:
        if right.last == right.first:
            break
        right = _cut_words(right, 1)
    return right


def _cut_words(entity: Entity, count: int) -> Entity:
    return replace(entity, last=entity.last - count, heads=entity.heads[:-count])


def _match_sides(text: _Text, left: Entity, right: Entity) -> bool:
    """Return True if two entities are of one kind, and not the same."""
    if text.fold(left) == text.fold(right):
        return False
    if "label" in (left.kind, right.kind):
        named = text.tokens[left.first - 1 : left.first]
        has_name = bool(named) and named[0].is_word and not named[0].is_function_word
        return left.kind == right.kind and has_name
    if "time" in (left.kind, right.kind):
        return left.kind == right.kind
    if "document" in (left.kind, right.kind):
        return _name_different_documents((left, right))
    return True


def _starts_with(text: _Text, at: int, words: Sequence[Token]) -> bool:
    """Return True if these words follow at a place in the question."""
    following = text.tokens[at : at + len(words)]
    return [token.folded for token in following] == [token.folded for token in words]


def _find_earlier(
    text: _Text, before: Sequence[Entity], left: Entity, right: Entity
) -> list[Entity]:
    """Return the sides before the last two of a list: Costco and Nike in "Costco, Nike or 3M"."""
    found: list[Entity] = []
    first = left.first
    for entity in reversed(before):
        if entity.last >= first:
            continue
        comma, *small = text.tokens[entity.last + 1 : first] or text.tokens[:1]
        if comma.text != "," or not all(token.is_function_word for token in small):
            break
        if not all(_match_sides(text, entity, other) for other in (left, right, *found)):
            break
        found.insert(0, entity)
        first = entity.first
    return found if _is_list(text, [*found, left, right]) else []


def _is_list(text: _Text, sides: Sequence[Entity]) -> bool:
    """Return True if the first side belongs to the others: not "who leads Sales, Ann or Bob?"."""
    if _name_different_documents(sides[-2:]):
        return _name_different_documents(sides)
    opening = text.tokens[: sides[0].first]
    is_at_end = not any(token.is_word for token in text.tokens[sides[-1].last + 1 :])
    follows_mark = any(not token.is_word for token in opening[-2:])
    return follows_mark or not (is_at_end and _CHOICE.search(text.question))


def _find_far_sides(
    text: _Text, entities: Sequence[Entity], join: _Join, right: Entity
) -> _Sides | None:
    """Return the sides of "did Costco pay more tax in 2021 than Nike and Adidas"."""
    before = [entity for entity in entities if entity.last < join.first]
    fitting = [entity for entity in before if _match_sides(text, entity, right)]
    if not fitting:
        return None
    is_phrase = join.last > join.first  # "Costco compared to Nike", but "more leave than Nike"
    adjacent = join.first - 1 if is_phrase else -1
    left = max(
        fitting,
        key=lambda entity: _rate_fit(text, entity, right) + (entity.last == adjacent),
    )
    following = text.tokens[left.last + 1 : left.last + 1 + _MAX_SHARED_WORDS]
    shared = list(takewhile(lambda token: token.is_word, following))
    right = _cut_shared_words(text, left, right, shared[:1])
    while not _starts_with(text, right.last + 1, shared):
        shared.pop()
    end = right.last + len(shared)
    sides = [left, right]
    for entity in entities:
        between = text.tokens[end + 1 : entity.first]
        is_joined = bool(between) and all(each.folded in _LIST_JOINS for each in between)
        if is_joined and all(_match_sides(text, entity, other) for other in sides):
            sides.append(entity)
            end = entity.last
    return _Sides(join, tuple(sides), end, 1)


def _rate_fit(text: _Text, left: Entity, right: Entity) -> int:
    """Return how many things two sides have in common."""

    def neighbour(at: int) -> str:
        return text.tokens[at].folded if 0 <= at < len(text.tokens) else ""

    return (
        2 * _name_different_documents((left, right))
        + (neighbour(left.first - 1) == neighbour(right.first - 1))
        + (neighbour(left.last + 1) == neighbour(right.last + 1))
        + (text.tokens[left.last].is_possessive == text.tokens[right.last].is_possessive)
    )


def _name_different_documents(entities: Sequence[Entity]) -> bool:
    """Return True if each entity names documents, and no document is named by two of them."""
    return all(entity.documents for entity in entities) and not any(
        one.documents & other.documents for one, other in combinations(entities, 2)
    )


# -- comparing -----------------------------------------------------------------------------------


def _is_compared(text: _Text, sides: _Sides) -> bool:
    """Return True if a question sets its sides against each other.

    Names of different documents need no more than "or" or "and" between them.
    """
    kind, entities = sides.join.kind, sides.entities
    before = text.read(0, sides.join.first - 1)
    is_announced = bool(_ANNOUNCEMENT.search(text.question))
    has_comparative = bool(_COMPARATIVE.search(text.question))
    if kind == "versus":
        return True
    if kind == "pairing":
        return bool(_ANNOUNCEMENT.search(before))
    if kind == "link":
        is_phrase = sides.join.last > sides.join.first
        clause = before[before.rfind(",") + 1 :]
        last_word = text.tokens[sides.join.first - 1].folded
        ends_like_one = bool(_COMPARATIVE_ENDING.fullmatch(last_word))
        return is_phrase or ends_like_one or bool(_COMPARATIVE.search(clause))
    if is_announced or (kind == "choice" and has_comparative):
        return True
    names_documents = _name_different_documents(entities)
    if names_documents and all(entity.kind == "name" for entity in entities):
        return True
    return _is_set_off(text, sides, has_comparative)


def _is_set_off(text: _Text, sides: _Sides, has_comparative: bool) -> bool:
    """Return True for "which is it, A or B?", "A or B: ...?" and "which of A and B has more?"."""
    tokens, first = text.tokens, sides.entities[0].first
    opening = tokens[:first]
    has_choice = bool(_CHOICE.search(text.question))
    is_at_end = not any(token.is_word for token in tokens[sides.end + 1 :])
    after_mark = any(not token.is_word for token in opening[-2:])
    if sides.join.kind == "choice" and is_at_end and after_mark and has_choice:
        return True
    is_at_start = all(token.is_function_word for token in opening)
    mark = tokens[sides.end + 1].text if sides.end + 1 < len(tokens) else ""
    if is_at_start and mark in (":", ",", "-", "–", "—"):
        return mark != "," or has_comparative
    return is_at_start and len(opening) > 1 and has_comparative and has_choice


def _write_halves(text: _Text, sides: _Sides) -> Iterator[Half]:
    """Yield the question about each side alone, without the words that compare."""
    first, left = sides.entities[0], sides.entities[sides.before - 1]
    question, tokens = text.question, text.tokens
    last_kept = sides.join.first - 1
    if tokens[last_kept].text == ",":
        last_kept -= 1
    between = question[tokens[left.last].end : tokens[last_kept].end]
    for entity in sides.entities:
        side = text.read(entity.first, entity.last)
        rest = question[tokens[sides.end].end :]
        half = question[: tokens[first.first].start] + side + between + rest
        half = re.sub(r"\s+(?=[,.:;?!])", "", " ".join(_FRAME.sub(" ", half).split()))
        yield Half(half.strip(" ,.:;-–—"), entity.documents)
