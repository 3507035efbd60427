"""What a page keeps between two runs of its script."""
