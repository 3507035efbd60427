"""Page rules: which pages hold the answers to which questions, read from TOML files.

A rule is data: `english_finance.toml` names the statements of financial reports, and explains every
field. To add one for another field or language, add a file to this folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError

MAX_KINDS_OF_PAGE = 2  # a page that names more of them is a list of contents
_NUMBER = re.compile(r"\d[\d.,]*")
_WORD_BEFORE = re.compile(r"(\S+)[^\S\n]\Z")
_FIELDS = {
    "boost": float,
    "title_characters": int,
    "least_numbers": int,
    "least_kinds": int,
    "prefixes": list,
    "other_phrases": list,
    "kind": list,
}


@dataclass(frozen=True, slots=True)
class PageKind:
    """A kind of page: how its title looks, and which questions need it."""

    name: str
    title: re.Pattern[str]
    question: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class PageRule:
    """The kinds of pages of one sort of document; see english_finance.toml for the fields.

    `any_title` matches whatever the title of some kind matches, without its prefixes: most pages
    hold none, and one fast search tells.
    """

    boost: float
    title_characters: int
    least_numbers: int
    least_kinds: int
    other_phrases: re.Pattern[str]
    any_title: re.Pattern[str]
    kinds: tuple[PageKind, ...]

    def kinds_needed(self, question: str) -> frozenset[str]:
        """Return the names of the kinds of pages that a question needs."""
        return frozenset(kind.name for kind in self.kinds if kind.question.search(question))

    def kinds_of_page(self, text: str) -> frozenset[str]:
        """Return the names of the kinds that a page is of, none for most pages."""
        head = text[: self.title_characters]
        if not self.any_title.search(head):
            return frozenset()
        head = self.other_phrases.sub(" ", head)
        found = frozenset(kind.name for kind in self.kinds if _has_title(head, kind.title))
        if not 0 < len(found) <= MAX_KINDS_OF_PAGE:
            return frozenset()
        return found if len(_NUMBER.findall(text)) >= self.least_numbers else frozenset()


def _has_title(head: str, title: re.Pattern[str]) -> bool:
    """Return True if a match begins with a capital letter and follows no word in small letters.

    "in our Consolidated Balance Sheets" is a mention, and "Acme Ltd. Consolidated Balance Sheets"
    a title. Letters without case may begin a title.
    """
    for match in title.finditer(head):
        before = _WORD_BEFORE.search(head, 0, match.start())
        if match[0][0].islower():
            continue
        if before is None or not (before[1][0].islower() or before[1][-1] in ",-–"):
            return True
    return False


def load_rules(setting: str) -> tuple[PageRule, ...]:
    """Return the rules for the setting `page_rules`: "auto", "off", or the path of a TOML file.

    Raises ConfigError if the file cannot be read or is not a page rule.
    """
    if setting == "off":
        return ()
    return _load_own_rules() if setting == "auto" else (_load_file(Path(setting).expanduser()),)


@cache
def _load_own_rules() -> tuple[PageRule, ...]:
    found = sorted(files(__name__).iterdir(), key=lambda path: path.name)
    texts = [(path.name, path.read_text("utf-8")) for path in found if path.name.endswith(".toml")]
    return tuple(parse_rule(text, name) for name, text in texts)


def _load_file(path: Path) -> PageRule:
    try:
        return parse_rule(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"page_rules: {path} cannot be read ({error}); expected auto, off or a TOML file"
        ) from error


def parse_rule(text: str, where: str) -> PageRule:
    """Parse the TOML text of a rule; `where` names it in errors. Raises ConfigError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}") from error
    for name, kind in _FIELDS.items():
        if not isinstance(content.get(name), kind) or isinstance(content.get(name), bool):
            raise ConfigError(
                f"{where}: {name} is {content.get(name)!r}; expected a {kind.__name__}, as in "
                "ragkit/retrieval/page_rules/english_finance.toml"
            )
    try:
        return PageRule(
            boost=content["boost"],
            title_characters=content["title_characters"],
            least_numbers=content["least_numbers"],
            least_kinds=content["least_kinds"],
            other_phrases=_compile_words(content["other_phrases"]),
            any_title=_compile_words([each for kind in content["kind"] for each in kind["titles"]]),
            kinds=tuple(_make_kind(kind, content["prefixes"]) for kind in content["kind"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{where}: a kind lacks {error}; expected name, titles and questions, as in "
            "ragkit/retrieval/page_rules/english_finance.toml"
        ) from error
    except re.error as error:
        raise ConfigError(
            f"{where}: {error.pattern!r} is not a regular expression ({error}); correct it"
        ) from error


def _make_kind(kind: Mapping[str, Any], prefixes: Sequence[str]) -> PageKind:
    titles, questions = kind["titles"], kind["questions"]
    before = f"(?:(?:{'|'.join(prefixes)}) )*" if prefixes else ""
    title = _compile_words([f"{before}(?:{'|'.join(titles)})"])
    return PageKind(kind["name"], title, _compile_words([*titles, *questions]))


def _compile_words(patterns: Sequence[str]) -> re.Pattern[str]:
    """Compile patterns that match whole words; a space in one stands for any white space."""
    if not patterns:
        return re.compile(r"(?!)")
    joined = "|".join(patterns).replace(" ", r"\s+")
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)
