"""False statements, each made of a true one by a single change of a single kind."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from tests.bench.claims import Claim, folded, plain, sentences
from tests.bench.figures import (
    MONTHS,
    SCALES,
    Figure,
    dates,
    figures,
    spelled,
    spelled_numbers,
    values,
    written_like,
    years,
)
from tests.bench.rewordings import LEADS

_HEDGE = re.compile(
    r"\b(?:about|approximately|roughly|nearly|almost|around|circa|over|under|than|least|most|up to|"
    r"below|above|within|exceeds?|estimated|some|maximum of|minimum of)\s*$|[~<>≈]\s*$",
    re.IGNORECASE,
)
_OPEN_END = re.compile(r"\s?\+|\s(?:or|and) (?:more|less|fewer|over|older|above|under)\b")
_WORD = r"[A-Z](?:[\w-]|['’](?!s?\b))*\w"
_NAME = re.compile(rf"\b{_WORD}(?: (?:of (?:the )?|von |de |van )?{_WORD})*")
_COMMON_WORDS = (
    "The In On At By For From A An This These Those It He She They There We Our If When While "
    "After Before As All Each Some Many Most Its His Her Their Company Note Item Part Section To "
    "Board Total Net Fiscal Form You Your Page Table Figure However January February March April "
    "May June July August September October November December Monday Tuesday Wednesday Thursday "
    "Friday I Please According Based USD Although Because Since Chapter Consolidated Notes Also No "
    "Not Yes Approximately Thus Otherwise Nearly About Over Under Up During Among Between Both"
)
_NO_NAME = frozenset(_COMMON_WORDS.split())
_VERB = r"(?:is|are|was|were|has|have|had|can|will|must|should|would|could)"
_DO = {"has": "does", "had": "did", "have": "do"}
_LOOSE = re.compile(
    r"\b(?:some|many|most|several|often|sometimes|usually|may|might|can|could|would|others?|few|"
    r"generally|typically|not|never|no|nor|neither|only|hardly|if|unless|any|whether|each)\b|n't",
    re.IGNORECASE,
)
_OPPOSITES = (
    "increased decreased|increase decrease|higher lower|highest lowest|largest smallest|more less|"
    "before after|first last|always never|maximum minimum|above below|northern southern|"
    "eastern western|north south|east west|early late|earlier later|older younger|rose fell|"
    "include exclude|includes excludes|included excluded|won lost|approved rejected|"
    "allowed forbidden|required forbidden|public private|internal external|oldest newest|"
    "strong weak|improved worsened|began ended|majority minority|successful unsuccessful|"
    "gains losses|assets liabilities|current non-current|short-term long-term|longest shortest|"
    "better worse|best worst|greater smaller|same different|opposed supported|partially fully|"
    "possible impossible|legal illegal|old new|high low|long short|large small|top bottom"
)
OPPOSITES = {
    word: other
    for pair in _OPPOSITES.split("|")
    for a, b in [pair.split()]
    for word, other in ((a, b), (b, a))
}
SURE_ALONE = frozenset(  # false of a bare answer too: the evidence has what was put in nowhere
    {
        "number: digit",
        "number: swapped",
        "number: times ten",
        "date: year",
        "date: month",
        "date: day",
        "name: elsewhere",
        "citation",
    }
)
_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a corruption may draw on: the passages, and names of the same sort from elsewhere.

    `evidence` is what the citations stand for, `passages` only their texts; `near` are names that
    the cited documents hold, `far` are names of other documents.
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


def corruptions(claim: Claim, around: Surroundings) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(kind, text, citations) for every kind that the claim admits."""
    if claim.kind != "quotation":
        for kind, corrupt in KINDS.items():
            text = corrupt(claim, around)
            if text is not None and text != claim.text:
                yield kind, text, claim.cited
    else:
        text = quoted_word(claim, around)
        if text:
            yield "quotation", text, claim.cited
    elsewhere = other_passage(claim, around)
    if elsewhere:
        yield "citation", claim.text, (elsewhere,)


