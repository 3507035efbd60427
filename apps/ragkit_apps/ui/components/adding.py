"""Adding documents: uploads, folders of this machine, and how far an ingest is."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from ragkit import KnowledgeBase
from ragkit.errors import SourceError
from ragkit_apps.text import format_progress
from ragkit_apps.ui.components.markup import plain_name, shortened
from ragkit_apps.ui.serving import Service
from ragkit_apps.ui.state.ingesting import Ingesting, Stopped, allowed_folder, save_upload
from ragkit_apps.ui.state.session import notice, plainly, quiet, say_error

_MOST_FOLDERS = 300


def draw_uploader(service: Service) -> None:
    """Takes files from the visitor's computer into the base."""
    with st.form("upload", border=False, clear_on_submit=True):
        files = st.file_uploader(
            "Files from your computer",
            accept_multiple_files=True,
            help="They are kept inside the base and never leave this machine.",
        )
        replace = st.checkbox(
            "Replace files of the same name", help="Else the new one is kept beside the old one."
        )
        if st.form_submit_button("Add to the base", type="primary") and files:
            with plainly():
                kb = service.base(create=True)
                assert kb is not None
                for file in files:
                    save_upload(kb.uploads, file.name, file, replace=replace)
                _begin(service, [kb.uploads], "Uploaded files")


def draw_folders(service: Service, kb: KnowledgeBase | None) -> None:
    """Brings the base up to date with a folder of this machine."""
    roots = folders_of(service, kb)
    if not roots:
        quiet(
            "Folders of this machine can be ingested from here once the page is started with: "
            "ragkit ui --root FOLDER"
        )
        return
    with st.form("folder", border=False):
        chosen = st.selectbox(
            "A folder on this machine",
            [str(folder) for folder in choices(roots)],
            accept_new_options=True,
            help="Unchanged files are left alone, vanished ones removed.",
        )
        if st.form_submit_button("Bring up to date") and chosen:
            folder = Path(chosen)
            with plainly():
                if not allowed_folder(folder, roots):
                    raise SourceError(
                        f"{folder} is in none of the folders that this page may read; start it "
                        f"with: ragkit ui --root {folder}"
                    )
                base = service.base(create=True)
                assert base is not None
                _begin(service, [folder], str(folder))


def folders_of(service: Service, kb: KnowledgeBase | None) -> list[Path]:
    """The folders that may be ingested from the page: those set, and those in the base already.

    One of which only single files were ingested is none of them.
    """
    known = [Path(folder) for folder in kb.status().whole_folders] if kb is not None else []
    found = [*service.roots, *known]
    own = [kb.path] if kb is not None else []
    return [
        path
        for path in dict.fromkeys(found)
        if path.is_absolute() and path.is_dir() and not any(map(path.is_relative_to, own))
    ]


def choices(roots: Sequence[Path]) -> list[Path]:
    """The roots, each followed by the folders right inside it."""
    found: list[Path] = []
    for root in roots:
        with os.scandir(root) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
        found += [root, *(root / name for name in names)]
    return found[:_MOST_FOLDERS]


def _begin(service: Service, paths: list[Path], what: str) -> None:
    kb = service.base()
    assert kb is not None
    service.ingests.begin(kb, paths, what)
    st.rerun()


_REMEMBERED = 120.0  # seconds that an ingest's end is told to whoever comes


def draw_ingest(service: Service) -> None:
    """The ingest that runs, for everybody at the page; then what came of it."""
    state = service.ingests.last
    if state is None or st.session_state.get("seen-ingest") is state:
        return
    if state.ended is None:
        st.session_state["watched-ingest"] = state
    elif (
        st.session_state.get("watched-ingest") is not state
        and time.monotonic() - state.ended > _REMEMBERED
    ):
        return
    with st.container(border=True, key="ingest"):
        if state.running:
            st.fragment(partial(_draw_progress, service, state), run_every=0.5)()
        else:
            _draw_report(state)


def _draw_progress(service: Service, state: Ingesting) -> None:
    if not state.running:
        st.rerun()
    progress = state.progress
    st.markdown(f"**Ingesting {plain_name(state.what)}**")
    if progress is None or progress.stage == "scan":
        st.progress(0.0, "Looking at the files")
    else:
        done = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
        source = shortened(progress.source, 60)
        line = plain_name(f"{format_progress(progress)}  {source}")
        st.progress(min(1.0, done), line)
    if state.wants_stop:
        quiet("Stopping after the document at hand; what is done stays in the base.")
    else:
        st.button("Stop", key="stop-ingest", icon=":material/stop_circle:", on_click=state.stop)
    if waiting := service.ingests.waiting:
        quiet(f"Then: {', '.join(waiting)}")


def _draw_report(state: Ingesting) -> None:
    st.markdown(f"**{plain_name(state.what)}**")
    if isinstance(state.error, Stopped):
        notice(str(state.error))
    elif state.error is not None:
        say_error(state.error)
    report = state.report
    if report is not None:
        names = ("added", "updated", "unchanged", "renamed", "removed", "failed")
        counts = {name: len(getattr(report, name)) for name in names}
        parts = [f"{count:,} {name}" for name, count in counts.items() if count]
        notice(", ".join(parts) or "Nothing to do")
        for failed in report.failed[:50]:
            detail = f" ({failed.detail})" if failed.detail else ""
            st.html(
                f'<div class="quiet warning">{escape(failed.source)}: '
                f"{escape(failed.reason + detail)}</div>"
            )
        for source, warning in report.warnings[:50]:
            quiet(f"{source}: {warning}")
    st.button("Close", key="close-report", on_click=_seen, args=(state,))


def _seen(state: Ingesting) -> None:
    st.session_state["seen-ingest"] = state
