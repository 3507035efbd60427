"""The similarity threshold of an embedder: cosines below it mean that a passage is off topic."""

from __future__ import annotations

import numpy as np

from ragkit.embedders.base import Embedder, normalize

# Everyday questions at a company, each with a passage that answers it. The threshold of every
# knowledge base depends on these texts: changing a word changes it.
_PAIRS = (
    ("How many days of holiday do I get?", "Full-time staff may take 27 days of paid leave."),
    ("When is my travel refunded?", "Expense claims are paid with the salary of the next month."),
    ("Who repairs the printer?", "Faults of office machines are dealt with by the technicians."),
    ("What does the replacement filter cost?", "Spare parts: filter cartridge, 48.20 euros each."),
    ("Which suppliers deliver steel?", "Sheet metal and bars come from two mills in the north."),
    ("How long is the guarantee?", "Defects reported within 24 months are mended free of charge."),
    ("Where do I park my bicycle?", "A covered stand for bikes is behind the canteen."),
    ("What was the profit last year?", "Net income rose to 12 million after 9 million before."),
    ("How often are backups made?", "The database is copied every night and kept for a month."),
    ("Can I work from home?", "Up to two days a week may be spent in remote work."),
    ("Who approves a purchase order?", "Orders above 5,000 need the signature of a director."),
    ("What must I do in case of fire?", "Leave by the nearest exit and gather at the car park."),
    ("Which password rules apply?", "A passphrase has at least fourteen characters."),
    ("How is the pump lubricated?", "Grease the bearings after every 500 hours of operation."),
    ("When is the invoice due?", "Payment is to be made within 30 days of billing."),
    ("Which personal data is stored?", "We keep the name, address and birthday of customers."),
)  # fmt: skip
POSITION = 0.7
"""The default position of the threshold, measured with `python -m tests.benchmarks abstention`."""


def measure_similarity_threshold(embedder: Embedder, *, position: float = POSITION) -> float:
    """Return the cosine below which a passage says nothing about a question.

    Embedders differ in the cosines that they give. So the threshold is measured on built-in pairs
    of questions and passages. It lies between the mean cosine of those that do not belong together
    (position 0) and of those that do (position 1). Raises EmbedderError as `normalize` does.
    """
    count = len(_PAIRS)
    questions = normalize(embedder.encode_query([q for q, _ in _PAIRS]), count, embedder)
    passages = normalize(embedder.encode_document([p for _, p in _PAIRS]), count, embedder)
    cosines = questions @ passages.T
    together = float(np.diag(cosines).mean())
    apart = float(cosines[~np.eye(count, dtype=bool)].mean())
    return round(apart + position * (together - apart), 3)
