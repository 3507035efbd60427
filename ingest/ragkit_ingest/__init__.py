"""Files to documents to chunks: readers, the chunker and the processes that they run in."""

READER_VERSION = "4"
"""Increase it when readers improve: files that failed before are then read again."""
