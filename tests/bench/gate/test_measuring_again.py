"""The re-run that a regression must be confirmed by: of what, when it can be, and what it decides."""

import json
from dataclasses import replace

import pytest

from bench import engine, environment
from bench.gate import gate as driver
from bench.gate.confirming import Again, after, confirmable, plan_of
from bench.gate.report import Finding, Judged
from bench.gate.settings import GateSettings
from bench.plan import validate
from probes import PROBES
from results.store import Store
from tests.bench.gate.conftest import Kxbench
from tests.bench.gate.made_up import SLOW, World, put, suspect
from vocabulary import RunRecord
from workloads import case_kind


def test_the_re_run_has_the_suspects_and_the_control(store: Store) -> None:
    run = put(store, SLOW, 2)
    plan = plan_of(store, run, [suspect()])
    assert plan.targets == ("process", "kylinx") and [case.kind for case in plan.cases] == ["pipe"]
    assert plan.blocks == 12 and plan.warmup == 0 and plan.name == "made-up-again"
    validate(plan, "again", case_kind, PROBES)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "p", "wanted"),
    [
        (1.5, 1.4, 1.6, 0.001, Finding.REGRESSION),
        (1.06, 1.01, 1.11, 0.01, Finding.REGRESSION),
        (1.02, 0.98, 1.06, 0.3, Finding.REFUTED),
        (0.7, 0.6, 0.8, 0.001, Finding.REFUTED),
        (1.2, 0.9, 1.6, 0.2, Finding.INCONCLUSIVE),
    ],
)
def test_what_a_re_run_decides(ratio: float, low: float, high: float, p: float, wanted: Finding) -> None:
    second = replace(suspect(), ratio=ratio, low=low, high=high, p_value=p, p_adjusted=p)
    (found,) = after([suspect()], [second], GateSettings())
    assert found.finding is wanted and found.again["ratio"] == ratio


def test_a_re_run_that_measured_nothing_is_inconclusive() -> None:
    assert after([suspect()], [], GateSettings())[0].finding is Finding.INCONCLUSIVE


@pytest.mark.parametrize(
    ("again", "code", "finding"),
    [(SLOW, 1, "regression"), (World(), 0, "refuted"), (World(blocks=2), 3, "inconclusive")],
)
def test_the_gate_with_a_re_run(
    store: Store,
    kxbench: Kxbench,
    monkeypatch: pytest.MonkeyPatch,
    base: RunRecord,
    again: World,
    code: int,
    finding: str,
) -> None:
    """The re-run itself is made up: a real one is in tests/end_to_end/test_gate.py."""

    def measure(kept: Store, run: RunRecord, suspects: list[Judged], *_rest: object) -> Again:
        assert [one.case for one in suspects] == ["pipe"]
        return Again(put(kept, replace(again, plan=f"{run.plan_name}-again"), 77).run_id, 0, {})

    monkeypatch.setattr(driver, "confirmable", lambda _run: None)
    monkeypatch.setattr(driver, "measure_again", measure)
    done = kxbench("gate", put(store, SLOW, 2).run_id, "--baseline", base.run_id, "--json")
    told = json.loads(done.out)
    assert done.code == code, told
    assert next(m for m in told["metrics"] if m["case"] == "pipe")["finding"] == finding
    assert told["confirmed_by"].endswith("0077")


def test_other_uncommitted_changes_are_not_the_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that was taken back must not refute what it did."""
    now = environment.describe()
    run = put(store, SLOW, 2)
    monkeypatch.setattr(engine, "demand_root", lambda: None)
    for ran, is_now, wanted in (
        ({"git_dirty": True, "git_changes": "a"}, {"git_dirty": True, "git_changes": "a"}, True),
        ({"git_dirty": True, "git_changes": "a"}, {"git_dirty": True, "git_changes": "b"}, False),
        ({"git_dirty": True}, {"git_dirty": True, "git_changes": "b"}, False),  # of an older kxbench
        ({"git_dirty": True}, {"git_dirty": True}, False),
        ({"git_dirty": False}, {"git_dirty": False, "git_changes": ""}, True),
        ({"git_dirty": False}, {"git_dirty": True, "git_changes": "b"}, False),
    ):
        without = {k: v for k, v in now.items() if not k.startswith("git_")} | {"git_commit": "c"}
        monkeypatch.setattr(environment, "describe", lambda was=without | is_now: was)
        made = replace(run, environment=without | ran | {"fingerprint": environment.fingerprint(without)})
        why = confirmable(made)
        assert (why is None) is wanted, (ran, is_now, why)


def test_where_it_cannot_be_measured_again(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    run = put(store, SLOW, 2)
    why = confirmable(run)
    assert why is not None and ("another machine" in why.what or "root" in why.what)
    asked = kxbench("gate", run.run_id, "--baseline", base.run_id, "--confirm")
    assert asked.code == 4
    told = json.loads(kxbench("gate", run.run_id, "--baseline", base.run_id, "--json").out)
    assert told["decision"] == "regression"
    assert any("not confirmed by a re-run" in note for note in told["notes"])
