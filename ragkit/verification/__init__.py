"""Checks of an answer's statements against the passages that it cites."""
