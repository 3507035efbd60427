"""What a browser shows in a line of text: raised digits, list numbers, form values, pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ragkit_ingest.readers.html_math import write_math
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoded import remove_encoded
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

BLOCK_TAGS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details"),
    *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header"),
    *("hgroup", "hr", "html", "legend", "main", "ol", "p", "section", "summary", "table", "tbody"),
    *("td", "tfoot", "th", "thead", "tr", "ul"),
}
_UNSHOWN_INPUTS = {
    *("hidden", "password", "submit", "button", "reset", "image", "file", "search", "color"),
    "range",
}
_STYLED = re.compile(r"line-through|vertical-align\s*:\s*su", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,200})\{([^{}]{1,2000})\}")
_STYLE_COMMENT = re.compile(r"<!--|-->|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/")
_CLASS = re.compile(r"\s*[a-z]*\.([\w-]+)\s*")
_NOTE = re.compile(r"foot-?note|note-?ref|\bfn\b|\bcitation|\breference", re.IGNORECASE)
_NAME_OF_PICTURE = re.compile(
    r"\S+\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?|avif)|(?:[\w.&-]+ ){0,3}(?:logo|icon)"
    r"|(?:the )?(?:image|img|photo|picture|bild|foto|spacer|thumbnail|avatar)\W*\d*"
    r"|https?://\S*|data:\S*|\W*",
    re.IGNORECASE,
)
_STYLES_OF_LISTS = {
    "a": "lower-alpha",
    "A": "upper-alpha",
    "i": "lower-roman",
    "I": "upper-roman",
    "lower-latin": "lower-alpha",
    "upper-latin": "upper-alpha",
}
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_MIN_ENCODED = 40  # characters of a text in which encoded data may be
_NAME_WORDS = 3  # a drawing whose name has fewer words is an icon
_LIST_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*([^;]*)")


class InlineReader:
    """Reads the elements of one page that are shown otherwise than as their text.

    `struck` counts the passages that are struck out and `encoded` the pieces of encoded data, such
    as pictures in letters: they are left out.
    """

    def __init__(self, tree: LexborHTMLParser, source: str) -> None:
        self.struck = 0
        self.encoded = 0
        self._is_styled = bool(_STYLED.search(source))
        self._classes = _find_classes(tree) if self._is_styled else {}
        self._next: dict[int, int] = {}
        self._readers: dict[str, Callable[[LexborNode], str]] = {
            "img": _describe_picture,
            "input": _read_input,
            "select": _read_select,
            "textarea": lambda node: f" {node.text().strip()} ",
            "sup": _raise_node,
            "sub": lambda node: lower_text(node.text()),
            "ruby": _read_ruby,
            "math": write_math,
            "svg": _read_drawing,
            "iframe": lambda node: "",
            "br": lambda node: "\r",  # the parser turned real ones into newlines
            **dict.fromkeys(("del", "s", "strike"), self._strike),
        }

    def show(self, node: LexborNode) -> str | None:
        """Return the text of an element that is shown otherwise, None for all others."""
        read = self._readers.get(node.tag or "")
        if read is not None:
            return read(node)
        if not self._is_styled:
            return None
        attributes = node.attributes
        style = (attributes.get("style") or "").lower()
        names = (attributes.get("class") or "").split()
        looks = {self._classes[name] for name in names if name in self._classes}
        looks.add(_find_look(style))
        if "struck" in looks:
            return self._strike(node)
        if "raised" in looks:
            return _raise_node(node)
        return lower_text(node.text()) if "lowered" in looks else None

    def read_text(self, node: LexborNode) -> str:
        """Return the text of a text node, without encoded data such as pictures."""
        text = node.text_content or ""
        if len(text) > _MIN_ENCODED:
            text, encoded = remove_encoded(text)
            self.encoded += encoded
        return text

    def read_line(self, root: LexborNode) -> str:
        """Return the text of an element and all below it on one line."""
        pieces: list[str] = []
        stack: list[LexborNode | str] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                pieces.append(node)
            elif node.is_text_node:
                pieces.append(self.read_text(node))
            elif node.is_element_node:
                shown = self.show(node) if node.mem_id != root.mem_id else None
                if shown is not None:
                    pieces.append(shown)
                    continue
                if node.tag in BLOCK_TAGS or node.tag == "li":
                    pieces.append(f" {self.number_item(node) if node.tag == 'li' else ''}")
                    stack.append(" ")
                stack.extend(reversed(list(node.iter(include_text=True))))
        return one_line("".join(pieces))

    def number_item(self, item: LexborNode) -> str:
        """Return the number of an item of an ordered list ("3. "), "" in another list."""
        parent = item.parent
        if parent is None or parent.tag != "ol":
            return ""
        attributes = parent.attributes
        is_reversed = "reversed" in attributes
        number = self._next.get(parent.mem_id)
        if number is None:
            count = sum(child.tag == "li" for child in parent.iter()) if is_reversed else 1
            number = _parse_number(attributes.get("start"), count)
        number = _parse_number(item.attributes.get("value"), number)
        self._next[parent.mem_id] = number + (-1 if is_reversed else 1)
        style = _list_style(item) or _list_style(parent) or "decimal"
        return "" if style == "none" else f"{_format_number(number, style)}. "

    def _strike(self, node: LexborNode) -> str:
        self.struck += bool(node.text().strip())
        return ""


def _find_classes(tree: LexborHTMLParser) -> dict[str, str]:
    """Return the classes that the page's own style sheets strike, raise or lower."""
    found: dict[str, str] = {}
    for sheet in tree.css("style"):
        for selectors, body in _RULE.findall(_STYLE_COMMENT.sub(" ", sheet.text())):
            look = _find_look(body.lower())
            for selector in selectors.split(",") if look else ():
                if name := _CLASS.fullmatch(selector):
                    found[name[1]] = look
    return found


