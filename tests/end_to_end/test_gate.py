"""Runs, a baseline and gates with the real command line; what looks worse is really measured again."""

import json
from dataclasses import replace

import pytest

from bench.environment.software import commit_of
from results.store import Store
from targets import at_commit
from targets.kylinx import host
from tests.end_to_end.gating import faster_past, write_plan
from tests.end_to_end.suite import Suite


def test_a_gate_measures_again_what_looks_worse(suite: Suite) -> None:
    plan = write_plan(suite.folder)
    run = suite.json("run", str(plan))["run"]
    with Store.open(suite.store) as store:
        past = faster_past(store, run, 0.05)
    assert suite("baseline", "set", "main", past, "--why", "it was twenty times as fast").returncode == 0

    gated = suite("gate", run, "--baseline", "main", "--json")
    told = json.loads(gated.stdout)
    assert gated.returncode == 1, told
    (metric,) = told["metrics"]
    assert metric["finding"] == "regression" and 19 < metric["ratio"] < 21 and metric["paired"]
    if told["confirmed_by"]:  # not if somebody commits to this tree meanwhile
        assert metric["again"]["deployments"] == [6, 6] and metric["again"]["ratio"] > 1.1
        cells = suite.json("show", told["confirmed_by"], "--cells")
        assert {cell["target"] for cell in cells} == {"process", "process@again"}
        assert all(cell["kind"] == "pipe" for cell in cells) and len(cells) == 12
    else:
        assert any("not confirmed by a re-run" in note for note in told["notes"])

    # the other way round it has become better, and the run against its own like is no regression
    assert suite("gate", past, "--baseline", run, "--no-confirm").returncode == 0


def test_the_baselines_code_is_deployed_in_the_same_blocks(suite: Suite) -> None:
    if why := host.missing():
        pytest.skip(why)
    plan = suite.folder / "beside.toml"
    plan.write_text("""
name = "beside"
targets = ["process", "kylinx"]
blocks = 6
[gate]
noisy = true
threshold = 1       # in one of 32 runs all six pairs differ in the same direction by chance
blind = 1e9
ignore = ["channel_open", "throughput", "round_trip", "first_*"]
[[cases]]
kind = "pipe"
params = { mode = "awake", budget_ms = 20 }
""")
    run = suite.json("run", str(plan), "--beside", "HEAD")["run"]
    commit = commit_of("HEAD")
    twin = at_commit("kylinx", commit)
    cells = suite.json("show", run, "--cells")
    assert {cell["target"] for cell in cells} == {"process", "kylinx", twin} and len(cells) == 18
    with Store.open(suite.store) as store:  # as if the same had been measured yesterday, all committed
        record = store.run(run)
        past = replace(record, run_id=f"{run[:-4]}0000", commit=commit, started_s=record.started_s - 86400)
        store.create_run(replace(past, environment={**past.environment, "git_dirty": False}))
        for cell, series in store.samples(run):
            store.add_cell(past.run_id, cell, series)
    told = json.loads(suite("gate", run, "--baseline", past.run_id, "--no-confirm", "--json").stdout)
    (metric,) = told["metrics"]
    assert metric["beside"] == twin and metric["deployments"] == [6, 6] and metric["finding"] == "same"


def test_beside_what_cannot_be_built(suite: Suite) -> None:
    plan = suite.plan("kind = 'pipe'")
    for words, said in (
        (("HEAD",), "none of the plan's targets can be built of a commit"),
        (("no-such-baseline",), "no baseline, run or commit is called that"),
    ):
        done = suite("run", str(plan), "--beside", *words)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    (suite.folder / "lost.toml").write_text(
        "name = 'lost'\ntargets = ['kylinx@0000000000ab']\n[[cases]]\nkind = 'pipe'\n"
    )
    lost = suite("run", str(suite.folder / "lost.toml"))
    assert lost.returncode == 2 and "git has nothing of commit 0000000000ab" in lost.stderr, lost.stderr


def test_claims_are_verified_on_a_real_run(suite: Suite) -> None:
    run = suite.json("run", str(write_plan(suite.folder)))["run"]
    claims = suite.folder / "claims.toml"
    claims.write_text("""
[[claims]]
id = "same"
says = "a process is as fast as a process"
source = "arithmetic"
measured = { target = "process@again", case = "pipe", params = { mode = "awake" }, metric = "one_way" }
against = { target = "process" }
relation = { at_most = 100 }

[[claims]]
id = "never"
says = "a message takes no time"
source = "nowhere"
measured = { target = "process", case = "pipe", params = { mode = "awake" }, metric = "one_way" }
relation = { at_most = 0.001 }

[[claims]]
id = "elsewhere"
says = "a pVM is as fast"
source = "nowhere"
measured = { target = "kylinx", case = "pipe", metric = "one_way" }
against = { target = "process" }
relation = { within = 0.1 }
""")
    done = suite("verify", run, "--claims", str(claims), "--json")
    found = {one["claim"]["id"]: one for one in json.loads(done.stdout)["claims"]}
    assert done.returncode in (1, 3)  # 3 where all deployments were noisy, which decide nothing
    assert found["elsewhere"]["holding"] == "not measurable here" and "kylinx" in found["elsewhere"]["why"]
    if done.returncode == 1:
        assert found["never"]["holding"] == "fails"
    assert found["same"]["value"] > 0
