"""Pure functions on text: decoding, cleaning, lines and paragraphs."""
