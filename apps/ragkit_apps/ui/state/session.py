"""The state of one visit: who visits, which sources are open, and the visitor's time zone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ragkit import Citation, Config, Hit, KnowledgeBase, RagkitError, View
from ragkit.llms import InstalledModel, choose_model, installed_models
from ragkit_apps.answer_parts import name_place
from ragkit_apps.ui.state.people import identify_browser
from ragkit_apps.ui.state.service import get_service

MODELS_CACHED_FOR = 20  # seconds


def identify_visitor() -> str:
    """Return the name of the principal: the one the page was started for, or this browser's.

    A browser that accepts no cookies is a new principal on each visit.
    """
    principal = get_service().principal
    if principal is not None:
        return principal.name
    name = identify_browser(str(st.context.headers.get("Cookie")))
    if name is None:
        name = st.session_state.setdefault("visitor", f"page:{secrets.token_hex(12)}")
    return str(name)


def open_view(kb: KnowledgeBase) -> View:
    """Return the knowledge base with the documents that the visitor can access."""
    principal = get_service().principal
    return kb.as_principal(identify_visitor(), principal.groups if principal else ())


def is_access_enforced(kb: KnowledgeBase | None) -> bool:
    """Return True if access control is on. Ask each time: a page may be older than the change."""
    return kb is not None and kb.access.mode != "off"


@dataclass(frozen=True, slots=True)
class Source:
    """An opened place in a document: characters [start, end) of one of its pages.

    `page` counts from 0. `highlights` are the ranges within the place that matter most, if known.
    `page_offset` counts the pages that the visitor has turned since, and `zoom` is a percentage.
    """

    document: int
    page: int
    start: int
    end: int
    title: str
    highlights: tuple[tuple[int, int], ...] = ()
    number: int | None = None
    page_offset: int = 0
    zoom: int = 100

    @classmethod
    def from_result(cls, result: Citation | Hit) -> Source:
        """Return the place that a citation or a hit refers to."""
        place = (result.document, result.page_ordinal, result.start, result.end)
        if isinstance(result, Citation):
            return cls(*place, name_place(result), result.highlights, result.number)
        return cls(*place, result.source)

    @property
    def current_page(self) -> int:
        """The page that is visible, counted from 0."""
        return self.page + self.page_offset


def open_source(slot: str, source: Source | None) -> None:
    """Open a place in a panel, or close the panel; each panel of the page has its own slot."""
    st.session_state[f"source-{slot}"] = source


def get_source(slot: str) -> Source | None:
    """Return the place that is open in a panel."""
    source: Source | None = st.session_state.get(f"source-{slot}")
    return source


def change_source(slot: str, **changes: int) -> None:
    """Turn the page or zoom, in the panel of this slot."""
    source = get_source(slot)
    if source is not None:
        open_source(slot, replace(source, **changes))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Models:
    """The models on the server, the default model and why it is the default; or an error."""

    models: tuple[InstalledModel, ...] = ()
    chosen: str = ""
    reason: str = ""
    error: str = ""


def list_models() -> Models:
    """Return the models on the server; they are the same for all visitors, and cached."""
    return _query_models(get_service().config)


@st.cache_data(ttl=MODELS_CACHED_FOR, show_spinner=False)
def _query_models(config: Config) -> Models:
    try:
        installed = installed_models(config)
        chosen, reason = choose_model(config.model, config, models=installed)
    except RagkitError as error:
        return Models(error=str(error))
    return Models(tuple(installed), chosen.name, reason)


def format_day(stored: str) -> str:
    """Return a stored UTC time as a day in the visitor's time zone: "22 Nov 2026"."""
    return _to_local_time(stored).strftime("%d %b %Y").lstrip("0")


def format_time(stored: str) -> str:
    """Return a stored UTC time in the visitor's time zone: "22 Nov 2026, 10:05"."""
    return _to_local_time(stored).strftime("%d %b %Y, %H:%M").lstrip("0")


def _to_local_time(stored: str) -> datetime:
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    return datetime.fromisoformat(stored).astimezone(zone)