def _find_look(style: str) -> str:
    if "line-through" in style:
        return "struck"
    shift = re.search(r"vertical-align\s*:\s*(super|sub)\b", style)
    return "" if shift is None else "raised" if shift[1] == "super" else "lowered"


def _raise_node(node: LexborNode) -> str:
    """Return a superscript; a mark that refers to a note is set apart."""
    text = node.text()
    names = " ".join(node.attributes.get(name) or "" for name in ("class", "role", "id"))
    parent = node.parent
    is_linked = node.css_first("a") is not None or (parent is not None and parent.tag == "a")
    return f" {raise_text(text)}" if is_linked or _NOTE.search(names) else raise_text(text)


def _describe_picture(node: LexborNode) -> str:
    alt = one_line(node.attributes.get("alt") or "")
    return "" if _NAME_OF_PICTURE.fullmatch(alt) else f" {alt} "


def _read_drawing(node: LexborNode) -> str:
    """Return the texts of a drawing with its title; one without a text of some words is an icon."""
    if node.attributes.get("aria-hidden") == "true":
        return ""
    texts = [one_line(text.text()) for text in node.css("text")]
    title = node.css_first("title")
    name = one_line(title.text()) if title is not None else ""
    name = name or one_line(node.attributes.get("aria-label") or "")
    if not any(texts) and len(name.split()) < _NAME_WORDS:
        return ""
    return f"\r{' '.join(filter(None, [name, *texts]))}\r"


def _read_input(node: LexborNode) -> str:
    attributes = node.attributes
    kind = (attributes.get("type") or "text").lower()
    if kind in ("checkbox", "radio"):
        return " ☒ " if "checked" in attributes else " ☐ "
    return "" if kind in _UNSHOWN_INPUTS else f" {one_line(attributes.get('value') or '')} "


def _read_select(node: LexborNode) -> str:
    """Return the chosen options, or the first one, which a browser shows if none is chosen."""
    options = node.css("option")
    chosen = [option for option in options if "selected" in option.attributes]
    if not chosen and "multiple" not in node.attributes:
        chosen = [option for option in options[:1] if option.attributes.get("value", "-") != ""]
    return f" {', '.join(one_line(option.text()) for option in chosen)} "


def _read_ruby(node: LexborNode) -> str:
    """Return words and, after the last of several in a row, how they are read: 東京(とうきょう)."""
    previous = node.prev
    if previous is not None and previous.tag == "ruby":
        return ""
    bases: list[str] = []
    readings: list[str] = []
    word: LexborNode | None = node
    while word is not None and word.tag == "ruby":
        for piece in word.iter(include_text=True):
            if piece.tag in ("rt", "rtc"):
                readings.append(one_line(piece.text()))
            elif piece.tag != "rp":
                bases.append(piece.text_content or "" if piece.is_text_node else piece.text())
        word = word.next
    base, reading = "".join("".join(bases).split()), "".join(readings)
    return f"{base}({reading})" if reading else base


def _parse_number(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,9}", text.strip()) else default


def _list_style(node: LexborNode) -> str:
    attributes = node.attributes
    found = _LIST_STYLE.search((attributes.get("style") or "").lower())
    names = [found[1].split()[0]] if found and found[1].strip() else []
    kind = attributes.get("type") or ""
    style = names[0] if names else kind.strip()
    return _STYLES_OF_LISTS.get(style, style)


def _format_number(number: int, style: str) -> str:
    """Return a number as a list shows it: "3", "c" or "iii"; unknown styles are decimal."""
    text = str(number)
    if style.endswith("-alpha") and number > 0:
        text = ""
        while number:
            number, digit = divmod(number - 1, 26)
            text = chr(97 + digit) + text
    elif style.endswith("-roman") and 0 < number < 4000:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (number // value)
            number %= value
    return text.upper() if style.startswith("upper-") else text
