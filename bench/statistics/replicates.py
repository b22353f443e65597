"""Deployments boiled down: what is kept of the samples of one series of one cell.

A run has more samples than fit in memory, and one deployment's are not independent of one another (Kalibera
and Jones, ISMM 2013): the deployment is the unit, and here each becomes its median, its extremes and at most
``TABLE`` of its quantiles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabulary import CellRecord, Histogram, Metric, Outcome, Samples, Source
from vocabulary.measure import Scalar

TABLE = 2048
"""Quantiles kept of a larger set of samples: the p99 of the kept ones is within 0.05 % of rank of its own."""


@dataclass(frozen=True, slots=True)
class Replicate:
    """One series of one deployment. ``values`` are sorted, shape (at most TABLE,), in the metric's unit: all
    samples, or the quantiles (i + 0.5) / TABLE of them; ``count`` is how many samples they stand for.
    ``tick`` is the greatest common divisor of whole-numbered samples (None for others): the resolution with
    which the figure is known. ``noisy`` is the cell's outcome."""

    target: str
    case: str
    kind: str
    index: int
    block: int
    probes: tuple[str, ...]
    noisy: bool
    series: str
    metric: Metric
    source: Source
    probe: str
    labels: Mapping[str, Scalar]
    count: int
    median: float
    minimum: float
    maximum: float
    values: NDArray[np.float64]
    tick: int | None


class Replicates(tuple[Replicate, ...]):
    """All of a run's. Every function of this package takes one in place of cells, so that a large run is
    read once."""

    __slots__ = ()


Cells = Iterable[tuple[CellRecord, Sequence[Samples]]] | Replicates


def gather(cells: Cells) -> Replicates:
    """Boil down the cells that were measured (``ok`` or ``noisy``), one after the other: the samples of a
    cell may be dropped once the next is asked for. Warm-up blocks (negative) are left out, and so are
    values that are not finite. Takes some 1.5 ms for 200,000 samples of a series."""
    if isinstance(cells, Replicates):
        return cells
    found: list[Replicate] = []
    for record, samples in cells:
        if record.block < 0 or record.outcome not in (Outcome.OK, Outcome.NOISY):
            continue
        by_series: dict[str, list[Samples]] = {}
        for item in samples:
            by_series.setdefault(item.series, []).append(item)
        for same in by_series.values():
            replicate = _boiled(record, same)
            if replicate is not None:
                found.append(replicate)
    return Replicates(found)


def _boiled(record: CellRecord, same: Sequence[Samples]) -> Replicate | None:
    values = _ordered([np.asarray(item.values, np.float64).ravel() for item in same])
    counted = sum((item.histogram for item in same if item.histogram is not None), start=Histogram())
    if values.size:
        count, tick = values.size, _tick(values)
        low, high, median = values[0], values[-1], _middle(values)
        values = values if count <= TABLE else values[_ranks(count)]
    elif counted.count:
        count, tick = counted.count, None
        low, high = counted.percentile([0, 100])
        values = counted.quantiles((np.arange(min(count, TABLE)) + 0.5) / min(count, TABLE))
        median = float(counted.quantiles(0.5)[0])
    else:
        return None
    first = same[0]
    return Replicate(
        target=record.target,
        case=record.case,
        kind=record.kind,
        index=record.index,
        block=record.block,
        probes=tuple(record.probes),
        noisy=record.outcome is Outcome.NOISY,
        series=first.series,
        metric=first.metric,
        source=first.source,
        probe=first.probe,
        labels=first.labels,
        count=int(count),
        median=float(median),
        minimum=float(low),
        maximum=float(high),
        values=values,
        tick=tick,
    )


def _ordered(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The finite values of all parts, sorted; a copy."""
    values = parts[0].copy() if len(parts) == 1 else np.concatenate(parts)
    values.sort()  # NaN goes last, infinities to the ends
    if values.size and not np.isfinite(values[[0, -1]]).all():
        values = values[np.isfinite(values)]
    return values


def _middle(ordered: NDArray[np.float64]) -> float:
    half = (ordered.size - 1) / 2
    return float(ordered[math.floor(half)] + ordered[math.ceil(half)]) / 2


def _ranks(count: int) -> NDArray[np.int64]:
    return ((np.arange(TABLE) + 0.5) / TABLE * count).astype(np.int64)


def _tick(ordered: NDArray[np.float64]) -> int | None:
    """Of at most TABLE of the values, the extremes among them."""
    some = ordered if ordered.size <= TABLE else ordered[np.append(_ranks(ordered.size), [0, -1])]
    if np.abs(some).max() >= 2.0**53 or (some != np.floor(some)).any():
        return None
    return int(np.gcd.reduce(some.astype(np.int64)))


def trusted(replicates: Sequence[Replicate]) -> tuple[list[Replicate], str]:
    """Those of cells that are ``ok``; if there are none, the noisy ones, and a note that says so."""
    fine = [r for r in replicates if not r.noisy]
    if fine or not replicates:
        dropped = len(replicates) - len(fine)
        return fine, f"{dropped} noisy left out" if dropped else ""
    return list(replicates), "every deployment was noisy"


def pooled_percentiles(replicates: Sequence[Replicate], percents: Sequence[float]) -> NDArray[np.float64]:
    """Nearest-rank percentiles of all samples together, each deployment with the weight of its count; shape
    (len(percents),)."""
    values = np.concatenate([r.values for r in replicates])
    weights = np.concatenate([np.full(r.values.size, r.count / r.values.size) for r in replicates])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = np.asarray(percents) / 100 * reached[-1]
    found = np.searchsorted(reached, wanted * (1 - 1e-12), side="left")
    return np.asarray(values[order][np.minimum(found, values.size - 1)], np.float64)
