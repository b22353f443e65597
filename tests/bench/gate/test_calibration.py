"""What calibration makes of runs of which the truth is known."""

import math

import numpy as np
import pytest

from bench.gate.calibration import FLOOR, figures, noise_of, threshold
from tests.bench.gate.made_up import COUNT, World, side

RNG = np.random.default_rng(3)


def test_what_deployments_explain_is_not_counted_as_run_to_run() -> None:
    found = [figures([RNG.normal(0, 0.05, 12) for _ in range(5)]) for _ in range(60)]
    assert np.median([one["between"] for one in found]) < 0.015
    assert np.median([one["within"] for one in found]) == pytest.approx(0.05, rel=0.2)


def test_what_runs_differ_by_is_found() -> None:
    found = [figures([RNG.normal(RNG.normal(0, 0.1), 0.02, 12) for _ in range(8)]) for _ in range(60)]
    assert np.median([one["between"] for one in found]) == pytest.approx(0.1, rel=0.2)


def test_the_difference_of_two_runs_stays_below_the_threshold_in_four_of_five() -> None:
    beyond = 0
    for _ in range(400):
        runs = RNG.normal(0, 0.05, 7)
        share = figures([run + RNG.normal(0, 0.001, 12) for run in runs[:5]])["threshold"]
        beyond += runs[6] - runs[5] > math.log1p(share)
    assert 0.14 < beyond / 400 < 0.26


def test_more_runs_in_the_baseline_make_it_smaller_and_there_is_a_floor() -> None:
    assert threshold(0.05, 5, 5) < threshold(0.05, 5, 1) < threshold(0.05, 5, 1, metrics=6)
    assert threshold(0.0, 5) == FLOOR
    assert math.isfinite(threshold(1e6, 3))


def test_series_without_figures_are_left_out() -> None:
    noise = noise_of([side(World(), seed) for seed in (1, 2, 3)], "process")
    assert {name.split()[0] for name in noise} == {"process", "kylinx"}
    assert (
        noise["kylinx pipe one_way@program"]["paired"] and not noise["process pipe one_way@program"]["paired"]
    )
    assert not noise_of([side(World(metric=COUNT), seed) for seed in (1, 2, 3)], "process")
    lacking = [side(World(), 1), side(World(), 2), side(World(cases=("kill",)), 3)]
    assert {name.split()[1] for name in noise_of(lacking, "process")} == {"kill"}
