"""From files to committed documents."""
