"""Verify, repair, back up, restore and export a knowledge base."""
