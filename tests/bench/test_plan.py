"""Plans: reading, refusing, expanding, shuffling."""

from collections import Counter
from pathlib import Path

import pytest

from bench.plan import Plan, adapt, built_in, cells_of_block, load, parse, schedule, validate
from probes import PROBES
from vocabulary import UsageError
from workloads import case_kind

MINIMAL = {"name": "p", "targets": ["process"], "cases": [{"kind": "null"}]}


def plan_of(**changes: object) -> Plan:
    return parse({**MINIMAL, **changes}, where="test")


@pytest.mark.parametrize("name", built_in())
def test_built_in_plans_are_valid(name: str) -> None:
    plan = load(name)
    validate(plan, name, case_kind, PROBES)
    assert plan.name == name
    assert schedule(plan)


def test_every_case_kind_is_in_the_paper_plan() -> None:
    from workloads import CASES

    assert {case.kind for case in load("paper").cases} == set(CASES)


def test_each_block_holds_every_cell_once_and_the_order_differs() -> None:
    plan = plan_of(
        blocks=4,
        cases=[
            {"kind": "fork", "grid": {"dirty_mib": [1, 16], "pages": ["default", "huge"]}, "probes": ["fork"]}
        ],
    )
    cells = schedule(plan)
    by_block = [[(c.case, c.probes) for c in cells if c.block == b] for b in range(4)]
    assert all(Counter(block) == Counter(by_block[0]) for block in by_block)
    assert len(by_block[0]) == len(set(by_block[0])) == 8
    assert any(block != by_block[0] for block in by_block)
    assert [c.index for c in cells] == list(range(32))


def test_each_list_of_probes_has_cells_of_its_own() -> None:
    one = plan_of(cases=[{"kind": "fork", "probes": ["fork", "sched"]}])
    two = plan_of(cases=[{"kind": "fork", "probes": [["fork"], ["sched"]]}])
    assert {c.probes for c in schedule(one)} == {(), ("fork", "sched")}
    assert {c.probes for c in schedule(two)} == {(), ("fork",), ("sched",)}
    assert parse(two.model_dump(mode="json"), where="kept") == two


def test_the_seed_decides_the_order() -> None:
    cases = [{"kind": "fork", "grid": {"dirty_mib": list(range(1, 17))}}]
    one, again, other = (schedule(plan_of(seed=s, cases=cases)) for s in (7, 7, 8))
    assert one == again
    assert [c.case for c in one] != [c.case for c in other]


def test_warm_up_blocks_are_negative_and_first() -> None:
    blocks = [c.block for c in schedule(plan_of(warmup=2, blocks=2))]
    assert blocks == [-2, -1, 0, 1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"targets": []}, "targets"),
        ({"targets": ["process", "process"]}, "named twice"),
        ({"blocks": 0}, "blocks"),
        ({"blocks": "many"}, "blocks"),
        ({"budget_s": -1}, "budget_s"),
        ({"cases": []}, "cases"),
        ({"cases": [{"kind": "fork", "dirty": 3}]}, "cases.0.dirty"),
        ({"cases": [{"kind": "fork", "params": {"a": 1}, "grid": {"a": [1]}}]}, "both params and grid"),
        ({"cases": [{"kind": "FORK; rm"}]}, "cases.0.kind"),
        ({"seed": -1}, "seed"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_key_is_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        plan_of(**changes)
    assert caught.value.where == "test"
    assert caught.value.remedy


def test_a_case_may_stand_twice_on_different_targets() -> None:
    cases = [
        {"kind": "fork", "targets": ["process"], "probes": ["fork"]},
        {"kind": "fork", "targets": ["kylinx"], "probes": [["fork"], ["pvm"]]},
    ]
    plan = plan_of(targets=["process", "kylinx"], cases=cases)
    validate(plan, "test", case_kind, PROBES)
    cells = [(target, probes) for target, _, _, _, probes in cells_of_block(plan)]
    fork, pvm = ("fork",), ("pvm",)
    assert cells == [("process", ()), ("process", fork), ("kylinx", ()), ("kylinx", fork), ("kylinx", pvm)]
    with pytest.raises(UsageError, match="twice") as caught:
        validate(
            plan_of(targets=["process", "kylinx"], cases=[*cases, {"kind": "fork"}]),
            "test",
            case_kind,
            PROBES,
        )
    assert "targets" in caught.value.remedy


@pytest.mark.parametrize(
    ("case", "named"),
    [
        ({"kind": "forkk"}, "fork"),
        ({"kind": "fork", "params": {"dirty_mib": -1}}, "dirty_mib"),
        ({"kind": "fork", "params": {"dirtymib": 1}}, "dirtymib"),
        ({"kind": "fork", "probes": ["nosuch"]}, "nosuch"),
        ({"kind": "fork", "probes": ["wire"]}, "fork, sched, memory"),
        ({"kind": "redis", "params": {"key": 3}}, "did you mean keys"),
        ({"kind": "redis", "params": {"rate_per_s": "fast"}}, "should be a list"),
        ({"kind": "fork", "grid": {"dirty_mib": [1, 1]}}, "twice"),
    ],
)
def test_a_case_is_checked_against_its_kind(case: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(plan_of(cases=[case]), "test", case_kind, PROBES)
    assert named in f"{caught.value} {caught.value.remedy}"
    assert caught.value.where == "test: cases.0"


def test_a_plan_that_is_not_toml_names_the_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\ntargets = [')
    with pytest.raises(UsageError, match=r"bad\.toml.*not valid TOML"):
        load(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"bad\.toml"):
        load(str(path))


def test_an_unknown_plan_suggests_a_near_one() -> None:
    with pytest.raises(UsageError) as caught:
        load("smok")
    assert "did you mean smoke" in caught.value.remedy
    assert set(built_in()) >= {"smoke", "quick", "paper"}


def test_selecting_a_case_the_plan_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="no such case"):
        adapt(load("smoke"), only=["nothing"])
    assert {c.kind for c in adapt(load("smoke"), targets=["process"], only=["fork"]).cases} == {"fork"}


def test_wishes_of_the_command_line_are_checked_like_the_plan() -> None:
    with pytest.raises(UsageError, match="named twice"):
        adapt(load("smoke"), targets=["process", "process"])
    with pytest.raises(UsageError, match="seed"):
        adapt(load("smoke"), seed=2**40)
    assert not any(case.probes for case in adapt(load("smoke"), no_probes=True).cases)


def test_the_budget_grows_with_what_is_asked_for() -> None:
    smoke = load("smoke")
    alone = adapt(smoke, targets=["process"])
    assert alone.budget_s == smoke.budget_s
    twice = adapt(smoke, targets=["process", "process@again"])
    more = 2 * len(schedule(alone)) / len(schedule(smoke))
    assert more > 1
    assert twice.budget_s == pytest.approx(more * smoke.budget_s)
    assert adapt(smoke, blocks=2 * smoke.blocks).budget_s == 2 * smoke.budget_s
    assert adapt(smoke, blocks=1).budget_s == smoke.budget_s
