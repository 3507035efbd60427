"""Turns a query into ranked passages."""
