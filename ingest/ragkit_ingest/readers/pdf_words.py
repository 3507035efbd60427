"""Words of PDFs that are broken at line ends, and how they are joined.

pdfium replaces a hyphen at a line end by U+FFFE and drops the line end. `mark_breaks` moves the
rest of each broken word up to its line, with U+FFFE between its halves. Whether these are one word
or a compound is known once all pages are read: `join_breaks` looks for both in the document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

BREAK = "\ufffe"
"""Between the halves of a word that was broken at a line end."""

_LINE_END = re.compile(rf"(?<=\w)(?:{BREAK}|[-\u2010] ?\n)(?=\w)")
_SPACE = re.compile(r"\s")
_LETTERS = re.compile(r"[^\W\d_]+")
_LAST_LETTERS = re.compile(r"([-\u2010]?)([^\W\d_]+)$")
_MAX_WORD = 60  # characters
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_MARKS = ".,;:()"
_YEAR = re.compile(r"(?:.*\D)?(?:19|20)\d\d")
# "Ost- und Westeuropa", "in- en uitvoer": the hyphen stands for a word that follows.
_SUSPENSION = "-\n"
_SUSPENDED = frozenset(("and", "or", "to", "und", "oder", "bzw", "sowie", "et", "ou", "en", "och"))
_COMPOUND_STARTS = frozenset(("self", "non", "long", "short", "mid", "well", "third", "cross"))
_COMPOUND_ENDS = frozenset(
    ("term", "based", "related", "specific", "driven", "oriented", "même", "mêmes", "être", "là")
)
_MIN_COMPOUND = 4  # letters after the start of a compound; fewer are an ending, as in "self-ish"
_ENDINGS = ("s", "n", "e", "es", "en", "ed", "er")


class Words:
    """The words of a document, as evidence of how a broken one is spelt."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._exact: Counter[str] = Counter()
        tokens: Counter[str] = Counter()
        for text in texts:
            tokens.update(text.split())
        for token, count in tokens.items():
            word = token.strip(_MARKS)
            if word.isalpha():
                self._exact[word] += count
            elif BREAK not in token:
                for part in _WORD.findall(token.replace("\u2010", "-")):
                    self._exact[part] += count
        self._folded: Counter[str] = Counter()
        self._starts: set[str] = set()
        self._ends: set[str] = set()
        for word, count in self._exact.items():
            self._folded[word.casefold()] += count
            parts = word.split("-")
            self._starts.update(parts[:-1])
            self._ends.update(parts[1:])

    def is_compound(self, left: str, right: str, is_chain: bool = False) -> bool:
        """Return True if halves of a broken word are spelt with a hyphen between them.

        The document's own spelling decides, also that of another form of the word. Else two halves
        that are words of it are a compound. `is_chain` is True if a hyphen is before them, too, as
        in "up-to-date": then the first half alone tells.
        """
        joined = self._folded[(left + right).casefold()]
        compound = self._folded[f"{left}-{right}".casefold()]
        if joined or compound:
            return compound > joined
        if len(left) == 1:
            return True
        if any(form in self._folded for form in _other_forms((left + right).casefold())):
            return False
        known = left in self._exact or left in self._starts
        if is_chain and (known or len(left) == 2):
            return True
        if known and (right in self._exact or right in self._ends):
            return True
        starts = left.casefold() in _COMPOUND_STARTS and len(right) >= _MIN_COMPOUND
        return starts or right in _COMPOUND_ENDS


def _other_forms(word: str) -> Iterator[str]:
    for ending in _ENDINGS:
        yield word + ending
        if word.endswith(ending):
            yield word.removesuffix(ending)


Joined = tuple[str, list[int]]
"""A text whose words were joined, and the index of each of its characters in the text before."""


def mark_breaks(text: str) -> Joined | None:
    """Return a page's text with its broken words on one line, None if there are none.

    Words that may be compounds have `BREAK` between their halves; codes such as "VX-4410-" and
    "31" keep their hyphen.
    """
    if BREAK not in text and "-\n" not in text and "- \n" not in text and "\u2010" not in text:
        return None
    parts: list[str] = []
    indices: list[int] = []
    at = 0
    for found in _LINE_END.finditer(text):
        if found.start() < at:
            continue
        sign = _choose_sign(text, found)
        if not sign:
            continue
        end = found.end() if sign == _SUSPENSION else _find_end(text, found.end())
        parts += [text[at : found.start()], sign, text[found.end() : end]]
        indices += range(at, found.start())
        indices += [found.start()] * len(sign)
        indices += range(found.end(), end)
        at = end
        if sign != _SUSPENSION and text[at : at + 1] == " ":
            parts.append("\n")
            indices.append(at)
            at += 1
    if not parts:
        return None
    indices += range(at, len(text))
    return "".join([*parts, text[at:]]), indices


def _find_end(text: str, at: int) -> int:
    """Return the end of the characters from `at` that are not white space."""
    space = _SPACE.search(text, at)
    return space.start() if space else len(text)


def _choose_sign(text: str, found: re.Match[str]) -> str:
    """Return what to write for a hyphen and the line end after it, "" to leave both."""
    line = text.rfind("\n", 0, found.start()) + 1
    before = text[line : found.start()].rsplit(maxsplit=1)[-1]
    after = text[found.end() : _find_end(text, found.end())]
    if after.strip(".,;:").casefold() in _SUSPENDED:
        return _SUSPENSION if found.group() == BREAK else ""
    last, first = before[-1], after[0]
    if last.isalpha() and first.isalpha():
        is_part = not first.isupper() or (last.isupper() and after[:2].isupper())
        return BREAK if is_part else "-"
    is_code = any(map(str.isalpha, before)) or first.islower()
    is_range = _YEAR.fullmatch(before) and _YEAR.match(after)
    return "-" if is_code or is_range else ""


def join_breaks(text: str, words: Words) -> Joined | None:
    """Return a text with each `BREAK` removed or made a hyphen, None if it has none."""
    if BREAK not in text:
        return None
    indices = list(range(len(text)))
    joined = text
    for at in reversed([found.start() for found in re.finditer(BREAK, text)]):
        left = _LAST_LETTERS.search(text[max(at - _MAX_WORD, 0) : at])
        right = _LETTERS.match(text, at + 1)
        if left and right and not words.is_compound(left[2], right[0], bool(left[1])):
            joined = joined[:at] + joined[at + 1 :]
            del indices[at]
        else:
            joined = f"{joined[:at]}-{joined[at + 1 :]}"
    return joined, indices
