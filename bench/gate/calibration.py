"""How much runs of the same code differ on this machine, by series: what thresholds are made of.

A series' figure differs from run to run for two reasons. Its deployments differ: that the gate's interval has
in it already. And runs differ beside that (where memory happened to lie, what the neighbours did that hour):
nothing in two runs tells how much that is, so runs of the same are made and it is taken from them:

    excess variance = variance of the runs' medians - what the deployments inside them explain (at least 0)
    threshold = exp(t * sqrt(excess * (1 + 1 / b))) - 1, at least 2 %

with b the number of the baseline's runs and t Student's quantile of runs - 1 degrees which all m metrics of a
gate together exceed by chance in a fifth of gates (1 - 0.2 / m of each). A fifth, as it is not the ratio that
must be beyond the threshold but its interval, and then a second run's ratio once more: together that leaves
at most one false alarm in twenty gates (``python -m tests.evidence.gate_thresholds``). Of a target beside its
twin of the same code in the same blocks no run of the baseline has a part in it: 1 / b is left out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.gate.sides import Key, Series, Side, has_no_speed, is_exact, is_judged

LEAST_RUNS = 3
"""Two have one degree of freedom: t is 6.3, and nothing would ever be a regression."""
EXCEEDED = 0.2
"""The chance that any of a gate's metrics exceeds its threshold without a cause."""
FLOOR = 0.02
"""A few runs that agree by chance must not make a threshold of nothing."""
MEDIAN_VARIANCE = math.pi / 2  # of a median, over a mean's, of normal deployments


def beside_name(name: str) -> str:
    """Where the noise of a series beside its twin is kept; no target has a blank in its name."""
    return f"beside {name}"


def noise_of(
    sides: Sequence[Side],
    control: str | None,
    noisy: bool = False,
    twins: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """By ``TARGET CASE SERIES``: ``threshold``, for a baseline of one run and that metric alone; ``paired``,
    whether it is of the ratio to the control; ``between`` and ``within``, standard deviations of logarithms
    from run to run (beyond chance) and from deployment to deployment; ``largest``, the largest difference
    between two of the runs in a row; ``runs``.

    ``twins`` are names of targets and of what was deployed beside each, with the same code: the ratio of the
    two is kept, too, under ``beside_name``. Series that a run lacks, exact ones and those with values that
    are not positive have none."""
    noise = {
        " ".join(key): told
        for key, told in _noise_by_key(sides, control, noisy)
        if key[0] not in twins.values()
    }
    for target, twin in twins.items():
        for key, told in _noise_by_key(sides, twin, noisy):
            if key[0] == target and told["paired"]:
                noise[beside_name(" ".join(key))] = told
    return noise


def _noise_by_key(
    sides: Sequence[Side], control: str | None, noisy: bool
) -> Iterator[tuple[Key, dict[str, Any]]]:
    found = [side.units(control, noisy) for side in sides]
    for key in found[0]:
        if all(key in one for one in found) and is_judged(found[0][key].metric):
            told = _noise(key, [one[key] for one in found], control)
            if told is not None:
                yield key, told


def _noise(key: Key, series: Sequence[Series], control: str | None) -> dict[str, Any] | None:
    if is_exact(series[0].metric):
        return None
    pairs = [one.paired() for one in series]
    paired = (
        key[0] != control and not has_no_speed(series[0].metric) and all(len(one.units) > 1 for one in pairs)
    )
    used = pairs if paired else list(series)
    if any(len(one.units) < 2 or float(one.medians.min()) <= 0 for one in used):
        return None
    return figures([one.logarithms() for one in used]) | {"paired": paired}


def figures(runs: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Of each run's logarithms, shape (deployments,)."""
    medians = np.array([np.median(run) for run in runs])
    # the median absolute deviation: a disturbed deployment says nothing of the others
    within = float(np.sqrt(np.mean([stats.median_abs_deviation(run, scale="normal") ** 2 for run in runs])))
    explained = float(np.mean([MEDIAN_VARIANCE * within**2 / len(run) for run in runs]))
    between = math.sqrt(max(0.0, float(medians.var(ddof=1)) - explained))
    largest = max((abs(math.expm1(b - a)) for a, b in pairwise(medians.tolist())), default=0.0)
    return {
        "threshold": round(threshold(between, len(runs)), 5),
        "between": round(between, 6),
        "within": round(within, 6),
        "largest": round(largest, 5),
        "runs": len(runs),
    }


def threshold(between: float, runs: int, baseline_runs: float = 1, metrics: int = 1) -> float:
    """A share, for a baseline of so many runs and a gate of so many metrics; ``between`` is from ``runs``."""
    t = float(stats.t.ppf(1 - EXCEEDED / max(metrics, 1), runs - 1))
    return max(FLOOR, math.expm1(min(t * math.sqrt(1 + 1 / baseline_runs) * between, 5)))


def worst_first(noise: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(noise.items(), key=lambda item: -float(item[1]["threshold"]))
