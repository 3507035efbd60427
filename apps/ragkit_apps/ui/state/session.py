"""What one person's visit to the page holds, and the few pieces that all of its parts draw."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ragkit import Citation, Config, Hit, KnowledgeBase, RagkitError, View
from ragkit.llms import InstalledModel, choose_model, installed_models
from ragkit_apps.ui.components.markup import one_line, where_of
from ragkit_apps.ui.serving import current
from ragkit_apps.ui.state.people import person


def who() -> str:
    """Who asks: the principal that the page was started for, or the person at this browser.

    One that takes no cookies is a new person at each visit.
    """
    principal = current().who
    if principal is not None:
        return principal.name
    known = person(str(st.context.headers.get("Cookie")))
    if known is None:
        known = st.session_state.setdefault("visitor", f"page:{secrets.token_hex(12)}")
    return str(known)


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a document that is looked at: characters [start, end) of one of its pages.

    `highlights` are the ranges within it that matter most, if that is known.
    """

    document: int
    page: int
    start: int
    end: int
    title: str
    highlights: tuple[tuple[int, int], ...] = ()
    number: int | None = None
    turned: int = 0  # pages away from it
    zoom: int = 100

    @property
    def shown(self) -> int:
        return self.page + self.turned


def source_of(found: Citation | Hit) -> Source:
    place = (found.document, found.page_ordinal, found.start, found.end)
    if isinstance(found, Citation):
        return Source(*place, where_of(found), found.highlights, found.number)
    return Source(*place, found.source)


def open_source(slot: str, source: Source | None) -> None:
    """Look at a place; each part of the page that shows one has a slot of its own."""
    st.session_state[f"source-{slot}"] = source


def opened(slot: str) -> Source | None:
    found: Source | None = st.session_state.get(f"source-{slot}")
    return found


def change_source(slot: str, **changes: int) -> None:
    """Turn the page or zoom."""
    source = opened(slot)
    if source is not None:
        open_source(slot, replace(source, **changes))  # type: ignore[arg-type]


@contextmanager
def plainly() -> Iterator[None]:
    """Show what went wrong in plain words, and the way out that ragkit's errors name."""
    try:
        yield
    except (RagkitError, OSError) as error:
        say_error(error)


def say_error(error: Exception) -> None:
    notice(str(error), bad=True)


def notice(text: str, *, bad: bool = False) -> None:
    """A line that people should see; a `bad` one is read out at once."""
    kind, role = ("bad", "alert") if bad else ("good", "status")
    st.html(f'<div class="notice {kind}" role="{role}">{escape(text)}</div>')


def heading(text: str, level: int = 1) -> None:
    """A heading in which nothing is Markdown."""
    st.html(f'<h{level} class="heading">{escape(one_line(text))}</h{level}>')


def quiet(text: str) -> None:
    """A line in the background."""
    st.html(f'<p class="quiet">{escape(text)}</p>')


def seen(kb: KnowledgeBase) -> View:
    """The base as whoever is at this browser sees it."""
    principal = current().who
    return kb.as_principal(who(), principal.groups if principal else ())


def is_access_enforced(kb: KnowledgeBase | None) -> bool:
    """Whether not everybody reads everything; asked anew where a page may be from before."""
    return kb is not None and kb.access.mode != "off"


def base_with_documents() -> View | None:
    """What may be read, if there is something; else the page says what to do, and this is None."""
    service = current()
    kb = service.base()
    if kb is not None:
        view = seen(kb)
        if view.status().documents:
            return view
        if is_access_enforced(kb):
            heading("Nothing here for you yet")
            quiet("None of the documents in this base may be read by you; ask whoever keeps it.")
            return None
    what = "There is no base yet" if kb is None else "The base is empty"
    heading(what)
    say_how("Upload some files, or ingest a folder on this machine:", service.path)
    if st.button("Add documents", type="primary", icon=":material/upload_file:"):
        st.switch_page(st.session_state["pages"]["documents"])
    return None


def say_how(text: str, base: Path) -> None:
    """Say how documents come into a base where there are none."""
    quiet(text)
    st.code(f"ragkit ingest FOLDER --kb {base}", language=None)


@dataclass(frozen=True, slots=True)
class Models:
    """The models that could answer, and which of them does unless told otherwise; or why none."""

    models: tuple[InstalledModel, ...] = ()
    chosen: str = ""
    why: str = ""
    problem: str = ""


def models() -> Models:
    """What the model server has; the same for everybody, and asked every now and then."""
    return _models(current().config)


@st.cache_data(ttl=20, show_spinner=False)
def _models(config: Config) -> Models:
    try:
        found = installed_models(config)
        chosen, why = choose_model(config.model, config, models=found)
    except RagkitError as error:
        return Models(problem=str(error))
    return Models(tuple(found), chosen.name, why)


def day_of(at: str) -> str:
    """A stored UTC time as the day where the reader is: "22 Nov 2026"."""
    return _local(at).strftime("%d %b %Y").lstrip("0")


def time_of(at: str) -> str:
    """A stored UTC time as the reader's clock has it."""
    return _local(at).strftime("%d %b %Y, %H:%M").lstrip("0")


def _local(at: str) -> datetime:
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    return datetime.fromisoformat(at).astimezone(zone)
