"""What probes cost, and one event by two sources."""

import math

import pytest

from bench.statistics import as_json, overheads, source_differences
from tests.bench.made_up import Cell, cell, measured
from vocabulary import Better, Clock, Metric, Outcome, Source

BYTES = Metric("latency", "bytes", Clock.NONE, Better.LOWER)


def cells_with_probes(blocks: int = 4, cost: float = 1.25) -> list[Cell]:
    """A drifting machine; the probe costs the program a quarter and sees 40 ns less than it does."""
    made: list[Cell] = []
    for block in range(blocks):
        level = 1000.0 * (1 + block) + block**2
        plain = [measured(level), measured(level * 2, labels={"n": 2})]
        made.append(cell(len(made), block, plain))
        slow = level * cost * (1 + block / 1000)
        probed = [
            measured(slow),
            measured(slow * 2, labels={"n": 2}),
            measured(slow - 40 - block, source=Source.PROBE, probe="fork"),
            measured(7, BYTES, Source.PROBE, probe="memory"),
        ]
        made.append(cell(len(made), block, probed, probes=("fork",)))
    return made


def test_overhead_is_the_ratio_within_blocks() -> None:
    rows = overheads(cells_with_probes())
    assert [(row.series, row.probes) for row in rows] == [
        ("latency@program", ("fork",)),
        ("latency{n=2}@program", ("fork",)),
    ]
    for row in rows:
        assert row.ratio == pytest.approx(1.25, rel=0.003)
        assert 1.24 < row.low < row.ratio < row.high < 1.26
        assert row.probed / row.plain == pytest.approx(1.25, rel=0.01)
        assert (row.pairs, row.note) == (4, "")
    assert as_json(rows[0])["probes"] == ["fork"]


def test_each_set_of_probes_has_its_own_row() -> None:
    made = cells_with_probes()
    made += [cell(100 + i, i, [measured(3000 * (1 + i))], probes=("fork", "sched")) for i in range(4)]
    ratios = {row.probes: row.ratio for row in overheads(made) if row.series == "latency@program"}
    assert set(ratios) == {("fork",), ("fork", "sched")}
    assert ratios["fork", "sched"] > 2.9


def test_without_plain_cells_there_is_no_overhead_to_tell() -> None:
    assert overheads([c for c in cells_with_probes() if c[0].probes]) == []
    assert overheads([c for c in cells_with_probes() if not c[0].probes]) == []


def test_one_block_gives_a_ratio_and_no_interval() -> None:
    row = overheads(cells_with_probes(1))[0]
    assert (row.low, row.high) == (0, math.inf)
    assert row.note == "one block: no interval"
    assert as_json(row)["high"] is None


def test_noisy_pairs_are_left_out() -> None:
    made = cells_with_probes()
    made.append(cell(90, 9, [measured(1)], outcome=Outcome.NOISY))
    made.append(cell(91, 9, [measured(1e9)], probes=("fork",)))
    assert overheads(made) == overheads(cells_with_probes())


def test_a_probe_and_the_program_are_told_apart_in_nanoseconds() -> None:
    rows = source_differences(cells_with_probes())
    assert len(rows) == 1  # neither other labels nor another unit are the same event
    row = rows[0]
    assert (row.series_a, row.series_b) == ("latency@program", "latency@probe:fork")
    assert row.difference == pytest.approx(-41.5)
    assert row.low < -41.5 < row.high < -38
    assert row.estimate_a > row.estimate_b
    assert (row.unit, row.pairs, row.note) == ("ns", 4, "")


def test_sources_are_compared_within_a_cell_and_not_across() -> None:
    made = [
        cell(0, 0, [measured(10)]),
        cell(1, 0, [measured(9, source=Source.PROBE, probe="fork")], probes=("fork",)),
    ]
    assert source_differences(made) == []


def test_two_probes_of_one_event_give_a_row_each() -> None:
    both = [
        measured(10),
        measured(9, source=Source.PROBE, probe="fork"),
        measured(8, source=Source.PROBE, probe="sched"),
    ]
    made = [cell(i, i, both, probes=("fork", "sched")) for i in range(3)]
    assert [(row.series_b, row.difference) for row in source_differences(made)] == [
        ("latency@probe:fork", -1),
        ("latency@probe:sched", -2),
    ]
