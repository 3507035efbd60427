"""False statements, each made of a true one by a single change of a single kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from tests.benchmarks.verification import amounts
from tests.benchmarks.verification.claims import Claim, Surroundings, folded, plain, sentences
from tests.benchmarks.verification.rewordings import LEADS

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
BARE = frozenset({"short", "question quoted", "question repeated"})  # not from a sentence
SURE_ALONE = frozenset(  # false of a bare answer too: what was put in is nowhere in the evidence
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


class Corrupted(NamedTuple):
    """A true statement after one change."""

    kind: str
    text: str
    cited: tuple[int, ...]


def corruptions(claim: Claim, around: Surroundings) -> Iterator[Corrupted]:
    """Return one corruption of each kind that the claim allows."""
    if claim.kind != "quotation":
        for kind, corrupt in KINDS.items():
            text = corrupt(claim, around)
            if text is not None and text != claim.text:
                yield Corrupted(kind, text, claim.cited)
    else:
        text = quoted_word(claim, around)
        if text:
            yield Corrupted("quotation", text, claim.cited)
    elsewhere = other_passage(claim, around)
    if elsewhere:
        yield Corrupted("citation", claim.text, (elsewhere,))


def names(text: str) -> list[re.Match[str]]:
    """Return runs of capitalized words, except the first word of a sentence."""
    found = []
    for match in _NAME.finditer(text):
        opens = match.start() == 0 or re.search(r"[.!?:;“\"(]\s*$", text[: match.start()])
        single = " " not in match[0] and "-" not in match[0]
        if match[0].split()[0] not in _NO_NAME and not (opens and single):
            found.append(match)
    return found


def name_far(claim: Claim, around: Surroundings) -> str | None:
    """Take another person, place or organisation from another document."""
    known = around.cited(claim).lower()
    return _with_name(claim, [n for n in around.far if n.lower() not in known], around.rng)


def name_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Take another person, place or organisation from the same passage."""
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
    """Insert a not after the first verb, or remove the only one."""
    if claim.kind in BARE:
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
    """Change increased to decreased, before to after, ..."""
    found = [m for m in re.finditer(r"\b[a-z]+(?:-[a-z]+)?\b", claim.text) if m[0] in OPPOSITES]
    sure = [m for m in found if not re.search(r"\b(?:not|even if .*) $", claim.text[: m.start()])]
    if not sure or claim.fact:
        return None
    match = around.rng.choice(sure)
    return claim.text[: match.start()] + OPPOSITES[match[0]] + claim.text[match.end() :]


def quoted_word(claim: Claim, around: Surroundings) -> str | None:
    """Replace a word inside quotation marks by a word of the same passage."""
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
    """Cite a passage that does not have the key of the claim."""
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
    """Return True if the passage has at most half of the claim's telling words."""
    words = set(re.findall(r"[A-Za-z]{5,}|\d[\d,.]*\d|\d", claim.text))
    held = sum(word.lower() in there for word in words)
    return claim.kind in BARE or held <= len(words) / 2


KINDS: dict[str, Callable[[Claim, Surroundings], str | None]] = {
    **amounts.KINDS,
    "name: elsewhere": name_far,
    "name: same passage": name_nearby,
    "negation": negated,
    "opposite": opposite,
}
