"""Arranges tables of merged cells: each row with all that stands above and beside it.

HTML, Word and PowerPoint have cells that cover several columns and rows. `arrange_rows` repeats
merged values, finds the rows that name the columns, and names each row below them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragkit_ingest.readers.grid_cells import Cell, Row, build_grid

__all__ = ["Cell", "TableRow", "arrange_rows"]

_MAX_VALUE_ACROSS = 40  # a longer value is not repeated in the columns it covers
_MAX_LABEL = 120  # characters of a caption or cell that names rows or columns
_MAX_LABEL_COLUMNS = 3
_LOOKAHEAD = 20  # rows below a row that tell whether it names their columns
_YEAR = re.compile(r"(?:[FCH]Y)?[ -]?(?:19|20)\d\d(?:[/–-]\d{2,4})?[AEFPB]?\*?", re.IGNORECASE)
_NUMBER = re.compile(
    r"[-–−+~<>≤≥±( ]*(?:[$€£¥]|[A-Z]{3}\b)?\s*[-–−+]?\d[\d.,'’ \u00a0\u202f]*"
    r"(?:[eE][-+]?\d+)?(?:\s?(?:[%‰€$£¥)*]|[A-Za-zµ°]{1,3}(?![A-Za-zµ°])[²³]?)){0,4}"
)
_DATE = re.compile(
    r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T]\d{1,2}:\d\d.*)?|\d{1,2}:\d\d(?::\d\d)?"
    r"|\d{1,2}\.? \w{3,9}\.?,? \d{4}|\w{3,9}\.? (?:\d{1,2}, )?\d{4}"
)
_BLANKS = {"-", "–", "—", "n/a", "N/A", "n.a.", "k. A.", "...", "…"}  # in place of a value
_SCALE = (
    r"thousands?|millions?|billions?|trillions?|'?000s?|tsd|mio|mrd|tausend|millionen|milliarden"
    r"|milliers|milliards|percent|prozent|euros?|dollars?"
    r"|[ktm]?(?:eur|usd|gbp|chf|jpy|cny|inr|cad|aud|sek|nok|dkk|pln|czk|huf)"
)
_UNIT_IN_BRACKETS = re.compile(
    rf"[(\[]([^()\[\]]{{0,60}}?(?:\b(?:{_SCALE})\b|[€$£¥%])[^()\[\]]{{0,40}})[)\]]", re.IGNORECASE
)
_UNIT_ALONE = re.compile(
    r"(?:(?:all|amounts|figures|values|angaben|beträge|werte|montants)\b.{0,20}?\s)?"
    rf"((?:in|en)\s(?:\S+\s){{0,3}}?(?:(?:{_SCALE})\b|[ktm]?[€$£¥]|%).{{0,30}})",
    re.IGNORECASE,
)
_UNIT_SIGN = re.compile(
    r"[(\[][^()\[\]\d]{1,12}[)\]]|[kTM]?(?:[€$£¥]|EUR|USD|GBP|CHF)|[%‰]|°[CF]?"
    r"|[kKMGcmµ]?[mgJVAWNlLtTsS]|[mcdk]?m[²³23]|[kMG]?Wh|[kM]?Pa"
    r"|bar|min|h|[kMG]?Hz|Nm|dB|km/h|m/s|l/min|rpm|pcs|Stk\.?"
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row as it is shown: its texts from the first column on, and what names it (see `Block`).

    `index` is that of the row given. `is_caption` marks a title above the heads.
    """

    index: int
    texts: list[str]
    columns: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    is_caption: bool = False


def arrange_rows(rows: Sequence[Sequence[Cell]], *, caption: str = "") -> list[TableRow]:
    """Return the rows of a table that have text, with their heads, labels and unit.

    A value merged downwards is repeated in each row it covers, a head merged sideways in each
    column. Several head rows are joined for each column ("2024 Q1"). A label begins with the
    caption, and with the row of one cell that the row is below ("Europe, Germany"). Spans beyond
    the limits are cut.
    """
    grid = build_grid(rows)
    titles = _count_titles(grid)
    top, body = grid[:titles], grid[titles:]
    heads = _count_heads(body)
    if titles and not heads and any(row.is_single for row in body[:-1]):
        titles -= 1  # it is one subhead of several
        top, body = grid[:titles], grid[titles:]
    captions = [text for text in [caption, *(row.texts[0] for row in top)] if text]
    unit = _find_unit(captions, body[:heads])
    named = [text for text in captions[:1] if len(text) <= _MAX_LABEL]
    result = [TableRow(row.index, row.texts[:1], is_caption=True) for row in top]
    result += [TableRow(row.index, _trim(row.texts)) for row in body[:heads]]
    return result + list(_name_rows(body[heads:], _join_heads(body[:heads]), named, unit))


