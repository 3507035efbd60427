"""Rerankers: models that read a query together with a passage and score how well they match."""
