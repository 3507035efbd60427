"""Numbers as automatic numbering writes them: letters, Roman numerals, ordinals, counting words.

The names of the styles are those of Office Open XML (ISO/IEC 29500-1, 17.18.59).
"""

from __future__ import annotations

from collections.abc import Callable

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
_MAX_ROMAN = 32_767  # Word's largest number
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_KANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_IROHA = (
    "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマ"
    "ケフコエテアサキユメミシヱヒモセスン"
)
_SEQUENCES = {
    "aiueo": _KANA,
    "aiueoFullWidth": _KANA,
    "iroha": _IROHA,
    "irohaFullWidth": _IROHA,
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "arabicAbjad": "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    "hebrew2": "אבגדהוזחטיכלמנסעפצקרשת",
    "thaiLetters": "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "decimalEnclosedCircleChinese": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "ideographEnclosedCircle": "㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉",
}
_DIGITS = {
    "ideographDigital": "〇一二三四五六七八九",
    "japaneseDigitalTenThousand": "〇一二三四五六七八九",
    "taiwaneseDigital": "○一二三四五六七八九",
    "koreanDigital": "영일이삼사오육칠팔구",
    "koreanDigital2": "零一二三四五六七八九",
    "decimalFullWidth": "０１２３４５６７８９",
    "decimalFullWidth2": "０１２３４５６７８９",
    "hindiNumbers": "०१२३४५६७८९",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
}
# Digits 0 to 9, the signs of ten, hundred and thousand, and whether one ten is a digit and a sign.
_COUNTING = {
    "chineseCounting": ("〇一二三四五六七八九", "十百千", False),
    "chineseCountingThousand": ("零一二三四五六七八九", "十百千", False),
    "taiwaneseCounting": ("○一二三四五六七八九", "十百千", False),
    "taiwaneseCountingThousand": ("零一二三四五六七八九", "十百千", False),
    "japaneseCounting": ("〇一二三四五六七八九", "十百千", False),
    "koreanCounting": ("영일이삼사오육칠팔구", "십백천", False),
    "chineseLegalSimplified": ("零壹贰叁肆伍陆柒捌玖", "拾佰仟", True),
    "ideographLegalTraditional": ("零壹貳參肆伍陸柒捌玖", "拾佰仟", True),
    "japaneseLegal": ("零壱弐参四伍六七八九", "拾百阡", True),
}
_WITH_ZEROS = {"chineseCountingThousand", "chineseLegalSimplified", "taiwaneseCountingThousand"}
_WITH_ZEROS.add("ideographLegalTraditional")
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
_IRREGULAR |= {"nine": "ninth", "twelve": "twelfth"}


def write_number(number: int, style: str) -> str:
    """Return a number in a style such as "lowerLetter", in decimal digits if that cannot be.

    A style may also be its own first number: "001".
    """
    if style in _STYLES:
        return _STYLES[style](number)
    if style in _SEQUENCES:
        letters = _SEQUENCES[style]
        return letters[number - 1] if 0 < number <= len(letters) else str(number)
    if style in _DIGITS:
        return "".join(_DIGITS[style][int(digit)] for digit in str(number))
    if style in _COUNTING and 0 < number < 10_000:
        return _count(number, style)
    return str(number).zfill(len(style)) if style.isdecimal() else str(number)


def to_roman(number: int) -> str:
    """Return a Roman numeral in capitals; decimal digits below 1 and above 32,767."""
    if not 0 < number <= _MAX_ROMAN:
        return str(number)
    letters: list[str] = []
    for value, letter in _ROMAN:
        count, number = divmod(number, value)
        letters.append(letter * count)
    return "".join(letters)


def to_letters(number: int, letters: str = _LATIN) -> str:
    """Return a letter: a to z, then aa, bb and so on, as Word counts."""
    if not 0 < number <= 30 * len(letters):
        return str(number)
    times, at = divmod(number - 1, len(letters))
    return letters[at] * (times + 1)


def _to_ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def _to_words(number: int) -> str:
    if not 0 <= number < 100:
        return str(number)
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def _to_ordinal_words(number: int) -> str:
    words = _to_words(number)
    if words[-1].isdigit():
        return _to_ordinal(number)
    start, dash, last = words.rpartition("-")
    ending = last[:-1] + "ieth" if last.endswith("y") else f"{last}th"
    return start + dash + _IRREGULAR.get(last, ending)


def _count(number: int, style: str) -> str:
    digits, signs, is_full = _COUNTING[style]
    text = ""
    has_gap = False
    for power in range(3, -1, -1):
        digit = number // 10**power % 10
        if not digit:
            has_gap = text != ""
            continue
        text += digits[0] if has_gap and style in _WITH_ZEROS else ""
        has_gap = False
        is_left_out = digit == 1 and power and not is_full and _leaves_one_out(style, power, text)
        text += ("" if is_left_out else digits[digit]) + (signs[power - 1] if power else "")
    return text


def _leaves_one_out(style: str, power: int, before: str) -> bool:
    """Return True if a style writes "ten" without its one: Chinese only at the start."""
    is_chinese = style.startswith(("chinese", "taiwanese"))
    return power == 1 and not before if is_chinese else True


_STYLES: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02d}",
    "upperRoman": to_roman,
    "lowerRoman": lambda number: to_roman(number).lower(),
    "upperLetter": lambda number: to_letters(number).upper(),
    "lowerLetter": to_letters,
    "russianLower": lambda number: to_letters(number, _RUSSIAN),
    "russianUpper": lambda number: to_letters(number, _RUSSIAN).upper(),
    "ordinal": _to_ordinal,
    "cardinalText": lambda number: _to_words(number).capitalize(),
    "ordinalText": lambda number: _to_ordinal_words(number).capitalize(),
    "numberInDash": lambda number: f"- {number} -",
    "hex": lambda number: f"{number:X}",
    "chicago": lambda number: to_letters(number, "*†‡§"),
    "decimalEnclosedParen": lambda number: f"({number})",
    "decimalEnclosedFullstop": lambda number: f"{number}.",
    "none": lambda number: "",
    "bullet": lambda number: "",
}