def _loose(text: str, figure: Figure) -> bool:
    """Hedged, a bound or a part of a range: another number need not be wrong."""
    before, after = text[: figure.start], text[figure.end :]
    return bool(
        _HEDGE.search(before)
        or _OPEN_END.match(after)
        or re.match(r"\s?(?:to|[-–—])\s?[$\d]", after)
    )


def _exact(claim: Claim) -> list[Figure]:
    return [figure for figure in figures(claim.text) if not _loose(claim.text, figure)]


def _with_number(
    claim: Claim, around: Surroundings, change: Callable[[Figure, Random], Decimal | None]
) -> str | None:
    """One number changed so that the evidence has the new one nowhere."""
    known = values(around.cited(claim)) | values(claim.text)
    found = _exact(claim)
    around.rng.shuffle(found)
    for figure in found:
        number = change(figure, around.rng)
        if number is None or number in known or number.scaleb(SCALES.get(figure.scale, 0)) in known:
            continue
        if _near_multiple(number, known):
            continue
        return _put(claim.text, figure, number)
    return None


def _near_multiple(number: Decimal, known: set[Decimal]) -> bool:
    """The number in thousands or millions stands in the evidence."""
    return any(number.scaleb(power) in known for power in (3, 6, -3, -6))


def _put(text: str, figure: Figure, number: Decimal) -> str:
    old = re.search(r"\d[\d,]*(?:\.\d+)?", figure.text)
    assert old is not None
    comma = "," if "," in old[0] or number >= 10_000 else ""
    new = f"{number:{comma}f}"
    at = figure.start + old.start()
    return text[:at] + new + text[at + len(old[0]) :]


def digit_changed(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Figure, rng: Random) -> Decimal | None:
        digits = str(figure.number)
        places = [n for n, char in enumerate(digits) if char.isdigit()]
        at = rng.choice(places)
        new = rng.choice([c for c in "123456789" if c != digits[at]])
        return Decimal(digits[:at] + new + digits[at + 1 :])

    text = _with_number(claim, around, change)
    return text or _other_word(claim, around)


def _other_word(claim: Claim, around: Surroundings) -> str | None:
    """twenty-eight as another number in words."""
    known = values(around.cited(claim))
    for number, word in spelled_numbers():
        match = re.search(
            rf"(?<![-\w])(?i:{word})(?= [a-z])(?! hundred| thousand| [mb]illion)", claim.text
        )
        if match is None or _HEDGE.search(claim.text[: match.start()]) or number < 2:
            continue
        if _OPEN_END.match(claim.text[match.end() :]):
            continue
        others = [
            n for n in range(max(2, number - 9), number + 10) if n != number and n not in known
        ]
        if others:
            new = spelled(around.rng.choice([n for n in others if n < 100]))
            new = new.capitalize() if match[0][0].isupper() else new
            return claim.text[: match.start()] + new + claim.text[match.end() :]
    return None


def digits_swapped(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Figure, rng: Random) -> Decimal | None:
        digits = str(figure.number)
        pairs = [
            n
            for n in range(len(digits) - 1)
            if digits[n : n + 2].isdigit() and digits[n] != digits[n + 1] and digits[n + 1] != "0"
        ]
        if not pairs:
            return None
        at = rng.choice(pairs)
        return Decimal(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])

    return _with_number(claim, around, change)


def times_ten(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Figure, rng: Random) -> Decimal | None:
        up = figure.number.scaleb(1)
        down = figure.number.scaleb(-1).normalize()
        whole = down == down.to_integral_value()
        if figure.percent and up > 100:
            return down if whole else None
        return rng.choice([up, down]) if whole else up

    return _with_number(claim, around, change)


