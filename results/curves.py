"""From raw samples to what charts draw: quantiles pooled over deployments with the envelope of the single
deployments around them, and latency by offered rate."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabulary import Better, CellRecord, Outcome, Samples

Floats = NDArray[np.float64]

_KEPT = 4096
"""Order statistics kept of one series of one deployment: enough for a p99.9, and a run of any size fits."""
_BODY = np.linspace(0, 1, 65)
_TAIL = 1 - np.logspace(-1, -6, 41)
_MOST_POINTS = 400
RATE = "rate_per_s"
PHASE = "phase"


@dataclass(frozen=True, slots=True)
class Line:
    """Quantiles of one series of one (target, case). ``at`` are probabilities in 0..1, shape (P,), P at most
    400; ``pooled`` the quantiles of all deployments together, ``low`` and ``high`` the smallest and largest
    of the single deployments there, shape (P,), in ``unit``. ``zeros`` is the share of values not above 0,
    which a logarithmic axis cannot show."""

    target: str
    case: str
    kind: str
    series: str
    metric: str
    source: str
    probe: str
    summary: str
    unit: str
    labels: Mapping[str, Any]
    deployments: int
    count: int
    at: Floats
    pooled: Floats
    low: Floats
    high: Floats
    zeros: float
    clock: str = ""


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Latency at one offered rate (requests/s): median over deployments, with the smallest and largest of
    them for p50 and p99, ns. ``reached`` is the answered rate; ``saturated`` says who could not keep up:
    ``server``, ``generator`` or empty."""

    offered: float
    p50: float
    p99: float
    p999: float
    p50_range: tuple[float, float]
    p99_range: tuple[float, float]
    reached: float | None
    saturated: str
    deployments: int


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Of the generator, or of the probe named. ``knee`` is the highest rate that was sustained, where the
    sweep told it (requests/s)."""

    target: str
    case: str
    kind: str
    series: str
    probe: str
    points: tuple[RatePoint, ...]
    knee: float | None
    clock: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    lines: tuple[Line, ...] = ()
    rates: tuple[RateCurve, ...] = ()


@dataclass(slots=True)
class _Gathered:
    cell: CellRecord
    samples: Samples
    values: list[Floats] = field(default_factory=list)  # of each deployment: sorted, thinned
    counts: list[int] = field(default_factory=list)


def curves_of(contents: Iterable[tuple[CellRecord, list[Samples]]]) -> Curves:
    """From ``Store.samples(run_id)``, one cell in memory at a time. Warm-up is left out, and noisy cells
    where there are ones that are ok.

    A line is made for each judged series (better is lower or higher) of plain cells, and for each series of
    a probe; a rate curve where one series was measured at two rates or more."""
    by_outcome: dict[Outcome, dict[tuple[str, str, str], _Gathered]] = {Outcome.OK: {}, Outcome.NOISY: {}}
    for cell, series in contents:
        gathered = by_outcome.get(cell.outcome)
        if gathered is None or cell.block < 0:
            continue
        for samples in series:
            if not samples.probe and cell.probes:
                continue
            kept, count = _thinned(samples)
            if count:
                key = (cell.target, cell.case, samples.series)
                entry = gathered.setdefault(key, _Gathered(cell, samples))
                entry.values.append(kept)
                entry.counts.append(count)
    trusted = list((by_outcome[Outcome.NOISY] | by_outcome[Outcome.OK]).values())
    drawn = [e for e in trusted if e.samples.metric.better is not Better.NEITHER]
    return Curves(tuple(map(_line, drawn)), tuple(_rates(trusted)))


def _thinned(samples: Samples) -> tuple[Floats, int]:
    values = samples.values
    if not values.size:
        histogram = samples.histogram
        return (histogram.expand(_KEPT), histogram.count) if histogram else (values, 0)
    ordered = np.sort(values)
    if ordered.size > _KEPT:
        ordered = ordered[np.linspace(0, ordered.size - 1, _KEPT).round().astype(int)]
    return ordered, values.size


def quantiles(values: list[Floats], counts: list[int], at: Floats) -> Floats:
    """Nearest-rank quantiles at the probabilities ``at``, shape (P,), of deployments pooled; each has sorted
    ``values`` standing for ``counts`` ones."""
    pooled = np.concatenate(values)
    weights = np.concatenate([np.full(v.size, n / v.size) for v, n in zip(values, counts, strict=True)])
    order = np.argsort(pooled, kind="stable")
    ranks = np.cumsum(weights[order])
    # the small slack absorbs rounding of the sums, so that p = 1 finds the last and not one past it
    found = np.searchsorted(ranks, at * ranks[-1] * (1 - 1e-12))
    chosen: Floats = pooled[order][np.minimum(found, pooled.size - 1)]
    return chosen


def _line(entry: _Gathered) -> Line:
    total = sum(entry.counts)
    tail = _TAIL[total * (1 - _TAIL) >= 1]
    at = (
        np.unique(np.concatenate([_BODY, tail, [0, 1]]))
        if total > _BODY.size
        else np.arange(total + 1) / total
    )
    pooled = quantiles(entry.values, entry.counts, at)
    each = [quantiles([v], [n], at) for v, n in zip(entry.values, entry.counts, strict=True)]
    cell, samples = entry.cell, entry.samples
    zero = sum(float((v <= 0).mean()) * n for v, n in zip(entry.values, entry.counts, strict=True)) / total
    assert at.size <= _MOST_POINTS
    return Line(
        target=cell.target,
        case=cell.case,
        kind=cell.kind,
        series=samples.series,
        metric=samples.metric.name,
        source=str(samples.source),
        probe=samples.probe,
        summary=samples.metric.summary,
        unit=samples.metric.unit,
        labels=samples.labels,
        deployments=len(entry.values),
        count=total,
        at=at,
        pooled=pooled,
        low=np.min(each, axis=0),
        high=np.max(each, axis=0),
        zeros=zero,
        clock=str(samples.metric.clock),
    )


def _without_rate(samples: Samples) -> tuple[tuple[str, str], ...]:
    return tuple((k, str(v)) for k, v in sorted(samples.labels.items()) if k != RATE)


def _rates(gathered: list[_Gathered]) -> list[RateCurve]:
    """Curves of ``latency`` by its label ``rate_per_s``, with what the generator said at the same rate."""
    said: dict[tuple[object, ...], float] = {}
    knees: dict[tuple[str, str], float] = {}
    sweeps: dict[tuple[str, str, tuple[tuple[str, str], ...], str], dict[float, _Gathered]] = defaultdict(
        dict
    )
    for entry in gathered:
        cell, samples = entry.cell, entry.samples
        name, here = samples.metric.name, (cell.target, cell.case, _without_rate(samples))
        if name == "knee_rate":
            knees[cell.target, cell.case] = _middle(entry)
        rate = samples.labels.get(RATE)
        if not isinstance(rate, (int, float)) or isinstance(rate, bool):
            continue
        if name == "latency" and samples.metric.unit == "ns":
            sweeps[*here, samples.probe][float(rate)] = entry
        elif name == "rate":
            said[*here, float(rate), name] = _middle(entry)
        elif name == "saturated":
            said[*here, float(rate), name] = max(float(v.max()) for v in entry.values)
    curves = []
    for (target, case, rest, probe), by_rate in sweeps.items():
        if len(by_rate) < 2:
            continue
        key = target, case, rest
        points = tuple(
            _point(rate, entry, said.get((*key, rate, "rate")), bool(said.get((*key, rate, "saturated"))))
            for rate, entry in sorted(by_rate.items())
        )
        first = next(iter(by_rate.values()))
        inside = ",".join(f"{k}={v}" for k, v in _without_rate(first.samples))
        series = f"latency{{{inside}}}" if inside else "latency"
        knee = None if probe else knees.get((first.cell.target, first.cell.case))
        where, clock = first.cell, str(first.samples.metric.clock)
        curves.append(RateCurve(where.target, where.case, where.kind, series, probe, points, knee, clock))
    return curves


def _middle(entry: _Gathered) -> float:
    return float(np.median([np.median(v) for v in entry.values]))


_KEPT_UP = 0.99  # answered over offered, below which the server fell behind; as in the sweep


def _point(rate: float, entry: _Gathered, reached: float | None, late: bool) -> RatePoint:
    at = np.array([0.5, 0.99, 0.999])
    each = np.array([quantiles([v], [n], at) for v, n in zip(entry.values, entry.counts, strict=True)])
    middle, low, high = np.median(each, axis=0), each.min(axis=0), each.max(axis=0)
    behind = reached is not None and reached < _KEPT_UP * rate
    return RatePoint(
        offered=rate,
        p50=float(middle[0]),
        p99=float(middle[1]),
        p999=float(middle[2]),
        p50_range=(float(low[0]), float(high[0])),
        p99_range=(float(low[1]), float(high[1])),
        reached=reached,
        saturated="generator" if late else "server" if behind else "",
        deployments=len(entry.values),
    )
