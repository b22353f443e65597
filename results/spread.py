"""A row's spread as a small drawing: p05 to p95, p25 to p75, the estimate, on one axis for all rows of a
unit in a table. The numbers stand beside it in the row; it is for the eye alone."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vocabulary import SummaryRow

WIDTH = 120.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Places on the axis, 0 to ``WIDTH``."""

    p05: float
    p25: float
    middle: float
    p75: float
    p95: float


def spreads(rows: Sequence[SummaryRow]) -> dict[int, Spread]:
    """By ``id`` of the row; rows with figures not above zero, which the logarithmic axis lacks, have none."""
    by_unit: dict[str, list[SummaryRow]] = defaultdict(list)
    for row in rows:
        if all(math.isfinite(v) and v > 0 for v in (row.p05, row.p25, row.estimate, row.p75, row.p95)):
            by_unit[row.unit].append(row)
    drawn = {}
    for members in by_unit.values():
        low = math.log(min(min(row.p05, row.estimate) for row in members))
        high = math.log(max(max(row.p95, row.estimate) for row in members))
        if high - low < math.log(2):  # small differences are not blown up to the whole width
            low, high = (low + high - math.log(2)) / 2, (low + high + math.log(2)) / 2

        def place(value: float, low: float = low, high: float = high) -> float:
            return round((math.log(value) - low) / (high - low) * WIDTH, 1)

        for row in members:
            drawn[id(row)] = Spread(*map(place, (row.p05, row.p25, row.estimate, row.p75, row.p95)))
    return drawn
