"""Comparisons: pairs, families, directions, and everything that is not a clean difference."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.statistics import as_json, compare, compare_runs, gather
from tests.bench.made_up import COUNT, Cell, cell, deployments, measured
from vocabulary import ComparisonRow, Histogram, Outcome, Source, UsageError

BLOCKS = [100.0, 130.0, 90.0, 150.0, 110.0]  # a machine that drifts


def both(a: list[float], b: list[float], case: str = "fork") -> list[Cell]:
    return deployments(a, case=case) + deployments(b, target="vm", case=case)


def only(rows: list[ComparisonRow]) -> ComparisonRow:
    assert len(rows) == 1
    return rows[0]


def finite(row: ComparisonRow) -> bool:
    return not any(isinstance(v, float) and math.isnan(v) for v in as_json(row).values())


def test_drift_cancels_within_blocks() -> None:
    factors = np.array([1.49, 1.5, 1.52, 1.5, 1.48])
    row = only(compare(both(BLOCKS, list(BLOCKS * factors)), "process", "vm"))
    assert row.ratio == pytest.approx(stats.gmean(factors))
    reference = stats.ttest_1samp(np.log(factors), 0)
    assert row.p_value == row.p_adjusted == pytest.approx(reference.pvalue, rel=1e-9)
    expected = np.exp(reference.confidence_interval(0.95))
    assert (row.low, row.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert row.significant and row.note == ""
    assert (row.a, row.b, row.pairs, row.estimate_a) == ("process", "vm", 5, 110)


def test_turned_round_it_is_the_reciprocal() -> None:
    cells = both(BLOCKS, [b * f for b, f in zip(BLOCKS, (1.1, 1.3, 1.2, 1.25, 1.15), strict=True)])
    there, back = only(compare(cells, "process", "vm")), only(compare(cells, "vm", "process"))
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert (back.low, back.high) == pytest.approx((1 / there.high, 1 / there.low))
    assert back.p_value == pytest.approx(there.p_value)
    assert back.effect_size == -there.effect_size


def test_identical_values_do_not_differ() -> None:
    row = only(compare(both(BLOCKS, BLOCKS), "process", "vm"))
    assert (row.ratio, row.p_value, row.p_adjusted, row.effect_size) == (1, 1, 1, 0)
    assert not row.significant


def test_blocks_that_one_side_lacks_are_left_out() -> None:
    cells = deployments([100, 100, 101]) + [
        cell(9, block, [measured(v)], target="vm") for block, v in ((1, 200), (2, 203), (7, 1))
    ]
    row = only(compare(cells, "process", "vm"))
    assert row.pairs == 2
    assert row.ratio == pytest.approx(math.sqrt(2 * 203 / 101))


@pytest.mark.parametrize("n", [3, 5])
def test_constants_differ_from_four_blocks_on(n: int) -> None:
    cells = [cell(i, i, [measured([4096, 4096])]) for i in range(n)]
    cells += [cell(i, i, [measured([8192, 8192])], target="vm") for i in range(n)]
    row = only(compare(cells, "process", "vm"))
    assert (row.ratio, row.low, row.high) == pytest.approx((2, 2, 2))
    assert row.significant is (n >= 4)
    assert row.p_adjusted == row.p_value == pytest.approx(2 / math.comb(2 * n, n))


def test_a_clock_tick_is_no_difference() -> None:
    cells = [cell(i, i, [measured([v, v, v + 1])]) for i, v in enumerate([41, 41, 42])]
    cells += [cell(i, i, [measured([v, v, v + 1])], target="vm") for i, v in enumerate([42, 42, 43])]
    assert not only(compare(cells, "process", "vm")).significant


def test_zeros_are_judged_on_differences() -> None:
    none, some = [0, 1, 0, 0, 1], [100, 101, 99, 102, 100]
    cells = [cell(i, i, [measured(v)]) for i, v in enumerate(none)]
    cells += [cell(i, i, [measured(v)], target="vm") for i, v in enumerate(some)]
    row = only(compare(cells, "process", "vm"))
    assert row.significant and row.ratio == math.inf
    assert as_json(row)["ratio"] is None
    back = only(compare(cells, "vm", "process"))
    assert back.significant and back.ratio == pytest.approx(0, abs=0.01)
    assert back.low < back.ratio < back.high < 0.1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 0, 0], [5, 5, 5]),
        ([-1, 1, 2], [-2, 0, 4]),
        ([5], [6]),
        ([0], [0]),
        ([1e300], [1e-300]),
    ],
)
def test_nothing_is_ever_nan(a: list[float], b: list[float]) -> None:
    cells = [cell(i, i, [measured(v)]) for i, v in enumerate(a)]
    cells += [cell(i, i, [measured(v)], target="vm") for i, v in enumerate(b)]
    alone = cells[: len(a)]
    for row in (only(compare(cells, "process", "vm")), only(compare_runs(alone, alone))):
        assert finite(row)
        assert not row.significant
        json.dumps(as_json(row), allow_nan=False)


def test_one_block_is_not_judged() -> None:
    row = only(compare(both([100], [900]), "process", "vm"))
    assert (row.low, row.high, row.p_adjusted, row.significant) == (0, math.inf, 1, False)
    assert row.ratio == pytest.approx(9)
    assert row.note


def test_descriptions_are_not_judged_and_do_not_count_in_the_family() -> None:
    counts = [measured(i + 1000 * i, COUNT) for i in range(5)]
    cells = both(BLOCKS, [b * 1.5 * f for b, f in zip(BLOCKS, (1, 1.01, 0.99, 1, 1.02), strict=True)])
    more = [cell(i, i, [c], target=t, case="n") for i, c in enumerate(counts) for t in ("process", "vm")]
    alone, together = compare(cells, "process", "vm"), compare(cells + more, "process", "vm")
    assert together[0] == alone[0]
    assert together[1].note == "a description" and not together[1].significant


def test_noisy_cells_are_left_out_and_only_noisy_ones_are_not_judged() -> None:
    fine = both([100, 101, 99, 100], [150, 151, 149, 150])
    record, samples = cell(99, 4, [measured(1)])
    other = cell(98, 4, [measured(10_000)], target="vm")
    noisy = replace(record, outcome=Outcome.NOISY)
    assert compare([*fine, (noisy, samples), other], "process", "vm") == compare(fine, "process", "vm")
    all_noisy = [(replace(r, outcome=Outcome.NOISY), s) for r, s in fine]
    row = only(compare(all_noisy, "process", "vm"))
    assert row.note == "noisy cells only" and not row.significant
    assert row.ratio == pytest.approx(1.5, rel=0.01)


def test_plain_cells_are_compared_and_probed_ones_only_for_what_probes_see() -> None:
    probe = {"source": Source.PROBE, "probe": "fork"}
    cells: list[Cell] = []
    for block in range(3):
        for target, factor in (("process", 1.0), ("vm", 2.0)):
            v = factor * (100 + block)
            cells.append(cell(len(cells), block, [measured(v)], target=target))
            seen = [measured(50 * v), measured(3 * v, **probe)]  # type: ignore[arg-type]
            cells.append(cell(len(cells), block, seen, target=target, probes=("fork",)))
    rows = {row.series: row for row in compare(cells, "process", "vm")}
    assert set(rows) == {"latency@program", "latency@probe:fork"}
    assert rows["latency@program"].estimate_a == 101
    assert rows["latency@probe:fork"].estimate_a == 303


def test_the_family_is_all_judged_series() -> None:
    rng = np.random.default_rng(8)
    cells = [
        c
        for i in range(12)
        for c in both(
            list(100 * np.exp(rng.normal(0, 0.05, 5))), list(100 * np.exp(rng.normal(0, 0.05, 5))), f"case{i}"
        )
    ]
    cells += both([100, 101, 99, 100, 102], [300, 301, 299, 303, 302], "slow")
    rows = compare(cells, "process", "vm")
    smallest = min(rows, key=lambda row: row.p_value)
    assert smallest.case == "slow" and smallest.significant
    assert smallest.p_adjusted == pytest.approx(13 * smallest.p_value)
    assert [row.case for row in rows if row.significant] == ["slow"]


def test_a_practical_threshold() -> None:
    cells = both(BLOCKS, [b * f for b, f in zip(BLOCKS, (1.05, 1.06, 1.055, 1.05, 1.06), strict=True)])
    assert only(compare(cells, "process", "vm")).significant
    assert not only(compare(cells, "process", "vm", practical=0.1)).significant
    assert not only(compare(cells, "vm", "process", practical=0.1)).significant


def test_histograms_are_compared_by_medians_between_bins() -> None:
    rng = np.random.default_rng(9)
    cells = [
        cell(i, i, [measured([], histogram=Histogram.of(rng.lognormal(mean, 0.3, 50_000)))], target=target)
        for i in range(5)
        for target, mean in (("process", 11.0), ("vm", 11.03))
    ]
    row = only(compare(cells, "process", "vm"))
    assert row.ratio == pytest.approx(math.exp(0.03), rel=0.01)
    assert row.significant


def test_targets_that_are_not_there_are_told() -> None:
    cells = both([1, 2], [3, 4])
    with pytest.raises(UsageError) as caught:
        compare(cells, "process", "kylinx")
    assert "kylinx" in str(caught.value) and "process, vm" in caught.value.remedy
    with pytest.raises(UsageError, match="itself"):
        compare(cells, "vm", "vm")
    with pytest.raises(UsageError, match="in common"):
        compare(deployments([1, 2]) + deployments([1, 2], target="vm", case="pipe"), "process", "vm")


def test_runs_are_compared_unpaired_with_what_runs_differ_by() -> None:
    a, b = [100.0, 104, 98, 103, 99], [200.0, 205, 197]
    row = only(compare_runs(deployments(a), deployments(b), names=("one", "two"), session=0))
    reference = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    assert row.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    assert (row.low, row.high) == pytest.approx(tuple(np.exp(reference.confidence_interval(0.95))), rel=1e-9)
    assert (row.a, row.b, row.pairs) == ("one", "two", 3)
    wide = only(compare_runs(deployments(a), deployments(b)))
    assert wide.low < row.low and wide.high > row.high and wide.ratio == row.ratio
    assert wide.significant
    near = only(compare_runs(deployments(a), deployments([v * 1.05 for v in a])))
    assert not near.significant


def test_runs_with_several_targets_name_them() -> None:
    cells = both([1, 2, 3], [4, 5, 6])
    rows = compare_runs(cells, cells, names=("x", "y"))
    assert [(row.a, row.b) for row in rows] == [("x/process", "y/process"), ("x/vm", "y/vm")]
    assert all(row.p_adjusted == 1 for row in rows)


def test_runs_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(UsageError, match="in common"):
        compare_runs(deployments([1, 2]), deployments([1, 2], case="pipe"))


def test_gathered_cells_give_the_same() -> None:
    cells = both(BLOCKS, [b * 1.3 for b in BLOCKS])
    assert compare(gather(cells), "process", "vm") == compare(iter(cells), "process", "vm")