def number_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Another number of the same passage, of the same sort."""
    if claim.fact:
        return None
    own = {figure.value for figure in figures(claim.text)}
    candidates = [
        figure
        for figure in figures(plain(around.quoted(claim)))
        if figure.value not in own and not _near_multiple(figure.value, own)
    ]
    for figure in _exact(claim):
        same = [
            other
            for other in candidates
            if other.sort == figure.sort
            and bool(other.scale) == bool(figure.scale)
            and other.number >= 2
            and Decimal("0.02") < other.value / max(figure.value, Decimal(1)) < 50
        ]
        if same and figure.number > 1:
            other = around.rng.choice(same)
            return claim.text[: figure.start] + other.text.strip() + claim.text[figure.end :]
    return None


def cell_of_other_year(claim: Claim, around: Surroundings) -> str | None:
    """The right row of the table, the wrong column."""
    if claim.fact is None:
        return None
    others = [n for year, n in claim.fact.row if n not in (claim.fact.number, 0) and n >= 2]
    return _cell_instead(claim, others, around.rng)


def cell_of_other_row(claim: Claim, around: Surroundings) -> str | None:
    """The right column of the table, the wrong row."""
    if claim.fact is None:
        return None
    return _cell_instead(claim, [n for n in claim.fact.column if n >= 10], around.rng)


def _cell_instead(claim: Claim, others: list[Decimal], rng: Random) -> str | None:
    assert claim.fact is not None
    for figure in figures(claim.text):
        power = 3 if claim.fact.unit == "thousand" else 6
        exact = figure.value == claim.fact.number.scaleb(power)
        far = [n for n in others if abs(n - claim.fact.number) > claim.fact.number / 20]
        if exact and far and figure.scale == claim.fact.unit:
            return _put(claim.text, figure, rng.choice(far))
        if exact and far and figure.scale:
            number = rng.choice(far).scaleb(power - SCALES[figure.scale])
            new = f"{figure.money}{number:f} {figure.scale}"
            return claim.text[: figure.start] + new + claim.text[figure.end :]
    return None


def other_scale(claim: Claim, around: Surroundings) -> str | None:
    """million as billion, and the like."""
    known = values(around.cited(claim))
    found = figures(claim.text) if claim.fact else _exact(claim)  # rounded facts are hedged
    for figure in [one for one in found if one.scale]:
        new = around.rng.choice(
            [s for s in ("thousand", "million", "billion") if s != figure.scale]
        )
        if figure.number.scaleb(SCALES[new]) not in known:
            said = figure.text.removesuffix(figure.scale) + new
            return claim.text[: figure.start] + said + claim.text[figure.end :]
    return None


def other_unit(claim: Claim, around: Surroundings) -> str | None:
    """30 days as 30 weeks."""
    known = around.cited(claim).lower()
    words = "|".join(word for _, word in spelled_numbers())
    match = re.search(rf"\b(\d+|{words})([ -])({'|'.join(_UNITS)})(s?)\b", claim.text)
    if match is None:
        return None
    units = [
        unit for unit in _UNITS if unit != match[3] and f"{match[1]}{match[2]}{unit}" not in known
    ]
    new = f"{match[1]}{match[2]}{around.rng.choice(units)}{match[4]}"
    return claim.text[: match.start()] + new + claim.text[match.end() :]


def other_year(claim: Claim, around: Surroundings) -> str | None:
    """A year that the evidence has nowhere."""
    known = around.cited(claim)
    found = [match for match in years(claim.text) if not _HEDGE.search(claim.text[: match.start()])]
    for match in found:
        shifts = [
            n for n in (-10, -3, -2, -1, 1, 2, 3, 10, 100) if str(int(match[0]) + n) not in known
        ]
        shifts = [n for n in shifts if int(match[0]) + n < 2100]
        if shifts:
            new = str(int(match[0]) + around.rng.choice(shifts))
            return claim.text[: match.start()] + new + claim.text[match.end() :]
    return None


def year_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Another year that the passage names in another sentence."""
    own = {match[0] for match in years(claim.text)}
    if claim.fact:
        others = [
            str(year)
            for year, number in claim.fact.row
            if year != claim.fact.year and abs(number - claim.fact.number) > claim.fact.number / 20
        ]
    else:
        near = [match[0] for match in years(plain(around.quoted(claim)))]
        others = [year for year in near if year not in own]
    for match in years(claim.text):
        if others and not _HEDGE.search(claim.text[: match.start()]):
            return (
                claim.text[: match.start()] + around.rng.choice(others) + claim.text[match.end() :]
            )
    return None


