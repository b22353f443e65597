"""The baseline's code in the same blocks as the run's: what is judged then, and when it is measured so."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench import engine
from bench.engine import Finished
from bench.gate import confirming
from bench.gate.beside import code_wanted, twins_in, with_twins
from bench.gate.calibration import beside_name, noise_of
from bench.gate.judging import Judgement, judge, needed
from bench.gate.report import Finding
from bench.gate.settings import GateSettings
from bench.gate.sides import Side
from bench.gate.thresholds import BESIDE, Thresholds
from bench.plan import Plan, cells_of_block, parse
from results.store import Store
from tests.bench.gate.conftest import Kxbench
from tests.bench.gate.made_up import COUNT, Silent, World, plan_of, put, side, suspect
from vocabulary import RunState, TargetError, UsageError

COMMIT = "a" * 40
TWIN = "kylinx@" + "a" * 12
BOTH = World(targets=("process", "kylinx", TWIN))
TWINS = {"kylinx": TWIN}
SETTINGS = GateSettings(threshold=0.03)


def judged(a: Side, b: Side) -> Judgement:
    planned = {(t, c) for t in BOTH.targets for c in BOTH.cases}
    return judge(a, b, Thresholds(SETTINGS), "process", planned, twins=TWINS)


def findings(judgement: Judgement) -> dict[str, Finding]:
    return {one.case: one.finding for one in judgement.metrics}


def test_the_hour_of_the_baseline_has_no_part_in_it() -> None:
    """It was measured while pVMs, and they alone, were twice as fast; the twin says what they are now."""
    fast = {("kylinx", case): 0.5 for case in BOTH.cases}
    past = side(World(slower=fast), 1)
    now = judged(past, side(BOTH, 2))
    assert set(findings(now).values()) == {Finding.SAME} and len(now.metrics) == 3
    assert all(one.beside == TWIN and one.paired and 0.9 < one.ratio < 1.1 for one in now.metrics)
    assert not now.missing
    slow = judged(past, side(replace(BOTH, slower={("kylinx", "pipe"): 1.15}), 2))
    assert findings(slow) == {"pipe": Finding.REGRESSION, "kill": Finding.SAME, "sysv_mq": Finding.SAME}
    assert f"over {TWIN} beside it" in next(one.why for one in slow.metrics if one.case == "pipe")


def test_a_tenth_is_found_in_twenty_four_blocks_and_nothing_where_nothing_is() -> None:
    """Deployments differ by 6 % each, the machine walks by 5 % a block."""
    world = replace(BOTH, blocks=24, between=0.06, cases=("pipe",))
    past = side(World(), 1)
    wrong = missed = 0
    for number in range(20):
        wrong += findings(judged(past, side(world, 100 + number)))["pipe"] is not Finding.SAME
        slow = side(replace(world, slower={("kylinx", "pipe"): 1.1}), 200 + number)
        missed += findings(judged(past, slow))["pipe"] is not Finding.REGRESSION
    assert wrong <= 1 and missed <= 2


def test_a_first_target_with_a_twin_is_judged_though_others_are_measured_by_it() -> None:
    alone = World(targets=("kylinx", TWIN), slower={("kylinx", "pipe"): 1.3})
    past = side(World(targets=("kylinx",)), 1)
    found = judge(past, side(alone, 2), Thresholds(SETTINGS), "kylinx", (), twins=TWINS)
    assert findings(found)["pipe"] is Finding.REGRESSION and len(found.metrics) == 3


def test_counts_are_held_against_the_twins() -> None:
    world = replace(BOTH, metric=COUNT, between=0, drift=0, disturbed=0, blocks=1)
    assert all(one.beside == TWIN for one in judged(side(World(metric=COUNT), 1), side(world, 1)).metrics)


def test_what_the_twin_lacks_is_judged_by_the_baseline_and_what_the_target_lacks_is_missing() -> None:
    past = side(World(), 1)
    lacking = side(replace(BOTH, failed=((TWIN, "kill"), ("kylinx", "pipe"))), 2)
    found = judged(past, lacking)
    assert {one.case: one.beside for one in found.metrics} == {"kill": "", "sysv_mq": TWIN}
    assert found.missing == ("kylinx pipe one_way@program",)


def test_pairs_need_more_deployments_than_two_sides_do() -> None:
    assert (needed(1, 0.05, beside=True), needed(10, 0.05, beside=True)) == (6, 9)
    few = judged(side(World(), 1), side(replace(BOTH, blocks=6), 2))
    assert all(one.finding is Finding.INCONCLUSIVE and "3 metrics need 7" in one.why for one in few.metrics)


def test_the_command_line_tells_what_it_is_over(store: Store, kxbench: Kxbench) -> None:
    base = put(store, World(), 1)
    kxbench("baseline", "set", "main", base.run_id, "--why", "the start")
    run = put(store, replace(BOTH, slower={("kylinx", "pipe"): 1.3}), 2)
    done = kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm", "--json")
    told = json.loads(done.out)
    assert done.code == 1 and {one["beside"] for one in told["metrics"]} == {TWIN}
    shown = kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm")
    assert f"over {TWIN}: the baseline's code, deployed in the same blocks" in shown.err
    assert "divided out" not in shown.err


def test_a_twin_of_another_commit_is_not_the_baseline(store: Store, kxbench: Kxbench) -> None:
    base = put(store, replace(BOTH, commit="b" * 40), 1)
    done = kxbench("gate", put(store, BOTH, 2).run_id, "--baseline", base.run_id, "--no-confirm", "--json")
    told = json.loads(done.out)
    assert {(one["beside"], one["target"]) for one in told["metrics"]} == {("", "kylinx")}
    assert any("is not the baseline's code, and not used: it is of commit bbbb" in n for n in told["notes"])


# thresholds


def test_two_of_the_same_tell_the_threshold_of_what_is_judged_so() -> None:
    """Ratios to the control differ by 10 % from run to run; those of the two do not."""
    runs = [
        side(replace(BOTH, slower={(name, "pipe"): 1.1 ** (n % 3) for name in ("kylinx", TWIN)}), 10 + n)
        for n in range(5)
    ]
    noise = noise_of(runs, "process", twins=TWINS)
    name = "kylinx pipe one_way@program"
    assert noise[name]["between"] > 0.05 > noise[beside_name(name)]["between"]
    assert not [one for one in noise if one.startswith(TWIN)]
    thresholds = Thresholds(GateSettings(), noise)
    names = ("one_way", "pipe.one_way", "pipe one_way@program", name)
    assert thresholds.find(names, True, False, beside=True)[1] == "calibration"
    assert thresholds.find(names, True, False, beside=True) < thresholds.find(names, True, False)
    assert Thresholds(GateSettings()).find(names, True, False, beside=True) == (BESIDE, "default")


# plans


def test_a_plan_gets_its_targets_once_more() -> None:
    plan = parse(
        {
            "name": "p",
            "targets": ["process", "kylinx"],
            "budget_s": 100,
            "cases": [
                {"kind": "pipe"},
                {"kind": "fork", "targets": ["kylinx"]},
                {"kind": "kill", "targets": ["process"]},
            ],
        },
        "a test",
    )
    both = with_twins(plan, COMMIT)
    assert both.targets == ("process", "kylinx", TWIN) and both.budget_s == 150
    ran = {(case.partition("[")[0], target) for target, case, *_ in cells_of_block(both)}
    assert {("pipe", TWIN), ("fork", TWIN), ("kill", "process")} <= ran and ("kill", TWIN) not in ran
    assert with_twins(both, COMMIT) == both.model_copy(update={"budget_s": both.budget_s})


def test_a_plan_without_a_target_of_commits_is_refused() -> None:
    plan = parse({"name": "p", "targets": ["process"], "cases": [{"kind": "pipe"}]}, "a test")
    with pytest.raises(UsageError, match="none of the plan's targets can be built of a commit"):
        with_twins(plan, COMMIT)


def test_whose_code_is_meant(store: Store) -> None:
    run = put(store, World(), 1)
    for name in (run.run_id, "latest", run.run_id[:9]):
        assert code_wanted(store, name) == (COMMIT, f"run {run.run_id}")
    commit, called = code_wanted(store, "HEAD")
    assert len(commit) == 40 and "no baseline and no run is called that" in called
    for name in ("no-such-thing", "0" * 40, "--upload-pack=x"):
        with pytest.raises(UsageError, match="no baseline, run or commit is called that"):
            code_wanted(store, name)


def test_code_that_was_not_committed_cannot_be_deployed_again(store: Store, kxbench: Kxbench) -> None:
    run = put(store, World(), 1)
    dirty = replace(run, run_id="20260102-000000-0000", environment={**run.environment, "git_dirty": True})
    store.create_run(dirty)
    with pytest.raises(UsageError, match="with uncommitted changes"):
        code_wanted(store, dirty.run_id)


# measuring again


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, store: Store) -> list[Plan]:
    """The plans that the engine was to run; what it keeps of them is made up."""
    plans: list[Plan] = []

    def start(plan: Plan, *_rest: object) -> Finished:
        plans.append(plan)
        run = put(store, World(targets=plan.targets), 50 + len(plans))
        return Finished(run.run_id, RunState.FINISHED, {}, 0)

    monkeypatch.setattr(engine, "start", start)
    return plans


def test_the_re_run_is_beside_the_baselines_code(store: Store, started: list[Plan]) -> None:
    again = confirming.measure_again(store, put(store, World(), 2), [suspect()], COMMIT, Silent())
    assert started[0].targets == ("process", "kylinx", TWIN) and again.twins == TWINS


@pytest.mark.parametrize("error", [UsageError("no such commit"), TargetError("does not compile")])
def test_where_that_cannot_be_built_the_baselines_figures_have_to_do(
    store: Store, started: list[Plan], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    start: Callable[..., Finished] = engine.start

    def refuse(plan: Plan, *rest: object) -> Finished:
        if TWIN in plan.targets:
            raise error
        return start(plan, *rest)

    monkeypatch.setattr(engine, "start", refuse)
    again = confirming.measure_again(store, put(store, World(), 2), [suspect()], COMMIT, Silent())
    assert [plan.targets for plan in started] == [("process", "kylinx")] and again.twins == {}
    assert "its code cannot be deployed" in again.without and str(error) in again.without


def test_twins_are_known_by_the_runs_plan(store: Store) -> None:
    run = put(store, BOTH, 1)
    assert plan_of(BOTH)["targets"] == list(run.plan["targets"])
    assert twins_in(run, COMMIT) == TWINS and twins_in(run, "b" * 40) == {}
    for digits in (7, 40):
        named = f"kylinx@{COMMIT[:digits]}"
        by_hand = put(store, World(targets=("process", "kylinx", named)), digits)
        assert twins_in(by_hand, COMMIT) == {"kylinx": named}
