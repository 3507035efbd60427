"""Finds the content of a web page: without menus and banners, with what folds out at a click."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_NOISE = (
    "script, style, template, object, canvas, audio, video, datalist, nav, a.headerlink,"
    " [role='navigation'], [role='search'], [aria-modal='true'],"
    " #onetrust-consent-sdk, #CybotCookiebotDialog,"
    " [class*='cookie-banner'], [class*='cookie-consent'], [class*='cookie-notice'],"
    " [id*='cookie-banner'], [id*='cookie-consent'], [id*='cookie-notice']"
)
_MAYBE_HIDDEN = "[hidden], [aria-hidden='true'], [style], dialog"
_HIDING_STYLE = re.compile(
    r"display:none|visibility:hidden|font-size:0+(?:\.0*)?(?:px|pt|em|rem|%)?(?:;|!|$)"
)
_PANEL = re.compile(
    r"accordion|collaps|faq|answer|toggle|tab-?(?:pane|panel|content)|expand|panel|spoiler|details"
    r"|\bmore\b|read-?more",
    re.IGNORECASE,
)
_MENU = re.compile(
    r"menu|nav|modal|popup|cookie|consent|drop-?down|tooltip|lightbox|off-?canvas|search|share"
    r"|overlay|drawer|login|newsletter|template|banner|side-?bar|clone",
    re.IGNORECASE,
)
_SIDEBAR = re.compile(
    r"side-?bar|widget|related|share|social|promo|\bads?\b|advert|\btoc\b|newsletter|author|banner"
    r"|menu|nav|breadcrumb|recommend|subscri|cookie",
    re.IGNORECASE,
)
_CALLOUT = re.compile(
    r"\bnote\b|warn|callout|admonition|\btip\b|caution|danger|\binfo|important|alert|hint|attention"
    r"|remark|example",
    re.IGNORECASE,
)
_GROUP = re.compile(r"accordion|\bfaq|\btabs\b|toggle|collaps", re.IGNORECASE)
_SWITCH = "button, summary, dt, [aria-expanded], [role='button'], [role='tab'], [onclick]"
_SWITCHES = (
    "[aria-controls], [data-target], [data-bs-target], [role='button'], [role='tab'],"
    " [data-toggle], [data-bs-toggle], [onclick], a[href^='#']"
)
_QUOTED_NAME = re.compile(r"""["']#?([\w-]+)["']""")  # of what a script shows
_LINK_SHARE = 0.6  # of the letters of a menu are in links, at least
_SENTENCE_WORDS = 5  # an aside with fewer is no passage
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary")


def remove_noise(tree: LexborHTMLParser) -> tuple[int, int]:
    """Remove what is not content; return the characters and the passages that are hidden.

    Panels that a click unfolds are content. `decompose` unlinks a whole subtree and frees it with
    the tree (selectolax 1.0), so a node inside a removed one counts as empty.
    """
    for node in tree.css(_NOISE):
        node.decompose()
    _choose_noscript(tree)
    characters, passages = _remove_hidden(tree)
    for node in tree.css("aside"):
        if not _is_callout(node):
            node.decompose()
    _move_tabs(tree)
    _remove_buttons(tree)
    for node in tree.css("header, footer"):
        is_inside = _is_inside(node, ("article", "main", "blockquote"))
        has_title = node.tag == "header" and node.css_first("h1") is not None
        if not (is_inside or has_title) or _is_menu(node):
            node.decompose()
    body = len(tree.body.text()) if tree.body is not None else 0
    for node in tree.css("form"):
        # a form that has most of the text is the page, as in ASP.NET
        if len(node.text()) < body / 2 and not _is_filled(node):
            node.decompose()
    return characters, passages


def find_content(tree: LexborHTMLParser) -> LexborNode | None:
    """Return <main> or the only <article> if it has most of the text, else the body."""
    body = tree.body
    if body is None:
        return tree.root
    size = len(one_line(body.text()))
    for selector in ("main, [role='main']", "article"):
        found = tree.css(selector)
        if len(found) == 1 and len(one_line(found[0].text())) > size / 2:
            return found[0]
    return body


def _choose_noscript(tree: LexborHTMLParser) -> None:
    """Remove what is shown without scripts, unless a page without scripts shows nothing else."""
    nodes = tree.css("noscript")
    size = len(one_line(tree.body.text())) if nodes and tree.body is not None else 0
    if size > sum(len(one_line(node.text())) for node in nodes):
        for node in nodes:
            node.decompose()


def _remove_hidden(tree: LexborHTMLParser) -> tuple[int, int]:
    characters = passages = 0
    targets: set[str] | None = None
    for node in tree.css(_MAYBE_HIDDEN):
        if not _is_hidden(node):
            continue
        text = one_line(node.text())
        targets = _find_targets(tree) if targets is None else targets
        is_menu = _is_menu(node)
        if text and not is_menu and _is_panel(node, targets):
            continue
        characters += len(text)
        passages += not is_menu and len(text.split()) > 2
        node.decompose()
    return characters, passages


def _is_hidden(node: LexborNode) -> bool:
    if node.tag in ("html", "body", "main"):  # hidden until a script shows them
        return False
    attributes = node.attributes
    if "hidden" in attributes and attributes["hidden"] != "until-found":
        return True
    if node.tag == "dialog" and "open" not in attributes:
        return True
    style = "".join((attributes.get("style") or "").lower().split())
    if _HIDING_STYLE.search(style):
        return True
    return attributes.get("aria-hidden") == "true" and not _is_passage(node)


def _is_passage(node: LexborNode) -> bool:
    """Return True for paragraphs that are hidden only from listeners, as behind an open window."""
    return node.css_first("p, h1, h2, h3, li, table") is not None and not _is_menu(node)


def _find_targets(tree: LexborHTMLParser) -> set[str]:
    """Return the ids of the elements that a click shows."""
    targets: set[str] = set()
    for node in tree.css(_SWITCHES):
        targets.update(_find_own_targets(node))
    return targets


def _find_own_targets(node: LexborNode) -> list[str]:
    attributes = node.attributes
    names = ("aria-controls", "data-target", "data-bs-target", "href")
    values = " ".join(attributes.get(name) or "" for name in names)
    scripts = _QUOTED_NAME.findall(attributes.get("onclick") or "")
    return [word.removeprefix("#") for word in values.split()] + scripts


def _is_panel(node: LexborNode, targets: set[str]) -> bool:
    """Return True if hidden content is shown at a click on what stands above it."""
    attributes = node.attributes
    if node.tag == "dialog":
        return False
    if attributes.get("id") in targets or attributes.get("role") == "tabpanel":
        return True
    if _PANEL.search(attributes.get("class") or ""):
        return True
    if node.tag in ("span", "i", "b", "em", "svg"):
        return False
    parent = node.parent
    if parent is not None and _GROUP.search(_names(parent)):
        return True
    above = _previous_element(node)
    if above is None and parent is not None:
        above = _previous_element(parent)
    if above is None:
        return False
    asks = above.tag in _HEADINGS and above.text().rstrip().endswith("?")
    return asks or above.css_matches(_SWITCH) or above.css_first(_SWITCH) is not None


def _previous_element(node: LexborNode) -> LexborNode | None:
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    return before


def _next_element(node: LexborNode) -> LexborNode | None:
    after = node.next
    while after is not None and not after.is_element_node:
        after = after.next
    return after


def _is_menu(node: LexborNode) -> bool:
    """Return True if an element is named as a menu or window, or most of it are links."""
    return bool(_MENU.search(_names(node))) or _link_share(node) > _LINK_SHARE


def _link_share(node: LexborNode) -> float:
    size = len(one_line(node.text()))
    return sum(len(one_line(link.text())) for link in node.css("a[href]")) / size if size else 0


def _names(node: LexborNode) -> str:
    attributes = node.attributes
    return " ".join(attributes.get(name) or "" for name in ("class", "id", "role"))


def _is_callout(aside: LexborNode) -> bool:
    """Return True if an aside is a note or warning of the text, and not a list of links."""
    names = _names(aside)
    if _link_share(aside) > _LINK_SHARE:
        return False
    if _CALLOUT.search(names):
        return True
    if _SIDEBAR.search(names):
        return False
    words = len(aside.text().split())
    return words >= _SENTENCE_WORDS or (words > 0 and _is_inside(aside, ("article", "main")))


def _move_tabs(tree: LexborHTMLParser) -> None:
    """Put the name of each tab above its panel."""
    tabs = tree.css("[role='tab']")
    panels = {node.attributes.get("id"): node for node in (tree.css("[id]") if tabs else [])}
    for tab in tabs:
        names = _find_own_targets(tab)
        panel = next((panels[name] for name in names if name in panels), None)
        if panel is not None and panel.mem_id != tab.mem_id and panel.text().strip():
            panel.insert_before(tab)
            tab.decompose()


def _remove_buttons(tree: LexborHTMLParser) -> None:
    """Remove buttons, except headings and those that unfold a panel."""
    buttons = tree.css("button")
    nodes = tree.css("[id]") if buttons else []
    ids = {node.attributes.get("id"): node for node in nodes}
    for button in buttons:
        panels = [ids.get(name) for name in _find_own_targets(button)]
        if not panels and ("aria-expanded" in button.attributes or _PANEL.search(_names(button))):
            panels = [_next_element(button)]
        opens = any(panel is not None and panel.text().strip() for panel in panels)
        if not (opens or _is_inside(button, _HEADINGS)):
            button.decompose()


def _is_filled(form: LexborNode) -> bool:
    """Return True if a form has text, boxes or choices filled in, or several named fields."""
    if _MENU.search(_names(form)):
        return False
    texts = any(node.text().strip() for node in form.css("textarea"))
    kinds = ("text", "number", "date", "email", "tel", "url", "time", "month", "datetime-local", "")
    inputs = [node.attributes for node in form.css("input")]
    values = any(each.get("value") and (each.get("type") or "") in kinds for each in inputs)
    boxes = any("checked" in each for each in inputs)
    labels = len(form.css("label, legend")) > 2 and _is_inside(form, ("article", "main"))
    return texts or values or boxes or labels or len(form.css("option[selected]")) > 1


def _is_inside(node: LexborNode, tags: tuple[str, ...]) -> bool:
    parent = node.parent
    while parent is not None and parent.tag not in tags:
        parent = parent.parent
    return parent is not None
