"""Figures of different clocks stand side by side, each with its own, and never in a ratio."""

import math
from dataclasses import replace

import pytest

from bench import views
from bench.appraisal import _of_series
from bench.cell import _doubt, _indicative, _Observation
from bench.statistics import as_json, compare, compare_runs, gather, summarise
from results.figures import difference_of, figure_of
from results.sections import sections_of
from tests.bench.made_up import COUNT, LATENCY, Cell, cell, measured
from vocabulary import Better, Clock, Metric

COUNTED = Metric("latency", "instructions", Clock.ICOUNT, Better.LOWER)
EMULATED = replace(LATENCY, clock=Clock.EMULATED)


def cells(metric: Metric, target: str, value: float) -> list[Cell]:
    return [
        cell(block, block, [measured([value + block] * 5, metric)], target=target, case="kernel")
        for block in range(5)
    ]


@pytest.mark.parametrize("other", [COUNTED, EMULATED])
def test_no_ratio_of_different_clocks(other: Metric) -> None:
    found = cells(LATENCY, "process", 700) + cells(other, "microkernel", 70)
    (row,) = compare(found, "process", "microkernel")
    assert (row.clock_a, row.clock_b, row.unit, row.unit_b) == ("monotonic", other.clock, "ns", other.unit)
    assert (row.estimate_a, row.estimate_b) == (702, 72)
    assert all(map(math.isnan, (row.ratio, row.low, row.high, row.effect_size)))
    assert not row.significant
    assert row.note == f"different clocks, monotonic and {other.clock}: no ratio"
    assert as_json(row)["ratio"] is None
    told = difference_of(row)
    assert (told.a, told.ratio, told.interval, told.words) == (
        "702 ns",
        "–",
        "different clocks",
        "not judged",
    )
    assert told.b == ("72 instr." if other is COUNTED else "72 ns")
    assert views._ratio(row) == ("–", "–", "–")


def test_ratios_of_wall_clocks_stay() -> None:
    probed = replace(LATENCY, clock=Clock.BOOT_KTIME)
    (row,) = compare(cells(LATENCY, "process", 700) + cells(probed, "vm", 1400), "process", "vm")
    assert row.ratio == pytest.approx(2, rel=0.01)
    assert row.significant


def test_they_are_judged_apart_from_the_others() -> None:
    """What has no ratio takes no part in the correction for many comparisons."""
    alike = cells(COUNT, "process", 5) + [
        cell(b, b, [measured([700.0 + b], LATENCY)], target="process", case="null") for b in range(5)
    ]
    other = [cell(b, b, [measured([900.0 + 7 * b], LATENCY)], target="vm", case="null") for b in range(5)]
    apart = cells(LATENCY, "process", 700) + cells(COUNTED, "vm", 70)
    (alone,) = compare(alike + other, "process", "vm")
    both = {row.case: row for row in compare(alike + other + apart, "process", "vm")}
    assert both["null"].p_adjusted == alone.p_adjusted


def test_the_report_shows_both_with_their_clocks() -> None:
    found = cells(LATENCY, "process", 700) + cells(COUNTED, "microkernel", 70)
    summary = summarise(found)
    comparisons = compare(found, "process", "microkernel")
    (section,) = sections_of(
        [record for record, _ in found], summary, comparisons, [], ("process", "microkernel")
    )
    (row,) = section.tables[0].rows
    first, second = row.figures
    assert first and second
    assert first.text.startswith("702 ns (") and first.clock == ""
    assert second.text.startswith("72 instr. (") and second.text.endswith(", instructions counted)")
    assert row.against[0] and row.against[0].ratio == "–"


def test_wall_clocks_beside_an_emulated_machine_are_indicative() -> None:
    assert _indicative(measured([1.0], LATENCY)).metric == EMULATED
    for metric in (COUNTED, COUNT):
        assert _indicative(measured([1.0], metric)).metric is metric
    (row,) = summarise([cell(0, 0, [measured([1.0], EMULATED)])])
    assert row.note == "emulated machine: indicative; one deployment: no interval"
    assert figure_of(row).clock == "emulated machine: indicative"


def test_counted_instructions_are_not_noisy() -> None:
    """However busy the machine was."""
    stolen = {"steal_share": 0.9, "wall_s": 10.0}
    seen = _Observation("kernel", ())
    assert _doubt([measured([1.0], COUNTED), measured([1.0], COUNT)], 0, seen, stolen) == ""
    assert _doubt([], 0, seen, stolen) == "no samples"
    assert "90%" in _doubt([measured([1.0], LATENCY)], 0, seen, stolen)


def counted(counts: list[float], target: str) -> list[Cell]:
    return [
        cell(block, block, [measured([count, count, count + 1], COUNTED)], target=target, case="kernel")
        for block, count in enumerate(counts)
    ]


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_instruction_counts_are_exact(blocks: int) -> None:
    """One instruction more is a difference, between targets and from run to run; none is none."""
    a, b, same = (counted([n] * blocks, t) for n, t in ((350, "old"), (351, "new"), (350, "again")))
    (row,) = compare(a + b, "old", "new")
    assert (row.p_adjusted, row.significant, row.note) == (0.0, True, "")
    assert row.ratio == row.low == row.high == pytest.approx(351 / 350)
    (row,) = compare(a + same, "old", "again")
    assert (row.p_adjusted, row.significant, row.ratio) == (1.0, False, 1.0)
    as_run = [(replace(record, target="old"), samples) for record, samples in b]
    (row,) = compare_runs(a, as_run)
    assert row.significant and row.p_adjusted == 0.0


def test_their_interval_is_none_wide() -> None:
    (row,) = summarise(counted([350, 350, 350], "vm"))
    assert (row.low, row.estimate, row.high) == (350, 350, 350)
    (row,) = summarise(counted([350, 351, 350], "vm"))
    assert row.low < row.high


def test_a_count_that_two_deployments_share_is_exact() -> None:
    def two(metric: Metric, *values: float) -> list[Cell]:
        return [cell(n, n, [measured([value] * 5, metric)]) for n, value in enumerate(values)]

    (exact,) = summarise(two(COUNTED, 70, 70))
    assert (views._told(exact).low, views._told(exact).high) == (70, 70)
    for others in (two(COUNTED, 70, 71), two(LATENCY, 70, 70)):
        (row,) = summarise(others)
        assert math.isnan(views._told(row).low)
    assert not _of_series(list(gather(two(COUNTED, 70, 70))))
    assert _of_series(list(gather(two(COUNTED, 70, 71))))
