"""Reader processes: child processes with limits that parse untrusted files."""
