"""The look of the page: colours for light and dark, the wordmark, and additional CSS."""

from __future__ import annotations

from typing import Final

# Paper, ink, deep green, and marker yellow for what can be checked.
_LIGHT: Final = {
    "primaryColor": "#176b52",
    "backgroundColor": "#fdfcf9",
    "secondaryBackgroundColor": "#f3f0e8",
    "textColor": "#1d2422",
    "borderColor": "#ddd8cc",
    "linkColor": "#176b52",
    "yellowBackgroundColor": "#ffe48a",
    "codeTextColor": "#1d2422",
    "codeBackgroundColor": "#f3f0e8",
    "chartCategoricalColors": ["#176b52", "#d9a400", "#7a6f5c", "#3f7fae", "#b4543a"],
}
_DARK: Final = {
    "primaryColor": "#1f7f62",
    "backgroundColor": "#15191a",
    "secondaryBackgroundColor": "#1e2425",
    "textColor": "#e9e7e1",
    "borderColor": "#343c3d",
    "linkColor": "#6fd0b0",
    "yellowBackgroundColor": "#5f500f",
    "codeTextColor": "#e9e7e1",
    "codeBackgroundColor": "#1e2425",
    "chartCategoricalColors": ["#4dbd97", "#e8bf3f", "#a79c87", "#7ab3da", "#e08a70"],
}
_SIDEBAR: Final = {
    "light": {"backgroundColor": "#f3f0e8", "secondaryBackgroundColor": "#fdfcf9"},
    "dark": {"backgroundColor": "#101415", "secondaryBackgroundColor": "#1e2425"},
}
_THEME: Final = {
    "baseRadius": "0.5rem",
    "buttonRadius": "0.5rem",
    "baseFontSize": 16,
    "headingFontSizes": ["1.75rem", "1.35rem", "1.1rem"],
    "headingFontWeights": [650, 650, 600],
    "showSidebarBorder": False,
    "showWidgetBorder": True,
    "metricValueFontSize": "1.75rem",
}


def build_options() -> dict[str, object]:
    """Return the theme as options of Streamlit."""
    options: dict[str, object] = {f"theme.{key}": value for key, value in _THEME.items()}
    for name, colours in (("light", _LIGHT), ("dark", _DARK)):
        options |= {f"theme.{name}.{key}": value for key, value in colours.items()}
        options |= {f"theme.{name}.sidebar.{key}": value for key, value in _SIDEBAR[name].items()}
    return options


# Strokes for the letters of "ragkit", in a box of 4 by 6 each; the marker lies behind "kit".
_LETTERS = (
    "M2 22V12M2 15.5Q3 12 7.5 12",
    "M18.5 12V22M18.5 17A4.5 5 0 1 1 9.5 17A4.5 5 0 1 1 18.5 17",
    "M31.5 12V24Q31.5 28 27 28Q24 28 22.9 26.2M31.5 17A4.5 5 0 1 1 22.5 17A4.5 5 0 1 1 31.5 17",
    "M37 6V22M44 12L37 18M39.6 15.8L44.5 22",
    "M49.5 12V22M49.5 7.2V7.4",
    "M55.5 7.5V19Q55.5 22 58.5 22H60M53 12H60",
)


def build_wordmark(ink: str) -> str:
    """Return ragkit's name as an SVG image, with letters in the colour of `ink`."""
    paths = "".join(f'<path d="{letter}"/>' for letter in _LETTERS)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 30" role="img" '
        'aria-label="ragkit" height="30" width="64">'
        '<rect x="34.5" y="9.5" width="28.5" height="14.5" rx="2" fill="#ffd84a" '
        f'fill-opacity="0.85"/><g fill="none" stroke="{ink}" stroke-width="2.4" '
        f'stroke-linecap="round" stroke-linejoin="round">{paths}</g></svg>'
    )


