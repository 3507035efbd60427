"""Forms in Word documents: which box is ticked, what was chosen, what is only a placeholder.

Content controls are `w:sdt`; the older form fields are complex fields with `w:ffData`. Source:
ISO/IEC 29500-1, 17.5.2 and 17.16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragkit_ingest.readers.docx_styles import W, is_on, is_set, to_int, value_at

if TYPE_CHECKING:
    Element = Any  # an lxml element

_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_TICKED, _EMPTY = "☒", "☐"


def read_tick(control: Element) -> str:
    """Return the box of a content control that is a check box ("☒", "☐"), "" of another one."""
    box = control.find(f"{W}sdtPr/{_W14}checkbox")
    if box is None:
        return ""
    state = box.find(f"{_W14}checked")
    ticked = state is not None and is_on(state.get(f"{_W14}val", "1"))
    return _TICKED if ticked else _EMPTY


def is_placeholder(control: Element) -> bool:
    """Return whether a content control shows a hint ("Choose an item.") and holds nothing yet."""
    properties = control.find(f"{W}sdtPr")
    return properties is not None and is_set(properties, "showingPlcHdr")


def read_form_field(data: Element | None) -> str:
    """Return what a form field shows that has no text as its result: a tick or a choice."""
    if data is None:
        return ""
    box = data.find(f"{W}checkBox")
    if box is not None:
        states = [name for name in ("checked", "default") if box.find(f"{W}{name}") is not None]
        return _TICKED if states and is_set(box, states[0]) else _EMPTY
    choices = data.find(f"{W}ddList")
    if choices is None:
        return value_at(data, "textInput/default")
    entries = [entry.get(f"{W}val", "") for entry in choices.findall(f"{W}listEntry")]
    chosen = to_int(value_at(choices, "result") or value_at(choices, "default"), 0)
    return entries[chosen] if chosen < len(entries) else ""