def _count_titles(grid: list[Row]) -> int:
    """Return how many rows at the top are titles: rows of one cell, with other rows below."""
    lone = sum(1 for _ in itertools.takewhile(lambda row: row.is_lone, grid))
    single = sum(1 for _ in itertools.takewhile(lambda row: row.is_single, grid))
    if lone > single and _count_heads(grid[lone:]):
        single = lone
    return single if single < len(grid) else 0


def _count_heads(grid: list[Row]) -> int:
    """Return how many rows at the top name the columns; at least one row is left below them."""
    marked = sum(
        1 for _ in itertools.takewhile(lambda row: row.is_marked and not row.is_lone, grid)
    )
    marked = 1 if marked == len(grid) else marked
    count = 0
    while count < len(grid) - 1 and (count < marked or _names_columns(grid, count)):
        count += 1
    return count


def _names_columns(grid: list[Row], at: int) -> bool:
    """Return True if an unmarked row names the columns, by its own text and what is below it."""
    row, below = grid[at], grid[at + 1 : at + 1 + _LOOKAHEAD]
    if at > 0:
        if row.is_lone:
            return _match_unit(row.texts[0]) != ""
        is_split = grid[at - 1].has_groups or _is_sparse(grid[at - 1])
        return _are_units(row) or (is_split and _are_names(row, below))
    if _is_sparse(row):
        return len(grid) > 2 and _names_sparsely(row, grid[1], below[1:])
    if row.has_groups:
        return _are_names(row, below)
    if row.slots[0].is_head or any(slot.is_below for slot in below[0].slots):
        return False
    return len(row.slots) > 1 and _are_names(row, below) and not _is_vertical(grid)


def _is_sparse(row: Row) -> bool:
    """Return True if texts are missing besides the corner, as where each is above several."""
    return not row.is_lone and not all(row.texts[1:])


def _names_sparsely(row: Row, following: Row, below: list[Row]) -> bool:
    """Return True if a row with gaps groups the heads in the row that follows."""
    if any(_kind(text) == "number" for text in row.texts) or not _are_names(following, below):
        return False
    return any(_kind(text) == "number" for other in below for text in other.texts)


def _are_names(row: Row, below: list[Row]) -> bool:
    """Return True if texts can be heads: all there but the corner, no numbers but years and dates.

    A year or date heads a column only if the values below it are none, or if years go on.
    """
    go_on = _are_years_in_order(row) and not any(map(_are_years_in_order, below))
    for at, text in enumerate(row.texts):
        kind = _kind(text)
        if kind == "number" or (not kind and at > 0) or len(text) > _MAX_LABEL:
            return False
        if kind in ("year", "date") and not go_on:
            kinds = [_kind(other.texts[at]) for other in below if other.texts[at]]
            if not kinds or sum(each == kind for each in kinds) * 2 > len(kinds):
                return False
    return True


def _are_years_in_order(row: Row) -> bool:
    """Return True if a name or the corner is before years that go on: "Region | 2023 | 2024"."""
    years = [int(text) for text in row.texts[1:] if _YEAR.fullmatch(text) and text.isdecimal()]
    steps = {later - year for year, later in itertools.pairwise(dict.fromkeys(years))}
    return steps in ({1}, {-1}) and _kind(row.texts[0]) in ("", "text")


def _are_units(row: Row) -> bool:
    """Return True if a row below the heads says in what the columns are measured."""
    texts = [text for text in row.texts if text]
    units = [text for text in texts[1:] if _UNIT_SIGN.fullmatch(text)]
    return len(texts) > 1 and len(units) == len(texts) - 1


def _is_vertical(grid: list[Row]) -> bool:
    """Return True for a list of names and values: two columns, and values of several kinds."""
    names = [row.texts[0] for row in grid]
    if names[0].endswith(":") or sum(name.endswith(":") for name in names) * 2 > len(names):
        return True
    kinds = {_kind(row.texts[1]).replace("year", "number") for row in grid[1:]} - {""}
    return len(grid[0].slots) == 2 and len(kinds) > 1


def _kind(text: str) -> str:
    if not text or text in _BLANKS:
        return ""
    if _YEAR.fullmatch(text):
        return "year"
    if _DATE.fullmatch(text):
        return "date"
    return "number" if _NUMBER.fullmatch(text) else "text"


