"""Which model answers, and from how many passages."""

from __future__ import annotations

from html import escape

import streamlit as st

from ragkit.llms import InstalledModel
from ragkit_apps.ui.state.session import models, quiet

AUTO = "auto"


def draw_settings() -> None:
    """Which model answers, from how many passages; drawn last, for its server may be slow."""
    found = models()
    facts = {model.name: model for model in found.models}
    with st.expander("Model and passages", icon=":material/tune:"):
        if found.problem:
            quiet(found.problem)
        if facts:
            st.selectbox(
                "Model",
                [AUTO, *facts],
                key="model",
                persist_state="session",
                format_func=lambda name: (
                    "Chosen by ragkit" if name == AUTO else _with_licence(facts[name])
                ),
            )
            chosen = facts.get(st.session_state["model"]) or facts.get(found.chosen)
            if chosen is not None:
                why = found.why if st.session_state["model"] == AUTO else ""
                _draw_model(chosen, why)
                if "thinking" in chosen.capabilities:
                    st.toggle("Let it reason first", key="reasoning", persist_state="session")
        st.slider("Passages to answer from", 2, 20, 8, key="passages", persist_state="session")


def _with_licence(model: InstalledModel) -> str:
    return f"{model.name} ({model.licence or 'licence not stated'})"


def _draw_model(model: InstalledModel, why: str) -> None:
    fits = {True: "fits into memory", False: "does not fit into memory", None: ""}[model.fits]
    facts = [model.parameters, model.quantisation, fits]
    lines = [
        f"<b>{escape(model.name)}</b>" + (f", {escape(why)}" if why else ""),
        escape(", ".join(filter(None, facts))),
        escape(model.licence or "licence not stated"),
    ]
    st.html(f'<div class="quiet">{"<br>".join(filter(None, lines))}</div>')
