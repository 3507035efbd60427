"""Custom Streamlit components: an answer with citation buttons, and pages that scroll to marks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

if TYPE_CHECKING:
    from ragkit import PageImage

_ANSWER_JS: Final = """
export default function ({ parentElement, data, setTriggerValue }) {
  const answer = parentElement.querySelector(".answer");
  if (data.announce) answer.setAttribute("aria-live", "polite");
  if (answer.dataset.html !== data.html) {
    answer.innerHTML = data.html;
    answer.dataset.html = data.html;
  }
  answer.onclick = (event) => {
    const chip = event.target.closest("button[data-cite]");
    if (chip) setTriggerValue("cite", Number(chip.dataset.cite));
  };
}
"""

# An opened source gets the keyboard focus and returns it when it is closed.
_FOCUS_JS: Final = """
function focused(part, data) {
  if (data.focusKey && part.dataset.focusKey !== data.focusKey) {
    part.before = document.activeElement;
    part.dataset.focusKey = data.focusKey;
    part.focus({ preventScroll: true });
  }
  return () => returnFocus(part, 20);
}
// The source leaves the page some time after it is closed; a redraw of it does not remove it. The
// chip that opened it may have been redrawn since: then the last one of that number gets the focus.
function returnFocus(part, tries) {
  if (part.isConnected) {
    if (tries) setTimeout(returnFocus, 50, part, tries - 1);
    return;
  }
  const before = part.before;
  const chips = document.querySelectorAll(`button[data-cite="${before?.dataset.cite}"]`);
  const target = before?.isConnected ? before : [...chips].at(-1);
  if (document.activeElement === document.body) target?.focus({ preventScroll: true });
}
"""

_SHEET_JS: Final = (
    _FOCUS_JS
    + """
export default function ({ parentElement, data }) {
  const sheet = parentElement.querySelector(".sheet");
  const leave = focused(sheet, data);
  const picture = sheet.querySelector("img");
  picture.alt = data.alt;
  picture.style.width = data.zoom + "%";
  sheet.setAttribute("aria-label", data.label);
  if (sheet.dataset.shown === data.name) return leave;
  sheet.dataset.shown = data.name;
  picture.onload = () => {
    const height = picture.clientHeight;
    sheet.scrollTop = data.top === null ? 0 : data.top * height - sheet.clientHeight / 4;
    sheet.scrollLeft = data.left === null ? 0 : data.left * picture.clientWidth - 24;
  };
  picture.src = data.picture;
  return leave;
}
"""
)
_SHEET_CSS: Final = """
.sheet { overflow: auto; max-height: calc(100vh - 22rem); min-height: 16rem; border-radius: .4rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.sheet:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.sheet img { display: block; max-width: none; background: #fff; }
"""

_TEXT_JS: Final = (
    _FOCUS_JS
    + """
export default function ({ parentElement, data }) {
  const text = parentElement.querySelector(".page-text");
  const leave = focused(text, data);
  if (text.dataset.html === data.html) return leave;
  text.innerHTML = data.html;
  text.dataset.html = data.html;
  const mark = text.querySelector("mark.highlight") || text.querySelector("mark");
  text.scrollTop = mark ? mark.offsetTop - text.offsetTop - text.clientHeight / 4 : 0;
  return leave;
}
"""
)

_answer = st.components.v2.component(
    "ragkit_answer", html='<div class="answer"></div>', js=_ANSWER_JS, isolate_styles=False
)
_sheet = st.components.v2.component(
    "ragkit_sheet",
    html='<div class="sheet" tabindex="0" role="region" aria-label="Page"><img></div>',
    css=_SHEET_CSS,
    js=_SHEET_JS,
    isolate_styles=False,
)
_text = st.components.v2.component(
    "ragkit_text",
    html='<div class="page-text" tabindex="0" role="region" aria-label="Text"></div>',
    js=_TEXT_JS,
    isolate_styles=False,
)


def draw_answer_html(
    html: str, key: str, on_cite: Callable[[int], None], *, announce: bool = False
) -> None:
    """Draw the HTML of `markup.render_answer`; a click on a citation calls `on_cite`.

    With `announce`, screen readers read it.
    """

    def handle_click() -> None:
        number = st.session_state[key].cite
        if number is not None:
            on_cite(number)

    _answer(key=key, data={"html": html, "announce": announce}, on_cite_change=handle_click)


def draw_page_image(
    image: PageImage, alt: str, key: str, *, name: str, zoom: int, focus_key: str = ""
) -> None:
    """Draw a page's image at `zoom` percent of the available width, scrolled to its first mark.

    A new `name` or zoom scrolls again; a new `focus_key` moves the keyboard focus here.
    """
    first: Any = image.boxes[0] if image.boxes else None
    _sheet(
        key=key,
        data={
            "picture": f"data:image/png;base64,{base64.b64encode(image.png).decode()}",
            "alt": alt,
            "label": alt.partition(";")[0],
            "focusKey": focus_key,
            "name": f"{name} {zoom}",
            "zoom": zoom,
            "top": first.top if first else None,
            "left": first.left if first and zoom > 100 else None,
        },
    )


def draw_page_text(html: str, key: str, *, focus_key: str = "") -> None:
    """Draw the HTML of `markup.render_passage`, scrolled to its mark.

    A new `focus_key` moves the keyboard focus here.
    """
    _text(key=key, data={"html": html, "focusKey": focus_key})
