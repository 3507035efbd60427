"""Guesses the older encoding of a text by the letters of languages.

Each language has few letters beyond ASCII. The right encoding turns the bytes into the letters of
one language, small ones inside words and capitals at their beginning; a wrong one turns them into
signs, capitals inside words, and letters that no language has together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

_WESTERN = ("cp1252", "cp850", "mac_roman", "cp437")  # of equal ones, the first is taken
_CENTRAL = ("cp1250", "iso8859_2", "cp852")
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "koi8_u")
_LANGUAGES = (  # the letters beyond ASCII of a language, and the encodings it was written in
    ("äöüß", _WESTERN),
    ("éèàçêâîôûùëïœæÿ", _WESTERN),
    ("áéíóúñü¿¡ªº", _WESTERN),
    ("ãõáéíóúâêôçàª", _WESTERN),
    ("àèéìòùî", _WESTERN),
    ("åäöæøé", _WESTERN),
    ("àèéíòóúïüç·", _WESTERN),
    ("ëéèïöüóáêç", _WESTERN),
    ("äöõü", ("cp1252",)),
    ("äöõüšž", ("cp1257",)),
    ("áðéíóúýþæö", ("cp1252",)),
    ("ąćęłńóśźż", _CENTRAL),
    ("áčďéěíňóřšťúůýžäĺľŕô", _CENTRAL),
    ("áéíóöőúüű", _CENTRAL),
    ("čšžćđ", _CENTRAL),
    ("ăâîșțşţ", _CENTRAL),
    ("çğıöşüâîİ", ("cp1254",)),
    ("ąčęėįšųūž", ("cp1257",)),
    ("āčēģīķļņšūž", ("cp1257",)),
    ("אבגדהוזחטיכךלמםנןסעפףצץקרשת׳״־", ("cp1255",)),
    ("абвгдежзийклмнопрстуфхцчшщъыьэюяё", _CYRILLIC),
    ("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", ("cp1251", "koi8_u")),
    ("абвгдђежзијклљмнњопрстћуфхцчџш", ("cp1251", "iso8859_5")),
    ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ", ("cp1253", "iso8859_7", "cp737")),
    ("ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىةپچژگ،؛؟", ("cp1256",)),
    ("กขคฆงจฉชซญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮะัาำิีึืุูเแโใไ็่้๊๋์", ("cp874",)),
)
_MIXED = 0.97  # the worth of a letter in a text of several western languages
_RARE = set("ìòùîïûëœÿúâêôÂÊÔőű")  # letters of the West that others are often mistaken for
_PRIORS = {"cp852": 0.98}  # which has a letter for every byte
_RARE_WORTH = {"cp850": 0.95, "mac_roman": 0.95, "cp437": 0.95, "cp852": 0.9}
_USUAL_CYRILLIC = set("оеаинтсрвлкмдпуіјОЕАИНТСРВЛКМДПУІЈ")
_MIN_USUAL = 0.7  # their share of a text; another encoding taken for Cyrillic has half of them
_HEBREW_FINALS = set("ךםןףץ")
_WESTERN_LETTERS = "".join(letters for letters, encodings in _LANGUAGES if encodings is _WESTERN)
_OPENING, _CLOSING = set("„‚“‘«‹([¿¡"), set("”’“‘»›…™®©°%ªº²³")
_SIGNS = set("€£§°–—•·…“”„‘’‚«»‹›©®™±×÷¼½¾²³µ\u00a0¿¡ªº¥")
_LINES = set("─│┌┐└┘├┤┬┴┼═║╔╗╚╝╠╣╦╩╬░▒▓█▄▀■")
_HIGH_WORD = re.compile(r"\S*[^\x00-\x7f]\S*")
_SAMPLE = 8192  # bytes that tell enough


def guess_encoding(sample: bytes) -> str:
    """Return the likeliest encoding of bytes that are not UTF-8; "cp1252" if none fits well."""
    found = dict(_score_encodings(sample[:_SAMPLE]))
    best = max(found, key=lambda encoding: found[encoding], default="")
    return best if best and found[best] > 0 else "cp1252"


def _score_encodings(sample: bytes) -> Iterator[tuple[str, float]]:
    """Yield encodings and scores from -1 to 1: the higher, the likelier. Ties: the first counts."""
    languages: dict[str, list[tuple[str, float]]] = {}
    for letters, encodings in _LANGUAGES:
        for encoding in encodings:
            languages.setdefault(encoding, []).append((letters, 1.0))
    for encoding in _WESTERN:
        languages[encoding].append((_WESTERN_LETTERS, _MIXED))
    for encoding, alphabets in languages.items():
        text = _decode_sample(sample, encoding)
        if text is not None:
            pairs = _count_pairs(text)
            rare = _RARE_WORTH.get(encoding, 1)
            best = max(_score_letters(pairs, *each, rare) for each in alphabets)
            yield encoding, best * _PRIORS.get(encoding, 1)
    for encoding, score in _EAST_ASIAN.items():
        text = _decode_sample(sample, encoding)
        if text is not None:
            counts = Counter(char for char in text if char > "\x7f")
            total = counts.total() or 1
            yield encoding, sum(score(char) * count for char, count in counts.items()) / total


def _decode_sample(sample: bytes, encoding: str) -> str | None:
    """Return the text, None if it is not in the encoding; the end may be cut off anywhere."""
    for cut in range(4):
        try:
            return sample[: len(sample) - cut].decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(sample) - 4:
                return None
    return None


def _count_pairs(text: str) -> Counter[str]:
    """Return how often each high character occurs between two others, as texts of three."""
    counts: Counter[str] = Counter()
    for word in _HIGH_WORD.finditer(text):
        padded = f" {word[0]} "
        for at, char in enumerate(word[0], start=1):
            if char > "\x7f":
                counts[padded[at - 1 : at + 2]] += 1
    return counts


def _score_letters(triples: Counter[str], letters: str, worth: float, rare: float) -> float:
    """Return the mean score of high characters, given between their neighbours, for a language."""
    alphabet = {*letters, *letters.upper()}
    total = triples.total() or 1
    score = 0.0
    for triple, count in triples.items():
        before, char, after = triple[0], triple[1], triple[2]
        if char in alphabet:
            place = _score_case(before, char, after)
            score += count * place * worth * (rare if char in _RARE else 1)
        else:
            score += count * _score_sign(before, char, after)
    if "п" in alphabet:
        usual = sum(count for triple, count in triples.items() if triple[1] in _USUAL_CYRILLIC)
        score *= min(1, usual / total / _MIN_USUAL)
    return score / total


def _score_case(before: str, char: str, after: str) -> float:
    """Return 1 for a letter in its place, less for a lone one, -1 for a capital inside a word."""
    if char.isupper() and before.islower():
        return -1
    if before.isdigit() or after.isdigit():
        return -0.5
    if char > "\u02ff" and any("A" <= other <= "z" for other in (before, after)):
        return -1  # a word in two scripts
    if char in _HEBREW_FINALS and after.isalpha():
        return -1
    return 1 if before.isalpha() or after.isalpha() else 0.5


def _score_sign(before: str, char: str, after: str) -> float:
    """Return 1 for a sign in its place, -1 for one where no language has it."""
    if char in _LINES:
        return 0.3 if before.isalpha() or after.isalpha() else 1
    if char not in _SIGNS:
        return -1
    if before.isalpha() and after.isalpha():
        return 1 if char == "’" else 0.9 if char in "–—…\u00a0" else -1
    if char in _OPENING and after.isalnum():
        return 1 if not before.isalnum() else -1
    if char in _CLOSING and before.isalnum():
        return 1
    return 1 if char == "\u00a0" or not (before.isalpha() or after.isalpha()) else 0.3


def _score_japanese(char: str) -> float:
    if "\u3040" <= char <= "\u30ff" or "\u3000" <= char <= "\u3011":
        return 1
    if "\uff61" <= char <= "\uff9f":  # half-width: what many other bytes are taken for
        return -0.5
    lead = char.encode("euc_jp", "replace")[0]
    return 0.8 if 0xB0 <= lead <= 0xCF else _score_foreign(char)


def _score_simplified(char: str) -> float:
    code = char.encode("gb2312", "replace")
    if len(code) > 1 and 0xB0 <= code[0] <= 0xD7:  # the 3,755 usual characters
        return 1
    return 0.9 if char in "，。、；：？！“”‘’（）《》—…【】·" else _score_foreign(char)


def _score_traditional(char: str) -> float:
    code = char.encode("big5", "replace")
    if (
        len(code) > 1 and 0xA4 <= code[0] <= 0xC6 and "\u4e00" <= char <= "\u9fff"
    ):  # the 5,401 usual ones
        return 1
    return 0.9 if char in "，。、；：？！「」『』（）《》—…" else _score_foreign(char)


def _score_korean(char: str) -> float:
    code = char.encode("euc_kr", "replace")
    if len(code) == 2 and 0xB0 <= code[0] <= 0xC8:
        return 1
    return _score_foreign(char)


def _score_foreign(char: str) -> float:
    return 0.0 if "\u4e00" <= char <= "\u9fff" or char in "“”‘’…·○●■□▲△※→『』" else -1


_EAST_ASIAN: dict[str, Callable[[str], float]] = {
    "cp932": _score_japanese,
    "euc_jp": _score_japanese,
    "cp949": _score_korean,
    "gb18030": _score_simplified,
    "big5": _score_traditional,
}
