"""From two sides' deployments to what is judged of each series: one number a deployment, or an exact count.

Where the run has a control (its first target, the process), a deployment's number is the logarithm of its
median over that of the control's deployment in the same block: what hit the machine in those seconds, or from
the one run to the other, is in both and cancels. Where the run deployed the baseline's code as well (its
``twin``, ``kxbench run --beside``), it is the logarithm over that: then nothing else is in it at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.statistics import Replicate, Replicates, gather
from results.store import Store
from vocabulary import Better, CellRecord, Clock, Metric, Samples, StoreError

Key = tuple[str, str, str]  # target, case, series
Units = list[tuple[Replicate, Replicate | None]]  # deployments, each with the control's of its block


@dataclass(frozen=True, slots=True)
class Side:
    """All deployments of one side. A baseline may have several runs: each keeps its own blocks."""

    runs: tuple[str, ...]
    parts: tuple[Replicates, ...]

    def units(self, control: str | None, noisy: bool) -> dict[Key, "Series"]:
        """By series. ``noisy`` deployments, and pairs with one, are counted and left out unless asked for."""
        found: dict[Key, Series] = {}
        for part in self.parts:
            controls = {
                (r.block, r.case, r.series, r.probes): r for r in part if control and r.target == control
            }
            for r in _plain_or_probed(part):
                series = found.setdefault((r.target, r.case, r.series), Series(r, [], 0))
                pair = controls.get((r.block, r.case, r.series, r.probes)) if r.target != control else None
                if (r.noisy or (pair and pair.noisy)) and not noisy:
                    series.dropped += 1
                else:
                    series.units.append((r, pair))
        return found


@dataclass(slots=True)
class Series:
    """One series of a side. ``first`` tells what it is; ``dropped`` deployments were noisy; ``unfit`` pairs
    have a figure below zero: of what is measured in ratios, no measurement gives one. ``beside``: the twin
    that the pairs are with, in place of the control."""

    first: Replicate
    units: Units
    dropped: int
    unfit: int = 0
    beside: str = ""

    @property
    def metric(self) -> Metric:
        return self.first.metric

    @property
    def medians(self) -> NDArray[np.float64]:
        return np.array([r.median for r, _ in self.units], np.float64)

    def paired(self) -> "Series":
        """The deployments alone that have a control to be set in ratio to."""
        pairs = [(r, p) for r, p in self.units if p is not None and _alike(r.metric, p.metric)]
        units: Units = [(r, p) for r, p in pairs if r.median > 0 and p.median > 0]
        unfit = sum(min(r.median, p.median) < 0 for r, p in pairs)
        return replace(self, units=units, unfit=unfit)

    def logarithms(self) -> NDArray[np.float64]:
        """Of the ratios to the control, or of the medians where there is none; all must be positive."""
        return np.array(
            [np.log(r.median) - (np.log(pair.median) if pair else 0.0) for r, pair in self.units], np.float64
        )

    def resolution(self) -> float:
        """The standard error that whole-numbered samples leave in a logarithm (Sheppard): tick / sqrt(12)."""
        error = 0.0
        for place in (0, 1):
            some = [one for unit in self.units if (one := unit[place]) is not None]
            ticks = [r.tick for r in some if r.tick is not None and r.median > 0]
            if some and len(ticks) == len(some):
                middle = float(np.median([r.median for r in some]))
                error += (int(np.gcd.reduce(ticks)) / np.sqrt(12) / middle) ** 2
        return float(np.sqrt(error))


def _alike(a: Metric, b: Metric) -> bool:
    return a.unit == b.unit and a.clock.like(b.clock)


def is_exact(metric: Metric) -> bool:
    """Counted, not sampled: of such a metric any difference is one."""
    return metric.clock is Clock.ICOUNT or metric.unit == "instructions"


def has_no_speed(metric: Metric) -> bool:
    """Bytes and counts: how fast the machine happens to be has no part in them."""
    return metric.clock is Clock.NONE


def is_judged(metric: Metric) -> bool:
    return metric.better is not Better.NEITHER and metric.clock is not Clock.EMULATED


def _plain_or_probed(part: Replicates) -> Iterator[Replicate]:
    """Each (target, case, series) from its plain cells if it has some, else from probed ones."""
    plain = {(r.target, r.case, r.series) for r in part if not r.probes}
    return (r for r in part if not r.probes or (r.target, r.case, r.series) not in plain)


def read_side(store: Store, run_ids: Sequence[str]) -> Side:
    """Raises StoreError where a file is gone or corrupt, or holds what no measurement gives."""
    return Side(tuple(run_ids), tuple(gather(finite(store.samples(run), run)) for run in run_ids))


def finite(
    cells: Iterable[tuple[CellRecord, list[Samples]]], run_id: str
) -> Iterator[tuple[CellRecord, list[Samples]]]:
    """``gather`` leaves out what is not finite; a gate or a claim must not be decided on the rest. Raises
    StoreError (while it is read)."""
    for cell, samples in cells:
        for one in samples:
            if not np.isfinite(one.values).all():
                raise StoreError(
                    f"series {one.series} of cell {cell.index} ({cell.case} on {cell.target}) has values "
                    "that are not numbers",
                    where=f"run {run_id}",
                    remedy=f"nothing is judged by it: measure again, and `kxbench delete {run_id}`",
                )
        yield cell, samples


def drift(a: Mapping[Key, Series], b: Mapping[Key, Series], control: str | None) -> float | None:
    """By what factor the control's own times differ from side to side: the median over its timed series."""
    ratios = []
    for key, series in b.items():
        other = a.get(key)
        timed = series.metric.unit == "ns" and not is_exact(series.metric)
        if key[0] == control and timed and other and other.units and series.units:
            one, two = float(np.median(other.medians)), float(np.median(series.medians))
            if one > 0 and two > 0:
                ratios.append(two / one)
    return float(np.median(ratios)) if ratios else None
