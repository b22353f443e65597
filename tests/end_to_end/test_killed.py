"""Whatever is killed, whenever: no finished cell is lost, nothing stays, and resume finishes the run."""

import contextlib
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import pytest

from targets.kylinx import host
from tests.end_to_end.suite import Suite, find_process, leftover_cgroups, namespaces, until

FAST = 'kind = "null"\nparams = { budget_ms = 20 }'
FORK = 'kind = "fork"\nparams = { dirty_mib = 1 }'
REDIS = 'kind = "redis"\nparams = { duration_s = 5.0 }'


def cells_of(suite: Suite) -> dict[int, str]:
    return {c["index"]: c["outcome"] for c in suite.json("show", "latest", "--cells")}


def has_cells(suite: Suite, least: int) -> bool:
    """The newest run has. The store is there before the run is, which has to be prepared first."""
    done = suite("show", "latest", "--cells", "--json")
    assert done.returncode == 0 or "holds no run" in " ".join(done.stderr.split()), done.stderr
    return done.returncode == 0 and len(json.loads(done.stdout)) >= least


def assert_nothing_left(run: str) -> None:
    assert not [name for name in namespaces() if run in name]
    assert not [path for path in leftover_cgroups() if run in path.name]
    assert not list(Path(tempfile.gettempdir()).glob(f"kxb-{run}-*"))


def monitors() -> list[int]:
    """The suite's monitors of pVMs: in its control groups, but in network namespaces of their own."""
    with contextlib.suppress(OSError):  # a cell may end as we look
        files = [file for group in leftover_cgroups() for file in group.rglob("cgroup.procs")]
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        return [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text() == "monitor.elf\n"]
    return []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_then_resumed(suite: Suite, number: signal.Signals) -> None:
    running = suite.start("run", str(suite.plan(FAST, FORK, blocks=40)))
    until(lambda: suite.store.exists() and has_cells(suite, 3))
    running.send_signal(number)
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 128 + number, output
    (run,) = suite.json("list", "runs")
    assert run["state"] == "interrupted"
    assert_nothing_left(run["run"])
    before = cells_of(suite)
    assert 3 <= len(before) < 80
    done = suite("resume", run["run"])
    assert done.returncode == 0, done.stderr
    after = cells_of(suite)
    assert len(after) == 80
    assert suite.json("list", "runs")[0]["state"] == "finished"


@pytest.mark.parametrize("seed", range(3))
def test_the_suite_killed_at_any_moment(suite: Suite, seed: int) -> None:
    running = suite.start("run", str(suite.plan(FORK, REDIS, FAST, blocks=20)))
    until(lambda: suite.store.exists() and has_cells(suite, 1))
    time.sleep(random.Random(seed).uniform(0, 2))
    running.kill()
    running.communicate(timeout=120)
    (run,) = suite.json("list", "runs")
    before = cells_of(suite)
    assert before
    done = suite("clean")
    assert done.returncode == 0, done.stderr
    assert_nothing_left(run["run"])
    assert cells_of(suite) == before
    assert suite.json("list", "runs")[0]["state"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_pvms_end_with_the_suite(suite: Suite, number: signal.Signals) -> None:
    """Ctrl-C as a terminal sends it: to the suite and to all that it started, at once."""
    if why := host.missing():
        pytest.skip(why)
    long = 'kind = "pipe"\nparams = { mode = "blocked", budget_ms = 3000 }'
    running = suite.start("run", str(suite.plan(long, blocks=9)), "--target", "kylinx", apart=True)
    until(monitors)
    found = monitors()
    os.killpg(running.pid, number)
    output, _ = running.communicate(timeout=120)
    assert running.returncode == (-number if number == signal.SIGKILL else 128 + number), output
    assert "Traceback" not in output
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in found))
    (run,) = suite.json("list", "runs")
    if number == signal.SIGKILL:
        assert suite("clean").returncode == 0
    assert run["state"] == "interrupted"
    assert_nothing_left(run["run"])
    assert not Path(f"/run/kxbench/{run['run']}.lock").exists()


@pytest.mark.parametrize("victim", ["redis-server", "openloop"])
def test_a_killed_server_or_generator_fails_its_cell_and_the_run_goes_on(suite: Suite, victim: str) -> None:
    running = suite.start("run", str(suite.plan(FAST, REDIS, blocks=1)))
    until(lambda: find_process("openloop"))
    pid = find_process(victim)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 5, output
    cells = suite.json("show", "latest", "--cells")
    redis = next(c for c in cells if c["kind"] == "redis")
    assert redis["outcome"] == "failed"
    assert "SIGKILL" in redis["reason"] or "signal 9" in redis["reason"]
    assert next(c for c in cells if c["kind"] == "null")["outcome"] in ("ok", "noisy")


def test_a_run_whose_budget_is_spent_stops_after_a_block_and_goes_on_when_told(suite: Suite) -> None:
    plan = suite.plan(FAST, FORK, blocks=30, more="budget_s = 1.5")
    done = suite("run", str(plan))
    assert done.returncode == 0, done.stderr
    assert "budget" in done.stderr
    assert "kxbench resume" in done.stdout
    before = cells_of(suite)
    assert 2 <= len(before) < 60
    assert len(before) % 2 == 0  # whole blocks
    suite("resume")
    assert len(cells_of(suite)) > len(before)
