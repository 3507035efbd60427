"""Measurements on real documents; run with `python -m tests.benchmarks NAME`."""