def _find_unit(captions: list[str], heads: list[Row]) -> str:
    """Return the unit that a caption, a corner or a head of all columns states, else ""."""
    texts = [row.texts[0] for row in heads]
    texts += [row.texts[1] for row in heads if len({*row.texts[1:]}) == 1]
    units = [found[1] for text in captions if (found := _UNIT_IN_BRACKETS.search(text))]
    units += map(_match_unit, [*captions, *texts])
    return next((unit.strip() for unit in units if unit), "")


def _match_unit(text: str) -> str:
    """Return the unit if a text states nothing else, else ""."""
    found = _UNIT_IN_BRACKETS.fullmatch(text) or _UNIT_ALONE.fullmatch(text)
    return found[1] if found else ""


def _join_heads(rows: list[Row]) -> tuple[str, ...]:
    """Return one text for each column: its heads from top to bottom, none twice."""
    lines = [list(row.texts) for row in rows if not row.is_lone]
    for line, row in zip(lines[:-1], rows, strict=False):
        if not row.has_groups:
            _fill_gaps(line)
    return tuple(" ".join(dict.fromkeys(filter(None, heads))) for heads in zip(*lines, strict=True))


def _fill_gaps(line: list[str]) -> None:
    """Write a head in the empty places to its right; the corner heads no other column."""
    for at in range(2, len(line)):
        line[at] = line[at] or line[at - 1]


def _name_rows(
    rows: list[Row], columns: tuple[str, ...], captions: list[str], unit: str
) -> Iterator[TableRow]:
    """Yield the rows below the heads. Heads and rows of one cell between them begin new groups."""
    others = [row for row in rows if not row.is_lone]
    has_row_heads = any(row.slots[0].is_head and not row.is_marked for row in others)
    all_marked = all(row.is_marked for row in others)
    names = _count_label_columns(others)
    group: list[str] = []
    follows_group = False
    for at, row in enumerate(rows):
        is_last = at == len(rows) - 1
        is_group = not is_last and _is_group(row, has_row_heads=has_row_heads)
        if is_group:
            group = [*(group if follows_group else []), row.texts[0].rstrip(": ")]
        if is_group or row.is_single:  # others of one cell are notes
            yield TableRow(row.index, row.texts[:1])
        elif not (is_last or all_marked) and row.is_marked and _are_names(row, rows[at + 1 :]):
            columns, group = tuple(row.texts), []
            yield TableRow(row.index, _trim(row.texts))
        else:
            label = ", ".join(dict.fromkeys([*captions, *group, *_find_label(row, names)]))
            yield TableRow(row.index, _find_values(row), columns, label, unit)
        follows_group = is_group


def _is_group(row: Row, *, has_row_heads: bool) -> bool:
    """Return True for a row of one cell that is a subhead of the rows below it."""
    text = row.texts[0]
    if not row.is_lone or len(text) > _MAX_LABEL or _kind(text) == "number":
        return False
    return row.is_single or text.endswith(":") or (row.slots[0].is_head and not has_row_heads)


def _count_label_columns(rows: list[Row]) -> int:
    """Return how many columns at the left name the rows: heads, or cells merged downwards."""
    width = len(rows[0].slots) if rows else 0
    count = min(1, width - 1)
    while 0 < count < min(width - 1, _MAX_LABEL_COLUMNS):
        is_merged = any(row.slots[count - 1].is_below for row in rows)
        if not is_merged and not all(row.slots[count].is_head for row in rows):
            break
        count += 1
    return count


def _find_label(row: Row, count: int) -> list[str]:
    """Return what names a row: its first texts, or that after its number."""
    texts = _find_values(row)
    if len(texts) > 2 and count == 1 and _kind(texts[0]) == "number":
        count = 2
    names = [text for text in texts[:count] if 0 < len(text) <= _MAX_LABEL]
    return [text.rstrip(": ") for text in names if _kind(text) != "number"]


def _find_values(row: Row) -> list[str]:
    """Return the texts of a row; a name at its left or a long value is not repeated sideways."""
    if not any(slot.is_beside for slot in row.slots):
        return _trim(row.texts)
    texts = list(row.texts)
    first = 0
    for at, slot in enumerate(row.slots):
        first = first if slot.is_beside else at
        if slot.is_beside and (first == 0 or len(slot.text) > _MAX_VALUE_ACROSS):
            texts[at] = ""
    return _trim(texts)


def _trim(texts: list[str]) -> list[str]:
    """Return the texts without the empty ones at the end."""
    end = len(texts)
    while end and not texts[end - 1]:
        end -= 1
    return texts[:end]
