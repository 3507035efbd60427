"""Derived indexes: vectors in FAISS, words in tantivy. Both can be rebuilt at any time."""
