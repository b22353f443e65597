"""A run of both targets with probes: both sources of fork, their cost, what has nothing to attach to."""

import os
import re
from pathlib import Path

import pytest

from targets.kylinx import host
from tests.end_to_end.suite import Suite

FORK = 'kind = "fork"\nparams = { dirty_mib = 1, budget_ms = 50 }'
CASES = (
    f'{FORK}\ntargets = ["process"]\nprobes = [["fork"], ["pvm"]]',
    f'{FORK}\ntargets = ["kylinx"]\nprobes = [["fork"], ["pvm"]]',
    'kind = "pipe"\nparams = { budget_ms = 50 }\nprobes = ["ipc"]',
    'kind = "dlopen"\nparams = { budget_ms = 50 }\ntargets = ["kylinx"]\nprobes = ["library"]',
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    if os.geteuid() != 0:
        pytest.skip("measuring needs root")
    if why := host.missing():
        pytest.skip(why)
    suite = Suite(tmp_path_factory.mktemp("measured"))
    plan = suite.plan(*CASES, blocks=1)
    plan.write_text(re.sub(r"targets = \[.*\]", 'targets = ["process", "kylinx"]', plan.read_text(), count=1))
    done = suite("run", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    return suite


def test_fork_has_both_sources_on_both_targets(measured: Suite) -> None:
    rows = measured.json("show", "latest", "--all")
    seen = {(r["target"], r["series"]) for r in rows if r["kind"] == "fork"}
    for metric in ("parent", "child"):
        for target, probe in (("process", "fork"), ("kylinx", "fork/monitor")):
            assert {(target, f"{metric}@program"), (target, f"{metric}@probe:{probe}")} <= seen
    assert ("kylinx", "forks@probe:pvm") in seen
    assert not [series for target, series in seen if target == "process" and "pvm" in series]


def test_what_has_nothing_to_attach_to_is_unsupported_with_its_reason(measured: Suite) -> None:
    cells = measured.json("show", "latest", "--cells")
    unsupported = {(c["target"], *c["probes"]): c["reason"] for c in cells if c["outcome"] == "unsupported"}
    assert set(unsupported) == {("process", "pvm"), ("kylinx", "library")}
    assert all("nothing to attach to" in reason for reason in unsupported.values())


def test_the_report_shows_both_sources_and_the_cost(measured: Suite, tmp_path: Path) -> None:
    assert measured("report", "latest", "--out", str(tmp_path)).returncode == 0
    text = (tmp_path / "report.md").read_text()
    sources = text.partition("## Probes against programs")[2].partition("\n## ")[0]
    for target, probe in (("process", "fork"), ("kylinx", "fork/monitor")):
        assert re.search(rf"\| {target} \| parent \| .*s \| .*s \({probe}\) \|", sources)
    costs = text.partition("## What the probes cost")[2].partition("\n## ")[0]
    for target, probe in (("process", "fork"), ("kylinx", "fork"), ("kylinx", "pvm"), ("kylinx", "ipc")):
        assert f"| {target} | {probe} |" in costs
