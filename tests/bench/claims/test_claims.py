"""Claims: what a file may say, and what a run says of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.claims.file import Claim, load, parse, shipped
from bench.claims.judging import Holding, Verdict, exit_code, verify
from bench.claims.measuring import plan_of
from bench.claims.telling import markdown, value_of
from bench.plan import validate
from bench.statistics import gather
from probes import PROBES
from tests.bench.made_up import Cell, cell, measured
from tests.results.made_up import a_run
from vocabulary import Better, Clock, Metric, Outcome, UsageError
from workloads import case_kind

TIME = Metric("one_way", "ns", Clock.MONOTONIC, Better.LOWER)
COUNT = Metric("one_way", "instructions", Clock.ICOUNT, Better.LOWER)
PIPE = {"target": "kylinx", "case": "pipe", "metric": "one_way"}


def claim(**changes: Any) -> Claim:
    said: dict[str, Any] = {
        "id": "one",
        "says": "a pipe is as fast",
        "source": "a paper",
        "measured": PIPE,
        "against": {"target": "process"},
        "relation": {"at_most": 1.1},
    }
    return Claim.model_validate({key: value for key, value in (said | changes).items() if value is not None})


def run_with(ratio: float, blocks: int = 6, metric: Metric = TIME, spread: float = 0.01) -> list[Cell]:
    made = []
    for block in range(blocks):
        off = 1 + spread * ((block % 3) - 1)
        for n, (target, factor) in enumerate((("process", 1.0), ("kylinx", ratio * off))):
            values = [100_000 * factor * x for x in (0.9, 1.0, 1.1)]
            made.append(cell(2 * block + n, block, [measured(values, metric)], target=target, case="pipe"))
    return made


def verdict(cells: list[Cell], one: Claim) -> Verdict:
    return verify([one], a_run(), gather(cells), [record for record, _ in cells])[0]


@pytest.mark.parametrize(
    ("relation", "ratio", "wanted"),
    [
        ({"at_most": 1.1}, 1.0, Holding.HOLDS),
        ({"at_most": 1.1}, 1.3, Holding.FAILS),
        ({"at_most": 1.1}, 1.1, Holding.INCONCLUSIVE),
        ({"at_least": 1.0}, 1.2, Holding.HOLDS),
        ({"at_least": 1.0}, 0.9, Holding.FAILS),
        ({"within": 0.1}, 1.0, Holding.HOLDS),
        ({"within": 0.1}, 0.8, Holding.FAILS),
        ({"within": 0.1, "of": 2.0}, 2.0, Holding.HOLDS),
        ({"at_least": 0.5, "at_most": 0.7}, 0.6, Holding.HOLDS),
    ],
)
def test_relations(relation: dict[str, float], ratio: float, wanted: Holding) -> None:
    found = verdict(run_with(ratio), claim(relation=relation))
    assert found.holding is wanted, found
    assert found.low < found.value < found.high and found.blocks == 6


def test_a_claim_about_a_figure() -> None:
    about = claim(against=None, relation={"at_most": 2e5})
    found = verdict(run_with(1.0), about)
    assert found.holding is Holding.HOLDS and found.unit == "ns" and 9e4 < found.value < 11e4


def test_two_blocks_and_noise_decide_nothing() -> None:
    assert verdict(run_with(5.0, blocks=2), claim()).why == "2 blocks: 3 are needed"
    some = [
        (replace(record, outcome=Outcome.NOISY) if record.block else record, samples)
        for record, samples in run_with(5.0)
    ]
    assert verdict(some, claim()).why == "1 block (5 noisy left out): 3 are needed"
    figure = verdict(some, claim(against=None, relation={"at_most": 1e9}))
    assert figure.why == "1 block (5 noisy left out): 3 are needed"
    noisy = [(replace(record, outcome=Outcome.NOISY), samples) for record, samples in run_with(5.0)]
    found = verdict(noisy, claim())
    assert found.holding is Holding.INCONCLUSIVE and "noisy" in found.why


def test_counts_need_one_block() -> None:
    found = verdict(run_with(2.0, blocks=1, metric=COUNT), claim())
    assert found.holding is Holding.FAILS and value_of(found) == "1.98×, exact"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"measured": {"target": "nowhere", "case": "pipe", "metric": "one_way"}},
            "no cell of target nowhere",
        ),
        ({"measured": {"target": "kylinx", "case": "kill", "metric": "one_way"}}, "no case kill"),
        (
            {
                "measured": {
                    "target": "kylinx",
                    "case": "pipe",
                    "params": {"mode": "awake"},
                    "metric": "one_way",
                }
            },
            "no case pipe with mode=awake",
        ),
        ({"measured": {"target": "kylinx", "case": "pipe", "metric": "speed"}}, "measures no speed"),
        ({"cannot": "it is so", "measured": None, "against": None, "relation": None}, "it is so"),
    ],
)
def test_what_cannot_be_measured_says_why(changes: dict[str, Any], why: str) -> None:
    found = verdict(run_with(1.0), claim(**changes))
    assert found.holding is Holding.NOT_MEASURABLE and why in found.why


def test_unsupported_cells_and_other_clocks_say_why() -> None:
    cells = run_with(1.0)
    unsupported = [
        (replace(record, outcome=Outcome.UNSUPPORTED, reason="no KVM"), [])
        if record.target == "kylinx"
        else (record, samples)
        for record, samples in cells
    ]
    assert "no KVM" in verdict(unsupported, claim()).why
    mixed = run_with(1.0)
    mixed = [
        (record, [measured([5.0], COUNT)] if record.target == "kylinx" else samples)
        for record, samples in mixed
    ]
    found = verdict(mixed, claim())
    assert found.holding is Holding.NOT_MEASURABLE and "no ratio" in found.why


def test_series_that_differ_in_labels_have_to_be_named() -> None:
    cells = [
        cell(n, n, [measured([5.0], TIME, labels={"op": op}) for op in ("get", "set")], case="pipe")
        for n in range(4)
    ]
    figure = {"target": "process", "case": "pipe", "metric": "one_way"}
    vague = claim(measured=figure, against=None)
    assert "say which by its labels" in verdict(cells, vague).why
    named = claim(measured={**figure, "labels": {"op": "get"}}, against=None, relation={"at_most": 6})
    assert verdict(cells, named).holding is Holding.HOLDS


def test_exit_codes() -> None:
    def code(*holdings: Holding) -> int:
        return exit_code([Verdict(claim(), holding) for holding in holdings])

    assert code(Holding.HOLDS, Holding.NOT_MEASURABLE) == 0
    assert code(Holding.HOLDS, Holding.INCONCLUSIVE, Holding.FAILS) == 1
    assert code(Holding.HOLDS, Holding.INCONCLUSIVE) == 3
    assert code(Holding.NOT_MEASURABLE) == 3


def test_markdown_keeps_to_its_table() -> None:
    text = markdown("r", [verdict(run_with(1.0), claim(says="a | b\nc"))])
    rows = [line for line in text.splitlines() if line.startswith("| one: a")]
    assert len(rows) == 1 and "a \\| b c" in rows[0] and "**holds**" in rows[0]


def test_the_shipped_claims_can_be_measured() -> None:
    assert {"kylinx", "nephele", "unikraft", "tinykvm", "sel4"} <= set(shipped())
    claims = load([])
    assert len({one.id for one in claims}) == len(claims) > 25
    for one in claims:
        assert one.cannot or one.published.of_both or one.published.measured or one.published.words
    plan = plan_of(claims, 5)
    validate(plan, "claims", case_kind, PROBES)
    assert plan.targets[0] == "process"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "not valid TOML"),
        ("", "holds no claim"),
        ("other = 1", "no such key"),
        ('claims = ["a"]', "should be"),
        ('[[claims]]\nid = "a"\nsays = "b"\nsource = "c"', "say measured and relation"),
        ('[[claims]]\nid = "A B"\nsays = "b"\nsource = "c"\ncannot = "d"', "id"),
        ('[[claims]]\nid = "a"\nsays = "b"\nsource = "c"\ncannot = "d"\nwher = "e"', "did you mean where"),
    ],
)
def test_wrong_files_say_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load([str(path)])


@pytest.mark.parametrize(
    "relation",
    [
        *({}, {"at_most": 0}, {"at_most": -1}, {"within": 2}, {"of": 1}),
        *({"at_least": 2, "at_most": 1}, {"within": 0.1, "at_most": 1}),
    ],
)
def test_relations_that_say_nothing(relation: dict[str, float]) -> None:
    said = claim().model_dump(exclude_none=True) | {"relation": relation}
    with pytest.raises(UsageError, match="relation"):
        parse({"claims": [said]}, "here")


def test_unknown_cases_and_parameters_are_refused() -> None:
    wrong = claim().model_dump(exclude_none=True)
    with pytest.raises(UsageError, match="unknown case"):
        parse({"claims": [wrong | {"measured": {"target": "a", "case": "pip", "metric": "m"}}]}, "here")
    bad = {"target": "a", "case": "pipe", "metric": "m", "params": {"mode": "asleep"}}
    with pytest.raises(UsageError, match="mode"):
        parse({"claims": [wrong | {"measured": bad}]}, "here")
    with pytest.raises(UsageError, match="no such file"):
        load(["kylinks"])
    with pytest.raises(UsageError, match="two claims"):
        load(["kylinx", "kylinx"])
