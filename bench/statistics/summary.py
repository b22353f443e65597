"""Each series of each case and target over all its deployments."""

import zlib
from collections.abc import Sequence

import numpy as np

from bench.statistics.interval import estimate_of, interval
from bench.statistics.replicates import Cells, Replicate, gather, pooled_percentiles, trusted
from vocabulary import Clock, SummaryRow


def summarise(cells: Cells, seed: int = 0) -> list[SummaryRow]:
    """One row a (target, case, probed, series), in the order first met. Cells that are ``ok`` count; where
    there are none, the noisy ones, with a note. The interval is NaN with one deployment.

    A row's figures depend on its own samples and on ``seed`` only, not on what else is summarised."""
    groups: dict[tuple[str, str, bool, str], list[Replicate]] = {}
    for replicate in gather(cells):
        key = (replicate.target, replicate.case, bool(replicate.probes), replicate.series)
        groups.setdefault(key, []).append(replicate)
    return [_row(group, _generator(seed, key)) for key, group in groups.items()]


def _generator(seed: int, key: tuple[object, ...]) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(repr(key).encode())])


def _counted(group: Sequence[Replicate]) -> bool:
    """Instruction counts that were the same in every deployment: exact."""
    same = len({r.median for r in group}) == 1
    return len(group) > 1 and same and all(r.metric.clock is Clock.ICOUNT for r in group)


def _row(group: Sequence[Replicate], rng: np.random.Generator) -> SummaryRow:
    used, note = trusted(group)
    if _counted(used):
        low = high = used[0].median
    else:
        low, high = interval(used, rng)
    p05, p25, p75, p95, p99 = map(float, pooled_percentiles(used, (5, 25, 75, 95, 99)))
    first = used[0]
    if len(used) == 1:
        note = "; ".join(filter(None, [note, "one deployment: no interval"]))
    if first.metric.clock is Clock.EMULATED:
        note = "; ".join(filter(None, ["emulated machine: indicative", note]))
    return SummaryRow(
        target=first.target,
        case=first.case,
        kind=first.kind,
        series=first.series,
        metric=first.metric.name,
        source=str(first.source),
        probe=first.probe,
        labels=dict(first.labels),
        probed=bool(first.probes),
        unit=first.metric.unit,
        clock=str(first.metric.clock),
        better=str(first.metric.better),
        deployments=len(used),
        count=sum(r.count for r in used),
        estimate=estimate_of(used),
        low=low,
        high=high,
        p05=p05,
        p25=p25,
        p75=p75,
        p95=p95,
        p99=p99,
        minimum=min(r.minimum for r in used),
        maximum=max(r.maximum for r in used),
        note=note,
    )
