"""Words that turn a sentence into its opposite: one for the other, or a denial."""

from __future__ import annotations

import re
from itertools import pairwise

from ragkit.text.keywords import keywords

_PAIRS = """
    more less; most least; higher lower; highest lowest; above below; over under; before after;
    first last; former latter; earlier later; early late; earliest latest; always never; all none;
    every no; many few; majority minority; maximum minimum; major minor; large small; larger
    smaller; largest smallest; big small; greater less; greatest least; long short; longer
    shorter; longest shortest; old new; older younger; oldest youngest; strong weak; stronger
    weaker; strongest weakest; fast slow; hot cold; warm cool; heavy light; high low; good bad;
    better worse; best worst; easy difficult; simple complex; rich poor; same different; public
    private; internal external; domestic foreign; national international; urban rural; northern
    southern; eastern western; north south; east west; left right; upper lower; top bottom; front
    back; inside outside; in out; male female; men women; man woman; father mother; son daughter;
    brother sister; husband wife; king queen; begin end; began ended; start stop; started stopped;
    increase decrease; increased decreased; increases decreases; increasing decreasing; rise fall;
    rose fell; rising falling; grow shrink; grew shrank; gain loss; gained lost; profit loss; win
    lose; won lost; victory defeat; success failure; accept reject; accepted rejected; approve
    reject; approved rejected; allow forbid; allowed forbidden; permitted prohibited; enable
    disable; enabled disabled; include exclude; included excluded; including excluding; open
    closed; opened closed; buy sell; bought sold; import export; imported exported; imports
    exports; lend borrow; send receive; sent received; arrive leave; arrived left; enter exit; add
    remove; added removed; join leave; agree disagree; agreed refused; support oppose; supported
    opposed; attack defend; friend enemy; ally enemy; love hate; alive dead; born died; birth
    death; war peace; ancient modern; temporary permanent; optional mandatory; voluntary
    compulsory; required optional; manual automatic; legal illegal; possible impossible; able
    unable; likely unlikely; successful unsuccessful; dependent independent; direct indirect;
    formal informal; equal unequal; known unknown; paid unpaid; positive negative; positively
    negatively; present absent; true false; with without; day night; summer winter; morning
    evening; employer employee; employees employers; assets liabilities; debit credit; income
    expense; buyer seller; teacher student; guilty innocent; safe dangerous; clean dirty
"""
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|nicht|nie|niemals|kein\w*|ohne)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:.!?()–—]|\b(?:but|and|or|because|although|while|unless|if|when|aber|und|oder)\b"
)
_OPPOSITES: dict[str, set[str]] = {}
for _pair in _PAIRS.split(";"):
    _one, _other = _pair.split()
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)


def turned(said: str, source: str) -> tuple[str, str] | None:
    """A word of a sentence in whose place its source has the opposite, and that opposite."""
    own, others = _words(said), _words(source)
    for word in own:
        if word not in others:
            for opposite in _OPPOSITES.get(word, ()):
                if opposite in others and opposite not in own:
                    return word, opposite
    return None


def _words(text: str) -> dict[str, None]:
    return dict.fromkeys(re.findall(r"[^\W\d_]+", text.casefold()))


def agrees(source: str, said: str) -> bool:
    """Whether both sentences deny something, or neither does.

    Of a source of several clauses only those that are said count.
    """
    if denies(said):
        return denies(source)
    words = keywords(said)
    cuts = [0, *(match.start() for match in _CLAUSE.finditer(source)), len(source)]
    clauses = [source[a:b] for a, b in pairwise(cuts)]
    return not any(denies(clause) and _is_said(clause, words) for clause in clauses)


def _is_said(clause: str, words: frozenset[str]) -> bool:
    own = keywords(clause)
    return bool(own) and len(own & words) >= 0.5 * len(own)


def denies(text: str) -> bool:
    return _NEGATION.search(text) is not None
