"""The settings of an answer: model, reasoning and number of passages."""

from __future__ import annotations

from html import escape

import streamlit as st

from ragkit.llms import InstalledModel
from ragkit_apps.ui.components.messages import draw_caption
from ragkit_apps.ui.state.session import list_models

AUTO = "auto"
_FITS = {True: "fits into memory", False: "does not fit into memory", None: ""}


def draw_settings() -> None:
    """Draw the settings. Call it last: the model server may respond slowly."""
    models = list_models()
    by_name = {model.name: model for model in models.models}
    with st.expander("Model and passages", icon=":material/tune:"):
        if models.error:
            draw_caption(models.error)
        if by_name:
            st.selectbox(
                "Model",
                [AUTO, *by_name],
                key="model",
                persist_state="session",
                format_func=lambda name: (
                    "Automatic" if name == AUTO else _format_model(by_name[name])
                ),
            )
            name = st.session_state["model"]
            chosen = by_name.get(name) or by_name.get(models.chosen)
            if chosen is not None:
                _draw_model(chosen, models.reason if name == AUTO else "")
                if "thinking" in chosen.capabilities:
                    st.toggle("Reason first", key="reasoning", persist_state="session")
        st.slider("Passages to answer from", 2, 20, 8, key="passages", persist_state="session")


def _format_model(model: InstalledModel) -> str:
    return f"{model.name} ({model.licence or 'licence unknown'})"


def _draw_model(model: InstalledModel, reason: str) -> None:
    facts = filter(None, (model.parameters, model.quantisation, _FITS[model.fits]))
    lines = [
        f"<b>{escape(model.name)}</b>" + (f", {escape(reason)}" if reason else ""),
        escape(", ".join(facts)),
        escape(model.licence or "licence unknown"),
    ]
    st.html(f'<div class="quiet">{"<br>".join(filter(None, lines))}</div>')
