"""A row's spread as a small drawing beside its numbers: p05 to p95 and p25 to p75 relative to the estimate,
on one axis for every row of every table, from half to twice the estimate, logarithmic."""

import math
from dataclasses import dataclass

from vocabulary import SummaryRow

WIDTH = 120.0
_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Places on the axis, 0 to ``WIDTH``, the estimate in the middle. What is beyond ends at the edge."""

    p05: float
    p25: float
    p75: float
    p95: float


def spread(row: SummaryRow) -> Spread | None:
    """None where a figure is not above zero: a logarithmic axis lacks it."""
    values = (row.p05, row.p25, row.p75, row.p95)
    if not all(math.isfinite(v) and v > 0 for v in (*values, row.estimate)):
        return None

    def place(value: float) -> float:
        share = math.log(value / row.estimate) / math.log(_FACTOR)
        return round(min(max((share + 1) / 2, 0), 1) * WIDTH, 1)

    return Spread(*map(place, values))
