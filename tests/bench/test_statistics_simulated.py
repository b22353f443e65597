"""The promises of docs/statistics.md on simulated machines, seeded: intervals that hold the truth, few false
alarms, real differences found. ``python -m bench.statistics.simulate`` does the same with more runs."""

import subprocess
import sys

import pytest
from scipy import stats

from bench.statistics import compare
from bench.statistics.simulate import (
    QUIET,
    STEADY,
    TARGETS,
    Machine,
    alarms,
    alarms_between_runs,
    covered,
    found,
    run,
)


@pytest.mark.parametrize("deployments", [2, 3, 5, 8])
def test_intervals_hold_the_true_median(deployments: int) -> None:
    share, width = covered(Machine(disturbed=0), deployments, runs=600, seed=deployments)
    assert 0.93 <= share <= 0.99
    assert width > 1


def test_intervals_hold_it_with_disturbed_deployments_and_with_samples_noisier_than_deployments() -> None:
    assert 0.93 <= covered(Machine(disturbed=0.1), 5, runs=600, seed=1)[0] <= 0.995
    assert 0.93 <= covered(STEADY, 5, runs=600, seed=2)[0] <= 0.995


@pytest.mark.parametrize("blocks", [2, 3, 5])
def test_a_target_against_itself_raises_few_alarms(blocks: int) -> None:
    """40 series in each of 200 runs; 5 % of runs may alarm, and 17 or more would then with p < 2 %."""
    runs = 200
    limit = int(stats.binom.ppf(0.98, runs, 0.05))
    assert alarms(Machine(), blocks, runs, seed=blocks) * runs <= limit


def test_a_run_against_another_raises_few_alarms() -> None:
    runs = 60
    machine = Machine(session=0.03, drift=0.01)
    assert alarms_between_runs(machine, 3, runs, seed=4) * runs <= stats.binom.ppf(0.98, runs, 0.05)


def test_the_simulated_machine_is_noisy_enough_to_alarm_a_naive_test() -> None:
    """Without the adjustment for forty series nearly every A/A run would alarm: the test above can fail."""
    naive = [min(row.p_value for row in compare(run(QUIET, 5, seed), *TARGETS)) for seed in range(20)]
    assert sum(p < 0.05 for p in naive) >= 10


def test_thirty_per_cent_is_found_with_five_blocks_and_five_per_cent_noise() -> None:
    """In at least 19 of 20 runs of one case with five series; nearly as often among forty."""
    one_case = Machine(spread=0, disturbed=0, cases=1)
    assert found(one_case, 5, 60, 1.3, seed=5) >= 0.95
    assert found(QUIET, 5, 60, 1.3, seed=6) >= 0.85


def test_the_script_prints_its_tables() -> None:
    argv = [sys.executable, "-m", "bench.statistics.simulate", "coverage", "--runs", "5"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("| deployments |") and done.stdout.count("\n") > 8
