"""Adding documents: uploads, folders of this machine, and the progress of an ingest."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from ragkit import IngestReport, KnowledgeBase
from ragkit.errors import SourceError
from ragkit_apps.text import format_progress
from ragkit_apps.ui.components.markup import escape_markdown, shorten
from ragkit_apps.ui.components.messages import (
    draw_caption,
    draw_error,
    draw_notice,
    show_errors,
)
from ragkit_apps.ui.state.ingesting import IngestRun, IngestStopped
from ragkit_apps.ui.state.service import Service
from ragkit_apps.ui.state.uploads import is_allowed_folder, save_upload

MAX_OFFERED_FOLDERS = 300
MAX_LISTED_FILES = 50
REPORT_SHOWN_FOR = 120.0  # seconds after the end, to visitors who did not see it run


def draw_uploader(service: Service) -> None:
    """Draw the form that uploads files from the visitor's computer and ingests them."""
    with st.form("upload", border=False, clear_on_submit=True):
        files = st.file_uploader(
            "Files from your computer",
            accept_multiple_files=True,
            help="ragkit stores them in the knowledge base; they never leave this machine.",
        )
        replace = st.checkbox(
            "Replace files of the same name",
            help="Otherwise a number is added to the name of the new file.",
        )
        if st.form_submit_button("Add documents", type="primary") and files:
            with show_errors():
                kb = service.open_kb(create=True)
                assert kb is not None
                for file in files:
                    save_upload(kb.uploads, file.name, file, replace=replace)
                _start_ingest(service, [kb.uploads], "Uploaded files")


def draw_folders(service: Service, kb: KnowledgeBase | None) -> None:
    """Draw the form that ingests a folder of this machine."""
    folders = list_allowed_folders(service, kb)
    if not folders:
        draw_caption(
            "To ingest folders of this machine from here, start the page with: "
            "ragkit ui --folder FOLDER"
        )
        return
    with st.form("folder", border=False):
        chosen = st.selectbox(
            "A folder on this machine",
            [str(folder) for folder in list_subfolders(folders)],
            accept_new_options=True,
            help="Unchanged files are skipped. Documents whose files no longer exist are removed.",
        )
        if st.form_submit_button("Ingest") and chosen:
            folder = Path(chosen)
            with show_errors():
                if not is_allowed_folder(folder, folders):
                    raise SourceError(
                        f"{folder} is not in a folder that this page can ingest; allow it with: "
                        f"ragkit ui --folder {folder}"
                    )
                service.open_kb(create=True)
                _start_ingest(service, [folder], str(folder))


def list_allowed_folders(service: Service, kb: KnowledgeBase | None) -> list[Path]:
    """Return the folders that the page can ingest: those set, and those ingested before.

    A folder is not ingested if only single files of it were.
    """
    ingested = [Path(folder) for folder in kb.status().whole_folders] if kb is not None else []
    excluded = [kb.path] if kb is not None else []
    return [
        path
        for path in dict.fromkeys([*service.folders, *ingested])
        if path.is_absolute() and path.is_dir() and not any(map(path.is_relative_to, excluded))
    ]


def list_subfolders(folders: Sequence[Path]) -> list[Path]:
    """Return the folders, each followed by its direct subfolders."""
    listed: list[Path] = []
    for folder in folders:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
        listed += [folder, *(folder / name for name in names)]
    return listed[:MAX_OFFERED_FOLDERS]


def _start_ingest(service: Service, paths: list[Path], title: str) -> None:
    kb = service.open_kb()
    assert kb is not None
    service.ingests.start(kb, paths, title)
    st.rerun()


def draw_ingest(service: Service) -> None:
    """Draw the running ingest to all visitors, then its report until they close it."""
    run = service.ingests.latest
    if run is None or st.session_state.get("closed-ingest") is run:
        return
    if run.ended_at is None:
        st.session_state["watched-ingest"] = run
    elif (
        st.session_state.get("watched-ingest") is not run
        and time.monotonic() - run.ended_at > REPORT_SHOWN_FOR
    ):
        return
    with st.container(border=True, key="ingest"):
        if run.is_running:
            st.fragment(partial(_draw_progress, service, run), run_every=0.5)()
        else:
            _draw_end(run)


def _draw_progress(service: Service, run: IngestRun) -> None:
    if not run.is_running:
        st.rerun()
    progress = run.progress
    st.markdown(f"**Ingesting {escape_markdown(run.title)}**")
    if progress is None or progress.stage == "scan":
        st.progress(0.0, "Scanning files")
    else:
        done = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
        line = f"{format_progress(progress)}  {shorten(progress.source, 60)}"
        st.progress(min(1.0, done), escape_markdown(line))
    if run.is_stopping:
        draw_caption("Stopping after the current document. Finished documents are kept.")
    else:
        st.button("Stop", key="stop-ingest", icon=":material/stop_circle:", on_click=run.stop)
    if waiting := service.ingests.waiting:
        draw_caption(f"Next: {', '.join(waiting)}")


def _draw_end(run: IngestRun) -> None:
    st.markdown(f"**{escape_markdown(run.title)}**")
    if isinstance(run.error, IngestStopped):
        draw_notice(str(run.error))
    elif run.error is not None:
        draw_error(run.error)
    if run.report is not None:
        _draw_report(run.report)
    st.button("Close", key="close-report", on_click=_close_report, args=(run,))


def _draw_report(report: IngestReport) -> None:
    names = ("added", "updated", "unchanged", "renamed", "removed", "failed")
    counts = {name: len(getattr(report, name)) for name in names}
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    draw_notice(", ".join(parts) or "Nothing to do")
    for error in report.failed[:MAX_LISTED_FILES]:
        detail = f" ({error.detail})" if error.detail else ""
        st.html(
            f'<div class="quiet warning">{escape(error.source)}: '
            f"{escape(error.reason + detail)}</div>"
        )
    for source, warning in report.warnings[:MAX_LISTED_FILES]:
        draw_caption(f"{source}: {warning}")


def _close_report(run: IngestRun) -> None:
    st.session_state["closed-ingest"] = run
