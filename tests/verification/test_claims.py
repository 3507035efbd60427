"""A claim states facts: quotations, dates, codes, numbers and names."""

from __future__ import annotations

import pytest

from ragkit.verification.claims import find_facts


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("The VX-4420 costs $5 million.", [("code", "VX-4420"), ("number", "$5 million")]),
        ("A 10-year-old pump weighs 5km.", [("number", "10-year"), ("number", "5km")]),
        ("Write to a.b@acme.com at 11:30.", [("code", "a.b@acme.com"), ("code", "11:30")]),
        ("He said “it was very late … and dark” in 2020.",
         [("quotation", "it was very late"), ("quotation", "and dark"), ("year", "2020")]),
        ("The answer to “who is it, then?” is Anna Lee.", [("name", "Anna Lee")]),
        ("The notice is 30² days.", [("number", "30")]),
        ("Contact Dr. Keller.", [("name", "Dr. Keller")]),
        ("Die Miete ist bei der Müller GmbH zu zahlen.", [("name", "Müller GmbH")]),
    ],
)  # fmt: skip
def test_the_facts_of_a_claim_are_found(said: str, found: list[tuple[str, str]]) -> None:
    assert [(fact.kind, fact.text) for fact in find_facts(said)] == found