def build_icon() -> str:
    """Return the icon of the browser tab as SVG: a marked line on paper."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
        'rx="7" fill="#176b52"/><rect x="6" y="13" width="20" height="7" rx="1.5" fill="#ffd84a"/>'
        '<g stroke="#fff" stroke-width="2.4" stroke-linecap="round"><path d="M8 9h13M8 24.5h9"/>'
        '</g><path d="M9 16.5h13" stroke="#1d2422" stroke-width="2.4" stroke-linecap="round"/>'
        "</svg>"
    )


def build_style(*, dark: bool) -> str:
    """Return the page's CSS; its colours derive from the text colour, except marker yellow."""
    paper = (_DARK if dark else _LIGHT)["backgroundColor"]
    return f"<style>:root {{ --ragkit-paper: {paper}; }}{_STYLE}</style>"


_STYLE = """
.block-container { padding: 4.25rem 2.5rem 2rem; max-width: 90rem; }
[data-testid="stStatusWidget"] button { display: none; }
[data-testid="stPopover"] button[aria-expanded="true"] { color: inherit; }
.st-key-talk, .st-key-one-page { max-width: 54rem; margin: 0 auto; }
[data-testid="stHorizontalBlock"]:has(> * .st-key-talk, > * .st-key-found)
  > [data-testid="stColumn"]:last-child:not(:has(.st-key-source)) { display: none; }
h1.heading { font-size: 1.75rem; padding: 0; margin: 0; }
h2.heading { font-size: 1.3rem; padding: .5rem 0 0; margin: 0; }
h3.heading { font-size: 1rem; padding: 0; margin: 0; }
h2.source { font-size: 1rem; padding: 0; margin: 0; overflow-wrap: anywhere; }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden;
  clip-path: inset(50%);
}
.notice {
  padding: .6rem .9rem; border-radius: .5rem; overflow-wrap: anywhere; white-space: pre-line;
  border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-left-width: 4px;
}
.notice.bad { border-left-color: #c8551f; }
.notice.good { border-left-color: #d9a400; }
[data-testid="stBottomBlockContainer"] { max-width: 90rem; padding: 1rem 2.5rem 1.75rem; }
body:not(:has(.st-key-source)) [data-testid="stBottomBlockContainer"] { max-width: 59rem; }
.cite {
  font: inherit; font-size: .74em; font-weight: 650; line-height: 1;
  color: #1d2422; background: #ffe48a;
  border: 0; border-radius: .35em; padding: .12em .42em .16em; margin: 0 .1em;
  vertical-align: .28em;
}
button.cite { cursor: pointer; }
button.cite:hover { background: #ffd84a; }
button.cite:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
mark.doubt {
  background: none; color: inherit; text-decoration: underline wavy #c8551f;
  text-decoration-thickness: 1.5px; text-underline-offset: .25em; cursor: help;
}
mark.passage, mark.highlight {
  background: #ffe26e; color: #1d2422; border-radius: .15em; padding: .05em 0;
}
mark.passage.faint { background: #fff4be; }
.answer { line-height: 1.6; overflow-wrap: anywhere; }
.answer p { margin: 0 0 .75em; }
.answer table { border-collapse: collapse; margin: 0 0 .75em; display: block; overflow-x: auto; }
.answer td, .answer th {
  border: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  padding: .3em .6em; text-align: left;
}
.answer pre { overflow-x: auto; }
.answer.unsupported { opacity: .75; }
.quote { margin: 0 0 .9rem; }
.answer .quote p { margin: 0 0 .35rem; }
.answer .quote table { display: table; margin: 0; }
.answer .quote .scroll { overflow-x: auto; margin: 0 0 .35rem; overflow-wrap: normal; }
.quote caption { text-align: left; font-size: .86rem; opacity: .8; padding-bottom: .25rem; }
.quote th { font-weight: 500; font-size: .86rem; opacity: .85; }
.quote td.asked { background: #ffe26e; color: #1d2422; font-weight: 650; }
.quote.best p { font-size: 1.3rem; line-height: 1.45; }
.quote.best td { font-size: 1.15rem; }
.quote strong { font-weight: 650; }
button.source {
  font: inherit; font-size: .86rem; color: inherit; text-align: left; cursor: pointer;
  background: none; border: 0; padding: .1rem 0;
}
button.source:hover { text-decoration: underline; }
button.source:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
button.cite.found {
  background: none; color: inherit; font-weight: 500; vertical-align: baseline; opacity: .85;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent);
}
details.places summary { cursor: pointer; font-size: .92rem; margin-bottom: .6rem; }
details.places .quote {
  padding-left: .9rem; border-left: 2px solid color-mix(in srgb, currentColor 20%, transparent);
}
.answer.writing > :last-child::after {
  content: ""; display: inline-block; width: .5em; height: 1em; margin-left: .15em;
  vertical-align: -.15em; background: currentColor; opacity: .6;
  animation: ragkit-blink 1s steps(2) infinite;
}
@keyframes ragkit-blink { 50% { opacity: 0; } }
@media (prefers-reduced-motion: reduce) {
  .answer.writing > :last-child::after { animation: none; }
}
.page-text {
  white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; font-size: .92rem;
  max-height: 65vh; overflow-y: auto; padding: 1rem 1.1rem; border-radius: .5rem;
  border: 1px solid color-mix(in srgb, currentColor 15%, transparent);
}
.page-text .cut { opacity: .55; display: block; }
.badge {
  display: inline-block; font-size: .75rem; font-weight: 600; letter-spacing: .01em;
  padding: .1rem .5rem; border-radius: 1rem; margin-bottom: .4rem;
  border: 1px solid color-mix(in srgb, currentColor 30%, transparent);
}
.badge.extractive { border-style: dashed; }
.quiet { opacity: .75; font-size: .86rem; overflow-wrap: anywhere; margin: 0; }
.path { opacity: .8; font-size: .86rem; margin-bottom: .3rem; overflow-wrap: anywhere; }
[class*="st-key-document-"], [class*="st-key-hit-box-"], [class*="st-key-chunk-box-"] {
  padding: .35rem .9rem .6rem;
}
.chunk { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .92rem; }
.warning { color: color-mix(in srgb, currentColor 60%, #c8551f); opacity: 1; }
[class*="st-key-icon-"] button { padding-left: .55rem; padding-right: .55rem; }
[class*="st-key-icon-"] button span { gap: 0; }
[class*="st-key-icon-"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
@media (min-width: 1151px) {
  [data-testid="stColumn"]:has(.st-key-source) {
    position: sticky; top: 4.25rem; align-self: flex-start;
  }
}
@media (max-width: 1150px) {
  [data-testid="stColumn"]:has(.st-key-source) { flex: 0 0 0; min-width: 0; width: 0; }
  .st-key-source {
    position: fixed; top: 0; right: 0; bottom: 0; left: auto; width: min(38rem, 100vw);
    z-index: 999990; padding: 1rem; overflow: auto; background: var(--ragkit-paper);
    box-shadow: -1rem 0 3rem #0004;
  }
}
@media (max-width: 640px) {
  .block-container { padding-left: 1rem; padding-right: 1rem; }
  [data-testid="stBottomBlockContainer"] { padding: .5rem 1rem 1rem; }
}
:is(.st-key-conversations, .st-key-suggestions, .st-key-documents, .st-key-outline,
  [class*="st-key-hit-box-"], [class*="st-key-chunk-box-"]) button :is(div, span) {
  justify-content: flex-start;
}
:is(.st-key-conversations, .st-key-suggestions, .st-key-documents, .st-key-outline,
  [class*="st-key-hit-box-"], [class*="st-key-chunk-box-"]) button p {
  text-align: left; overflow-wrap: anywhere;
}
.details { line-height: 1.7; }
[class*="st-key-passages-"] button { min-height: 1.9rem; text-align: left; }
.text { overflow-wrap: anywhere; }
"""
