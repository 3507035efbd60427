"""What people use: the command line, and later the page and the server."""
