"""Access control, audit log, erasure and retention."""
