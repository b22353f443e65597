"""Processes beside the micro kernel: instruction counts beside nanoseconds, without a ratio, in every output.
A stand-in guest prints what the kernel's own program would."""

import os
from pathlib import Path

import pytest

from targets.microkernel import host
from tests.end_to_end.suite import Suite
from tests.targets.microkernel.stand_in import assemble, printed


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    if os.geteuid() != 0:
        pytest.skip("measuring needs root")
    if why := host.missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("measured")
    assemble(folder, printed(group="syscall", iterations=3, interval_ms=100))
    suite = Suite(folder)
    plan = suite.plan('kind = "kernel"\nparams = { iterations = 3 }', blocks=3)
    plan.write_text(plan.read_text().replace('["process"]', '["process", "microkernel"]'))
    done = suite("run", str(plan), KXBENCH_MICROKERNEL_BUILD=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return suite


def test_every_cell_is_ok(measured: Suite) -> None:
    cells = measured.json("show", "latest", "--cells")
    assert len(cells) == 6
    assert {cell["outcome"] for cell in cells if cell["target"] == "microkernel"} == {"ok"}
    assert {cell["outcome"] for cell in cells} <= {"ok", "noisy"}


def test_figures_have_their_units_and_clocks(measured: Suite) -> None:
    rows = measured.json("show", "latest")
    told = {row["target"]: row for row in rows if row["metric"] == "null_call"}
    units = {target: (row["unit"], row["clock"]) for target, row in told.items()}
    assert units == {"process": ("ns", "monotonic"), "microkernel": ("instructions", "icount")}
    counted = told["microkernel"]
    assert (counted["low"], counted["estimate"], counted["high"]) == (70, 70, 70)


def test_they_are_compared_side_by_side_without_a_ratio(measured: Suite) -> None:
    (row,) = measured.json("compare", "latest")
    assert (row["clock_a"], row["clock_b"], row["ratio"]) == ("monotonic", "icount", None)
    shown = measured("compare", "latest")
    assert "70 instr." in shown.stdout
    assert "a: process, b: microkernel" in shown.stdout
    assert "no ratio" in shown.stdout


def test_the_report_and_the_export_say_so_too(measured: Suite, tmp_path: Path) -> None:
    assert measured("report", "latest", "--out", str(tmp_path)).returncode == 0
    (line,) = [
        line
        for line in (tmp_path / "report.md").read_text().splitlines()
        if line.startswith("| ") and "instructions counted" in line
    ]
    assert " ns (" in line and "70 instr." in line and "different clocks" in line
    page = (tmp_path / "report.html").read_text()
    assert "instructions counted" in page
    assert measured("export", "latest", "--out", str(tmp_path / "run.json")).returncode == 0
    assert '"unit":"instructions","clock":"icount"' in (tmp_path / "run.json").read_text()