def other_month(claim: Claim, around: Surroundings) -> str | None:
    known = around.cited(claim)
    for date in dates(claim.text):
        days = [monthrange(date.year, month)[1] for month in range(1, 13)]
        months = [n for n in range(1, 13) if n != date.month and date.day <= days[n - 1]]
        month = around.rng.choice(months)
        if MONTHS[month - 1] not in known:
            new = written_like(date.text, date.year, month, date.day)
            return claim.text[: date.start] + new + claim.text[date.end :]
    return None


def other_day(claim: Claim, around: Surroundings) -> str | None:
    known = around.cited(claim)
    for date in dates(claim.text):
        days = [n for n in range(1, 29) if n != date.day]
        day = around.rng.choice(days)
        if date.day and not re.search(rf"\b0?{day}\b", known):
            new = written_like(date.text, date.year, date.month, day)
            return claim.text[: date.start] + new + claim.text[date.end :]
    return None


def names(text: str) -> list[re.Match[str]]:
    """Runs of words with capitals that do not merely open a sentence."""
    found = []
    for match in _NAME.finditer(text):
        opens = match.start() == 0 or re.search(r"[.!?:;“\"(]\s*$", text[: match.start()])
        single = " " not in match[0] and "-" not in match[0]
        if match[0].split()[0] not in _NO_NAME and not (opens and single):
            found.append(match)
    return found


def name_far(claim: Claim, around: Surroundings) -> str | None:
    """Another person, place or organisation, out of another document."""
    known = around.cited(claim).lower()
    return _with_name(claim, [n for n in around.far if n.lower() not in known], around.rng)


