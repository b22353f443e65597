"""Trends over made-up runs, through the command line's own functions."""

from dataclasses import replace

import pytest

from bench.dashboard import hooks
from bench.judged import judge_what_is_not
from bench.trend import trends
from results.dashboard.source import Source
from results.dashboard.trends import changes_of, trend_of
from results.store import Store
from tests.bench.gate.made_up import COUNT, World, put
from vocabulary import UsageError


@pytest.fixture
def history(store: Store) -> Store:
    """Sixteen runs: from the ninth on, kylinx is half slower; the machine is all over the place."""
    for number in range(16):
        changed = number >= 8
        world = World(
            blocks=4,
            session=0.3 * (-1) ** number,
            slower={("kylinx", "pipe"): 1.5} if changed else {},
            commit=("b" if changed else "a") * 40,
            cases=("pipe", "kill"),
        )
        put(store, world, 100 + number)
    list(judge_what_is_not(store, set()))
    return store


def test_changes_are_found_in_ratios_to_the_control_with_the_commits_on_either_side(history: Store) -> None:
    found = {one.series.case: one for one in trends(history, "kylinx *")}
    (change,) = found["pipe"].changes
    assert found["pipe"].against == "process"
    before, after = (found["pipe"].line.runs[change.at - 1 + n].commit for n in (0, 1))
    assert (before[0], after[0]) == ("a", "b")
    assert 1.3 < change.low < 1.5 < change.high < 1.7
    assert found["pipe"].verdict(change) == "worse"
    assert not found["kill"].changes


def test_patterns_machines_and_absolute_figures(history: Store) -> None:
    assert len(trends(history, "one_way")) == 4
    assert len(trends(history, "pipe.one_way", machine="all")) == 2
    assert trends(history, "kylinx pipe *", absolute=True)[0].against == ""
    with pytest.raises(UsageError, match="no run of machine"):
        trends(history, "one_way", machine="nowhere")
    with pytest.raises(UsageError, match="no stored run has a metric") as wrong:
        trends(history, "one_wya")
    assert "one_way" in wrong.value.remedy


def test_a_count_that_changes_once_has_changed(store: Store) -> None:
    """Instructions are exact: three runs tell when, and no chance has a part in it."""
    exact = World(metric=COUNT, between=0, drift=0, disturbed=0, blocks=1, targets=("microkernel",))
    exact = replace(exact, cases=("pipe",))
    for number, slower in enumerate((1.0, 1.0, 1.1)):
        world = replace(exact, slower={("microkernel", "pipe"): slower}, commit=str(number) * 40)
        put(store, world, 11, f"20260101-000000-000{number}")
    list(judge_what_is_not(store, set()))
    (found,) = trends(store, "instructions")
    (change,) = found.changes
    assert change.at == 2 and change.p == 0 and change.low == change.ratio == change.high > 1
    assert found.exact and found.verdict(change) == "worse"
    source = Source(store, hooks())
    (shown,) = changes_of(source, trend_of(source, found.series.series_id))
    assert (shown.verdict, shown.run.commit[0], shown.before.commit[0]) == ("worse", "2", "1")


def test_what_was_deployed_beside_a_run_has_no_history(store: Store) -> None:
    both = World(targets=("process", "kylinx", "kylinx@" + "a" * 12), cases=("pipe",), blocks=4)
    for number in range(2):
        put(store, both, number)
    list(judge_what_is_not(store, set()))
    assert {one.series.target for one in trends(store, "one_way")} == {"process", "kylinx"}
    assert {one.target for one in Source(store, hooks()).trended()} == {"process", "kylinx"}


def test_an_empty_store_says_so(store: Store) -> None:
    with pytest.raises(UsageError, match="no judged run"):
        trends(store, "one_way")
