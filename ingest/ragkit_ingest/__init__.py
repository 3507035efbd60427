"""From files to documents to chunks: readers, the chunker and the processes they run in."""

READER_VERSION = "2"
"""Grows when readers learn something: files that failed before are then read again."""