def name_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Another person, place or organisation of the same passage."""
    known = plain(around.quoted(claim))
    return _with_name(claim, [n for n in around.near if n in known], around.rng)


def _with_name(claim: Claim, pool: list[str], rng: Random) -> str | None:
    if claim.fact:
        return None
    found = [match for match in names(claim.text) if match[0] == claim.key] or names(claim.text)
    rng.shuffle(found)
    rng.shuffle(pool)
    taken = {word[:4].lower() for word in re.findall(r"\w+", claim.text)}
    for match in found:
        for other in pool:
            stems = {word[:4].lower() for word in re.findall(r"\w+", other)}
            alike = len(other.split()) == len(match[0].split())
            if alike and not stems & taken:
                return claim.text[: match.start()] + other + claim.text[match.end() :]
    return None


def negated(claim: Claim, around: Surroundings) -> str | None:
    """A not put in behind the first verb, or the only one taken out."""
    if claim.kind in ("short", "answer to"):
        return None
    nots = re.findall(r"\b(?:not|never)\b", claim.text)
    kept = r"n't|\bnot (?:only|just|necessarily|yet)\b|\b(?:no|if)\b"
    if len(nots) == 1 and not re.search(kept, claim.text, re.IGNORECASE):
        return _without_not(claim.text)
    match = re.search(rf"\b{_VERB}\b", claim.text)
    if match is None:
        fact = claim.fact and re.search(r"\bcame to\b", claim.text)
        return claim.text.replace("came to", "did not come to", 1) if fact else None
    start = claim.text[: match.start()]
    end = claim.text[match.end() :]
    for lead in LEADS:
        start = start.removeprefix(lead)
    clause = re.search(
        r"\b(?:that|which|who|when|while|where|as|what|how|after|before|because)\b|[;:“\"]", start
    )
    if clause or _LOOSE.search(start) or _LOOSE.match(end.lstrip()):
        return None
    owns = re.match(r" (?:an?|the|its|their|his|her|to|\d[\d,]*|two|three|many) ", end)
    if match[0] in _DO and owns:
        return f"{claim.text[: match.start()]}{_DO[match[0]]} not have{end}"
    return f"{claim.text[: match.end()]} not{end}"


def _without_not(text: str) -> str | None:
    for pattern, new in (
        (rf"\b({_VERB}) (?:not|never)\b", r"\1"),
        (r"\bcannot\b", "can"),
        (r"\bdoes not have\b", "has"),
        (r"\bdoes not (\w+)", r"\1s"),
        (r"\bdo not (\w+)", r"\1"),
        (r"\bnever ", ""),
        (r"\bnot (to|be|in|on|at|as)\b", r"\1"),
    ):
        changed = re.sub(pattern, new, text, count=1)
        if changed != text:
            return changed
    return None


def opposite(claim: Claim, around: Surroundings) -> str | None:
    """increased as decreased, before as after, ..."""
    found = [m for m in re.finditer(r"\b[a-z]+(?:-[a-z]+)?\b", claim.text) if m[0] in OPPOSITES]
    sure = [m for m in found if not re.search(r"\b(?:not|even if .*) $", claim.text[: m.start()])]
    if not sure or claim.fact:
        return None
    match = around.rng.choice(sure)
    return claim.text[: match.start()] + OPPOSITES[match[0]] + claim.text[match.end() :]


def quoted_word(claim: Claim, around: Surroundings) -> str | None:
    """One word inside of the quotation marks gives way to a word of the same passage."""
    inside = re.search(r"[“\"](.+)[”\"]", claim.text)
    if inside is None:
        return None
    known = folded(around.cited(claim))
    words = list(re.finditer(r"(?<![\w-])[a-z]{5,}(?![\w-])", inside[1]))
    pool = sorted(set(re.findall(r"(?<![\w-])[a-z]{5,}(?![\w-])", around.quoted(claim))))
    around.rng.shuffle(words)
    for match in words:
        alike = [w for w in pool if w[-2:] == match[0][-2:] and w[:4] != match[0][:4]]
        around.rng.shuffle(alike)
        for other in [*alike, *(w for w in pool if w[:4] != match[0][:4])]:
            changed = inside[1][: match.start()] + other + inside[1][match.end() :]
            if folded(changed) not in known:
                return claim.text[: inside.start(1)] + changed + claim.text[inside.end(1) :]
    return None


def other_passage(claim: Claim, around: Surroundings) -> int | None:
    """The number of a passage that does not hold what the claim turns on."""
    if len(claim.cited) != 1:
        return None
    key = folded(claim.key or claim.text)
    own = [folded(sentence) for sentence in sentences(around.quoted(claim))]
    for number, text in enumerate(around.evidence, 1):
        there = folded(text)
        shared = any(sentence in there for sentence in own)
        if (
            number not in claim.cited
            and key not in there
            and not shared
            and _turns_on(claim, there)
        ):
            return number
    return None


def _turns_on(claim: Claim, there: str) -> bool:
    """At most half of the telling words of the claim stand in the other passage."""
    words = set(re.findall(r"[A-Za-z]{5,}|\d[\d,.]*\d|\d", claim.text))
    held = sum(word.lower() in there for word in words)
    return claim.kind in ("short", "answer to") or held <= len(words) / 2


KINDS: dict[str, Callable[[Claim, Surroundings], str | None]] = {
    "number: digit": digit_changed,
    "number: swapped": digits_swapped,
    "number: times ten": times_ten,
    "number: same passage": number_nearby,
    "number: other column": cell_of_other_year,
    "number: other row": cell_of_other_row,
    "scale": other_scale,
    "unit": other_unit,
    "date: year": other_year,
    "date: month": other_month,
    "date: day": other_day,
    "date: same passage": year_nearby,
    "name: elsewhere": name_far,
    "name: same passage": name_nearby,
    "negation": negated,
    "opposite": opposite,
}
