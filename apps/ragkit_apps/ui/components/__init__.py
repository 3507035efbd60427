"""Parts that the pages draw."""
