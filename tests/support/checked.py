"""The check of an answer against passages that are only texts."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit import Statement
from ragkit.verification.checker import check_answer
from ragkit.verification.evidence import Evidence


def check_texts(text: str, passages: Sequence[str], query: str = "") -> tuple[Statement, ...]:
    """Check an answer in which [n] stands for the nth passage."""
    evidence = {number: Evidence(passage) for number, passage in enumerate(passages, 1)}
    return check_answer(text, evidence, query)
