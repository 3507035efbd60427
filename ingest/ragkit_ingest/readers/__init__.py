"""Readers: one module for each file format, with a function that turns bytes into a document."""
