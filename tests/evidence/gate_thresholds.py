"""False alarms and finds of the gate where the truth is known, by how much runs of the same differ:

    .venv/bin/python -m tests.evidence.gate_thresholds       (prints the table of docs/gate.md; seconds)

Everything is normal, n = 12 deployments, calibrated from five runs; the tests are replaced by what they come
to."""

import itertools
import sys

import numpy as np

from bench.gate.calibration import threshold

GATES = 4000
N, RUNS = 12, 5
RANKS, MEDIAN = 1.05, 1.25  # standard errors of the gate's ratio and of a median, over a mean's


def simulated(
    metrics: int, baseline_runs: int, between: float, within: float, effect: float = 0.0
) -> tuple[float, float, float]:
    """Every metric is off by ``effect``. The shares of gates in which any metric fails, before and after the
    re-run, and in which the first one does after it."""
    rng = np.random.default_rng(1)
    shape = (GATES, metrics)
    runs = rng.normal(0, between, (*shape, RUNS)) + rng.normal(0, MEDIAN * within / N**0.5, (*shape, RUNS))
    excess = np.sqrt(np.maximum(0, runs.var(axis=2, ddof=1) - np.pi / 2 * within**2 / N))
    limit = np.log1p(np.vectorize(threshold)(excess, RUNS, baseline_runs, metrics))
    one, again, base = (
        rng.normal(0, between, shape) + rng.normal(0, RANKS * within / N**0.5, shape) for _ in range(3)
    )
    if baseline_runs == RUNS:  # the baseline is the calibration's runs
        base = runs.mean(axis=2)
    error = RANKS * within * (1 / N + 1 / (N * baseline_runs)) ** 0.5
    first = (one - base + effect - 2.2 * error > limit) & (one - base + effect > 2.9 * error)
    second = (again - base + effect > limit) & (again - base + effect > 2.2 * error)
    both = first & second
    return float(first.any(axis=1).mean()), float(both.any(axis=1).mean()), float(both[:, 0].mean())


def main() -> None:
    out = sys.stdout
    out.write(
        "| metrics | baseline | run to run | deployments | false alarm | with the re-run | 10 % found |\n"
    )
    out.write("|--:|---|--:|--:|--:|--:|--:|\n")
    for metrics, baseline, (between, within) in itertools.product(
        (2, 6), (1, RUNS), ((0.0, 0.03), (0.01, 0.03), (0.02, 0.02), (0.03, 0.03))
    ):
        false, again, _ = simulated(metrics, baseline, between, within)
        *_, found = simulated(metrics, baseline, between, within, float(np.log(1.1)))
        row = (metrics, f"{baseline} run{'s' * (baseline > 1)}", f"{between:.0%}", f"{within:.0%}")
        out.write(f"| {' | '.join(map(str, row))} | {false:.3f} | {again:.3f} | {found:.2f} |\n")


if __name__ == "__main__":
    main()
