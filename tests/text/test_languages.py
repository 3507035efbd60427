"""Detection of a text's language."""

from __future__ import annotations

import pytest

from ragkit.text.languages import detect_languages

SENTENCES = {
    "english": "The invoices are paid within 30 days after they have been checked.",
    "german": "Der Antrag ist beim Vorgesetzten zu stellen und wird innerhalb einer Woche geprüft.",
    "french": "Les congés doivent être demandés auprès du responsable avant la fin du mois.",
    "spanish": "Los empleados deben llevar casco cuando están en la obra y también en el taller.",
    "italian": "Le fatture vengono pagate entro 30 giorni dalla data in cui sono state ricevute.",
    "portuguese": "As faturas são pagas no prazo de 30 dias, mas não quando há um erro.",
    "dutch": "De facturen worden binnen 30 dagen betaald, maar niet als er een fout is.",
    "danish": "Medarbejderne skal bære hjelm, når de er på pladsen, og det er ikke frivilligt.",
    "swedish": "Medarbetarna måste bära hjälm när de är på platsen, och det är inte frivilligt.",
    "norwegian": "Ansatte må bruke hjelm når de er på plassen, og det er ikke nok å ha den.",
    "finnish": "Työntekijöiden on käytettävä kypärää, kun he ovat työmaalla, ja se on pakollista.",
    "hungarian": "A dolgozóknak sisakot kell viselniük, és ez nem lehet kérdés, ha ott vannak.",
    "romanian": "Angajații trebuie să poarte cască atunci când sunt pe șantier sau în depozit.",
    "turkish": "Çalışanlar baret takmak için eğitim alır ve bu eğitim her yıl tekrar edilir.",
    "russian": "Счета оплачиваются в течение 30 дней.",
    "greek": "Τα τιμολόγια πληρώνονται εντός 30 ημερών.",
    "arabic": "تُدفع الفواتير خلال 30 يومًا.",
    "tamil": "விலைப்பட்டியல்கள் 30 நாட்களுக்குள் செலுத்தப்படும்.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language: str) -> None:
    assert detect_languages([SENTENCES[language]]) == [language]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Price list 2025: VX-4410-31, 48.20",
        "Los Angeles Rams, San Diego Chargers, Las Vegas Raiders",
        "E. Coli and C. di Roma, A. de Souza e Silva",
        "发票在30天内支付。",
        "請求書は30日以内に支払われます。",
        "Faktury są płatne w ciągu 30 dni.",
        "החשבוניות משולמות תוך 30 יום.",
    ],
)
def test_names_tables_and_other_scripts_count_as_english(text: str) -> None:
    assert detect_languages([text]) == ["english"]


def test_a_short_part_has_the_language_of_its_document() -> None:
    texts = [SENTENCES["german"], "Nr. 4711 | 48,20 | 30", SENTENCES["german"]]
    assert detect_languages(texts) == ["german"] * 3


def test_each_part_of_a_bilingual_document_has_its_own_language() -> None:
    texts = [SENTENCES["english"], SENTENCES["french"], SENTENCES["russian"]]
    assert detect_languages(texts) == ["english", "french", "russian"]


def test_a_foreign_code_does_not_change_the_language() -> None:
    assert detect_languages(["Код заказа VX-4410-31, см. приложение ABC"]) == ["russian"]
