"""Words of many languages in the index."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.index.bm25_search import BM25Search
from ragkit.index.tantivy_terms import LANGUAGES, prepare_text, split_terms
from ragkit.store.store import Store
from tests.index.words import best, search, write

FILLER = {
    "en.txt": "The canteen opens at eleven and it is closed on Sundays.",
    "de0.txt": "Die Kantine öffnet um elf Uhr und ist am Sonntag nicht geöffnet.",
    "ru0.txt": "Столовая открывается в одиннадцать часов.",
    "zh0.txt": "食堂十一点开门，星期天不开。",
    "ja0.txt": "食堂は十一時に開きます。日曜日は休みです。",
    "th0.txt": "โรงอาหารเปิดเวลาสิบเอ็ดโมง",
    "ko0.txt": "식당은 열한 시에 문을 엽니다.",
    "ar0.txt": "تفتح الكافتيريا في الساعة الحادية عشرة.",
    "el0.txt": "Το εστιατόριο ανοίγει στις έντεκα.",
    "tr0.txt": "Kantin saat on birde açılır ve bu saat her gün için geçerlidir.",
}
CASES = {
    "german plural": (
        "Der Urlaubsantrag ist bei der Leitung zu stellen und wird dann geprüft.",
        "Wo stelle ich Urlaubsanträge?",
    ),
    "german spelling without umlauts": (
        "Die Gebäude der Straße sind nicht versichert und werden es auch nicht.",
        "Gebaeude Strasse",
    ),
    "russian inflection": (
        "Договор аренды расторгается за тридцать дней.",
        "расторжение договоров аренды",
    ),
    "russian yo": ("Ёмкость бака проверяют ежегодно.", "емкость"),
    "arabic article and conjunction": ("يجب حفظ المستندات في الخزنة.", "أين تحفظ والمستندات؟"),
    "greek accents and endings": ("Οι άδειες εγκρίνονται από τον διευθυντή.", "ΆΔΕΙΑ διευθυντή"),
    "turkish dotted capital": (
        "İstanbul deposu için anahtarlar güvenlikte durur ve her gün sayılır.",
        "istanbul anahtarı",
    ),
    "french plural": (
        "Les congés payés sont accordés par le responsable et non par le service.",
        "congé payé",
    ),
    "japanese": ("契約の解除は書面で行います。", "契約解除の方法は？"),
    "japanese narrow katakana": ("ガイドブックは受付にあります。", "ｶﾞｲﾄﾞﾌﾞｯｸ"),
    "thai": ("ใบแจ้งหนี้ต้องชำระภายในสามสิบวัน", "ชำระใบแจ้งหนี้เมื่อไร"),
    "korean particles": ("계약서는 금고에 보관한다.", "계약서를 어디에 보관합니까?"),
    "chinese": ("门禁卡的编号为4100，由行政部负责。", "门禁卡的编号是多少？"),
    "chinese and a code": ("水泵VX-4410-31的密封件每年更换。", "VX-4410-31密封件"),
    "khmer": ("វិក្កយបត្រត្រូវបង់ក្នុងរយៈពេលសាមសិបថ្ងៃ។", "វិក្កយបត្រ"),
    "hebrew": ("החשבוניות משולמות תוך שלושים יום.", "החשבוניות"),
    "hindi": ("चालान तीस दिनों में चुकाया जाता है।", "चालान"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_question_finds_the_text_of_its_language(store: Store, name: str) -> None:
    text, question = CASES[name]
    write(store, {**FILLER, "wanted.txt": text})
    assert search(store, question)[0] == "wanted.txt"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("decomposed_side", ["text", "question"])
def test_composed_and_decomposed_letters_are_the_same(
    store: Store, name: str, decomposed_side: str
) -> None:
    text, question = CASES[name]
    if decomposed_side == "text":
        text = unicodedata.normalize("NFD", text)
    else:
        question = unicodedata.normalize("NFD", question)
    write(store, {**FILLER, "wanted.txt": text})
    assert search(store, question)[0] == "wanted.txt"


def test_no_chunk_exceeds_the_bound_among_many_languages(store: Store) -> None:
    write(store, {**FILLER, **{f"{at}.txt": text for at, (text, _) in enumerate(CASES.values())}})
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        for _, question in CASES.values():
            ranking = index.search(snapshot, question, 50)
            assert 0 < ranking.scores.max() <= ranking.bound


def test_a_name_counts_the_same_in_every_language(store: Store) -> None:
    english = {f"en{n}.txt": f"The contract with Zelmira is in folder {n}." for n in range(20)}
    german = {"de.txt": "Der Vertrag mit Zelmira ist in einem der Ordner und nicht hier."}
    write(store, {**FILLER, **english, **german})
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        scores = [score for _, score in best(index, snapshot, "Zelmira", 50)]
        alone = index.search(snapshot, "Kantine", 50).scores[0]
    assert len(scores) == 21
    assert max(scores) < alone / 2  # in one of ten languages, but in many chunks


def test_english_terms_are_not_changed_by_other_languages(store: Store) -> None:
    assert split_terms("english", "Seals of pumps") == ["seal", "of", "pump"]
    write(store, {"a.txt": "The pump has a seal.", "b.txt": "The valve has a spring."})
    assert search(store, "seals of pumps") == ["a.txt"]
    write(store, FILLER)
    assert search(store, "seals of pumps") == ["a.txt"]


@given(st.text(max_size=200))
def test_every_language_makes_one_term_of_each_word(text: str) -> None:
    prepared = prepare_text(text.encode("utf-8", "replace").decode())
    counts = {len(split_terms(language, prepared)) for language in LANGUAGES}
    assert len(counts) == 1


@pytest.mark.parametrize(
    "query", ["编号" * 50_000, "\u0301" * 1000, "\x00\x01\u200b", "\ud800编", "ا" * 100_000]
)
def test_odd_queries_are_answered(store: Store, query: str) -> None:
    write(store, {**FILLER, "wanted.txt": "编号为4100"})
    found = search(store, query)
    assert (found[:1] == ["wanted.txt"]) == ("编号" in query)
