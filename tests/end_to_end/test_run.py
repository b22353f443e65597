"""The main job, for real: a run from the command line to its report."""

import csv
import json
from pathlib import Path

import pytest

from tests.end_to_end.suite import Suite, leftover_cgroups, namespaces

CASES = (
    'kind = "null"',
    'kind = "fork"\nparams = { dirty_mib = 1 }\nprobes = ["fork"]',
    'kind = "pipe"',
    'kind = "redis"\nparams = { duration_s = 0.3 }\nprobes = ["wire"]',
    'kind = "dns"\nparams = { duration_s = 0.3, native_s = 1.5 }',
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """One run of a small plan that the tests of this file look at."""
    import os

    if os.geteuid() != 0:
        pytest.skip("measuring needs root")
    suite = Suite(tmp_path_factory.mktemp("measured"))
    done = suite("run", str(suite.plan(*CASES, blocks=2)))
    assert done.returncode == 0, done.stdout + done.stderr
    return suite


def test_every_cell_is_kept_and_none_failed(measured: Suite) -> None:
    cells = measured.json("show", "latest", "--cells")
    assert len(cells) == 2 * (len(CASES) + 2)
    assert {c["outcome"] for c in cells} <= {"ok", "noisy"}
    assert [c["index"] for c in cells] == list(range(len(cells)))


def test_figures_come_from_program_probe_generator_and_native_tool(measured: Suite) -> None:
    rows = measured.json("show", "latest", "--all")
    sources = {(row["kind"], row["source"]) for row in rows}
    assert {("fork", "program"), ("fork", "probe"), ("redis", "generator"), ("redis", "native")} <= sources
    assert ("redis", "probe") in sources
    fork = [r for r in rows if r["kind"] == "fork" and r["metric"] == "parent" and r["source"] == "program"]
    assert fork
    assert all(row["estimate"] > 0 and row["unit"] == "ns" for row in fork)


def test_the_report_is_one_file_that_names_the_run(measured: Suite, tmp_path: Path) -> None:
    done = measured("report", "latest", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    run = measured.json("list", "runs")[0]["run"]
    html = (tmp_path / "report.html").read_text()
    assert run in html
    assert run in (tmp_path / "report.md").read_text()
    assert 'src="http' not in html


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_exports_hold_the_samples(measured: Suite, tmp_path: Path, kind: str) -> None:
    out = tmp_path / ("run.json" if kind == "json" else "run")
    done = measured("export", "latest", "--format", kind, "--out", str(out))
    assert done.returncode == 0, done.stderr
    if kind == "json":
        assert json.loads(out.read_text())
    elif kind == "csv":
        with next(out.glob("*ample*.csv")).open(newline="") as file:
            assert len(list(csv.reader(file))) > 100
    else:
        assert list(out.rglob("*.parquet"))


def test_a_run_taken_in_elsewhere_says_the_same(measured: Suite, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    assert measured("export", "latest", "--out", str(out)).returncode == 0
    other = Suite(tmp_path)
    taken = other("import", str(out))
    assert taken.returncode == 0, taken.stderr
    assert other.json("show", "latest", "--all") == measured.json("show", "latest", "--all")
    assert other("import", str(out)).returncode != 0
    assert other("report", "latest").returncode == 0
    assert other("export", "latest").returncode == 0
    assert other("delete", taken.stdout.strip(), "--yes").returncode == 0
    assert other.json("list", "runs") == []
    assert list((tmp_path / "reports").iterdir()) == list((tmp_path / "samples").iterdir()) == []
    assert len(list((tmp_path / "exports").iterdir())) == 1


def test_a_case_says_what_it_takes(measured: Suite) -> None:
    rows = {row["parameter"]: row for row in measured.json("list", "fork")}
    assert rows["pages"]["may be"] == "default | huge | none"
    assert all(row["meaning"] for row in rows.values())


def test_nothing_is_resumed_where_nothing_is_unfinished(measured: Suite) -> None:
    done = measured("resume")
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr


def test_a_run_compared_with_itself_differs_in_nothing(measured: Suite) -> None:
    rows = measured.json("compare", "latest", "latest", "--all")
    assert rows
    assert not [row for row in rows if row["significant"]]
    assert all(row["ratio"] == pytest.approx(1) for row in rows)


def test_the_tables_are_printed_without_a_terminal(measured: Suite) -> None:
    done = measured("show", "latest")
    assert done.returncode == 0
    assert "fork" in done.stdout
    assert "\x1b" not in done.stdout


def test_nothing_is_left(measured: Suite) -> None:
    run = measured.json("list", "runs")[0]["run"]
    assert not [name for name in namespaces() if run in name]
    assert not [path for path in leftover_cgroups() if run in path.name]
    assert not Path(f"/run/kxbench/{run}.lock").exists()
