"""What a run prints at its end."""

import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from bench import console, headline
from bench.statistics import gather
from bench.views import comparisons_within
from tests.bench.made_up import COUNT, LATENCY, Cell, cell, measured
from tests.results.made_up import a_run
from vocabulary import Metric, RunRecord

FORK = Metric("parent", LATENCY.unit, LATENCY.clock, LATENCY.better)


def _cells(target: str, middle: float) -> list[Cell]:
    return [
        cell(
            block,
            block,
            [measured([middle * (1 + block / 100)] * 9, FORK), measured([1], COUNT)],
            target=target,
        )
        for block in range(5)
    ]


def _run(targets: Sequence[str]) -> RunRecord:
    return a_run(plan={"name": "made-up", "targets": list(targets), "cases": [{"kind": "fork"}]})


def _printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cells: list[Cell],
    targets: Sequence[str],
    width: int = 120,
) -> list[str]:
    made = Console(highlight=False, width=width)
    monkeypatch.setattr(console, "out", made)
    monkeypatch.setattr(headline, "out", made)
    run, replicates = _run(targets), gather(cells)
    headline.headline(run, replicates, comparisons_within(run, replicates))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_one_target_has_its_interval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [_, line] = _printed(monkeypatch, capsys, _cells("process", 80_000), ["process"])
    assert re.match(r"process +fork, return in the parent +81.6 µs +[\d.]+ µs \.\. [\d.]+ µs +5", line)


def test_two_targets_are_in_a_line_with_their_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = _cells("process", 80_000) + _cells("kylinx", 40_000)
    title, columns, line = _printed(monkeypatch, capsys, cells, ["process", "kylinx"])
    assert "ratios are to process" in title
    assert columns.split() == ["what", "with", "process", "kylinx", "ratio", "95", "%", "interval"]
    assert re.match(r"fork, return in the parent +81.6 µs +40.8 µs +0\.50× +0\.\d+–0\.\d+× +better$", line)


def test_three_targets_have_a_line_for_each_further_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = _cells("process", 80_000) + _cells("b", 160_000)
    _, _, first, second = _printed(monkeypatch, capsys, cells, ["process", "b", "c"])
    assert re.match(r"fork, return in the parent +b +81.6 µs +163 µs +2\.00× .*worse$", first)
    assert re.match(r"fork, return in the parent +c +81.6 µs +– +c: not measured$", second)


@pytest.mark.parametrize("width", [80, 120])
def test_figures_are_not_folded_where_room_is_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    cells = _cells("process", 80_000) + _cells("kylinx", 40_000)
    lines = _printed(monkeypatch, capsys, cells, ["process", "kylinx"], width)
    assert max(map(len, lines)) <= width
    assert any(re.search(r"81.6 µs +40.8 µs +0\.50× +0\.\d+–0\.\d+×", line) for line in lines)
