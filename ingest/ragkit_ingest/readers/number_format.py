"""Shows numbers and texts as a spreadsheet does, by the number format of their cell.

The rules are those of ECMA-376 part 1, 18.8.30 and 18.8.31. The decimal and thousands separators
are those of the code, point and comma: a file does not say which ones its user's system shows.
Full dates are shown in ISO form, in whatever order the code has them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from ragkit_ingest.readers.date_format import Token, compile_date_format, is_date_format

GENERAL = "General"
_DATE, _TIME = "yyyy-mm-dd", "h:mm:ss"
BUILT_IN_FORMATS = {
    **dict(enumerate((GENERAL, "0", "0.00", "#,##0", "#,##0.00"))),
    **dict.fromkeys((5, 6), '"$"#,##0_);("$"#,##0)'),
    **dict.fromkeys((7, 8), '"$"#,##0.00_);("$"#,##0.00)'),
    **dict(enumerate(("0%", "0.00%", "0.00E+00", "# ?/?", "# ??/??", _DATE, _DATE), start=9)),
    **dict(enumerate(("d-mmm", "mmm-yy", "h:mm AM/PM", "h:mm:ss AM/PM", "h:mm", _TIME), start=16)),
    22: f"{_DATE} h:mm",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), _DATE),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), _TIME),
    **dict.fromkeys((37, 38), "#,##0_);(#,##0)"),
    **dict.fromkeys((39, 40), "#,##0.00_);(#,##0.00)"),
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    **dict(enumerate(("mm:ss", "[h]:mm:ss", "mm:ss.0", "##0.0E+0", "@"), start=45)),
}
"""The codes of the format numbers that a workbook need not define (18.8.30)."""

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.?) | (?P<space>_.?) | \*(?P<fill>.?) |
    \[(?P<bracket>[^\]]*)\]? | (?P<general>General|Standard) | (?P<noon>AM/PM|A/P) |
    (?P<exponent>E[+-]) | (?P<subsecond>(?:(?<=s)|(?<=s\]))\.0+) |
    (?P<date>y+|m+|d+|h+|s+|e+|b+|g+|a{3,4}) | (?P<digit>[0#?]) | (?P<other>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"=": operator.eq, "<>": operator.ne},
}
_CONTEXT = Context(prec=400, rounding=ROUND_HALF_UP)  # for the largest double

Formatter = Callable[[float], str]


def format_general(value: float) -> str:
    """Return a number without a format: up to 15 digits, as many as a spreadsheet keeps."""
    return str(value) if isinstance(value, int) else format(value, ".15g").upper()


@lru_cache(maxsize=4096)
def compile_format(code: str, first_day: int = 0) -> Formatter:
    """Return the function that shows a number in a format; `first_day` is added to dates."""
    sections = [_Section(tokens, first_day) for tokens in _split_sections(code)]
    if len(sections) > 1 and sections[-1].is_text:
        sections.pop()
    sections = sections[:3]
    if sections[0].is_text or [section.kinds for section in sections] in ([], [{"general"}]):
        return format_general

    if len(sections) == 1 and not sections[0].condition:
        return _compile_signed(sections[0])

    def format_number(value: float) -> str:
        section, bare = _choose_section(sections, value)
        if section is None or (section.is_date and value < 0):
            return format_general(value)
        shown = section.show(abs(value))
        return shown if bare or value >= 0 or not shown.strip() else f"-{shown.lstrip()}"

    return format_number


def _compile_signed(section: _Section) -> Formatter:
    """Return the function of a format with one section, which is for all numbers."""
    show, is_date = section.show, section.is_date

    def format_number(value: float) -> str:
        if value >= 0:
            return show(value)
        return format_general(value) if is_date else f"-{show(-value).lstrip()}"

    return format_number


@lru_cache(maxsize=4096)
def compile_text_format(code: str) -> Callable[[str], str]:
    """Return the function that shows a text in a format, by its last section."""
    parts = _split_sections(code)
    section = _Section(parts[-1], 0)
    if section.is_text:
        return lambda text: "".join(text if kind == "@" else part for kind, part in section.tokens)
    return (lambda _: "".join(part for _, part in section.tokens)) if len(parts) > 3 else str


def _split_sections(code: str) -> list[list[re.Match[str]]]:
    sections: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(code):
        if token["other"] == ";":
            sections.append([])
        else:
            sections[-1].append(token)
    return sections[:4]


def _choose_section(sections: Sequence[_Section], value: float) -> tuple[_Section | None, bool]:
    """Return the section for a value, None if none fits, and whether it shows the sign itself."""
    if any(section.condition for section in sections[:2]):
        for section in sections:
            if section.condition is None or section.condition(value):
                return section, section.covers_negatives
        return None, False
    if value < 0 and len(sections) > 1:
        return sections[1], True
    return sections[2 if value == 0 and len(sections) > 2 else 0], False


@dataclass(slots=True, init=False)
class _Section:
    """A section of a format: for positive numbers, negative ones, zero, or text."""

    tokens: list[Token]
    kinds: set[str]
    condition: Callable[[float], bool] | None
    covers_negatives: bool
    is_text: bool
    is_date: bool
    show: Formatter

    def __init__(self, found: Sequence[re.Match[str]], first_day: int) -> None:
        self.condition, self.covers_negatives = None, False
        self.tokens = [token for match in found if (token := self._read_token(match))]
        self.kinds = kinds = {kind for kind, _ in self.tokens}
        self.is_text = "@" in kinds
        self.is_date = is_date_format(self.tokens)
        if self.is_date or ("elapsed" in kinds and "digit" not in kinds):
            self.show = compile_date_format(self.tokens, first_day)
        elif "exponent" in kinds:
            self.show = _compile_scientific(self.tokens)
        elif "/" in kinds and "digit" in kinds:
            self.show = _compile_fraction(self.tokens)
        else:
            self.show = _compile_number(self.tokens)

    def _read_token(self, found: re.Match[str]) -> Token | None:
        """Return a token of the code, None for what shows nothing: colours and fillings."""
        kind = str(found.lastgroup)
        text = found[kind]
        if kind in ("quoted", "escaped"):
            return "text", text
        if kind == "space":
            return "text", " "
        if kind == "bracket":
            return self._read_bracket(text)
        if kind == "other":
            return (text if text in ".,%/@" else "text"), text
        return None if kind == "fill" else (kind, text)

    def _read_bracket(self, text: str) -> Token | None:
        if text.startswith("$"):  # a currency with its language, or only the language
            return "text", text[1:].partition("-")[0]
        if text.lower() in ("h", "hh", "m", "mm", "s", "ss"):
            return "elapsed", text.lower()
        if found := _CONDITION.fullmatch(text.strip()):
            compare, bound = _COMPARISONS[found[1]], float(found[2])
            self.condition = lambda value: compare(value, bound)
            self.covers_negatives = found[1] in ("<", "<=") and bound <= 0
        return None


def _compile_number(tokens: Sequence[Token]) -> Formatter:
    """Return the function for digits with text around them, also text alone."""
    if not any(kind == "digit" for kind, _ in tokens):
        return lambda value: "".join(
            format_general(value) if kind == "general" else text for kind, text in tokens
        )
    tokens, grouped, thousands = _take_commas(tokens)
    shift = 2 * sum(kind == "%" for kind, _ in tokens) - 3 * thousands
    kinds = [kind for kind, _ in tokens]
    point = kinds.index(".") if "." in kinds else len(kinds)
    whole, decimals = tokens[:point], tokens[point + 1 :]
    unit = Decimal(1).scaleb(-sum(kind == "digit" for kind, _ in decimals))
    if _is_plain(tokens):
        return _compile_plain(tokens, unit, shift, grouped)

    def format_number(value: float) -> str:
        number = Decimal(format(value, ".15g")).scaleb(shift, _CONTEXT)
        left, _, right = f"{number.quantize(unit, context=_CONTEXT):f}".partition(".")
        shown = _fill_whole(whole, left.lstrip("0"), grouped)
        return shown + (_fill_decimals(tokens[point:], right) if point < len(tokens) else "")

    return format_number


def _is_plain(tokens: Sequence[Token]) -> bool:
    """Return True for digits in one run, one of them always shown, and decimals always shown."""
    digits = [at for at, (kind, _) in enumerate(tokens) if kind in ("digit", ".")]
    texts = "".join(tokens[at][1] for at in digits)
    is_run = digits[-1] - digits[0] == len(digits) - 1
    return is_run and re.fullmatch(r"#*0(?:\.0+)?", texts) is not None


def _compile_plain(tokens: Sequence[Token], unit: Decimal, shift: int, grouped: bool) -> Formatter:
    digits = [at for at, (kind, _) in enumerate(tokens) if kind in ("digit", ".")]
    before = "".join(text for _, text in tokens[: digits[0]])
    after = "".join(text for _, text in tokens[digits[-1] + 1 :])
    shape = ",f" if grouped else "f"

    def format_number(value: float) -> str:
        number = Decimal(format(value, ".15g"))
        number = number.scaleb(shift, _CONTEXT) if shift else number
        return f"{before}{number.quantize(unit, context=_CONTEXT):{shape}}{after}"

    return format_number


def _take_commas(tokens: Sequence[Token]) -> tuple[list[Token], bool, int]:
    """Return the tokens without commas that group or scale, whether one groups, how many scale."""
    digits = [index for index, (kind, _) in enumerate(tokens) if kind == "digit"]
    last = digits[-1]
    scaling = last + 1
    while scaling < len(tokens) and tokens[scaling][0] == ",":
        scaling += 1
    kept = [
        token
        for index, token in enumerate(tokens)
        if token[0] != "," or not digits[0] < index < scaling
    ]
    return kept, any(kind == "," for kind, _ in tokens[digits[0] : last]), scaling - last - 1


def _fill_whole(tokens: Sequence[Token], digits: str, grouped: bool) -> str:
    """Put digits into their places from the right; the first place takes all that are left."""
    first = next((at for at, (kind, _) in enumerate(tokens) if kind == "digit"), -1)
    shown: list[str] = [] if first >= 0 else [digits]
    count = 0
    for at in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[at]
        if kind != "digit":
            shown.append(text)
            continue
        taken = digits if at == first else digits[-1:]
        digits = digits[: len(digits) - len(taken)]
        for digit in reversed(taken or {"0": "0", "?": " ", "#": ""}[text]):
            shown.append(f"{digit}," if grouped and count and count % 3 == 0 else digit)
            count += 1
    return "".join(reversed(shown))


def _fill_decimals(tokens: Sequence[Token], digits: str) -> str:
    shown = ""
    places = iter(range(len(digits)))
    for kind, text in tokens:
        if kind != "digit":
            shown += text
            continue
        at = next(places)
        shown += digits[at] if text == "0" or digits[at:].strip("0") else " " * (text == "?")
    return shown


def _compile_scientific(tokens: Sequence[Token]) -> Formatter:
    """Return the function for a format with an exponent; "##0.0E+0" has those in steps of 3."""
    at = [kind for kind, _ in tokens].index("exponent")
    sign = tokens[at][1][1]
    show_mantissa = _compile_number(tokens[:at])
    kinds = [kind for kind, _ in tokens[:at]]
    places = kinds[: kinds.index(".")].count("digit") if "." in kinds else kinds.count("digit")
    step = max(1, places)

    def format_number(value: float) -> str:
        number = Decimal(format(value, ".15g"))
        exponent = number.adjusted() // step * step if number else 0
        mantissa = show_mantissa(float(number.scaleb(-exponent, _CONTEXT)))
        if mantissa.strip(" .0,") == "1" and number.scaleb(-exponent, _CONTEXT) > 9:
            exponent += step  # 9.99 is rounded to 10
            mantissa = show_mantissa(float(number.scaleb(-exponent, _CONTEXT)))
        prefix = "-" if exponent < 0 else sign.replace("-", "")
        return f"{mantissa}E{prefix}{_fill_whole(tokens[at + 1 :], str(abs(exponent)), False)}"

    return format_number


def _compile_fraction(tokens: Sequence[Token]) -> Formatter:
    """Return the function for fractions: "# ?/?" gives 2 1/2, "?/?" gives 5/2, "# ?/8" 2 4/8."""
    kinds = [kind for kind, _ in tokens]
    bar, first = kinds.index("/"), kinds.index("digit")
    below = re.match(r"[\d#?]*", "".join(text for _, text in tokens[bar + 1 :]))
    places = below[0] if below else ""
    fixed = int(places) if places.isdecimal() and int(places) else 0
    above = bar - 1
    while above > first and kinds[above - 1] == "digit":
        above -= 1
    mixed = above > first and "digit" in kinds[first:above]
    before = "".join(text for _, text in tokens[:first])
    after = "".join(text for _, text in tokens[bar + 1 :])[len(places) :]

    def format_number(value: float) -> str:
        if fixed:
            top, bottom = round(value * fixed), fixed
        else:
            top, bottom = (
                Fraction(value).limit_denominator(10 ** max(1, len(places)) - 1).as_integer_ratio()
            )
        whole, rest = divmod(top, bottom) if mixed else (0, top)
        parts = [str(whole)] * bool(whole or not rest) + [f"{rest}/{bottom}"] * bool(rest)
        return before + " ".join(parts) + after

    return format_number
