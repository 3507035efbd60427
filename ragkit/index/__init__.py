"""Indexes derived from the database: vectors in FAISS, words in tantivy."""
