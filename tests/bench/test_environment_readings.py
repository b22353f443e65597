"""Readings around a cell: what they notice, and what they cost."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.environment import Reading, between, observe_cell, take

SPIN = "import time; e = time.process_time() + 0.4\nwhile time.process_time() < e: pass"

QUIET = Reading(
    time_s=100.0,
    cpus=2,
    user_s=50.0,
    system_s=20.0,
    irq_s=1.0,
    softirq_s=2.0,
    steal_s=3.0,
    context_switches=1000,
    load_1min=0.5,
    memory_available_bytes=2**30,
    swap_in_pages=7,
    ours_s=10.0,
    pressure_avg10={"cpu": 1.5},
    pressure_s={"cpu": 40.0},
)


def later(seconds: float, **changes: float) -> Reading:
    moved = {name: getattr(QUIET, name) + change for name, change in changes.items()}
    return replace(QUIET, time_s=QUIET.time_s + seconds, **moved)


def test_deltas_are_shares_of_all_cpu_time() -> None:
    after = later(
        10, user_s=6, system_s=2, irq_s=0.5, softirq_s=1.5, steal_s=1, ours_s=3, context_switches=500
    )
    figures = between(QUIET, after)
    assert figures["wall_s"] == 10
    assert figures["busy_share"] == 0.5
    assert figures["steal_share"] == 0.05
    assert figures["irq_share"] == 0.025
    assert figures["softirq_share"] == 0.075
    assert figures["ours_share"] == 0.15
    assert figures["interference_share"] == 0.25  # (6 + 2 - 3) s of 2 CPUs for 10 s
    assert figures["context_switches_per_s"] == 50
    assert figures["load_1min_before"] == 0.5
    assert figures["pressure_cpu_avg10_before"] == 1.5
    assert "pressure_io_share" not in figures


def test_shares_stay_within_0_and_1_and_a_cell_of_no_time_is_finite() -> None:
    assert between(QUIET, later(0.001, user_s=5, ours_s=9))["interference_share"] == 0
    assert between(QUIET, later(0.001, user_s=5))["interference_share"] == 1
    assert between(QUIET, later(1, steal_s=-2))["steal_share"] == 0  # steal does go back on some hypervisors
    assert all(math.isfinite(value) for value in between(QUIET, QUIET).values())


def test_a_cell_is_observed_whatever_way_it_ends() -> None:
    with pytest.raises(RuntimeError), observe_cell() as figures:
        assert figures == {}
        raise RuntimeError
    assert figures["wall_s"] >= 0
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert all(type(value) is float for value in figures.values())


def test_our_own_work_is_ours() -> None:
    with observe_cell() as figures:
        end = time.process_time() + 0.4
        while time.process_time() < end:
            pass
        subprocess.run([sys.executable, "-c", SPIN], check=True, timeout=60)
    used = figures["ours_share"] * figures["wall_s"] * figures["cpus"]
    assert 0.75 < used < 2  # 0.4 s here, 0.4 s and the interpreter's start in the child


def test_work_of_others_is_interference_and_that_in_our_cgroup_is_not(cgroup: Path) -> None:
    """The same busy child outside the cgroup and inside it; other work on the machine only adds."""

    def spin(inside: bool) -> dict[str, float]:
        with observe_cell(cgroup) as figures:
            child = subprocess.Popen([sys.executable, "-c", "input();" + SPIN], stdin=subprocess.PIPE)
            if inside:
                (cgroup / "cgroup.procs").write_text(str(child.pid))
            child.communicate(b"\n", timeout=60)
        return figures

    outside, inside = spin(inside=False), spin(inside=True)

    def seconds(figures: dict[str, float], key: str) -> float:
        return figures[key] * figures["wall_s"] * figures["cpus"]

    assert seconds(outside, "ours_share") < 0.2
    # of a tick that was stolen in part the kernel tells the steal alone, though the child ran in the rest
    assert seconds(outside, "interference_share") + seconds(outside, "steal_share") > 0.3
    assert seconds(inside, "ours_share") > 0.35


def test_a_cgroup_that_is_gone_is_survived(tmp_path: Path) -> None:
    assert take(tmp_path / "gone").ours_s > 0


def test_counters_do_not_run_backwards_and_memory_is_plausible() -> None:
    first, second = take(), take()
    assert second.time_s > first.time_s
    assert second.context_switches >= first.context_switches
    assert second.user_s >= first.user_s
    assert 0 < first.memory_available_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert first.cpus == os.cpu_count()


def test_a_reading_is_cheap_beside_what_it_watches() -> None:
    """Median of 50, against starting the smallest program there is: a cell starts many."""

    def seconds(what: Callable[[], object]) -> float:
        began = time.perf_counter()
        what()
        return time.perf_counter() - began

    # by turns, so that a slow moment of the machine meets both
    pairs = [
        (seconds(take), seconds(lambda: subprocess.run(["true"], check=True, timeout=60))) for _ in range(50)
    ]
    reading, start = (sorted(times)[25] for times in zip(*pairs, strict=True))
    assert reading < start
