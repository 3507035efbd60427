"""The text of paragraphs in Word documents: runs, fields, symbols, form controls and drawings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit_ingest.readers.docx_fields import is_number_field, write_field
from ragkit_ingest.readers.docx_forms import is_placeholder, read_form_field, read_tick
from ragkit_ingest.readers.docx_styles import PLAIN, RunFormat, Style, Styles, W, read_format
from ragkit_ingest.readers.drawingml import TextTally
from ragkit_ingest.readers.equations import write_equation
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text
from ragkit_ingest.text.symbols import translate_symbols

if TYPE_CHECKING:
    Element = Any  # an lxml element

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
# Wrappers whose content is in the text: insertions, moved text where it went, links. Deletions
# (w:del, w:moveFrom) are in no list here, and phonetic guides (w:rt) are left out.
WRAPPERS = {
    f"{W}{tag}"
    for tag in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "hyperlink")
} | {f"{W}{tag}" for tag in ("dir", "bdo", "ruby", "rubyBase")}
WRAPPERS.add("{http://schemas.microsoft.com/office/word/2010/wordml}conflictIns")
_CHARACTERS = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}br": "\n", f"{W}cr": "\n"}
_CHARACTERS[f"{W}noBreakHyphen"] = "-"
_NOTES = {f"{W}footnoteReference": "Footnote", f"{W}endnoteReference": "Endnote"}
_NOTES[f"{W}commentReference"] = "Comment"
_PAGE_FIELDS = ("PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION")
_SHIFTS = {"superscript": raise_text, "subscript": lower_text}


class Follower(NamedTuple):
    """What follows the paragraph that it is anchored in.

    `kind` is "Footnote", "Endnote" or "Comment" with the `id` of the note, or "drawing" or "table"
    with its element.
    """

    kind: str
    id: str = ""
    element: Element = None


@dataclass(slots=True)
class Tally(TextTally):
    """Counts what was left out of the text of a document."""

    hidden: int = 0
    placeholders: int = 0
    unnumbered: int = 0
    controls: int = 0


@dataclass(slots=True)
class Content:
    """The content of a paragraph or cell: its text, and what follows it."""

    followers: list[Follower] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _shifted: list[str] = field(default_factory=list)
    _script: str = ""

    @property
    def text(self) -> str:
        """The text so far."""
        self._close_script()
        return "".join(self._pieces)

    def add(self, text: str, script: str = "") -> None:
        """Append a text. Those of the same script ("superscript", "subscript") are one."""
        if script != self._script:
            self._close_script()
            self._script = script
        (self._shifted if script in _SHIFTS else self._pieces).append(text)

    def _close_script(self) -> None:
        if self._shifted:
            self._pieces.append(_SHIFTS[self._script]("".join(self._shifted)))
            self._shifted.clear()
        self._script = ""


@dataclass(slots=True)
class _Field:
    """A complex field: its instruction, then its result, which is what is shown.

    `unshown` is the text of its instruction, in case it never ends.
    """

    form: Element | None
    is_result: bool = False
    is_filled: bool = False
    instruction: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)


class RunReader:
    """Reads the runs of paragraphs. Page numbers are left out with `skip_page_numbers`."""

    def __init__(self, styles: Styles, tally: Tally, *, skip_page_numbers: bool = False) -> None:
        self._styles = styles
        self._tally = tally
        self._skip_page_numbers = skip_page_numbers
        self._fields: list[_Field] = []
        self._is_struck = False
        self._base = PLAIN
        self._paragraph_handlers: dict[str, Callable[[Element, Content], None]] = {
            **dict.fromkeys(WRAPPERS, self._collect),
            f"{W}r": self._collect_run,
            f"{W}sdt": self._collect_control,
            f"{W}fldSimple": self._collect_simple_field,
            f"{_M}oMath": self._collect_equation,
            f"{_M}oMathPara": self._collect_equation,
        }
        self._run_handlers: dict[str, Callable[[Element, RunFormat, Content], None]] = {
            f"{W}t": self._add_text,
            f"{W}sym": self._add_symbol,
            f"{W}fldChar": self._turn_field,
            f"{W}instrText": self._add_instruction,
            f"{W}ruby": self._add_ruby,
            **dict.fromkeys(_CHARACTERS, self._add_character),
            **dict.fromkeys(_NOTES, self._add_note),
            **dict.fromkeys([f"{W}drawing", f"{W}pict", f"{W}object"], self._add_drawing),
        }

    def read(self, paragraph: Element, style: Style, content: Content) -> None:
        """Append the content of a paragraph of a style."""
        self._base = style.format
        self._is_struck = False
        self._fields.clear()
        self._collect(paragraph, content)
        for unclosed in self._fields:
            content.add("".join(unclosed.unshown))

    def _collect(self, element: Element, content: Content) -> None:
        for child in element:
            handler = self._paragraph_handlers.get(child.tag)
            if handler is not None:
                handler(child, content)

    def _collect_run(self, run: Element, content: Content) -> None:
        run_format = self._base
        for child in run:
            handler = self._run_handlers.get(child.tag)
            if handler is not None:
                handler(child, run_format, content)
            elif child.tag == f"{W}rPr":
                run_format = self._format(child)

    def _format(self, properties: Element) -> RunFormat:
        own = read_format(properties)
        style = properties.find(f"{W}rStyle")
        if style is None:
            return own.over(self._base) if own is not PLAIN else self._base
        styled = self._styles.get(style.get(f"{W}val", "")).format
        return own.over(styled.toggle(self._base))

    def _add(self, text: str, run_format: RunFormat, content: Content) -> None:
        """Append a text unless it is hidden, struck out or an instruction."""
        if run_format.is_hidden:
            self._tally.hidden += len(one_line(text))
            return
        if run_format.is_struck:
            self._tally.struck += not self._is_struck and bool(text.strip())
            self._is_struck = self._is_struck or bool(text.strip())
            return
        self._is_struck = self._is_struck and not text.strip()
        open_field = next((entry for entry in self._fields if not entry.is_result), None)
        if open_field is not None:
            open_field.unshown.append(text)
            return
        for entry in self._fields:
            entry.is_filled = True
        content.add(text, run_format.script)

    def _add_text(self, element: Element, run_format: RunFormat, content: Content) -> None:
        text = element.text or ""
        if run_format.font:
            text = translate_symbols(text, run_format.font)
        self._add(text, run_format, content)

    def _add_character(self, element: Element, run_format: RunFormat, content: Content) -> None:
        self._add(_CHARACTERS[element.tag], run_format, content)

    def _add_symbol(self, element: Element, run_format: RunFormat, content: Content) -> None:
        code = element.get(f"{W}char", "")
        try:
            letter = chr(int(code, 16))
        except (ValueError, OverflowError):
            return
        self._add(translate_symbols(letter, element.get(f"{W}font", "")), run_format, content)

    def _add_ruby(self, element: Element, run_format: RunFormat, content: Content) -> None:
        if not run_format.is_hidden and not run_format.is_struck:
            self._collect(element, content)

    def _add_note(self, element: Element, run_format: RunFormat, content: Content) -> None:
        if not run_format.is_hidden and not run_format.is_struck:
            content.followers.append(Follower(_NOTES[element.tag], element.get(f"{W}id", "")))

    def _add_drawing(self, element: Element, run_format: RunFormat, content: Content) -> None:
        if not run_format.is_hidden:
            self._tally.controls += element.find(f"{W}control") is not None
            content.followers.append(Follower("drawing", element=element))

    def _add_instruction(self, element: Element, run_format: RunFormat, content: Content) -> None:
        if self._fields:
            self._fields[-1].instruction.append(element.text or "")

    def _turn_field(self, element: Element, run_format: RunFormat, content: Content) -> None:
        kind = element.get(f"{W}fldCharType")
        if kind == "begin":
            self._fields.append(_Field(element.find(f"{W}ffData")))
        elif kind == "separate" and self._fields:
            entry = self._fields[-1]
            entry.is_result = not self._is_page_number("".join(entry.instruction))
        elif kind == "end" and self._fields:
            entry = self._fields.pop()
            if not entry.is_filled:
                self._close_empty_field(entry, run_format, content)

    def _close_empty_field(self, entry: _Field, run_format: RunFormat, content: Content) -> None:
        """Append what a field shows that has no result: a form field, a symbol, an equation."""
        instruction = "".join(entry.instruction)
        self._tally.unnumbered += is_number_field(instruction)
        self._add(read_form_field(entry.form) or write_field(instruction), run_format, content)

    def _collect_simple_field(self, element: Element, content: Content) -> None:
        if not self._is_page_number(element.get(f"{W}instr", "")):
            self._collect(element, content)

    def _is_page_number(self, instruction: str) -> bool:
        words = instruction.split()
        return self._skip_page_numbers and bool(words) and words[0].upper() in _PAGE_FIELDS

    def _collect_control(self, control: Element, content: Content) -> None:
        tick = read_tick(control)
        if tick:
            self._add(tick, self._base, content)
        elif is_placeholder(control):
            self._tally.placeholders += 1
        else:
            self._collect(control, content)

    def _collect_equation(self, element: Element, content: Content) -> None:
        self._add(write_equation(element), self._base, content)
