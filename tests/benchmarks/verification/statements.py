"""Answers to the questions of an evaluation set with known truth: right ones and corrupted ones."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from ragkit import Hit, KnowledgeBase
from ragkit.text.sentences import split_sentences
from tests.benchmarks.common import question_of, rows
from tests.benchmarks.verification.claims import (
    Claim,
    Surroundings,
    declarative,
    folded,
    is_prose,
    plain,
    sentence_of,
    sentences,
    table_facts,
)
from tests.benchmarks.verification.corruptions import (
    BARE,
    SURE_ALONE,
    Corrupted,
    corruptions,
    names,
)
from tests.benchmarks.verification.numbers import find_numbers
from tests.benchmarks.verification.rewordings import OPENERS, rewordings

SEED = 7
HITS = 8
SQUAD_QUESTIONS = 250  # of each of three sorts; the other sets are taken whole
CORRUPTIONS = 2  # of one true statement
OFTEN = frozenset(
    {"citation", "name: elsewhere", "name: same passage", "negation", "opposite"}
)  # corruptions that many statements admit
COMMON = frozenset({"lead-in", "synonyms", "quotation"})  # rewordings that nearly all admit


class Part(NamedTuple):
    """Characters [start, end) of an answer and the verdict they should have."""

    start: int
    end: int
    expected: str


@dataclass(frozen=True, slots=True)
class Item:
    """An answer to check: true without `corruption`, of three sentences if `whole`.

    `cited` are the passages that hold a sentence without a citation.
    """

    set: str
    question: str
    text: str
    hits: tuple[Hit, ...]
    parts: tuple[Part, ...]
    kind: str
    corruption: str = ""
    whole: bool = False
    original: str = ""
    asked: str = ""
    cited: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its hits, the true statements about them, and names of the same sort."""

    set: str
    id: str
    question: str
    hits: tuple[Hit, ...]
    claims: tuple[Claim, ...]
    near: tuple[str, ...]
    far: tuple[str, ...]

    @property
    def evidence(self) -> tuple[str, ...]:
        return tuple(build_evidence(hit) for hit in self.hits)

    def surroundings(self, rng: Random) -> Surroundings:
        return Surroundings(
            self.evidence, [hit.text for hit in self.hits], self.near, self.far, rng
        )


def build_evidence(hit: Hit) -> str:
    return "\n".join([hit.title, hit.source, *hit.headings, hit.text])


def chosen(name: str, part: str) -> list[dict[str, Any]]:
    """Return the answerable questions of a part of a set, which the hash of the id decides."""
    found = [row for row in rows(name) if row["answerable"]]
    if name == "squad":
        counted = [row for row in found if re.search(r"\d", row["answers"][0])]
        turned = [row for row in found if declarative(row["question"], row["answers"][0])]
        others = [row for row in found if row not in counted and row not in turned]
        turned = [row for row in turned if row not in counted]
        found = []
        for sort in (counted, turned, others):
            found += seeded("squad").sample(sort, min(SQUAD_QUESTIONS, len(sort)))
    return [row for row in found if part in ("all", part_of(row["id"]))]


def part_of(question: str) -> str:
    return "test" if hashlib.sha256(question.encode()).digest()[0] % 2 else "dev"


def seeded(*about: str) -> Random:
    return Random(f"{SEED} {' '.join(about)}")


def cases(name: str, part: str, kb: KnowledgeBase) -> Iterator[Case]:
    """Yield the questions of a part for which a true statement can be made."""
    named = answer_names(name)
    seen: set[str] = set()
    for row in chosen(name, part):
        hits = tuple(kb.search(question_of(row), HITS))
        rng = seeded("claims", row["id"])
        claims = [claim for claim in TRUE[name](row, hits, rng) if claim.text not in seen]
        seen.update(claim.text for claim in claims)
        if claims:
            claims += two_cited(claims[0], hits, rng)
            near, far = names_alike(named[_sort(row["question"])], hits, claims)
            yield Case(name, row["id"], row["question"], hits, tuple(claims), near, far)


def answer_names(name: str) -> dict[str, list[tuple[str, str]]]:
    """Return the answers that are names, with their documents, by the sort of question."""
    named: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows(name):
        for answer in row["answers"][:1]:
            if re.fullmatch(r"[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)*", answer):
                named[_sort(row["question"])].append((row["relevant"][0]["doc"], answer))
    return named


def _sort(question: str) -> str:
    """Return the sort of a question: who, where, which city, ..."""
    match = re.search(r"\b(?:who|where|(?:what|which) \w+)\b", question.lower())
    return match[0] if match else ""


