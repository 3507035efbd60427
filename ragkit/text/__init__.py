"""Pure functions on strings: keywords, sentences, numbers, dates, sanitizing and word lists."""
