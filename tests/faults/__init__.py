"""Fault injection: kills, failing and full disks, power cuts and damaged files.

`python -m tests.faults SWEEP` runs one sweep and prints its score. It knows ragkit by its commands
and its public names alone; a command is added to the sweeps in `operations.py`.
"""
