"""Checks of an answer's statements against the passages that it cites.

A statement is one sentence of an answer. Its clauses are its claims (`claims`). The text that a
citation stands for is its evidence (`evidence`), whose facts are found in any spelling
(`fact_index`). A statement is supported if the check of each claim finds no problem (`checker`).
`highlights` finds the sentences of the evidence that say what a statement says.
"""
