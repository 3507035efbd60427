"""The ragkit command."""
