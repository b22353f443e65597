"""Cells and samples made up for the tests of statistics."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from vocabulary import Better, CellRecord, Clock, Histogram, Metric, Outcome, Samples, Source
from vocabulary.measure import Scalar

LATENCY = Metric("latency", "ns", Clock.MONOTONIC, Better.LOWER)
COUNT = Metric("count", "1", Clock.NONE, Better.NEITHER)

Cell = tuple[CellRecord, list[Samples]]


def cell(
    index: int,
    block: int,
    samples: Sequence[Samples],
    *,
    target: str = "process",
    case: str = "fork",
    probes: tuple[str, ...] = (),
    outcome: Outcome = Outcome.OK,
) -> Cell:
    record = CellRecord(index, block, target, case, case, {}, probes, outcome, "", 0.0, 1.0)
    return record, list(samples)


def measured(
    values: ArrayLike,
    metric: Metric = LATENCY,
    source: Source = Source.PROGRAM,
    *,
    probe: str = "",
    labels: Mapping[str, Scalar] | None = None,
    histogram: Histogram | None = None,
) -> Samples:
    return Samples(
        metric, source, np.atleast_1d(np.asarray(values, np.float64)), histogram, labels or {}, probe
    )


def deployments(medians: Sequence[float], *, target: str = "process", case: str = "fork") -> list[Cell]:
    """One cell a block, each with five samples about its median."""
    spread = np.array([0.8, 0.9, 1.0, 1.1, 1.3])
    return [
        cell(block, block, [measured(median * spread)], target=target, case=case)
        for block, median in enumerate(medians)
    ]
