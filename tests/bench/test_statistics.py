"""Summaries: which samples count, what the figures are, and that they depend on nothing else."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.statistics import Replicates, as_json, gather, summarise
from bench.statistics.replicates import TABLE, pooled_percentiles
from tests.bench.made_up import COUNT, Cell, cell, deployments, measured
from vocabulary import Histogram, Outcome, Source, SummaryRow


def only(rows: list[SummaryRow]) -> SummaryRow:
    assert len(rows) == 1
    return rows[0]


def test_the_estimate_is_the_median_of_medians_and_percentiles_are_pooled() -> None:
    values = [np.array([1.0, 2, 3]), np.array([10.0, 20, 30, 40]), np.array([7.0])]
    row = only(summarise([cell(i, i, [measured(v)]) for i, v in enumerate(values)]))
    assert row.estimate == 7
    assert (row.deployments, row.count) == (3, 8)
    assert (row.minimum, row.maximum) == (1, 40)
    everything = np.concatenate(values)
    expected = np.percentile(everything, [5, 25, 75, 95, 99], method="inverted_cdf")
    assert [row.p05, row.p25, row.p75, row.p95, row.p99] == expected.tolist()
    assert row.low < row.estimate < row.high
    assert (row.series, row.unit, row.clock, row.better) == ("latency@program", "ns", "monotonic", "lower")


def test_groups_are_target_case_probed_and_series() -> None:
    cells = [
        cell(0, 0, [measured(1), measured(2, labels={"n": 1})]),
        cell(1, 0, [measured(3)], target="other"),
        cell(2, 0, [measured(4)], case="pipe"),
        cell(3, 0, [measured(5), measured(6, source=Source.PROBE, probe="fork")], probes=("fork",)),
        cell(4, 1, [measured(7)]),
    ]
    found = {(r.target, r.case, r.probed, r.series): r.estimate for r in summarise(cells)}
    assert found == {
        ("process", "fork", False, "latency@program"): 4,
        ("process", "fork", False, "latency{n=1}@program"): 2,
        ("other", "fork", False, "latency@program"): 3,
        ("process", "pipe", False, "latency@program"): 4,
        ("process", "fork", True, "latency@program"): 5,
        ("process", "fork", True, "latency@probe:fork"): 6,
    }


def test_only_measured_cells_of_judged_blocks_count() -> None:
    cells = [
        cell(0, -1, [measured(1000)]),
        cell(1, 0, [measured(1)]),
        cell(2, 1, [measured(3)]),
        cell(3, 2, [measured(1000)], outcome=Outcome.NOISY),
        cell(4, 3, [measured(1000)], outcome=Outcome.FAILED),
        cell(5, 4, [measured(1000)], outcome=Outcome.UNSUPPORTED),
        cell(6, 5, [measured([])]),
    ]
    row = only(summarise(cells))
    assert (row.estimate, row.deployments, row.note) == (2, 2, "1 noisy left out")


def test_noisy_cells_count_where_there_are_no_others_and_that_is_said() -> None:
    row = only(summarise([cell(i, i, [measured(i + 1)], outcome=Outcome.NOISY) for i in range(3)]))
    assert (row.estimate, row.deployments, row.note) == (2, 3, "every deployment was noisy")


def test_one_deployment_has_no_interval() -> None:
    row = only(summarise(deployments([100])))
    assert math.isnan(row.low) and math.isnan(row.high)
    assert "no interval" in row.note
    shown = as_json(row)
    assert shown["low"] is None and shown["estimate"] == 100
    json.dumps(shown, allow_nan=False)


def test_equal_deployments_have_an_interval_as_wide_as_their_samples_leave() -> None:
    row = only(summarise(deployments([100, 100, 100])))
    assert 80 < row.low < 100 < row.high < 130
    exact = only(summarise([cell(i, i, [measured([5, 5, 5])]) for i in range(3)]))
    assert (exact.low, exact.estimate, exact.high) == (5, 5, 5)


def test_two_deployments_have_students_interval() -> None:
    """Of logarithms: mean -+ t(1) |a - b| / 2; the bootstrap error is known within some per cent."""
    a, b = math.log(100), math.log(110)
    row = only(summarise([cell(0, 0, [measured(100)]), cell(1, 1, [measured(110)])]))
    assert math.log(row.high / row.estimate) == pytest.approx(12.7062 * (b - a) / 2, rel=0.1)


def test_zeros_and_negative_values_have_an_interval_too() -> None:
    row = only(summarise([cell(i, i, [measured(v)]) for i, v in enumerate([-3, 0, 2, 5])]))
    assert row.low < row.estimate == 1 < row.high
    assert math.isfinite(row.high - row.low)
    assert only(summarise([cell(i, i, [measured([0, 0])]) for i in range(3)])).high == 0


def test_what_is_not_finite_is_left_out() -> None:
    row = only(summarise([cell(0, 0, [measured([math.nan, 1, 3, math.inf, -math.inf])])]))
    assert (row.count, row.estimate, row.maximum) == (2, 2, 3)
    assert summarise([cell(0, 0, [measured([math.nan])])]) == []


def test_a_histogram_stands_for_samples_within_its_error() -> None:
    rng = np.random.default_rng(11)
    raw = [rng.lognormal(11, 0.5, 20_000).astype(np.int64) for _ in range(5)]
    counted = only(
        summarise([cell(i, i, [measured([], histogram=Histogram.of(v))]) for i, v in enumerate(raw)])
    )
    direct = only(summarise([cell(i, i, [measured(v)]) for i, v in enumerate(raw)]))
    assert counted.count == direct.count == 100_000
    for name in ("estimate", "low", "high", "p05", "p25", "p75", "p95", "p99", "minimum", "maximum"):
        assert getattr(counted, name) == pytest.approx(getattr(direct, name), rel=0.0625), name


def test_a_histograms_median_does_not_move_in_steps_of_a_bin() -> None:
    """Bins are 6.25 % wide: deployments 1 % apart must not look equal."""
    rng = np.random.default_rng(12)
    cells = [
        cell(i, i, [measured([], histogram=Histogram.of(rng.lognormal(11 + i / 100, 0.5, 50_000)))])
        for i in range(4)
    ]
    medians = [r.median for r in gather(cells)]
    assert medians == sorted(medians) and len(set(medians)) == 4


def test_large_sets_are_kept_as_quantiles_with_exact_median_and_extremes() -> None:
    values = np.random.default_rng(13).lognormal(10, 1, 200_001)
    replicate = gather([cell(0, 0, [measured(values)])])[0]
    assert replicate.values.shape == (TABLE,)
    assert replicate.count == 200_001
    assert replicate.median == np.median(values)
    assert (replicate.minimum, replicate.maximum) == (values.min(), values.max())
    p99 = pooled_percentiles([replicate], [99])[0]
    assert (values <= p99).mean() == pytest.approx(0.99, abs=0.0005)


def test_pooling_weighs_deployments_by_their_samples() -> None:
    many = measured(np.linspace(1, 2, 100_000))
    few = measured(np.linspace(101, 102, 1000))
    row = only(summarise([cell(0, 0, [many]), cell(1, 1, [few])]))
    assert row.p95 < 2
    assert row.p99 < 101 < row.maximum


@settings(max_examples=50)
@given(st.lists(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=20), min_size=2, max_size=6))
def test_figures_are_ordered_and_scale_with_their_unit(values: list[list[float]]) -> None:
    def row(factor: float) -> SummaryRow:
        cells = [cell(i, i, [measured(np.array(v) * factor)]) for i, v in enumerate(values)]
        return only(summarise(cells, seed=3))

    one, thousand = row(1.0), row(1000.0)
    assert one.low <= one.estimate <= one.high
    assert one.minimum <= one.p05 <= one.p25 <= one.p75 <= one.p95 <= one.p99 <= one.maximum
    for name in ("estimate", "low", "high", "p05", "p99", "maximum"):
        assert getattr(thousand, name) == pytest.approx(1000 * getattr(one, name), rel=1e-6)


def test_a_row_depends_on_its_samples_and_the_seed_only() -> None:
    mine = deployments([100, 104, 99, 103])
    others: list[Cell] = [cell(9, 0, [measured([1, 2], COUNT)], case="pipe")]
    alone = only(summarise(mine, seed=1))
    assert alone in summarise(others + mine, seed=1)
    again = only(summarise(mine, seed=2))
    assert (again.estimate, again.p99) == (alone.estimate, alone.p99)
    assert again.low != alone.low


def test_cells_are_read_once_and_gathered_ones_are_taken_as_they_are() -> None:
    gathered = gather(iter(deployments([100, 104, 99])))
    assert isinstance(gathered, Replicates)
    assert gather(gathered) is gathered
    assert summarise(gathered) == summarise(deployments([100, 104, 99]))


def test_no_cells_no_rows() -> None:
    assert summarise([]) == []


@pytest.mark.parametrize(
    ("values", "tick"),
    [
        ([40, 50, 70], 10),
        ([41, 42], 1),
        ([0, 0], 0),
        ([1.5, 2], None),
        ([2.0**53], None),
        ([4096, 12288], 4096),
    ],
)
def test_the_resolution_of_whole_numbers(values: list[float], tick: int | None) -> None:
    assert gather([cell(0, 0, [measured(values)])])[0].tick == tick
