"""Reader processes: separate processes with limits that parse files."""
