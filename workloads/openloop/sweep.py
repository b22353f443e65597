"""Rate sweep to the knee.

The knee is the highest rate that the server sustains, where a rate is sustained when
- good answers arrive at 99 % of the offered rate or more,
- p99 of latency is at most ``tail`` times the lowest p99 seen at that rate or a lower one, and
- the generator was not saturated.
That is the throughput under a limit on the 99th percentile of response time, as critical-jOPS of SPECjbb2015
is, with the limit relative to the unloaded server. Kneedle (Satopaa et al., ICDCS
workshops 2011) was not taken: its knee moves with the end of the curve, and so with where the sweep stops.

Rates are preferred numbers (series R5, R10, R20 of ISO 3), so that they, and the series' names, are
the same on every deployment however fast it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vocabulary import Better, Clock, Endpoint, Metric, Place, Samples, Source, UsageError
from vocabulary.protocols import Progress
from workloads.openloop.generator import one, run

_R20 = (
    *(1.00, 1.12, 1.25, 1.40, 1.60, 1.80, 2.00, 2.24, 2.50, 2.80),
    *(3.15, 3.55, 4.00, 4.50, 5.00, 5.60, 6.30, 7.10, 8.00, 9.00),
)
STEPS = (5, 10, 20)  # R5, R10, R20
ACHIEVED = 0.99
CAPACITY_AT_LEAST_S = 3.0  # in less, a CPU that is lost for a moment passes for the server's limit

CAPACITY = Metric(
    "capacity", "ops/s", Clock.MONOTONIC, Better.HIGHER, "closed-loop rate with the same connections"
)
KNEE = Metric("knee_rate", "ops/s", Clock.MONOTONIC, Better.HIGHER, "highest rate that was sustained")
LIMITED = Metric(
    "knee_limited",
    "1",
    Clock.NONE,
    Better.NEITHER,
    "1: the generator ended the sweep, not the server",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One rate of a sweep, judged."""

    rate_per_s: int
    p99_ns: float
    achieved: bool
    saturated: bool
    samples: tuple[Samples, ...]


def rates(lowest: float, highest: float, per_decade: int) -> list[int]:
    """The preferred numbers within the bounds, rising, as whole requests a second from 1 on.

    Raises UsageError if there is none or ``per_decade`` is not of ``STEPS``."""
    if per_decade not in STEPS:
        raise UsageError(f"{per_decade} rates a decade; {', '.join(map(str, STEPS))} are possible")
    series = _R20[:: 20 // per_decade]
    grid = {round(step * 10**decade) for decade in range(9) for step in series}
    found = sorted(rate for rate in grid if lowest <= rate <= highest)
    if not found:
        raise UsageError(f"no rate to try between {lowest:.0f}/s and {highest:.0f}/s")
    return found


def sustained(points: list[Point], tail: float) -> list[bool]:
    """Of each point, in rising order of rate. A saturated point is not sustained, nor a floor for p99."""
    floor, found = np.inf, []
    for point in points:
        if not point.saturated and np.isfinite(point.p99_ns):
            floor = min(floor, point.p99_ns)
        found.append(point.achieved and not point.saturated and point.p99_ns <= tail * floor)
    return found


def _point(rate: int, samples: list[Samples]) -> Point:
    latency = [s.histogram for s in samples if s.metric.name == "latency" and s.histogram]
    return Point(
        rate,
        float(latency[0].percentile(99)[0]) if latency else np.inf,
        one(samples, "rate") >= ACHIEVED * one(samples, "offered_rate"),
        bool(one(samples, "saturated")),
        tuple(samples),
    )


def _single(metric: Metric, value: float, labels: Mapping[str, Any]) -> Samples:
    return Samples(metric, Source.GENERATOR, np.array([value], np.float64), labels=dict(labels))


def sweep(
    place: Place,
    endpoint: Endpoint,
    requests: Path,
    *,
    duration_s: float = 1.0,
    warmup_s: float = 0.2,
    connections: int = 50,
    pipeline: int = 1,
    lowest_share: float = 0.1,
    highest_share: float = 2.0,
    per_decade: int = 10,
    tail: float = 10.0,
    patience: int = 2,
    seed: int = 1,
    cpus: Collection[int] | None = None,
    labels: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[Samples]:
    """Measure the closed-loop capacity, then rising rates from ``lowest_share`` of it, until ``patience``
    rates in a row are not sustained or ``highest_share`` is passed.

    Every Samples of a rate is labelled ``rate_per_s``; ``capacity``, ``knee_rate`` (0: not even the lowest)
    and ``knee_limited`` come last. ``options`` are those of ``run``. Takes about
    ``3 + (duration_s + warmup_s) * per_decade * 1.2`` seconds. Raises as ``run`` does.
    """
    shared: dict[str, Any] = dict(
        duration_s=duration_s,
        warmup_s=warmup_s,
        connections=connections,
        pipeline=pipeline,
        cpus=cpus,
        **options,
    )
    say = progress or (lambda what: None)
    say("closed loop, for its capacity")
    at_capacity = shared | {"duration_s": max(duration_s, CAPACITY_AT_LEAST_S)}
    capacity = one(run(place, endpoint, requests, rate_per_s=None, seed=seed, **at_capacity), "rate")
    points: list[Point] = []
    verdicts: list[bool] = []
    for rate in rates(lowest_share * capacity, highest_share * capacity, per_decade):
        say(f"{rate} requests/s")
        samples = run(place, endpoint, requests, rate_per_s=rate, seed=seed + len(points), **shared)
        points.append(_point(rate, samples))
        verdicts = sustained(points, tail)
        if len(verdicts) >= patience and not any(verdicts[-patience:]):
            break
    knee, limited = _knee(points, verdicts)
    kept = [
        replace(item, labels={**(labels or {}), "rate_per_s": point.rate_per_s})
        for point in points
        for item in point.samples
    ]
    return [
        *kept,
        _single(CAPACITY, capacity, labels or {}),
        _single(KNEE, knee, labels or {}),
        _single(LIMITED, limited, labels or {}),
    ]


def _knee(points: list[Point], verdicts: list[bool]) -> tuple[int, bool]:
    """The knee, and whether the generator and not the server ended the sweep there: the rate above the
    knee was saturated, or none above it was tried."""
    best = max((i for i, good in enumerate(verdicts) if good), default=-1)
    above = points[best + 1 :]
    return points[best].rate_per_s if best >= 0 else 0, not above or above[0].saturated
