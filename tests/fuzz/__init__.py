"""Readers against damaged and hostile files: `python -m tests.fuzz` runs them all."""
