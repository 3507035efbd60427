"""The web page: Streamlit draws it, `ragkit ui` serves it."""
