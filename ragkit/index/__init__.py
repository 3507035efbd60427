"""Derived indexes: vectors in FAISS, words in tantivy. Both can be thrown away at any time."""
