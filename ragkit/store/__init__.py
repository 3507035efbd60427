"""The database of a knowledge base: SQLite is the only truth, indexes are derived from it."""
