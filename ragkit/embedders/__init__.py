"""Models that turn queries and chunks into vectors."""
