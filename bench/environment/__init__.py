"""The machine: what it is (``describe``), and what it does while a cell runs (``observe_cell``)."""

from bench.environment.facts import FACTS, Fact, describe, differences, fingerprint, shown
from bench.environment.readings import Reading, between, observe_cell, take

__all__ = [
    "FACTS",
    "Fact",
    "Reading",
    "between",
    "describe",
    "differences",
    "fingerprint",
    "observe_cell",
    "shown",
    "take",
]
