"""Pure functions on strings: keywords, sentences, numbers, dates."""