def names_alike(
    answers: Sequence[tuple[str, str]], hits: Sequence[Hit], claims: Sequence[Claim]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of the claims' documents and of others, of the same sort if possible."""
    docs = {hits[number - 1].source for claim in claims for number in claim.cited}
    in_hits = [(hit.source, match[0]) for hit in hits for match in names(plain(hit.text))]
    found = []
    for cited in (True, False):
        pools = ({n for doc, n in pool if (doc in docs) is cited} for pool in (answers, in_hits))
        found.append(tuple(sorted(next((pool for pool in pools if pool), set()))))
    return found[0], found[1]


def squad_claims(row: dict[str, Any], hits: Sequence[Hit], rng: Random) -> Iterator[Claim]:
    docs = {relevant["doc"] for relevant in row["relevant"]}
    whole = [a for a in row["answers"] if len(a.split()) <= 8 and a.count("(") == a.count(")")]
    answers = sorted(whole, key=len, reverse=True)
    for number, hit in enumerate(hits, 1):
        for answer in answers if hit.source in docs else ():
            for sentence in sentences(hit.text):
                if re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", sentence):
                    yield from claims_of(sentence, number, answer, rng)
                    yield from answered(row["question"], answer, number, sentence)
                    return


def handbook_claims(row: dict[str, Any], hits: Sequence[Hit], rng: Random) -> Iterator[Claim]:
    for relevant in row["relevant"]:
        for number, hit in enumerate(hits, 1):
            sentence = _holding(hit.text, relevant.get("text", ""))
            if hit.source == relevant["doc"] and sentence:
                held = [a for a in row["answers"] if folded(a) in folded(sentence)]
                yield from claims_of(sentence, number, held[0] if held else "", rng)
                if held:
                    yield from answered(row["question"], held[0], number, sentence)
                yield from others_of(hit, number, sentence, rng)
                break


def others_of(hit: Hit, number: int, known: str, rng: Random) -> Iterator[Claim]:
    """Return two more sentences of a passage, with numbers or names in them if possible."""
    found = [s for s in sentences(hit.text) if is_prose(s) and s != known]
    telling = [s for s in found if find_numbers(s) or names(s)] or found
    for sentence in rng.sample(telling, min(2, len(telling))):
        yield from claims_of(sentence, number, "", rng)


def _holding(passage: str, quote: str) -> str | None:
    """Return the sentence, or the row of two cells, that has the quote."""
    for unit in split_sentences(passage):
        own, wanted = folded(unit.text), folded(quote)
        cells = [plain(cell) for cell in unit.text.strip(" |").split("|")]
        text = f"{cells[0]}: {cells[1]}." if len(cells) == 2 else sentence_of(unit.text)
        if text and len(own) > 15 and (wanted in own or own in wanted):
            return text
    return None


def finance_claims(row: dict[str, Any], hits: Sequence[Hit], rng: Random) -> Iterator[Claim]:
    """Make claims of the table cells and sentences of the filing that the question is about."""
    docs = {relevant["doc"] for relevant in row["relevant"]}
    told = tabled = 0
    for number, hit in enumerate(hits, 1):
        if hit.source not in docs:
            continue
        facts = list(table_facts(hit.text))
        for fact in rng.sample(facts, min(3, len(facts))) if tabled < 8 else ():
            text = fact.said(rng.choice(("", "year first", "row")))
            claim = Claim(text, "table figure", (number,), f"{fact.number:,}", fact)
            yield claim
            yield from (
                replace(claim, text=new, kind=kind)
                for kind, new in reworded(text, rng)
                if kind not in ("quotation", "synonyms", "no parenthesis", "no clause")
            )
            tabled += 1
        with_figures = [s for s in sentences(hit.text) if find_numbers(s) and is_prose(s)]
        if with_figures and told < 2:
            sentence = rng.choice(with_figures)
            yield from claims_of(sentence, number, "", rng)
            told += 1


TRUE: dict[str, Callable[[dict[str, Any], Sequence[Hit], Random], Iterator[Claim]]] = {
    "squad": squad_claims,
    "handbook": handbook_claims,
    "finance": finance_claims,
}


def claims_of(sentence: str, number: int, key: str, rng: Random) -> Iterator[Claim]:
    """Yield a sentence of passage `number` as it stands and reworded."""
    made = Claim(sentence, "as it stands", (number,), key, origins=(sentence,))
    yield made
    if not is_prose(sentence):
        return
    for kind, text in reworded(sentence, rng):
        if kind == "quotation":
            inside = re.search(r"[“\"](.+)[”\"]", text)
            yield replace(made, text=text, kind=kind, key=inside[1] if inside else "")
        elif kind in ("no clause", "no parenthesis") and folded(key) not in folded(text):
            yield replace(made, text=text, kind=kind, key="")
        else:
            yield replace(made, text=text, kind=kind)


def reworded(sentence: str, rng: Random) -> list[tuple[str, str]]:
    """Yield all rare rewordings and one of the common ones."""
    found = list(rewordings(sentence, rng))
    common = [one for one in found if one[0] in COMMON]
    rare = [one for one in found if one not in common]
    return rare + rng.sample(common, min(1, len(common)))


def answered(question: str, answer: str, number: int, sentence: str) -> Iterator[Claim]:
    """Yield statements made of a question and its answer in a sentence of passage `number`."""
    answer = answer.rstrip(" .,;:")
    upper = f"{answer[:1].upper()}{answer[1:]}."
    made = Claim(upper, "short", (number,), answer, origins=(sentence,))
    said = declarative(question, answer)
    if said:
        yield replace(made, text=said, kind="question turned round")
    yield made
    asked = question.strip().rstrip("?").strip()
    opens = answer.split()[0] in OPENERS
    small = answer[0].lower() + answer[1:] if opens else answer
    if part_of(asked + answer) == "dev":  # half of them; no passage holds what is quoted here
        yield replace(made, text=f"The answer to “{asked}?” is {small}.", kind="question quoted")
    else:
        no_name = re.match(r"(?:Wh|How|In |On |Is |Are |Do |Does )", asked)
        question = asked[0].lower() + asked[1:] if no_name else asked
        said = f"Asked {question}, the document says {small}."
        yield replace(made, text=said, kind="question repeated")


def two_cited(claim: Claim, hits: Sequence[Hit], rng: Random) -> Iterator[Claim]:
    """Join a claim and a sentence of another passage, citing both."""
    others = neighbours(claim, hits, rng)
    if others and re.search(r"\w\.$", claim.text):
        number, sentence = others[0]
        text = f"{claim.text[:-1]}; {sentence}"
        origins = (*claim.origins, sentence)
        yield Claim(text, "two citations", (claim.cited[0], number), "", origins=origins)


def neighbours(claim: Claim, hits: Sequence[Hit], rng: Random) -> list[tuple[int, str]]:
    """Return one sentence of each other passage, in any order."""
    found = []
    for number, hit in enumerate(hits, 1):
        fit = [s for s in sentences(hit.text) if is_prose(s) and len(s.split()) < 30]
        if number not in claim.cited and fit:
            found.append((number, rng.choice(fit)))
    rng.shuffle(found)
    return found


def with_citations(text: str, cited: Sequence[int], rng: Random) -> str:
    """Write the citations before the full stop, or sometimes after it."""
    marks = "".join(f"[{number}]" for number in cited)
    before = re.search(r"[\w)%]\.$", text) and rng.random() < 0.7
    return f"{text[:-1]} {marks}." if before else f"{text} {marks}"


def items(case: Case) -> Iterator[Item]:
    """Yield all items of a case."""
    with_whole = False
    for at, claim in enumerate(case.claims):
        rng = seeded(case.id, str(at), claim.kind)
        yield _single(case, claim, claim.text, claim.cited, "", rng)
        found = list(corruptions(claim, case.surroundings(rng)))
        if claim.kind == "short":  # bare answers: only what the evidence has nowhere is false
            found = [one for one in found if one.kind in SURE_ALONE]
        for kind, text, cited in _some(found, rng):
            yield _single(case, claim, text, cited, kind, rng)
        sure = [one for one in found if one.kind != "citation"]
        others = neighbours(claim, case.hits, rng)[:2]
        if sure and len(others) == 2 and claim.kind not in BARE and not with_whole:
            yield _whole(case, claim, rng.choice(sure), others, rng)
            with_whole = True
        if at == 0 and len(others) == 2:
            yield from _uncited(case, claim, others, rng)


def _some(found: Sequence[Corrupted], rng: Random) -> list[Corrupted]:
    """Choose a few kinds, those first that few statements allow."""
    shuffled = rng.sample(found, len(found))
    return sorted(shuffled, key=lambda one: one.kind in OFTEN)[:CORRUPTIONS]


def _single(
    case: Case, claim: Claim, text: str, cited: Sequence[int], corruption: str, rng: Random
) -> Item:
    said = with_citations(text, cited, rng)
    part = Part(0, len(said), "unsupported" if corruption else "supported")
    return Item(
        case.set,
        case.id,
        said,
        case.hits,
        (part,),
        claim.kind,
        corruption,
        original=claim.text,
        asked=case.question,
    )


def _joined(case: Case, said: Sequence[tuple[str, str]], **about: Any) -> Item:
    """Join an answer of several sentences, each with the verdict that it should have."""
    parts, text = [], ""
    for sentence, expected in said:
        start = len(text) + 1 if text else 0
        text = f"{text} {sentence}" if text else sentence
        parts.append(Part(start, len(text), expected))
    return Item(case.set, case.id, text, case.hits, tuple(parts), asked=case.question, **about)


def _whole(
    case: Case,
    claim: Claim,
    corrupted: Corrupted,
    others: Sequence[tuple[int, str]],
    rng: Random,
) -> Item:
    said = [(with_citations(s, (number,), rng), "supported") for number, s in others]
    false = with_citations(corrupted.text, corrupted.cited, rng)
    said.insert(rng.randint(0, 2), (false, "unsupported"))
    about = {"corruption": corrupted.kind, "original": claim.text}
    return _joined(case, said, kind=claim.kind, whole=True, **about)


def _uncited(
    case: Case, claim: Claim, others: Sequence[tuple[int, str]], rng: Random
) -> Iterator[Item]:
    """Yield a sentence without a citation, alone and before two that have one."""
    yield _joined(case, [(claim.text, "supported")], kind="uncited", cited=claim.cited)
    numbered = [(f"{s.rstrip('.')} [{number}].", "supported") for number, s in others]
    said = [(claim.text, "supported"), *numbered]
    yield _joined(case, said, kind="uncited", whole=True, cited=claim.cited)
