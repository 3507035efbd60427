"""True statements about passages: sentences as they stand, answers to questions, table figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from ragkit.text.sentences import split_sentences

_LAST_WORDS = (
    "of in at on to for from by with about as into under over against after before during called "
    "named known like than did do does was were is are be located used"
)
_PREPOSITIONS = frozenset(_LAST_WORDS.split())
_PARTICIPLE = (
    r"(?:\w+ed|built|founded|born|written|made|held|given|taken|begun|won|led|signed|found|"
    r"sold|known|chosen|set|put|drawn|brought|fought|sent)"
)
_PAST = r"(?:\w{3,}ed|led|became|made|won|began|held|wrote|built|gave|took|ran|said|sold|came)"
_OBJECT = r"(?!(?:in|to|by|on|at|from|as|after|during|with|under|for|of|against|between|among)\b)"
_TABLE_UNIT = re.compile(r"\bin\s+(million|thousand)s\b", re.IGNORECASE)
_CELL = r"(?:\$ ?)?\(?\d{1,3}(?:,\d{3})*(?:\.\d+)?\)?|[—–-]"
_TABLE_ROW = re.compile(
    rf"(?P<label>[A-Z][^\d$]*?)[ .]+(?P<cells>(?:\$ ?)?(?:{_CELL})(?: +(?:{_CELL}))*)\s*$"
)
_VAGUE = re.compile(
    r"^(?:Other|Basic|Diluted|Continuing|Discontinued|Total$|Net$|Current|Deferred|Balance|Year|"
    r"January|February|March|April|May|June|July|August|September|October|November|December|Fiscal|"
    r"Increase|Decrease|Less|Add|Number|Page|Note|Item|Adjust|Level|Change)"
    r"|shares|share|outstanding|stores|employees|rate|margin|percent|%|price|weighted|units|ratio|"
    r"average|footage|\(loss\)|\(income\)|\(benefit\)|\(gain\)|or loss|losses|loss$",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[.!][\"”’')]?\W*$")
_ROW_END = re.compile(r"(?:[\d,.%)$—–-]+ +){2}[\d,.%)$—–(-]+$|^[^.]*\.\.\.")
_FLOWS = re.compile(r"operating\s+activities|cash\s+flows", re.IGNORECASE)
_FLOW_LABEL = re.compile(
    r"(?:Net cash|Depreciation|Purchases of|Proceeds from|Repayments? of|Dividends paid|Net income|"
    r"Stock-based|Share-based|Capital expenditures|Net earnings|Interest paid|Income taxes paid|"
    r"Cash and cash equivalents|Total cash)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A true statement that the passages `cited` support, counted from 1.

    A passage without `key` does not support the claim. `origins` are the sentences that it was
    made of, one of each passage, if they are known.
    """

    text: str
    kind: str
    cited: tuple[int, ...]
    key: str
    fact: TableFact | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFact:
    """A cell of a table with the year of its column; `row` are all cells by year."""

    label: str
    year: int
    number: Decimal
    unit: str
    row: tuple[tuple[int, Decimal], ...]
    column: tuple[Decimal, ...]

    def said(self, form: str) -> str:
        amount = f"${self.number:,} {self.unit}"
        label = self.label[0].lower() + self.label[1:] if form == "year first" else self.label
        if form == "year first":
            return f"For {self.year}, {label} came to {amount}."
        if form == "row":
            return f"{label} ({self.year}): {amount}."
        return f"{label} came to {amount} for {self.year}."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a corruption may use: the passages, and names of the same sort from other documents.

    `evidence` is what the citations stand for, `passages` are only their texts. `near` are names
    in the cited documents, `far` are names of other documents.
    """

    evidence: Sequence[str]
    passages: Sequence[str]
    near: Sequence[str] = ()
    far: Sequence[str] = ()
    rng: Random = field(default_factory=lambda: Random(0))

    def cited(self, claim: Claim) -> str:
        return "\n".join(plain(self.evidence[number - 1]) for number in claim.cited)

    def quoted(self, claim: Claim) -> str:
        return "\n".join(self.passages[number - 1] for number in claim.cited)


def plain(text: str) -> str:
    """Return the text without Markdown, on one line."""
    text = re.sub(r"!?\[([^\[\]]*)\]\([^()\s]*\)", r"\1", text)
    text = re.sub(r"<[^<>\n]{1,200}>", " ", text)
    text = re.sub(r"(?m)^\s*(?:[-*+•]|\d{1,2}\.|#{1,6}|>)\s+", "", text)
    return " ".join(re.sub(r"\*\*?|`|__", "", text).split())


def folded(text: str) -> str:
    """Return the text for comparisons: plain, in lower case, without spaces."""
    return re.sub(r"[\s*`#>•]+", "", plain(text)).lower()


def sentences(passage: str) -> list[str]:
    """Return the whole sentences of a passage that could be in an answer."""
    found = [
        sentence_of(each.text) for each in split_sentences(passage) if _ENDED.search(each.text)
    ]
    return [text for text in found if text and not _ROW_END.search(text)]


def sentence_of(found: str) -> str | None:
    """Return a sentence of a passage as one of an answer; None if it is not a whole sentence."""
    text = plain(found)
    text = text if re.search(r"[.!][\"”’')]?$", text) else f"{text}."
    words = text.split()
    whole = (
        6 <= len(words) <= 45
        and re.match(r"[A-Z0-9“\"]", text)
        and re.search(r"(?:[a-z]{2,}\W+){4}", text)
        and not re.search(r"[|?{}\[\]\\=]|\$ \d|https?:|\.{3}|…|�| [.,] |[:,]\.$", text)
        and not re.search(r"[a-z]{3,}[.!] [A-Z]", text)
        and not re.search(r"\b(?:[A-Z][a-z]?|St|Mr|Mrs|Dr|vs|No|etc|Inc|Ltd|Co|Corp)\.$", text)
        and text.count("(") == text.count(")")
        and text.count("“") == text.count("”")
        and text.count('"') % 2 == 0
    )
    return text if whole else None


def is_prose(sentence: str) -> bool:
    """Return True for a sentence with a verb and without a colon, which can be reworded."""
    return bool(re.search(r"\b(?:is|are|was|were|has|have|had|can|will|must|should|\w+ed|\w+s)\b",
                          sentence)) and ":" not in sentence  # fmt: skip


def declarative(question: str, answer: str) -> str | None:
    """Make a sentence of a question and its answer, for the forms where that is safe."""
    if re.search(r"\b(?:is|was|are|were|has|had|have|can|could|may)\b", answer) or re.search(
        r"\b(?:being|been) ", question
    ):
        return None
    asked = " ".join(question.strip().rstrip("?").split())
    last = asked.split()[-1].lower()
    upper = answer[:1].upper() + answer[1:]
    if match := re.match(rf"(?:Who|(?:What|Which) (?:\w+ )?\w+) ({_PAST} {_OBJECT}.+)$", asked):
        named = asked.startswith("Who") or re.match(r"(?:the )?[A-Z\d]", answer)
        return f"{upper} {match[1]}." if named and last not in _PREPOSITIONS else None
    if match := re.match(r"Who (is|was|were|are) (the .+|\w+['’]s? .+)$", asked):
        return None if last in _PREPOSITIONS else f"{upper} {match[1]} {match[2]}."
    if match := re.match(r"What (is|was) (the (?:\w+ ){1,3}of [^,]+)$", asked):
        ends = last in _PREPOSITIONS or last.endswith("ed")
        return None if ends else f"T{match[2][1:]} {match[1]} {answer}."
    if match := re.match(r"What (is|was|are|were) (.+) (called|known as|named)$", asked):
        return f"{match[2][:1].upper()}{match[2][1:]} {match[1]} {match[3]} {answer}."
    when = re.match(
        rf"(?:When|In (?:what|which) year) (was|were) (.+?) ({_PARTICIPLE})( .+)?$", asked
    )
    if when and last not in _PREPOSITIONS:
        preposition = _time_preposition(answer)
        subject = f"{when[2][:1].upper()}{when[2][1:]}"
        said = f"{subject} {when[1]} {when[3]}{when[4] or ''}"
        return f"{said} {preposition} {answer}." if preposition else None
    if match := re.match(
        r"Where (is|was|are|were) (.+) (located|born|held|built|situated)$", asked
    ):
        placed = re.match(r"(?:in|at|on|near|along|inside|between) ", answer)
        where = answer if placed else f"in {answer}"
        named = placed or re.match(r"(?:the )?[A-Z]", answer)
        said = f"{match[2][:1].upper()}{match[2][1:]} {match[1]} {match[3]} {where}."
        return said if named else None
    return None


def _time_preposition(answer: str) -> str:
    if re.fullmatch(r"(?:[A-Z]\w+ )?\d{4}", answer):
        return "in"
    return "on" if re.fullmatch(r"[A-Z]\w+ \d{1,2}, \d{4}|\d{1,2} [A-Z]\w+ \d{4}", answer) else ""


def table_facts(passage: str) -> Iterator[TableFact]:
    """Yield the cells below years in a table with a unit, if their label occurs once."""
    marked = {match[1].lower() for match in _TABLE_UNIT.finditer(passage)}
    rows = list(_rows(passage))
    labels = [label.lower() for label, _, _ in rows]
    flows = _FLOWS.search(passage) is not None
    if len(marked) != 1:
        return
    for at, (label, heads, cells) in enumerate(rows):
        vague = _VAGUE.search(label) or (flows and not _FLOW_LABEL.match(label))
        if vague or labels.count(label.lower()) > 1 or not 1 <= len(label.split()) <= 9:
            continue
        row = {year: cell for year, cell in zip(heads, cells, strict=True) if cell is not None}
        for year, number in row.items():
            others = [
                dict(zip(heads, other, strict=True))[year]
                for n, (_, years, other) in enumerate(rows)
                if n != at and years == heads
            ]
            column = tuple(other for other in others if other is not None and other != number)
            if number >= 10:
                yield TableFact(label, year, number, min(marked), tuple(row.items()), column)


def _rows(passage: str) -> Iterator[tuple[str, tuple[int, ...], tuple[Decimal | None, ...]]]:
    """Yield label, years of the columns, and cells: None if negative, empty or a fraction."""
    heads: tuple[int, ...] = ()
    pending: list[int] = []
    for line in passage.replace("\u00a0", " ").splitlines():
        years = [int(year) for year in re.findall(r"\b20[0-4]\d\b", line)]
        match = _TABLE_ROW.match(line.strip())
        if match is None or years:
            pending = [*pending, *years] if len(line) < 90 else []
            heads = () if years else heads
            continue
        if pending:
            heads, pending = tuple(pending), []
        found = re.findall(_CELL, match["cells"])
        label = re.sub(r"\s*\((?:Notes?|see)[^()]*\)?|[\s.:$]+$", "", match["label"]).strip()
        balanced = label.count("(") == label.count(")")
        if balanced and len(heads) == len(found) and len(set(heads)) == len(heads) > 1:
            yield label, heads, tuple(_cell(cell) for cell in found)


def _cell(text: str) -> Decimal | None:
    digits = re.sub(r"[$ ,]", "", text)
    return Decimal(digits) if digits.isdigit() else None
